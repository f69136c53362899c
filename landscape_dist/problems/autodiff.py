"""Energies given as torch functions: derivatives by automatic differentiation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from landscape_dist.errors import ProblemError
from landscape_dist.problems.callables import checked_dim
from landscape_dist.problems.domain import Domain, domain_from_dict
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.problems.starts import checked_start
from landscape_dist.problems.torch_namespace import DeviceNamespace
from landscape_dist.problems.user_problem import UserProblem
from landscape_dist.records import Directions, Energies, Gradients, Hessians, Points

MAX_HESSIAN_DIM = 300
"""Largest number of variables for which a full Hessian counts as cheap."""
DEVICE_BATCH_BYTES = 256 << 20
"""Hessians of the searches that advance together on a GPU: enough to fill it, and for the solver's dozen of copies."""
_MAX_NUMBERS = 1 << 23  # rows * d * d handled at a time


def from_torch(
    fn: Callable[[Any], Any],
    dim: int,
    *,
    batched: bool = False,
    dtype: Any = None,
    device: Any = "cpu",
    name: str = "torch",
    domain: Domain | dict[str, Any] | None = None,
    euler_characteristic: int | None = None,
    suggested_start: ArrayLike | None = None,
    suggested_max_index: int | None = None,
    fingerprint: str | None = None,
    mass: ArrayLike | None = None,
    check: bool = True,
) -> TorchProblem:
    """An energy from a torch function; gradient and Hessian-vector products by automatic differentiation.

    Evaluations take NumPy or torch arrays and return the kind they got.

    Args:
        fn: (d,) tensor -> scalar tensor; batched: (n, d) -> (n,), rows independent of one another.
        dim: number of variables d.
        batched: whether fn takes batches; a function of one point is vectorised by `torch.func.vmap`.
        dtype: torch dtype in which fn is evaluated, default float64; the solver works in float64 all the same.
        device: where fn is evaluated and the solver works, such as "cuda"; tensors and modules that fn uses must be
            there, too.
        name, domain, euler_characteristic, suggested_start, suggested_max_index, fingerprint, mass, check: as
            for `from_callable`; a mass that is a matrix must be diagonal.

    Raises:
        ProblemError: fn cannot be vectorised or differentiated, or returns something else than it should.
    """
    problem = TorchProblem(
        fn,
        dim,
        batched=batched,
        dtype=dtype,
        device=device,
        name=name,
        domain=domain,
        euler_characteristic=euler_characteristic,
        suggested_start=suggested_start,
        suggested_max_index=suggested_max_index,
        fingerprint=fingerprint,
    )
    problem.mass = mass
    if check:
        from landscape_dist.problems.checks import check_problem_once

        check_problem_once(problem)
    return problem


class TorchFunction:
    """A torch function of rows and its derivatives.

    The function maps (n, d) to (n,) or (n, m), each row on its own; so the gradient of the sum is the batch of
    gradients.  Second derivatives are reverse over reverse, all columns in one batched backward pass: on small
    problems that costs a fifth of forward over reverse.
    """

    def __init__(self, fn: Callable[[Any], Any], dim: int, batched: bool, dtype: Any, device: Any) -> None:
        import torch

        if not callable(fn):
            raise ProblemError(f"fn is {fn!r}; give a torch function")
        dtype = torch.float64 if dtype is None else dtype
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise ProblemError(f"dtype is {dtype!r}; give a floating torch dtype such as torch.float64")
        self.fn = fn
        self.dim = dim
        self.batched = batched
        self._dtype_name = str(dtype).removeprefix("torch.")
        try:
            self._device_name = str(torch.device(device))
            torch.empty(0, device=self._device_name)
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise ProblemError(f"device is {device!r}, which torch cannot use here ({reason}); give 'cpu'") from error
        self._build()

    def _build(self) -> None:
        import torch

        self.dtype = getattr(torch, self._dtype_name)
        self.device = torch.device(self._device_name)
        self.namespace = DeviceNamespace(self.device)
        self._batched_backward = True
        self._rows = self.fn if self.batched else torch.func.vmap(self.fn)

    def tensor(self, X: Any) -> Any:
        """NumPy array or tensor as a tensor of this function's dtype and device."""
        import torch

        if isinstance(X, torch.Tensor):
            return X.detach().to(dtype=self.dtype, device=self.device)
        array = np.ascontiguousarray(X)
        if not array.flags.writeable:  # torch warns of arrays that it could write to
            array = array.copy()
        return torch.as_tensor(array, dtype=self.dtype, device=self.device)

    def values(self, X: Any) -> Any:
        """(n, d) -> (n,) or (n, m), without derivatives."""
        import torch

        with torch.no_grad():
            return self._rows(X).detach() if len(X) else self._no_rows(X)

    def _no_rows(self, X: Any) -> Any:
        one = X.new_zeros((1, self.dim))
        return self._rows(one)[:0].detach()

    def gradient(self, X: Any) -> Any:
        """(n, d) -> (n, d) gradients of a scalar function of rows."""
        import torch

        if not len(X):
            return torch.zeros_like(X)
        with torch.enable_grad():
            leaf = X.detach().requires_grad_()
            (g,) = torch.autograd.grad(self._rows(leaf).sum(), leaf)
        return g

    def gradient_and_products(self, X: Any, V: Any) -> tuple[Any, Any]:
        """Gradients (n, d) and products (n, d, k) of the Hessians with the columns of V (n, d, k)."""
        import torch

        if not len(X) or not V.shape[2]:
            return self.gradient(X), torch.zeros_like(V)
        with torch.enable_grad():
            leaf = X.detach().requires_grad_()
            (g,) = torch.autograd.grad(self._rows(leaf).sum(), leaf, create_graph=True)
            if not g.requires_grad:  # linear in every variable
                return g.detach(), torch.zeros_like(V)
            products = self._pull(g, leaf, V.movedim(2, 0))
        return g.detach(), products.movedim(0, 2)

    def jacobian(self, X: Any) -> Any:
        """(n, d) -> (n, m, d) Jacobians of a vector function of rows."""
        import torch

        with torch.enable_grad():
            leaf = X.detach().requires_grad_()
            F = self._rows(leaf)
            eye = torch.eye(F.shape[1], dtype=F.dtype, device=F.device)
            rows = self._pull(F, leaf, eye[:, None, :].expand(F.shape[1], *F.shape))
        return rows.movedim(0, 1)

    def jvp(self, X: Any, V: Any) -> Any:
        """(n, d), (n, d, k) -> (n, m, k): Jacobian products, by the transpose of the transpose."""
        import torch

        with torch.enable_grad():
            leaf = X.detach().requires_grad_()
            F = self._rows(leaf)
            u = torch.zeros_like(F, requires_grad=True)
            (pulled,) = torch.autograd.grad(F, leaf, u, create_graph=True, materialize_grads=True)
            products = self._pull(pulled, u, V.movedim(2, 0))
        return products.movedim(0, 2)

    def _pull(self, outputs: Any, inputs: Any, cotangents: Any) -> Any:
        """One backward pass for all cotangents (k, n, m) -> (k, n, d); one each where an operation cannot batch it."""
        import torch

        if self._batched_backward:
            try:
                (result,) = torch.autograd.grad(
                    outputs, inputs, cotangents, retain_graph=True, is_grads_batched=True, materialize_grads=True
                )
            except RuntimeError:
                self._batched_backward = False  # the loop below raises if the reason is another
            else:
                return result
        parts = [
            torch.autograd.grad(outputs, inputs, cotangent, retain_graph=True, materialize_grads=True)[0]
            for cotangent in cotangents
        ]
        return torch.stack(parts)

    def translate_error(self, error: Exception) -> ProblemError | None:
        """What an error of torch's transforms says about fn; None if the error is fn's own."""
        text = str(error)
        first = text.strip().partition("\n")[0].partition(". ")[0][:200]
        if not self.batched and ("vmap" in text or "batched tensor" in text.lower()):
            return ProblemError(
                f"fn cannot be vectorised by torch.func.vmap: {first}. Write it with torch operations, without "
                "in-place changes, .item() or branches on values; or give batched=True and a function (n, d) -> (n,)"
            )
        if "same dtype" in text or "scalar type" in text:
            return ProblemError(
                f"fn mixes dtypes: {first}. Its argument is {self._dtype_name}: convert the model and its constants "
                "(model.double()), or give dtype="
            )
        if "require grad" in text or "differentiable" in text:
            return ProblemError(
                f"fn cannot be differentiated: {first}. Keep to torch operations on x, without .detach(), .numpy() "
                "or torch.tensor(...) of values computed from x"
            )
        return None

    def __getstate__(self) -> dict[str, Any]:
        import cloudpickle

        return {
            "fn": cloudpickle.dumps(self.fn),
            "dim": self.dim,
            "batched": self.batched,
            "_dtype_name": self._dtype_name,
            "_device_name": self._device_name,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pickle

        self.__dict__.update(state)
        self.fn = pickle.loads(state["fn"])
        self._build()


def like(reference: Any, result: Any) -> Any:
    """`result` as NumPy float64 where `reference` is a NumPy array, else a tensor of its dtype and on its device."""
    if isinstance(reference, np.ndarray):
        return np.asarray(result.detach().cpu().numpy(), dtype=np.float64, order="C")
    return result.to(dtype=reference.dtype, device=reference.device)


class TorchProblem(UserProblem):
    """An energy of a torch function; made by `from_torch`."""

    def __init__(
        self,
        fn: Callable[[Any], Any],
        dim: int,
        *,
        batched: bool = False,
        dtype: Any = None,
        device: Any = "cpu",
        name: str = "torch",
        domain: Domain | dict[str, Any] | None = None,
        euler_characteristic: int | None = None,
        suggested_start: ArrayLike | None = None,
        suggested_max_index: int | None = None,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.dim = checked_dim(dim)
        self.domain = domain_from_dict(domain)
        self.domain.check(self.dim)
        self.euler_characteristic = euler_characteristic
        self.suggested_start = checked_start(suggested_start, self.dim)
        self.suggested_max_index = suggested_max_index
        self.has_hessian = self.dim <= MAX_HESSIAN_DIM
        self.function = TorchFunction(fn, self.dim, batched, dtype, device)
        self._fingerprint = fingerprint

    @property
    def xp(self) -> Any:
        return self.function.namespace

    @property
    def batched(self) -> bool:
        return self.function.batched

    @property
    def batch_bytes(self) -> int | None:
        return None if self.function.device.type == "cpu" else DEVICE_BATCH_BYTES

    @property
    def eps(self) -> float:
        import torch

        return float(torch.finfo(self.function.dtype).eps)

    def translate_error(self, error: Exception) -> ProblemError | None:
        """What an error of torch says about fn; None if the error is fn's own."""
        return self.function.translate_error(error)

    @property
    def definition(self) -> dict[str, Any]:
        """Plain JSON form: dim, dtype, domain."""
        dtype = str(self.function.dtype).removeprefix("torch.")
        return {"kind": "torch", "dim": self.dim, "dtype": dtype, "domain": self.domain.as_dict()}

    def fingerprint(self) -> str:
        domain = canonical_json(self.domain.as_dict())
        content = self._fingerprint if self._fingerprint is not None else digest(self.function.fn)
        return digest("torch", content, self.function.batched, str(self.function.dtype), self.dim, domain)

    def __repr__(self) -> str:
        return f"{self.name}(dim={self.dim})"

    def _energy(self, X: Points) -> Energies:
        return like(X, self.function.values(self.function.tensor(X)))

    def _gradient(self, X: Points) -> Gradients:
        return like(X, self.function.gradient(self.function.tensor(X)))

    def _hvp(self, X: Points, V: Directions) -> Directions:
        function = self.function
        return like(X, function.gradient_and_products(function.tensor(X), function.tensor(V))[1])

    def _hessian(self, X: Points) -> Hessians:
        return self._gradient_hessian(X)[1]

    def _gradient_hessian(self, X: Points) -> tuple[Gradients, Hessians]:
        import torch

        tensor = self.function.tensor(X)
        d = self.dim
        rows = max(1, _MAX_NUMBERS // (d * d))
        eye = torch.eye(d, dtype=tensor.dtype, device=tensor.device)
        parts = []
        for k in range(max(1, math.ceil(len(tensor) / rows))):
            block = tensor[k * rows : (k + 1) * rows]
            parts.append(self.function.gradient_and_products(block, eye.expand(len(block), d, d)))
        g = parts[0][0] if len(parts) == 1 else torch.cat([part[0] for part in parts])
        H = parts[0][1] if len(parts) == 1 else torch.cat([part[1] for part in parts])
        return like(X, g), like(X, 0.5 * (H + H.mT))
