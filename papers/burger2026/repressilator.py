"""The inference problem of the repressilator: beta and K from the mean counts of three proteins over one period."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import jumpax
from burger2026.rate_equations import cycle
from jumpax.gradients import AbstractEstimator
from jumpax.inference import Fixed, Free, Problem, Simulation, losses

NAMES = ("beta", "K")
PROTEINS = jumpax.Moments("P1", "P2", "P3")


class Case(NamedTuple):
    """A reference set, and where its inference starts."""

    beta: float
    K: float
    start_beta: float
    start_K: float
    hill: float
    points: int

    @property
    def period(self) -> float:
        """Of the rate equations at the reference."""
        return cycle(self.beta / self.K, self.hill)[0]

    @property
    def times(self) -> list[float]:
        """The times at which means are compared: one period, in equal steps."""
        return [self.period * (m + 1) / self.points for m in range(self.points)]

    @property
    def model(self) -> Any:
        """The network, and counts at the start that follow from the reference alone."""
        start = (round(self.beta / 2), round(self.K), 0)
        return jumpax.zoo.repressilator(beta=self.beta, K=self.K, exponent=self.hill, start=start)

    @property
    def truth(self) -> Float[np.ndarray, "2"]:
        """Logarithms of beta and K of the reference."""
        return np.log([self.beta, self.K])

    @property
    def start(self) -> Float[np.ndarray, "2"]:
        """Logarithms of beta and K at the start."""
        return np.log([self.start_beta, self.start_K])

    def target(self, paths: int, key: int) -> Float[np.ndarray, "points 3"]:
        """Means of the reference, from so many paths."""
        return self.reference(paths, key).mean()

    def reference(self, paths: int, key: int) -> jumpax.Paths:
        """Paths with the parameters of the reference."""
        model = self.model
        return jumpax.simulate(model.network, model.theta, model.x0, times=self.times, paths=paths, key=key)

    def problem(self, reference: jumpax.Paths, source: Simulation) -> Problem:
        """For `fit`: the means of reference paths with their standard errors, at least that of one molecule in one path."""
        model, cells = self.model, len(reference.status)
        errors = np.maximum(np.sqrt(reference.variance() / cells), 1 / cells)
        columns = [dict(zip(model.network.species, table.T, strict=True)) for table in (reference.mean(), errors)]
        free = {"beta": Free(self.start_beta), "K": Free(self.start_K), "gamma": Fixed(1.0)}
        return Problem(model.network, model.x0, losses.TimeSeries(self.times, *columns), free, source=source)

    def loss(self, target: np.ndarray, estimator: AbstractEstimator, paths: int) -> Callable[[Any, Any], Any]:
        """Loss as a function of (beta, K) by logarithms u (2,) and a key: mean of squared differences of log means.

        Means below half a molecule in all paths together are raised to that.
        """
        model, floor = self.model, 0.5 / paths
        mean = jumpax.expectation(PROTEINS, model.network, model.x0, self.times, paths=paths, gradient=estimator)
        wanted = jnp.log(jnp.maximum(jnp.asarray(target), floor))

        def loss(u: Any, key: Any) -> Any:
            expected = mean(theta_of(u), key)[..., 0]
            return ((jnp.log(jnp.maximum(expected, floor)) - wanted) ** 2).mean()

        return loss


def theta_of(u: Any) -> dict[str, Any]:
    """Parameters of the network from the logarithms of beta and K."""
    return {"beta": jnp.exp(u[0]), "K": jnp.exp(u[1]), "gamma": 1.0}


def draw_cases(settings: Mapping[str, Any]) -> list[Case]:
    """Reference sets, beta log-uniform, K log-uniform below beta/10, and starts log-uniform within a factor of them."""
    random = np.random.default_rng(settings["seed"])
    cases = []
    for _ in range(settings["cases"]):
        beta = float(np.exp(random.uniform(*np.log(settings["beta"]))))
        K = float(np.exp(random.uniform(np.log(settings["least_K"]), np.log(beta / 10))))
        away = np.exp(random.uniform(-1, 1, 2) * np.log(settings["start_factor"]))
        cases.append(Case(beta, K, float(beta * away[0]), float(K * away[1]), settings["hill"], settings["points"]))
    return cases
