"""New arrays on the problem's device, whatever torch's default is."""

from __future__ import annotations

import numpy as np
import pytest

from landscape_dist.problems.torch_namespace import DeviceNamespace

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("zeros", ((2, 3),)),
        ("ones", (4,)),
        ("eye", (3,)),
        ("arange", (1, 5)),
        ("full", ((2,), 7.0)),
        ("empty", (2,)),
        ("linspace", (0.0, 1.0, 5)),
        ("asarray", (np.ones((2, 2)),)),
        ("asarray", ([1.0, 2.0],)),
    ],
)
def test_new_arrays(name: str, arguments: tuple[object, ...]) -> None:
    there = DeviceNamespace(torch.device("meta"))
    made = getattr(there, name)(*arguments)
    assert made.device.type == "meta"
    assert getattr(there, name)(*arguments, device="cpu").device.type == "cpu"
    same = getattr(DeviceNamespace(torch.device("cpu")), name)(*arguments)
    assert (made.shape, made.dtype) == (same.shape, same.dtype)


def test_tensors_stay_where_they_are() -> None:
    tensor = torch.ones(2)
    assert DeviceNamespace(torch.device("meta")).asarray(tensor).device.type == "cpu"
    copy = DeviceNamespace(torch.device("cpu")).asarray(tensor, copy=True)
    copy[0] = 5.0
    assert tensor[0] == 1.0


def test_read_only_arrays_are_copied() -> None:
    array = np.ones(3)
    array.flags.writeable = False
    tensor = DeviceNamespace(torch.device("cpu")).asarray(array)
    tensor[0] = 2.0
    assert array[0] == 1.0


def test_the_rest_is_the_array_namespace() -> None:
    xp = DeviceNamespace(torch.device("cpu"))
    assert xp.sum(xp.ones((2, 3)), axis=-1).tolist() == [3.0, 3.0]
    assert xp.linalg.vector_norm(xp.ones(4)) == 2.0
    assert xp.bool is torch.bool
    with pytest.raises(AttributeError):
        xp.no_such_function  # noqa: B018
