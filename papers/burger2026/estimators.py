"""The estimators that are compared, by the names that figures use."""

from collections.abc import Sequence

import jumpax
from jumpax.gradients import AbstractEstimator


def table(kinds: Sequence[str], temperatures: Sequence[float], width: float = 0.05) -> dict[str, AbstractEstimator]:
    """Estimators of the kinds SF, AP, TT (ours) and GS-ST, which stands for one of each temperature.

    GS-ST has a sigmoid of `width` (time) in place of the step at an observation time. AP is the published method, which does
    not forget branches that have joined the path again.
    """
    makers = {
        "SF": lambda: {"SF": jumpax.ScoreFunction()},
        "AP": lambda: {"AP": jumpax.AlternativePath(reset=False)},
        "AP, reset": lambda: {"AP, reset": jumpax.AlternativePath()},
        "GS-ST": lambda: {
            f"GS-ST {tau:g}": jumpax.StraightThrough(temperature=tau, horizon="logistic", width=width)
            for tau in temperatures
        },
        "TT": lambda: {"TT": jumpax.TrapezoidalTangent(control="martingale")},
    }
    return {name: estimator for kind in kinds for name, estimator in makers[kind]().items()}


def one(name: str, width: float = 0.05) -> AbstractEstimator:
    """An estimator by the name that it has in results, such as `GS-ST 0.3`."""
    kind, _, tau = name.partition(" ") if name.startswith("GS-ST") else (name, "", "")
    return table([kind], [float(tau)] if tau else [], width)[name]


def colour(name: str) -> str:
    """The colour of an estimator in all figures; GS-ST from light (high temperature) to dark (low)."""
    fixed = {
        "SF": "#0072B2",
        "AP": "#009E73",
        "AP, reset": "#56B4E9",
        "TT": "#CC79A7",
        "fit": "#8B6BB8",
        "fit, TT": "#5B4B9A",
        "exact": "#22262A",
    }
    shades = {0.03: "#5c1a00", 0.05: "#7a2600", 0.1: "#a63c00", 0.3: "#D55E00", 0.5: "#e8853d", 1.0: "#f5b183"}
    return fixed[name] if name in fixed else shades.get(float(name.split()[-1]), "#D55E00")
