"""Whether the automatic gradient can be trusted: twenty networks (`trust_networks.py`), judged by the master equation.

In some calls of many paths each, with the master equation forbidden to the choice: the largest distance of a derivative from
the right one, beyond the bias that is stated, in units of the stated error and that of the reference together (z); and the
mean over calls of (stated error^2 + stated bias^2) x processor time, over that of the score function with the same keys,
geometric mean over components (cost). Pilots are included, compilation is not: all is done once before, and then again.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

import jumpax
from jumpax.gradients import Automatic, failures
from jumpax.gradients.automatic import Choice
from jumpax.gradients.pilot import sizes
from trust_networks import SUBJECTS, Subject

KEY = 20261129
REFERENCE = 1e-5
"""Error of the reference, over the largest derivative of a moment: rounding, and what lies beyond its limits."""
PASSES = 4
"""Most runs of all calls, until one compiles nothing."""


class Calls(NamedTuple):
    """What came of all calls for one network."""

    gradient: np.ndarray
    """(calls, entries, parameters)."""
    error: np.ndarray
    bias: np.ndarray
    """Stated, (calls, entries, parameters)."""
    seconds: np.ndarray
    """Processor time of each call; of the first one, with the pilots."""
    replaced: int
    """Calls that ran again."""
    choice: Choice | None


def run(
    tiny: bool, tell: Callable[[str], None], only: Sequence[str] | None = None, calls: int = 20, paths: int = 20_000
) -> list[dict]:
    """One row for each network."""
    if wrong := [name for name in only or () if name not in SUBJECTS]:
        raise SystemExit(f"unknown networks {', '.join(wrong)}; known: {', '.join(SUBJECTS)}")
    rows = []
    for name in only or (["critical branching", "saturated decay"] if tiny else SUBJECTS):
        row = judged(SUBJECTS[name], 3 if tiny else calls, 2000 if tiny else paths)
        rows.append({"network": name, "wild": SUBJECTS[name].wild} | row)
        tell(
            f"{name:26s} z {row['z']:6.2f} ({row['worst']})  cost {row['cost']:7.3g}  ran again {row['replaced']:2d}  "
            f"biased by {row['bias']:.2g}  {row['chosen']}"
        )
    if len(rows) > 1:
        tell(f"largest z {max(row['z'] for row in rows):.2f}, largest cost {max(row['cost'] for row in rows):.3g}")
    return rows


def judged(subject: Subject, calls: int, paths: int) -> dict:
    """The row of one network."""
    truth = reference(subject)
    auto = settled(subject, Automatic(exact=False), calls, paths)
    score = settled(subject, jumpax.ScoreFunction(), calls, paths)
    floor = REFERENCE * np.abs(truth).max(-1, keepdims=True)
    off = np.maximum(np.abs(auto.gradient - truth) - auto.bias, 0)
    z = off / np.maximum(np.hypot(auto.error, floor), 1e-300)
    spent, least = (((c.error**2 + c.bias**2) * c.seconds[:, None, None]).mean(0) for c in (auto, score))
    live = (truth != 0) & (least > 0) & (spent > 0)
    _, entry, parameter = np.unravel_index(int(z.argmax()), z.shape)
    species, power = divmod(int(entry), subject.order)
    choice = auto.choice
    return {
        "z": float(z.max()), "worst": f"{list(subject.x0)[species]}^{power + 1} by {subject.network.parameters[parameter]}",
        "cost": float(np.exp(np.log(spent[live] / least[live]).mean())) if live.any() else math.nan,
        "replaced": auto.replaced, "chosen": choice.reason if choice else "", "bias": choice.bias if choice else 0.0,
        "left_out": [f"{type(estimator).__name__}: {why}" for estimator, why in choice.left_out] if choice else [],
        "seconds": auto.seconds.tolist(), "score_seconds": score.seconds.tolist(), "calls": calls, "paths": paths,
    }  # fmt: skip


def expected(subject: Subject, gradient: Any, paths: int) -> Any:
    """The moments that are asked for."""
    seen = jumpax.Moments(*subject.x0, order=subject.order)
    return jumpax.expectation(seen, subject.network, subject.x0, subject.times, paths=paths, gradient=gradient)


def reference(subject: Subject) -> np.ndarray:
    """Derivatives (entries, parameters) by the master equation."""
    with jax.enable_x64(True):
        exact = jumpax.ExactGradient(subject.limits, tolerance=1e-4, states=1_000_000)
        return gradient_of(expected(subject, exact, 1).estimate(subject.theta, KEY).gradient)


def gradient_of(by_name: Any) -> np.ndarray:
    """(entries, parameters) at the only stop."""
    return np.stack([np.asarray(leaf, float).reshape(-1) for leaf in by_name.values()], -1)


def settled(subject: Subject, gradient: Any, calls: int, paths: int) -> Calls:
    """All calls, done again until nothing was compiled on the way."""
    compiled: list[float] = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if "backend_compile" in event:
            compiled.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    for _ in range(PASSES):
        failures.forget()
        compiled.clear()
        made = called(subject, gradient, calls, paths)
        if not compiled:
            break
    return made


def called(subject: Subject, gradient: Any, calls: int, paths: int) -> Calls:
    """All calls, by an expectation that knows nothing yet."""
    mean = expected(subject, gradient, paths)
    unit = np.array([abs(subject.theta[name]) or 1.0 for name in subject.network.parameters])
    rows, replaced = [], 0
    for number in range(calls):
        key = jax.random.fold_in(jax.random.key(KEY), number)
        begin = time.process_time()
        got = jax.block_until_ready(mean.estimate(subject.theta, key))
        seconds = time.process_time() - begin
        slope, error = gradient_of(got.gradient), gradient_of(got.gradient_standard_error)
        stated = mean.choice.bias if mean.choice and not got.replaced else 0.0
        replaced += bool(got.replaced)
        rows.append((slope, error, stated * sizes(slope[None], unit)[0], seconds))
    slopes, errors, biases, seconds = (np.array(part) for part in zip(*rows, strict=True))
    return Calls(slopes, errors, biases, seconds, replaced, mean.choice)
