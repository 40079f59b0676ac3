"""The random stream: xoshiro128++ per (key, path, stream), seeded by threefry2x32.

Stream 0 belongs to the path (two words an event: wait, choice), stream 1 holds the low words of float64,
stream 2 belongs to the folds. A path therefore depends on its key and its index alone.

Sources: Blackman & Vigna 2021 (doi:10.1145/3460772), Salmon et al. 2011 (doi:10.1145/2063384.2063405).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Num

from jumpax._base import math
from jumpax._base.errors import InputError
from jumpax._base.host import library_of
from jumpax._base.types import Numbers, Real, Word

PATH, LOW, FOLD = 0, 1, 2
"""Numbers of the streams."""

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


class Stream(NamedTuple):
    """State of one xoshiro128++ generator: four words, not all zero."""

    a: Word
    b: Word
    c: Word
    d: Word


def _rotate(x: Word, by: int) -> Word:
    return (x << np.uint32(by)) | (x >> np.uint32(32 - by))


def threefry2x32(key: tuple[Word, Word], counter: tuple[Word, Word]) -> tuple[Word, Word]:
    """Twenty rounds of threefry on two words; elementwise."""
    if any(isinstance(word, jax.Array) for word in (*key, *counter)):
        return _rounds_once(key, counter)
    return _rounds(key, counter)


def _rounds(key: tuple[Word, Word], counter: tuple[Word, Word]) -> tuple[Word, Word]:
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    x, y = counter[0] + schedule[0], counter[1] + schedule[1]
    for group in range(5):
        for by in _ROTATIONS[group % 2]:
            x = x + y
            y = _rotate(y, by) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


_rounds_once = jax.jit(_rounds)  # traced once, whatever program calls it how often


def key_words(key: Any) -> tuple[Word, Word]:
    """The two words of a key: a typed JAX key, its raw data, or an int as in `jax.random.key(0)`.

    Raises:
        InputError: none of these; an int outside 0 to 2^32 - 1.
    """
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not 0 <= key < 2**32:  # JAX would drop bits, others with x64 than without
            raise InputError(f"a key that is a whole number is one from 0 to 2^32 - 1; got {key}")
        return np.uint32(0), np.uint32(key)  # type: ignore[return-value]
    kind = getattr(key, "dtype", None)
    if kind is None:
        raise InputError(f"key must be a JAX random key or an int, as in jax.random.key(0); got {type(key).__name__}")
    data = jax.random.key_data(key) if jnp.issubdtype(kind, jax.dtypes.prng_key) else key
    data = library_of(data).asarray(data)
    if data.dtype != np.uint32 or data.ndim != 1 or data.size < 2:
        raise InputError(f"key must be one JAX random key, not an array of shape {data.shape} and type {data.dtype}")
    first, second = data[0], data[1]
    with np.errstate(over="ignore"):  # words are numbers modulo 2^32
        for i in range(2, data.size):
            first, second = threefry2x32((first, second), (data[i], np.uint32(i)))  # type: ignore[arg-type]
    return first, second


def seed(key: tuple[Word, Word], path: Word, stream: int) -> Stream:
    """State of stream number `stream` of path number `path` under `key`."""
    ticket = jnp.asarray(path).astype(jnp.uint32)
    a, b = threefry2x32(key, (ticket, jnp.full_like(ticket, 2 * stream)))
    c, d = threefry2x32(key, (ticket, jnp.full_like(ticket, 2 * stream + 1)))
    empty = (a | b | c | d) == 0
    return Stream(a, b, c, jnp.where(empty, np.uint32(1), d))


def host_words(key: tuple[Word, Word], path: Num[Numbers, "..."], stream: int, many: int) -> np.ndarray:
    """The first words of streams, (many, paths): those of `seed` and `draw`, computed by NumPy."""
    ticket = np.atleast_1d(np.asarray(path, np.uint32))
    pair = tuple(np.broadcast_to(np.asarray(word, np.uint32), ticket.shape) for word in key)
    state = []
    for number in (2 * stream, 2 * stream + 1):
        state += threefry2x32(pair, (ticket, np.full_like(ticket, number)))  # type: ignore[arg-type]
    a, b, c, d = state
    now = Stream(a, b, c, np.where((a | b | c | d) == 0, np.uint32(1), d))  # type: ignore[arg-type]
    words = []
    for _ in range(many):
        word, now = draw(now)
        words.append(word)
    return np.stack(words)  # type: ignore[arg-type]


def draw(stream: Stream) -> tuple[Word, Stream]:
    """One word, and the state after it."""
    a, b, c, d = stream
    word = _rotate(a + d, 7) + a
    shifted = b << np.uint32(9)
    c = c ^ a
    d = d ^ b
    b = b ^ c
    a = a ^ d
    return word, Stream(a, b, c ^ shifted, _rotate(d, 11))


def unit(word: Word, low: Word | None, dtype: np.dtype) -> Real:
    """Uniform number in (0, 1] from 32 bits (float32) or 53 bits (float64): small ones are as fine as the bits allow."""
    half = dtype.type(0.5)
    if low is None:
        return (word.astype(dtype) + half) * dtype.type(2.0**-32)
    high = word.astype(dtype) * dtype.type(2.0**21)
    return (high + (low >> np.uint32(11)).astype(dtype) + half) * dtype.type(2.0**-53)


def exponential(word: Word, low: Word | None, dtype: np.dtype) -> Real:
    """Unit exponential -ln(u) from 32 bits (float32) or 53 bits (float64); never infinite, and never zero.

    Where u is rounded to 1, as 128 words of 2^32 are, it is what they are on average.
    """
    most = dtype.type(-(2.0**-26) if low is None else -(2.0**-54))
    logarithm = math.log_unit(unit(word, low, dtype))
    return -jnp.where(logarithm < most, logarithm, most)


def uniform(word: Word, low: Word | None, dtype: np.dtype) -> Real:
    """Uniform number in [0, 1) from 24 bits (float32) or 53 bits (float64)."""
    if low is None:
        return (word >> np.uint32(8)).astype(jnp.int32).astype(dtype) * dtype.type(2.0**-24)
    high = word.astype(dtype) * dtype.type(2.0**21)
    return (high + (low >> np.uint32(11)).astype(dtype)) * dtype.type(2.0**-53)
