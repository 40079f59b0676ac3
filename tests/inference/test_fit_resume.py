"""`fit(..., save=, resume=)`: a fit that was interrupted ends bit for bit like one that was not; the file of another fit is refused."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest

import jumpax
from jumpax.cli import main
from jumpax.cli.exits import Exit
from jumpax.engines.journal import Journal, contents
from jumpax.inference import (
    Conditions,
    Fixed,
    Free,
    MasterEquation,
    Problem,
    Simulation,
    SmallSteps,
    fit,
    losses,
    profiled,
)
from jumpax.inference.evaluation import compiled
from jumpax.inference.resuming import fields
from jumpax.networks.fingerprint import digest

MODEL = jumpax.zoo.birth_death()
TIMES = np.linspace(0.5, 6.0, 6)
COUNTS = np.random.default_rng(1).poisson(9.0, 60)
STEADY = losses.LogLikelihood("X", COUNTS)


def means(birth):
    mean = birth * (1 - np.exp(-TIMES))
    return losses.TimeSeries(TIMES.tolist(), {"X": mean}, {"X": np.sqrt(mean / 100)}, paths=100)


SCORES = Simulation(paths=400, gradient=jumpax.ScoreFunction())


def steady(loss=STEADY, birth=5.0, x0=0, settle=8.0, source=SCORES, network=MODEL.network):
    return Problem(network, {"X": x0}, loss, {"birth": Free(birth), "death": Fixed(1.0)}, settle=settle, source=source)


def descent(**options):
    return fit(steady(), **({"key": 3, "starts": 2, "steps": 6, "average": 3, "final": 2} | options))


def chosen(**options):
    """Which estimator it is depends on how long pilots took, but in a run that goes on."""
    return fit(steady(means(9.0), settle=None, source=Simulation(paths=400, exact=False)), **({"steps": 6} | options))


def search(**options):
    box = Problem(MODEL.network, {"X": 0}, means(9.0), {"birth": Free.box(1.0, 100.0), "death": Fixed(1.0)})
    return fit(box, **({"key": 2, "budget": 1600} | options))


WAYS = {"descent": descent, "an estimator that is chosen": chosen, "search": search}


def differing(one, other):
    """Fields of results that are not the same, bit for bit."""
    names = [field.name for field in dataclasses.fields(one) if field.name != "seconds"]
    return [name for name in names if digest(getattr(one, name)) != digest(getattr(other, name))]


@pytest.fixture(autouse=True)
def quiet():
    """The fits are too short to be without doubt."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        yield


@contextlib.contextmanager
def no_simulation():
    """Nothing may be simulated, nor solved."""

    def refused(*given, **named):
        raise AssertionError("something was simulated")

    def only_shapes(*given):
        return SimpleNamespace(eval_shape=compiled(*given).eval_shape, __call__=refused)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jumpax.inference.exploration.condition_responses.simulate", refused)
        patch.setattr("jumpax.inference.problem.compiled", only_shapes)
        patch.setattr("jumpax.gradients.measure.compiled", refused)
        yield


@pytest.mark.parametrize("way", WAYS)
def test_a_fit_that_was_cut_off_ends_bit_for_bit_as_if_it_had_not_been(way, tmp_path):
    """At two places of the file, one of them in the middle of a record, as a kill leaves it; the seed was chosen beforehand."""
    file, run = tmp_path / "fit", WAYS[way]
    whole = run(save=file)
    data, places = file.read_bytes(), contents(file).places
    assert len(places) > 10
    if way != "an estimator that is chosen":
        assert differing(run(), whole) == []
    with no_simulation():
        assert differing(run(resume=file), whole) == []
    ends = sorted(begin + length for begin, length in places.values())
    for cut in (ends[len(ends) // 3], int(np.random.default_rng(7).integers(ends[2], ends[-1]))):
        file.write_bytes(data[:cut])
        with no_simulation(), pytest.raises((AssertionError, TypeError)):
            run(resume=file)
        assert differing(run(save=file, resume=file), whole) == []
        assert set(contents(file).places) == set(places)


def stopping_at(call, fault=KeyboardInterrupt):
    told = []

    def progress(now):
        told.append(now)
        if len(told) == call:
            raise fault

    return progress


class Crash(Exception):
    pass


@pytest.mark.parametrize("way", ["descent", "search"])
def test_ctrl_c_gives_what_was_reached_and_the_file_goes_on(way, tmp_path):
    """What is evaluated after it, to give something back, is not in the file."""
    run, file = WAYS[way], tmp_path / "fit"
    assert run(save=file, progress=stopping_at(3)).interrupted
    assert run(save=file, resume=file, progress=stopping_at(5)).interrupted
    with pytest.raises(Crash):
        run(save=file, resume=file, progress=stopping_at(6, Crash))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "simulations in")
        again = run(save=file, resume=file)
    assert differing(again, run()) == []


def test_profiles_go_on(tmp_path):
    problem = Problem(
        MODEL.network, {"X": 0}, means(9.0), {"birth": Free(5.0), "death": Free(1.2)}, source=MasterEquation({"X": 40})
    )
    result, file = fit(problem), tmp_path / "profiles"
    whole = profiled(problem, result, "birth", save=file)
    assert differing(profiled(problem, result, "birth"), whole) == []
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert differing(profiled(problem, result, "birth", save=file, resume=file), whole) == []
    assert file.read_bytes() == data
    with pytest.raises(
        jumpax.InputError, match=r"names: \('birth',\) in the file, \('death',\) here\n- refine: 1 in the file, 2"
    ):
        profiled(problem, result, "death", refine=2, resume=file)
    with pytest.raises(jumpax.InputError, match="verb: 'profiled' in the file, 'fit' here"):
        fit(problem, resume=file)


SMALL = {"key": 0, "steps": 1, "average": 1, "final": 1}
PROBLEMS = {
    "network": {"network": jumpax.zoo.birth_death().network.with_events([jumpax.Event.at(50.0, {"X": 0})])},
    "x0": {"x0": 1},
    "loss": {"loss": losses.LogLikelihood("X", COUNTS + (np.arange(60) == 50))},
    "settle": {"settle": 8.1},
    "parameter 'birth'": {"birth": 5.5},
    "source": {"source": Simulation(paths=408, gradient=jumpax.ScoreFunction())},
}
SETTINGS = {
    "key": 1, "starts": 2, "steps": 2, "average": 2, "final": 2, "optimiser": optax.adam(0.1), "stopping": SmallSteps(),
    "budget": 4000,
}  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        fit(steady(), **SMALL, save=(file := tmp_path_factory.mktemp("small") / "fit"))
    return file


def refused(file, problem=None, **settings):
    """Names of what differs."""
    with pytest.raises(jumpax.InputError, match="holds another run and cannot go on here") as fault:
        fit(steady() if problem is None else problem, **{**SMALL, "resume": file, **settings})
    return [line.removeprefix("- ").partition(": ")[0] for line in str(fault.value).splitlines()[1:]]


@pytest.mark.parametrize("name", PROBLEMS)
def test_another_problem_is_refused_by_name(name, small):
    assert refused(small, steady(**PROBLEMS[name])) == [name]


def test_other_settings_are_refused_by_name(small):
    for name, value in SETTINGS.items():
        assert refused(small, **{name: value}) == [name]


def test_all_that_differs_is_told_at_once(small, monkeypatch):
    monkeypatch.setattr("jumpax.engines.journal.importlib.metadata.version", lambda name: "0.0")
    with jax.enable_x64(True):
        told = refused(small, steady(birth=6.0, x0=2), steps=7)
    versions = [f"version of {name}" for name in ("jumpax", "jax", "jaxlib", "numpy", "optax", "llvmlite")]
    assert set(told) == {"x0", "parameter 'birth'", "steps", *versions, "precision"}


def test_what_differs_is_told_by_condition():
    """A fit of conditions asks the problem of each, as above."""
    first, second = (
        fields(Conditions({"low": steady(), "high": high}, own=["birth"]), "fit", SMALL)
        for high in (steady(birth=7.0, x0=2), steady(birth=7.0, x0=1))
    )
    assert {name for name in first if first[name] != second[name]} == {"x0 of condition 'high'"}
    assert {"parameter 'birth[low]'", "parameter 'birth[high]'", "loss of condition 'low'"} <= first.keys()


def test_equal_keys_are_one_key(small):
    fit(steady(), **{**SMALL, "key": jax.random.key(0)}, resume=small)


PROBLEM = """
model = "birth_death"
settle = 8.0
[parameters]
birth = { free = 4.0 }
[data]
file = "counts.csv"
species = "X"
count = "number"
[simulation]
paths = 1600
[fit]
"""


class Fitting:
    """`jumpax fit` in processes of its own."""

    def __init__(self, folder, setting):
        self.folder, self.file = folder, folder / "fit.state"
        (folder / "counts.csv").write_text("number\n" + "\n".join(map(str, COUNTS)) + "\n")
        (folder / "problem.toml").write_text(PROBLEM + setting)
        haste = str(int(jax.config.read("jax_disable_most_optimizations")))
        self.environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": haste}

    def whole(self, capsys):
        """What a fit without interruption tells, and how large its file becomes."""
        file = self.folder / "whole.state"
        assert main(["fit", str(self.folder / "problem.toml"), "--json", "--save", str(file)]) == 0
        return self.told(capsys.readouterr().out), file.stat().st_size

    def told(self, out):
        """The document without what is a time or a place."""
        return {name: value for name, value in json.loads(out).items() if name not in ("seconds", "problem")}

    def until(self, size, stop, wait=0.0):
        """Go on until the file is longer than that, and a moment more; then send a signal. What came of it."""
        more = ["--resume", str(self.file)] if self.file.exists() else []
        words = [sys.executable, "-m", "jumpax", "fit", "problem.toml", "--json", "--save", str(self.file), *more]
        with subprocess.Popen(
            words, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:  # fmt: skip
            end = time.monotonic() + 200
            while process.poll() is None and not (self.file.exists() and self.file.stat().st_size > size):
                assert time.monotonic() < end
                time.sleep(0.001)
            time.sleep(wait)
            process.send_signal(stop)
            out, err = process.communicate(timeout=200)
        return process.returncode, out, err

    def killed(self, kills, size, seed):
        """Kill it so often, each time when its file has grown by some of what it will be, by one record at least, or is complete."""
        generator = np.random.default_rng(seed)
        for grown, wait in zip(
            generator.uniform(0.05, 1.0, kills) * size / kills, generator.uniform(0, 0.01, kills), strict=True
        ):
            before = self.file.stat().st_size if self.file.exists() else 0
            assert self.until(min(before + grown, size - 1), signal.SIGKILL, wait)[0] == -signal.SIGKILL
            assert before < self.file.stat().st_size <= size or before == size


def test_a_command_that_is_killed_and_told_to_stop_goes_on_bit_for_bit(tmp_path, capsys):
    """The former at moments that were drawn beforehand, the latter in this process."""
    fitting = Fitting(tmp_path, "starts = 2")
    whole, size = fitting.whole(capsys)
    fitting.killed(2, 0.7 * size, 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "_write", _and_stop(Journal._write))
        words = ["--json", "--save", str(fitting.file), "--resume", str(fitting.file)]
        with pytest.raises(SystemExit, check=lambda end: end.code == Exit.INTERRUPTED):
            main(["fit", str(tmp_path / "problem.toml"), *words])
    out, told = capsys.readouterr()
    assert fitting.told(out)["interrupted"]
    assert (
        f"interrupted; {fitting.file} holds what was done: the same command with --resume {fitting.file} goes on"
        in told
    )
    assert contents(fitting.file).fault == ""
    assert main(["fit", str(tmp_path / "problem.toml"), *words]) == 0
    assert fitting.told(capsys.readouterr().out) == whole


def _and_stop(write):
    def writing(journal, name, leaves):
        write(journal, name, leaves)
        os.kill(os.getpid(), signal.SIGTERM)

    return writing


@pytest.mark.long
@pytest.mark.parametrize(("setting", "kills"), [("starts = 4", 100), ("budget = 20000", 8)])
def test_a_command_that_is_killed_a_hundred_times_ends_as_if_it_had_not_been(setting, kills, tmp_path, capsys):
    fitting = Fitting(tmp_path, setting)
    whole, size = fitting.whole(capsys)
    fitting.killed(kills, size, 21)
    code, out, _ = fitting.until(np.inf, signal.SIGKILL)
    assert code == 0
    assert fitting.told(out) == whole
