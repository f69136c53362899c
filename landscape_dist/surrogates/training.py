"""Training a network on data: Adam in batches, then all points at once, with checkpoints and held-out points."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError
from landscape_dist.problems.fingerprint import canonical_json, digest
from landscape_dist.records import FloatArray, IntArray
from landscape_dist.surrogates.adam import Adam
from landscape_dist.surrogates.assembly import assembled, errors, held_out_rows
from landscape_dist.surrogates.checkpoints import read_checkpoint, write_checkpoint
from landscape_dist.surrogates.data import TrainingData
from landscape_dist.surrogates.features import Features
from landscape_dist.surrogates.finish import Finish, Lbfgs
from landscape_dist.surrogates.least_squares import LevenbergMarquardt, check_least_squares
from landscape_dist.surrogates.objective import Objective
from landscape_dist.surrogates.perceptron import Perceptron, layers_of
from landscape_dist.surrogates.problem import Surrogate
from landscape_dist.surrogates.settings import TrainingSettings
from landscape_dist.toml_file import nearest

REPORT_SECONDS = 0.5
_KEPT_LOSSES = 200


@dataclass(frozen=True)
class TrainingStatus:
    """How a training is going.

    Attributes:
        phase: 'adam' or 'finish'. done, total: epochs or iterations. loss: mean over the last epoch, or after the last
        iteration, with the weight decay. validation: of the held-out points, without it; nan where there are none.
        rate: learning rate.
    """

    phase: str
    done: int
    total: int
    loss: float
    validation: float
    rate: float


OnStatus = Callable[[TrainingStatus], None]


def train(
    data: TrainingData,
    settings: TrainingSettings | None = None,
    *,
    name: str = "surrogate",
    initial: Surrogate | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str | None = None,
    on_status: OnStatus | None = None,
    **changes: Any,
) -> Surrogate:
    """Fit a network to data.

    Coordinates and energies are standardised to mean 0 and standard deviation 1; the surrogate undoes that, its x and
    energies are those of the data.  The same data and settings give the same weights on the same machine, also when
    the training was interrupted and resumed from its checkpoint.

    Args:
        data: what to fit.
        settings: how; single ones can be given by name as well.
        name: of the surrogate.
        initial: a surrogate of the same architecture whose weights, features and units are taken over, to train on.
        checkpoint: file to keep the state in; where it exists, the training goes on from it.
        device: torch device to train on, such as "cuda"; None is the CPU, with NumPy.
        on_status: called twice a second at most, and at the end of a phase.
        changes: fields of `TrainingSettings`.

    Raises:
        SettingsError: a setting that cannot work, an initial surrogate of another kind, or a checkpoint of another
            training.
    """
    settings = training_settings(settings, changes)
    return _Training(data, settings, name, initial, None if checkpoint is None else Path(checkpoint), device).run(
        on_status or (lambda status: None)
    )


def training_settings(settings: TrainingSettings | None, changes: dict[str, Any]) -> TrainingSettings:
    """Settings with single fields changed.

    Raises:
        SettingsError: no such field, or a value that cannot work.
    """
    known = TrainingSettings.__dataclass_fields__
    for key in changes:
        if key not in known:
            raise SettingsError(f"no training setting named {key!r}{nearest(key, known)}")
    return dataclasses.replace(settings or TrainingSettings(), **changes)


class _Training:
    def __init__(
        self, data: TrainingData, settings: TrainingSettings, name: str, initial: Surrogate | None,
        checkpoint: Path | None, device: str | None,
    ) -> None:  # fmt: skip
        self.data, self.settings, self.name, self.initial = data, settings, name, initial
        self.checkpoint, self.device = checkpoint, device
        if initial is None:
            self.features = Features.standardising(data.inputs, data.input_periods, settings.harmonics)
            self.shift = float(data.energy.mean())
            self.scale = float(data.energy.std()) or 1.0
        else:
            self._check(initial)
            self.features, self.shift, self.scale = initial.features, initial.energy_shift, initial.energy_scale
        if settings.finish == "levenberg_marquardt" and settings.finish_iterations:
            check_least_squares(self.features.n_features, settings.hidden)
        self.fitted, self.held_out = held_out_rows(len(data), settings.validation, settings.seed)
        self.membership = self.features.membership(data.dim)
        start = "" if initial is None else initial.fingerprint()
        self.digest = digest(data.digest(), canonical_json(settings.as_dict()), start)
        self.curve: list[list[float]] = []

    def _check(self, initial: Surrogate) -> None:
        model = initial.model
        if not isinstance(model, Perceptron) or model.hidden != self.settings.hidden:
            raise SettingsError(
                f"initial is a {model.kind} of widths {getattr(model, 'hidden', '-')} and training setting hidden is "
                f"{self.settings.hidden}; give the same widths"
            )
        theirs = len(initial.coordinates), initial.features.n_inputs - len(initial.coordinates)
        ours = self.data.dim, len(self.data.parameter_names)
        if theirs != ours:
            raise SettingsError(
                f"initial takes {theirs[0]} variables and {theirs[1]} parameters, and the data have {ours[0]} and "
                f"{ours[1]}; give data of the same variables and parameters"
            )
        periods = tuple(self.data.input_periods.tolist())
        if initial.features.period != periods:
            raise SettingsError(
                f"initial has periods {initial.features.period} and the data have {periods}; give data of the same"
            )

    # -- arrays -------------------------------------------------------------------------------------------------
    def _arrays(self, rows: IntArray, dtype: str, device: str | None, ordered: bool = True) -> dict[str, Any]:
        """Features, energies, slopes and gradients, standardised, resident as one array each.

        Ordered, rows with a gradient come first, and slopes and gradients are of these only.
        """
        data = self.data.rows(rows)
        A, first, _ = self.features.with_derivatives(data.inputs)
        scale = np.array(self.features.scale)
        arrays = {"A": A, "y": (data.energy - self.shift) / self.scale}
        if data.gradient is not None and self.settings.gradient_weight:
            arrays["slopes"] = first * scale[list(self.features.owner)]
            arrays["gradient"] = data.gradient * scale[: data.dim] / self.scale
            if ordered:
                arrays = _with_gradients_first(arrays)
        if device is None:
            return {key: np.ascontiguousarray(value, dtype=dtype) for key, value in arrays.items()}
        import torch

        return {
            key: torch.as_tensor(value, dtype=getattr(torch, dtype), device=device) for key, value in arrays.items()
        }

    def _objective(self, arrays: dict[str, Any], device: str | None) -> Objective:
        like = arrays["A"]
        if device is None:
            xp: Any = np
            membership: Any = self.membership.astype(like.dtype)
        else:
            import torch

            xp, membership = torch, torch.as_tensor(self.membership, dtype=like.dtype, device=device)
        return Objective(
            self.features.n_features, self.settings.hidden, membership,
            gradient_weight=self.settings.gradient_weight, weight_decay=self.settings.weight_decay, xp=xp, like=like,
        )  # fmt: skip

    # -- the whole ----------------------------------------------------------------------------------------------
    def run(self, on_status: OnStatus) -> Surrogate:
        self.began, self.spent = time.process_time(), 0.0
        self.on_status, self.reported = on_status, 0.0
        state = read_checkpoint(self.checkpoint, self.digest) if self.checkpoint is not None else None
        if state is None:
            model = self.initial.model if self.initial is not None else None
            if not isinstance(model, Perceptron):
                model = Perceptron.random(self.features.n_features, self.settings.hidden, self.settings.seed)
            theta = model.vector()
            state = {"theta": theta, "best": theta, "best_loss": np.inf, "best_epoch": 0, "epoch": 0, "iteration": 0}
        else:
            self.curve = np.asarray(state.get("curve", np.empty((0, 3)))).tolist()
            self.spent = float(state.get("cpu_seconds", 0.0))  # by the processes that were stopped
        # BLAS may set the flag by what lies beside small arrays, whose product it does not use; what is really not
        # finite shows in the weights.
        with np.errstate(invalid="ignore"):
            state = self._adam(state)
            state = self._finish(state)
        theta = np.asarray(state["best"] if len(self.held_out) else state["theta"], dtype=np.float64)
        if not np.isfinite(theta).all():
            raise SettingsError(
                f"training setting learning_rate is {self.settings.learning_rate} and the weights of {self.name} are "
                "no longer finite; give a smaller one"
            )
        return self._surrogate(theta, state)

    def _adam(self, state: dict[str, Any]) -> dict[str, Any]:
        settings = self.settings
        if int(state["epoch"]) >= settings.epochs:
            return state
        data = self._arrays(self.fitted, settings.dtype, self.device, ordered=False)
        held = self._arrays(self.held_out, settings.dtype, self.device) if len(self.held_out) else None
        objective = self._objective(data, self.device)
        theta = objective.theta
        theta[...] = self._here(state["theta"], theta)
        adam = Adam(theta, objective.xp)
        if "m" in state:
            adam.m[...], adam.v[...] = self._here(state["m"], theta), self._here(state["v"], theta)
            adam.n_steps = int(state["n_steps"])
        best, best_loss, best_epoch = state["best"], float(state["best_loss"]), int(state["best_epoch"])
        known = None
        if "gradient" in data:
            known = np.isfinite(self.data.rows(self.fitted).gradient[:, 0])  # type: ignore[index]
        every = max(1, settings.epochs // _KEPT_LOSSES)
        for epoch in range(int(state["epoch"]), settings.epochs):
            if settings.patience is not None and epoch - best_epoch > settings.patience:
                break
            loss = self._epoch(objective, adam, data, known, epoch)
            validation = np.nan
            if held is not None:
                validation = _loss(objective, held)
                if validation < best_loss:
                    best, best_loss, best_epoch = self._back(theta), validation, epoch
            if epoch % every == 0 or epoch == settings.epochs - 1:
                self.curve.append([float(epoch + 1), loss, validation])
            self._report("adam", epoch + 1, settings.epochs, loss, validation, settings.rate(epoch))
            if (epoch + 1) % settings.checkpoint_epochs == 0 and epoch + 1 < settings.epochs:
                self._keep(state | self._state(theta, adam, epoch + 1, best, best_loss, best_epoch))
        done = self._state(theta, adam, settings.epochs, best, best_loss, best_epoch)
        if held is not None:
            done["theta"] = best  # the finish starts from what is best
        self._keep(state | done)
        return state | done

    def _epoch(self, objective: Objective, adam: Adam, data: dict[str, Any], known: Any, epoch: int) -> float:
        """One pass over the data in an order that only seed and epoch decide, so that a resumed one is the same."""
        n, size = len(data["y"]), self.settings.batch_size
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(n)
        n_known = np.zeros(-(-n // size), dtype=int)
        if known is not None:  # in each batch, rows with a gradient come first
            batch = np.arange(n) // size
            order = order[np.lexsort((~known[order], batch))]
            n_known = np.bincount(batch[known[order]], minlength=len(n_known))
        shuffled = {key: array[order] for key, array in data.items()}
        rate = self.settings.rate(epoch)
        total = 0.0
        for k, begin in enumerate(range(0, n, size)):
            rows = slice(begin, min(begin + size, n))
            part = [shuffled["A"][rows], shuffled["y"][rows]]
            if n_known[k]:
                with_gradient = slice(begin, begin + int(n_known[k]))
                part += [shuffled["slopes"][with_gradient], shuffled["gradient"][with_gradient]]
            total += objective(*part) * (rows.stop - begin)
            adam.step(objective.theta, objective.grad, rate)
        return total / n

    def _finish(self, state: dict[str, Any]) -> dict[str, Any]:
        """In rounds that need nothing but what is kept between them: one interrupted goes on as if it had not been."""
        total = self.settings.finish_iterations
        if int(state["iteration"]) >= total:
            return state
        data = self._arrays(self.fitted, "float64", None)
        held = self._arrays(self.held_out, "float64", None) if len(self.held_out) else None
        objective = self._objective(data, None)
        finish: Finish = Lbfgs(objective, data)
        if self.settings.finish == "levenberg_marquardt":
            finish = LevenbergMarquardt(
                data, self.settings.hidden, self.settings.weight_decay, state.get("damping"),
                gradient_weight=self.settings.gradient_weight, membership=self.membership,
            )  # fmt: skip
        theta = np.array(state["theta"], dtype=np.float64)
        best, best_loss = np.asarray(state["best"], dtype=np.float64), np.inf
        if held is not None:
            objective.theta[...] = best
            best_loss = _loss(objective, held)
        iteration = int(state["iteration"])
        while iteration < total:
            wanted = min(finish.round, total - iteration)
            theta, loss, taken = finish.advance(theta, wanted)
            iteration = total if taken < wanted else iteration + taken
            objective.theta[...] = theta
            validation = np.nan if held is None else _loss(objective, held)
            worse = held is not None and validation > best_loss
            if held is not None and not worse:
                best, best_loss = theta, validation
            self.curve.append([float(self.settings.epochs + iteration), loss, validation])
            self._report("finish", iteration, total, loss, validation, np.nan)
            state = state | {"theta": theta, "best": best, "best_loss": best_loss, "iteration": iteration}
            state |= finish.kept()
            if worse:  # on noisy data the finish learns the noise: go no further
                state["iteration"] = total
            self._keep(state)
            iteration = int(state["iteration"])
        return state

    # -- state --------------------------------------------------------------------------------------------------
    def _state(
        self, theta: Any, adam: Adam, epoch: int, best: Any, best_loss: float, best_epoch: int
    ) -> dict[str, Any]:
        return {
            "theta": self._back(theta), "m": self._back(adam.m), "v": self._back(adam.v), "n_steps": adam.n_steps,
            "epoch": epoch, "best": best, "best_loss": best_loss, "best_epoch": best_epoch,
        }  # fmt: skip

    def _here(self, array: Any, like: Any) -> Any:
        if self.device is None:
            return np.asarray(array, dtype=like.dtype)
        import torch

        return torch.as_tensor(np.asarray(array), dtype=like.dtype, device=like.device)

    def _back(self, array: Any) -> Any:
        return array.copy() if self.device is None else array.cpu().numpy().copy()

    def _cpu_seconds(self) -> float:
        """Of all sessions of this training, up to the checkpoint that each went on from."""
        return self.spent + time.process_time() - self.began

    def _keep(self, state: dict[str, Any]) -> None:
        if self.checkpoint is not None:
            more = {"curve": np.array(self.curve).reshape(-1, 3), "cpu_seconds": self._cpu_seconds()}
            write_checkpoint(self.checkpoint, state | more, self.digest)

    def _report(self, phase: str, done: int, total: int, loss: float, validation: float, rate: float) -> None:
        now = time.monotonic()
        if now - self.reported >= REPORT_SECONDS or done == total:
            self.reported = now
            self.on_status(TrainingStatus(phase, done, total, loss, validation, rate))

    def _surrogate(self, theta: FloatArray, state: dict[str, Any]) -> Surrogate:
        data, settings = self.data, self.settings
        layers = layers_of(theta.copy(), (self.features.n_features, *settings.hidden, 1))
        surrogate = assembled(Perceptron(layers), self.features, self.shift, self.scale, data, self.name)
        surrogate.provenance = {
            "data": data.as_dict(),
            "settings": settings.as_dict(),
            "initial": None if self.initial is None else self.initial.fingerprint(),
            "errors": errors(surrogate, data, self.fitted, self.held_out),
            "loss_curve": {"columns": ["epoch or iteration", "loss", "validation"], "rows": _plain(self.curve)},
            "best_epoch": int(state["best_epoch"]),
            "cpu_seconds": round(self._cpu_seconds(), 3),
            "device": self.device or "numpy",
        }
        return surrogate


def _with_gradients_first(arrays: dict[str, FloatArray]) -> dict[str, FloatArray]:
    known = np.isfinite(arrays["gradient"][:, 0])
    order = np.argsort(~known, kind="stable")
    n_known = {"slopes": int(known.sum()), "gradient": int(known.sum())}
    return {key: array[order][: n_known.get(key)] for key, array in arrays.items()}


def _loss(objective: Objective, data: dict[str, Any]) -> float:
    return objective.loss(*(data[key] for key in ("A", "y", "slopes", "gradient") if key in data))


def _plain(curve: list[list[float]]) -> list[list[float | None]]:
    """JSON has no nan."""
    return [[None if np.isnan(value) else float(f"{value:.6g}") for value in row] for row in curve]
