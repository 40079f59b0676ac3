"""A number of a start: plain, a parameter by name, or a function of parameters."""

from collections.abc import Callable
from typing import Any, TypeAlias

from jumpax._base import given
from jumpax._base.types import Numeric, ParameterValues
from jumpax.networks.laws.rate import as_rate

Amount: TypeAlias = str | float | Callable[..., Any]
"""Such as `4.5`, `"m"`, or `lambda birth, death: birth / death`, elementwise JAX, whose argument names are parameters."""


def as_amount(law: str, role: str, amount: Any) -> Amount:
    """`amount`, checked.

    Raises:
        InputError: not a finite number that is no less than 0, a name, or a function of parameters.
    """
    if callable(amount) and not isinstance(amount, type):
        given.arguments_of(amount, f"{law}: {role}")
        return amount
    return as_rate(law, role, amount)


def names_of(amount: Amount) -> tuple[str, ...]:
    """The parameters that it reads."""
    if isinstance(amount, str):
        return (amount,)
    return given.arguments_of(amount, "an amount") if callable(amount) else ()


def value_of(amount: Amount, theta: ParameterValues) -> Numeric:
    """The number behind it."""
    if isinstance(amount, str):
        return theta[amount]
    if callable(amount):
        return given.call(
            amount, tuple(theta[name] for name in names_of(amount)), "a function of parameters for the start"
        )
    return amount
