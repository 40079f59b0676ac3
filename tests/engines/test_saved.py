"""Kill and resume: lanes that went through a file end as if nothing had happened; other runs are refused."""

import errno

import jax
import numpy as np
import pytest

import jumpax
from jumpax._base import random
from jumpax.engines import inputs as make_inputs
from jumpax.engines import load_lanes, save_lanes, xla
from jumpax.engines.choice import engine_named
from jumpax.engines.engine import precision_of
from jumpax.engines.program import Program, Times
from jumpax.engines.xla import Xla
from jumpax.folds import Score, Snapshots, Together
from tables import model

PATHS = ROOM = 256


def prepared(precision="float32", key=3, name="telegraph", end=10.0, k_on=0.5):
    chosen = model(name)
    fold = Together((Snapshots(), Score(chosen.network, ("gamma",))))
    program = Program(chosen.network, fold, precision)
    with precision_of(program):
        theta, counts = chosen.theta | {"k_on": k_on}, np.array(list(chosen.x0.values()), np.int32)
        return program, make_inputs.make(program, Times((end / 2, end)), random.key_words(key), theta, counts, PATHS)


def finish(program, inputs, lanes, engine, budget=1000):
    while engine.finished(lanes) < PATHS:
        lanes = engine.advance(program, inputs, lanes, budget)
    return jax.tree.map(np.asarray, engine.collect(program, inputs, lanes))


@pytest.mark.parametrize(("name", "precision"), [("xla", "float32"), ("xla", "float64"), ("cpu", "float32")])
def test_a_run_goes_on_from_a_file_bit_for_bit(name, precision, tmp_path):
    program, inputs = prepared(precision)
    engine, file = engine_named(name), tmp_path / "run.npz"
    with precision_of(program):
        whole = finish(program, inputs, engine.start(program, inputs, ROOM), engine)
        lanes = engine.start(program, inputs, ROOM)
        for _ in range(4):  # killed and resumed four times, on the way
            lanes = engine.advance(program, inputs, lanes, 2)
            assert engine.finished(lanes) < PATHS
            save_lanes(file, lanes, program, inputs)
            del lanes
            lanes = load_lanes(file, engine.start(program, inputs, ROOM), program, inputs)
        resumed = finish(program, inputs, lanes, engine, budget=7)
    for ours, theirs in zip(jax.tree.leaves(resumed), jax.tree.leaves(whole), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    program, inputs = prepared()
    file = tmp_path_factory.mktemp("lanes") / "run.npz"
    save_lanes(file, Xla().start(program, inputs, ROOM), program, inputs)
    return file


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"precision": "float64"}, "precision"),
        ({"key": 4}, "inputs.key"),
        ({"end": 11.0}, "inputs.stops"),
        ({"k_on": 0.25}, "inputs.theta"),
        ({"name": "telegraph_protein"}, "network"),
    ],
)
@pytest.mark.fault(47)
def test_another_run_is_refused_by_field(saved, change, field):
    program, inputs = prepared(**change)
    with precision_of(program):
        like = jax.eval_shape(lambda: xla.start(program, xla.pad(inputs, ROOM), ROOM))
        like = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
    with pytest.raises(jumpax.InputError, match=rf"- {field}: .* in the file, .* here"):
        load_lanes(saved, like, program, inputs)


@pytest.mark.fault(47)
def test_another_version_is_refused(saved, monkeypatch):
    program, inputs = prepared()
    like = Xla().start(program, inputs, ROOM)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0")
    with pytest.raises(jumpax.InputError, match=r"version of jax: .*'0.0' here"):
        load_lanes(saved, like, program, inputs)


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:3000] + b"\x55" * 64 + b[3064:]]
)
@pytest.mark.fault(46)
def test_a_damaged_file_is_refused(saved, tmp_path, damage):
    program, inputs = prepared()
    file = tmp_path / "run.npz"
    file.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(jumpax.InputError, match="damaged"):
        load_lanes(file, Xla().start(program, inputs, ROOM), program, inputs)


@pytest.mark.fault(46)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_full_disk_is_told_once_for_each_file_and_costs_nothing_else(tmp_path, monkeypatch, threads):
    how = {"times": [1.0], "paths": 64, "key": 0, "engine": "cpu", "threads": threads}
    file = tmp_path / "run"
    whole = jumpax.simulate(jumpax.zoo.birth_death(), **how, save=file)
    before = {kept: kept.read_bytes() for kept in tmp_path.iterdir()}

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.warns(jumpax.JumpaxWarning, match="cannot be written .No space left on device.*goes on") as told:
        again = jumpax.simulate(jumpax.zoo.birth_death(), **how, resume=file, save=file)
    assert sorted(str(warning.message).split()[0] for warning in told) == sorted(map(str, before))
    np.testing.assert_array_equal(again.counts, whole.counts)
    assert {kept: kept.read_bytes() for kept in tmp_path.iterdir()} == before  # and no half of a file beside them
