"""The test that every problem must pass; shipped, so that a new one can be checked."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from landscape_dist.errors import ProblemError
from landscape_dist.problems.base import Problem
from landscape_dist.problems.checks import check_problem_once
from landscape_dist.problems.starts import sample_points
from landscape_dist.records import Counters


def check_problem(problem: Problem, X: Any = None, *, rtol: float = 1e-9, pickled: bool = True) -> None:
    """Assert that a problem keeps the contract of `Problem`.

    Shapes; derivatives against differences; fused evaluation, Hessian products, sparse Hessians and single points
    against the batch; nothing written to the arguments; evaluations counted; equal values and fingerprint after
    pickling.

    Args:
        problem: any problem; its counters are left as they were.
        X: (n, d) points; default a few inside the domain.
        rtol: how closely ways to the same value must agree, relative to its largest entry.
        pickled: whether to try pickling (False for problems that stay in one process).

    Raises:
        AssertionError: what does not hold, with the numbers.
    """
    counters = problem.counters
    try:
        problem.counters = Counters()
        points = sample_points(problem.dim, problem.domain, problem.suggested_start)
        points = points if X is None else np.array(X, dtype=np.float64)
        _check(problem, points, rtol, pickled)
    except ProblemError as error:
        raise AssertionError(str(error)) from error
    finally:
        problem.counters = counters


def _check(problem: Problem, X: np.ndarray, rtol: float, pickled: bool) -> None:
    n, d = X.shape
    assert d == problem.dim, f"points have {d} coordinates, the problem has dim {problem.dim}"
    check_problem_once(problem)
    V = np.cos(np.arange(1.0, n * d * 2 + 1.0)).reshape(n, d, 2)
    evaluations = _evaluations(problem, V)
    before, directions = X.copy(), V.copy()
    values = {}
    for name, (function, shape) in evaluations.items():
        problem.counters = Counters()
        values[name] = np.asarray(function(X, V))
        assert values[name].shape == shape, f"{name} has shape {values[name].shape}, not {shape}"
        assert sum(problem.counters.as_dict().values()) >= n, f"{name} of {n} points counted {problem.counters}"
        assert np.array_equal(X, before), f"{name} wrote to its argument"
        assert np.array_equal(V, directions), f"{name} wrote to its directions"
        assert np.asarray(function(X[:0], V[:0])).shape == (0, *shape[1:]), f"{name} of no points has a wrong shape"
        alone = np.asarray(function(X[1:2], V[1:2]))
        _close(alone[0], values[name][1], rtol, f"{name} of one point alone and in a batch")
    one = V[:, :, :1].copy()
    _close(np.asarray(problem.hvp(X, one)), values["hvp"][:, :, :1], rtol, "hvp along one direction and along two")
    assert np.array_equal(one, V[:, :, :1]), "hvp wrote to its directions"
    if problem.has_hessian:
        g, H = (np.asarray(part) for part in problem.gradient_hessian(X))
        _close(g, values["gradient"], rtol, "gradient and gradient_hessian")
        _close(H, values["hessian"], rtol, "hessian and gradient_hessian")
        # products may be differences where the Hessian is given, and the other way round
        _close(values["hvp"], values["hessian"] @ V, max(rtol, 1e-5), "hvp and hessian @ V")
    if problem.has_sparse_hessian:
        problem.counters = Counters()
        sparse = problem.sparse_hessian(X[0])
        assert problem.counters.n_hessians == 1, f"sparse_hessian of one point counted {problem.counters}"
        assert sparse.format == "csc", f"sparse_hessian is a {sparse.format} array, not csc"
        _close(sparse @ V[0], values["hvp"][0], max(rtol, 1e-5), "sparse_hessian @ V and hvp")
        _close(sparse.toarray(), sparse.toarray().T, rtol, "the halves of sparse_hessian")
    if pickled:
        fingerprint = problem.fingerprint()
        assert fingerprint == problem.fingerprint(), "the fingerprint changes from call to call"
        twin = pickle.loads(pickle.dumps(problem))
        assert twin.fingerprint() == fingerprint, "the fingerprint changes when the problem is pickled"
        for name, (function, _) in _evaluations(twin, V).items():
            _close(np.asarray(function(X, V)), values[name], rtol, f"{name} before and after pickling")


def _evaluations(
    problem: Problem, V: np.ndarray
) -> dict[str, tuple[Callable[[np.ndarray, np.ndarray], Any], tuple[int, ...]]]:
    n, d, k = V.shape
    evaluations: dict[str, tuple[Callable[[np.ndarray, np.ndarray], Any], tuple[int, ...]]] = {
        "gradient": (lambda X, V: problem.gradient(X), (n, d)),
        "hvp": (problem.hvp, (n, d, k)),
    }
    if problem.has_energy:
        evaluations["energy"] = (lambda X, V: problem.energy(X), (n,))
    if problem.has_hessian:
        evaluations["hessian"] = (lambda X, V: problem.hessian(X), (n, d, d))
    return evaluations


def _close(a: np.ndarray, b: np.ndarray, rtol: float, what: str) -> None:
    scale = max(float(np.abs(b).max(initial=0.0)), 1e-300)
    difference = float(np.abs(a - b).max(initial=0.0))
    assert difference <= rtol * scale + 1e-14, f"{what} differ by {difference:.3g} (largest entry {scale:.3g})"
