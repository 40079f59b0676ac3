"""Tails: whether the paths of a call are enough to know the variance of what they contribute to a gradient."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.special import gammaincinv

from jumpax.gradients.chunk import Sums

ALARM = 1e-3
"""Chance of a false alarm in one call, over all components, where tails are light."""
FLOOR = 1e-4
"""Deviations of one path below this part of the gradient, and of the spread of f over theta, are rounding and no tail."""
TOP = 32
"""One path of so many counts as belonging to the tail, where its index is estimated."""
INDEX = 3.0
"""Tail index below which the variance of a variance is hopeless, and a standard error from some 10^4 paths is not to be trusted."""
CONFIDENCE = 0.95
"""With which a tail index is known to be below `INDEX`, for each component."""


class Tail(NamedTuple):
    """What one call says of its own tails."""

    replaced: Bool[Array, ""]
    """Whether the chosen estimator failed, and the gradient is that of the score function along the same paths."""
    doubtful: Bool[Array, "stops entries parameters"]
    """Components of what is given back whose standard error cannot be trusted."""
    share: Float[Array, "stops entries parameters"]
    """Largest share of one path in the squared deviations, by the estimator that was asked for."""
    suspect: Bool[Array, ""]
    """Whether one of these shares is too large, so that there is something to tell."""


def limit(paths: int, components: int, degree: int) -> float:
    """Largest share that one path may have in the sum of squared deviations.

    Contributions with a light tail are at worst like X^d, X a normal number and d the degree of a polynomial in what is about
    normal: grad f . v has d = 2 for a quadratic f, f times the score 3. Of n paths and m components no |X| exceeds
    sqrt(2 log(n m / alarm)) but for a chance of `alarm`, since P(|X| > x) < exp(-x^2 / 2). So the largest square is, of their sum,
    at most

        (2 log(n m / alarm))^d / (n Var X^d),    Var X^d = 1, 2, 15 for d = 1, 2, 3

    Below some 400 paths that is more than 1: nothing can be said then. A tail of index a gives a share of about n^(2/a - 1), and one
    of index `INDEX` is no lie yet: where n^(2/`INDEX` - 1) is larger, from some 20,000 paths on, that is the limit (0.037 there,
    where an index of 2.5 gives 0.06).
    """
    light = (2 * np.log(paths * components / ALARM)) ** degree / paths / (1, 2, 15)[degree - 1]
    return float(max(light, paths ** (2 / INDEX - 1)))


def shares(sums: Sums) -> Float[Array, "*batch stops entries parameters"]:
    """Largest share of one path in the squared deviations of each component; 1 where they are no numbers."""
    square = sums.gradient_square
    some = square > 0
    share = jnp.where(some, sums.gradient_peak / jnp.where(some, square, 1), 0)
    return jnp.where(jnp.isfinite(share) & jnp.isfinite(square), share, 1)


def heavy(
    sums: Sums, most: float, theta: Float[Array, "*batch parameters"]
) -> Bool[Array, "*batch stops entries parameters"]:
    """Components in which one path has a larger share than `most`, and not only of rounding errors.

    A call with a faulty path, whose values are NaN, is not judged.
    """
    n = sums.paths[..., None, None, None]
    spread = jnp.sqrt(sums.square[..., None] / n) / jnp.maximum(jnp.abs(theta), 1e-30)[..., None, None, :]
    size = FLOOR * jnp.maximum(jnp.abs(sums.gradient / n), spread)
    matters = ~(sums.gradient_peak <= size**2)  # NaN matters
    return (shares(sums) > most) & matters & jnp.isfinite(sums.value)[..., None]


def tail_index(largest: Float[np.ndarray, "... many"]) -> Float[np.ndarray, "..."]:
    """Upper confidence limit of the tail index of deviations, from their largest squares in order (Hill's estimator).

    Of the k largest deviations over the next one, the mean logarithm is 1 / a, and its k-fold times a has a gamma law, for a
    tail P(|g| > x) ~ x^-a. Exponential tails have a local index of log 32 = 3.5 where one of 32 paths lies beyond, normal
    ones 6. Infinite where there are no deviations.
    """
    many = largest.shape[-1] - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = 0.5 * np.log(largest[..., :-1] / largest[..., -1:])
        index = gammaincinv(many, CONFIDENCE) / logs.sum(-1)
    return np.where(largest[..., 0] > 0, np.where(np.isnan(index), 0.0, index), np.inf)
