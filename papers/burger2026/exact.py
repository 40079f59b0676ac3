"""The judges of everything else, judged: exact means and gradients of both models, onset of oscillation, exponents."""

import jax
import numpy as np

import jumpax
from burger2026 import rate_equations, tangent_growth
from burger2026.association import Association
from common.item import Item

AT_TIME = [(20, 20, 0.1, 1), (20, 20, 1, 1), (20, 20, 10, 1), (20, 20, 100, 0.3), (20, 20, 1, 2), (10, 1, 1, 2), (10, 1, 10, 0.5),
           (100, 100, 1, 2)]  # fmt: skip
AT_STEP = [(20, 20, 1, 50), (20, 20, 1, 51), (20, 20, 1, 400), (20, 20, 10, 50), (20, 20, 10, 51), (10, 1, 1, 50), (10, 1, 1, 51),
           (10, 1, 0.1, 4000), (10, 1, 0.1, 4001)]  # fmt: skip
TEMPERATURES = [(n, k) for n in (20, 10, 100) for k in (0.01, 0.1, 1, 10, 100)]


def _name(*numbers: float) -> str:
    return " ".join(f"{number:g}" for number in numbers)


def _association(settings) -> dict:
    found = {}
    for n, volume, k, time in settings["at_time"]:
        found[f"time {_name(n, volume, k, time)}"] = Association(n, volume).at_time(k, time)
    for n, volume, k, steps in settings["at_step"]:
        found[f"step {_name(n, volume, k, steps)}"] = Association(n, volume).at_step(k, steps)
    return found


def _repressilator(settings) -> dict:
    model = jumpax.zoo.repressilator()
    space = jumpax.exact.StateSpace.reachable(model.network, model.x0, limits=settings["limit"])

    def means(u):
        theta = {"beta": jax.numpy.exp(u[0]), "K": jax.numpy.exp(u[1]), "gamma": 1.0}
        return jumpax.exact.distribution(space, theta, settings["times"], tolerance=settings["tolerance"]).mean()

    u = np.log([model.theta["beta"], model.theta["K"]])
    return {"means": means(u), "slopes": np.moveaxis(np.asarray(jax.jacobian(means)(u)), -1, 0)}


def _parts(settings):
    return {
        "association": lambda: _association(settings),
        "repressilator": lambda: _repressilator(settings),
        "onset": lambda: {f"{h:g}": rate_equations.onset(h) for h in settings["exponents"]},
        "temperatures": lambda: {
            _name(n, k): tangent_growth.critical_temperatures(Association(n, n), k) for n, k in settings["temperatures"]
        },
    }


ITEM = Item(
    title="exact means and gradients, onset of oscillation, critical temperatures",
    settings={"at_time": AT_TIME, "at_step": AT_STEP, "limit": 32, "tolerance": 1e-3, "times": [0.5, 1.5, 3.0], "exponents": [2.5, 3, 4, 5, 6, 10],
              "temperatures": TEMPERATURES},
    tiny={"temperatures": TEMPERATURES[:2], "at_time": AT_TIME[:2], "at_step": AT_STEP[:1], "limit": 20, "times": [0.5]},
    parts=_parts,
    combine=lambda settings, found: found,
    sampled=False,
)  # fmt: skip
