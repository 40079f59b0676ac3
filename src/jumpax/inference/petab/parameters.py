"""The parameter table of a PEtab problem: what is found, what is fixed."""

import dataclasses
import math
from collections.abc import Mapping

from jumpax._base.errors import InputError
from jumpax.importers.faults import Faults
from jumpax.inference.parameters import Fixed, Free, Parameter, off_bounds
from jumpax.inference.petab.parameter_priors import SCALES, prior
from jumpax.inference.petab.table import Row

_YES, _NO = ("1", "1.0", "true"), ("0", "0.0", "false")
_WIDE = 100.0
"""Factor between positive bounds from which on version 2, which has no scales, is searched by orders of magnitude."""


def read_parameters(table: Mapping[str, Row], version: str, faults: Faults, notes: list[str]) -> dict[str, Parameter]:
    """`Free` or `Fixed` by name.

    A scale log or log10 is one of orders of magnitude between the bounds: `Free(..., logarithmic=True)`, the `Free.box` of the
    bounds, begun at the nominal value.

    Args:
        table: rows by name.
        version: of PEtab, "1" or "2".
        faults: takes what is wrong.
        notes: takes what is changed.
    """
    found: dict[str, Parameter] = dict.fromkeys(table, Fixed(1.0))  # what has a fault is told, and stays so
    for name, row in table.items():
        with faults.of(f"{row}: parameter {name!r}"):
            made = _parameter(name, row, version, faults, notes)
            if made is not None:
                found[name] = made
    return found


def _parameter(name: str, row: Row, version: str, faults: Faults, notes: list[str]) -> Parameter | None:
    estimate, nominal = row.get("estimate").lower(), row.number("nominalValue", faults)
    if estimate in _NO:
        if nominal is None:
            raise InputError("it is not estimated, and has no nominalValue")
        return Fixed(nominal)
    if estimate not in _YES:
        raise InputError(f"estimate must be 1 or 0, not {row.get('estimate')!r}")
    scale = row.get("parameterScale", "lin") if version == "1" else "lin"
    if scale not in SCALES:
        raise InputError(f"parameterScale must be lin, log or log10, not {scale!r}")
    lower, upper = row.number("lowerBound", faults), row.number("upperBound", faults)
    low = (0.0 if scale != "lin" else -math.inf) if lower is None else lower
    high = math.inf if upper is None else upper
    if scale != "lin" and low < 0:
        raise InputError(f"its lowerBound {low:g} has no logarithm, and its parameterScale is {scale}")
    orders = scale != "lin" if version == "1" else high >= _WIDE * low
    made = _free(nominal, low, high, orders and low > 0 and math.isfinite(high))
    if nominal is not None and not low <= nominal <= high:
        notes.append(
            f"the nominal value {nominal:g} of {name!r} is not between its bounds: {made.value:g} in its place"
        )
    return dataclasses.replace(made, prior=prior(row, version, scale, low, high))


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
