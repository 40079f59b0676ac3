"""Gradient estimators side by side, and what the automatic choice costs: variance x time for the same error.

Each case has an exact gradient. For every estimator: bias (z), variance of one path's gradient, time of a path, and the
expected relative error after the time that the asked-for paths take with the score function. The automatic choice (with the
master equation forbidden) is compared with the best of them by work-normalised error: the error that one call leaves, times the
square root of the processor time that it took; with all that was done to choose, compilation left out, and without.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jumpax
from jumpax._base import random
from jumpax.gradients import audits
from jumpax.gradients.automatic import Automatic
from jumpax.gradients.exact_gradient import exact_cost
from jumpax.gradients.measure import Measured, measure
from jumpax.gradients.pilot import judged_against

ZOO = jumpax.zoo


@dataclasses.dataclass(frozen=True)
class Case:
    """A model, when it is looked at, and whether the constants of the choice were tuned on it."""

    model: Callable[[], Any]
    times: tuple[float, ...]
    tuned: bool = False
    order: int = 1
    """1: means, 2: means and second moments."""
    limits: Any = None


def _association(n: int, k_off: float) -> Callable[[], Any]:
    return lambda: ZOO.association(start=(n, n), k_on=100 / n**2, k_off=k_off)


def _repressilator(K: float, beta: float = 10.0, start: tuple[int, int, int] = (5, 1, 0)) -> Callable[[], Any]:
    return lambda: ZOO.repressilator(beta=beta, K=K, gamma=1.0, start=start)


def _telegraph(k_on: float, k_off: float) -> Callable[[], Any]:
    return lambda: ZOO.telegraph(k_on=k_on, k_off=k_off, k_tx=20.0, gamma=1.0)


REPRESSILATOR = (("P1", 32), ("P2", 32), ("P3", 32))
CASES: dict[str, Case] = {
    "association 100, k_off 1": Case(_association(100, 1.0), (1.0,), True),
    "association 100, k_off 10": Case(_association(100, 10.0), (1.0,), True),
    "association 100, k_off 0.01": Case(_association(100, 0.01), (1.0,), True),
    "association 10, k_off 1": Case(_association(10, 1.0), (1.0,), True),
    "association 10, k_off 10": Case(_association(10, 10.0), (1.0,), True),
    "repressilator K 5": Case(_repressilator(5.0), (3.0,), True, limits=REPRESSILATOR),
    "repressilator K 1": Case(_repressilator(1.0), (3.0,), True, limits=REPRESSILATOR),
    "repressilator K 0.2": Case(_repressilator(0.2), (3.0,), True, limits=REPRESSILATOR),
    "telegraph slow": Case(_telegraph(0.05, 0.1), (4.0,), limits=(("M", 80),)),
    "telegraph slow, moments": Case(_telegraph(0.05, 0.1), (4.0,), order=2, limits=(("M", 80),)),
    "telegraph": Case(_telegraph(0.5, 1.0), (4.0,), limits=(("M", 80),)),
    "telegraph, moments": Case(_telegraph(0.5, 1.0), (4.0,), order=2, limits=(("M", 80),)),
    "telegraph fast, moments": Case(_telegraph(5.0, 10.0), (4.0,), order=2, limits=(("M", 60),)),
    "birth and death": Case(ZOO.birth_death, (2.0,)),
    "dimerization": Case(ZOO.dimerization, (1.0,)),
    "SIR": Case(ZOO.sir, (3.0,)),
    "Schlögl": Case(ZOO.schlogl, (0.5,)),
    "queue": Case(ZOO.mm1_queue, (8.0,)),
    "toggle switch": Case(ZOO.toggle_switch, (2.0,)),
}  # fmt: skip
TINY = ("association 10, k_off 10", "birth and death")


def run(tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """One row per case and estimator, and one for the automatic choice."""
    rows = []
    for name, case in CASES.items():
        if tiny and name not in TINY:
            continue
        made = list(_case(name, case, 1_000 if tiny else 20_000))
        for row in made:
            tell(
                f"{name:28s} {row['estimator']:34s} cost {row['cost']:6.2f}  work {row['work']:9.2e}  |z| {row['z']:7.1f}"
                f"  bias {100 * row['bias']:7.2f} %  error {row['error']:9.2e}"
            )
        rows += made
    return rows


def _case(name: str, case: Case, paths: int) -> Any:
    """Measured estimators of one case."""
    model = case.model()
    seen = jumpax.Moments(*model.network.species, order=case.order)
    expected = jumpax.expectation(
        seen, model.network, model.x0, list(case.times), paths=paths, gradient=jumpax.ScoreFunction()
    )
    sampling, wrt = expected.sampling, tuple(model.network.parameters)
    theta, words = expected.arguments(model.theta, jax.random.key(20261120))
    cost = exact_cost(model.network, model.x0, model.theta, case.times, case.limits and dict(case.limits), budget=1e10)
    if cost is None:
        raise jumpax.UnsupportedError(f"the case {name!r} is too large to be judged by the master equation")
    exact = jumpax.ExactGradient(cost.limits, tolerance=1e-5, states=cost.states)
    truth = measure(sampling, exact, wrt, theta, words, 2, runs=1).gradient
    plain = measure(sampling, None, wrt, theta, words, paths)
    values = np.array([float(theta[n]) for n in wrt])
    found = {}
    for number, (label, estimator) in enumerate(audits.ESTIMATORS.items()):
        try:
            found[label] = measure(sampling, estimator, wrt, theta, random.threefry2x32(words, (0, number + 1)), paths)
        except jumpax.UnsupportedError:
            continue
    score = found["score function"]
    budget = score.seconds * paths
    errors = {label: judged_against(m, truth, values, budget) for label, m in found.items()}
    for label, m in found.items():
        yield {"case": name, "tuned": case.tuned, "estimator": label} | _row(m, truth, plain, score, errors[label])
    normed = {label: _normed(m, truth, values, paths) for label, m in found.items()}
    best = min(normed, key=lambda label: normed[label])
    choose = functools.partial(Automatic(exact=False).choose, sampling, wrt, theta, random.threefry2x32(words, (0, 99)))
    choice = choose()
    begin = time.process_time()
    choose()  # again, with nothing left to compile
    pilot = time.process_time() - begin
    chosen = measure(sampling, choice.estimator, wrt, theta, random.threefry2x32(words, (0, 100)), paths)
    error, spent = _normed(chosen, truth, values, paths), chosen.seconds * paths
    whole = error * np.sqrt(1 + pilot / spent)
    yield {"case": name, "tuned": case.tuned, "estimator": "auto", "reason": choice.reason, "best": best,
           "worse_than_best": whole / normed[best], "worse_without_pilot": error / normed[best],
           "worse_than_score": whole / normed["score function"], "pilot_share": pilot / spent,
           } | _row(chosen, truth, plain, score, judged_against(chosen, truth, values, budget))  # fmt: skip


def _normed(m: Measured, truth: np.ndarray, values: np.ndarray, paths: int) -> float:
    """Relative error that so many paths leave, times the square root of the time that they take."""
    spent = m.seconds * paths
    return judged_against(m, truth, values, spent) * np.sqrt(spent)


def _row(m: Any, truth: np.ndarray, plain: Any, score: Any, error: float) -> dict:
    live = (truth != 0) & (score.work > 0)
    ratio = m.work[live] / score.work[live]
    ratio = ratio[ratio > 0]
    floor = np.maximum(m.error, 1e-5 * np.abs(truth).max(-1, keepdims=True))
    z = (m.gradient - truth) / np.maximum(floor, 1e-300)
    bad = live & (np.abs(z) > 4)
    bias = float(np.abs((m.gradient - truth)[bad] / truth[bad]).max(initial=0.0))
    return {
        "cost": m.seconds / plain.seconds, "work": float(np.exp(np.log(ratio).mean())) if len(ratio) else 0.0,
        "z": float(np.abs(z).max()), "bias": bias, "heaviest": m.heaviest,
        "error": error if math.isfinite(error) else None,
    }  # fmt: skip
