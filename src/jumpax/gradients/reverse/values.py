"""Values of single paths, as functions with derivatives in reverse mode."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from jumpax._base import given
from jumpax._base.errors import UnsupportedError
from jumpax._base.memory import check_memory
from jumpax._base.status import FIRST_FAULT
from jumpax._base.types import ParameterValues, Word
from jumpax.engines.arrays.rates import structure
from jumpax.engines.arrays.run import Plan, width_of
from jumpax.engines.program import Steps, Times
from jumpax.engines.size import COPIES
from jumpax.folds import TimeAverages
from jumpax.gradients.reverse.checkpoints import Setting, paths_of
from jumpax.gradients.reverse.method import Observed, method_of
from jumpax.gradients.sampling import Sampling
from jumpax.networks import Need, Stacked, check_network

TURNS, KEPT = 128, 32
"""Turns of a segment, which is what is logged at a time; lanes kept per path."""


class PathValues(NamedTuple):
    """The observable along each path, and how each path ended."""

    values: PyTree[Float[Array, "paths stops ..."]]
    """Its structure, with leading axes (paths, stops). NaN for a faulty path; it has no derivatives, and whatever is asked of it makes
    those of the shared parameters and its own NaN. To leave it out, replace its values before anything is computed from them, as
    in `jnp.where(got.faulty[:, None], 0.0, got.values)`."""
    events: Int[Array, " paths"]
    """Reactions fired."""
    status: Int[Array, " paths"]
    """Codes of `jumpax.Status`, a fault from 4 on."""

    @property
    def faulty(self) -> Bool[Array, " paths"]:
        """Which paths could not be followed to their last stop."""
        return self.status >= FIRST_FAULT


def values_of(
    sampling: Sampling, estimator: object, theta: ParameterValues, words: tuple[Word, Word], direct: bool = False
) -> tuple[Float[Array, "paths stops entries"], Int[Array, " paths"], Int[Array, " paths"]]:
    """The observable of each path at each stop, flattened, with derivatives in theta; events and status.

    Args:
        sampling: what is to be observed, and how many paths there are.
        estimator: which derivative a path has.
        theta: arrays of their shapes, or one per path, by name.
        words: of the key.
        direct: whether features are computed anew at each event: slower, but what they read may differ from path to path.
    """
    if sampling.x0 is not None:
        raise UnsupportedError("reverse mode starts in one state, and x0 is a law of them; ScoreFunction() takes laws")
    network, real = Stacked(sampling.network, direct), np.dtype(sampling.precision)
    own = tuple(name for name, shape in network.shapes.items() if jnp.ndim(theta[name]) > len(shape))
    seen = observed(sampling)
    model = structure(network, own, seen)
    by_events = isinstance(sampling.stops, Steps)
    plan = Plan(seen, sampling.stops.values, sampling.start, sampling.max_events, TURNS, KEPT, by_events)
    lanes = width_of(16 * -(-sampling.paths // 16))
    setting = Setting(
        model, plan, method_of(estimator, len(network.species), _kind(sampling)), own, real, sampling.paths, lanes
    )
    _check_size(setting)
    counts = jnp.broadcast_to(jnp.asarray(sampling.counts, real), (sampling.paths, len(network.species)))
    drawn: Any = paths_of(setting, [jnp.asarray(theta[name], real) for name in model.names], counts, words)
    integrals, at, events, status = drawn
    if sampling.gathered is None:
        made = jax.vmap(jax.vmap(functools.partial(_observe, sampling, seen)))(at)
    else:
        record = _averages(sampling, integrals, at)
        stops = jnp.asarray(sampling.stops.values, real)
        made = jax.vmap(jax.vmap(sampling.read), in_axes=(0, None))(record, stops)
    lost = jnp.where(status < FIRST_FAULT, 0, jnp.nan).astype(made.dtype)
    return made + lost[:, None, None], events, status


def _kind(sampling: Sampling) -> Observed:
    """What is observed: averages, or counts at times or after events."""
    if sampling.gathered is not None:
        return "averages"
    return "times" if isinstance(sampling.stops, Times) else "events"


def observed(sampling: Sampling) -> tuple[int, ...]:
    """Numbers of the species that the observable reads."""
    names = sampling.network.species
    if sampling.gathered is not None:
        return sampling.gathered.chosen or tuple(range(len(names)))  # type: ignore[attr-defined]  # check_reverse has looked
    scalars = [jax.ShapeDtypeStruct((), np.dtype(sampling.precision))] * len(names)

    def made(counts: list[Array]) -> list[Array]:
        return jax.tree.leaves(given.observe(sampling.observable, dict(zip(names, counts, strict=True))))  # type: ignore[arg-type]

    traced = jax.make_jaxpr(made)(scalars).jaxpr
    read = {id(v) for e in traced.eqns for v in e.invars} | {id(v) for v in traced.outvars}
    return tuple(number for number, v in enumerate(traced.invars) if id(v) in read) or (0,)


def _observe(sampling: Sampling, seen: tuple[int, ...], counts: Float[Array, " observed"]) -> Float[Array, " entries"]:
    """The observable of the counts of the species that it reads, flattened."""
    every = [jnp.zeros((), counts.dtype)] * len(sampling.network.species)
    for number, count in zip(seen, counts, strict=True):
        every[number] = count
    return sampling.observe(every)


def _averages(sampling: Sampling, integrals: Array, at: Array) -> tuple[Array, ...]:
    """Records of time averages, from integrals between stops; the counts themselves where no time has passed."""
    assert isinstance(sampling.stops, Times)
    spans = np.diff(np.array([sampling.start, *sampling.stops.values]))[None, :, None]
    over = jnp.asarray(1 / np.where(spans > 0, spans, 1), integrals.dtype)
    means = jnp.where(spans > 0, integrals * over, at)
    return tuple(means[..., number] for number in range(means.shape[-1]))


def check_reverse(sampling: Sampling, estimator: object, baseline: object = None) -> None:
    """Refuse what reverse mode does not have.

    Raises:
        UnsupportedError: naming it.
    """
    check_network(sampling.network, {Need.FAMILY}, "reverse mode")
    faults = [] if baseline is None else ["baseline=...: leave it out"]
    if sampling.gathered is not None and not isinstance(sampling.stops, Times):
        faults.append("averages between numbers of events: use times=...")
    if sampling.bound is not None:
        faults.append("bound=...")
    if sampling.devices == "all":
        faults.append("devices='all': leave it out")
    if sampling.engine not in (None, "arrays"):
        faults.append(f"engine={sampling.engine!r}: leave it out")
    if sampling.gathered is not None and not isinstance(sampling.gathered, TimeAverages):
        faults.append(
            f"{type(sampling.observable).__name__}: functions of the counts at stops, and TimeAverage, have derivatives"
        )
    if faults:
        raise UnsupportedError(f"reverse mode does not have {'; '.join(faults)}")
    method_of(estimator, len(sampling.network.species), _kind(sampling))


def _check_size(setting: Setting) -> None:
    """Whether results, and lanes in flight, fit into memory."""
    network, plan, width = setting.model.network, setting.plan, setting.real.itemsize
    species, reactions = network.stoichiometry.shape
    rows = 2 * len(plan.borders) * len(plan.observed) + species
    check_memory(
        f"{setting.paths:,} paths x ({len(plan.borders):,} times x {len(plan.observed):,} species)",
        COPIES * width * setting.paths * rows,
        "Ask for fewer paths at once (with keys of their own), fewer times, or fewer species",
    )
    check_memory(
        f"{setting.size:,} paths in flight, of {species:,} species and {reactions:,} reactions",
        4.0
        * width
        * (setting.size * (species + reactions + setting.model.features) + setting.model.features * reactions),
        "Simulate a smaller network",
    )
