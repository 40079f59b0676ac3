"""The judge of gradient estimators: cases with exact gradients from the master equation, and z-scores against them."""

import dataclasses
import functools
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jumpax
from jumpax import exact


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, two times, and the largest counts of the species that have no bound of their own."""

    make: Any
    arguments: tuple[tuple[str, Any], ...]
    times: tuple[float, ...]
    limits: Any = None

    @property
    def model(self):
        return self.make(**dict(self.arguments))


def _case(make, times, limits=None, **arguments) -> Case:
    return Case(make, tuple(arguments.items()), times, limits)


CASES = {
    "association 20": _case(jumpax.zoo.association, (1.0, 2.0), start=(20, 20), k_on=0.05, k_off=1.0),
    "association 10": _case(jumpax.zoo.association, (0.25, 0.5), start=(10, 10), k_on=1.0, k_off=10.0),
    "association 100": _case(jumpax.zoo.association, (1.0, 2.0), start=(100, 100), k_on=0.01, k_off=1.0),
    "telegraph": _case(jumpax.zoo.telegraph, (0.5, 2.0), ("M", 100), k_on=0.5, k_off=1.0, k_tx=20.0, gamma=1.0),
    "telegraph slow": _case(jumpax.zoo.telegraph, (1.0, 4.0), ("M", 80), k_on=0.05, k_off=0.1, k_tx=20.0, gamma=1.0),
    "telegraph fast": _case(jumpax.zoo.telegraph, (0.5, 2.0), ("M", 60), k_on=5.0, k_off=10.0, k_tx=20.0, gamma=1.0),
    "repressilator strong": _case(jumpax.zoo.repressilator, (0.5, 3.0), 32, beta=10.0, K=1.0, gamma=1.0, start=(5, 1, 0)),
    "repressilator weak": _case(jumpax.zoo.repressilator, (0.5, 3.0), 32, beta=10.0, K=5.0, gamma=1.0, start=(5, 1, 0)),
}  # fmt: skip


def observable(counts):
    """Every count and its square: [species..., squares...]."""
    each = jnp.stack([*counts.values()])
    return jnp.concatenate([each, each**2])


@functools.cache
def truth(name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Exact means of `observable` (times, entries), and their derivatives by parameter (natural coordinate)."""
    case = CASES[name]
    model = case.model
    limits = dict([case.limits]) if isinstance(case.limits, tuple) else case.limits

    with jax.enable_x64(True):
        space = exact.StateSpace.reachable(model.network, model.x0, limits)
        table = jnp.asarray(np.concatenate([space.states, space.states.astype(float) ** 2], 1), float)

        def means(theta):
            return exact.distribution(space, theta, list(case.times)).probabilities @ table

        theta = {k: jnp.float64(v) for k, v in model.theta.items()}
        slopes = jax.jacobian(means)(theta)
        return np.asarray(means(theta)), {k: np.asarray(v) for k, v in slopes.items()}


def estimate(name: str, estimator: Any, paths: int, key: int, precision: str = "float32", **options: Any) -> Any:
    """What an estimator says of a case; that one path carries much of its variance is what the z-scores are to judge."""
    case = CASES[name]
    model = case.model
    with jax.enable_x64(precision == "float64"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*carries.*of the variance", jumpax.JumpaxWarning)
        expected = jumpax.expectation(
            observable, model.network, model.x0, list(case.times), paths=paths, gradient=estimator, precision=precision,
            **options,
        )  # fmt: skip
        return jax.tree.map(np.asarray, expected.estimate(model.theta, jax.random.key(key)))


def z_scores(name: str, got: Any, entries: slice = slice(None), floor: float = 1e-5) -> dict[str, np.ndarray]:
    """(gradient - truth) / error by parameter, (times, entries).

    The error has a floor relative to the largest true entry: some entries have no noise at all, and float32 rounds.
    """
    _, slopes = truth(name)
    out = {}
    for parameter, want in slopes.items():
        error = np.maximum(got.gradient_standard_error[parameter], floor * np.abs(want).max())
        out[parameter] = ((got.gradient[parameter] - want) / error)[:, entries]
    return out
