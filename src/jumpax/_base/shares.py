"""The choice of one of several channels, each with the probability of its share in the total rate.

In float64 a point, 53 random bits times the total, is looked for in the running sums of the rates. In float32 such sums
lose a rate that is small beside those before it. So the sums are made of whole units, 2^22 of them or a few more or less:

    S_0 = 2.5,   S_r = S_(r-1) + (a_r / a_0 + f),   f uniform within half a unit, one and the same for all channels.

Between 2 and 4 a float32 is a multiple of 2^-22, so the addition itself rounds to a whole unit, up or down by chance:
over f, channel r gets a_r / a_0 of the units on average, wherever it stands in the list. A channel without rate gets none.
A unit between S_0 and the last sum is then chosen. So the probability of a channel is its share to about 1e-6 of itself (n
channels: n 2^-23), for shares above 1e-12. Below, f has too few bits: at 1e-13 it is right within a quarter, and at 1e-14
nothing fires, as nothing would in any run.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jumpax._base import random
from jumpax._base.types import Real, Word

BASE, UNIT = 2.5, 2.0**-22
"""The first sum, and the distance of float32 numbers between 2 and 4."""


class Chance(NamedTuple):
    """The random numbers behind one choice."""

    point: Real
    """Uniform in [0, 1): a multiple of 2^-22 in float32, of 2^-53 in float64."""
    shift: Real | None
    """f, in float32: within (-UNIT / 2, UNIT / 2), by which shares are rounded up or down."""


def chance(word: Word, other: Word, dtype: np.dtype) -> Chance:
    """The numbers of a choice from its word and, in float64, the word with its low bits; in float32, any other word."""
    if dtype == np.float64:
        return Chance(random.uniform(word, other, dtype), None)
    two, unit = (int(np.float32(value).view(np.int32)) for value in (2.0, UNIT))
    point = _real((word >> np.uint32(10)) | np.uint32(two)) - np.float32(2.0)
    # an odd multiple of UNIT / 2^23, so that it never reaches half a unit
    shift = _real((other & np.uint32(0x7FFFFF)) | np.uint32(unit | 1)) - np.float32(1.5 * UNIT)
    return Chance(point, shift)


def _real(word: Word) -> Real:
    return lax.bitcast_convert_type(word, jnp.float32)


def pin(value: Real) -> Real:
    """The value if it is >= 0, else NaN.

    Besides catching negative numbers, the select keeps XLA from contracting the multiplication behind `value` with an
    addition after it: whether it does depends on what else reads the product, so a path would depend on its folds.
    """
    return jnp.where(value >= 0, value, jnp.full_like(value, jnp.nan))


@functools.partial(jax.jit, inline=False)
def multiply_add(x: Real, y: Real, z: Real) -> Real:
    """Product and sum, x y + z; printed kernels round once where the machine can, XLA always twice (see `pin`)."""
    product = x * y
    return jnp.where(product == product, product, jnp.full_like(product, jnp.nan)) + z


def cumulate(values: Sequence[Real]) -> list[Real]:
    """Running sums, in the order of the channels."""
    sums = [values[0]]
    for value in values[1:]:
        sums.append(sums[-1] + value)
    return sums


def share(rate: Real, inverse: Real, shift: Real) -> Real:
    """What a channel adds to the running sum, before the addition rounds it; `inverse` is 1 / a_0."""
    return multiply_add(rate, inverse, shift)


def place(point: Real, last: Real) -> Real:
    """The unit that is chosen between BASE and the last sum, which are about 2^22 apart."""
    unit = point + last.dtype.type(BASE)  # exact: so the sum below is the only rounding
    return multiply_add(point, last - last.dtype.type(BASE + 1), unit)


def thresholds(
    rates: Sequence[Real], total: Real, inverse: Real | None, chance: Chance, bounded: bool = False
) -> tuple[list[Real], Real]:
    """Running sums, and the point to look for in them: the first sum beyond it is that of the chosen channel.

    Args:
        rates: of the channels.
        total: their sum; or a bound on it, and the point may then lie beyond the last sum, where nothing is chosen.
        inverse: 1 / total, in float32; None in float64.
        chance: random numbers.
        bounded: whether the total is a bound.
    """
    if inverse is None or chance.shift is None:
        return cumulate(rates), chance.point * total
    base = inverse.dtype.type(BASE)
    first, *others = (share(rate, inverse, chance.shift) for rate in rates)
    sums = cumulate([base + first, *others])
    return sums, base + chance.point if bounded else place(chance.point, sums[-1])


def weight(rates: Real, inverse: Real | None, chance: Chance) -> Real:
    """What channels weigh in a choice: their rates, or in float32 their shares in whole units, whose sums are exact."""
    if inverse is None or chance.shift is None:
        return rates
    inverse, shift = (jnp.broadcast_to(value, rates.shape) for value in (inverse, chance.shift))
    return _beyond(share(rates, inverse, shift) + rates.dtype.type(BASE))


def point(last: Real, total: Real, chance: Chance) -> Real:
    """The point to look for in running sums of weights, of which this is the last."""
    if chance.shift is None:
        return chance.point * total
    return _beyond(place(chance.point, last + last.dtype.type(BASE)))


def _beyond(total: Real) -> Real:
    """The total less BASE, in whole units: as whole numbers, for XLA makes x of (x + BASE) - BASE, unrounded."""
    units = lax.bitcast_convert_type(total, jnp.int32) - np.float32(BASE).view(np.int32)
    return units.astype(total.dtype) * total.dtype.type(UNIT)
