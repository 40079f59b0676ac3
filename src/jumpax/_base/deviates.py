"""Random numbers of the usual laws, each from three uniform ones, in straight lines that every engine can print.

A law is tried once: what is rejected is drawn again by whoever asked, with new uniform numbers. So nothing loops here.

Sources: Hoermann 1993 (doi:10.1016/0167-6687(93)90997-4) for the Poisson law and 1993 (doi:10.1080/00949659308811496) for the
binomial law, both by transformed rejection; Wichura 1988 (doi:10.2307/2347330) for the normal law by inversion; Marsaglia & Tsang 2000 (doi:10.1145/358407.358414) for the gamma law; Loader 2000
for probabilities without cancellation.
"""

import functools
import math as host
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jumpax._base import math, random, whole
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
    """Whether there is such a law."""


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


def _log1p(x: Real) -> Real:
    """The logarithm of 1 + x for x > -1, exact for small x (Kahan)."""
    y = 1.0 + x
    same = y == 1.0
    return jnp.where(same, x, math.log(y) * (x / jnp.where(same, jnp.ones_like(y), y - 1.0)))


def _exponential(chance: Chance, low: Real, high: Real) -> Real:
    """Of the unit exponential law between bounds >= 0: the inverse of its distribution function."""
    rest = math.exp(-(high - low))
    return low - math.log(rest + chance.u * (1.0 - rest))


def _at_least_0(bound: Real) -> Real:
    return jnp.where(bound > 0, bound, jnp.zeros_like(bound))


def uniform(chance: Chance, low: Real, high: Real, least: Real, most: Real) -> Deviate:
    """Uniform from `least` to `most`."""
    low, high = jnp.maximum(low, least), jnp.minimum(high, most)
    made = low + (1.0 - chance.u) * (high - low)
    return Deviate(made, made == made, _finite(least, most) & (least <= most) & (low <= high))


def normal(chance: Chance, low: Real, high: Real, mean: Real, sd: Real) -> Deviate:
    """Normal."""
    return _kept(mean + sd * chance.normal, low, high, _finite(mean, sd) & (sd >= 0))


def lognormal(chance: Chance, low: Real, high: Real, mean: Real, sd: Real) -> Deviate:
    """The exponential function of a normal number of this mean and standard deviation."""
    return _kept(math.exp(mean + sd * chance.normal), low, high, _finite(mean, sd) & (sd >= 0))


def exponential(chance: Chance, low: Real, high: Real, rate: Real) -> Deviate:
    """Exponential, of mean 1 / rate."""
    made = _exponential(chance, rate * _at_least_0(low), rate * high) / rate
    return _kept(made, low - jnp.abs(low), high, _finite(rate) & (rate > 0) & (high >= 0))


def rayleigh(chance: Chance, low: Real, high: Real, scale: Real) -> Deviate:
    """Length of a vector of two normal numbers of standard deviation `scale`."""
    bounds = [jnp.square(_at_least_0(bound) / scale) * 0.5 for bound in (low, high)]
    made = scale * jnp.sqrt(2.0 * _exponential(chance, *bounds))
    return _kept(made, low - jnp.abs(low), high * (1.0 + 1e-6), _finite(scale) & (scale > 0) & (high >= 0))


def laplace(chance: Chance, low: Real, high: Real, location: Real, scale: Real) -> Deviate:
    """Exponential to both sides."""
    away = -scale * math.log(chance.v)
    return _kept(location + jnp.where(chance.sign, away, -away), low, high, _finite(location, scale) & (scale > 0))


def cauchy(chance: Chance, low: Real, high: Real, location: Real, scale: Real) -> Deviate:
    """Slope of a line of random direction: that of a point in a disc."""
    x, y = chance.v * 2.0 - 1.0, chance.w
    made = _kept(location + scale * (x / y), low, high, _finite(location, scale) & (scale > 0))
    return made._replace(accepted=made.accepted & (x * x + y * y <= 1.0))


def gamma(chance: Chance, low: Real, high: Real, shape: Real, scale: Real) -> Deviate:
    """Gamma, of mean shape * scale."""
    small = shape < 1.0
    d = jnp.where(small, shape + 1.0, shape) - 1.0 / 3.0
    z = chance.normal
    root = 1.0 + z / jnp.sqrt(9.0 * d)
    cube = root * root * root
    inside = root > 0
    cube = jnp.where(inside, cube, jnp.ones_like(cube))
    fits = inside & (math.log(chance.v) < 0.5 * z * z + d * (1.0 - cube + math.log(cube)))
    factor = jnp.where(small, math.exp(math.log(chance.w) / shape), jnp.ones_like(shape))
    made = _kept(d * cube * factor * scale, low, high, _finite(shape, scale) & (shape > 0) & (scale > 0))
    return made._replace(accepted=made.accepted & fits)


def chisquare(chance: Chance, low: Real, high: Real, degrees: Real) -> Deviate:
    """Sum of the squares of so many standard normal numbers."""
    return gamma(chance, low, high, degrees * 0.5, jnp.full_like(degrees, 2.0))


def bernoulli(chance: Chance, low: Real, high: Real, probability: Real) -> Deviate:
    """1 with this probability, else 0."""
    sound = (probability >= 0) & (probability <= 1)
    return _kept(jnp.where(chance.u <= probability, jnp.ones_like(chance.u), 0.0), low, high, sound)


def poisson(chance: Chance, low: Real, high: Real, mean: Real) -> Deviate:
    """Poisson."""
    few = mean < _FEW
    first = jnp.where(few & (mean >= 0), mean, jnp.ones_like(mean))
    small, counted = _added(chance.u, math.exp(-first), lambda k: first / k)
    many = jnp.where(few, jnp.full_like(mean, _FEW), mean)
    b = 0.931 + 2.53 * jnp.sqrt(many)
    large, v, sure = _transformed(chance, b, 0.02483 * b - 0.059, many + 0.43, 0.9277 - 3.6224 / (b - 2.0))
    at = jnp.where(large >= 0, large, jnp.zeros_like(large))
    fits = sure | ((large >= 0) & (math.log(v * (1.1239 + 1.1328 / (b - 3.4))) <= _log_poisson(at, many)))
    made = _kept(jnp.where(few, small, large), low, high, _finite(mean) & (mean >= 0))
    return made._replace(accepted=made.accepted & jnp.where(few, counted, fits))


def binomial(chance: Chance, low: Real, high: Real, trials: Real, probability: Real) -> Deviate:
    """How many of so many trials succeed."""
    sound = _finite(trials) & (trials >= 0) & (whole.floor(trials) == trials)
    sound = sound & (probability >= 0) & (probability <= 1)
    p = jnp.where(probability > 0.5, 1.0 - probability, probability)
    p, n = (jnp.where(sound, number, jnp.zeros_like(number)) for number in (p, trials))
    few = n * p < _FEW
    odds = p / (1.0 - p)
    small, counted = _added(chance.u, math.exp(n * _log1p(-p)), lambda k: odds * (n - (k - 1)) / k)
    half = jnp.full_like(p, 0.5)
    n, p = jnp.where(few, jnp.full_like(n, 2 * _FEW), n), jnp.where(few, half, p)
    root = jnp.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * root
    a = 0.0248 * b - 0.0873 + 0.01 * p
    large, v, sure = _transformed(chance, b, a, n * p + 0.5, 0.92 - 4.2 / b)
    inside = (large >= 0) & (large <= n)
    at = jnp.where(inside, large, jnp.zeros_like(large))
    gap = _log_binomial(at, n, p) - _log_binomial(whole.floor((n + 1.0) * p), n, p)
    fits = sure | (inside & (math.log(v * ((2.83 + 5.1 / b) * root)) <= gap))
    made = jnp.where(few, small, large)
    kept = _kept(jnp.where(probability > 0.5, trials - made, made), low, high, sound)
    return kept._replace(accepted=kept.accepted & jnp.where(few, counted, fits))


def _kept(made: Real, low: Real, high: Real, sound: Flag) -> Deviate:
    """A try that counts if it lies between the bounds."""
    return Deviate(made, (made >= low) & (made <= high), sound & (low <= high))


def _added(u: Real, first: Real, ratio: Callable[[float], Real]) -> tuple[Real, Flag]:
    """The number at which the sum of probabilities passes u, and whether that was found."""
    term = total = first
    passed = jnp.zeros_like(u)
    for k in range(1, _TERMS + 1):
        passed = passed + jnp.where(u > total, jnp.ones_like(u), 0.0)
        term = term * ratio(float(k))
        total = total + term
    return passed, passed < _TERMS


def _transformed(chance: Chance, b: Real, a: Real, centre: Real, least: Real) -> tuple[Real, Real, Flag]:
    """A whole number of the transformed law; what its probability is compared with; and whether it is accepted as it is."""
    u = chance.u - 0.5
    us = 0.5 - jnp.abs(u)
    us = jnp.where(us > 0, us, jnp.full_like(us, 1e-30))
    made = whole.floor((2.0 * a / us + b) * u + centre)
    return made, chance.v / (a / (us * us) + b), (us >= 0.07) & (chance.v <= least)


def _error(x: Real) -> Real:
    """The logarithm of x! less that of Stirling's formula, x >= 1."""
    small = x < 16.0
    at = jnp.where(small, x, jnp.full_like(x, 16.0))
    product, to = jnp.ones_like(x), at + 16.0
    for step in range(1, 17):
        product = product * ((at + float(step)) / to)
    large = jnp.where(small, to, x)
    square = 1.0 / (large * large)
    series = (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680))) / large
    # log x! = log (x + 16)! - log((x + 1) .. (x + 16)), where a series would not do
    shifted = series + (at + 0.5) * math.log(to / at) - 16.0 - math.log(product)
    return jnp.where(small, shifted, series)


def _deviance(x: Real, mean: Real) -> Real:
    """The number x log(x / mean) + mean - x, without cancellation near the mean; x > 0."""
    gap, sum_ = x - mean, x + mean
    v = gap / sum_
    square = v * v
    series = jnp.zeros_like(v)
    for j in range(9, 0, -1):
        series = (series + 1.0 / (2 * j + 1)) * square
    near = gap * v + 2.0 * x * v * series
    return jnp.where(jnp.abs(v) < 0.1, near, x * math.log(x / mean) + mean - x)


def _log_poisson(k: Real, mean: Real) -> Real:
    """The logarithm of a probability; k >= 0."""
    none = k < 1.0
    at = jnp.where(none, jnp.ones_like(k), k)
    return jnp.where(none, -mean, -_error(at) - _deviance(at, mean) - 0.5 * math.log(2.0 * host.pi * at))


def _log_binomial(k: Real, n: Real, p: Real) -> Real:
    """The logarithm of a probability, but for a term that depends on n alone; 0 <= k <= n."""
    none, all_ = k < 1.0, k > n - 1.0
    at = jnp.where(none | all_, 0.5 * n, k)
    rest, q = n - at, 1.0 - p
    inner = -_error(at) - _error(rest) - _deviance(at, n * p) - _deviance(rest, n * q)
    inner = inner + 0.5 * math.log(n / (2.0 * host.pi * at * rest)) + _error(n)
    return jnp.where(none, n * _log1p(-p), jnp.where(all_, n * math.log(p), inner))
