"""Hill activation and repression."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, final

import jax.numpy as jnp

from jumpax._base.errors import InputError
from jumpax._base.math import power
from jumpax._base.types import Real
from jumpax.networks.laws.law import AbstractLaw, Reactants
from jumpax.networks.laws.rate import Rate, Values, as_name, as_rate, names, quotient, text, value


@final
@dataclass(frozen=True)
class Hill(AbstractLaw):
    """Production that one species, the regulator, switches on or off.

    With x the count of the regulator, K the threshold and h the exponent, the propensity is
    `basal + maximum (x/K)^h / (1 + (x/K)^h)` for activation and `basal + maximum / (1 + (x/K)^h)` for repression.
    The reactants play no part in it. It is computed from the smaller of x/K and K/x, so that it neither overflows nor
    cancels, and its derivatives with respect to x, K, h are finite at x = 0 for every h > 0 (for h < 1 the derivative
    with respect to x is infinite there, and is given as 0).

    Args:
        regulator: the species that is read.
        maximum: propensity added when fully on, 1/time.
        threshold: count at which it is half on, > 0.
        exponent: steepness, dimensionless; integers from 1 to 4 need no logarithm.
        basal: propensity when fully off, 1/time.
        kind: "activation" or "repression".

    Examples:
        >>> Hill("P", "beta", "K", 2, kind="repression").formula(())
        'beta / (1 + (P / K)^2)'
    """

    regulator: str
    maximum: Rate
    threshold: Rate
    exponent: Rate
    basal: Rate = 0.0
    kind: Literal["activation", "repression"] = "activation"

    def __post_init__(self):
        as_name("Hill", "regulator", self.regulator)
        for role in ("maximum", "threshold", "exponent", "basal"):
            object.__setattr__(self, role, as_rate("Hill", role, getattr(self, role)))
        if self.threshold == 0.0:
            raise InputError("Hill: threshold must be above 0")
        if self.kind not in ("activation", "repression"):
            raise InputError(f"Hill: kind must be 'activation' or 'repression', not {self.kind!r}")

    def species(self, reactants: Reactants) -> tuple[str, ...]:
        """The regulator."""
        return (self.regulator,)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of maximum, threshold, exponent and basal that are names."""
        return names(self.maximum, self.threshold, self.exponent, self.basal)

    @property
    def nonnegative(self) -> tuple[str, ...]:
        """All of them."""
        return self.parameters

    @property
    def never_negative(self) -> bool:
        """Always."""
        return True

    @property
    def time_dependent(self) -> bool:
        """Never."""
        return False

    def resolve(self, species: Collection[str]) -> "Hill":
        """Itself."""
        return self

    def propensity(self, counts: Values, theta: Values, time: Real, reactants: Reactants) -> Real:
        """`basal + maximum * (share of the time that it is on)`."""
        x, threshold = counts[self.regulator], value(self.threshold, theta)
        below = x < threshold
        # selects, not minimum and maximum: those halve the derivatives where x equals the threshold
        ratio = quotient(jnp.where(below, x, threshold), jnp.where(below, threshold, x))
        small = _power(ratio, value(self.exponent, theta))
        on = jnp.where(below, small, 1.0) if self.kind == "activation" else jnp.where(below, 1.0, small)
        result = value(self.maximum, theta) * (on / (1.0 + small))
        return result if self.basal == 0.0 else value(self.basal, theta) + result

    def formula(self, reactants: Reactants) -> str:
        """For example `b + beta / (1 + (P / K)^h)`."""
        ratio = f"({self.regulator} / {text(self.threshold)})^{text(self.exponent)}"
        above = f" * {ratio}" if self.kind == "activation" else ""
        basal = "" if self.basal == 0.0 else f"{text(self.basal)} + "
        return f"{basal}{text(self.maximum)}{above} / (1 + {ratio})"


def _power(base: Real, exponent: Real | float) -> Real:
    """base^exponent; plain products for the exponents that people write as numbers."""
    if isinstance(exponent, float) and exponent in (1.0, 2.0, 3.0, 4.0):
        square = base * base
        return {1.0: base, 2.0: square, 3.0: square * base, 4.0: square * square}[exponent]
    if isinstance(exponent, float) and exponent > 1.0:
        return power(base, exponent)
    # the slope of base^exponent is infinite at 0 here, and infinity times a zero tangent is not a number
    steep = (base == 0.0) & (exponent < 1.0)
    return jnp.where(steep, 0.0, power(jnp.where(steep, 1.0, base), exponent))
