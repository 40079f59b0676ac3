"""Laws of measurement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike

from jumpax._base import count_laws
from jumpax._base.errors import InputError
from jumpax._base.types import Numeric, ParameterValues, Real
from jumpax.records.measurement import (
    AbstractMeasurement,
    Cumulative,
    Given,
    check_given,
    named,
    not_positive,
    not_whole,
    number,
)

_LOG_2PI = float(np.log(2 * np.pi))


def _where(possible: bool | Bool[Array | np.ndarray, "..."], log_density: Callable[[], Real]) -> Real:
    """-inf where it is impossible. What stands there instead is computed from numbers that make sense, as gradients need."""
    return jnp.where(possible, log_density(), -jnp.inf)


def _both(law: Any, y: Float[np.ndarray, "*shape"]) -> Cumulative:
    """Of a law of counts, as scipy has them."""
    return law.cdf(y - 1), law.cdf(y)


@final
@dataclass(frozen=True)
class Normal(AbstractMeasurement):
    """Y is normal with mean `scale` x and standard deviation `sd`.

    Args:
        sd: standard deviation in units of y, a number or the name of a parameter.
        scale: y per molecule, likewise.

    Examples:
        >>> print(f"{Normal(10.0).log_density(jnp.array(3.0), jnp.array(13.0), {}):.4f}")
        -3.7215
    """

    sd: Given
    scale: Given = 1.0

    def __post_init__(self):
        check_given("Normal", sd=self.sd, scale=self.scale)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of sd and scale."""
        return named(self.sd, self.scale)

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """Of the normal law."""
        sd = number(self.sd, values)
        safe = jnp.where(sd > 0, sd, 1.0)
        z = (y - number(self.scale, values) * x) / safe
        return _where(sd > 0, lambda: -0.5 * z**2 - jnp.log(safe) - 0.5 * _LOG_2PI)

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """Of the normal law, the same twice."""
        from scipy.special import ndtr  # slow to import

        found = ndtr((y - number(self.scale, values) * x) / number(self.sd, values))
        return found, found

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """Mean and noise."""
        return number(self.scale, values) * x + number(self.sd, values) * generator.standard_normal(np.shape(x))

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Parameters that are not positive."""
        return not_positive("Normal", values, self.sd)


@final
@dataclass(frozen=True)
class LogNormal(AbstractMeasurement):
    """Ln y is normal with mean ln(`scale` x) and standard deviation `sd`: an error in proportion to y.

    Where x is 0, y is 0 with certainty; a positive y is impossible then.

    Args:
        sd: standard deviation of ln y, a number or the name of a parameter.
        scale: y per molecule, likewise.
    """

    sd: Given
    scale: Given = 1.0

    def __post_init__(self):
        check_given("LogNormal", sd=self.sd, scale=self.scale)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of sd and scale."""
        return named(self.sd, self.scale)

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """Of y, so with the factor 1/y."""
        sd, mean = number(self.sd, values), number(self.scale, values) * x
        possible = (sd > 0) & (mean > 0) & (y > 0)
        sd, mean, safe = (jnp.where(possible, one, 1.0) for one in (sd, mean, y))
        z = (jnp.log(safe) - jnp.log(mean)) / sd
        found = _where(possible, lambda: -0.5 * z**2 - jnp.log(sd * safe) - 0.5 * _LOG_2PI)
        return jnp.where((y == 0) & (x == 0), 0.0, found)

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """The same twice, but where no molecule is: then y is 0."""
        from scipy.special import ndtr  # slow to import

        mean = number(self.scale, values) * x
        with np.errstate(divide="ignore", invalid="ignore"):
            found = ndtr((np.log(y) - np.log(mean)) / number(self.sd, values))
        return np.where(mean > 0, found, y > 0), np.where(mean > 0, found, y >= 0)

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """Mean times the exponential of noise."""
        noise = number(self.sd, values) * generator.standard_normal(np.shape(x))
        return number(self.scale, values) * x * np.exp(noise)

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """Negative numbers."""
        return [("is negative, which a log-normal law does not have", y < 0)]

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Parameters that are not positive."""
        return not_positive("LogNormal", values, self.sd, self.scale)


@final
@dataclass(frozen=True)
class Poisson(AbstractMeasurement):
    """Y is Poisson with mean `scale` x + `background`: photons, or counts with unlimited capture.

    Args:
        scale: mean of y per molecule, a number or the name of a parameter.
        background: mean of y without any molecule, likewise; None: none.
    """

    scale: Given = 1.0
    background: Given | None = None

    def __post_init__(self):
        check_given("Poisson", scale=self.scale, background=1.0 if self.background is None else self.background)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of scale and background."""
        return named(self.scale, self.background)

    def _mean(self, x: Numeric, values: ParameterValues) -> Numeric:
        return number(self.scale, values) * x + (0.0 if self.background is None else number(self.background, values))

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """With mean 0, y = 0 is certain."""
        return count_laws.log_poisson(y, self._mean(x, values))

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """Of the law."""
        from scipy.stats import poisson  # slow to import

        return _both(poisson(self._mean(x, values)), y)

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """Of the law."""
        return generator.poisson(self._mean(x, values)).astype(float)

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """What is no count."""
        return not_whole(y)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Parameters that are not positive."""
        return not_positive("Poisson", values, self.scale, *([] if self.background is None else [self.background]))


@final
@dataclass(frozen=True)
class NegativeBinomial(AbstractMeasurement):
    """Y is negative binomial with mean m = `scale` x and variance m + m^2 / `spread`.

    Args:
        spread: the size of the law, a number or the name of a parameter: the smaller, the wider.
        scale: mean of y per molecule, likewise.
    """

    spread: Given
    scale: Given = 1.0

    def __post_init__(self):
        check_given("NegativeBinomial", spread=self.spread, scale=self.scale)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of spread and scale."""
        return named(self.spread, self.scale)

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """With mean 0, y = 0 is certain."""
        return count_laws.log_negative_binomial(y, number(self.scale, values) * x, number(self.spread, values))

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """Of the law."""
        from scipy.stats import nbinom  # slow to import

        size, mean = number(self.spread, values), number(self.scale, values) * x
        return _both(nbinom(size, size / (size + mean)), y)

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """Poisson with a mean that is gamma."""
        size = np.broadcast_to(number(self.spread, values), np.shape(x))
        mean = number(self.scale, values) * x * generator.gamma(size) / size
        return generator.poisson(mean).astype(float)

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """What is no count."""
        return not_whole(y)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Parameters that are not positive."""
        return not_positive("NegativeBinomial", values, self.spread, self.scale)


@final
@dataclass(frozen=True)
class Binomial(AbstractMeasurement):
    """Each of the x is seen with a probability, by itself: y is binomial(x, `probability`). Capture, or reporting of cases.

    Args:
        probability: a number or the name of a parameter; give that the upper bound 1.
    """

    probability: Given

    def __post_init__(self):
        check_given("Binomial", probability=self.probability)

    @property
    def parameters(self) -> tuple[str, ...]:
        """That of the probability."""
        return named(self.probability)

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """No more are seen than are there."""
        return count_laws.log_binomial(y, x, number(self.probability, values))

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """Of the law."""
        from scipy.stats import binom  # slow to import

        return _both(binom(x, number(self.probability, values)), y)

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """Of the law."""
        return generator.binomial(np.asarray(x).astype(np.int64), number(self.probability, values)).astype(float)

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """What is no count."""
        return not_whole(y)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """A probability outside 0 to 1."""
        return [
            f"the probability {name} = {float(values[name]):g} is none: give the parameter the bounds lower=0, upper=1"
            for name in self.parameters
            if not 0 <= values[name] <= 1
        ]


@final
@dataclass(frozen=True)
class Exact(AbstractMeasurement):
    """Y is x: a path that differs is impossible."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def exact(self) -> bool:
        """It is."""
        return True

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """0 where they agree."""
        return jnp.where(y == x, 0.0, -jnp.inf)

    def cumulative(
        self, y: Float[np.ndarray, "*shape"], x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Cumulative:
        """Steps at the count."""
        return (x < y).astype(float), (x <= y).astype(float)

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """The count."""
        return np.array(x, float)

    def faults(self, y: Float[np.ndarray, " rows"]) -> list[tuple[str, np.ndarray]]:
        """What is no count."""
        return not_whole(y)


@final
@dataclass(frozen=True)
class Custom(AbstractMeasurement):
    """Any density, written with JAX.

    Args:
        function: `log_density(y, x, values)`: elementwise, with `values` every named parameter; it must be finite or -inf, with a
            derivative that is a number wherever it is finite.
        reads: names of the parameters that it reads.
        draw: `sample(generator, x, values)` with NumPy, for predictions; None: predictions are refused.

    Examples:
        >>> laplace = Custom(lambda y, x, values: -abs(y - x) / values["b"] - jnp.log(2 * values["b"]), ("b",))
        >>> print(f"{laplace.log_density(jnp.array(3.0), jnp.array(5.0), {'b': 2.0}):.4f}")
        -2.3863
    """

    function: Callable[[Array, Array, ParameterValues], Array]
    reads: tuple[str, ...] = ()
    draw: Callable[[np.random.Generator, np.ndarray, ParameterValues], ArrayLike] | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those that were named."""
        return tuple(self.reads)

    def log_density(
        self, y: Float[Array, "*shape"], x: Float[Array, "*shape"], values: ParameterValues
    ) -> Float[Array, "*shape"]:
        """As the function says."""
        return self.function(y, x, values)

    @property
    def draws(self) -> bool:
        """Whether it was said how."""
        return self.draw is not None

    def sample(
        self, generator: np.random.Generator, x: Float[np.ndarray, "*shape"], values: Mapping[str, float | np.ndarray]
    ) -> Float[np.ndarray, "*shape"]:
        """As `draw` says.

        Raises:
            InputError: there is none.
        """
        if self.draw is None:
            raise InputError("predictions from Custom(...) need draw=..., a function (generator, x, values) of NumPy")
        return np.asarray(self.draw(generator, x, values), float)
