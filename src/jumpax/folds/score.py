"""The score: derivative of the log-likelihood of the path so far."""

import dataclasses
import functools
import operator
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jaxtyping import PyTree

from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Real
from jumpax.folds.chain import Chain, Links
from jumpax.folds.derivatives import chosen, levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Counts, Jump, Propensities, Size
from jumpax.folds.lasting import share
from jumpax.networks import FLOWING, MassAction, Need, Network


@dataclasses.dataclass(frozen=True)
class Score(AbstractFold):
    """Gathers S_p(t) = sum over events of d ln a_r / d theta_p - integral_0^t d a_0 / d theta_p dt, for each p in `wrt`.

    The last, unfinished interval is part of it: without that term gradients at a fixed time are biased by up to 74 % on
    reversible association. E[S] = 0 exactly, and E[f S] = d E[f] / d theta.

    For what depends on the order of reactions only, such as the state after a number of events, waits are pure noise.
    With `waiting=False` only the choices count: S_p = sum over events of d ln a_r / d theta_p - d ln a_0 / d theta_p.

    Where rates depend on time explicitly, the integral over each wait is replaced by its length times d a_0 / d theta_p at
    one moment of it, drawn uniformly from the fold's own random words. Waits end at candidates, real or null, whose times
    are drawn from a bound that theta has no part in, and at stops; given those, the mean over the moment is the integral,
    whatever the path does, and no rule of quadrature is involved. So E[S | path] is the score of the path: E[S] = 0 and
    E[f S] = d E[f] / d theta hold exactly. What it adds to the variance vanishes as rates change little during a wait, and
    is nothing for those that do not change. The likelihood of the candidates with their marks has a score, too, the sum of
    d ln a_r over events and of -d a_0 / (B - a_0) over null events; it is noisier, without a finite variance where the bound
    B is touched, and wrong where it is touched for some time.

    Where parameters flow, dy/dt = f(y, theta), the integral over each wait is that of the steps of the flow, and so are its derivatives and those
    of y with respect to theta: exact to the tolerance of these steps.

    A parameter that is the rate constant of mass-action reactions and nothing else costs no derivative: its score is
    (number of firings - integral of their propensities) / theta_p. At theta_p = 0 that is 0/0: there the score does not
    exist, since no path shows what the reaction would do.

    Args:
        network: what reacts.
        wrt: names of the parameters, in their natural coordinates.
        waiting: whether the waits are part of the path; they are where rates depend on time explicitly.
        window: ask for the score this long before each stop too, so that differences over a window can be taken.

    Record: a tuple of one scalar per name of `wrt`, in units of 1/theta_p.

    Raises:
        UnsupportedError: `waiting=False` where the network depends on time explicitly: waits then decide what comes next.

    Source: Plyasunov & Arkin 2007, doi:10.1016/j.jcp.2006.06.047.

    Examples:
        >>> from jumpax import networks
        >>> fold = Score(networks.zoo.birth_death().network, ("birth", "death"))
    """

    network: Network
    wrt: tuple[str, ...]
    waiting: bool = True
    window: float | None = None
    treats = FLOWING

    def __post_init__(self):
        self._check_events()
        if self.network.time_dependent and not self.waiting:
            raise UnsupportedError(
                "where rates depend on time explicitly the waits decide which reactions follow; use Score(waiting=True)"
            )

    def _check_events(self) -> None:
        """Whether events and delays let the paths have a score."""
        network, faults = self.network, list(self.chain.faults())
        for reaction in network.reactions:
            if reaction.delay is not None and not reaction.delay.smooth:
                names = [p for p in self.wrt if p in reaction.delay.rates.values()]
                faults += [f"{p!r} is a number of the delay of {reaction.name!r}, {reaction.delay!r}" for p in names]
        if network.needs - {Need.TIME} and not self.waiting:
            faults.append("only choices count (waiting=False), but events and completions come at times")
        if faults:
            raise UnsupportedError(
                f"no score: {'; '.join(faults)}. What paths are possible would depend on it; two calls of jumpax.simulate give "
                "differences, wrt=... of an estimate leaves it out"
            )

    @functools.cached_property
    def chain(self) -> Chain:
        """From parameters that events have changed to those that were given."""
        return Chain(self.network, self.wrt)

    @functools.cached_property
    def read(self) -> tuple[str, ...]:
        """The parameters at a time that `wrt` has a part in."""
        return tuple(dict.fromkeys((*self.wrt, *(n for p in self.wrt for n in sorted(self.chain.depending(p))))))

    @functools.cached_property
    def linked(self) -> bool:
        """Whether events move some of these."""
        return bool(set(self.read) & set(self.chain.moved))

    @functools.cached_property
    def samples(self) -> bool:  # type: ignore[override]
        laws = [reaction.law for reaction in self.network.reactions if not self.network.flows]
        return any(law.time_dependent and set(law.parameters) & set(self.read) for law in laws)

    @property
    def words(self) -> int:  # type: ignore[override]
        return int(self.samples)

    @functools.cached_property
    def constants(self) -> Mapping[str, tuple[int, ...]]:
        """Names of `wrt` that are nothing but rate constants of mass action, with the numbers of their reactions."""
        laws = [reaction.law for reaction in self.network.reactions]
        if self.network.flows:
            return {}
        readers = {p: tuple(r for r, law in enumerate(laws) if p in law.parameters) for p in self.wrt}
        plain = {p: rows for p, rows in readers.items() if rows and all(isinstance(laws[r], MassAction) for r in rows)}
        return {p: rows for p, rows in plain.items() if self.chain.depending(p).isdisjoint(self.chain.moved)}

    def size(self, network) -> Size:
        rows = sum(name in self.wrt for reaction in network.reactions for name in reaction.law.parameters)
        return Size(len(self.wrt), len(self.wrt), 10 * max(rows, len(self.wrt)))

    def init(self, counts, theta, now) -> tuple[PyTree, ...]:
        scores = tuple(jnp.zeros_like(theta[name]) for name in self.wrt)
        return (*scores, self.chain.begin(now)) if self.linked else scores

    def stops(self, times: Sequence[float]) -> tuple[float, ...]:
        return () if self.window is None else tuple(t - self.window for t in times)

    def stop(self, carry, counts, theta, index) -> tuple:
        return carry, tuple(s / theta[p] if p in self.constants else s for p, s in zip(self.wrt, carry, strict=False))

    def advance(self, carry, counts, propensities, theta, now, dt) -> tuple[PyTree, ...]:
        if not self.waiting or self.samples or self.network.flows:
            return carry
        return self._lived(carry, counts, propensities, theta, now, dt)

    def sample(self, carry, counts, propensities, theta, now, dt, words) -> tuple[PyTree, ...]:
        return self._lived(carry, counts, propensities, theta, now + share(words, dt) * dt, dt)

    def _lived(self, carry, counts, propensities, theta, now, dt) -> tuple[PyTree, ...]:
        """Carry after time during which propensities have the derivatives that they have now."""
        scores, links = self._parts(carry)
        slopes = self._totals(propensities, self._rows(counts, theta, now, links), dt)
        return (*(s - slope * dt for s, slope in zip(scores, slopes, strict=True)), *links)

    def flowed(self, carry, counts, theta, stretch) -> tuple[PyTree, ...]:
        scores, links = self._parts(carry)
        begin = links[0] if links else ()
        along = [self.chain.flowed(begin, place, counts, theta, stretch) for place in range(len(self.wrt))]
        scores = tuple(s - slope for s, (_, slope) in zip(scores, along, strict=True))
        rows = zip(*(ends for ends, _ in along), strict=True)
        moved = [tuple(jnp.where(stretch.moves, new, old) for new, old in zip(*pair)) for pair in zip(rows, begin)]
        return (*scores, *((*moved, *link[len(moved) :]) for link in links))

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple[PyTree, ...]:
        fired = functools.reduce(operator.or_, jump.fired)
        scores, links = self._parts(carry)
        rows = self._rows(counts, theta, now, links)
        rate = jnp.where(fired, chosen(jump.fired, propensities, now), jnp.ones_like(now))
        gains = []
        for p in self.wrt:
            if p in self.constants:
                ours = functools.reduce(operator.or_, [jump.fired[r] for r in self.constants[p]])
                gains.append(ours.astype(now.dtype))
            else:
                gains.append(chosen(jump.fired, [row.get(p) for row in rows], now) / rate)
        if not self.waiting:
            total = functools.reduce(operator.add, propensities)
            total = jnp.where(fired, total, jnp.full_like(total, jnp.inf))
            slopes = self._totals(propensities, rows, now)
            gains = [gain - slope / total for gain, slope in zip(gains, slopes, strict=True)]
        if jump.delay is not None:
            gains = [gain + self._delays(p, theta, jump) for p, gain in zip(self.wrt, gains, strict=True)]
        return (*(s + gain for s, gain in zip(scores, gains, strict=True)), *links)

    def changed(self, carry, counts, theta, now, change) -> tuple[PyTree, ...]:
        scores, links = self._parts(carry)
        return (*scores, *(self.chain.changed(link, now, change) for link in links))

    def _parts(self, carry) -> tuple[tuple[Real, ...], tuple[Links, ...]]:
        """The scores, and the links of parameters that events have changed, if there are any."""
        return carry[: len(self.wrt)], carry[len(self.wrt) :]

    def _delays(self, wrt: str, theta: Mapping[str, Real], jump: Jump) -> Real:
        """D ln p(delay) / d theta of the reaction that fires; for a rate constant times that (see `stop`)."""
        assert jump.delay is not None
        total = jnp.zeros_like(jump.exponential)
        for reaction, fired in zip(self.network.reactions, jump.fired, strict=True):
            if reaction.delay is not None and wrt in reaction.delay.rates.values():
                slope = jnp.where(fired, reaction.delay.score(wrt, theta, jump.delay), jnp.zeros_like(total))
                total = total + (slope * theta[wrt] if wrt in self.constants else slope)
        return total

    def _rows(self, counts: Counts, theta, now: Real, links: tuple[Links, ...]) -> list[dict[str, Real]]:
        """Derivatives of the propensities with respect to all parameters that are more than rate constants."""
        rest = [p for p in self.read if p not in self.constants]
        rows = parameter_derivatives(self.network, rest, levels(counts, now), theta, now) if rest else []
        return [self.chain.given(row, *links) for row in rows] if links else rows

    def _totals(self, propensities: Propensities, rows: list[dict[str, Real]], like: Real) -> list[Real]:
        """The derivative of a_0 with respect to each parameter; to the logarithm of a rate constant."""
        return [
            sum((propensities[r] for r in self.constants[p]), jnp.zeros_like(like)) if p in self.constants
            else sum((row[p] for row in rows if p in row), jnp.zeros_like(like))
            for p in self.wrt
        ]  # fmt: skip
