"""Draws of an exact density by NUTS."""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from jumpax._base.extras import need
from jumpax.engines.journal import answered, as_array, as_value, lasting
from jumpax.inference.posterior.log_density import LogDensity
from jumpax.inference.posterior.refusals import Refusal

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


@final
class Nuts:
    """BlackJAX's NUTS with its window adaptation, in float64; compiled once for all chains.

    Args:
        density: of what.
        warm_up: steps of the adaptation.

    Raises:
        UnsupportedError: BlackJAX is not installed.

    Source: Hoffman & Gelman 2014, https://jmlr.org/papers/v15/hoffman14a.html.
    """

    def __init__(self, density: LogDensity, warm_up: int):
        need("bayes", "a posterior by NUTS")
        import blackjax as untyped  # its algorithms are built by decorators that type checkers do not follow

        blackjax: Any = untyped
        adaptation = blackjax.window_adaptation(blackjax.nuts, density, target_acceptance_rate=TARGET)

        def warm(key: PRNGKeyArray, start: Any) -> Any:
            (state, tuned), _ = adaptation.run(key, start, num_steps=warm_up)
            return state, tuned

        def block(state: Any, keys: Any, tuned: Any) -> Any:
            kernel = blackjax.nuts(density, **tuned)

            def one(state: Any, key: PRNGKeyArray) -> Any:
                state, info = kernel.step(key, state)
                seen = state.position, state.logdensity, info.acceptance_rate, info.num_integration_steps
                return state, (*seen, info.is_divergent)

            return jax.lax.scan(one, state, keys)

        self._density, self._steps, self._warm, self._block = density, warm_up, jax.jit(warm), jax.jit(block)

    def __call__(
        self,
        start: Float[np.ndarray, " free"],
        draws: int,
        key: jax.Array,
        told: Callable[[int], None],
        warmed: Callable[[], None],
    ) -> Drawn:
        """One chain.

        Args:
            start: where there is a density.
            draws: how many after the adaptation.
            key: of JAX.
            told: how many draws are there.
            warmed: called after the adaptation.
        """
        first, second = jax.random.split(key)
        with jax.enable_x64(True):
            state, tuned = self._found("warm-up", self._warm, first, jnp.asarray(start, float))
            warmed()
            blocks = []
            for number, keys in enumerate(np.array_split(np.arange(draws), max(1, draws // BLOCK))):
                own = jax.random.split(jax.random.fold_in(second, number), len(keys))
                state, seen = self._found("draws", self._block, state, own, tuned)
                blocks.append(seen)
                told(int(keys[-1]) + 1)
            return Drawn(*(np.concatenate(leaves) for leaves in zip(*blocks, strict=True)))

    def _found(self, what: str, run: Any, *given: Any) -> Any:
        """What a compiled function gives, as numbers; recorded, if a journal is open, with the points that had no density."""
        density = self._density
        before = density.refused

        def compute() -> tuple[Any, np.ndarray]:
            made = jax.tree.map(np.asarray, run(*given))
            more = density.refused - before
            last = density.last_refused[-more.total() :] if more else ()
            return made, as_array([more, [(one.cause, one.message, one.u.tolist()) for one in last]])

        made, refused = answered(
            lambda: (f"nuts, {what}", lasting(density.problem), self._steps, jax.tree.map(_plain, given)),
            compute,
            lambda: (run.eval_shape(*given), 0),
        )
        counts, last = as_value(refused)
        if density.refused == before:  # nothing was computed
            density.recall(counts, [Refusal(cause, message, np.array(u)) for cause, message, u in last])
        return made


def _plain(leaf: Any) -> Any:
    """Keys as their words."""
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
