"""The likelihood of a sampled, noisy current: a hidden Markov chain."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax.channels.dwells import check_seconds
from jumpax.channels.exponential import exponential
from jumpax.channels.gating import Gating, Level, Theta, balanced
from jumpax.exact import StateSpace

_MOST_BLOCKS = 1024


def sampled_log_likelihood(
    space: StateSpace,
    theta: Theta,
    current: Sequence[float] | np.ndarray,
    interval: float,
    level: Level,
    means: Any,
    sds: Any,
) -> Float[Array, ""]:
    """Log-likelihood density of a current at equally spaced times: normal noise about the mean of a hidden level.

    `sum log p(y_k | y_1 .. y_k-1)` of the chain with transition matrix exp(Q interval) from its stationary law, each sample
    being normal with the mean and the standard deviation of its level, independently. Exact; what lies between samples
    needs no idealisation and no dead time, but filtered records have noise that is not independent. A plain JAX
    function of theta, means and sds, of any order of derivatives. The record is cut into blocks whose matrices are
    multiplied side by side: the work is samples x states^3, the memory of a gradient states^2 x samples^(3/4).

    Args:
        space: all states of the channels in the patch.
        theta: value of each parameter, 1/s.
        current: (samples,) in any unit, at most 2^31; NaN where a sample is missing.
        interval: s between samples.
        level: conductance by species, or a function of the counts: which states look alike.
        means: (levels,) mean current by level, numbered from 0 in order of the size of the conductance; may be traced.
        sds: standard deviation of the noise, one for all or (levels,); may be traced.

    Returns:
        A scalar in float64; -inf where the rates cannot make the record. Inside transformations, NaN instead of a
        SimulationError.

    Raises:
        InputError: float64 is not enabled; something does not fit the scheme.
        SimulationError: propensities that are negative, not finite, or lead to a negative count.

    Source: Chung et al. 1990, doi:10.1098/rstb.1990.0170.

    Examples:
        >>> from jumpax.networks import MassAction, Network, Reaction
        >>> channel = Network([Reaction("C -> O", MassAction("opening")), Reaction("O -> C", MassAction("closing"))])
        >>> space = StateSpace.reachable(channel, {"C": 1, "O": 0})
        >>> theta, current = {"opening": 100.0, "closing": 500.0}, [0.1, -0.2, 1.1, 0.8, 0.0]
        >>> with jax.enable_x64(True):
        ...     print(f"{sampled_log_likelihood(space, theta, current, 1e-3, {'O': 1}, [0.0, 1.0], 0.2):.4f}")
        -2.0946
    """
    gating = Gating(space, level)
    values = gating.values(theta)
    seen = np.asarray(current, np.float64)
    if seen.ndim != 1 or not len(seen) or np.isinf(seen).any():
        raise InputError(f"current must be a list of numbers, NaN where one is missing, not of shape {seen.shape}")
    check_seconds(interval, "interval")
    mean, sd = _by_level(gating, means, "means"), _by_level(gating, sds, "sds")
    made = _evaluate(values, seen, float(interval), mean, sd, gating=gating)
    if not isinstance(made, Tracer) and np.isnan(made):
        gating.check(values)
    return made


@partial(jax.jit, static_argnames="gating")
def _evaluate(
    values: dict[str, Float[Array, ""]],
    seen: Float[Array, " samples"],
    interval: Float[Array, ""],
    mean: Float[Array, " levels"],
    sd: Float[Array, " levels"],
    *,
    gating: Gating,
) -> Float[Array, ""]:
    """One program for all records of a length."""
    flow, missing = gating.generator(values), jnp.isnan(seen)[:, None]
    z = (jnp.nan_to_num(seen)[:, None] - mean[None]) / sd[None]
    logs = jnp.where(missing, 0.0, -z * z / 2 - jnp.log(sd * np.sqrt(2 * np.pi))[None])
    start = balanced(flow)
    ever = jnp.asarray(gating.inside) @ start > 0  # what is never there at the start never is
    logs = jnp.where(ever[None], logs, -jnp.inf)
    top = jax.lax.stop_gradient(logs.max(1))
    weights = jnp.exp(logs - top[:, None])
    law = start * weights[0][gating.levels]
    products, scales = _products(exponential(flow * interval), weights[1:], gating.levels)

    def onward(law: Float[Array, " states"], product: Float[Array, "states states"]):
        law = product @ law
        return law / _scale(law.sum()), jnp.log(law.sum())

    _, parts = jax.lax.scan(onward, law / _scale(law.sum()), products)
    return jnp.log(law.sum()) + parts.sum() + scales + top.sum()


def _scale(total: Float[Array, "*many"]) -> Float[Array, "*many"]:
    """What to divide a law by; nothing is left of what cannot be, whose logarithm is -inf."""
    return jnp.where(total == 0, 1.0, total)


def _by_level(gating: Gating, values: Any, what: str) -> Float[Array, " levels"]:
    """A number for each level."""
    many = len(gating.inside)
    made = jnp.asarray(values, jnp.float64)
    if made.shape not in (((), (many,)) if what == "sds" else ((many,),)):
        known = ", ".join(f"{value:g}" for value in gating.conductances)
        raise InputError(
            f"{what} must have {many} numbers, for the levels of conductance {known} in this order, not shape {made.shape}"
        )
    if (
        not isinstance(made, Tracer)
        and not (np.isfinite(made) & (np.asarray(made) > (0 if what == "sds" else -np.inf))).all()
    ):
        raise InputError(f"{what} must be finite numbers{' > 0' * (what == 'sds')}, not {values!r}")
    return jnp.broadcast_to(made, (many,))


def _products(
    step: Float[Array, "states states"], weights: Float[Array, "samples levels"], levels: np.ndarray
) -> tuple[Float[Array, "blocks states states"], Float[Array, ""]]:
    """Transition matrices over blocks of the record, weighted by what was seen, and the logarithm of their scales."""
    many, size = len(weights), len(step)
    blocks = int(min(_MOST_BLOCKS, max(1, np.sqrt(many))))
    inner = int(max(1, np.sqrt(many / blocks)))
    outer = max(1, -(-many // (blocks * inner)))
    there = np.arange(blocks * outer * inner).reshape(blocks, outer, inner) < many
    filled = jnp.pad(weights, ((0, there.size - many), (0, 0)), constant_values=1.0)
    each = (jnp.moveaxis(filled.reshape(*there.shape, weights.shape[1]), 0, 2), jnp.asarray(np.moveaxis(there, 0, 2)))

    def onward(now: tuple, sample: tuple):
        (made, log), (weight, there) = now, sample
        seen = weight[:, levels, None] * jnp.einsum("ij,bjk->bik", step, made)
        made = jnp.where(there[:, None, None], seen, made)
        scale = jax.lax.stop_gradient(made.max((1, 2)))
        return (made / _scale(scale)[:, None, None], log + jnp.log(scale).sum()), None

    whole = jax.checkpoint(partial(jax.lax.scan, onward))
    start = (jnp.broadcast_to(jnp.eye(size)[None], (blocks, size, size)), jnp.zeros(()))
    (made, log), _ = jax.lax.scan(lambda now, part: (whole(now, part)[0], None), start, each)
    return made, log
