"""The relaxed tangent: how the state after each event, and the time of the event, move with the parameters."""

import dataclasses
import functools
import operator
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import random
from jumpax._base.errors import InputError, unknown_name
from jumpax._base.math import exp
from jumpax._base.types import Real
from jumpax.folds.derivatives import chosen, count_derivatives, levels, parameter_derivatives
from jumpax.folds.fold import AbstractFold, Counts, Size, Theta
from jumpax.folds.linear_flow import Rows, add
from jumpax.folds.relaxation import Relaxation
from jumpax.networks import PLAIN, Network

OVERRUN = 10
"""Widths beyond an asked time until which a logistic horizon gathers: 1 - sigma(10) = 5e-5 of the kernel is lost."""


class RelaxedState(NamedTuple):
    """Tangents at the last event, and what has been gathered for the times asked for."""

    rows: Rows
    """D, of the counts."""
    clock: tuple[Real, ...]
    """E, of the time of the last event."""
    since: Real
    """Time since the last event; only followed for an exact horizon."""
    sums: tuple[Rows, ...]
    """For a logistic horizon, one per time asked for."""


@dataclasses.dataclass(frozen=True)
class RelaxedTangent(AbstractFold):
    """Carries D = d x_i / d theta after the i-th event and E = d t_i / d theta, by a relaxed choice of reactions.

    With adot_r = d a_r / d theta + grad a_r . D and w the wait, at each event

        D += sum_r zeta_r dx_r        dx: the derivative of the choice, see `Relaxation`
        E -= w adot_0 / a_0

    A fixed time T is not a fixed number of events; what is recorded there depends on the `horizon`:

        state           D: right after a number of events, and at stationarity; wrong in transients
        exact           D - F(x) (E - (T - t_i) adot_0 / a_0),  F = sum_r zeta_r a_r
        logistic        sum_i [zeta dx_i sigma_i - zeta_(r_i) sigma_i (1 - sigma_i) E_i / width],
                        sigma_i = 1 / (1 + exp(-(T - t_i) / width)); gathered to T + 10 width and recorded there
        uniformization  D, of a run with `bound`: null events, of propensity bound - a_0, are a choice too,
                        and the times of events do not depend on theta

    Args:
        network: the laws need a smooth extension to real counts.
        wrt: names of the parameters, in their natural coordinates.
        relaxation: the derivative of a choice.
        horizon: one of the four.
        times: for a logistic horizon: the times asked for.
        others: for a logistic horizon: stops of the run that are neither `times` nor of this fold.
        width: for a logistic horizon.
        waiting_times: False leaves E out of a logistic horizon, which is wrong: to see by how much.
        bound: for uniformization: that of the run.

    Record: one row per species with one number per name of `wrt` (1/theta_p). For a logistic horizon it belongs to the
    time 10 widths before the stop, and is 0 at stops that do not end such an overrun.

    Raises:
        InputError: when a name is not a parameter of the network, or options do not fit the horizon.
        UnsupportedError: when the network depends on time explicitly.

    Source: Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121.

    Examples:
        >>> from jumpax import networks
        >>> fold = RelaxedTangent(networks.zoo.birth_death().network, ("birth",), Relaxation("gumbel", 0.5), "exact")
        >>> fold.words
        2
    """

    network: Network
    wrt: tuple[str, ...]
    relaxation: Relaxation
    horizon: Literal["state", "exact", "logistic", "uniformization"] = "state"
    times: tuple[float, ...] = ()
    width: float = 0.0
    waiting_times: bool = True
    bound: float | None = None
    others: tuple[float, ...] = ()
    treats = PLAIN

    def __post_init__(self):
        known = self.network.parameters
        faults = [unknown_name("parameter", name, known) for name in self.wrt if name not in known]
        if self.horizon not in ("state", "exact", "logistic", "uniformization"):
            faults.append(f"horizon must be state, exact, logistic or uniformization; got {self.horizon!r}")
        if self.horizon == "logistic" and not (self.width > 0 and self.times):
            faults.append(f"a logistic horizon needs a positive width and times; got {self.width!r}, {self.times!r}")
        if (self.horizon == "uniformization") != (self.bound is not None and self.bound > 0):
            faults.append(f"a positive bound goes with uniformization, and only with it; got {self.bound!r}")
        if faults:
            raise InputError(" ".join(faults))

    @property
    def words(self) -> int:  # type: ignore[override]
        return self.relaxation.rounds * (len(self.network.reactions) + (self.horizon == "uniformization"))

    @property
    def advances(self) -> bool:
        return self.horizon == "exact"

    @property
    def nulls(self) -> bool:  # type: ignore[override]
        return self.horizon == "uniformization"

    @property
    def direct(self) -> bool:  # type: ignore[override]
        return self.horizon != "uniformization"

    def size(self, network) -> Size:
        moved = len(network.species) * len(self.wrt)
        return Size(
            moved,
            moved * (1 + len(self.times)),
            network.links * (10 + 7 * len(self.wrt)) + 150 * self.relaxation.rounds * len(network.reactions),
        )

    def init(self, counts, theta, now) -> RelaxedState:
        zero = jnp.zeros_like(now)
        clock = tuple(zero for _ in self.wrt)
        rows = tuple(clock for _ in counts)
        return RelaxedState(rows, clock, zero, tuple(rows for _ in self.times))

    def stops(self, times) -> tuple[float, ...]:
        return tuple(t + OVERRUN * self.width for t in self.times)

    def stop(self, carry, counts, theta, index) -> tuple[RelaxedState, Rows]:
        if self.horizon == "exact":
            return carry, self._at_time(carry, counts, theta)
        if self.horizon != "logistic":
            return carry, carry.rows
        ends = self.stops(())
        where = sorted({*self.times, *ends, *self.others})
        here = [index == np.int32(where.index(end)) for end in ends]
        record = tuple(
            tuple(chosen(here, [rows[d][p] for rows in carry.sums], carry.since) for p in range(len(self.wrt)))
            for d in range(len(counts))
        )
        return carry, record

    def advance(self, carry, counts, propensities, theta, now, dt) -> RelaxedState:
        return carry._replace(since=carry.since + dt)

    def event(self, carry, counts, propensities, theta, now, jump) -> RelaxedState:
        slopes = self._slopes(carry.rows, counts, theta, now)
        total, rise = functools.reduce(operator.add, propensities), _sum(slopes)
        words = [random.exponential(word, None, now.dtype) for word in jump.words]
        won, rates, moved = list(jump.fired), list(propensities), slopes
        if self.bound is not None:
            won.append(~functools.reduce(operator.or_, jump.fired))
            rates.append(jnp.maximum(total.dtype.type(self.bound) - total, jnp.zeros_like(total)))
            moved = [*slopes, tuple(-d for d in rise)]
        changes = self.relaxation.changes(won, rates, moved, words)
        steps = self._stoichiometric(changes[: len(propensities)])
        wait = jump.exponential / total
        clock = tuple(e - wait * (d / total) for e, d in zip(carry.clock, rise, strict=True))
        return RelaxedState(
            rows=add(carry.rows, steps),
            clock=clock,
            since=jnp.zeros_like(carry.since),
            sums=self._gather(carry.sums, steps, clock, now, jump.fired),
        )

    def _slopes(self, rows: Rows, counts: Counts, theta: Theta, now: Real) -> list[tuple[Real, ...]]:
        """The derivatives adot_r along the path, one row per reaction."""
        real, zero = levels(counts, now), jnp.zeros_like(now)
        by_parameter = parameter_derivatives(self.network, self.wrt, real, theta, now)
        by_count = count_derivatives(self.network, real, theta, now)
        return [
            tuple(
                sum((slope * rows[d][p] for d, slope in by_count[r].items()), by_parameter[r].get(name, zero))
                for p, name in enumerate(self.wrt)
            )
            for r in range(len(by_count))
        ]

    def _stoichiometric(self, changes: Any) -> Rows:
        """Products sum_r zeta_r change_r, one row per species."""
        like = changes[0][0]
        out = []
        for line in self.network.stoichiometry:
            row = [jnp.zeros_like(like) for _ in self.wrt]
            for r in np.flatnonzero(line):
                row = [v + c * like.dtype.type(line[r]) for v, c in zip(row, changes[r], strict=True)]
            out.append(tuple(row))
        return tuple(out)

    def _gather(self, sums: tuple[Rows, ...], steps: Rows, clock: tuple[Real, ...], now: Real, fired) -> tuple:
        """Sums of a logistic horizon after an event."""
        if not sums:
            return sums
        kind = now.dtype.type
        jumps = [chosen(fired, [jnp.full_like(now, z) if z else None for z in line], now)
                 for line in self.network.stoichiometry]  # fmt: skip
        out = []
        for time, rows in zip(self.times, sums, strict=True):
            sigma = 1 / (1 + exp((now - kind(time)) * kind(1 / self.width)))
            slope = sigma * (1 - sigma) * kind(1 / self.width) if self.waiting_times else jnp.zeros_like(sigma)
            out.append(
                tuple(
                    tuple(s + (sigma * c - jump * (slope * e)) for s, c, e in zip(total, row, clock, strict=True))
                    for total, row, jump in zip(rows, steps, jumps, strict=True)
                )
            )
        return tuple(out)

    def _at_time(self, carry: RelaxedState, counts: Counts, theta: Theta) -> Rows:
        """Tangent of the counts at a fixed time after the last event."""
        now = carry.since
        rates = self.network.propensities(levels(counts, now), theta, now)
        total = functools.reduce(operator.add, rates)
        some = total > 0
        rest = jnp.where(some, now / jnp.where(some, total, jnp.ones_like(total)), jnp.zeros_like(total))
        rise = _sum(self._slopes(carry.rows, counts, theta, now))
        late = tuple(e - rest * d for e, d in zip(carry.clock, rise, strict=True))
        drift = self._stoichiometric([(a,) * len(self.wrt) for a in rates])
        return tuple(
            tuple(v - f * e for v, f, e in zip(row, flow, late, strict=True))
            for row, flow in zip(carry.rows, drift, strict=True)
        )


def _sum(slopes: Any) -> tuple[Real, ...]:
    """Derivative of the total propensity."""
    return tuple(functools.reduce(operator.add, column) for column in zip(*slopes, strict=True))
