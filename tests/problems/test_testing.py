"""The shipped conformance check finds what is wrong."""

import numpy as np
import pytest

from landscape_dist.problems import Problem, from_callable
from landscape_dist.records import Counters
from landscape_dist.testing import check_problem


class Bowl(Problem):
    """E = |x|^2 / 2, with room for mistakes."""

    def __init__(self, dim=3):
        super().__init__()
        self.dim = dim

    @property
    def xp(self):
        return np

    def fingerprint(self):
        return f"bowl{self.dim}"

    def _energy(self, X):
        return 0.5 * (X**2).sum(axis=1)

    def _gradient(self, X):
        return X.copy()

    def _hessian(self, X):
        return np.broadcast_to(np.eye(self.dim), (len(X), self.dim, self.dim))


class WrongProducts(Bowl):
    def _hvp(self, X, V):
        return 2 * V


class WrongFused(Bowl):
    def _gradient_hessian(self, X):
        return 2 * X, self._hessian(X)


class ForgetsToCount(Bowl):
    def energy(self, X):
        return self._energy(X)


class ChangingFingerprint(Bowl):
    def fingerprint(self):
        return str(id(self))


class LosesStateInPickle(Bowl):
    scale = 1.0

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "scale"}

    def _energy(self, X):
        return self.scale * super()._energy(X)

    def _gradient(self, X):
        return self.scale * X

    def _hessian(self, X):
        return self.scale * super()._hessian(X)


class NoEmptyBatch(Bowl):
    def _energy(self, X):
        return np.array([0.5 * x @ x for x in X]).reshape(-1, 1)[:, 0] if len(X) else np.zeros(1)


class Writes(Bowl):
    def _hvp(self, X, V):
        X += 1e-3
        return V.copy()


def test_a_right_one_passes_and_keeps_its_counters():
    problem = Bowl()
    problem.energy(np.ones((2, 3)))
    check_problem(problem)
    check_problem(problem, np.random.default_rng(0).normal(size=(4, 3)))
    assert problem.counters == Counters(n_energies=2)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (WrongProducts(), "hvp disagrees with the gradient"),
        (WrongFused(), "gradient and gradient_hessian differ"),
        (ForgetsToCount(), "energy of 5 points counted"),
        (ChangingFingerprint(), "the fingerprint changes when the problem is pickled"),
        (NoEmptyBatch(), "energy of no points"),
        (Writes(), "hvp changes its argument"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_mistakes_are_found(problem, message):
    with pytest.raises(AssertionError, match=message):
        check_problem(problem)


def test_lost_state_is_found():
    problem = LosesStateInPickle()
    problem.scale = 2.0
    with pytest.raises(AssertionError, match="before and after pickling"):
        check_problem(problem)


def test_points_of_another_dimension():
    with pytest.raises(AssertionError, match="points have 2 coordinates"):
        check_problem(Bowl(), np.ones((2, 2)))


def test_problem_errors_become_assertions():
    problem = from_callable(lambda x: x @ x, lambda x: -2 * x, dim=2, check=False)
    with pytest.raises(AssertionError, match="gradient disagrees"):
        check_problem(problem)
