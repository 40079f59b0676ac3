"""Expectations whose derivatives come in reverse mode: means of values of single paths."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import UnsupportedError
from jumpax._base.memory import check_memory
from jumpax._base.types import ParameterValues, Word
from jumpax.gradients.reverse.values import values_of
from jumpax.gradients.sampling import Sampling


def expected(
    sampling: Sampling, estimator: object, theta: ParameterValues, words: tuple[Word, Word]
) -> Float[Array, "stops entries"]:
    """Mean of the observable over paths, (stops, entries); NaN if one of them is faulty."""
    return values_of(sampling, estimator, theta, words)[0].mean(0)


def estimated(
    sampling: Sampling, estimator: object, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]
) -> tuple[Array, Array, dict[str, Array], dict[str, Array]]:
    """Means and standard errors of values, and of gradients by name, (stops, entries, *shape): a sweep back for each entry.

    Each path has a theta of its own here, so that the squares of its derivatives are known.
    """
    stops, entries = len(sampling.stops.values), sampling.entries
    numbers = sum(int(np.prod(sampling.network.shapes.get(name, ()))) for name in wrt)
    check_memory(
        f"Derivatives of {sampling.paths:,} paths x {stops:,} stops x {entries:,} entries by {numbers:,} numbers",
        2.0 * np.dtype(sampling.precision).itemsize * sampling.paths * stops * entries * max(1, numbers),
        "Differentiate the expectation itself by jax.grad, without standard errors, or ask for fewer parameters (wrt=...)",
    )
    each = {name: jnp.broadcast_to(theta[name], (sampling.paths, *jnp.shape(theta[name]))) for name in wrt}

    def total(own: dict[str, Array]) -> tuple[Array, Array]:
        values = values_of(sampling, estimator, {**theta, **own}, words, direct=True)[0]
        return values.sum(0), values

    slopes, values = jax.jacrev(total, has_aux=True)(each)
    n = sampling.paths

    def moments(rows: Array, axis: int) -> tuple[Array, Array]:
        return rows.mean(axis), jnp.sqrt(rows.var(axis) / max(n - 1, 1))

    of_each = {name: moments(slope, 2) for name, slope in slopes.items()}  # (stops, entries, paths, *shape)
    value, error = moments(values, 0)
    return value, error, {k: v[0] for k, v in of_each.items()}, {k: v[1] for k, v in of_each.items()}


def check_values(estimator: object) -> None:
    """Whether an estimator gives values of single paths.

    Raises:
        UnsupportedError: it does not work in reverse mode.
    """
    if not getattr(estimator, "reverse", False):
        given = "an expectation without gradient=..." if estimator is None else repr(estimator)
        raise UnsupportedError(
            f"{given} gives means over paths; for values of single paths with derivatives take "
            "gradient=TrapezoidalTangent(reverse=True)"
        )
