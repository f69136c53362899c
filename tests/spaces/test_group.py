"""Groups: images, their numbers, and a group of one's own in `explore`."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import landscape_dist as ld
from landscape_dist.spaces.coordinate_groups import PermutationGroup, SignFlipGroup
from landscape_dist.spaces.flat import Euclidean
from landscape_dist.spaces.group import FiniteMaps, Group
from landscape_dist.spaces.judgement import SameOrbit
from landscape_dist.spaces.kinds import GROUPS, judgement_of
from landscape_dist.spaces.signed_permutations import SignedPermutations
from landscape_dist.spaces.space import Space
from landscape_dist.spaces.symmetry import Permutations, SignFlips, UpTo
from landscape_dist.spaces.translations import Translations

Points = np.ndarray
ATOL = 1e-6


class QuarterTurns(Group):
    """Turns of the plane by 90 degrees."""

    kind = "quarter_turns"

    def align(self, X: Points, Y: Points, space: Space) -> Points:
        images = np.stack([Y, np.stack([-Y[:, 1], Y[:, 0]], axis=1)])
        images = np.concatenate([images, -images])
        nearest = np.argmin([space.distance(X, image) for image in images], axis=0)
        return np.asarray(images[nearest, np.arange(len(Y))])

    def fingerprint(self, X: Points, space: Space) -> Points:
        return np.linalg.norm(X, axis=1, keepdims=True)

    def orbit_size(self, X: Points, space: Space, atol: float) -> Any:
        return np.where(np.linalg.norm(X, axis=1) <= atol, 1, 4)

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}


def test_a_group_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(GROUPS, "quarter_turns", QuarterTurns)
    problem = ld.problems.symbolic("(x1**2 - 1)**2 + (x2**2 - 1)**2", 2, check=False, euler_characteristic=1)
    same = SameOrbit(1e-4, group=QuarterTurns())
    landscape = ld.explore(problem, [0.1, 0.2], 2, same=same, store=tmp_path / "a.zarr")
    assert landscape.counts_by_index == {0: 1, 1: 1, 2: 1}
    opened = ld.open(tmp_path / "a.zarr")
    assert judgement_of(opened.header).as_dict() == same.as_dict()
    audit = opened.audit()
    assert audit.morse.counts == (4, 4, 1)
    assert audit.contradictions == ()
    assert audit.morse.sum_verdict == "consistent"


def brute(X: Points, images: list[Any]) -> list[int]:
    """Numbers of different points among images, counted one by one."""
    return [len({tuple(np.round(image(x), 3) + 0.0) for image in images}) for x in X]


def test_orbits_are_counted() -> None:
    X = np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 3.0], [2.0, 2.0, 2.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    orders = [lambda x, p=p: x[list(p)] for p in permutations(range(3))]
    assert Permutations([[0, 1, 2]], ATOL).orbit_size(X).tolist() == brute(X, orders) == [6, 3, 1, 3, 1]
    assert SignFlips(ATOL).orbit_size(X).tolist() == [2, 2, 2, 2, 1]
    signs = [lambda x, s=s: x * np.array([s[0], s[0], s[1]]) for s in product((1, -1), repeat=2)]
    assert SignFlips(ATOL, [[0, 1], [2]]).orbit_size(X).tolist() == brute(X, signs) == [4, 4, 4, 2, 1]
    both = [lambda x, p=p, s=s: x[list(p)] * s for p in permutations(range(3)) for s in (1, -1)]
    cube = SignedPermutations(ATOL, sign_flips=[[0, 1, 2]], permutations=[[0, 1, 2]])
    assert cube.orbit_size(X).tolist() == brute(X, both) == [12, 6, 2, 6, 1]
    blocks = np.array([[1.0, 2.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 2.0, 1.0, 3.0, 4.0]])
    assert Permutations([[(0, 1), (2, 3), (4, 5)]], ATOL).orbit_size(blocks).tolist() == [3, 6]
    many = np.arange(30.0)[None]
    assert Permutations([list(range(30))], ATOL).orbit_size(many).tolist() == [265252859812191058636308480000000]


def test_orbits_that_cannot_be_told() -> None:
    X = np.array([[1.0, 2.0]])
    assert Translations((2,), 1e-3).orbit_size(X) is None
    assert UpTo(SignFlips(ATOL), {"swap": lambda X: X[:, ::-1]}).orbit_size(X) is None
    turned = UpTo(ld.PeriodicCoordinates(1.0, ATOL), {"swap": lambda X: X[:, ::-1]})
    assert turned.orbit_size(np.array([[1.0, 2.5], [1.0, 2.0]])).tolist() == [2, 1]  # modulo the period they are equal
    # With the identity named, what is listed is no group.
    listed = {"same": np.copy, "swap": lambda X: X[:, ::-1]}
    assert UpTo(ld.PeriodicCoordinates(1.0, ATOL), listed).orbit_size(np.array([[1.5, 0.2]])) is None


class Mirror(FiniteMaps):
    """x and -x."""

    kind = "mirror"

    def __init__(self) -> None:
        super().__init__([np.negative])

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}


ALIGNED = {
    "all signs": SignFlipGroup(),
    "signs": SignFlipGroup([[0, 1], [3]]),
    "coordinates": PermutationGroup([[0, 2, 3], [1, 4]]),
    "blocks": PermutationGroup([[(0, 1), (2, 3), (4, 5)]]),
    "maps": Mirror(),
    "turns": QuarterTurns(),
}


@pytest.mark.parametrize("name", ALIGNED)
def test_the_nearest_image_is_as_near_as_is_said(name: str) -> None:
    group, dim = ALIGNED[name], 2 if name == "turns" else 6
    space = Euclidean(dim)
    X, Y = np.random.default_rng(3).uniform(-1, 1, (2, 20, dim))
    image = group.align(X, Y, space)
    assert space.squared_distance(X, image) == pytest.approx(group.squared_distance(X, Y, space))
    assert (space.distance(X, image) <= space.distance(X, Y) + 1e-12).all()
    assert group.fingerprint(image, space) == pytest.approx(group.fingerprint(Y, space))
    assert group.squared_distance(image, Y, space) == pytest.approx(0.0, abs=1e-20)
    sizes = group.orbit_size(Y, space, ATOL)
    assert sizes is not None
    assert (np.asarray(sizes) >= 2).all()
