"""The parameter table of a PEtab problem: what is found, what is fixed."""

import dataclasses
import math
from collections.abc import Mapping

from jumpax._base.errors import InputError
from jumpax.importers.faults import Faults
from jumpax.inference.parameters import Fixed, Free, Parameter, off_bounds
from jumpax.inference.petab.table import Row
from jumpax.inference.priors import (
    AbstractPrior,
    Exponential,
    Gamma,
    LogNormal,
    LogUniform,
    Normal,
    Uniform,
)

_SCALES = {"": 1.0, "lin": 1.0, "log": 1.0, "log10": math.log(10.0)}
"""By the name of a scale, the factor that makes natural logarithms of it."""
_YES, _NO = ("1", "1.0", "true"), ("0", "0.0", "false")


def read_parameters(table: Mapping[str, Row], faults: Faults, notes: list[str]) -> dict[str, Parameter]:
    """`Free` or `Fixed` by name.

    A scale log or log10 is one of orders of magnitude between the bounds: `Free(..., logarithmic=True)`, the `Free.box` of the
    bounds, begun at the nominal value.

    Args:
        table: rows by name.
        faults: takes what is wrong.
        notes: takes what is left out.
    """
    found: dict[str, Parameter] = dict.fromkeys(table, Fixed(1.0))  # what has a fault is told, and stays so
    for name, row in table.items():
        with faults.of(f"{row}: parameter {name!r}"):
            made = _parameter(row, faults, notes)
            if made is not None:
                found[name] = made
    return found


def _parameter(row: Row, faults: Faults, notes: list[str]) -> Parameter | None:
    estimate, nominal = row.get("estimate").lower(), row.number("nominalValue", faults)
    if estimate in _NO:
        if nominal is None:
            raise InputError("it is not estimated, and has no nominalValue")
        return Fixed(nominal)
    if estimate not in _YES:
        raise InputError(f"estimate must be 1 or 0, not {row.get('estimate')!r}")
    scale = row.get("parameterScale", "lin")
    if scale not in _SCALES:
        raise InputError(f"parameterScale must be lin, log or log10, not {scale!r}")
    lower, upper = row.number("lowerBound", faults), row.number("upperBound", faults)
    low = (0.0 if scale != "lin" else -math.inf) if lower is None else lower
    high = math.inf if upper is None else upper
    boxed = scale != "lin" and low > 0 and math.isfinite(high)
    prior = _prior(row, scale, notes)
    return dataclasses.replace(_free(nominal, low, high, boxed), prior=prior)


def _free(nominal: float | None, low: float, high: float, boxed: bool) -> Free:
    """Begun at the nominal value, else in the middle."""
    if boxed:
        middle = Free.box(low, high)
    elif math.isfinite(low) and math.isfinite(high):
        middle = Free((low + high) / 2, low, high)
    else:
        middle = Free(low + 1.0 if math.isfinite(low) else high - 1.0 if math.isfinite(high) else 0.0, low, high)
    if nominal is None or not low <= nominal <= high:
        return middle
    return dataclasses.replace(middle, value=off_bounds(middle.scale, nominal, low, high))


def _prior(row: Row, scale: str, notes: list[str]) -> AbstractPrior | None:
    """The law that a row gives for the objective; None where there is none, or what is noted."""
    kind = row.get("objectivePriorType") or row.get("priorDistribution")
    told = row.get("objectivePriorParameters") or row.get("priorParameters")
    if not kind:
        return None
    try:
        numbers = [float(word) for word in told.split(";")] if told else []
    except ValueError:
        raise InputError(f"the numbers of its prior are {told!r}, which are none") from None
    name = row.get("parameterId")
    made = _LAWS.get(kind)
    if kind.startswith("parameterScale"):
        made = _LAWS.get(kind.removeprefix("parameterScale").lower() + (" of logarithms" if scale != "lin" else ""))
        numbers = [number * _SCALES[scale] for number in numbers]
        if not numbers and kind == "parameterScaleUniform":
            return None
    if made is None:
        notes.append(
            f"the prior of {name!r}, {kind}, is left out: jumpax.priors has no such law. A fit uses no priors."
        )
        return None
    if len(numbers) != made[0]:
        raise InputError(f"the prior {kind} needs {made[0]} numbers, separated by ;, not {told!r}")
    return made[1](*numbers)


def _orders(low: float, high: float) -> AbstractPrior:
    return LogUniform(math.exp(low), math.exp(high))


def _factor(mean: float, sd: float) -> AbstractPrior:
    return LogNormal(math.exp(mean), sd)


_LAWS = {
    "uniform": (2, Uniform),
    "normal": (2, Normal),
    "logNormal": (2, _factor),
    "log-normal": (2, _factor),
    "log-uniform": (2, LogUniform),
    "uniform of logarithms": (2, _orders),
    "normal of logarithms": (2, _factor),
    "exponential": (1, Exponential),
    "gamma": (2, lambda shape, scale: Gamma(shape, 1 / scale)),
}
"""By the name of a law of PEtab: how many numbers it has, and what it is here."""
