"""Random numbers of the usual laws, each from three uniform ones, in straight lines that every engine can print.

A law is tried once: what is rejected is drawn again by whoever asked, with new uniform numbers. So nothing loops here.

Sources: Hoermann 1993 (doi:10.1016/0167-6687(93)90997-4) for the Poisson law and 1993 (doi:10.1080/00949659308811496) for the
binomial law, both by transformed rejection; Wichura 1988 (doi:10.2307/2347330) for the normal law by inversion; Marsaglia & Tsang
2000 (doi:10.1145/358407.358414) for the gamma law.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import math, random, whole
from jumpax._base.densities import expm1, log1p, log_binomial, log_poisson
from jumpax._base.types import Flag, Real, Word

WORDS = 6
"""Random words of one try: two for each uniform number."""
_FEW = 10.0
"""Mean from which whole numbers are drawn by rejection; below, their probabilities are added up."""
_TERMS = 40
"""How many are added; beyond lies less than 1e-12 at a mean of 10, which is drawn again."""

# fmt: off
_NEAR = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
     1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
     687.1870074920579083, 42.313330701600911252, 1.0),
)
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)
_END = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)
# fmt: on


class Chance(NamedTuple):
    """Three independent uniform numbers in (0, 1], and one of the standard normal law that is made of the first."""

    u: Real
    v: Real
    w: Real
    normal: Real
    sign: Flag
    """A fair coin; independent of `v` and `w`."""


class Deviate(NamedTuple):
    """One try."""

    value: Real
    accepted: Flag
    sound: Flag
    """Whether there is such a law, and the precision has its numbers."""

    def between(self, low: Real, high: Real) -> "Deviate":
        """The same, which counts if it lies between the bounds."""
        fits = _finite(self.value) | ~self.accepted
        inside = (self.value >= low) & (self.value <= high)
        return Deviate(self.value, self.accepted & inside, self.sound & fits & (low <= high))


def chance_of(words: Sequence[Word], dtype: np.dtype) -> Chance:
    """Uniform numbers of six words."""
    lows = words[1::2] if dtype == np.float64 else (None, None, None)
    u, v, w = (random.unit(word, low, dtype) for word, low in zip(words[::2], lows, strict=True))
    sign = (words[0] >> np.uint32(31)) == 1
    rest = (words[0] << np.uint32(1)) | (words[1] & np.uint32(1))  # of the low word the upper 21 bits are used
    away = _normal(dtype.type(0.5) * random.unit(rest, lows[0], dtype))  # one half of the law, so that no tail is cut
    return Chance(u, v, w, jnp.where(sign, away, -away), sign)


def _normal(tail: Real) -> Real:
    """What a standard normal number exceeds with this probability, at most 1/2: relative error 1e-16 in float64."""
    near = 0.5 - tail
    square = 0.180625 - near * near
    far = jnp.sqrt(-math.log(tail))
    middle, end = far - 1.6, far - 5.0
    outer = jnp.where(far <= 5.0, _ratio(middle, *_MIDDLE), _ratio(end, *_END))
    return jnp.where(near <= 0.425, near * _ratio(square, *_NEAR), outer)


def _ratio(x: Real, above: tuple[float, ...], below: tuple[float, ...]) -> Real:
    """A ratio of polynomials, highest power first."""
    over, under = (
        functools.reduce(lambda total, term: total * x + term, terms, jnp.zeros_like(x)) for terms in (above, below)
    )
    return over / under


def _all(*flags: Flag) -> Flag:
    return functools.reduce(operator.and_, flags)


def _finite(*numbers: Real) -> Flag:
    return _all(*(jnp.abs(number) < np.inf for number in numbers))


def _whole(most: Real) -> Flag:
    """Whether the precision has all whole numbers up to a few times this one."""
    return (most >= 0) & (most <= (2.0**23 if most.dtype == np.float32 else 2.0**52))


def _exponential(u: Real, most: Real) -> Real:
    """Of the unit exponential law up to `most`: the inverse of its distribution function."""
    near = most < 1.0  # there, numbers near 1 would hold few digits of it
    rest = math.exp(-most)
    return -jnp.where(near, log1p(u * expm1(-most)), math.log(jnp.where(near, 1.0, rest + u * (1.0 - rest))))


def _at_least_0(bound: Real) -> Real:
    return jnp.where(bound > 0, bound, jnp.zeros_like(bound))


def _clipped(made: Real, low: Real, high: Real) -> Real:
    """A number that leaves its bounds by rounding only, between them."""
    return jnp.minimum(jnp.maximum(made, low), high)


def uniform(chance: Chance, low: Real, high: Real, least: Real, most: Real) -> Deviate:
    """Uniform from `least` to `most`."""
    made = _clipped(least + (1.0 - chance.u) * (most - least), least, most)
    return Deviate(made, made == made, _finite(least, most, most - least) & (least <= most))


def normal(chance: Chance, low: Real, high: Real, mean: Real, sd: Real) -> Deviate:
    """Normal."""
    made = mean + sd * chance.normal
    return Deviate(made, made == made, _finite(mean, sd) & (sd >= 0))


def lognormal(chance: Chance, low: Real, high: Real, mean: Real, sd: Real) -> Deviate:
    """The exponential function of a normal number of this mean and standard deviation."""
    made = normal(chance, low, high, mean, sd)
    return made._replace(value=math.exp(made.value))


def exponential(chance: Chance, low: Real, high: Real, rate: Real) -> Deviate:
    """Exponential, of mean 1 / rate."""
    least = _at_least_0(low)
    made = _clipped(least + _exponential(chance.u, rate * (high - least)) / rate, least, high)
    return Deviate(made, made == made, _finite(rate) & (rate > 0) & (high >= 0))


def rayleigh(chance: Chance, low: Real, high: Real, scale: Real) -> Deviate:
    """Length of a vector of two normal numbers of standard deviation `scale`: half the square of its length is exponential."""
    least = _at_least_0(low)
    start = least / scale
    more = 2.0 * _exponential(chance.u, 0.5 * ((high - least) / scale) * (high / scale + start))
    to = start + jnp.sqrt(start * start + more)
    added = scale * (more / jnp.where(to > 0, to, jnp.ones_like(to)))  # what the square root is beyond the least
    made = _clipped(least + added, least, high)
    return Deviate(made, made == made, _finite(scale) & (scale > 0) & (high >= 0))


def laplace(chance: Chance, low: Real, high: Real, location: Real, scale: Real) -> Deviate:
    """Exponential to both sides."""
    away = -scale * math.log(chance.v)
    made = location + jnp.where(chance.sign, away, -away)
    return Deviate(made, made == made, _finite(location, scale) & (scale > 0))


def cauchy(chance: Chance, low: Real, high: Real, location: Real, scale: Real) -> Deviate:
    """Slope of a line of random direction: that of a point in a disc."""
    x, y = chance.v * 2.0 - 1.0, chance.w
    return Deviate(location + scale * (x / y), x * x + y * y <= 1.0, _finite(location, scale) & (scale > 0))


def gamma(chance: Chance, low: Real, high: Real, shape: Real, scale: Real) -> Deviate:
    """Gamma, of mean shape * scale; of a tiny shape many numbers are less than the least of the precision, and are 0."""
    small = shape < 1.0
    d = jnp.where(small, shape + 1.0, shape) - 1.0 / 3.0
    z = chance.normal
    root = 1.0 + z / jnp.sqrt(9.0 * d)
    inside = root > 0
    cube = jnp.where(inside, root * root * root, jnp.ones_like(root))
    fits = inside & (math.log(chance.v) < 0.5 * z * z + d * (1.0 - cube + math.log(cube)))
    factor = jnp.where(small, math.exp(math.log(chance.w) / shape), jnp.ones_like(shape))
    return Deviate(d * cube * factor * scale, fits, _finite(shape, scale) & (shape > 0) & (scale > 0))


def chisquare(chance: Chance, low: Real, high: Real, degrees: Real) -> Deviate:
    """Sum of the squares of so many standard normal numbers."""
    return gamma(chance, low, high, degrees * 0.5, jnp.full_like(degrees, 2.0))


def bernoulli(chance: Chance, low: Real, high: Real, probability: Real) -> Deviate:
    """1 with this probability, else 0."""
    made = jnp.where(chance.u <= probability, jnp.ones_like(chance.u), 0.0)
    return Deviate(made, made == made, (probability >= 0) & (probability <= 1))


def poisson(chance: Chance, low: Real, high: Real, mean: Real) -> Deviate:
    """Poisson."""
    few = mean < _FEW
    first = jnp.where(few & (mean >= 0), mean, jnp.ones_like(mean))
    small, counted = _added(chance.u, -first, lambda k: first / k)
    many = jnp.where(few, jnp.full_like(mean, _FEW), mean)
    b = 0.931 + 2.53 * jnp.sqrt(many)
    large, v, sure = _transformed(chance, b, 0.02483 * b - 0.059, many + 0.43, 0.9277 - 3.6224 / (b - 2.0))
    at = jnp.where(large >= 0, large, jnp.zeros_like(large))
    fits = sure | ((large >= 0) & (math.log(v * (1.1239 + 1.1328 / (b - 3.4))) <= log_poisson(at, many)))
    return Deviate(jnp.where(few, small, large), jnp.where(few, counted, fits), _whole(mean))


def binomial(chance: Chance, low: Real, high: Real, trials: Real, probability: Real) -> Deviate:
    """How many of so many trials succeed."""
    sound = _whole(trials) & (whole.floor(trials) == trials) & (probability >= 0) & (probability <= 1)
    p = jnp.where(probability > 0.5, 1.0 - probability, probability)
    p, n = (jnp.where(sound, number, jnp.zeros_like(number)) for number in (p, trials))
    few = n * p < _FEW
    odds = p / (1.0 - p)
    small, counted = _added(chance.u, n * log1p(-p), lambda k: odds * (n - (k - 1)) / k)
    half = jnp.full_like(p, 0.5)
    n, p = jnp.where(few, jnp.full_like(n, 2 * _FEW), n), jnp.where(few, half, p)
    root = jnp.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * root
    a = 0.0248 * b - 0.0873 + 0.01 * p
    large, v, sure = _transformed(chance, b, a, n * p + 0.5, 0.92 - 4.2 / b)
    inside = (large >= 0) & (large <= n)
    at = jnp.where(inside, large, jnp.zeros_like(large))
    fits = sure | (inside & (math.log(v * ((2.83 + 5.1 / b) * root)) <= log_binomial(at, n, p)))
    made = jnp.where(few, small, large)
    made = jnp.where(probability > 0.5, trials - made, made)
    return Deviate(made, jnp.where(few, counted, fits), sound)


def _added(u: Real, nothing: Real, ratio: Callable[[float], Real]) -> tuple[Real, Flag]:
    """How many probabilities of k or more are at least u, k = 1, 2, ..., and whether that was found.

    Args:
        u: uniform; small ones are as fine as those probabilities, be the numbers ever so rare.
        nothing: logarithm of the probability of 0.
        ratio: of that of k to that of k - 1.
    """
    term, more = math.exp(nothing), -expm1(nothing)
    passed = jnp.zeros_like(u)
    for k in range(1, _TERMS + 1):
        passed = passed + jnp.where(u <= more, jnp.ones_like(u), 0.0)
        term = term * ratio(float(k))
        more = more - term
    return passed, passed < _TERMS


def _transformed(chance: Chance, b: Real, a: Real, centre: Real, least: Real) -> tuple[Real, Real, Flag]:
    """A whole number of the transformed law; what its probability is compared with; and whether it is accepted as it is."""
    u = chance.u - 0.5
    us = 0.5 - jnp.abs(u)
    ends = us <= 0  # infinitely far away: rejected as a negative number is
    us = jnp.where(ends, jnp.ones_like(us), us)
    made = jnp.where(ends, -jnp.ones_like(us), whole.floor((2.0 * a / us + b) * u + centre))
    return made, chance.v / (a / (us * us) + b), ~ends & (us >= 0.07) & (chance.v <= least)
