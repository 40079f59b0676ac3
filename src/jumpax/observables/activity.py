"""Activity: events per time."""

import dataclasses
import functools

from jumpax.networks import Network
from jumpax.observables.factors import Factors
from jumpax.observables.mean_rates import Term
from jumpax.observables.path_rate import AbstractPathRate
from jumpax.observables.reversal import numbers


@dataclasses.dataclass(frozen=True, init=False)
class Activity(AbstractPathRate):
    """Events per time, of all reactions or of those named: the mean of sum a_r (traffic, frenesy).

    A rate, see `AbstractPathRate`; exact in every of its forms.

    Args:
        network: what reacts.
        reactions: names; none for all.

    Raises:
        InputError: unknown names.
        UnsupportedError: as an observable, for rates that are not one parameter times a function of the counts.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> activity = Activity(model.network)
        >>> mean = jumpax.expectation(activity, model.network, model.x0, [200.0], paths=4000)
        >>> rate = activity.rate(mean(model.theta, 0), model.theta)
        >>> bool(abs(rate[0] / (2 * model.theta["birth"]) - 1) < 0.05)
        True
    """

    network: Network
    reactions: tuple[str, ...]

    def __init__(self, network: Network, *reactions: str):
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "reactions", reactions)
        numbers(network, reactions)

    @functools.cached_property
    def weights(self) -> tuple[float, ...]:  # type: ignore[override]
        """w_r of each reaction."""
        chosen = numbers(self.network, self.reactions)
        return tuple(float(r in chosen or not chosen) for r in range(len(self.network.reactions)))

    def gains(self, counts, theta, time) -> tuple:
        """The weights."""
        return self.weights

    @property
    def terms(self) -> list[Term]:
        """One for each reaction that counts."""
        coefficients = Factors(self.network).coefficients
        return [Term(r, coefficients[r], weight=w) for r, w in enumerate(self.weights) if w]
