"""Currents: net crossings per time."""

import dataclasses
import functools

from jumpax._base.errors import InputError
from jumpax.networks import Network
from jumpax.observables.factors import Factors
from jumpax.observables.mean_rates import Term
from jumpax.observables.path_rate import AbstractPathRate
from jumpax.observables.reversal import numbers, reversal


@dataclasses.dataclass(frozen=True, init=False)
class Current(AbstractPathRate):
    """Net crossings per time: firings of the named reactions less firings of their reverses.

    w_r = +1 for a named reaction, -1 for the one that undoes it, 0 for all others: J = sum a_r - a_rbar. A rate, see
    `AbstractPathRate`; exact in every of its forms.

    Args:
        network: what reacts.
        reactions: names, as in `network.reactions`; several add up, for example all bonds of a ring.

    Raises:
        InputError: unknown names, reactions that nothing undoes (named), or no reaction at all.
        UnsupportedError: as an observable, for rates that are not one parameter times a function of the counts.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> current = Current(model.network, model.network.reactions[0].name)
        >>> space = jumpax.exact.StateSpace.reachable(model.network, model.x0, limits=60)
        >>> theta = {"birth": 5.0, "death": 1.0}
        >>> law = jumpax.exact.stationary(space, theta)
        >>> bool(abs(law.expectation(lambda counts: current.local(counts, theta))) < 1e-4)   # detailed balance
        True
    """

    network: Network
    reactions: tuple[str, ...]

    def __init__(self, network: Network, *reactions: str):
        if not reactions:
            raise InputError("a current needs at least one reaction, as in Current(network, 'A -> B')")
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "reactions", reactions)
        reversal(network, numbers(network, reactions))

    @functools.cached_property
    def weights(self) -> tuple[float, ...]:  # type: ignore[override]
        """w_r of each reaction."""
        weights = [0.0] * len(self.network.reactions)
        for forward, back in reversal(self.network, numbers(self.network, self.reactions)).items():
            weights[forward] += 1.0
            weights[back] -= 1.0
        return tuple(weights)

    def gains(self, counts, theta, time) -> tuple:
        """The weights."""
        return self.weights

    @property
    def terms(self) -> list[Term]:
        """One for each reaction that counts."""
        coefficients = Factors(self.network).coefficients
        return [Term(r, coefficients[r], weight=w) for r, w in enumerate(self.weights) if w]
