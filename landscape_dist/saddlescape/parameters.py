"""SaddleScape's constructor keywords: their types, defaults, and the checks that they undergo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_dist.errors import SettingsError

Check = Callable[[str, Any], Any]


# -- checks: name, value -> value as used ---------------------------------------------------------------------------
def _number(name: str, value: Any) -> float:
    """A real number; integers are welcome."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise SettingsError(f"{name} is {value!r}; give a number")
    if not np.isfinite(value):
        raise SettingsError(f"{name} is {value!r}; give a finite number")
    return float(value)


def _positive(name: str, value: Any) -> float:
    if not (number := _number(name, value)) > 0:
        raise SettingsError(f"{name} is {value!r}; give a positive number")
    return number


def _not_negative(name: str, value: Any) -> float:
    if not (number := _number(name, value)) >= 0:
        raise SettingsError(f"{name} is {value!r}; give 0 or a positive number")
    return number


def _below_one(name: str, value: Any) -> float:
    if not 0 <= (number := _number(name, value)) < 1:
        raise SettingsError(f"{name} is {value!r}; give a number in [0, 1)")
    return number


def check_count(least: int) -> Check:
    """The check of a whole number of at least so much."""

    def check(name: str, value: Any) -> int:
        number = _number(name, value)
        if number != int(number) or number < least:
            raise SettingsError(f"{name} is {value!r}; give a whole number of at least {least}")
        return int(number)

    return check


def check_flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise SettingsError(f"{name} is {value!r}; give True or False")
    return bool(value)


def _one_of(*allowed: Any) -> Check:
    def check(name: str, value: Any) -> Any:
        key = value.lower() if isinstance(value, str) else value
        if isinstance(key, bool) or key not in allowed:
            raise SettingsError(f"{name} is {value!r}; use one of {', '.join(map(repr, allowed))}")
        return key

    return check


def _or_none(inner: Check) -> Check:
    return lambda name, value: None if value is None else inner(name, value)


def _function(name: str, value: Any) -> Any:
    if not callable(value):
        raise SettingsError(f"{name} is {value!r}; give a function")
    return value


def _energy(name: str, value: Any) -> Any:
    if not (isinstance(value, str) or callable(value)):
        raise SettingsError(f"{name} is {value!r}; give a formula in x1, x2, ... as text, or a function of (d, 1)")
    return value


def _gradient(name: str, value: Any) -> Any:
    if callable(value):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(part, str | int | float) for part in value):
        return [str(part) for part in value]
    raise SettingsError(f"{name} is {value!r}; give a list of d formulas as text, or a function of (d, 1) arrays")


def _judgement(name: str, value: Any) -> Any:
    from landscape_dist.spaces.judgement import SameJudgement

    if callable(value) or isinstance(value, SameJudgement):
        return value
    try:
        return _positive(name, value)
    except SettingsError:
        raise SettingsError(
            f"{name} is {value!r}; give a distance, a function of two (d, 1) arrays, or a judgement of "
            "landscape_dist.spaces.judgement"
        ) from None


def column(name: str, value: Any) -> np.ndarray:
    """(d,), (d, 1) or (1, d) -> (d,) float64."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise SettingsError(f"{name} is {value!r}; give a list of d numbers") from None
    if array.size == 0 or array.size != max(array.shape, default=1) or not np.isfinite(array).all():
        raise SettingsError(f"{name} has shape {array.shape}; give d finite numbers, as (d,) or (d, 1)")
    return array.reshape(-1)


def _directions(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise SettingsError(f"{name} has shape {array.shape}; give a (d, k) array, a direction a column")
    if np.abs(array.T @ array - np.eye(array.shape[1])).max(initial=0.0) > 1e-6:
        raise SettingsError(f"the columns of {name} are not orthonormal; give numpy.linalg.qr(...)[0]")
    return array


# -- the table ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Parameter:
    """One constructor keyword: its default as documented and the check of its value."""

    default: Any
    check: Check


PARAMETERS: dict[str, Parameter] = {
    # system
    "Dim": Parameter(None, _or_none(check_count(1))),
    "EnergyFunction": Parameter(None, _or_none(_energy)),
    "Grad": Parameter(None, _or_none(_gradient)),
    "AutoDiff": Parameter(None, _or_none(check_flag)),
    "NumericalGrad": Parameter(False, check_flag),
    "DimerLength": Parameter(1e-5, _positive),
    "SymmetryCheck": Parameter(True, check_flag),
    "GradientSystem": Parameter(None, _or_none(check_flag)),
    # Hessian
    "ExactHessian": Parameter(False, check_flag),
    "HessianDimerLength": Parameter(1e-5, _positive),
    # eigenpairs
    "EigenMethod": Parameter(None, _or_none(_one_of("lobpcg", "euler", "power"))),
    "EigenMaxIter": Parameter(10, check_count(1)),
    "EigenStepSize": Parameter(1e-7, _positive),
    "PrecisionTol": Parameter(1e-5, _not_negative),
    "EigvecUnified": Parameter(False, check_flag),
    # acceleration
    "BBStep": Parameter(False, check_flag),
    "Acceleration": Parameter("none", _one_of("none", "heavyball", "nesterov")),
    "NesterovChoice": Parameter(1, _one_of(1, 2)),
    "NesterovRestart": Parameter(None, _or_none(check_count(1))),
    "Momentum": Parameter(0.0, _below_one),
    # solver
    "InitialPoint": Parameter(None, column),
    "Tolerance": Parameter(1e-6, _positive),
    "SearchArea": Parameter(1e3, _positive),
    "TimeStep": Parameter(1e-4, _positive),
    "MaxIter": Parameter(1000, check_count(1)),
    "SaveTrajectory": Parameter(True, check_flag),
    "Verbose": Parameter(False, check_flag),
    "ReportInterval": Parameter(100, check_count(1)),
    "CustomTD": Parameter(None, _or_none(_function)),
    "CustomTD_Step": Parameter(None, _or_none(check_count(1))),
    # landscape
    "MaxIndex": Parameter(6, check_count(0)),
    "MaxIndexGap": Parameter(1, check_count(1)),
    "SameJudgementMethod": Parameter(1e-3, _judgement),
    "InitialEigenVectors": Parameter(None, _or_none(_directions)),
    "PerturbationMethod": Parameter("uniform", _one_of("uniform", "gaussian")),
    "PerturbationRadius": Parameter(1e-4, _positive),
    "PerturbationNumber": Parameter(2, check_count(1)),
    "EigenCombination": Parameter("all", _one_of("all", "min")),
}

# Other spellings in SaddleScape's documentation, gallery and attributes.
ALIASES = {
    "SameJudgement": "SameJudgementMethod",
    "CustomTD Step": "CustomTD_Step",
    "CustomTDStep": "CustomTD_Step",
    "AutoGrad": "AutoDiff",
    "acceme": "Acceleration",
    "Accelerate": "Acceleration",
}

# Keywords that SaddleScape does not have.
ADDITIONS: dict[str, Parameter] = {
    "scheme": Parameter("adaptive", _one_of("adaptive", "as_given")),
    "upward": Parameter("none", _one_of("none", "auto", "all")),
    "store": Parameter(None, lambda name, value: value),
    "client": Parameter(None, lambda name, value: value),
    "workers": Parameter(None, _or_none(check_count(1))),
}


def canonical(name: str) -> str:
    """The documented spelling of a keyword.

    Raises:
        SettingsError: there is none, with the nearest that there is.
    """
    name = ALIASES.get(name, name)
    if name in PARAMETERS or name in ADDITIONS:
        return name
    from landscape_dist.toml_file import nearest

    raise SettingsError(f"no parameter named {name!r}{nearest(name, {*PARAMETERS, *ADDITIONS})}")


class Values:
    """Checked values of all parameters; `stated` are those that the user has given."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._values = {name: p.default for name, p in {**PARAMETERS, **ADDITIONS}.items()}
        self.stated: set[str] = set()
        for name, value in given.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._values[canonical(name)]

    def __setitem__(self, name: str, value: Any) -> None:
        known = canonical(name)
        self._values[known] = {**PARAMETERS, **ADDITIONS}[known].check(name, value)
        self.stated.add(known)

    def copy(self) -> Values:
        """An independent copy."""
        other = Values({})
        other._values, other.stated = dict(self._values), set(self.stated)
        return other
