"""Amounts of a file as counts."""

import math
from dataclasses import dataclass
from typing import final

from jumpax._base import given
from jumpax._base.doubt import doubt
from jumpax._base.errors import InputError
from jumpax.networks.expressions.expression import Expression, Number, call

EXACT, CONVERTED = 1e-9, 1e-3
"""How far, relative to it, a whole number may be: rounding in float64; and moles written with three digits."""


@final
@dataclass(frozen=True)
class Counting:
    """How amounts of a file become counts.

    Attributes:
        rounded: whether to the nearest whole number, where they are not whole.
        per_unit: molecules in one unit of substance, whatever the file declares; None where it is as the file declares.
        open_start: whether amounts at the start are only examples, so that it does not matter which are not whole.

    Raises:
        InputError: `per_unit` is not a number above 0.
    """

    rounded: bool = False
    per_unit: float | None = None
    open_start: bool = False

    def __post_init__(self):
        number = self.per_unit
        if number is None:
            return
        if not (given.is_real(number) and math.isfinite(number) and number > 0):
            raise InputError(f"molecules_per_unit must be a finite number above 0, not {number!r}")
        object.__setattr__(self, "per_unit", float(number))


def whole(amount: float, *, converted: bool, rounded: bool) -> int:
    """The count that an amount of molecules is.

    Args:
        amount: molecules.
        converted: whether it comes from moles, so that few digits are as many as there are.
        rounded: whether to take the nearest whole number, the upper one of two, as BioNetGen's simulator does.

    Raises:
        InputError: it is no number, negative, or not whole. An amount that is not zero is never one of zero.

    Warns:
        JumpaxWarning: rounding makes it zero.

    Examples:
        >>> whole(6.022, converted=False, rounded=True), whole(60.000034, converted=True, rounded=False)
        (6, 60)
    """
    if not math.isfinite(amount):
        raise InputError(f"its initial amount {amount:.12g} is not a whole number of molecules")
    nearest = math.floor(amount + 0.5)
    if nearest < 0 or (amount < 0 and not rounded):
        raise InputError(f"its initial amount {amount:.12g} is negative, and not a whole number of molecules")
    if abs(amount - nearest) <= (CONVERTED if converted else EXACT) * abs(amount):
        return nearest
    if not rounded:
        hint = "; a file in moles must declare that unit" if nearest == 0 else ""
        raise InputError(
            f"its initial amount {amount:.12g} is not a whole number of molecules; round_counts=True of jumpax.read, --round "
            f"of the commands, takes {nearest}{hint}"
        )
    if nearest == 0:
        doubt(f"an initial amount of {amount:.12g} molecules is rounded to 0")
    return nearest


def said(species: str, amount: float, count: int) -> str:
    """The sentence about a count that is not just what the file says; empty where it is."""
    if abs(amount - count) <= EXACT * abs(amount):
        return ""
    return f"{species} starts with {amount:.9g} molecules, taken as {count}"


def near_whole(molecules: Expression, *, rounded: bool) -> Expression:
    """An amount that is no count of the file: the whole number that it is up to three digits, or the nearest if it is to be rounded.

    Else it stays itself, which is no count.
    """
    nearest = call("floor", call("add", molecules, Number(0.5)))
    if rounded:
        return nearest
    off = call("abs", call("subtract", molecules, nearest))
    near = call("le", off, call("multiply", Number(CONVERTED), call("abs", molecules)))
    return call("if", near, nearest, molecules)
