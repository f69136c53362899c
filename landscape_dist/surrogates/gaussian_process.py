"""Gaussian process regression, for data too few for a network; with gradients, Hessians and its own error bar."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np

from landscape_dist.errors import ProblemError, SettingsError
from landscape_dist.records import Array, FloatArray
from landscape_dist.surrogates.assembly import assembled, errors
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.model import Model
from landscape_dist.surrogates.problem import Surrogate

MOST_POINTS = 5000
"""Beyond, the kernel matrix and its decomposition cost more than a network does."""

LENGTHS, VARIANCES, NOISES = (1e-2, 1e3), (1e-3, 1e4), (1e-10, 1.0)
"""Where length scales, variance and noise are looked for, in standardised units."""

SIZES = (1.0, 0.25, 0.5, 2.0, 4.0)
"""Length scales of all features that the maximisation of the likelihood begins from, the best of them."""

ROUNDING = 4.0 * float(np.finfo(np.float64).eps)
"""Relative rounding error of each term of a sum over the data; where the process is smooth, large ones cancel."""


class GaussianProcess(Model):
    """Posterior mean sum_j w_j k(a, a_j), k = variance exp(-|(a - a_j) / length|^2 / 2).

    Args:
        points: (N, f) features of the data. weights: (N,) K^-1 y. length: (f,) length scales of the features.
        variance, noise: of the process and of the data, in the square of the standardised energy's unit.
    """

    kind: ClassVar[str] = "gaussian_process"

    def __init__(
        self, points: Array, weights: Array, length: Array, variance: float, noise: float, xp: Any = np
    ) -> None:
        self.points, self.weights, self.length = points, weights, length
        self.variance, self.noise = float(variance), float(noise)
        self._xp = xp
        self._scaled = points / length
        self._factor: Any = None

    @property
    def n_features(self) -> int:
        return int(self.points.shape[1])

    def _kernel(self, A: Array) -> tuple[Array, Array]:
        """(n, f) -> weighted kernel values (n, N), and the scaled differences that they come from (n, N, f)."""
        D = A[:, None, :] / self.length - self._scaled
        return self.variance * self._xp.exp(-0.5 * (D * D).sum(-1)), D

    def value(self, A: Array) -> Array:
        return self._kernel(A)[0] @ self.weights

    def gradient(self, A: Array) -> Array:
        k, D = self._kernel(A)
        return -((k * self.weights)[:, None, :] @ D)[:, 0, :] / self.length

    def gradient_rounding(self, A: Array) -> Array:
        k, D = self._kernel(A)
        xp = self._xp
        terms = (xp.abs(k * self.weights)[:, None, :] @ xp.abs(D))[:, 0, :] / self.length
        return ROUNDING * terms

    def gradient_curvature(self, A: Array, J: Array) -> tuple[Array, Array]:
        k, D = self._kernel(A)
        w = k * self.weights
        scaled = J / self.length
        along = D @ scaled.mT  # (n, N, d)
        curvature = (along * w[:, :, None]).mT @ along - w.sum(-1)[:, None, None] * (scaled @ scaled.mT)
        return -(w[:, None, :] @ D)[:, 0, :] / self.length, curvature

    def curvature_products(self, A: Array, T: Array) -> tuple[Array, Array]:
        k, D = self._kernel(A)
        w = k * self.weights
        scaled = T / self.length
        along = (D @ scaled.mT) * w[:, :, None]
        products = (along.mT @ D - w.sum(-1)[:, None, None] * scaled) / self.length
        return -(w[:, None, :] @ D)[:, 0, :] / self.length, products

    def spread(self, A: FloatArray) -> FloatArray:
        """(n, f) -> (n,) standard deviation of the posterior, without the noise, in the standardised unit."""
        from scipy.linalg import cho_solve, cholesky

        if self._factor is None:
            K = self._kernel(self.points)[0]
            K[np.diag_indices_from(K)] += self.noise
            self._factor = cholesky(K, lower=True)
        k = self._kernel(A)[0]
        explained = np.einsum("ij,ji->i", k, cho_solve((self._factor, True), k.T))
        return np.sqrt(np.maximum(self.variance - explained, 0.0))

    def to(self, xp: Any) -> Self:
        if xp is np:
            return self
        points, weights, length = (xp.asarray(array) for array in (self.points, self.weights, self.length))
        return type(self)(points, weights, length, self.variance, self.noise, xp)

    def arrays(self) -> dict[str, FloatArray]:
        return {
            "points": np.asarray(self.points), "weights": np.asarray(self.weights), "length": np.asarray(self.length),
            "variance_noise": np.array([self.variance, self.noise]),
        }  # fmt: skip

    @classmethod
    def from_arrays(cls, arrays: dict[str, FloatArray]) -> Self:
        if set(arrays) != {"points", "weights", "length", "variance_noise"}:
            raise ProblemError(f"a Gaussian process has points, weights, length, variance_noise, not {sorted(arrays)}")
        points, weights, length = arrays["points"], arrays["weights"], arrays["length"]
        if points.ndim != 2 or weights.shape != points.shape[:1] or length.shape != points.shape[1:]:
            raise ProblemError(
                f"points of shape {points.shape} go with weights of shape ({len(points)},) and one length a feature, "
                f"not with {weights.shape} and {length.shape}"
            )
        if (
            arrays["variance_noise"].shape != (2,)
            or not (length > 0).all()
            or not (arrays["variance_noise"] >= 0).all()
        ):
            raise ProblemError("lengths must be positive, and variance and noise two numbers not below 0")
        variance, noise = arrays["variance_noise"].tolist()
        return cls(points, weights, length, variance, noise)


def fit_gaussian_process(
    data: TrainingData,
    *,
    noise: float | None = None,
    harmonics: int = 1,
    restarts: int = 3,
    seed: int = 0,
    name: str = "gaussian_process",
    like: Surrogate | None = None,
) -> Surrogate:
    """Fit a Gaussian process with one length scale a feature, by scikit-learn (pip install "landscape-dist[gp]").

    Length scales, variance and noise maximise the marginal likelihood.  Gradients in the data are not used.

    Args:
        data: at most 5000 points.
        noise: standard deviation of the energies' noise, in their unit; None estimates it.
        harmonics: of periodic coordinates, see `Features`.
        restarts: further starts of the maximisation. seed: of these.
        name: of the surrogate; `spread(surrogate, X)` gives its error bar.
        like: a Gaussian process of the same variables, fitted to some of the data, whose length scales, variance and
            noise the maximisation begins from.

    Raises:
        SettingsError: too many points, `like` is no Gaussian process of these variables, or scikit-learn is missing.
    """
    need_scikit_learn()
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    if len(data) > MOST_POINTS:
        raise SettingsError(f"data have {len(data)} points, beyond {MOST_POINTS} of a Gaussian process; use train")
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    features = Features.standardising(data.inputs, data.input_periods, harmonics)
    shift, scale = float(data.energy.mean()), float(data.energy.std()) or 1.0
    A, y = features(data.inputs), (data.energy - shift) / scale
    lengths, variance, white_noise = np.ones(A.shape[1]), 1.0, 1e-4
    if like is not None:
        lengths, variance, white_noise = _begun(like, features, scale)
    white = (
        WhiteKernel(white_noise, NOISES)
        if noise is None
        else WhiteKernel(max((noise / scale) ** 2, NOISES[0]), "fixed")
    )
    # With few data the likelihood has a maximum, too, at lengths below the distance of the data.
    begun = [(np.full(A.shape[1], size), 1.0) for size in SIZES] + [(lengths, variance)] * (like is not None)
    kernels = [ConstantKernel(v, VARIANCES) * RBF(l, LENGTHS) + white for l, v in begun]
    fixed = (GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(A, y) for kernel in kernels)
    kernel = max(fixed, key=lambda fitted: float(fitted.log_marginal_likelihood_value_)).kernel_
    regressor = GaussianProcessRegressor(kernel, alpha=0.0, n_restarts_optimizer=restarts, random_state=seed)
    with warnings.catch_warnings():  # a length at its bound is a feature without influence: no fault
        warnings.simplefilter("ignore", ConvergenceWarning)
        regressor.fit(A, y)
    fitted = regressor.kernel_
    length = np.broadcast_to(np.asarray(fitted.k1.k2.length_scale, dtype=np.float64), (A.shape[1],)).copy()
    model = GaussianProcess(A, np.asarray(regressor.alpha_), length, fitted.k1.k1.constant_value, fitted.k2.noise_level)
    surrogate = assembled(model, features, shift, scale, data, name)
    surrogate.provenance = {
        "data": data.as_dict(),
        "settings": {"noise": noise, "harmonics": harmonics, "restarts": restarts, "seed": seed},
        "kernel": str(fitted),
        "log_marginal_likelihood": float(regressor.log_marginal_likelihood_value_),
        "noise": math.sqrt(model.noise) * scale,
        "errors": errors(surrogate, data, np.arange(len(data)), np.empty(0, dtype=np.int64)),
    }
    return surrogate


def need_scikit_learn() -> None:
    """Raise where Gaussian processes cannot be fitted.

    Raises:
        SettingsError: scikit-learn is not installed.
    """
    try:
        import sklearn.gaussian_process  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            'a Gaussian process needs scikit-learn; install it with pip install "landscape-dist[gp]"'
        ) from error


def _begun(like: Surrogate, features: Features, scale: float) -> tuple[FloatArray, float, float]:
    """Length scales, variance and noise of another Gaussian process in the units of these features and energies."""
    model = like.model
    if not isinstance(model, GaussianProcess) or model.n_features != features.n_features:
        raise SettingsError(
            f"like is {like.name}, a {model.kind} of {model.n_features} features; give a Gaussian process of "
            f"{features.n_features}"
        )
    stretch = np.ones(features.n_features)
    n = features.n_inputs
    if n == features.n_features:  # periodic inputs have no units of their own
        stretch = np.array(like.features.scale) / np.array(features.scale)
    energies = (like.energy_scale / scale) ** 2
    lengths = np.clip(model.length * stretch, *LENGTHS)
    return (
        lengths,
        float(np.clip(model.variance * energies, *VARIANCES)),
        float(np.clip(model.noise * energies, *NOISES)),
    )


def spread(surrogate: Surrogate, X: FloatArray) -> FloatArray:
    """(n, d) -> (n,) standard deviation of a Gaussian process's energy, in its unit.

    Raises:
        ProblemError: the surrogate is no Gaussian process.
    """
    if not isinstance(surrogate.model, GaussianProcess):
        raise ProblemError(f"{surrogate.name} is a {surrogate.model.kind}, which has no error bar; train an ensemble")
    return surrogate.energy_scale * surrogate.model.spread(surrogate.features_of(X))
