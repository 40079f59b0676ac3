"""Draws of an exact density by NUTS."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from jumpax._base.extras import need
from jumpax.inference.posterior.log_density import LogDensity

BLOCK, TARGET = 25, 0.85
"""Draws of one call, after which progress is told; acceptance that the step is tuned to."""


class Drawn(NamedTuple):
    """By one chain."""

    points: Float[np.ndarray, "draws free"]
    log_density: Float[np.ndarray, " draws"]
    acceptance: Float[np.ndarray, " draws"]
    steps: Float[np.ndarray, " draws"]
    """Of the integrator."""
    divergent: Bool[np.ndarray, " draws"]


def nuts(
    density: LogDensity,
    start: Float[np.ndarray, " free"],
    warm_up: int,
    draws: int,
    key: jax.Array,
    told: Callable[[int], None],
    warm: Callable[[], None],
) -> Drawn:
    """One chain of BlackJAX's NUTS, with its window adaptation, in float64.

    Args:
        density: of what.
        start: where it has a density.
        warm_up: steps of the adaptation.
        draws: after that.
        key: of JAX.
        told: how many draws are there.
        warm: called after the warm-up.

    Raises:
        UnsupportedError: BlackJAX is not installed.

    Source: Hoffman & Gelman 2014, https://jmlr.org/papers/v15/hoffman14a.html.
    """
    need("bayes", "a posterior by NUTS")
    import blackjax as untyped  # its algorithms are built by decorators that type checkers do not follow

    blackjax: Any = untyped
    first, second = jax.random.split(key)
    with jax.enable_x64(True):
        adaptation = blackjax.window_adaptation(blackjax.nuts, density, target_acceptance_rate=TARGET)
        (state, tuned), _ = adaptation.run(first, jnp.asarray(start, float), num_steps=warm_up)
        warm()
        kernel = blackjax.nuts(density, **tuned)

        @jax.jit
        def block(state, keys):
            def one(state, key):
                state, info = kernel.step(key, state)
                seen = (
                    state.position,
                    state.logdensity,
                    info.acceptance_rate,
                    info.num_integration_steps,
                    info.is_divergent,
                )
                return state, seen

            return jax.lax.scan(one, state, keys)

        blocks = []
        for number, keys in enumerate(np.array_split(np.arange(draws), max(1, draws // BLOCK))):
            state, seen = block(state, jax.random.split(jax.random.fold_in(second, number), len(keys)))
            blocks.append(jax.tree.map(np.asarray, seen))
            told(int(keys[-1]) + 1)
        return Drawn(*(np.concatenate(leaves) for leaves in zip(*blocks, strict=True)))
