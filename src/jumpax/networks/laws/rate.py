"""A rate constant of a law: the name of a parameter, or a plain number."""

import math
from collections.abc import Mapping
from typing import TypeAlias

import jax

from jumpax._base.errors import InputError
from jumpax._base.types import Real

Rate: TypeAlias = str | float
Values: TypeAlias = Mapping[str, Real]


def as_rate(law: str, role: str, rate: object, *, nonnegative: bool = True) -> Rate:
    """`rate` as a name or a Python number (a weak constant, so that float32 stays float32).

    Raises:
        InputError: not a name, not a finite number, or negative where that makes no sense.
    """
    if isinstance(rate, str):
        return as_name(law, role, rate)
    try:
        number = float(rate)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(rate, bool):
        raise InputError(f"{law}: {role} must be the name of a parameter or a finite number, not {rate!r}")
    if nonnegative and number < 0:
        raise InputError(f"{law}: {role} must not be negative, but is {number:g}")
    return number


def as_name(law: str, role: str, name: object) -> str:
    """`name` if it is a string without white space; InputError otherwise."""
    if not isinstance(name, str) or not name or any(c.isspace() for c in name):
        raise InputError(f"{law}: {role} must be a name without white space, not {name!r}")
    return name


def value(rate: Rate, theta: Values) -> Real | float:
    """The number behind a rate."""
    return theta[rate] if isinstance(rate, str) else rate


def names(*rates: Rate) -> tuple[str, ...]:
    """The parameters among the rates, each once, in order."""
    return tuple(dict.fromkeys(rate for rate in rates if isinstance(rate, str)))


def text(rate: Rate) -> str:
    """A rate as it stands in a formula."""
    return rate if isinstance(rate, str) else f"{rate:.12g}"


@jax.custom_jvp
def quotient(over: Real, under: Real) -> Real:
    """The quotient of two numbers, whose derivatives do not square the one below: that would leave float32 at 1e-20 or 1e20."""
    return over / under


@quotient.defjvp
def _quotient_jvp(primals, tangents):
    (over, under), (d_over, d_under) = primals, tangents
    value = quotient(over, under)
    return value, (d_over - value * d_under) / under
