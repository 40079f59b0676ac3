"""The thermodynamic uncertainty relation: precision of a current costs entropy."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError


class TurRatio(NamedTuple):
    """The ratio and its standard error."""

    value: Float[Array, ""]
    standard_error: Float[Array, ""]


def tur_ratio(
    currents: Float[Array, " paths"] | np.ndarray, entropies: Float[Array, " paths"] | np.ndarray
) -> TurRatio:
    """Var(X) E[S] / (2 E[X]^2), X a net number of crossings and S the entropy produced by the same paths in the same time.

    At least 1 for every current of a process in its steady state, at any time; (A/2) / tanh(A/2) for all crossings of a
    homogeneous ring of affinity A per bond. Biased O(1/paths); the standard error is that of the jackknife. Net crossings per
    time go with entropy per time times that time.

    Args:
        currents: one number per path, from paths that start in the steady state.
        entropies: likewise, nats.

    Raises:
        InputError: fewer than 3 paths, or different numbers of them.

    Source: Barato & Seifert 2015, doi:10.1103/PhysRevLett.114.158101; any time: Horowitz & Gingrich 2017,
    doi:10.1103/PhysRevE.96.020103.

    Examples:
        >>> print(tur_ratio(np.array([1.0, 2.0, 3.0, 2.0]), np.full(4, 6.0)).value.round(3))
        0.5
    """
    x, s = jnp.asarray(currents, float), jnp.asarray(entropies, float)
    if x.ndim != 1 or x.shape != s.shape or len(x) < 3:
        raise InputError(
            f"tur_ratio needs two arrays of one length, 3 or more paths; got shapes {x.shape} and {s.shape}"
        )
    n = len(x)

    centre = x.mean()
    y = x - centre  # squares are taken of deviations: a late current is large

    def of(total, squares, entropy, paths):
        mean = total / paths
        return (squares / paths - mean**2) * paths / (paths - 1) * (entropy / paths) / (2 * (mean + centre) ** 2)

    whole = of(y.sum(), (y**2).sum(), s.sum(), n)
    without = of(y.sum() - y, (y**2).sum() - y**2, s.sum() - s, n - 1)
    return TurRatio(whole, jnp.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
