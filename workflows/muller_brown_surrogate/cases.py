"""The energies, data and trainings of section 4.2 of the NN-HiSD paper, and the landscapes of its surrogates."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import landscape_dist as ld
from landscape_dist.config import Config, make_config
from landscape_dist.problems import Problem, domain_from_dict
from landscape_dist.surrogates import Surrogate, TrainingSettings, print_progress, train_once
from landscape_dist.toml_file import read_toml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One training of the paper.

    Attributes:
        system: name of the energy. lower, upper: corners of the region. points, batch_size: of the training.
        seed: of the points, the weights and the batches.
        gradient_ratio: fraction of the points whose gradients a second training adds, which goes on from the first.
        longer: whether a second training goes on without gradients, as long as it would with them.
    """

    system: str = "muller_brown"
    lower: tuple[float, ...] = (-1.5, 0.0)
    upper: tuple[float, ...] = (0.25, 1.95)
    points: int = 5000
    batch_size: int = 250
    seed: int = 0
    gradient_ratio: float = 0.0
    longer: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        second = f"_gradients_{self.gradient_ratio:g}" if self.gradient_ratio else "_longer" if self.longer else ""
        return f"{self.system}_{self.points}_{self.seed}{second}"

    @property
    def domain(self) -> dict[str, Any]:
        """The region, as a box."""
        return {"kind": "box", "lower": list(self.lower), "upper": list(self.upper)}

    @property
    def first(self) -> Case:
        """The training that this one goes on from; itself where there is none."""
        return dataclasses.replace(self, gradient_ratio=0.0, longer=False)


def configured(case: Case, quick: bool) -> Config:
    """config.toml for this case, and quick.toml over it."""
    tables = read_toml(HERE / "config.toml")
    tables["problem"]["domain"] = case.domain
    tables["data"] |= {
        "system": case.system, "points": case.points, "lower": list(case.lower), "upper": list(case.upper),
        "seed": case.seed, "gradient_ratio": case.gradient_ratio,
    }  # fmt: skip
    tables["training"] |= {"batch_size": case.batch_size, "seed": case.seed}
    if quick:
        tables["training"] |= read_toml(HERE / "quick.toml")["training"]
    return make_config(tables, "workflows/muller_brown_surrogate", HERE)


def trained_on(settings: TrainingSettings, quick: bool) -> TrainingSettings:
    """Settings of the second training: the paper's 5000 epochs more, or what quick.toml has in their place."""
    if quick:
        return dataclasses.replace(settings, **read_toml(HERE / "quick.toml")["gradients"])
    return dataclasses.replace(settings, epochs=5000, learning_rate=settings.rate(settings.epochs))


def trained(case: Case, quick: bool, folder: Path, *, progress: bool = True) -> Surrogate:
    """The surrogate of a case, trained if it is not in the folder yet."""
    config = configured(case, quick)
    settings, initial = config.training_settings(), None
    if case != case.first:
        initial = trained(case.first, quick, folder, progress=progress)
        settings = trained_on(settings, quick)
    return train_once(
        folder / f"{case.name}.surrogate", config.training_data(), settings, initial=initial,
        on_status=print_progress(case.name) if progress else None,
    )  # fmt: skip


def explored(problem: Problem, case: Case, **where: Any) -> ld.Landscape:
    """The landscape within the region of the data."""
    problem.domain = domain_from_dict(case.domain)
    return ld.explore(problem, start=[0.15, 0.25], max_index=2, **where)
