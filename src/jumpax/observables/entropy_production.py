"""Entropy production: how strongly a process breaks time reversal."""

import dataclasses
import math

import jax.numpy as jnp

from jumpax._base.errors import UnsupportedError
from jumpax.networks import MassAction, Network
from jumpax.observables.factors import Factors
from jumpax.observables.mean_rates import Term, after, log_ratio
from jumpax.observables.path_rate import AbstractPathRate
from jumpax.observables.reversal import reversal


@dataclasses.dataclass(frozen=True)
class EntropyProduction(AbstractPathRate):
    """Entropy given to the surroundings per time, in nats: sigma = E[sum_r a_r(x) ln(a_r(x) / a_rbar(x + nu_r))].

    w_r = ln of the propensity over that of the reverse reaction after the jump; infinite where the reverse cannot fire. A
    rate, see `AbstractPathRate`: `PathSums` has the sum of w over events (path-wise) and the integral of sum_r a_r w_r
    (propensity-wise). In a steady state this is the entropy production of Schnakenberg; before, the medium's part of it.

    As an observable, with a_r = c_r h_r(x): sigma = sum_r c_r ln(c_r / c_rbar) E[h_r] + c_r E[h_r ln(h_r / h_rbar(x + nu_r))].

    Args:
        network: with a reverse for each reaction. Where several channels have the same equation, see `reversal`.
        stationary: leave out of w_r what is the change of a function of the state, ln prod_i x_i! before and after, which has
            no mean in a steady state: w_r = ln(c_r / c_rbar) + ln(prod m! / prod n!), n and m the multiplicities of reactants
            and products. Fewer functions of the counts, and less variance. For mass action only.

    Raises:
        InputError: naming all reactions without a reverse.
        UnsupportedError: as an observable, for rates that are not one parameter times a function of the counts; with
            `stationary`, for other laws than mass action.

    Source: Schnakenberg 1976, doi:10.1103/RevModPhys.48.571; Seifert 2005, doi:10.1103/PhysRevLett.95.040602.

    Examples:
        >>> import jumpax
        >>> ring = jumpax.Network([
        ...     jumpax.Reaction(f"S{i} <-> S{(i + 1) % 3}", jumpax.MassAction("forward"), jumpax.MassAction("backward"))
        ...     for i in range(3)
        ... ])
        >>> sigma, theta = EntropyProduction(ring, stationary=True), {"forward": 2.0, "backward": 1.0}
        >>> space = jumpax.exact.StateSpace.reachable(ring, {"S0": 1, "S1": 0, "S2": 0})
        >>> law = jumpax.exact.stationary(space, theta)
        >>> print(f"{law.expectation(lambda counts: sigma.local(counts, theta)):.4f}")   # (2 - 1) ln 2
        0.6931
    """

    network: Network
    stationary: bool = False

    def __post_init__(self):
        reversal(self.network)
        others = [r.name for r in self.network.reactions if not isinstance(r.law, MassAction)]
        if self.stationary and others:
            raise UnsupportedError(
                f"EntropyProduction(stationary=True) is for mass action, which {', '.join(map(repr, others))} are not; leave "
                "out stationary=True"
            )

    def gains(self, counts, theta, time) -> tuple:
        """The logarithm of a_r before the jump over a_rbar after it, nats; 0 where the reaction cannot fire."""
        undone, zero = reversal(self.network), counts[0] * 0
        if self.stationary:
            factors = Factors(self.network)
            c = [zero + factors.value(name, theta) for name in factors.coefficients]
            return tuple(log_ratio(c[r], c[undone[r]]) + self._symmetry(r) for r in range(len(c)))
        before = self.network.propensities(tuple(counts), theta, time)
        gains = []
        for r, a in enumerate(before):
            later = dict(zip(self.network.species, after(self.network, counts, r), strict=True))
            back = self.network.reactions[undone[r]].propensity(later, theta, time)
            gains.append(log_ratio(a, jnp.asarray(back, a.dtype)))
        return tuple(gains)

    @property
    def terms(self) -> list[Term]:
        """Those with ln(c_r / c_rbar), and those with the rest of w_r."""
        c, terms = Factors(self.network).coefficients, []
        for r, back in reversal(self.network).items():
            if c[r] != c[back]:
                terms.append(Term(r, c[r], c[back]))
            if not self.stationary:
                terms.append(Term(r, c[r], kind="log_ratio"))
            elif self._symmetry(r):
                terms.append(Term(r, c[r], weight=self._symmetry(r)))
        return terms or [Term(0, c[0], weight=0.0)]

    def _symmetry(self, reaction: int) -> float:
        """The logarithm of prod m! / prod n!."""
        chosen = self.network.reactions[reaction]
        up, down = (sum(math.lgamma(n + 1) for _, n in side) for side in (chosen.products, chosen.reactants))
        return up - down
