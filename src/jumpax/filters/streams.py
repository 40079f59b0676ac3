"""Random numbers of a filter: each from the key, its chain, its cell and its time, whatever else is run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt32

from jumpax._base import random
from jumpax._base.errors import InputError

MOVE, START, RESAMPLE, PARENTS, MEASURE = range(5)
"""What random numbers are for."""
_CHAINS = np.uint32(0x66696C74)
"""Keeps keys of chains apart from keys of paths."""

Words = tuple[np.ndarray, np.ndarray]


@final
@dataclass(frozen=True, eq=False)
class Streams:
    """A key for each row, that is for each chain and cell.

    The number of the chain and the name of the cell are folded into the key, so that a row has the same numbers alone and in company.
    """

    first: UInt32[np.ndarray, " rows"]
    second: UInt32[np.ndarray, " rows"]

    def words(self, purpose: int, times: int | range | Int[np.ndarray, " times"], rows: slice = slice(None)) -> Words:
        """Keys for a purpose of the rows, (rows,) at one time, or (times, rows)."""
        when = np.atleast_1d(np.asarray(times, np.uint32))[:, None]
        key = self.first[rows][None], self.second[rows][None]
        found = random.threefry2x32(key, (when + np.zeros_like(key[0]), np.full_like(key[0], purpose)))  # type: ignore[arg-type]
        return found if np.ndim(times) else (found[0][0], found[1][0])  # type: ignore[return-value]

    def uniform(self, purpose: int, times: int | range | Int[np.ndarray, " times"]) -> Float[np.ndarray, "*times rows"]:
        """Numbers in [0, 1), from 53 bits."""
        return joined(*self.words(purpose, times))

    def numbered(
        self, purpose: int, time: int, row: Int[np.ndarray, " lanes"], number: Int[np.ndarray, " lanes"]
    ) -> Float[np.ndarray, " lanes"]:
        """Numbers in [0, 1) of rows, each by its number."""
        first, second = self.words(purpose, time)
        counter = number.astype(np.uint32), np.zeros(len(number), np.uint32)
        return joined(*random.threefry2x32((first[row], second[row]), counter))  # type: ignore[arg-type]

    def generator(self, purpose: int, time: int, row: int) -> np.random.Generator:
        """NumPy's, for one row at one time."""
        words = self.words(purpose, time, slice(row, row + 1))
        return np.random.default_rng([int(word[0]) for word in words])


def joined(high: UInt32[np.ndarray, "..."], low: UInt32[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Numbers in [0, 1) from two words each."""
    return ((high >> np.uint32(5)) * 2.0**26 + (low >> np.uint32(6))) * 2.0**-53


def streams_of(key: Any, chain: Sequence[int] | None, chains: int, cells: Sequence[str]) -> Streams:
    """The streams of all rows, chain by chain.

    Args:
        key: one key, or one for each chain: a list of ints, or an array of keys.
        chain: the number of each chain; by default 0, 1, .. under one key, and 0 for each of several.
        chains: how many.
        cells: their names.

    Raises:
        InputError: other than one key, or one number, for each chain.
    """
    many = isinstance(key, list | tuple) or np.ndim(key) > int(not _typed(key))
    first, second = _keys(key) if many else (np.atleast_1d(np.uint32(word)) for word in random.key_words(key))
    if many and len(first) != chains:
        raise InputError(f"key has {len(first)} keys for {chains} chains; give one key, or one for each chain")
    numbers = _numbers(chain, chains, many)
    rows = np.zeros(chains, np.uint32)
    own = random.threefry2x32((first + rows, second + rows), (numbers, rows + _CHAINS))  # type: ignore[arg-type]
    names = np.array([_digest(name) for name in cells], np.uint32)
    made = random.threefry2x32(
        (own[0][:, None] + np.zeros_like(names[:, 0]), own[1][:, None] + np.zeros_like(names[:, 0])),  # type: ignore[index, arg-type]
        (names[None, :, 0], names[None, :, 1]),  # type: ignore[arg-type]
    )
    return Streams(*(np.asarray(word).reshape(-1) for word in made))


def _typed(key: Any) -> bool:
    return hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


def _keys(key: Any) -> Words:
    """The words of several keys."""
    if isinstance(key, list | tuple):
        words = np.array([random.key_words(one) for one in key], np.uint32).reshape(-1, 2)
        return words[:, 0], words[:, 1]
    data = np.asarray(jax.random.key_data(key) if _typed(key) else key)
    if data.ndim != 2 or data.dtype != np.uint32 or data.shape[1] < 2:
        raise InputError(f"key must be one key or a list of one for each chain, not an array of shape {np.shape(key)}")
    first, second = data[:, 0], data[:, 1]
    for i in range(2, data.shape[1]):
        first, second = random.threefry2x32((first, second), (data[:, i], np.full_like(first, i)))  # type: ignore[arg-type]
    return first, second  # type: ignore[return-value]


def _numbers(chain: Sequence[int] | None, chains: int, many: bool) -> UInt32[np.ndarray, " chains"]:
    if chain is None:
        return np.zeros(chains, np.uint32) if many else np.arange(chains, dtype=np.uint32)
    numbers: Int[np.ndarray, " chains"] = np.atleast_1d(np.asarray(chain))
    if numbers.shape != (chains,) or numbers.dtype.kind not in "iu" or not ((numbers >= 0) & (numbers < 2**32)).all():
        raise InputError(f"chain must be a whole number from 0 to 2^32 - 1 for each of {chains} chains; got {chain!r}")
    return numbers.astype(np.uint32)


def _digest(name: str) -> tuple[int, int]:
    """64 bits of the name of a cell."""
    made = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(made[:4], "little"), int.from_bytes(made[4:], "little")
