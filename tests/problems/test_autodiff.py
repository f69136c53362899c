import pickle
import re

import cloudpickle
import numpy as np
import pytest

from landscape_dist.errors import ProblemError
from landscape_dist.problems import from_torch, systems
from landscape_dist.testing import check_problem

torch = pytest.importorskip("torch")

A = 1.0 + 0.3 * torch.arange(4, dtype=torch.float64)
NAMED = systems.coupled_lattice(dim=4)


def single(x):
    return (A * (x * x - 1) ** 2).sum() + 0.2 * (x[:-1] * x[1:]).sum()


def batched(X):
    return (A * (X * X - 1) ** 2).sum(-1) + 0.2 * (X[:, :-1] * X[:, 1:]).sum(-1)


@pytest.mark.parametrize(("fn", "flag"), [(single, False), (batched, True)])
def test_same_as_the_named_lattice(fn, flag):
    problem = from_torch(fn, 4, batched=flag)
    check_problem(problem)
    X = np.random.default_rng(0).uniform(-1.2, 1.2, (7, 4))
    V = np.random.default_rng(1).normal(size=(7, 4, 3))
    np.testing.assert_allclose(problem.energy(X), NAMED.energy(X), rtol=1e-13)
    np.testing.assert_allclose(problem.gradient(X), NAMED.gradient(X), atol=1e-13)
    np.testing.assert_allclose(problem.hessian(X), NAMED.hessian(X), atol=1e-13)
    np.testing.assert_allclose(problem.hvp(X, V), NAMED.hvp(X, V), atol=1e-12)


def test_kind_in_kind_out():
    problem = from_torch(single, 4)
    X = np.ones((2, 4))
    tensor = torch.ones((2, 4), dtype=torch.float64)
    for name in ("energy", "gradient", "hessian"):
        assert isinstance(getattr(problem, name)(X), np.ndarray)
        result = getattr(problem, name)(tensor)
        assert isinstance(result, torch.Tensor)
        assert not result.requires_grad
    assert isinstance(problem.hvp(X, np.ones((2, 4, 1))), np.ndarray)
    assert isinstance(problem.hvp(tensor, torch.ones((2, 4, 1), dtype=torch.float64)), torch.Tensor)
    H = problem.hessian(X)
    assert H.dtype == np.float64
    assert H.flags.c_contiguous
    assert "torch" in problem.xp.__name__


def test_works_under_no_grad():
    problem = from_torch(single, 4)
    X = np.full((2, 4), 0.3)
    with torch.no_grad():
        g, H = problem.gradient_hessian(X)
    np.testing.assert_allclose(g, NAMED.gradient(X), atol=1e-13)
    np.testing.assert_allclose(H, NAMED.hessian(X), atol=1e-13)


def test_linear_and_constant_directions():
    problem = from_torch(lambda x: 3 * x[0] - x[1] + 0 * x[2], 3)
    np.testing.assert_array_equal(problem.hessian(np.ones((2, 3))), np.zeros((2, 3, 3)))
    quadratic = from_torch(lambda x: x[0] ** 2, 3)
    np.testing.assert_array_equal(quadratic.hessian(np.ones((1, 3)))[0], np.diag([2.0, 0, 0]))


def test_neural_network():
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.5)
    problem = from_torch(lambda x: net(x)[0], 3)
    check_problem(problem)
    assert all(p.grad is None for p in net.parameters())
    same = from_torch(lambda X: net(X)[:, 0], 3, batched=True)
    X = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(problem.hessian(X), same.hessian(X), atol=1e-12)


def test_large_dimension_has_products_but_no_hessian():
    problem = from_torch(lambda x: ((x * x - 1) ** 2).sum(), 1000)
    assert not problem.has_hessian
    V = np.random.default_rng(0).normal(size=(2, 1000, 2))
    X = np.full((2, 1000), 0.5)
    np.testing.assert_allclose(problem.hvp(X, V), -1.0 * V, atol=1e-12)


def test_operations_without_a_batch_rule_use_the_loop():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            if torch._C._functorch.is_batchedtensor(grad):
                raise RuntimeError("cannot be batched")
            return 3 * x**2 * grad

    problem = from_torch(lambda X: Cube.apply(X).sum(-1), 2, batched=True, fingerprint="cube")
    np.testing.assert_allclose(problem.hessian(np.array([[1.0, 2.0]]))[0], np.diag([6.0, 12.0]))


def test_float32():
    problem = from_torch(lambda x: ((x * x - 1) ** 2).sum(), 3, dtype=torch.float32)
    g = problem.gradient(np.full((1, 3), 0.5))
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, -1.5, rtol=1e-6)


def test_pickles_and_fingerprints():
    def make(scale):
        return from_torch(lambda x: (scale * (x * x - 1) ** 2).sum(), 2)

    a, b = make(torch.tensor([1.0, 2.0])), make(torch.tensor([1.0, 3.0]))
    assert a.fingerprint() == make(torch.tensor([1.0, 2.0])).fingerprint()
    assert a.fingerprint() != b.fingerprint()
    X = np.random.default_rng(0).normal(size=(3, 2))
    for dumps in (pickle.dumps, cloudpickle.dumps):
        twin = pickle.loads(dumps(a))
        assert twin.fingerprint() == a.fingerprint()
        np.testing.assert_array_equal(twin.hessian(X), a.hessian(X))
    assert from_torch(single, 4, fingerprint="v1").fingerprint() != from_torch(single, 4).fingerprint()


def in_place(x):
    x.mul_(2.0)
    return x.sum() ** 2


@pytest.mark.parametrize(
    ("fn", "options", "message"),
    [
        (lambda x: A * (x * x - 1) ** 2, {}, "energy returned shape (4,) for a point of dimension 4; return a single"),
        (lambda x: single(x).item(), {}, "fn cannot be vectorised by torch.func.vmap"),
        (lambda x: single(x) if x[0] > 0 else x.sum(), {}, "fn cannot be vectorised by torch.func.vmap"),
        (lambda x: single(x.detach()), {}, "fn cannot be differentiated"),
        (lambda x: (A * (x.detach() * x - 1) ** 2).sum(), {}, "gradient disagrees with the energy"),
        (lambda X: batched(X).sum(), {"batched": True}, "energy returned shape () for a batch of 5 points"),
        (in_place, {}, "energy changes its argument in place"),
        (lambda x: x.sum() * float("nan"), {}, "energy is nan at x ="),
        (torch.nn.Linear(4, 1), {}, "fn mixes dtypes"),
        (single, {"dtype": torch.int64}, "give a floating torch dtype"),
        (3, {}, "fn is 3; give a torch function"),
    ],
)
def test_messages(fn, options, message):
    with pytest.raises(ProblemError, match=re.escape(message)):
        from_torch(fn, 4, **options)
