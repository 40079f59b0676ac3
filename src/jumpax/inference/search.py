"""The search of a fit: an Optax loop on unconstrained parameters, from each start."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jumpax._base.errors import InputError, SimulationError
from jumpax._base.progress import Told
from jumpax.engines.journal import interrupted
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.conclude import Reading
from jumpax.inference.deciding import Deciding
from jumpax.inference.evaluation import Evaluation
from jumpax.inference.information import mean, paths
from jumpax.inference.progress import FitProgress
from jumpax.inference.result import History, Run
from jumpax.inference.stopping import AbstractStopping

if TYPE_CHECKING:
    import optax  # a tenth of a second, and not needed to simulate

SPREAD = 1.0
"""Standard deviation of drawn starts, on the unconstrained scale."""
DRIFT, SURE = 2.0, 5.0
"""Standard errors, of the data and of the mean gradient, beyond which a search that its rule ends goes on."""
HALVINGS = 10
"""Most of one step."""
FINAL = 1 << 20
"""Keys from here on belong to the evaluations at the estimate."""
INTERRUPTED = "interrupted"
EDGE = "the next step leads to where paths cannot be followed or there is no law"


class Settings(NamedTuple):
    """How to fit."""

    optimiser: "optax.GradientTransformationExtraArgs"
    stopping: AbstractStopping
    steps: int
    average: int
    final: int
    key: PRNGKeyArray
    tell: Told
    deciding: Deciding


def _light(found: Evaluation) -> Evaluation:
    """Without what takes memory."""
    return found._replace(levels=None, jacobian=None)


def starting_points(
    problem: AbstractProblem, starts: int | Sequence[Mapping[str, float]], key: PRNGKeyArray
) -> Iterator[np.ndarray]:
    """Unconstrained start points."""
    first = problem.structure.unconstrained(problem.start_values, problem.numbers)
    if not isinstance(starts, int):
        if not starts:
            raise InputError("starts must name at least one start point")
        for values in starts:
            moved = problem.starting(values)
            yield moved.structure.unconstrained(moved.start_values, moved.numbers)
        return
    if starts < 1:
        raise InputError(f"starts must be 1 or more; got {starts}")
    for number in range(starts):
        if number == 0:
            yield first
            continue
        drawn = jax.random.normal(jax.random.fold_in(key, (1 << 21) + number), first.shape)
        yield first + SPREAD * np.asarray(drawn, float)


class _Ask:
    """Evaluations after the search, each with a key of its own."""

    def __init__(self, settings: Settings, number: int):
        self.asked = 0
        self._settings = settings
        self._key = jax.random.fold_in(jax.random.fold_in(settings.key, number), FINAL)

    def __call__(self, problem: AbstractProblem, u: Float[np.ndarray, " free"]) -> Evaluation:
        own = jax.random.fold_in(self._key, self.asked)
        self.asked += 1
        return self._settings.deciding.evaluate(problem, jnp.asarray(u, float), own)


class End(NamedTuple):
    """Where a search from one start ended."""

    run: Run
    point: Float[np.ndarray, " free"]
    """Mean of the last iterates."""
    found: list[Evaluation]
    """There."""
    tail: list[Reading]
    """The last steps."""
    ask: _Ask


def descend(
    problem: AbstractProblem, u: Float[np.ndarray, " free"], number: int, starts: int, settings: Settings
) -> End:
    """One search from a start point."""
    begin_with, step_on = _optimiser(settings.optimiser)
    point, state = jnp.asarray(u, float), begin_with(jnp.asarray(u, float))
    seen: list[Evaluation] = []
    places: list[np.ndarray] = [np.asarray(u, float)]
    key, begin, reason, back = jax.random.fold_in(settings.key, number), time.perf_counter(), None, 0
    try:
        for step in range(settings.steps):
            ask = functools.partial(settings.deciding.evaluate, problem, key=jax.random.fold_in(key, step))
            found, point, halved = _found(ask, point, places[-2] if seen else None)
            back += halved
            if found is None:
                places[-1], reason = places[-2], EDGE
                break
            places[-1] = np.asarray(point, float)
            point, state = step_on(found.gradient, state, point, found.information)
            seen.append(found)
            if len(seen) > settings.average:
                seen[-settings.average - 1] = _light(seen[-settings.average - 1])
            places.append(np.asarray(point, float))
            settings.tell(_progress(number, starts, step, settings.steps, found, time.perf_counter() - begin))
            reason = settings.stopping(np.array([float(e.loss) for e in seen]), np.array(places[1:]))
            if reason is not None and not adrift(seen[-settings.average :]):
                break
            reason = None
    except KeyboardInterrupt:
        if not seen:
            raise
        interrupted()
        reason = INTERRUPTED
    used = min(settings.average, max(1, len(seen) // 2))
    middle, ask = np.mean(places[-used:], 0), _Ask(settings, number)
    last = [ask(problem, middle) for _ in range(settings.final)]
    loss = pooled_loss(problem, middle, last)
    run = Run(
        named_values(problem, places[0]),
        named_values(problem, middle),
        loss,
        pooled_error(last),
        reason or f"all {settings.steps} steps were used",
        reason not in (None, INTERRUPTED),
        _history(problem, seen, places[:-1]),
        back,
    )
    tail = [Reading(p, e) for p, e in zip(places[:-1][-used:], seen[-used:], strict=True)]
    return End(run, middle, last, tail, ask)


def _found(
    ask: Callable[[Float[Array, " free"]], Evaluation],
    point: Float[Array, " free"],
    last: Float[np.ndarray, " free"] | None,
) -> tuple[Evaluation | None, Float[Array, " free"], int]:
    """An evaluation; from where paths cannot be followed or there is no law, halfway back to the last point, again and again.

    Returns:
        The evaluation, or None if there is none up to close by the last point; its point; how often the step was halved.
    """
    for halved in range(HALVINGS):
        try:
            return ask(point), point, halved
        except SimulationError:
            if last is None:
                raise
            point = (point + last) / 2
    return None, point, HALVINGS


def adrift(seen: Sequence[Evaluation]) -> bool:
    """Whether the gradients of the last steps still point somewhere, though the noise of the loss hides that it falls.

    In some direction that the information tells, their mean leads further than `DRIFT` standard errors of the data, by `SURE`
    of its own standard errors.
    """
    gradient = np.mean([np.asarray(e.gradient, float) for e in seen], 0)
    covariance = np.sum([np.asarray(e.gradient_covariance, float) for e in seen], 0) / len(seen) ** 2
    values, vectors = np.linalg.eigh(np.mean([np.asarray(e.information, float) for e in seen], 0))
    told = values > 1e-6 * max(float(values[-1]), 0.0)
    if not covariance.any() or not told.any():  # without noise, or without information
        return False
    along = np.abs(vectors.T @ gradient)[told]
    noise = np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", vectors, covariance, vectors)[told], 0.0))
    return bool(((along > DRIFT * np.sqrt(values[told])) & (along > SURE * noise)).any())


@functools.lru_cache(16)
def _optimiser(optimiser: "optax.GradientTransformationExtraArgs") -> tuple[Any, Any]:
    """Its start and its step, compiled."""

    def step(gradient: Any, state: Any, point: Any, information: Any) -> tuple[Any, Any]:
        updates, state = optimiser.update(gradient, state, point, information=information)
        return point + jnp.asarray(updates), state

    return jax.jit(optimiser.init), jax.jit(step)


def _history(problem: AbstractProblem, seen: list[Evaluation], places: list[np.ndarray]) -> History:
    return History(
        np.array([float(e.loss) for e in seen]), np.array([float(e.loss_error) for e in seen]),
        np.array([e.gradient for e in seen]), np.array([e.gradient_error for e in seen]), np.array(places),
        np.array([list(named_values(problem, place).values()) for place in places]),
    )  # fmt: skip


def named_values(problem: AbstractProblem, u: Float[np.ndarray, " free"]) -> dict[str, float]:
    """Values of the free parameters."""
    values = problem.values(jnp.asarray(u))
    return {name: float(values[name]) for name in problem.free}


def _progress(number: int, starts: int, step: int, steps: int, found: Evaluation, spent: float) -> FitProgress:
    left = spent / (step + 1) * (steps - step - 1 + steps * (starts - number - 1))
    noise = float(np.linalg.norm(found.gradient_error))
    return FitProgress(
        number, starts, step, steps, float(found.loss), float(found.loss_error), float(np.linalg.norm(found.gradient)),
        noise, spent, left,
    )  # fmt: skip


def pooled_loss(problem: AbstractProblem, u: Float[np.ndarray, " free"], found: Sequence[Evaluation]) -> float:
    """Loss of all paths at the estimate taken together: the bias from noise is that much smaller."""
    return problem.level(mean(found), jnp.asarray(u), paths(problem, found))


def pooled_error(found: Sequence[Evaluation]) -> float:
    """Standard error of that loss."""
    return float(np.sqrt(np.mean([float(e.loss_error) ** 2 for e in found]) / len(found)))
