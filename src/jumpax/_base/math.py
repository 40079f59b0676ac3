"""Logarithm, exponential and power from arithmetic, comparisons, selects and bit operations only.

A library call inside a loop ends vectorisation; these functions are straight
lines that every engine can print or trace. Compilers may or may not contract `a * b + c` to one rounding. The error
bounds hold either way: products whose rounding error is needed are exact because their factors are masked to half the
bits, and no result ends in a rounded product.
"""

import dataclasses
import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Bool, Float, Int, Num, Shaped

from jumpax._base.errors import InputError

Real: TypeAlias = Float[Array, "*shape"]
"""float32 or float64, any shape."""
Bits: TypeAlias = Int[Array, "*shape"]
"""The bits of a `Real` as a signed integer of the same width."""
RealLike: TypeAlias = Num[Array, "*#shape"] | Shaped[np.ndarray, "*#shape"] | np.generic | float | int


@dataclasses.dataclass(frozen=True)
class _Format:
    """A binary floating-point format and the minimax coefficients for it, lowest power first."""

    integer: type[np.signedinteger]
    mantissa: int
    """Stored bits of the mantissa."""
    half: int
    """Low bits to clear so that products of two masked numbers are exact."""
    bias: int
    """Exponent field of 1."""
    log_cut: int
    """Mantissa field where `log` moves to the next exponent: that of 2/3 or sqrt(1/2)."""
    log_terms: tuple[float, ...]
    sqrt_cut: int
    """Mantissa field of sqrt(1/2)."""
    atanh_terms: tuple[float, ...]
    """R of 2 atanh(s) = s (2 + z (2/3 + z R(z))), z = s^2."""
    exp_terms: tuple[float, ...]
    """P of exp(r) = 1 + r + r^2 (1/2 + r P(r))."""
    ln2: tuple[float, float]
    """High part with room for a product with any exponent, and the rest."""
    two_thirds: tuple[float, float]
    """High part with half the bits, and the rest."""
    exp_min: float
    """Least argument with a normal result."""
    exp_max: float
    """Greatest argument with a finite result."""
    power_max: float
    """|y| beyond this decides nothing: x^y is 0, 1 or inf."""

    @property
    def smallest_normal(self) -> int:
        return 1 << self.mantissa

    @property
    def infinity(self) -> int:
        return (2 * self.bias + 1) << self.mantissa


# fmt: off
_FORMATS = {
    np.dtype(np.float32): _Format(
        integer=np.int32, mantissa=23, half=12, bias=127,
        log_cut=0x2AAAAB,
        log_terms=(
            0.33333215, -0.24999799, 0.20010419, -0.16680442, 0.14005654, -0.12184750, 0.13985448, -0.12889975,
        ),
        sqrt_cut=0x3504F3,
        atanh_terms=(0.40000153, 0.28547141, 0.23418443),
        exp_terms=(0.16666535, 0.041667238, 0.008367477, 0.0013863761),
        ln2=(0.693145751953125, 1.428606765330187e-06),
        two_thirds=(0.66650390625, 0.00016276042151730508),
        exp_min=-87.33654022216797, exp_max=88.72283172607422, power_max=2.0**40,
    ),
    np.dtype(np.float64): _Format(
        integer=np.int64, mantissa=52, half=27, bias=1023,
        log_cut=0x6A09E667F3BCD,
        log_terms=(
            0.6666666666666734, 0.3999999999941468, 0.2857142874238862, 0.22222198573036903,
            0.18183564334863664, 0.15314050310850785, 0.14795952267531767,
        ),
        sqrt_cut=0x6A09E667F3BCD,
        atanh_terms=(
            0.4000000000000225, 0.2857142857010178, 0.22222222519572513, 0.18181784394649977,
            0.15386756176221805, 0.13256842609633562, 0.1319611252178017,
        ),
        exp_terms=(
            0.16666666666666433, 0.041666666666604, 0.008333333333499794, 0.001388888892678118, 0.0001984126946669605,
            2.4801508700586715e-05, 2.755764048650225e-06, 2.762517976293833e-07, 2.4978484539467445e-08,
        ),
        ln2=(0.693147180559663, 2.8235290563031577e-13),
        two_thirds=(0.6666666567325592, 9.934107462565104e-09),
        exp_min=-708.3964185322641, exp_max=709.782712893384, power_max=2.0**80,
    ),
}
# fmt: on


def _real(*values: RealLike) -> tuple[Float[Array, "..."], ...]:
    """The values in their common floating type; Python numbers follow the others."""
    dtype = jnp.result_type(*values)
    dtype = jnp.result_type(float) if np.dtype(dtype).kind in "biu" else dtype
    if np.dtype(dtype) not in _FORMATS:
        raise InputError(f"log, exp and power are for float32 and float64, not {dtype}; convert the argument first.")
    return tuple(jnp.asarray(value, dtype) for value in values)


def _format(x: Real) -> _Format:
    return _FORMATS[np.dtype(x.dtype)]


def _bits(x: Real) -> Bits:
    return lax.bitcast_convert_type(x, _format(x).integer)


def _from_bits(bits: Bits, like: Real) -> Real:
    return lax.bitcast_convert_type(bits, like.dtype)


def _choose(condition: Bool[Array, "*shape"], yes: Real | float, no: Real | float, like: Real) -> Real:
    """`jnp.where` that gives constants the type of `like`, without a detour through the default floating type."""
    yes, no = (like.dtype.type(value) if isinstance(value, float) else value for value in (yes, no))
    return jnp.where(condition, yes, no)


def _high(x: Real) -> Real:
    """Upper half of the bits of x; the difference from x is exact and has the other half."""
    return _from_bits(_bits(x) & -(1 << _format(x).half), x)


def _polynomial(x: Real, terms: tuple[float, ...]) -> Real:
    total = x * terms[-1] + terms[-2]
    for term in reversed(terms[:-2]):
        total = total * x + term
    return total


def _reduced(bits: Bits, cut: int, like: Real) -> tuple[Real, Real]:
    """Exact e and f of a positive normal number 2^e (1 + f), 1 + f in [c, 2c), where c < 1 has the mantissa `cut`."""
    form = _format(like)
    shifted = bits - cut
    ones = 1 << form.mantissa
    # The exponent field added to the bits of 2^mantissa reads as the number 2^mantissa + field.
    offset = (form.bias + form.mantissa) << form.mantissa
    field = _from_bits(lax.shift_right_logical(shifted, form.integer(form.mantissa)) + offset, like)
    mantissa = _from_bits((shifted & (ones - 1)) + (((form.bias - 1) << form.mantissa) + cut), like)
    return field - float(ones + form.bias - 1), mantissa - 1.0


def _log_reduced(e: Real, f: Real) -> Real:
    """The sum e log 2 + log(1 + f)."""
    form = _format(f)
    high = e * form.ln2[0]
    total = high + f
    rest = (high - total) + f
    square = f * f
    if form.mantissa == 23:
        tail = square * (_polynomial(f, form.log_terms) * f - 0.5)
    else:
        half_square = 0.5 * square
        s = f / (f + 2.0)
        z = s * s
        tail = s * (half_square + z * _polynomial(z, form.log_terms)) - half_square
    return total + ((rest + e * form.ln2[1]) + tail)


@jax.custom_jvp
def _log_unit(u: Real) -> Real:
    return _log_reduced(*_reduced(_bits(u), _format(u).log_cut, u))


def log_unit(u: RealLike) -> Real:
    """Natural logarithm of u in (0, 1], u normal: `log` without the special cases, for the waits of the engines.

    Error below 0.95 ulp (float32 and float64). Any positive, finite, normal u is right; all else is garbage.

    Examples:
        >>> float(log_unit(1.0))
        0.0
    """
    return _log_unit_once(*_real(u))


def _normalised(bits: Bits, like: Real) -> tuple[Bits, Real]:
    """Bits of a positive number made normal, and the exponent to add; integers only, as subnormals may be flushed."""
    form = _format(like)
    small = bits < form.smallest_normal
    scaled = _bits(bits.astype(like.dtype))
    exponent = _choose(small, -float(form.bias + form.mantissa - 1), 0.0, like)
    return jnp.where(small, scaled, bits), exponent


@jax.custom_jvp
def _log(x: Real) -> Real:
    form, bits = _format(x), _bits(x)
    normal, exponent = _normalised(bits, x)
    e, f = _reduced(normal, form.log_cut, x)
    value = _log_reduced(e + exponent, f)
    zero = lax.shift_left(bits, form.integer(1)) == 0
    other = _choose(zero, -math.inf, math.nan, x)
    return jnp.where(bits >= form.infinity, x, jnp.where(bits > 0, value, other))


@_log_unit.defjvp
@_log.defjvp
def _log_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _log(x), dx / x


def log(x: RealLike) -> Real:
    """Natural logarithm, elementwise, float32 or float64.

    Error below 0.95 ulp (float32 and float64), subnormal arguments included. log(0) = -inf, log(inf) = inf,
    log of a negative number or nan is nan. The derivative is 1/x.

    Args:
        x: a number or array; integers are taken as the default floating type.

    Returns:
        log x, shape and type of x.

    Raises:
        InputError: for other floating types.

    Examples:
        >>> float(log(1.0)), float(log(0.0))
        (0.0, -inf)
    """
    return _log_once(*_real(x))


def _exp_scaled(w: Real, w_low: Real | None = None) -> Real:
    """exp(w + w_low) where w is within [exp_min, exp_max], or a step outside with a w_low; garbage elsewhere."""
    form = _format(w)
    # Adding 1.5 * 2^mantissa rounds to an integer k, found both as a number and in the low bits. The cleared bit keeps
    # the product out of a contraction that might differ between the two; abs keeps XLA from cancelling the constant.
    magic = 1.5 * 2.0**form.mantissa
    shifted = _from_bits(_bits(w * (1.0 / math.log(2.0))) & -2, w) + magic
    k = jnp.abs(shifted) - magic
    high = w - k * form.ln2[0]
    low = k * form.ln2[1] if w_low is None else k * form.ln2[1] - w_low
    r = high - low
    curve = _polynomial(r, form.exp_terms) * r + 0.5
    one_plus = 1.0 + (high + (r * r * curve - low))
    bits = _bits(one_plus) + lax.shift_left(_bits(shifted), form.integer(form.mantissa))
    # Around exp_max the mantissa may reach the next power of two with w_low: that is inf, not nan.
    return _from_bits(bits if w_low is None else jnp.minimum(bits, form.infinity), w)


def _in_range(w: Real, value: Real, slack: float = 0.0) -> Real:
    """`value` where exp(w) is a normal number, or w is within the relative slack of that; else 0, inf or nan."""
    low, high = (limit * (1.0 + slack) for limit in (_format(w).exp_min, _format(w).exp_max))
    return _choose(w < low, 0.0, jnp.where(w <= high, value, w + math.inf), w)


@jax.custom_jvp
def _exp(x: Real) -> Real:
    return _in_range(x, _exp_scaled(x))


@_exp.defjvp
def _exp_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    value = _exp(x)
    return value, value * dx


def exp(x: RealLike) -> Real:
    """Exponential function, elementwise, float32 or float64.

    Error below 0.95 ulp (float32 and float64). Results above the greatest number are inf, results below the
    smallest normal number (1.2e-38, 2.2e-308) are 0; exp(nan) is nan. The derivative is exp x.

    Args:
        x: a number or array; integers are taken as the default floating type.

    Returns:
        exp x, shape and type of x.

    Raises:
        InputError: for other floating types.

    Examples:
        >>> float(exp(0.0)), float(exp(-1000.0))
        (1.0, 0.0)
    """
    return _exp_once(*_real(x))


def _log_two_words(x: Real) -> tuple[Real, Real]:
    """Logarithm of a positive finite x as a sum: a word of half the bits, and the rest with a word of its own."""
    form = _format(x)
    normal, exponent = _normalised(_bits(x), x)
    e, f = _reduced(normal, form.sqrt_cut, x)
    e = e + exponent
    # s = f / (2 + f) = s_high + s_low, by one step of long division.
    d = f + 2.0
    d_high = _high(d)
    d_low = f - (d_high - 2.0)
    inverse = 1.0 / d
    s_high = _high(f * inverse)
    s_low = ((f - s_high * d_high) - s_high * d_low) * inverse
    s = s_high + s_low
    # z = s^2 = z_high + z_low and t = z (2/3 + z R(z)) = t_high + t_low.
    square = s_high * s_high
    square_low = s_low * (s_high + s)
    z = square + square_low
    z_high = _high(z)
    z_low = (square - z_high) + square_low
    c_high, c_low = form.two_thirds
    main = z_high * c_high
    minor = z_low * c_high + (z * c_low + z * z * _polynomial(z, form.atanh_terms))
    t = main + minor
    t_high = _high(t)
    t_low = (main - t_high) + minor
    # e log 2 + 2 s + s t, the exact products first.
    first, second, third = e * form.ln2[0], s_high + s_high, s_high * t_high
    sum_1 = first + second
    rest_1 = (first - sum_1) + second
    sum_2 = sum_1 + third
    rest_2 = (sum_1 - sum_2) + third
    small = (s_high * t_low + s_low * t) + ((s_low + s_low) + e * form.ln2[1])
    rest = rest_1 + (rest_2 + small)
    high = _high(sum_2 + rest)
    return high, (sum_2 - high) + rest


@jax.custom_jvp
def _power(x: Real, y: Real) -> Real:
    form, bits = _format(x), _bits(x)
    high, low = _log_two_words(x)
    limit = x.dtype.type(form.power_max)
    bounded = jnp.minimum(jnp.maximum(y, -limit), limit)
    y_high = _high(bounded)
    exact = y_high * high
    rest = bounded * low + (bounded - y_high) * high
    w = exact + rest
    value = _in_range(w, _exp_scaled(w, (exact - w) + rest), slack=0.5**form.mantissa)
    zero = lax.shift_left(bits, form.integer(1)) == 0
    edge = _choose(zero == (y > 0), 0.0, math.inf, x)
    value = jnp.where(zero | (bits == form.infinity), edge, value)
    value = _choose((x < 0) | (x != x) | (y != y), math.nan, value, x)
    return _choose((y == 0) | (x == 1), 1.0, value, x)


def _power_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    value = _power(x, y)
    total = jnp.zeros_like(value)
    # A tangent known to be zero is left out: its factor may be infinite at x = 0.
    if not isinstance(dx, SymbolicZero):
        # At x = y = 0 the factor is 0 because y is; the exponent 0 keeps 0^-1 out of it and of its own derivative.
        total = total + y * _power(x, _choose((x == 0) & (y == 0), 0.0, y - 1.0, x)) * dx
    if not isinstance(dy, SymbolicZero):
        total = total + value * _choose(x == 0, 0.0, _log(_choose(x == 0, 1.0, x, x)), x) * dy
    return value, total


_power.defjvp(_power_jvp, symbolic_zeros=True)


def power(x: RealLike, y: RealLike) -> Real:
    """Real power x^y for x >= 0, elementwise, float32 or float64.

    Error below 1 ulp (float32 and float64) wherever the result is a normal number. power(x, 0) = 1 and
    power(1, y) = 1 for all x and y; power(0, y) is 0 for y > 0 and inf for y < 0; negative x gives nan, also for
    integer y. Results above the greatest number are inf, results below the smallest normal number are 0.

    The derivatives are y x^(y - 1) and x^y log x; at x = 0 the first is 0 for y > 1, 1 for y = 1, 0 for y = 0, and inf
    for other y < 1, and the second is 0 for y >= 0.

    Args:
        x: base, at least 0.
        y: exponent, of a shape that broadcasts with that of x.

    Returns:
        x^y, in the common shape and type; Python numbers follow the type of the other argument.

    Raises:
        InputError: for other floating types.

    Examples:
        >>> float(power(4.0, 0.5)), float(power(0.0, 2.5))
        (2.0, 0.0)
    """
    return _power_once(*jnp.broadcast_arrays(*_real(x, y)))


# traced and lowered once, whatever program calls them how often: a ninth of the first call of a gradient on engine `xla`, with threefry
_log_unit_once, _log_once, _exp_once, _power_once = map(jax.jit, (_log_unit, _log, _exp, _power))
