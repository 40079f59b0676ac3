"""Baselines: what is subtracted from an observable before it is multiplied by a score."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

Baseline = Literal["leave_one_out", "optimal", "mean"] | None


def centred(
    kind: Baseline,
    values: Float[Array, "paths asked entries"],
    scores: Float[Array, "paths asked parameters"],
    weight: Float[Array, " paths"],
) -> Float[Array, "paths asked entries parameters_or_1"]:
    """Values less a baseline b, one per stop and entry (and parameter); rows of weight 0 do not count.

    - None: b = 0.
    - `mean`: of all paths, so that each path lowers its own value: the gradient shrinks by 1 - 1/paths.
    - `leave_one_out`: mean of the other paths. Independent of the path it is used for, so nothing is biased.
    - `optimal`: E[f S^2] / E[S^2], which has the least variance among constants, per parameter; paths of even number
      take it from those of odd number and the other way round, so nothing is biased. (Leaving one out of a ratio would
      subtract nearly equal numbers where one path has most of the weight.)
    """
    paths = weight.sum()
    if kind is None:
        return values[..., None]
    if kind == "optimal":
        return _by_halves(values, scores, weight)
    less = values - (jnp.einsum("r,rtk->tk", weight, values) / paths)[None]
    if kind == "leave_one_out":
        less = jnp.where(paths > 1, less * (paths / jnp.maximum(paths - 1, 1)), values)
    return less[..., None]


def _by_halves(values: Array, scores: Array, weight: Array) -> Array:
    """Values less the optimal baseline of the other half; its mean where that half has no score, 0 where it is empty."""
    odd = jnp.arange(len(weight)) % 2
    half = jnp.stack([weight * odd, weight * (1 - odd)])
    square = jnp.einsum("hr,rtp->htp", half, scores**2)
    product = jnp.einsum("hr,rtk,rtp->htkp", half, values, scores**2)
    mean = jnp.einsum("hr,rtk->htk", half, values) / jnp.maximum(half.sum(1), 1)[:, None, None]
    square = square[:, :, None]
    baseline = jnp.where(square > 0, product / jnp.where(square > 0, square, 1), mean[..., None])
    return values[..., None] - baseline[odd]
