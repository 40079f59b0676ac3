"""Derivatives of parameters that events change, with respect to those that were given at the start."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

import jax
import jax.numpy as jnp

from jumpax._base.types import Real
from jumpax.folds.derivatives import levels
from jumpax.folds.fold import Change, Counts, Stretch
from jumpax.networks import Network, motion
from jumpax.networks.expressions.expression import Expression, evaluate, has_draws, names, reads_time

Links: TypeAlias = tuple[tuple[Real, ...], ...]
"""d (present value of `moved[m]`) / d (given value of `wrt[p]`), as [m][p]."""


@final
@dataclass(frozen=True)
class Chain:
    """The chain rule from the parameters of laws at a time back to those that were given.

    Along a flow dy/dt = f derivatives of y are those of its steps. Where an event assigns v = g(x, theta), the derivative of v is the sum over q of dg / dq times the derivative of q; counts and
    the time do not depend on theta along a given path.
    """

    network: Network
    wrt: tuple[str, ...]

    @property
    def moved(self) -> tuple[str, ...]:
        """The parameters that events change."""
        return self.network.moved

    @functools.cached_property
    def assigned(self) -> tuple[tuple[int, str, Expression], ...]:
        """What events assign to parameters: number of the event, name, right side."""
        return tuple(
            (number, name, value)
            for number, event in enumerate(self.network.events)
            for name, value in event.assignments
            if name in self.moved
        )

    def depending(self, name: str) -> frozenset[str]:
        """All parameters whose values may depend on the given value of one."""
        found = {name}
        rights = [(to, value) for _, to, value in self.assigned] + [
            (flow.name, flow.rate) for flow in self.network.flows
        ]
        while more := {to for to, value in rights if found & set(names(value))} - found:
            found |= more
        return frozenset(found)

    def faults(self) -> Iterator[str]:
        """Why there is no score, if there is none: whether a path is possible would depend on a parameter."""
        delays = {rate: r.name for r in self.network.reactions if r.delay for rate in r.delay.rates.values()}
        for wrt in self.wrt:
            found = self.depending(wrt)
            for event in self.network.events:
                counts = [value for name, value in event.assignments if name not in self.moved]
                others = [part for part in (event.priority, event.delay) if part is not None]
                read = [event.trigger, *counts, *others]
                if found & {name for expression in read for name in names(expression)}:
                    yield f"{wrt!r} decides when the event {event.name!r} happens, or what it does to counts"
                for _, value in event.assignments:
                    if has_draws(value) and found & {*names(value)}:
                        yield f"{wrt!r} is read where the event {event.name!r} draws a random number"
                if event.early and (event.delay is not None or len(self.network.events) > 1):
                    moves = [value for name, value in event.assignments if name in self.moved]
                    if any(found & {*names(value)} and self._may_change(value) for value in moves):
                        yield f"{wrt!r} is read by the event {event.name!r} before it is carried out"
            for name in sorted(found & set(self.moved) & set(delays)):
                yield f"{wrt!r} moves {name!r}, a number of the delay of {delays[name]!r}"

    def _may_change(self, value: Expression) -> bool:
        """Whether a right side may have another derivative when it is assigned than when it was read."""
        return reads_time(value) or bool({*names(value)} & {*self.moved, *self.network.species})

    def begin(self, like: Real) -> Links:
        """At the start each parameter is its own."""
        one, none = jnp.ones_like(like), jnp.zeros_like(like)
        return tuple(tuple(one if name == wrt else none for wrt in self.wrt) for name in self.moved)

    def flowed(
        self, links: Links, place: int, counts: Counts, theta: Mapping[str, Real], stretch: Stretch
    ) -> tuple[tuple[Real, ...], Real]:
        """Along a stretch of a step of the flow.

        Args:
            links: where the step begins; none where `wrt` moves nothing.
            place: of the parameter in `wrt`.
            counts: meanwhile.
            theta: parameters where the step begins.
            stretch: of the step.

        Returns:
            Derivatives with respect to `wrt[place]`: of what flows, at its end; of the integral of the total propensity over it.
        """
        network, wrt = self.network, self.wrt[place]
        slopes = {name: row[place] for name, row in zip(self.moved, links)}
        slopes = {**slopes, wrt: slopes.get(wrt, jnp.ones_like(stretch.now))}
        moving = {name: slopes[name] for name in sorted(self.depending(wrt))}

        def lived(values: dict[str, Real]) -> tuple[tuple[Real, ...], Real]:
            here = {**theta, **values}
            step = motion.step(network, levels(counts, stretch.now), here, stretch.now, stretch.length)
            *gains, mass = step.gains(stretch.end)
            ends = tuple(here[name] + gain for name, gain in zip(network.flowing, gains, strict=True))
            return ends, mass - step.gains(stretch.begin)[-1]

        return jax.jvp(lived, ({name: theta[name] for name in moving},), (moving,))[1]

    def changed(self, links: Links, now: Real, change: Change) -> Links:
        """After an event."""
        if not change.events:
            return links
        rows = dict(zip(self.moved, links, strict=True))
        new = dict(rows)
        for number, name, value in self.assigned:
            own = [self._along(value, place, rows, now, change) for place in range(len(self.wrt))]
            pairs = zip(own, new[name], strict=True)
            new[name] = tuple(jnp.where(change.events[number], after, old) for after, old in pairs)
        return tuple(new[name] for name in self.moved)

    def _along(
        self, value: Expression, place: int, rows: Mapping[str, tuple[Real, ...]], now: Real, change: Change
    ) -> Real:
        """Derivative of a right side with respect to `wrt[place]`."""
        numbers = self.network.numbers
        if has_draws(value):  # which read nothing that depends on it, or there is no score
            return jnp.zeros_like(now)
        levels = {n: change.counts[numbers[n]].astype(now.dtype) for n in names(value) if n in numbers}
        read = [name for name in names(value) if name in rows or name == self.wrt[place]]
        total = jnp.zeros_like(now)
        for name in read:

            def right(one: Real, name: str = name) -> Real:
                return jnp.asarray(evaluate(value, {**change.theta, **levels, name: one}, now), now.dtype)

            slope = jax.jvp(right, (change.theta[name],), (jnp.ones_like(now),))[1]
            total = total + slope * (rows[name][place] if name in rows else jnp.ones_like(now))
        return total

    def given(self, row: Mapping[str, Real], links: Links) -> dict[str, Real]:
        """Derivatives of one propensity by the parameters that were given, from those by the present ones."""
        out: dict[str, Real] = {}
        for place, wrt in enumerate(self.wrt):
            parts = [row[wrt]] if wrt in row and wrt not in self.moved else []
            parts += [row[name] * own[place] for name, own in zip(self.moved, links, strict=True) if name in row]
            if parts:
                out[wrt] = functools.reduce(jnp.add, parts)
        return out
