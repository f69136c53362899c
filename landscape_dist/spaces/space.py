"""Space: where points live, in the words of Riemannian geometry, for batches of points."""

from __future__ import annotations

import abc
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.records import FloatArray

# One projection would put a hundred of 1e5 points into a cell; with three, cells hold equal points and few others.
N_PROJECTIONS = 3


class Space(abc.ABC):
    """A space of points with d coordinates, seen as a surface in R^d or as R^d itself.

    `X` and `Y` are (n, d) points, `V` (n, d) tangent vectors, row by row, in the array namespace of the arguments;
    `projection` and `transport` take (n, d, k) as well.  Lengths are in the coordinates' unit.  Every difference of two
    points is a `log`.

    A surface needs `retract`, `log`, `normal` and `hessian_product`; the rest follows with the metric of R^d.

    Attributes:
        kind: its name in stores, see `SPACES` in `landscape_dist.spaces.kinds`.
        dim: its dimension, which is the largest Morse index.
        n_variables: number of coordinates d.
        flat: whether tangent vectors are differences of coordinates and a step is a sum.
        betti: (b_0, ..., b_dim) of the space: what the sublevel sets of an energy come to that grows wherever the
            space is not compact; None where unknown.
        compact: whether every energy on it is bounded, so that nothing need be said about growth.
        n_images: how many images of one point a search can be aimed at, see `image`.
    """

    kind: ClassVar[str]
    dim: int
    n_variables: int
    flat: bool = False
    betti: tuple[int, ...] | None = None
    compact: bool = False
    n_images: int = 1

    # -- what a space says of itself --------------------------------------------------------------------------------
    @abc.abstractmethod
    def retract(self, X: Any, V: Any) -> Any:
        """The points reached from X by the steps V."""

    @abc.abstractmethod
    def log(self, X: Any, Y: Any) -> Any:
        """Tangent vectors at X that lead to Y, to its nearest image where it has several."""

    @abc.abstractmethod
    def normal(self, X: Any) -> Any:
        """(n, d, m) orthonormal vectors normal to the space at X; m = d - dim."""

    @abc.abstractmethod
    def hessian_product(self, X: Any, g: Any, V: Any, HV: Any) -> Any:
        """(n, d, k) Riemannian Hessians times tangent vectors V (n, d, k), from gradients g (n, d) of the energy in R^d
        and its Hessians times the same vectors."""

    @abc.abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form: `kind`, and the arguments of the constructor."""

    # -- what follows -----------------------------------------------------------------------------------------------
    def projection(self, X: Any, V: Any) -> Any:
        """The tangent part of vectors V (n, d)."""
        N = self.normal(X)
        if V.ndim == 3:
            return V - N @ (N.mT @ V)
        return V - (N @ (N.mT @ V[..., None]))[..., 0]

    def gradient(self, X: Any, g: Any) -> Any:
        """Riemannian gradients from gradients g (n, d) of the energy in R^d."""
        return self.projection(X, g)

    def hessian(self, X: Any, g: Any, H: Any) -> Any:
        """(n, d, d) symmetric Riemannian Hessians, zero along normals, from gradients g (n, d) and Hessians H
        (n, d, d) of the energy in R^d."""
        P = self.projection(X, identity_like(H))
        H = self.hessian_product(X, g, P, H @ P)
        return 0.5 * (H + H.mT)

    def transport(self, X: Any, Y: Any, V: Any) -> Any:
        """Tangent vectors V at X, taken along to Y."""
        return self.projection(Y, V)

    def norm(self, X: Any, V: Any) -> Any:
        """(n,) lengths of tangent vectors."""
        return (V * V).sum(axis=-1) ** 0.5

    def squared_distance(self, X: Any, Y: Any) -> Any:
        """(n,) squares of the distances, to the nearest image where there are several."""
        return (self.log(X, Y) ** 2).sum(axis=-1)

    def distance(self, X: Any, Y: Any) -> Any:
        """(n,) distances, to the nearest image where there are several."""
        return self.squared_distance(X, Y) ** 0.5

    def image(self, X: Any, Y: Any, rank: Any) -> Any:
        """The images of Y that are the nearest to X (`rank` 0), the next ones (1), ...; rank is (n,), below `n_images`.

        What they are, and in which order, depends neither on which image of X is given nor on which of Y.
        """
        return Y

    def towards(self, X: Any, Y: Any) -> Any:
        """Tangent vectors at X that lead to Y, to no other image of it."""
        return self.log(X, Y)

    def fingerprint(self, X: FloatArray) -> FloatArray:
        """(n, d) -> (n, f) numbers that are equal for images of a point and differ by no more than points do."""
        return np.asarray(X @ projections(self.n_variables))

    def lengths(self, X: FloatArray) -> FloatArray:
        """(n, d) typical lengths of the coordinates around each point, the same for all its images."""
        return np.abs(X)

    @property
    def euler_characteristic(self) -> int | None:
        """Alternating sum of the Betti numbers; None where these are unknown."""
        return None if self.betti is None else sum((-1) ** k * b for k, b in enumerate(self.betti))

    def check(self, n_variables: int) -> None:
        """Raise `SettingsError` if this space is not one of so many coordinates."""
        if n_variables != self.n_variables:
            raise SettingsError(
                f"space {self.kind!r} has {self.n_variables} coordinates for {n_variables} variables; give one of "
                f"{n_variables}"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.as_dict().items() if k != 'kind')})"


def identity_like(H: Any) -> Any:
    """(n, d, d) unit matrices in the namespace and on the device of matrices H (n, d, d)."""
    if isinstance(H, np.ndarray):
        return np.broadcast_to(np.eye(H.shape[-1], dtype=H.dtype), H.shape)
    from array_api_compat import array_namespace, device

    xp = array_namespace(H)
    return xp.broadcast_to(xp.eye(H.shape[-1], dtype=H.dtype, device=device(H)), H.shape)


@lru_cache(maxsize=64)
def projections(n: int) -> FloatArray:
    """(n, N_PROJECTIONS) fixed unit vectors without symmetry, so that mirror images do not share a fingerprint."""
    directions = np.random.default_rng(20_11).standard_normal((n, N_PROJECTIONS))
    return np.asarray(directions / np.linalg.norm(directions, axis=0))


@lru_cache(maxsize=64)
def fixed_direction(n: int) -> FloatArray:
    """(n,) unit vector without symmetry, always the same."""
    direction = np.random.default_rng(20_11).standard_normal(n)
    return np.asarray(direction / np.linalg.norm(direction))
