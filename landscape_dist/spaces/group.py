"""Group: symmetries of a space, and what they make of its points."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from landscape_dist.records import FloatArray
from landscape_dist.spaces.space import Space

Map = Callable[[FloatArray], FloatArray]


class Group(abc.ABC):
    """A finite group of maps of a space onto itself that keep distances.

    A subclass says which image is the nearest, gives numbers that no map changes, and counts images; `SameOrbit` makes
    a judgement of it.

    Attributes:
        kind: its name in stores, see `GROUPS` in `landscape_dist.spaces.kinds`.
    """

    kind: ClassVar[str]

    @abc.abstractmethod
    def align(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        """(n, d), (n, d) -> (n, d): for each row the image of Y that is the nearest to X."""

    @abc.abstractmethod
    def fingerprint(self, X: FloatArray, space: Space) -> FloatArray:
        """(n, d) -> (n, f) numbers that are equal for all images of a point and differ by no more than points do."""

    @abc.abstractmethod
    def orbit_size(self, X: FloatArray, space: Space, atol: float) -> NDArray[Any] | None:
        """(n, d) -> (n,) whole numbers of images that are further apart than `atol`; None where they cannot be told."""

    @abc.abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form: `kind`, and the arguments of the constructor."""

    def squared_distance(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        """(n,) least squares of the distances between X and the images of Y."""
        return np.asarray(space.squared_distance(X, self.align(X, Y, space)))

    def check(self, dim: int) -> None:  # noqa: B027, some fit every dimension
        """Raise `SettingsError` if this group does not act on `dim` variables."""


class FiniteMaps(Group):
    """A group given by its maps, each tried in turn.

    A subclass gives it a `kind` and an `as_dict`.

    Args:
        maps: (n, d) -> (n, d) each; with the identity, which is left out, they are the whole group, each once.
    """

    def __init__(self, maps: list[Map]) -> None:
        self.maps = maps

    def align(self, X: FloatArray, Y: FloatArray, space: Space) -> FloatArray:
        nearest, least = Y, np.asarray(space.squared_distance(X, Y))
        for transform in self.maps:
            image = transform(Y)
            squares = np.asarray(space.squared_distance(X, image))
            nearest = np.where((squares < least)[:, None], image, nearest)
            least = np.minimum(least, squares)
        return nearest

    def fingerprint(self, X: FloatArray, space: Space) -> FloatArray:
        # The largest over the images, column by column: no map of the group changes it.
        largest = space.fingerprint(X)
        for transform in self.maps:
            largest = np.maximum(largest, space.fingerprint(transform(X)))
        return largest

    def orbit_size(self, X: FloatArray, space: Space, atol: float) -> NDArray[Any] | None:
        return orbits_by_fixing(self.maps, X, lambda A, B: space.squared_distance(A, B) <= atol**2)


def orbits_by_fixing(maps: list[Map], X: FloatArray, same: Callable[[Any, Any], Any]) -> NDArray[Any] | None:
    """(n,) sizes of orbits: the order of the group by the number of maps that leave a point where it is.

    Args:
        maps: the group without the identity. same: (n, d), (n, d) -> (n,) which points are the same.

    Returns:
        None where these numbers show that the maps are no group.
    """
    fixing = np.ones(len(X), dtype=np.int64)
    for transform in maps:
        fixing += np.asarray(same(transform(X), X))
    order = len(maps) + 1
    return None if (order % fixing).any() else order // fixing
