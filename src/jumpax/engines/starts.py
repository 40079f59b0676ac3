"""Counts at the start drawn from their law: for `simulate`, and inside JAX programs."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32

from jumpax._base.host_call import call_host
from jumpax._base.types import Word
from jumpax.networks import Network, check_theta
from jumpax.networks.starts import AbstractStart, check_start, uniforms


def started(
    network: Network, theta: Any, start: AbstractStart, paths: int, key: tuple[Word, Word], dtype: np.dtype
) -> tuple[dict[str, np.ndarray], Int32[np.ndarray, "paths species"]]:
    """Parameters of the network, and counts at the start of each path.

    Raises:
        InputError: theta does not fit network and start, or makes no sense for the start.
    """
    values = check_theta(network, theta, paths, start.parameters)
    check_start(start, values)
    counts = _draw(start, key, np.arange(paths), start.numbers({n: v.astype(dtype) for n, v in values.items()}))
    return {name: values[name] for name in network.parameters}, counts.astype(np.int32)


def drawn(
    start: AbstractStart, key: tuple[Word, Word], path: Word, theta: Mapping[str, Any], dtype: np.dtype
) -> tuple[Int32[Array, "paths species"], ...]:
    """Counts at the start of paths, inside a JAX program; -1 where theta makes no sense for the start.

    They are drawn on the host, so that they are the same on every engine, in every chunk and batch.

    Args:
        start: the law.
        key: words of one key, or one per path.
        path: numbers of the paths.
        theta: one value per parameter, or one per path.
        dtype: of real numbers.

    Returns:
        Counts; or, where a species starts at a real number, those at the whole number below it and at the next one.
    """
    numbers = [jnp.asarray(number, dtype) for number in start.numbers(theta)]
    like = jax.ShapeDtypeStruct((len(path), start.species_drawn), np.int32)
    (counts,) = call_host(_Draw(start), [like], [*map(jnp.asarray, (*key, path)), *numbers])
    if start.rounded is None:
        return (counts,)
    real = jnp.broadcast_to(jnp.asarray(start.real(theta), dtype), len(path))
    below = jnp.where((real >= 0) & (real <= 1e9), jnp.floor(real), -2).astype(jnp.int32)
    return counts.at[:, start.rounded].set(below), counts.at[:, start.rounded].set(below + 1)


@dataclasses.dataclass(frozen=True)
class _Draw:
    """What the host does."""

    start: AbstractStart

    def __call__(self, leaves: list[np.ndarray], tables: list[np.ndarray]) -> None:
        first, second, path, *numbers = leaves
        tables[0][...] = _draw(self.start, (first, second), path, numbers)  # type: ignore[arg-type]


def _draw(start: AbstractStart, key: tuple[Word, Word], path: Any, numbers: Any) -> Int[np.ndarray, "paths species"]:
    return start.draw(uniforms(key, path, start.many), [np.asarray(number, np.float64) for number in numbers])
