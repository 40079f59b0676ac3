"""Several rates of one network as one observable."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.observables import mean_rates
from jumpax.observables.path_rate import AbstractPathRate


@dataclasses.dataclass(frozen=True, init=False)
class Rates:
    """Rates that are found from one simulation, and share the functions of the counts that they are made of.

    Args:
        rates: `Current`, `Activity`, `EntropyProduction` of one network.

    Raises:
        InputError: no rate, or rates of different networks.

    Examples:
        >>> import jumpax
        >>> from jumpax.observables import Activity, Current
        >>> ring = jumpax.Network([
        ...     jumpax.Reaction(f"S{i} <-> S{(i + 1) % 3}", jumpax.MassAction("p"), jumpax.MassAction("q"), name=f"bond{i}")
        ...     for i in range(3)
        ... ])
        >>> both = Rates(Current(ring, "bond0", "bond1", "bond2"), Activity(ring))
        >>> mean = jumpax.expectation(both, ring, {"S0": 1, "S1": 0, "S2": 0}, [1.0], paths=10)
        >>> theta = {"p": 2.0, "q": 1.0}
        >>> [float(rate[0]) for rate in both.rate(mean(theta, 0), theta)]
        [1.0, 3.0]
    """

    rates: tuple[AbstractPathRate, ...]

    def __init__(self, *rates: AbstractPathRate):
        if not rates or any(rate.network != rates[0].network for rate in rates):
            raise InputError("Rates needs one rate or more, all of one network")
        object.__setattr__(self, "rates", rates)

    def __call__(self, counts: Mapping[str, Float[Array, "..."]]) -> Float[Array, "*batch functions"]:
        """The functions of the counts of whose means the rates are made."""
        return mean_rates.functions(self.rates, counts)

    def rate(
        self, means: Float[Array, "*batch functions"], theta: Mapping[str, Any]
    ) -> tuple[Float[Array, "*batch"], ...]:
        """The mean rates, in their order."""
        return tuple(mean_rates.values(self.rates, means, theta))
