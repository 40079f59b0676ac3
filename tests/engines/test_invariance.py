"""What a path does depends on its key, its number, the model and the precision, and on nothing else.

The golden hashes are those of whole ensembles. After a change that is meant to change paths, or with a new version of
jax that rounds otherwise, make them anew, and say so in the notes of the release:

    python tests/engines/test_invariance.py
"""

import functools
import hashlib
import json
from pathlib import Path

import jax
import numpy as np
import pytest

import jumpax
from jumpax._base import random
from jumpax.engines import inputs as make_inputs
from jumpax.engines.cpu import Cpu
from jumpax.engines.engine import precision_of
from jumpax.engines.program import Program, Times
from jumpax.engines.xla import Xla
from jumpax.folds import Snapshots
from tables import model, run, same_paths

PRECISIONS = ["float32", "float64"]
ENGINES = {"cpu": Cpu, "xla": Xla}
GOLDEN = Path(__file__).with_name("golden.json")
GOLDEN_MODELS = ("telegraph", "toggle_switch", "schlogl")


def part(paths, number):
    """The first so many paths."""
    names = ("counts", "events", "status", "end_counts", "end_times")
    return {name: getattr(paths, name)[:number] for name in names}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.fault(40)
def test_batch_size(precision, engine):
    most = run("telegraph", (), precision, engine, paths=4096)
    moved = most.events > 0
    assert len(np.unique(most.end_times[moved])) > 0.99 * moved.sum() > 1000  # fault 39: no two paths are the same
    for size in (7, 64, 3000):  # of lanes: 64, and as many as for all
        fewer = run("telegraph", (), precision, engine, paths=size)
        for name, value in part(most, size).items():
            np.testing.assert_array_equal(getattr(fewer, name), value, err_msg=f"{name}, {size} paths")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.fault(40)
def test_threads(threads, engine):
    one = run("telegraph", (), "float32", engine, paths=1000)
    same_paths(one, run("telegraph", (), "float32", engine, paths=1000, threads=threads))


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_with_values_per_path(engine):
    chosen, paths = model("birth_death"), 150
    theta = chosen.theta | {"birth": np.linspace(10, 200, paths)}
    x0 = {"X": np.arange(paths)}
    options = {"times": [0.05, 0.2], "paths": paths, "key": 8, "engine": engine}
    one = jumpax.simulate(chosen.network, theta, x0, **options)
    same_paths(one, jumpax.simulate(chosen.network, theta, x0, threads=2, **options))
    alone = jumpax.simulate(
        chosen.network, {"birth": theta["birth"][0], "death": 1.0}, {"X": 0}, **options | {"paths": 1}
    )
    np.testing.assert_array_equal(alone.counts[0], one.counts[0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["telegraph", pytest.param("repressilator", marks=pytest.mark.long)])
def test_times_asked_for(name, precision, engine):
    coarse = run(name, (), precision, engine, paths=64)
    end = coarse.stops[-1]
    times = np.unique(np.concatenate([np.linspace(0, end, 41), coarse.stops]))
    fine = run(name, (), precision, engine, paths=64, times=times)
    keep = np.searchsorted(times, coarse.stops)
    np.testing.assert_array_equal(fine.counts[:, keep], coarse.counts)
    np.testing.assert_array_equal(fine.events, coarse.events)
    np.testing.assert_array_equal(fine.end_times, coarse.end_times)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_steps_and_times_follow_the_same_path(precision, engine):
    logged = _logged(precision)
    stepped = run("telegraph", (), precision, engine, paths=16, steps=[1, 2, 3])
    for path in range(16):
        times, reactions = logged.log.of(path)
        change = model("telegraph").network.stoichiometry.T[reactions[:3]]
        walked = np.array([1, 0, 0]) + np.cumsum(change, 0)
        np.testing.assert_array_equal(stepped.counts[path, : len(walked)], walked)
        if len(times) >= 3:
            assert stepped.end_times[path] == times[2]


def _logged(precision):
    chosen = model("telegraph")
    return jumpax.simulate(chosen.network, chosen.theta, chosen.x0, times=2.0, paths=16, key=20261120,
                           precision=precision, record=jumpax.Events())  # fmt: skip


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_log_does_not_change_paths(precision):
    same_paths(_logged(precision), run("telegraph", (), precision, paths=16, times=2.0))


def started(engine, precision, first, paths, room):
    chosen = model("toggle_switch")
    program = Program(chosen.network, Snapshots(), precision)
    with precision_of(program):
        counts = np.array(list(chosen.x0.values()), np.int32)
        inputs = make_inputs.make(
            program, Times((0.5, 2.0)), random.key_words(1), chosen.theta, counts, paths, first=first
        )
        return program, inputs, engine.start(program, inputs, room)


def finished(engine, precision, first, paths, room, budget=10_000):
    program, inputs, lanes = started(engine, precision, first, paths, room)
    with precision_of(program):
        while engine.finished(lanes) < paths:
            lanes = engine.advance(program, inputs, lanes, budget)
        return jax.tree.map(np.asarray, engine.collect(program, inputs, lanes))


@pytest.mark.parametrize("engine", ENGINES.values())
@pytest.mark.parametrize("precision", PRECISIONS)
def test_budget_of_a_call_and_number_of_the_first_path(precision, engine):
    made = functools.partial(finished, engine(), precision)
    whole = made(0, 200, 256)
    for other, shift in ((made(0, 200, 256, budget=1), 0), (made(150, 50, 256), 150)):
        for ours, theirs in zip(jax.tree.leaves(other), jax.tree.leaves(whole), strict=True):
            np.testing.assert_array_equal(ours[: 200 - shift], theirs[shift:200])


def test_one_traceable_call_equals_the_host_loop():
    whole = finished(Xla(), "float32", 0, 64, 64)
    program, inputs, _ = started(Xla(), "float32", 0, 64, 64)
    traced = jax.jit(lambda given: Xla().gather(program, given, 64))(inputs)
    for ours, theirs in zip(jax.tree.leaves(traced), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.fault(41)
def test_float32_paths_do_not_depend_on_x64(engine):
    plain = run("schlogl", (), "float32", engine, paths=50)
    with jax.enable_x64(True):
        same_paths(run("schlogl", (), "float32", engine, paths=50), plain)


@pytest.mark.fault(41)
def test_precision_is_on_record():
    """Fault 41: the x64 flag chooses the default precision, and the result says which it was."""
    chosen = model("birth_death")
    for flag, precision in ((False, "float32"), (True, "float64")):
        with jax.enable_x64(flag):
            paths = jumpax.simulate(chosen.network, chosen.theta, chosen.x0, times=0.01, paths=1, key=0)
        assert (paths.provenance["precision"], paths.provenance["x64"]) == (precision, flag)
        assert paths.provenance["key"] == [0, 0]
        assert paths.provenance["network_digest"] == chosen.network.digest


@pytest.mark.fault(39)
def test_another_key_gives_other_paths():
    first, second = (run("birth_death", (), "float32", paths=50, key=key) for key in (1, 2))
    assert not np.isin(first.end_times, second.end_times).any()


def hashed(name, precision):
    paths, text = run(name, (), precision, paths=100), hashlib.sha256()
    for value in part(paths, 100).values():
        text.update(np.ascontiguousarray(value, np.float64 if value.dtype.kind == "f" else np.int64).tobytes())
    return text.hexdigest()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_golden_hash(name, precision):
    """Bits may change with the back end, and only with it: another version of jax has to reproduce them or be noted."""
    golden = json.loads(GOLDEN.read_text())
    if jax.default_backend() != golden["backend"]:
        pytest.skip(f"hashes were made on {golden['backend']}, this is {jax.default_backend()}")
    message = f"made with jax {golden['jax']}, this is {jax.__version__}; see the docstring of this file"
    assert hashed(name, precision) == golden["hashes"][f"{name} {precision}"], message


if __name__ == "__main__":
    made = {f"{name} {precision}": hashed(name, precision) for name in GOLDEN_MODELS for precision in PRECISIONS}
    content = {"jax": jax.__version__, "backend": jax.default_backend(), "hashes": made}
    GOLDEN.write_text(json.dumps(content, indent=2) + "\n")
