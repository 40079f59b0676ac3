"""One step back over an event: adjoints of the trapezoidal tangent and of relaxed choices."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import random
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.engines.arrays.rates import Leaves, Structure, along, change_of, propensities
from jumpax.engines.arrays.run import Block
from jumpax.engines.arrays.sections import Sections, split
from jumpax.folds.relaxation import Relaxation

_FEW_FEATURES = 32
"""Up to so many, a sum written out is faster than a matrix product."""
_POWERS = 3
"""Of A^T, for its largest eigenvalue: steps are stable up to 9 times the reach, so that a rough number will do."""


@dataclass(frozen=True)
class Method:
    """Which adjoint."""

    relaxation: Relaxation | None = None
    """That of the choices; None for the trapezoidal tangent."""
    order: int = 2
    """Of the Taylor series of the flow between events."""
    reach: float = 0.05
    """Longest step of that series, in units of 1 / nu."""
    exact: bool = False
    """Whether counts at fixed times move with the time of the last event; for relaxed choices."""


class Adjoint(NamedTuple):
    """Derivatives of a scalar with respect to the state of each lane, and what has been gathered for the params."""

    counts: Sections
    """lambda, (species, lanes)."""
    clock: Real
    """With respect to the time of the last event, (lanes,); for relaxed choices."""
    drift: Real
    """F . what is asked of the counts at later borders of the present wait, F their drift, (lanes,); for an exact horizon."""
    source: tuple[Real | None, ...]
    """With respect to a count per time spent in it, in the interval of each lane; None for sections not observed."""
    leaves: Leaves
    weights: Real | None
    """With respect to W, by the counts at the starts of segments."""
    table: Real | None
    """With respect to W zeta, by what reactions changed."""
    growth: Real
    """The rate of the flow when last looked at; see `growth`."""


class Event(NamedTuple):
    """One turn of the log, (lanes,) each; see `Step`."""

    reaction: Count
    dt: Real
    wait: Real
    rate: Real


class Work(NamedTuple):
    """What a step back went through; results of the loop for the reason given at `Step`."""

    event: Event
    numbers: tuple[Real, ...]
    """One per lane, each."""
    first: Real | None
    """Derivatives with respect to u of the first pass, and of the second."""
    middle: Sections
    second: Real | None


class Here(NamedTuple):
    """Where a sweep stands."""

    counts: Sections
    inputs: Real | None
    border: Count
    events: Count
    """How many fired before."""
    adjoint: Adjoint
    due: Sections | None
    """What is asked of the counts at the border of this turn; for an exact horizon."""
    passed: Real | None
    """Derivatives with respect to u, summed over the later waits of the segment; (features, lanes)."""
    log: Real | None
    """These sums at all turns, (turns, features, lanes)."""
    work: Work


def step_back(model: Structure, method: Method, block: Block, here: Here, event: Event) -> Here:
    """The adjoint before an event, and before the wait that it ended; the state is that of the wait."""
    return (_trapezoidal if method.relaxation is None else _relaxed)(model, method, block, here, event)


def _pulled(model: Structure, block: Block, here: Here) -> tuple[tuple[Real, ...], Callable[..., tuple[Any, ...]]]:
    """Propensities in groups, and their vector-Jacobian product."""

    def rates(
        laned: tuple[Real, ...], shared: tuple[Real, ...], counts: Sections, inputs: Real | None
    ) -> tuple[Real, ...]:
        return propensities(model, Leaves(laned, shared), counts, inputs)

    return jax.vjp(rates, *block.leaves, here.counts, here.inputs)


def _shares(groups: Sequence[Real]) -> list[Real]:
    """The part of each reaction that acts through time."""
    return [jnp.where(a > 0, a.dtype.type(0.5), a.dtype.type(1)) for a in groups]


def _inverse(value: Real, some: Flag) -> Real:
    """One over the value where there is some, else 0."""
    one = value.dtype.type(1)
    return jnp.where(some, one / jnp.where(some, value, one), value.dtype.type(0))


def _ratio(value: Real, by: Real, some: Flag) -> Real:
    """The value by the other where there is some, else 0.

    The division comes last: XLA computes a chain of cheaper operations again for each of its readers, species by species.
    """
    return jnp.where(some, value, value.dtype.type(0)) / jnp.where(some, by, by.dtype.type(1))


def growth(model: Structure, block: Block, here: Here) -> Real:
    """The rate nu of the flow: about the largest |eigenvalue| of A, by powers of A^T; (lanes,).

    Not by what A^T does to lambda: there a fast species is close to its balance, and a long step would throw it out.
    """

    def size(parts: Sections) -> Real:
        return jnp.max(jnp.stack([jnp.abs(part).max(0) for part in parts]), 0)

    groups, pull = _pulled(model, block, here)
    shares, number = _shares(groups), np.arange(model.cuts[-1])
    # no species without a part, no two with the same
    mixed = jnp.asarray((-1.0) ** number * (1 + number * 0.618034 % 1), groups[0].dtype)
    values = tuple(
        jnp.broadcast_to(part[:, None], like.shape)
        for part, like in zip(split(model.cuts, mixed), here.counts, strict=True)
    )
    nu = size(values)
    for _ in range(_POWERS):
        values = tuple(v * _inverse(nu, nu > 0)[None] for v in values)
        _, _, moved, inputs = pull(tuple(s * z for s, z in zip(shares, along(model, values), strict=True)))
        values = _through(model, block, moved, inputs)
        nu = size(values)
    return nu


def _trapezoidal(model: Structure, method: Method, block: Block, here: Here, event: Event) -> Here:
    """Adjoint of the trapezoidal tangent over a reaction and the wait h before it, to the order of the method.

    With c = lambda . zeta_r / (2 a_r), beta = 1/2 (1 where a = 0), A^T v = grad a^T beta zeta^T v and the source g:

        lambda_1 = lambda + grad a^T c e_r
        D_1 = h (A^T lambda_1 + g),  D_k = h A^T D_(k-1)
        q   = lambda_1 - lambda + sum over 0 < k < order of D_k / (k + 1)!
        w   = c e_r + h beta zeta^T (lambda + q)
        lambda += grad a^T w + h g,   theta += (d a / d theta)^T w

    For order 2, A^T lambda stands for A^T lambda_1, of no account to that order as c ~ 1 / a_r ~ h: two products in all.
    """
    old, dt = here.adjoint, event.dt
    real = dt.dtype
    groups, pull = _pulled(model, block, here)
    fired = (event.reaction >= 0) & (event.rate > 0)
    jump = _ratio(change_of(model, old.counts, event.reaction, real) * real.type(0.5), event.rate, fired)
    jumps, shares = _numbered(model, event.reaction, jump), _shares(groups)

    def weigh(by: Real, values: Sections) -> tuple[Real, ...]:
        moved = along(model, values)
        return tuple(by[None] * (s * z) for s, z in zip(shares, moved, strict=True))

    def back(weights: Sequence[Real]) -> tuple[Sections, Real | None]:
        _, _, counts, inputs = pull(tuple(weights))
        return _through(model, block, counts, inputs), inputs

    if method.order == 2:
        half = dt * real.type(0.5)
        moved, inputs = back(_add(jumps, weigh(half, old.counts)))
        middle = _driven(old, moved, half)
    else:
        middle, inputs = back(jumps)
        term = _driven(old, back(weigh(dt, _add(old.counts, middle)))[0], dt)
        middle = _add(middle, tuple(t * real.type(0.5) for t in term))
        for k in range(2, method.order):
            term, _ = back(weigh(dt, term))
            middle = _add(middle, tuple(t * real.type(1 / math.factorial(k + 1)) for t in term))
    laned, shared, moved, again = pull(_add(jumps, weigh(dt, _add(old.counts, middle))))
    moved = _driven(old, _through(model, block, moved, again), dt)
    adjoint = old._replace(counts=_add(old.counts, moved))
    work = Work(event, (jump,), inputs, middle, again)
    return _gathered(here, adjoint, Leaves(laned, shared), again, work)


def _relaxed(model: Structure, method: Method, block: Block, here: Here, event: Event) -> Here:
    """Adjoint of a relaxed choice, and of the wait as unit exponential / a_0.

    The time of an event moves what the counts are in between: its derivative is -g . zeta_r, g the source.
    """
    relaxation, old, dt = method.relaxation, here.adjoint, event.dt
    assert relaxation is not None
    real = dt.dtype
    groups, pull = _pulled(model, block, here)
    happens = event.reaction >= 0
    total = _total(groups)
    moved = along(model, old.counts)
    won = change_of(model, old.counts, event.reaction, real)
    mean = _total([a * z for a, z in zip(groups, moved, strict=True)])
    going = happens & (total > 0)
    over, mean = _inverse(total, going), _ratio(mean, total, going)
    clock, drift = old.clock - change_of(model, old.source, event.reaction, real), old.drift
    late = _ratio(clock * event.wait, total, going)
    if here.due is not None:
        clock, drift, late = _at_times(model, here.due, groups, event, clock, drift, late)
    some = [a > 0 for a in groups]
    if relaxation.kind == "propensity":
        weights = [jnp.where(s, (z - mean[None]) * over[None], 0) for s, z in zip(some, moved, strict=True)]
    elif relaxation.kind == "reinmax":
        half = real.type(0.5)
        best = _ratio(won * half, total, going)
        lift = _ratio((won - mean) * half, event.rate, happens & (event.rate > 0))
        lifts = _numbered(model, event.reaction, lift)
        weights = [
            jnp.where(s, z * (half * over)[None] - best[None], 0) + at
            for s, z, at in zip(some, moved, lifts, strict=True)
        ]
    else:
        weights = _gumbel(model, relaxation, block, here, event, groups, moved, total)
    weights = [jnp.where(happens[None], w, 0) - late[None] for w in weights]
    laned, shared, counts, inputs = pull(tuple(weights))
    counts = _driven(old, _through(model, block, counts, inputs), dt)
    adjoint = old._replace(counts=_add(old.counts, counts), clock=clock, drift=drift)
    work = Work(event, (total, won, mean, clock, late), inputs, here.work.middle, inputs)
    return _gathered(here, adjoint, Leaves(laned, shared), inputs, work)


def _at_times(
    model: Structure, due: Sections, groups: Sequence[Real], event: Event, clock: Real, drift: Real, late: Real
) -> tuple[Real, Real, Real]:
    """What counts at fixed times T add, x(T) = x - F (E - (T - t) d ln a_0), t the time of the last event and E its derivative.

    With g what is asked there and F the drift, g . F goes to the time of that event, and to a_0 by the parts of T - t.
    """
    flow = _total([a * z for a, z in zip(groups, along(model, due), strict=True)])
    waits = event.reaction < 0
    drift = jnp.where(waits, drift + flow, 0)
    total = _total(groups)
    return clock - flow, drift, late - _ratio(drift * event.dt, total, waits & (total > 0))


def _gumbel(model, relaxation, block, here, event, groups, moved, total) -> list[Real]:
    """Weights by y = softmax((ln a + g) / tau), g drawn given the winner; see `Relaxation`."""
    real = total.dtype
    drawn = exponentials(model, block.key, block.index, here.events, real)
    numbers = _numbers(model)
    first = _total([jnp.where(n == event.reaction[None], e, 0) for n, e in zip(numbers, drawn, strict=True)])
    chances = []
    for a, e, n in zip(groups, drawn, numbers, strict=True):
        ahead = a * first[None]
        share = ahead / jnp.where(a > 0, total[None] * e + ahead, real.type(1))
        y = jnp.exp(jnp.log(jnp.where(a > 0, share, 1)) * real.type(1 / relaxation.temperature))
        chances.append(jnp.where(n == event.reaction[None], 1, jnp.where(a > 0, y, 0)))
    over = 1 / jnp.maximum(_total(chances), real.type(1))
    mean = over * _total([y * z for y, z in zip(chances, moved, strict=True)])
    cool = real.type(1 / relaxation.temperature)
    return [
        y * over[None] * (z - mean[None]) * _inverse(a, a > 0) * cool
        for y, z, a in zip(chances, moved, groups, strict=True)
    ]


def exponentials(model: Structure, key: tuple[Word, Word], index: Word, event: Count, real: np.dtype) -> list[Real]:
    """Unit exponentials of event number `event` of the paths, one per reaction; by threefry, so in any order of events."""
    seeds = random.seed(key, index, random.FOLD)
    out = []
    for number in _numbers(model):
        shape = (len(number), *index.shape)
        words = [jnp.broadcast_to(w[None], shape) for w in (seeds.a, seeds.b, event.astype(jnp.uint32))]
        counter = (words[2], jnp.broadcast_to(jnp.asarray(number, jnp.uint32), shape))
        out.append(random.exponential(random.threefry2x32((words[0], words[1]), counter)[0], None, np.dtype(real)))
    return out


def _total(groups: Sequence[Real]) -> Real:
    """Sum over all reactions."""
    return functools.reduce(jnp.add, [group.sum(0) for group in groups])


def _numbers(model: Structure) -> list[np.ndarray]:
    """Numbers of the reactions of each group, (reactions, 1)."""
    ends = np.cumsum([0, *model.groups])
    return [np.arange(a, b, dtype=np.int32)[:, None] for a, b in itertools.pairwise(ends)]


def _numbered(model: Structure, reaction: Count, value: Real) -> tuple[Real, ...]:
    """The value at the reaction of each lane and zero elsewhere, by groups."""
    return tuple(jnp.where(n == reaction[None], value[None], value.dtype.type(0)) for n in _numbers(model))


def _gathered(here: Here, adjoint: Adjoint, leaves: Leaves, inputs: Real | None, work: Work) -> Here:
    """What a step gives to the params."""
    adjoint = adjoint._replace(leaves=jax.tree.map(jnp.add, adjoint.leaves, leaves))
    passed = None if here.passed is None or inputs is None else here.passed + inputs
    return here._replace(adjoint=adjoint, passed=passed, work=work)


def _driven(adjoint: Adjoint, values: Sections, by: Real) -> Sections:
    """The values and a time of the source."""
    return tuple(v if g is None else v + by[None] * g for v, g in zip(values, adjoint.source, strict=True))


def _add(first: Sequence[Real], second: Sequence[Real]) -> tuple[Real, ...]:
    return tuple(a + b for a, b in zip(first, second, strict=True))


def _through(model: Structure, block: Block, counts: Sections, inputs: Real | None) -> Sections:
    """Derivative with respect to the counts, also by way of the features: W^T du as a sum over few features."""
    if block.weights is None or inputs is None:
        return counts
    out = []
    for part, weights in zip(counts, split(model.cuts, block.weights.T), strict=True):
        if len(inputs) > _FEW_FEATURES:
            part = part + weights @ inputs
        else:
            for column, value in zip(weights.T, inputs, strict=True):
                part = part + column[:, None] * value[None]
        out.append(part)
    return tuple(out)
