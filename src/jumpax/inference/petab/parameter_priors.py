"""Priors of a PEtab problem."""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from jumpax._base.errors import InputError, unknown_name
from jumpax.inference.petab.table import Row, number
from jumpax.inference.priors import (
    AbstractPrior,
    Cauchy,
    Exponential,
    Gamma,
    Laplace,
    LogLaplace,
    LogNormal,
    LogUniform,
    Normal,
    Rayleigh,
    Uniform,
)

SCALES = {"lin": 1.0, "log": 1.0, "log10": math.log(10.0)}
"""By the name of a scale, the factor that makes natural logarithms of it."""
_ON_SCALE = "parameterScale"
_COLUMNS = {
    "1": ("objectivePriorType", "objectivePriorParameters"),
    "2": ("priorDistribution", "priorParameters"),
}

Law: TypeAlias = tuple[int, Callable[..., AbstractPrior]]
"""How many numbers it has, and what it is here."""
_PLAIN: Mapping[str, Law] = {"uniform": (2, Uniform), "normal": (2, Normal), "laplace": (2, Laplace)}
_OF_LOGARITHMS: Mapping[str, Law] = {
    "uniform": (2, lambda low, high: LogUniform(math.exp(low), math.exp(high))),
    "normal": (2, lambda mean, sd: LogNormal(math.exp(mean), sd)),
    "laplace": (2, lambda location, scale: LogLaplace(math.exp(location), scale)),
}
"""Of the natural logarithm of the parameter."""
_LAWS_1 = {**_PLAIN, "logNormal": _OF_LOGARITHMS["normal"], "logLaplace": _OF_LOGARITHMS["laplace"]}
_LAWS_2: Mapping[str, Law] = {
    **_PLAIN,
    "log-normal": _OF_LOGARITHMS["normal"],
    "log-laplace": _OF_LOGARITHMS["laplace"],
    "log-uniform": (2, LogUniform),
    "cauchy": (2, Cauchy),
    "chisquare": (1, lambda degrees: Gamma(degrees / 2, 0.5)),
    "exponential": (1, Exponential),
    "gamma": (2, lambda shape, scale: Gamma(shape, 1 / scale)),
    "rayleigh": (1, Rayleigh),
}


def prior(row: Row, version: str, scale: str, low: float, high: float) -> AbstractPrior | None:
    """The law of a parameter before the data are seen, by its row.

    Numbers of laws of version 1 that begin with parameterScale are on the scale of the parameter, log10 too; all others are of
    the parameter itself, or of its natural logarithm. Without one the law is even on that scale, between the bounds. Bounds
    cut all laws off, which is left to `Free`.

    Args:
        row: of the parameter table.
        version: of PEtab, "1" or "2".
        scale: "lin", "log" or "log10".
        low: bound.
        high: bound.

    Raises:
        InputError: it is none of those that the version has, or its numbers are wrong.
    """
    kinds, numbers = (row.get(column) for column in _COLUMNS[version])
    if version == "2" and numbers and not kinds:
        raise InputError("it has priorParameters, and no priorDistribution")
    kind = kinds or (f"{_ON_SCALE}Uniform" if version == "1" else "uniform")
    laws, factor = _laws(kind, version, scale)
    name = kind.removeprefix(_ON_SCALE).lower() if kind.startswith(_ON_SCALE) else kind
    if name == "uniform" and not numbers:
        return _even(laws is _OF_LOGARITHMS, low, high)
    if name not in laws:
        raise InputError(unknown_name("prior", kind, known(version)))
    many, law = laws[name]
    given = [number(word.strip()) for word in numbers.split(";")] if numbers else []
    if len(given) != many or None in given:
        raise InputError(f"the prior {kind} needs {many} number{'s, separated by ;' * (many > 1)}, not {numbers!r}")
    try:
        return law(*(factor * one for one in given if one is not None))
    except (OverflowError, ZeroDivisionError):
        raise InputError(f"the numbers {numbers} of the prior {kind} are beyond what a parameter can be") from None


def known(version: str) -> tuple[str, ...]:
    """Laws of a version."""
    return tuple(_LAWS_2) if version == "2" else (*_LAWS_1, *(f"{_ON_SCALE}{name.title()}" for name in _PLAIN))


def _laws(kind: str, version: str, scale: str) -> tuple[Mapping[str, Law], float]:
    """Laws, and the factor on their numbers."""
    if version == "2":
        return _LAWS_2, 1.0
    if not kind.startswith(_ON_SCALE):
        return _LAWS_1, 1.0
    return (_PLAIN if scale == "lin" else _OF_LOGARITHMS), SCALES[scale]


def _even(orders: bool, low: float, high: float) -> AbstractPrior | None:
    """Between the bounds; None where that is no law."""
    if not math.isfinite(low) or not math.isfinite(high) or (orders and low <= 0):
        return None
    return LogUniform(low, high) if orders else Uniform(low, high)
