"""Exact paths of a `VectorNetwork`, with pathwise gradients in reverse mode."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax._base.memory import check_memory
from jumpax.engines.arrays.rates import structure
from jumpax.engines.arrays.run import Plan
from jumpax.engines.program import check_positive
from jumpax.engines.size import COPIES
from jumpax.folds.relaxation import Relaxation
from jumpax.gradients.straight_through import StraightThrough
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent
from jumpax.gradients.vector_core import Setting, paths_of
from jumpax.gradients.vector_steps import Method
from jumpax.gradients.vector_sweep import SMALL
from jumpax.networks import VectorNetwork, check_vector_network

TURNS = 128
"""Turns of a segment: what is logged at a time in the backward pass."""
VectorGradient = Literal["trapezoidal"] | TrapezoidalTangent | StraightThrough


class VectorPaths(NamedTuple):
    """What was asked of exact paths."""

    windows: Float[Array, "paths windows observed"]
    """Time averages of the counts over the windows."""
    counts: Float[Array, "paths times observed"]
    """Counts at the times, right-continuous."""
    events: Int[Array, " paths"]
    """Reactions fired."""
    status: Int[Array, " paths"]
    """Codes of `jumpax.Status`, a fault from 4 on. What a faulty path did not reach is NaN, and all of a negative one."""


def vector_paths(
    network: VectorNetwork,
    params: Mapping[str, Any],
    x0: Any,
    *,
    paths: int,
    key: PRNGKeyArray | int,
    windows: Sequence[tuple[float, float]] = (),
    times: Sequence[float] = (),
    per_path: Sequence[str] = (),
    observe: Sequence[str | int] | None = None,
    gradient: VectorGradient = "trapezoidal",
    start: float = 0.0,
    max_events: int = 1_000_000,
    checkpoints: int = 32,
    lanes: int = 128,
) -> VectorPaths:
    """Draw exact paths of a vector network; their windows and counts are differentiable functions of the params.

    Values are those of exact paths (the direct method, with the random numbers of `simulate`: the same paths, but for near
    ties in the last bit). Derivatives are pathwise, in reverse mode, path by path, so any JAX loss of them can be
    differentiated, for any number of params: `jax.grad` costs about five forward runs. Works within `jax.jit`.

        window k of path i   (1 / (T1 - T0)) integral from T0 to T1 of x(t) dt

    The backward pass draws the path again, segment by segment, from lanes kept on the way: memory does not grow with the
    number of events (beyond 128 times `checkpoints` turns, some are drawn more than twice).

    A faulty path (`max_events`, a propensity that is no number, a negative count) has a status from 4 on, and NaN where values
    are missing. It has no derivatives: whatever is asked of it makes those of the shared params and its own NaN. To leave it
    out, replace its values before anything is computed from them:

        windows = jnp.where((got.status < 4)[:, None, None], got.windows, 0.0)

    Args:
        network: what reacts.
        params: arrays, or pytrees of arrays, by name; read as floating numbers.
        x0: counts at the start, (species,) or (paths, species); no derivatives with respect to them.
        paths: how many.
        key: `jax.random.key(seed)` or an int. Path i depends on the key and i alone, not on `lanes` or other paths.
        windows: pairs of times.
        times: at which counts are wanted; after `start`.
        per_path: names of params whose leaves have a first axis of paths.
        observe: numbers or names of species; default all.
        gradient: `trapezoidal`, as `TrapezoidalTangent`; its flow between events by Taylor series of order 4, or of order 2
            in networks of more than 32 species, where waits are short. `TrapezoidalTangent(reach=...)` for order 4 always.
            `StraightThrough(relaxation=..., temperature=...)`, with `propensity`, `gumbel` or `reinmax`, for windows only;
            its horizon is of no account, as an average is continuous in the times of events.
        start: time at the start.
        max_events: events after which a path is given up as exploding.
        checkpoints: lanes kept per path.
        lanes: paths that run together. Twice as many need twice the memory; 128 suits a core.

    Returns:
        Averages and counts, (paths, windows or times, observed), events, status; see `VectorPaths`.

    Raises:
        InputError: everything that is wrong with the input; `TooLargeError` for more than a quarter of the memory.
        UnsupportedError: an estimator that is not available here; a second derivative.

    Exact; gradients biased or not as `TrapezoidalTangent` and `StraightThrough` say.

    Example:
        >>> import jax, jumpax, numpy as np
        >>> genes = jumpax.VectorNetwork(
        ...     np.hstack([np.eye(40, dtype=int), -np.eye(40, dtype=int)]), lambda counts, params: (params["beta"], counts)
        ... )
        >>> def loss(beta):
        ...     means = jumpax.window_means(
        ...         genes, {"beta": beta}, np.zeros(40), paths=50, key=0, windows=[(1.0, 2.0)]
        ...     )
        ...     return means[:, 0].mean(0).sum()
        >>> slope = jax.grad(loss)(np.full(40, 5.0))
        >>> slope.shape, bool(abs(slope.mean() - 0.7675) < 0.02)
        ((40,), True)
    """
    check_vector_network(network)
    paths, lanes = check_positive("paths", paths), check_positive("lanes", lanes)
    per_path = (per_path,) if isinstance(per_path, str) else tuple(per_path)
    spans, times = _spans(windows, times)
    borders = _borders(spans, times, float(start))
    method = _method(gradient, times, len(network.species) <= SMALL)
    seen = _observed(network, observe)
    model = structure(network, params, per_path, paths, seen)
    real = jnp.zeros((), float).dtype
    leaves = [jnp.asarray(leaf, real) for leaf in jax.tree.leaves(dict(params))]
    limit, kept = check_positive("max_events", max_events, 2**31 - 2), check_positive("checkpoints", checkpoints)
    plan = Plan(seen, borders, float(start), limit, TURNS, kept)
    setting = Setting(model, plan, method, per_path, paths, min(lanes, 16 * -(-paths // 16)))
    _check_size(setting)
    counts = jax.lax.stop_gradient(_counts(network, x0, paths).astype(real))
    drawn: Any = paths_of(setting, leaves, counts, random.key_words(key))
    integrals, at, events, status = drawn
    empty = jnp.zeros((paths, 0, len(seen)), real)
    means = [_mean(borders, integrals, *span) for span in spans]
    chosen = [at[:, borders.index(t)] for t in times]
    return VectorPaths(
        jnp.stack(means, 1) if means else empty, jnp.stack(chosen, 1) if chosen else empty, events, status
    )


def _check_size(setting: Setting) -> None:
    """Whether results, and lanes in flight, fit into memory."""
    network, plan, width = setting.model.network, setting.plan, jnp.zeros((), float).dtype.itemsize
    species, reactions = network.stoichiometry.shape
    rows = 2 * len(plan.borders) * len(plan.observed) + species
    check_memory(
        f"{setting.paths:,} paths x ({len(plan.borders):,} times x {len(plan.observed):,} species)",
        COPIES * width * setting.paths * rows,
        "Ask for fewer paths at once (with keys of their own), fewer times, or fewer species (observe=...)",
    )
    check_memory(
        f"{setting.size:,} paths in flight, of {species:,} species and {reactions:,} reactions",
        4.0
        * width
        * (setting.size * (species + reactions + setting.model.features) + setting.model.features * reactions),
        "Ask for fewer that run together (lanes=...)",
    )


def window_means(
    network: VectorNetwork, params: Mapping[str, Any], x0: Any, **options: Any
) -> Float[Array, "paths windows observed"]:
    """Time averages over windows, (paths, windows, observed): `vector_paths(...).windows`, with its options."""
    return vector_paths(network, params, x0, **options).windows


def _mean(borders: tuple[float, ...], integrals: Array, begin: float, end: float) -> Array:
    """Average over a window, from the integrals between borders."""
    parts = [integrals[:, j] for j, border in enumerate(borders) if begin < border <= end]
    return sum(parts[1:], parts[0]) / (end - begin)


def _spans(windows: Any, times: Any) -> tuple[tuple[tuple[float, float], ...], tuple[float, ...]]:
    """Windows and times as plain numbers."""
    try:
        return tuple((float(a), float(b)) for a, b in windows), tuple(float(t) for t in times)
    except (TypeError, ValueError):
        raise InputError(
            f"windows must be a sequence of pairs, as in windows=[(1.0, 2.0)], and times one of numbers, as in times=[1.0], "
            f"known before any tracing; got windows={windows!r}, times={times!r}"
        ) from None


def _borders(windows: Sequence[tuple[float, float]], times: Sequence[float], start: float) -> tuple[float, ...]:
    """All times at which something is recorded."""
    faults = [f"window ({a:g}, {b:g})" for a, b in windows if not (start <= a < b < np.inf)]
    faults += [f"time {t!r}" for t in times if not start < t < np.inf]
    if faults:
        raise InputError(
            f"windows must be pairs start <= T0 < T1, times after the start, all finite, with start = {start:g}; got "
            + ", ".join(faults)
        )
    if not len(windows) + len(times):
        raise InputError("give windows=((T0, T1), ...) for averages, or times=(...) for counts")
    return tuple(sorted({t for pair in windows for t in pair if t > start} | set(times)))


def _method(gradient: Any, times: Any, small: bool) -> Method:
    """The adjoint asked for."""
    if isinstance(gradient, str) and gradient == "trapezoidal":
        return Method(None, 4, 0.3) if small else Method(None, 2, 0.15)
    if not isinstance(gradient, TrapezoidalTangent | StraightThrough):
        raise InputError(
            f"gradient must be 'trapezoidal', TrapezoidalTangent(...) or StraightThrough(...); got {gradient!r}"
        )
    if gradient.control is not None:
        raise UnsupportedError("controls are not available for vector networks: leave out control=...")
    if isinstance(gradient, TrapezoidalTangent):
        return Method(None, 4, gradient.reach)
    if gradient.relaxation == "conditional":
        raise UnsupportedError(
            "the relaxation 'conditional' is not available for vector networks; its limit of low temperature is 'reinmax'"
        )
    if not gradient.waiting_times:
        raise UnsupportedError("waiting_times=False is not available for vector networks: leave it out")
    if len(times) and gradient.horizon != "state":
        raise UnsupportedError(
            "straight-through gradients of vector networks are those of windows; for counts at times use "
            "gradient='trapezoidal', or StraightThrough(horizon='state'), which is wrong in transients"
        )
    return Method(Relaxation(gradient.relaxation, gradient.temperature))


def _observed(network: VectorNetwork, observe: Any) -> tuple[int, ...]:
    """Numbers of the species asked for."""
    many = len(network.species)
    if observe is None:
        return tuple(range(many))
    faults, out = [], []
    for name in (observe,) if isinstance(observe, str | int | np.integer) else observe:
        if isinstance(name, str) and name not in network.species:
            faults.append(unknown_name("species", name, network.species))
        elif not isinstance(name, str | int | np.integer) or isinstance(name, bool):
            faults.append(f"observe has names or numbers of species; got {name!r}.")
        elif not isinstance(name, str) and not 0 <= name < many:
            faults.append(f"there is no species number {name}: they run from 0 to {many - 1}.")
        else:
            out.append(network.species.index(name) if isinstance(name, str) else int(name))
    if faults or not out:
        raise InputError(" ".join(faults) or "observe names no species; leave it out for all")
    return tuple(out)


def _counts(network: VectorNetwork, x0: Any, paths: int) -> Array:
    """Counts at the start, (paths, species)."""
    many = len(network.species)
    counts = jnp.asarray(x0)
    if counts.shape not in ((many,), (paths, many)):
        raise InputError(f"x0 must be counts ({many} species,) or ({paths} paths, {many}); got shape {counts.shape}")
    if not isinstance(counts, core.Tracer):
        wrong = np.asarray(counts)[(np.asarray(counts) < 0) | (np.asarray(counts) % 1 != 0)]
        if wrong.size:
            raise InputError(f"x0 must be whole numbers, 0 or more; got {wrong[0]:g}")
    return jnp.broadcast_to(counts if counts.ndim == 2 else counts[None], (paths, many))
