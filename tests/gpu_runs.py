"""Runs of the gpu engine for its tests, and how they are compared."""

import jax
import numpy as np

from jumpax._base import random
from jumpax.engines import choice
from jumpax.engines import inputs as make_inputs
from jumpax.engines.gpu import Gpu, HostDevice, cuda_trouble
from jumpax.engines.program import Program, Times
from jumpax.folds import Score, Snapshots, Tangent, Together
from tables import model, same_paths

HERE = "gpu_on_host"
TROUBLE = cuda_trouble()


def program_of(name, fold="plain", precision="float32"):
    network = model(name).network
    folds = {
        "plain": Snapshots(),
        "score": Together((Snapshots(), Score(network, network.parameters))),
        "tangent": Together((Snapshots(), Tangent(network, network.parameters))),
    }
    return Program(network, folds[fold], precision)


def with_memory(monkeypatch, limit):
    """Name of an engine on a device of so many bytes."""
    name, known = f"gpu_of_{limit}_bytes", choice.engine_named
    made = Gpu(HostDevice(limit=limit))
    monkeypatch.setattr(choice, "engine_named", lambda asked: made if asked == name else known(asked))
    return name


def follows(ours, theirs, precision):
    """The same decisions; real numbers up to rounding, as in the contract of engines."""
    for field in ("counts", "events", "status", "end_counts"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)
    # a sum of positive waits has the relative error of one wait: some roundings of propensities and of a division
    np.testing.assert_allclose(ours.end_times, theirs.end_times, rtol=8 * np.finfo(precision).eps)
    for mine, other in zip(jax.tree.leaves(ours.records), jax.tree.leaves(theirs.records), strict=True):
        scale = np.nanmax(np.abs(np.asarray(other, np.float64)), initial=0.0)
        exact = not np.issubdtype(mine.dtype, np.floating)
        np.testing.assert_allclose(mine, other, rtol=0, atol=0 if exact else 1000 * np.finfo(precision).eps * scale)


def equal_runs(first, second, precision):
    """Paths bit for bit; real records up to the rounding of elementary functions, whose contraction is left open."""
    same_paths(first, second)
    follows(first, second, precision)


def started(engine, paths, precision="float32"):
    """Program, inputs and state of a run of the toggle switch at its start."""
    chosen = model("toggle_switch")
    program = Program(chosen.network, Snapshots(), precision)
    counts = np.array(list(chosen.x0.values()), np.int32)
    inputs = make_inputs.make(program, Times((0.5, 2.0)), random.key_words(1), chosen.theta, counts, paths, first=7)
    return program, inputs, engine.start(program, inputs, paths)


def finished(engine, paths, budget):
    program, inputs, lanes = started(engine, paths)
    while engine.finished(lanes) < paths:
        lanes = engine.advance(program, inputs, lanes, budget)
    assert engine.finished(lanes) == paths
    return jax.tree.map(np.asarray, engine.collect(program, inputs, lanes))
