"""How rough a problem is on the scale of one molecule: indices that tell where tangents can be trusted."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax._base.compiling import quick
from jumpax._base.types import ParameterValues, Real, Word
from jumpax.engines.program import Steps, Times
from jumpax.engines.simulate import simulate
from jumpax.gradients.sampling import Sampling
from jumpax.networks import Network

PATHS = 96
"""Plain paths behind the indices."""
MOMENTS = 24
"""Times at which they are looked at."""


class Curvature(NamedTuple):
    """Three numbers from 0 (a tangent is exact) upwards.

    Attributes:
        kappa: curvature index of the propensities along jump directions,
            E int sum |a(x + eta) - 2 a(x) + a(x - eta)| dt / E int sum |a(x + eta) - a(x - eta)| / 2 dt.
        dark: the part of the denominator from reactions that cannot fire where they would matter (a = 0).
        roughness: of the observable: mean |f(x + eta) - f(x) - (grad f(x) + grad f(x + eta)).eta / 2| over mean
            |f(x + eta) - f(x)|; 1 for an indicator, 0 up to quadratic functions.
        bend: the same with grad f(x).eta alone: 0 for linear functions only.
    """

    kappa: float
    dark: float
    roughness: float
    bend: float


def directions(network: Network) -> list[tuple[int, ...]]:
    """Jump vectors that differ by more than their sign."""
    kept: list[tuple[int, ...]] = []
    for column in network.stoichiometry.T:
        jump = tuple(int(c) for c in column)
        if any(jump) and jump not in kept and tuple(-c for c in jump) not in kept:
            kept.append(jump)
    return kept


class Visits(NamedTuple):
    """States of a problem, and how often some plain paths were seen in them."""

    states: Int[np.ndarray, "states species"]
    """A power of two of them, so that few sizes are ever compiled: the last ones may be one state again, without weight."""
    weight: Int[np.ndarray, " states"]

    @property
    def ordered(self) -> Int[np.ndarray, "seen species"]:
        """All different ones, those seen most often first."""
        return self.states[np.argsort(-self.weight, kind="stable")[: int((self.weight > 0).sum())]]


def visits(sampling: Sampling, theta: ParameterValues, words: tuple[Word, Word]) -> Visits:
    """Snapshots of some plain paths between the start and the last stop."""
    network = sampling.network
    if isinstance(sampling.stops, Times):
        span = sampling.stops.values[-1] - sampling.start
        when: dict[str, Any] = {"times": sampling.start + span * (np.arange(MOMENTS) + 0.5) / MOMENTS}
    else:
        when = {"steps": np.unique(np.linspace(0, sampling.stops.values[-1], MOMENTS).astype(int))}
    seen = simulate(
        network, theta, sampling.begin, paths=PATHS, key=jnp.asarray(np.stack(words)), start=sampling.start, max_events=sampling.max_events,
        **when,
    ).counts  # fmt: skip
    states, weight = np.unique(np.asarray(seen).reshape(-1, len(network.species)), axis=0, return_counts=True)
    room = (1 << (len(states) - 1).bit_length()) - len(states)
    return Visits(np.pad(states, ((0, room), (0, 0)), "edge"), np.pad(weight, (0, room)))


def curvature(sampling: Sampling, theta: ParameterValues, seen: Visits) -> Curvature:
    """The indices of a problem."""
    states, weight = seen
    bend, edge, dark = _laws(sampling.network, theta, states, weight)
    rough, steep, total = _observable(sampling, states, weight)
    return Curvature(_ratio(bend, edge), _ratio(dark, edge), _ratio(rough, total), _ratio(steep, total))


def events_per_path(sampling: Sampling, theta: ParameterValues, words: tuple[Word, Word]) -> float:
    """Mean number of events of a path up to its last stop, from some plain paths."""
    if isinstance(sampling.stops, Steps):
        return float(sampling.stops.values[-1])
    paths = simulate(
        sampling.network, theta, sampling.begin, times=[sampling.stops.values[-1]], paths=PATHS, key=jnp.asarray(np.stack(words)),
        start=sampling.start, max_events=sampling.max_events, throw=False,
    )  # fmt: skip
    return float(paths.events.mean())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


@functools.lru_cache(16)
def _rates(network: Network) -> Callable[..., Float[Array, "rows reactions"]]:
    """Propensities (rows, reactions) of states (rows, species), in 64 bits."""

    @jax.jit(compiler_options=quick())
    def rates(points: Float[Array, "rows species"], theta: Mapping[str, Real]) -> Float[Array, "rows reactions"]:
        made = network.propensities(tuple(points.T), theta, jnp.zeros(len(points)))
        return jnp.stack([jnp.broadcast_to(a, len(points)) for a in made], 1)

    return rates


def _laws(network: Network, theta: ParameterValues, states: np.ndarray, weight: np.ndarray) -> tuple[float, ...]:
    """Sums of second differences, of first differences, and of the latter where a = 0."""
    values = {name: np.float64(value) for name, value in theta.items()}

    def rates(points: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(_rates(network)(points.astype(float), values))

    bend = edge = dark = 0.0
    here = rates(states)
    for eta in map(np.array, directions(network)):
        # the three points move by one jump where an end would have a negative count
        shift = ((states - eta) < 0).any(1).astype(int) - ((states + eta) < 0).any(1).astype(int)
        middle = states + shift[:, None] * eta
        usable = ((middle - eta) >= 0).all(1) & ((middle + eta) >= 0).all(1)
        if not (usable & (weight > 0)).any():
            continue
        low, centre, high = (rates(np.where(np.expand_dims(usable, 1), middle + n * eta, states)) for n in (-1, 0, 1))
        w, slope = (weight * usable)[:, None], np.abs(high - low) / 2
        bend += float((w * np.abs(high - 2 * centre + low)).sum())
        edge += float((w * slope).sum())
        dark += float((w * slope * (here == 0)).sum())
    return bend, edge, dark


@functools.lru_cache(16)
def _differentiated(sampling: Sampling) -> Callable[..., tuple[Array, Array]]:
    """The observable of each of some states, and its derivative."""

    def both(points: Float[Array, "rows species"]) -> tuple[Array, Array]:
        return jax.vmap(sampling.observe)(points), jax.vmap(jax.jacfwd(sampling.observe))(points)

    return jax.jit(both, compiler_options=quick())


def _observable(sampling: Sampling, states: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Sums of |difference - trapezoidal slope|, |difference - slope|, |difference| of f over visited jumps."""

    def seen(points: np.ndarray) -> list[np.ndarray]:
        made = _differentiated(sampling)(points.astype(np.dtype(sampling.precision)))
        return [np.asarray(part, float) for part in made]

    here, slope = seen(states)
    # each entry counts alike, whatever its scale
    size = np.maximum(np.abs(here).max(0), 1e-30)
    sums = np.zeros(3)
    for eta in map(np.array, directions(sampling.network)):
        inside = ((states + eta) >= 0).all(1)
        there, steep = seen(np.where(np.expand_dims(inside, 1), states + eta, states))
        change = there - here
        first = slope @ eta
        rough, bent = change - (first + steep @ eta) / 2, change - first
        w = np.where(inside, weight, 0)[:, None] / size
        sums += [np.nansum(np.where(w > 0, w * np.abs(part), 0.0)) for part in (rough, bent, change)]
    return float(sums[0]), float(sums[1]), float(sums[2])


def moved(theta: ParameterValues, other: ParameterValues, names: Sequence[str]) -> float:
    """Largest distance of two parameter sets, in log parameters where both are positive."""

    def distance(a: float, b: float) -> float:
        if a > 0 and b > 0:
            return abs(float(np.log(a / b)))
        return 0.0 if a == b else float("inf")

    return functools.reduce(max, (distance(float(theta[n]), float(other[n])) for n in names), 0.0)
