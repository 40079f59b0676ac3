"""Delays of reactions: how long after its start a reaction completes."""

import abc
import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base import math, random
from jumpax._base.errors import InputError, unknown_name
from jumpax._base.types import Flag, Numeric, Real
from jumpax.networks.laws.rate import Rate, as_name, as_rate

STREAM = 3
"""Number of the random stream that delays are drawn from."""

Proposal: TypeAlias = tuple[Real, Flag]
"""A delay, and whether it is taken; if not, the next draws propose another one."""


class Draw(NamedTuple):
    """One random number, to be read as a unit exponential or as a uniform number in [0, 1), not as both."""

    exponential: Real
    uniform: Real


def draw(stream: random.Stream, number: int, dtype: np.dtype) -> tuple[tuple[Draw, ...], random.Stream]:
    """So many draws, and the stream after them: a word each in float32, two in float64."""
    draws = []
    for _ in range(number):
        word, stream = random.draw(stream)
        low = None
        if dtype == np.float64:
            low, stream = random.draw(stream)
        draws.append(Draw(random.exponential(word, low, dtype), random.uniform(word, low, dtype)))
    return tuple(draws), stream


def _normal(first: Draw, second: Draw) -> Real:
    """A standard normal number (Box and Muller)."""
    turn = first.exponential.dtype.type(2 * np.pi)
    return jnp.sqrt(2.0 * first.exponential) * jnp.cos(turn * second.uniform)


@dataclasses.dataclass(frozen=True)
class AbstractDelay(abc.ABC):
    """The law of a delay. Frozen and hashable; its numbers are names of parameters or plain numbers, in units of time.

    `consuming` says what happens at once. True: the reactants of the equation leave at the start of the reaction (all
    of them: a catalyst is occupied meanwhile), its products appear at its completion. False: all changes come at the
    completion. Or a mapping from species to changes at the start, signed; what is then left of the net change of the
    equation comes at the completion: `{"A": -1}` takes A, and leaves a catalyst free.
    """

    consuming: bool | Mapping[str, int] | tuple[tuple[str, int], ...] = dataclasses.field(default=True, kw_only=True)

    draws: ClassVar[int]
    """Random numbers that a proposal takes."""
    smooth: ClassVar[bool] = False
    """Whether its density has derivatives with respect to its numbers, wherever a delay may fall: whether there is a score."""

    def __post_init__(self):
        kind = type(self).__name__
        for role, rate in self.rates.items():
            object.__setattr__(self, role, as_rate(kind, role, rate, nonnegative=False))
        if isinstance(self.consuming, bool):
            return
        if not isinstance(self.consuming, Mapping | tuple):
            raise InputError(f"{kind}: consuming must be True, False or a mapping, not {self.consuming!r}")
        changes = dict(self.consuming)
        for name, change in changes.items():
            as_name(kind, "a species of consuming", name)
            if not isinstance(change, int | np.integer) or isinstance(change, bool):
                raise InputError(f"{kind}: consuming changes {name!r} by a whole number, not {change!r}")
        object.__setattr__(self, "consuming", tuple((name, int(change)) for name, change in sorted(changes.items())))

    def misfits(self, species: Collection[str]) -> Iterator[str]:
        """Sentences about names that do not fit a network with these species."""
        changes = self.consuming if isinstance(self.consuming, tuple) else ()
        for name, _ in changes:
            if name not in species:
                yield f"consuming: {unknown_name('species', name, species)}"
        for rate in self.rates.values():
            if rate in species:
                yield f"{rate!r} is a species; a delay reads parameters only"

    @property
    def rates(self) -> dict[str, Rate]:
        """The numbers of the law by role, as they were given."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "consuming"}

    @abc.abstractmethod
    def faults(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """What is wrong with numbers () or (paths,) by role."""

    @staticmethod
    def log_density(numbers: Sequence[Real], delay: Real) -> Real:
        """Logarithm of the density at a delay, for laws that are `smooth`; numbers as in `sample`."""
        raise NotImplementedError

    def score(self, name: str, theta: Mapping[str, Real], delay: Real) -> Real:
        """Derivative of the logarithm of the density at a delay with respect to a parameter of that name."""

        def density(value: Real) -> Real:
            values = [
                {**theta, name: value}[r] if isinstance(r, str) else jnp.full_like(delay, r)
                for r in self.rates.values()
            ]
            return self.log_density(values, delay)

        return jax.jvp(density, (theta[name],), (jnp.ones_like(theta[name]),))[1]

    @staticmethod
    @abc.abstractmethod
    def sample(numbers: Sequence[Real], draws: Sequence[Draw]) -> Proposal:
        """A delay from the numbers of the law in the order of its roles, and as many draws as it takes."""


def _refuse(what: str, value: Numeric, bad: np.ndarray | np.generic, why: str) -> Iterator[str]:
    """A sentence if some value is bad; it names the first."""
    if np.any(bad):
        first = int(np.argmax(bad))
        place = f" (path {first})" if np.ndim(bad) else ""
        yield f"{what} {why}: {np.broadcast_to(value, np.shape(bad)).reshape(-1)[first]:g}{place}"


def _negative(values: Mapping[str, np.ndarray], *roles: str) -> Iterator[str]:
    for role in roles:
        yield from _refuse(role, values[role], values[role] < 0, "is negative")


def _taken(delay: Real) -> Proposal:
    return delay, jnp.ones_like(delay, bool)


@final
@dataclasses.dataclass(frozen=True)
class FixedDelay(AbstractDelay):
    """Always the same delay `tau` >= 0.

    Examples:
        >>> FixedDelay(5.0).consuming, FixedDelay("tau", consuming=False).rates
        (True, {'tau': 'tau'})
    """

    tau: Rate
    draws: ClassVar[int] = 0

    def faults(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """A negative tau."""
        yield from _negative(values, "tau")

    @staticmethod
    def sample(numbers: Sequence[Real], draws: Sequence[Draw]) -> Proposal:
        """The number tau."""
        return _taken(numbers[0])


@final
@dataclasses.dataclass(frozen=True)
class UniformDelay(AbstractDelay):
    """Uniform between `low` >= 0 and `high`.

    Examples:
        >>> UniformDelay(1, 3).rates
        {'low': 1.0, 'high': 3.0}
    """

    low: Rate
    high: Rate
    draws: ClassVar[int] = 1

    def faults(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """A negative low, or a high below it."""
        yield from _negative(values, "low")
        yield from _refuse("high", values["high"], values["high"] < values["low"], "is below low")

    @staticmethod
    def sample(numbers: Sequence[Real], draws: Sequence[Draw]) -> Proposal:
        """By inversion."""
        low, high = numbers
        return _taken(low + (high - low) * draws[0].uniform)


@final
@dataclasses.dataclass(frozen=True)
class ExponentialDelay(AbstractDelay):
    """Exponential with the given `mean` >= 0.

    Examples:
        >>> ExponentialDelay(2).rates
        {'mean': 2.0}
    """

    mean: Rate
    draws: ClassVar[int] = 1
    smooth: ClassVar[bool] = True

    def faults(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """A negative mean."""
        yield from _negative(values, "mean")

    @staticmethod
    def sample(numbers: Sequence[Real], draws: Sequence[Draw]) -> Proposal:
        """By inversion."""
        return _taken(numbers[0] * draws[0].exponential)

    @staticmethod
    def log_density(numbers: Sequence[Real], delay: Real) -> Real:
        """-ln mean - delay / mean."""
        return -jnp.log(numbers[0]) - delay / numbers[0]


@final
@dataclasses.dataclass(frozen=True)
class NormalDelay(AbstractDelay):
    """Normal with `mean` >= 0 and standard deviation `sd` >= 0, both before it is truncated at 0.

    Truncated means conditioned on being >= 0: a negative number is drawn anew, not set to 0.

    Examples:
        >>> NormalDelay("tau", 0.5).rates
        {'mean': 'tau', 'sd': 0.5}
    """

    mean: Rate
    sd: Rate
    draws: ClassVar[int] = 2
    smooth: ClassVar[bool] = True

    def faults(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """A negative number."""
        yield from _negative(values, "mean", "sd")

    @staticmethod
    def sample(numbers: Sequence[Real], draws: Sequence[Draw]) -> Proposal:
        """By rejection; at least half of the proposals are taken, as the mean is not negative."""
        mean, sd = numbers
        delay = mean + sd * _normal(*draws)
        return delay, delay >= 0

    @staticmethod
    def log_density(numbers: Sequence[Real], delay: Real) -> Real:
        """That of the normal law, less the logarithm of what of it is not negative."""
        from jax.scipy.special import log_ndtr  # slow to import

        mean, sd = numbers
        return -0.5 * ((delay - mean) / sd) ** 2 - jnp.log(sd) - log_ndtr(mean / sd)


@final
@dataclasses.dataclass(frozen=True)
class GammaDelay(AbstractDelay):
    """Gamma with density t^(shape - 1) exp(-t / scale), shape > 0, scale >= 0: the mean is shape * scale.

    A chain of n exponential steps of mean s is `GammaDelay(n, s)`.
    Source: Marsaglia & Tsang 2000, doi:10.1145/358407.358414.

    Examples:
        >>> GammaDelay(4, "step").rates
        {'shape': 4.0, 'scale': 'step'}
    """

    shape: Rate
    scale: Rate
    draws: ClassVar[int] = 4
    smooth: ClassVar[bool] = True

    def faults(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """A shape that is not positive, or a negative scale."""
        yield from _refuse("shape", values["shape"], values["shape"] <= 0, "is not above 0")
        yield from _negative(values, "scale")

    @staticmethod
    def sample(numbers: Sequence[Real], draws: Sequence[Draw]) -> Proposal:
        """By rejection, over 0.95 taken; shapes below 1 from shape + 1 times a power of a uniform number."""
        shape, scale = numbers
        small = shape < 1
        d = jnp.where(small, shape + 1.0, shape) - 1.0 / 3.0
        w = _normal(draws[0], draws[1]) / jnp.sqrt(9.0 * d)
        inside = w > -1
        v = jnp.where(inside, w, jnp.zeros_like(w))
        # x^2 / 2 + d - d (1 + w)^3 + d log (1 + w)^3 with x = w sqrt(9 d): the large terms cancelled on paper
        excess = 3.0 * d * (jnp.log1p(v) - (v - v * v * (0.5 - v / 3.0)))
        power = math.exp(-draws[3].exponential / jnp.where(small, shape, jnp.ones_like(shape)))
        grown = scale * d * (1.0 + v) ** 3
        return jnp.where(small, grown * power, grown), inside & (-draws[2].exponential < excess)

    @staticmethod
    def log_density(numbers: Sequence[Real], delay: Real) -> Real:
        """(shape - 1) ln delay - delay / scale - shape ln scale - ln Gamma(shape)."""
        from jax.scipy.special import gammaln  # slow to import

        shape, scale = numbers
        return (shape - 1.0) * jnp.log(delay) - delay / scale - shape * jnp.log(scale) - gammaln(shape)
