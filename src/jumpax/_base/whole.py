"""Whole numbers near a real one, by operations that every engine can print."""

import jax.numpy as jnp

from jumpax._base.types import Numeric, Real


def floor(x: Numeric) -> Real:
    """The next whole number below, from conversions only; numbers beyond 2^23 (2^52) lose their fraction anyway."""
    x = jnp.asarray(x, jnp.result_type(x, float))
    small = jnp.abs(x) < 2.0**23
    kept = jnp.where(small, x, jnp.zeros_like(x))
    whole = kept.astype(jnp.int32).astype(x.dtype)
    down = whole - jnp.where(whole > kept, jnp.ones_like(x), jnp.zeros_like(x))
    if x.dtype == jnp.float32:
        return jnp.where(small, down, x)
    high = (jnp.where(small, jnp.zeros_like(x), x) * 2.0**-20).astype(jnp.int64).astype(x.dtype) * 2.0**20
    low = x - high
    whole = low.astype(jnp.int32).astype(x.dtype)
    far = high + (whole - jnp.where(whole > low, jnp.ones_like(x), jnp.zeros_like(x)))
    return jnp.where(small, down, jnp.where(jnp.abs(x) < 2.0**52, far, x))


def ceil(x: Numeric) -> Real:
    """The next whole number above."""
    return -floor(-x)


def truncate(x: Numeric) -> Real:
    """The next whole number towards 0."""
    down = floor(jnp.abs(x))
    return jnp.where(x < 0, -down, down)


def round_half_even(x: Numeric) -> Real:
    """The nearest whole number; of two the even one."""
    down = floor(x)
    gap, even = x - down, floor(down * 0.5) * 2.0 == down
    return jnp.where((gap > 0.5) | ((gap == 0.5) & ~even), down + 1.0, down)


def round_half_away(x: Numeric) -> Real:
    """The nearest whole number; of two the one that is farther from 0."""
    size = jnp.abs(x)
    down = floor(size)
    near = jnp.where(size - down >= 0.5, down + 1.0, down)
    return jnp.where(x < 0, -near, near)


def sign(x: Numeric) -> Real:
    """-1, 0 or 1; of what is not a number, that."""
    side = jnp.where(x > 0, jnp.ones_like(x), -jnp.ones_like(x))
    return jnp.where((x == 0) | (x != x), x, side)


def remainder(x: Numeric, y: Numeric) -> Real:
    """What is left of x after whole times y, with the sign of x, as C's fmod: exact for whole x and y.

    Not a number where x / y is so large that the precision has no fractions of it.
    """
    quotient = truncate(x / y)
    left = x - quotient * y
    wrong = jnp.where(x < 0, left > 0, left < 0)  # the quotient was rounded up to a whole number
    left = jnp.where(wrong, left + jnp.where((x < 0) == (y < 0), y, -y), left)
    exact = jnp.abs(quotient) < (2.0**23 if left.dtype == jnp.float32 else 2.0**51)
    return jnp.where(exact, left, jnp.full_like(left, jnp.nan))
