"""Guesses which parameters differ between conditions: what each says of the likelihood."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jumpax.inference.conditions import Conditions
from jumpax.inference.fit import quiet_fit
from jumpax.inference.names import of_condition
from jumpax.inference.parameters import LOG_BOX, Free
from jumpax.inference.result import FitResult

FLAT = 1e-8
"""Eigenvalues of the information, relative to the largest, that rounding may have made."""
FELT = 0.03
"""Share of such a direction in a difference from which on that is not known."""
KINDS = {
    "log": "fold change", "identity": "difference", "logit": "ratio of odds",
    "log_below": "ratio of distances to the bound", LOG_BOX: "fold change",
}  # fmt: skip


class Model(NamedTuple):
    """One guess of which parameters differ."""

    height: float
    """Twice the loss, up to a constant."""
    differences: dict[tuple[str, str], tuple[float, float]]
    """By parameter and condition: from the first condition, on the unconstrained scale, with its standard error; of boxes, that of
    the logarithm."""
    slack: float = 0.0
    """How much lower it may be: of a fit that used all its steps."""


def having(joint: Conditions, name: str) -> list[str]:
    """Conditions in which a parameter is free."""
    return [c for c, problem in joint.problems.items() if name in problem.free]


class AbstractGuesses(abc.ABC):
    """Models in which some parameters may differ. Final subclasses say how high the likelihood of each is."""

    def __init__(self, joint: Conditions):
        self.joint = joint

    @abc.abstractmethod
    def model(self, released: tuple[str, ...]) -> Model:
        """The one in which these may differ."""

    def degrees(self, name: str) -> int:
        """Of freedom that the release of a parameter adds."""
        return len(having(self.joint, name)) - 1

    def kind(self, name: str) -> str:
        """What such a difference means."""
        parameter = self.joint.problems[having(self.joint, name)[0]].parameters[name]
        assert isinstance(parameter, Free)
        plain = parameter.scale != "log" or parameter.lower == 0
        return KINDS[parameter.scale if plain else "log_below"]

    def problem(self, released: Sequence[str]) -> Conditions:
        """The conditions with these parameters in each."""
        return Conditions(self.joint.problems, (*self.joint.own, *released))


@final
class Fits(AbstractGuesses):
    """Each model is a fit."""

    def __init__(self, joint: Conditions, settings: Mapping[str, Any]):
        super().__init__(joint)
        self._settings = settings
        self._known: dict[frozenset[str], tuple[Conditions, FitResult]] = {}

    def model(self, released: tuple[str, ...]) -> Model:
        """Twice the loss of the fit.

        A search that has not ended goes on falling: along a ridge, by about as much as in the second half of its steps. Twice
        that is its slack.
        """
        problem, result = self.fitted(released)
        run = result.runs[result.best]
        losses = run.history.loss
        slack = 0.0 if run.stopped else 4 * max(0.0, float(losses[len(losses) // 2] - losses[-1]))
        return Model(2 * result.loss, _differences(problem, result.unconstrained, result.information), slack)

    def fitted(self, released: tuple[str, ...]) -> tuple[Conditions, FitResult]:
        """The fit, begun where that without the last of these ended."""
        mark = frozenset(released)
        if mark not in self._known:
            problem = self.problem(released)
            if before := self._known.get(frozenset(released[:-1])):
                problem = problem.resuming(_inherited(*before, problem))
            self._known[mark] = (problem, quiet_fit(problem, **self._settings))
        return self._known[mark]


def _inherited(before: Conditions, found: FitResult, now: Conditions) -> dict[str, float]:
    """Estimates of one model as the start of another with more of its own."""
    return {now.names[c][n]: found.estimates[before.names[c][n]] for c, p in now.problems.items() for n in p.free}


@final
class Gaussian(AbstractGuesses):
    """One fit in which all may differ; the likelihood is taken to be Gaussian around it (Wald)."""

    def __init__(self, joint: Conditions, tested: Sequence[str], settings: Mapping[str, Any]):
        super().__init__(joint)
        self._full = self.problem(tested)
        self._found = quiet_fit(self._full, **settings)
        shares = np.array([self._share(name) for name in self._full.free])
        values, vectors = np.linalg.eigh(shares[:, None] * self._found.information * shares)
        self._root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T

    def _share(self, name: str) -> float:
        """Of the standard error in the error with the noise of the simulation; 0 where nothing is known."""
        error, noise = self._found.standard_errors[name], self._found.simulation_errors[name]
        if np.isnan(error):
            return 0.0
        return 1.0 if np.isinf(error) or not error else float(error / np.hypot(error, noise))

    def model(self, released: tuple[str, ...]) -> Model:
        """The squared distance, in standard errors, of the fit from the space of the model."""
        problem = self.problem(released)
        embedding = np.zeros((len(self._full.free), len(problem.free)))
        for c, own in problem.problems.items():
            for n in own.free:
                embedding[self._full.free.index(self._full.names[c][n]), problem.free.index(problem.names[c][n])] = 1.0
        root, goal = self._root @ embedding, self._root @ self._found.unconstrained
        point = np.linalg.lstsq(root, goal, rcond=FLAT**0.5)[0]
        return Model(float(((goal - root @ point) ** 2).sum()), _differences(problem, point, root.T @ root))


def _differences(
    problem: Conditions, u: Float[np.ndarray, " free"], information: Float[np.ndarray, "free free"]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Of all parameters with a value in each condition, from the first one that has it free."""
    heights, slopes = _scaled(problem, u)
    values, vectors = np.linalg.eigh(information)
    known = values > FLAT * max(values[-1], 0.0)
    found = {}
    for name in dict.fromkeys(n for p in problem.problems.values() for n in p.free):
        first, *others = having(problem, name)
        for c in others:
            if problem.names[c][name] != of_condition(name, c):
                continue
            here, there = problem.free.index(problem.names[c][name]), problem.free.index(problem.names[first][name])
            slope = slopes[here] - slopes[there]
            along = vectors.T @ slope
            flat = np.abs(along[~known]).max(initial=0.0) > FELT
            error = np.inf if flat else float(np.sqrt((along[known] ** 2 / values[known]).sum()))
            found[name, c] = (float(heights[here] - heights[there]), error)
    return found


def _scaled(
    problem: Conditions, u: Float[np.ndarray, " free"]
) -> tuple[Float[np.ndarray, " free"], Float[np.ndarray, "free free"]]:
    """The unconstrained numbers, of boxes the logarithms of the values; and their derivatives, a row each."""
    heights, slopes = np.array(u, float), np.eye(len(u))
    values, steep = problem.values(jnp.asarray(u)), problem.slopes(jnp.asarray(u))
    for i, name in enumerate(problem.free):
        if problem.structure.scales[i] == LOG_BOX:
            heights[i], slopes[i] = np.log(float(values[name])), np.asarray(steep[name]) / float(values[name])
    return heights, slopes
