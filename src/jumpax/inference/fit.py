"""`fit`: an Optax loop on unconstrained parameters."""

import importlib.metadata
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError, JumpaxWarning
from jumpax.engines.provenance import provenance
from jumpax.inference.deciding import Deciding
from jumpax.inference.optimiser import natural_gradient
from jumpax.inference.problem import Evaluation, Problem, check_problem
from jumpax.inference.progress import FitProgress, Told, teller
from jumpax.inference.result import FitResult, History, Run
from jumpax.inference.stopping import AbstractStopping, SignalToNoise, SmallSteps
from jumpax.inference.uncertainty import Uncertainty, interval, uncertainty

if TYPE_CHECKING:
    import optax  # a tenth of a second, and not needed to simulate

SPREAD = 1.0
"""Standard deviation of drawn starts, on the unconstrained scale."""
FINAL = 1 << 20
"""Keys from here on belong to the evaluations at the estimate."""


class Settings(NamedTuple):
    """How to fit."""

    optimiser: "optax.GradientTransformationExtraArgs"
    stopping: AbstractStopping
    steps: int
    average: int
    final: int
    key: Any
    tell: Told
    deciding: Deciding


def fit(
    problem: Problem,
    *,
    key: PRNGKeyArray | int = 0,
    starts: int | Sequence[Mapping[str, float]] = 1,
    optimiser: "optax.GradientTransformation | None" = None,
    stopping: AbstractStopping | None = None,
    steps: int = 200,
    average: int = 20,
    final: int = 8,
    progress: bool | Told = False,
) -> FitResult:
    """Find the parameters under which the data are most likely.

    Stochastic descent of the simulated loss on unconstrained parameters, with a fresh key per step. The estimate is the
    mean of the last `average` iterates, which removes most of the noise of the steps; its remaining simulation error is
    reported beside the standard error. Loss, Fisher information and expected observable are then simulated anew at the
    estimate, with `final` keys. Consistent as paths grow; for biases see the loss. Ctrl-C ends the search and keeps
    what was reached.

    Args:
        problem: data, model and parameters.
        key: the same key gives the same fit.
        starts: how many start points: the one of the problem, then others drawn around it; or the points themselves.
            The run with the least final loss is reported.
        optimiser: any Optax transformation, in minimising form; default the natural gradient. It is offered the Fisher
            information as the extra argument `information`.
        stopping: default `SignalToNoise()`; for exact expectations `SmallSteps()`.
        steps: most steps per start.
        average: how many iterates are averaged (1 for exact expectations).
        final: evaluations at the estimate (1 for exact expectations).
        progress: True for a line on standard error, or a function of `FitProgress`.

    Returns:
        Estimates, standard errors, history and provenance: see `FitResult`.

    Raises:
        InputError: settings that make no sense.
        SimulationError: a loss or gradient that is not a number, with the names of the parameters.

    Warns:
        JumpaxWarning: noise of the gradient hides it, or parameters are not determined by the data.

    Example:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, fit, losses
        >>> model = jumpax.zoo.birth_death()
        >>> data = losses.LogLikelihood("X", [9, 12, 7, 10, 14, 8, 11])
        >>> problem = Problem(model.network, model.x0, data, {"birth": Free(5.0), "death": Fixed(1.0)}, settle=10.0,
        ...                   source=MasterEquation({"X": 60}))
        >>> result = fit(problem)
        >>> print(f"{result.estimates['birth']:.2f} ± {result.standard_errors['birth']:.2f}")   # mean, sqrt(mean / 7)
        10.14 ± 1.20
    """
    import optax

    check_problem(problem)
    if not problem.free:
        raise InputError("no parameter is Free, so there is nothing to fit")
    _ = problem.plan.expected  # what does not fit into memory shows here
    exact = problem.source.deterministic
    for name, number in (("steps", steps), ("average", average), ("final", final)):
        if number < 1:
            raise InputError(f"{name} must be 1 or more; got {number!r}")
    chosen = natural_gradient(1.0 if exact else 0.5, decay=0.0 if exact else 0.9) if optimiser is None else optimiser
    rule = (SmallSteps() if exact else SignalToNoise()) if stopping is None else stopping
    words = random.key_words(key)
    settings = Settings(
        optax.with_extra_args_support(chosen), rule, steps, 1 if exact else average, 1 if exact else final,
        jax.random.key(key) if isinstance(key, int) else key, teller(progress), Deciding(),
    )  # fmt: skip
    begin = time.perf_counter()
    points = list(_starts(problem, starts, settings.key))
    runs, finals = [], []
    for number, point in enumerate(points):
        run, tail = _descend(problem, point, number, len(points), settings)
        runs.append(run)
        finals.append(_conclude(problem, tail, settings, number))
        if run.reason == INTERRUPTED:
            break
    losses = [_pooled(problem, *final) for final in finals]
    best = int(np.argmin(losses))
    return _result(problem, runs, best, finals[best], losses, settings, words, time.perf_counter() - begin)


INTERRUPTED = "interrupted"


def _starts(problem: Problem, starts: int | Sequence[Mapping[str, float]], key: Any) -> Iterator[np.ndarray]:
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
        drawn = jax.random.normal(jax.random.fold_in(key, (1 << 21) + number), first.shape)
        yield first + (SPREAD * np.asarray(drawn, float) if number else 0.0)


def _descend(
    problem: Problem, u: Float[np.ndarray, " free"], number: int, starts: int, settings: Settings
) -> tuple[Run, Float[np.ndarray, " free"]]:
    """One run from a start point: what happened, and the mean of the last iterates."""
    first = {n: float(v) for n, v in problem.values(jnp.asarray(u)).items() if n in problem.free}
    point, state = jnp.asarray(u, float), settings.optimiser.init(jnp.asarray(u, float))
    seen: list[Evaluation] = []
    places: list[np.ndarray] = [np.asarray(u, float)]
    key, begin, reason = jax.random.fold_in(settings.key, number), time.perf_counter(), None
    try:
        for step in range(settings.steps):
            own = jax.random.fold_in(key, step)
            found = settings.deciding.evaluate(problem, point, own)
            updates, state = settings.optimiser.update(
                jnp.asarray(found.gradient), state, point, information=jnp.asarray(found.information)
            )
            point = point + jnp.asarray(updates)
            seen.append(found)
            places.append(np.asarray(point, float))
            settings.tell(_progress(number, starts, step, settings.steps, found, time.perf_counter() - begin))
            reason = settings.stopping(np.array([float(e.loss) for e in seen]), np.array(places[1:]))
            if reason is not None:
                break
    except KeyboardInterrupt:
        if not seen:
            raise
        reason = INTERRUPTED
    used = min(settings.average, max(1, len(seen) // 2))
    history = History(
        np.array([float(e.loss) for e in seen]), np.array([float(e.loss_error) for e in seen]),
        np.array([e.gradient for e in seen]), np.array([e.gradient_error for e in seen]), np.array(places[:-1]),
        np.array([[float(problem.values(jnp.asarray(p))[n]) for n in problem.free] for p in places[:-1]]),
    )  # fmt: skip
    mean = np.mean(places[-used:], 0)
    end = {n: float(v) for n, v in problem.values(jnp.asarray(mean)).items() if n in problem.free}
    last = f"all {settings.steps} steps were used" if reason is None else reason
    return Run(first, end, float(history.loss[-1]), float(history.loss_error[-1]), last, history), mean


def _progress(number: int, starts: int, step: int, steps: int, found: Evaluation, spent: float) -> FitProgress:
    left = spent / (step + 1) * (steps - step - 1 + steps * (starts - number - 1))
    noise = float(np.linalg.norm(found.gradient_error))
    return FitProgress(
        number, starts, step, steps, float(found.loss), float(found.loss_error), float(np.linalg.norm(found.gradient)),
        noise, spent, left,
    )  # fmt: skip


def _conclude(
    problem: Problem, u: Float[np.ndarray, " free"], settings: Settings, number: int
) -> tuple[np.ndarray, list[Evaluation]]:
    """Fresh evaluations at the estimate."""
    key = jax.random.fold_in(jax.random.fold_in(settings.key, number), FINAL)
    point, keys = jnp.asarray(u), (jax.random.fold_in(key, i) for i in range(settings.final))
    return u, [settings.deciding.evaluate(problem, point, own) for own in keys]


def _pooled(problem: Problem, u: Float[np.ndarray, " free"], found: list[Evaluation]) -> float:
    """Loss of all paths at the estimate taken together: the bias from noise is that much smaller."""
    if problem.source.deterministic:
        return float(found[0].loss)
    expected = jax.tree.map(lambda *leaves: jnp.mean(jnp.stack(leaves), 0), *[e.expected for e in found])
    total = jnp.asarray(problem.source.total * len(found), float)
    return float(problem.loss.value(expected, problem.values(jnp.asarray(u)), total))


def _result(
    problem: Problem,
    runs: list[Run],
    best: int,
    final: tuple[np.ndarray, list[Evaluation]],
    losses: list[float],
    settings: Settings,
    words: Any,
    seconds: float,
) -> FitResult:
    """Everything about the best run."""
    u, found = final
    run, source = runs[best], problem.source
    information = np.mean([e.information for e in found], 0)
    noise = _simulation_noise(information, np.mean([e.gradient_covariance for e in found], 0), run, settings)
    left = uncertainty(problem, u, np.array([e.information for e in found]), noise)
    _doubts(problem, run, left)
    expected = jax.tree.map(lambda *leaves: np.mean(leaves, 0), *[e.expected for e in found])
    version = {"optax": importlib.metadata.version("optax")}
    where = provenance(
        problem.network, words, str(jnp.zeros(()).dtype), type(source).__name__, source=repr(source),
        loss=type(problem.loss).__name__, steps=settings.steps, average=settings.average, final=settings.final, paths_per_step=source.total,
        stopping=repr(settings.stopping), settle=problem.settle,
        gradient=None if settings.deciding.choice is None else settings.deciding.choice.reason,
    )  # fmt: skip
    return FitResult(
        free=problem.free,
        estimates={n: float(v) for n, v in problem.values(jnp.asarray(u)).items()},
        standard_errors=left.standard_errors,
        simulation_errors=left.simulation_errors,
        intervals=interval(problem, u, left.covariance),
        information=information,
        unconstrained=u,
        loss=losses[best],
        loss_error=float(np.sqrt(np.mean([float(e.loss_error) ** 2 for e in found]) / len(found))),
        runs=tuple(r._replace(loss=level) for r, level in zip(runs, losses, strict=True)),
        best=best,
        interrupted=any(r.reason == INTERRUPTED for r in runs),
        converged=run.reason != INTERRUPTED and not run.reason.startswith("all "),
        undetermined=left.undetermined,
        notes=problem.loss.notes(expected, source.total),
        expected=expected,
        units={n: p.unit or problem.network.units.get(n, "") for n, p in problem.parameters.items()},
        paths=settings.deciding.paths,
        seconds=seconds,
        provenance={**where, "versions": {**where["versions"], **version}},
    )


def _simulation_noise(
    information: Float[np.ndarray, "free free"], gradient: Float[np.ndarray, "free free"], run: Run, settings: Settings
) -> Float[np.ndarray, "free free"]:
    """Covariance of the mean of the last iterates: that of a Newton step, over their number."""
    inverse = np.linalg.pinv(information, rcond=1e-4, hermitian=True)
    return inverse @ gradient @ inverse / min(settings.average, max(1, len(run.history.loss) // 2))


def _doubts(problem: Problem, run: Run, left: Uncertainty) -> None:
    """Warn where noise hides the gradient, or data do not determine parameters."""
    if left.undetermined:
        warnings.warn(
            f"the data do not determine {', '.join(left.undetermined)}: the Fisher information is singular there, or "
            "lost in the noise of too few paths. Fix one of them, or bound it with profile().",
            JumpaxWarning,
            stacklevel=4,
        )
    # pure noise has a mean square of its variance, so a gradient as large as its error has twice that
    hidden = 2 * (run.history.gradient_error**2).sum(0) > (run.history.gradient**2).sum(0)
    noisy = [
        name
        for name, lost in zip(problem.free, hidden, strict=True)
        if lost and (name in left.undetermined or left.simulation_errors[name] > left.standard_errors[name])
    ]
    if noisy:
        warnings.warn(
            f"the standard error of the gradient with respect to {', '.join(noisy)} exceeds the gradient, and the "
            "simulation error of the estimate its standard error: use more paths, an earlier time, or another gradient "
            "estimator.",
            JumpaxWarning,
            stacklevel=4,
        )
