"""Settings of the training of a network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from landscape_dist.errors import SettingsError

DTYPES = ("float32", "float64")
FINISHES = ("lbfgs", "levenberg_marquardt")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a network is trained.  Network, batches and epochs default to those of the paper's two-dimensional example.

    Attributes:
        hidden: widths of the hidden layers.
        harmonics: waves of each periodic coordinate that the network sees, see `Features`.
        epochs: passes over the data by Adam.
        batch_size: points a step.
        learning_rate: of Adam, at first.
        lr_step: epochs after which the learning rate is multiplied by `lr_factor` (StepLR); None a tenth of `epochs`.
        lr_factor: see there.
        gradient_weight: lambda2, weight of the squared error of the gradient in standardised units, where the data
            hold gradients.
        weight_decay: coefficient of |theta|^2 / 2 in the loss.
        validation: fraction of the points held out; the weights that do best on them are kept. 0 keeps the last.
        patience: epochs without progress on the held-out points after which Adam stops; None never.
        finish_iterations: iterations on all points at once in float64, after Adam; 0 for none, with 'lbfgs' only.
        finish: of what: 'lbfgs', or 'levenberg_marquardt', which takes a matrix of all pairs of weights: for energies
            that are smooth and exact, where a network of some thousand weights can follow them.
        dtype: 'float32' or 'float64', of the training; what is trained computes in float64.
        seed: of weights, batches and the held-out points.
        checkpoint_epochs: epochs between checkpoints, where these are kept.
    """

    hidden: tuple[int, ...] = (128, 128, 128)
    harmonics: int = 1
    epochs: int = 30_000
    batch_size: int = 500
    learning_rate: float = 1e-3
    lr_step: int | None = None
    lr_factor: float = 0.5
    gradient_weight: float = 1.0
    weight_decay: float = 0.0
    validation: float = 0.0
    patience: int | None = None
    finish_iterations: int = 0
    finish: str = "lbfgs"
    dtype: str = "float32"
    seed: int = 0
    checkpoint_epochs: int = 1000

    def __post_init__(self) -> None:
        given = self.hidden
        object.__setattr__(self, "hidden", tuple(given) if isinstance(given, list | tuple) else ())
        if not self.hidden or not all(_whole(width, 1) for width in self.hidden):
            raise SettingsError(f"training setting hidden is {given!r}; give the width of each hidden layer")
        for name, least in (
            ("harmonics", 1), ("epochs", 0), ("batch_size", 1), ("finish_iterations", 0), ("seed", 0),
            ("checkpoint_epochs", 1),
        ):  # fmt: skip
            if not _whole(getattr(self, name), least):
                raise SettingsError(
                    f"training setting {name} is {getattr(self, name)!r}; give a whole number of at least {least}"
                )
        for name in ("lr_step", "patience"):
            if getattr(self, name) is not None and not _whole(getattr(self, name), 1):
                raise SettingsError(
                    f"training setting {name} is {getattr(self, name)!r}; give a whole number of at least 1"
                )
        for name in ("learning_rate", "lr_factor"):
            if not _number(getattr(self, name)) > 0:
                raise SettingsError(f"training setting {name} is {getattr(self, name)!r}; give a positive number")
        for name in ("gradient_weight", "weight_decay"):
            if not _number(getattr(self, name)) >= 0:
                raise SettingsError(f"training setting {name} is {getattr(self, name)!r}; give 0 or a positive number")
        if not 0 <= _number(self.validation) < 1:
            raise SettingsError(f"training setting validation is {self.validation!r}; give a fraction below 1")
        if self.patience is not None and not self.validation:
            raise SettingsError(
                f"training setting patience is {self.patience} and validation is 0; give the fraction of the points "
                "to hold out, such as validation = 0.1"
            )
        for name, allowed in (("dtype", DTYPES), ("finish", FINISHES)):
            if getattr(self, name) not in allowed:
                raise SettingsError(
                    f"training setting {name} is {getattr(self, name)!r}; use {' or '.join(map(repr, allowed))}"
                )
        if self.finish != FINISHES[0] and not self.finish_iterations:
            raise SettingsError(
                f"training setting finish is {self.finish!r} and finish_iterations is 0; give how many iterations it "
                "takes, such as finish_iterations = 100"
            )

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        step = self.lr_step or max(1, self.epochs // 10)
        return float(self.learning_rate * self.lr_factor ** (epoch // step))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; without `finish` where it is the default, so that trainings of before it go on."""
        plain = asdict(self) | {"hidden": list(self.hidden)}
        if self.finish == FINISHES[0]:
            del plain["finish"]
        return plain


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
