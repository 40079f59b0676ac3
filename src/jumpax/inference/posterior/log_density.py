"""The density of a posterior as a JAX function."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Numbers
from jumpax.exact.fault import Guard
from jumpax.inference.conditions import Conditions
from jumpax.inference.posterior.data_likelihood import AbstractDataLikelihood, data_likelihood
from jumpax.inference.posterior.maximum import Maximum, maximise
from jumpax.inference.posterior.prior import Prior
from jumpax.inference.posterior.refusals import Refusal, Refusals
from jumpax.inference.priors import AbstractPrior
from jumpax.inference.problem import Problem
from jumpax.inference.record_problem import RecordProblem


@final
class LogDensity:
    """Logarithm of prior times likelihood, on the unconstrained scale of the free parameters; see `log_density`.

    A plain function of JAX, u (free,) -> number, for any sampler. It raises no error: where there is no density it is -inf with
    gradient 0, and each such evaluation is counted in `refused`, by cause. A posterior is to be believed only if none of them
    lies where its bulk is; otherwise take `enlarged(2)`.

    Attributes:
        problem: what it is the density of.
        names: free parameters, in the order of u.
        dimension: their number.
        priors: their priors.
    """

    problem: RecordProblem | Problem | Conditions
    names: tuple[str, ...]
    dimension: int
    priors: dict[str, AbstractPrior]

    def __init__(self, data: AbstractDataLikelihood, problem: RecordProblem | Problem | Conditions):
        self.problem, self._data = problem, data
        self.names, self.dimension = problem.free, len(problem.free)
        self._prior = Prior(problem)
        self.priors = self._prior.priors
        self._refusals = Refusals()

    def __call__(self, u: Float[Numbers, " free"]) -> Float[Array, ""]:
        """The log density at a point."""
        prior, parts = self._both(u)
        total = prior + parts.sum()
        return jnp.where(jnp.isfinite(total), total, -jnp.inf)

    def log_prior(self, u: Float[Numbers, " free"]) -> Float[Array, ""]:
        """That of the prior alone, on the unconstrained scale, normalised."""
        return self._prior(u)

    def log_likelihood(self, u: Float[Numbers, " free"]) -> Float[Array, ""]:
        """The log-likelihood of all data."""
        return self.by_part(u).sum()

    def by_part(self, u: Float[Numbers, " free"]) -> Float[Array, " parts"]:
        """Log-likelihoods of the cells, or conditions, whose names are `parts`; of snapshots of one condition there is one part."""
        return self._both(u)[1]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the cells or conditions."""
        return self._data.parts

    def constrained(self, u: Float[Numbers, " free"]) -> dict[str, Float[Array, ""]]:
        """Every named parameter at a point, fixed and derived ones too."""
        return self.problem.values(jnp.asarray(u, float))

    def unconstrained(self, values: Mapping[str, float]) -> Float[np.ndarray, " free"]:
        """The point of values of the free parameters.

        Raises:
            InputError: values that are missing, or not between their bounds.
        """
        return self._prior.unconstrained(values)

    def start(self, key: Any, tries: int = 100) -> Float[np.ndarray, " free"]:
        """A point drawn from the priors at which there is a density.

        Args:
            key: of JAX, or a whole number.
            tries: draws until it is given up.

        Raises:
            InputError: none of them has a density; with the causes.
        """
        generator = _generator(key)
        causes: Counter[str] = Counter()
        for _ in range(tries):
            u, before = self._prior.draw(generator, 1)[0], self.refused
            if np.isfinite(self(jnp.asarray(u, float))):
                return u
            causes += self.refused - before
        told = ", ".join(f"{cause}: {many}" for cause, many in causes.items())
        raise InputError(
            f"none of {tries} draws from the priors has a density ({told}): narrow the priors, or enlarge the space"
        )

    @property
    def refused(self) -> Counter[str]:
        """How many evaluations found no density, by cause."""
        return self._refusals.counts

    @property
    def last_refused(self) -> tuple[Refusal, ...]:
        """The last thousand of these, with cause, message and point."""
        return self._refusals.last

    def forget(self) -> None:
        """Begin to count anew."""
        self._refusals.clear()

    def recall(self, counts: Mapping[str, int], last: Sequence[Refusal]) -> None:
        """Count evaluations that were made before, by a sampler that goes on."""
        self._refusals.add(counts, last)

    def enlarged(self, factor: float) -> "LogDensity":
        """The density on a space with limits larger by a factor; a function of its own, with a count of its own.

        Raises:
            InputError: a factor that is not above 1; too many states.
        """
        data = self._data.enlarged(factor)
        return LogDensity(data, data.problem)  # type: ignore[attr-defined]

    def maximise(self, starts: int = 8, key: Any = 0) -> Maximum:
        """The point of largest density on the unconstrained scale, and Laplace's approximation about it.

        Args:
            starts: points drawn from the priors at which the search begins.
            key: for these.

        Raises:
            InputError: no start has a density.
        """
        return maximise(self, [self.start(_generator(key).integers(2**32) + i) for i in range(starts)])

    def _both(self, u: Float[Numbers, " free"]) -> tuple[Float[Array, ""], Float[Array, " parts"]]:
        good, safe, values = self._prior.values(u)
        prior = self._prior.at(safe, values)
        guard = Guard(self._refusals, *jax.lax.stop_gradient((jnp.asarray(u, float), good & jnp.isfinite(prior))))
        return jnp.where(good, prior, -jnp.inf), self._data(values, guard)

    def __repr__(self) -> str:
        return f"LogDensity({', '.join(self.names)})"


def log_density(problem: RecordProblem | Problem | Conditions) -> LogDensity:
    """The posterior density of the free parameters of a problem: priors, the Jacobian of their scales, and the exact likelihood.

    log p(u) = ln p(data | theta(u)) + sum_i ln prior_i(theta_i) + ln |d theta / d u|, with theta(u) as `fit` searches it: positive
    parameters by their logarithm, those between bounds by a logit. The likelihood is that of the master equation: of records by
    `exact_log_likelihood`; of snapshots (a `Problem` with `LogLikelihood` or `JointLogLikelihood`, or of `read_petab`, and
    `MasterEquation`; or `Conditions` of such) by the laws at their times. Exact but for the leak of the space, which is below the problem's tolerance wherever the density is finite.
    Priors are those of `Free(..., prior=)`, normalised between the bounds; constants are kept, so that densities of two models
    on the same records can be compared.

    Args:
        problem: all free parameters have priors (a `Free.box` is log-uniform by itself).

    Returns:
        A function of JAX that `jit`, `grad` and `vmap` take, but no second derivative.

    Raises:
        InputError: parameters without a prior; no exact likelihood.

    Examples:
        >>> import jax, jumpax
        >>> from jumpax.inference import Fixed, Free, RecordProblem, log_density, priors
        >>> model = jumpax.zoo.birth_death()
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [4.1, 9.3, 7.9]}, jumpax.records.Normal("sd"))
        >>> rates = {"birth": Free.box(1.0, 50.0), "death": Fixed(1.0), "sd": Free(1.0, prior=priors.HalfNormal(2.0))}
        >>> density = log_density(RecordProblem(model.network, {"X": 0}, trace, rates, limits=60))
        >>> u = density.unconstrained({"birth": 10.0, "sd": 1.5})
        >>> value, slope = jax.jit(jax.value_and_grad(density))(u)
        >>> value, slope = density(u + 1000.0), jax.grad(density)(u + 1000.0)   # a sampler that has strayed
        >>> print(value, slope, density.refused)
        -inf [0. 0.] Counter({'parameters': 2})
    """
    return LogDensity(data_likelihood(problem), problem)


def _generator(key: Any) -> np.random.Generator:
    """Of NumPy, from a key of JAX or a number."""
    if isinstance(key, int | np.integer):
        return np.random.default_rng(int(key))
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return np.random.default_rng(np.asarray(data).reshape(-1).tolist())
