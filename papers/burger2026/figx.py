"""Fig. X (ours): relative error of the mean gradient with and without what waiting times contribute.

At a fixed time a parameter also moves the times of events. Without that part (the time score of SF and AP, the tangent of
event times of GS-ST) the gradient is wrong; after a fixed number of reactions there is no such part.
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np

import jumpax
from burger2026 import estimators
from burger2026.association import Association, complexes
from common.item import Item
from jumpax.folds import AbstractFold, Alternative
from jumpax.gradients import AbstractFoldEstimator
from jumpax.plots import new_figure, style


@dataclasses.dataclass(frozen=True)
class TruncatedScore(AbstractFold):
    """The score of k in the association model without its time part, or without the last interval only.

    Record: sum over events of d ln a_r / dk - d ln a_0 / dk (choices alone), or of d ln a_r / dk - (d a_0 / dk) wait.
    """

    keep_waits: bool = False

    def init(self, counts, theta, now):
        """Score, and integral of d a_0/dk since the last event."""
        return jnp.zeros_like(now), jnp.zeros_like(now)

    def stop(self, carry, counts, theta, index):
        """The score alone is recorded."""
        return carry, carry[0]

    def advance(self, carry, counts, propensities, theta, now, dt):
        """The integral goes on."""
        return carry[0], carry[1] + counts[2].astype(dt.dtype) * dt

    def event(self, carry, counts, propensities, theta, now, jump):
        """What the choice, and the wait that has ended, add."""
        score, waited = carry
        own = jnp.where(jump.fired[1], 1 / theta["k_off"], jnp.zeros_like(now))
        share = propensities[1] / (propensities[0] + propensities[1]) / theta["k_off"]
        fired = jump.fired[0] | jump.fired[1]
        part = waited if self.keep_waits else share
        return score + jnp.where(fired, own - part, jnp.zeros_like(now)), jnp.where(fired, jnp.zeros_like(now), waited)


@dataclasses.dataclass(frozen=True)
class Truncated(AbstractFoldEstimator):
    """SF without its time score or without the last interval, or AP without its time score: wrong at a fixed time."""

    kind: Literal["choices", "no last interval", "branches"]

    @property
    def unbiased(self) -> bool:
        """No."""
        return False

    def fold(self, network, wrt, stops):
        """What is gathered."""
        if self.kind == "branches":
            return Alternative(network, "k_off")
        return TruncatedScore(keep_waits=self.kind == "no last interval")

    def contributions(self, chunk):
        """Sums over paths, for the number of complexes as the observable."""
        if self.kind == "branches":
            counts, other, weight, _ = chunk.record
            gain = chunk.asked(weight) * (chunk.asked(other[2]) - chunk.asked(counts[2]))
            return chunk.totals(gain[:, :, None, None])
        mean = chunk.values.sum(0) / chunk.weight.sum()
        score = chunk.asked(chunk.record)
        return chunk.totals(((chunk.values - mean[None]) * score[:, :, None])[..., None])


def variants(settings) -> dict[str, dict]:
    """Per name: the whole estimator, and truncated ones by what they lack."""
    without, found = "without waiting times", {}
    for name, whole in estimators.table(settings["estimators"], [settings["temperature"]], settings["width"]).items():
        if name == "SF":
            cut = {without: Truncated("choices")}
            cut |= {"without last interval": Truncated("no last interval")} if settings["last_interval"] else {}
        elif name == "AP":
            cut = {without: Truncated("branches")}
        else:
            cut = {without: dataclasses.replace(whole, waiting_times=False)}
        found[name] = {"complete": whole, **cut}
    return found


def _relative(settings, k: float, estimator, time: float | None) -> dict:
    """Relative error of the mean gradient, with its standard error, at a time or after the settings' number of steps."""
    system = Association(settings["molecules"], settings["volume"])
    stops = {"steps": [settings["steps"]]} if time is None else {"times": [time]}
    mean = jumpax.expectation(
        complexes,
        system.network,
        system.x0,
        **stops,
        paths=settings["paths"],
        gradient=estimator,
    )
    made = mean.estimate(system.theta(k), settings["seed"], wrt=("k_off",))
    exact = (system.at_step(k, settings["steps"]) if time is None else system.at_time(k, time))[1]
    value, error = made.gradient["k_off"][0], made.gradient_standard_error["k_off"][0]
    return {"error": float(value) / exact - 1, "standard_error": abs(float(error) / exact)}


def _one(settings, kinds: dict) -> dict:
    """Relative errors of one estimator and of what is left of it when cut, at all k."""
    at_time = {
        f"{k:g}": {label: _relative(settings, k, estimator, time) for label, estimator in kinds.items()}
        for k, time in settings["cases"]
    }
    after = {f"{k:g}": {"complete": _relative(settings, k, kinds["complete"], None)} for k, _ in settings["cases"]}
    return {"fixed time": at_time, "fixed steps": after}


def _parts(settings):
    return {name: lambda kinds=kinds: _one(settings, kinds) for name, kinds in variants(settings).items()}


def _draw(settings, results):
    figure = new_figure(3.6 * len(results), 3.6)
    with style():
        for panel, (name, found) in zip(
            figure.subplots(1, len(results), squeeze=False)[0], results.items(), strict=True
        ):
            for style_of, (clock, label) in zip(
                ("o-", "s--", "v--", "^:"),
                [("fixed time", "complete"), ("fixed time", "without waiting times"), ("fixed time", "without last interval"),
                 ("fixed steps", "complete")],
                strict=True,
            ):  # fmt: skip
                cells = {float(k): row[label] for k, row in found[clock].items() if label in row}
                if cells:
                    errors = np.array([[c["error"], c["standard_error"]] for c in cells.values()], float)
                    panel.errorbar(
                        list(cells),
                        100 * errors[:, 0],
                        100 * errors[:, 1],
                        fmt=style_of,
                        ms=4,
                        label=f"{clock}, {label}",
                    )
            panel.axhline(0, color="k", lw=0.8)
            panel.set(xscale="log", xlabel="k", ylabel="relative error (%)", title=name, ylim=(-100, 160))
            panel.legend(fontsize=7)
    return figure


ITEM = Item(
    title="relative error with and without the part of waiting times",
    settings={
        "molecules": 20, "volume": 20, "cases": [[0.1, 1.0], [1.0, 1.0], [10.0, 1.0], [100.0, 0.3]], "steps": 50,
        "estimators": ["SF", "AP", "GS-ST"], "last_interval": True, "temperature": 0.3, "width": 0.05, "paths": 400_000, "seed": 20261120,
    },
    tiny={"estimators": ["SF"], "last_interval": False, "cases": [[1.0, 1.0]], "paths": 100, "steps": 5},
    parts=_parts,
    combine=lambda settings, found: found,
    draw=_draw,
)  # fmt: skip
