"""Systems of two and three variables: Müller-Brown, butterfly, quadratic minus arctan."""

from __future__ import annotations

import numpy as np

from landscape_dist.problems.domain import Box, Domain
from landscape_dist.problems.systems.named import NamedSystem, real_number, register
from landscape_dist.records import FloatArray

# Columns, one row a term, so that n points make (4, n) contiguous arrays.
_A = np.array([[-200.0], [-100.0], [-170.0], [15.0]])
_ALPHA = np.array([[-1.0], [-1.0], [-6.5], [0.7]])
_BETA = np.array([[0.0], [0.0], [11.0], [0.6]])
_GAMMA = np.array([[-10.0], [-10.0], [-6.5], [0.7]])
_X0 = np.array([[1.0], [0.0], [-0.5], [-1.0]])
_Y0 = np.array([[0.0], [0.5], [1.5], [1.0]])
_A5, _ALPHA5, _GAMMA5, _X5, _Y5 = 500.0, -0.1, -0.1, -0.5582, 1.4417


class _MullerBrown(NamedSystem):
    """Far outside its domain the last Gaussian overflows; that shows as non-finite values, not as warnings."""

    def __init__(self, name: str, modified: bool, box: Box, domain: Domain | None) -> None:
        super().__init__(
            name,
            2,
            {},
            domain=domain,
            default_domain=box,
            euler_characteristic=1,  # the fourth term grows without bound in every direction
            start=np.array([0.15, 0.25]),
            max_index=2,
        )
        self._modified = modified

    def formulas_of_equations(self) -> list[str]:
        A, a, b, c, x0, y0 = (v.ravel().tolist() for v in (_A, _ALPHA, _BETA, _GAMMA, _X0, _Y0))
        terms = [
            f"{A[k]}*exp({a[k]}*(x1 - {x0[k]})^2 + {b[k]}*(x1 - {x0[k]})*(x2 - {y0[k]}) + {c[k]}*(x2 - {y0[k]})^2)"
            for k in range(4)
        ]
        if self._modified:
            terms.append(f"{_A5}*sin(x1*x2)*exp({_ALPHA5}*(x1 - {_X5})^2 + {_GAMMA5}*(x2 - {_Y5})^2)")
        return [" + ".join(terms)]

    def _terms(self, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        dx = X[:, 0] - _X0
        dy = X[:, 1] - _Y0
        u = _ALPHA * dx
        v = _GAMMA * dy
        p = _BETA * dx
        e = dx * u
        e += dy * v
        e += p * dy
        np.exp(e, out=e)
        e *= _A
        u *= 2.0
        u += _BETA * dy  # d(exponent)/dx
        v *= 2.0
        v += p  # d(exponent)/dy
        return e, u, v

    def _energy(self, X: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", invalid="ignore"):
            E = self._terms(X)[0].sum(axis=0)
            if self._modified:
                x, y, envelope = _envelope(X)
                E += envelope * np.sin(x * y)
        return E

    def _gradient(self, X: FloatArray) -> FloatArray:
        g = np.empty(X.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            e, u, v = self._terms(X)
            g[:, 0] = np.einsum("ij,ij->j", e, u)
            g[:, 1] = np.einsum("ij,ij->j", e, v)
            if self._modified:
                _add_ripple(X, g, None)
        return g

    def _hessian(self, X: FloatArray) -> FloatArray:
        return self._gradient_hessian(X)[1]

    def _gradient_hessian(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        n = len(X)
        g = np.empty((n, 2))
        H = np.empty((n, 2, 2))
        with np.errstate(over="ignore", invalid="ignore"):
            e, u, v = self._terms(X)
            eu = e * u
            ev = e * v
            g[:, 0] = eu.sum(axis=0)
            g[:, 1] = ev.sum(axis=0)
            H[:, 0, 0] = (eu * u + e * (2.0 * _ALPHA)).sum(axis=0)
            H[:, 1, 1] = (ev * v + e * (2.0 * _GAMMA)).sum(axis=0)
            H[:, 0, 1] = (eu * v + e * _BETA).sum(axis=0)
            if self._modified:
                _add_ripple(X, g, H)
            H[:, 1, 0] = H[:, 0, 1]
        return g, H


def _envelope(X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    x = np.ascontiguousarray(X[:, 0])
    y = np.ascontiguousarray(X[:, 1])
    return x, y, _A5 * np.exp(_ALPHA5 * (x - _X5) ** 2 + _GAMMA5 * (y - _Y5) ** 2)


def _add_ripple(X: FloatArray, g: FloatArray, H: FloatArray | None) -> None:
    """Add the derivatives of A5 sin(x y) exp(...), the upper triangle of the Hessian only."""
    x, y, envelope = _envelope(X)
    p = 2.0 * _ALPHA5 * (x - _X5)
    q = 2.0 * _GAMMA5 * (y - _Y5)
    s = envelope * np.sin(x * y)
    c = envelope * np.cos(x * y)
    g[:, 0] += y * c + p * s
    g[:, 1] += x * c + q * s
    if H is not None:
        H[:, 0, 0] += (p * p - y * y + 2.0 * _ALPHA5) * s + 2.0 * p * y * c
        H[:, 1, 1] += (q * q - x * x + 2.0 * _GAMMA5) * s + 2.0 * q * x * c
        H[:, 0, 1] += (p * q - x * y) * s + (1.0 + p * x + q * y) * c


@register(
    formula="sum_i A_i exp[a_i (x1 - X_i)^2 + b_i (x1 - X_i)(x2 - Y_i) + c_i (x2 - Y_i)^2], i = 1..4",
    source="NN-HiSD, eq. 4.4 (Müller and Brown 1979)",
    dim=2,
    known="3 minima, 2 saddles (proved); energies -146.699517, -108.166724, -80.767818, -72.248940, -40.664844",
)
def muller_brown(*, domain: Domain | None = None) -> _MullerBrown:
    """Müller-Brown potential: three minima, two saddles, a bent valley.

    E = sum_i A_i exp[a_i (x - X_i)^2 + b_i (x - X_i)(y - Y_i) + c_i (y - Y_i)^2] with
    A = (-200, -100, -170, 15), a = (-1, -1, -6.5, 0.7), b = (0, 0, 11, 0.6), c = (-10, -10, -6.5, 0.7),
    X = (1, 0, -0.5, -1), Y = (0, 0.5, 1.5, 1)  (NN-HiSD, eq. 4.4).

    Args:
        domain: default box [-1.5, 1.2] x [-0.25, 2].
    """
    return _MullerBrown("muller_brown", False, Box((-1.5, -0.25), (1.2, 2.0)), domain)


@register(
    formula="Müller-Brown + 500 sin(x1 x2) exp[-0.1 (x1 + 0.5582)^2 - 0.1 (x2 - 1.4417)^2]",
    source="NN-HiSD, eq. 4.5",
    dim=2,
    known="3 minima, 2 saddles; energies -554.781332, -109.904883, -80.018095, -59.852694, 390.459075",
)
def modified_muller_brown(*, domain: Domain | None = None) -> _MullerBrown:
    """Modified Müller-Brown potential: a ripple sin(x y) on top that moves every point.

    E = E_MB(x, y) + 500 sin(x y) exp[-0.1 (x + 0.5582)^2 - 0.1 (y - 1.4417)^2]  (NN-HiSD, eq. 4.5).
    Three minima and two saddles: Newton's method from 160,000 starts in [-8, 7] x [-8, 9].

    Args:
        domain: default box [-3, 1.5] x [-1, 3].
    """
    return _MullerBrown("modified_muller_brown", True, Box((-3.0, -1.0), (1.5, 3.0)), domain)


class _Butterfly(NamedSystem):
    def __init__(self, domain: Domain | None) -> None:
        super().__init__(
            "butterfly",
            2,
            {},
            domain=domain,
            default_domain=Box((-3.0, -2.0), (3.0, 4.0)),
            euler_characteristic=1,  # the quartic form is positive definite
            start=np.array([0.1, 0.1]),
            max_index=2,
        )

    def formulas_of_equations(self) -> list[str]:
        return ["x1^4 - 3/2*x1^2*x2^2 + x2^4 - 2*x2^3 + x2^2 + x1^2*x2 - 2*x1^2"]

    def _energy(self, X: FloatArray) -> FloatArray:
        x, y = X[:, 0], X[:, 1]
        u = x * x
        return u * (u - 1.5 * y * y + y - 2.0) + y * y * (1.0 + y * (y - 2.0))

    def _gradient(self, X: FloatArray) -> FloatArray:
        x, y = X[:, 0], X[:, 1]
        g = np.empty(X.shape)
        g[:, 0] = x * (4.0 * x * x + y * (2.0 - 3.0 * y) - 4.0)
        g[:, 1] = x * x * (1.0 - 3.0 * y) + y * (2.0 + y * (4.0 * y - 6.0))
        return g

    def _hessian(self, X: FloatArray) -> FloatArray:
        x, y = X[:, 0], X[:, 1]
        H = np.empty((len(X), 2, 2))
        u = x * x
        H[:, 0, 0] = 12.0 * u + y * (2.0 - 3.0 * y) - 4.0
        H[:, 0, 1] = H[:, 1, 0] = x * (2.0 - 6.0 * y)
        H[:, 1, 1] = y * (12.0 * y - 12.0) + 2.0 - 3.0 * u
        return H


@register(
    formula="x1^4 - 1.5 x1^2 x2^2 + x2^4 - 2 x2^3 + x2^2 + x1^2 x2 - 2 x1^2",
    source="SaddleScape-1.0 gallery, example 1",
    dim=2,
    known="4 minima, 4 saddles, 1 maximum (proved), 12 arrows",
)
def butterfly(*, domain: Domain | None = None) -> _Butterfly:
    """Butterfly: a maximum, four saddles and four minima; eigenvectors turn on the way.

    E = x^4 - 1.5 x^2 y^2 + y^4 - 2 y^3 + y^2 + x^2 y - 2 x^2  (SaddleScape-1.0 gallery, example 1).

    Args:
        domain: default box [-3, 3] x [-2, 4].
    """
    return _Butterfly(domain)


class _Arctan(NamedSystem):
    def __init__(self, name: str, M: list[list[float]], alpha: float, domain: Domain | None) -> None:
        self._M = np.array(M)
        d = len(M)
        # grad = M x - alpha / (1 + u^2), so every stationary point lies in M^-1 (0, alpha]^d
        reach = np.linalg.inv(self._M) * alpha
        lower = np.minimum(reach, 0.0).sum(axis=1)
        upper = np.maximum(reach, 0.0).sum(axis=1)
        margin = 1.0 + 0.1 * (upper - lower)
        super().__init__(
            name,
            d,
            {"alpha": alpha},
            domain=domain,
            default_domain=Box(tuple(lower - margin), tuple(upper + margin)),
            euler_characteristic=1,  # M is positive definite, arctan is bounded
            start=np.full(d, 0.7),
            max_index=d,
        )
        self._alpha = alpha

    def formulas_of_equations(self) -> list[str]:
        d = self.dim
        products = [f"{self._M[i, j]}*x{i + 1}*x{j + 1}" for i in range(d) for j in range(d)]
        return [
            " + ".join([f"({' + '.join(products)})/2", *(f"({-self._alpha})*atan(x{i + 1} - 5)" for i in range(d))])
        ]

    def _energy(self, X: FloatArray) -> FloatArray:
        E = 0.5 * np.einsum("ij,ij->i", X @ self._M, X)
        E -= self._alpha * np.arctan(X - 5.0).sum(axis=1)
        return E

    def _gradient(self, X: FloatArray) -> FloatArray:
        u = X - 5.0
        u *= u
        u += 1.0
        g = X @ self._M
        g -= self._alpha / u
        return g

    def _hessian(self, X: FloatArray) -> FloatArray:
        return self._gradient_hessian(X)[1]

    def _gradient_hessian(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        n, d = X.shape
        u = X - 5.0
        w = u * u
        w += 1.0
        np.reciprocal(w, out=w)
        g = X @ self._M
        g -= self._alpha * w
        w *= w
        w *= u
        w *= 2.0 * self._alpha
        H = np.empty((n, d, d))
        H[...] = self._M
        H.reshape(n, d * d)[:, :: d + 1] += w
        return g, H


@register(
    formula="x^T M x / 2 - alpha sum_i arctan(x_i - 5), M = [[0.8, -0.2], [-0.2, 0.5]]",
    source="NN-HiSD, eq. 4.1 and 4.2",
    dim=2,
    known="alpha = 5: 3 minima, 2 saddles (proved on the plane)",
)
def arctan_2d(alpha: float = 5.0, *, domain: Domain | None = None) -> _Arctan:
    """Quadratic minus arctan in the plane.

    E = x^T M x / 2 - alpha sum_i arctan(x_i - 5), M = [[0.8, -0.2], [-0.2, 0.5]]  (NN-HiSD, eq. 4.1 and 4.2).

    Args:
        alpha: strength; the paper uses 5.
        domain: default a box around M^-1 [0, alpha]^2, which holds every stationary point.
    """
    return _Arctan("arctan_2d", [[0.8, -0.2], [-0.2, 0.5]], real_number("arctan_2d", "alpha", alpha), domain)


@register(
    formula="x^T M x / 2 - alpha sum_i arctan(x_i - 5), M = [[0.8, -0.2, -0.5], [-0.2, 0.5, 0.2], [-0.5, 0.2, 1]]",
    source="NN-HiSD, eq. 4.3",
    dim=3,
    known="alpha = 6: 3/3/1; alpha = 3: 6/7/2 by index (proved in R^3)",
)
def arctan_3d(alpha: float = 6.0, *, domain: Domain | None = None) -> _Arctan:
    """Quadratic minus arctan in space, with a parameter.

    E = x^T M x / 2 - alpha sum_i arctan(x_i - 5), M = [[0.8, -0.2, -0.5], [-0.2, 0.5, 0.2], [-0.5, 0.2, 1]]
    (NN-HiSD, eq. 4.3).  The paper's Table 2 prints the true value second in its half (a) and first in (b).

    Args:
        alpha: strength; the paper uses 3 to 7.
        domain: default a box around M^-1 [0, alpha]^3, which holds every stationary point.
    """
    M = [[0.8, -0.2, -0.5], [-0.2, 0.5, 0.2], [-0.5, 0.2, 1.0]]
    return _Arctan("arctan_3d", M, real_number("arctan_3d", "alpha", alpha), domain)
