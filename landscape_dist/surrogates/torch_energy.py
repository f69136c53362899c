"""A trained perceptron as a torch function, for automatic differentiation and for use in other programs."""

from __future__ import annotations

from typing import Any, Protocol

from landscape_dist.errors import ProblemError
from landscape_dist.problems.autodiff import TorchProblem, from_torch
from landscape_dist.problems.domain import Domain
from landscape_dist.problems.torch_namespace import DeviceNamespace
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.model import Model
from landscape_dist.surrogates.perceptron import Perceptron


class LearnedEnergy(Protocol):
    """What is asked of a `Surrogate` here."""

    model: Model
    features: Features
    energy_shift: float
    energy_scale: float
    parameters: dict[str, float]
    name: str
    dim: int
    domain: Domain
    suggested_start: Any

    def fingerprint(self) -> str:
        """Of what it computes."""
        ...


def torch_problem(surrogate: LearnedEnergy, device: str = "cpu") -> TorchProblem:
    """The surrogate's energy as a torch function of (n, d), its derivatives by automatic differentiation.

    Raises:
        ProblemError: the surrogate is no network.
    """
    import torch

    if not isinstance(surrogate.model, Perceptron):
        raise ProblemError(
            f"products is 'autodiff' and the model a {surrogate.model.kind}, no network; use 'closed' or 'dense'"
        )
    xp = DeviceNamespace(torch.device(device))
    module = surrogate.model.module().to(device).requires_grad_(False)
    fixed = torch.tensor([list(surrogate.parameters.values())], dtype=torch.float64, device=device)
    features, shift, scale = surrogate.features, surrogate.energy_shift, surrogate.energy_scale

    def energy(X: Any) -> Any:
        inputs = torch.cat([X, fixed.expand(len(X), -1)], dim=1) if fixed.shape[1] else X
        return shift + scale * module(features(inputs, xp))[:, 0]

    return from_torch(
        energy, surrogate.dim, batched=True, device=device, name=surrogate.name, domain=surrogate.domain,
        suggested_start=surrogate.suggested_start, fingerprint=surrogate.fingerprint(), check=False,
    )  # fmt: skip
