"""One of several processes, as a launcher starts them: prints what it finds as a line of JSON."""

import json
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

import jumpax
from jumpax.inference import Fixed, Free, Problem, Simulation, losses

MODEL = jumpax.zoo.birth_death()
TIMES = (1.0, 3.0)
PATHS = 10_001


def expected(**settings):
    """The mean of a birth and death process, by the score function."""
    given = {"gradient": jumpax.ScoreFunction(), "devices": "all", **settings}
    return jumpax.expectation(jumpax.Moments("X"), MODEL, times=TIMES, paths=PATHS, **given)


def estimate(**settings):
    """Value, gradient and standard errors, as plain numbers."""
    found = expected(**settings).estimate(MODEL.theta, 7)
    return jax.tree.map(lambda leaf: np.asarray(leaf, float).ravel().tolist(), found._asdict())


def problem(start=50.0):
    """The rate of births, from means."""
    data = losses.TimeSeries(list(TIMES), {"X": [63.0, 95.0]}, {"X": [1.0, 1.0]})
    parameters = {"birth": Free(start, 10.0, 1000.0), "death": Fixed(MODEL.theta["death"])}
    return Problem(MODEL.network, MODEL.x0, data, parameters, source=Simulation(4000, devices="all", exact=False))


def fitted(**settings):
    """Estimates, errors and loss."""
    found = jumpax.fit(problem(), key=3, **settings)
    return [found.estimates, found.standard_errors, found.loss]


def told(call):
    """The error that a call raises."""
    try:
        call()
    except jumpax.JumpaxError as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def main():
    jax.distributed.initialize()
    rank = jax.process_index()
    other = {**MODEL.theta, "birth": MODEL.theta["birth"] * (1 + rank)}
    found = {
        "processes": jax.process_count(),
        "estimate": estimate(),
        "apart": told(lambda: expected()(other, 7)),
        "differing": told(lambda: jumpax.fit(problem(50.0 + rank), key=3)),
        "saved": told(lambda: jumpax.fit(problem(), key=3, save=Path(tempfile.mkdtemp(), "fit.state"))),
    }
    if "long" in sys.argv:
        slope = jax.jit(jax.grad(lambda theta: expected()(theta, 7)[1, 0, 0]))(MODEL.theta)
        found |= {"jit": float(slope["death"])}
        found |= {"steps": fitted(steps=10), "budget": fitted(budget=2000), "auto": estimate(gradient="auto")}
    print("FOUND", json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
