"""Paths divided among processes: those of two, started as Slurm starts them, beside one that has all to itself."""

import json
import math
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jumpax
from jumpax._base.watch import ALONE
from jumpax.cli import main
from processes import worker

HERE = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
BITS = 2e-6
"""Of sums of some thousand float32 numbers, which are added up in another order."""


def launch(count, *words):
    """Processes with the words of a command, started as Slurm starts them: how they ended, what they printed and what they complained of."""
    step = {"SLURM_JOB_ID": str(random.SystemRandom().randrange(10**6)), "SLURM_STEP_NODELIST": "127.0.0.1"}
    shared = {**os.environ, **step, "JAX_PLATFORMS": "cpu", "SLURM_NTASKS": str(count)}
    started = [
        subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**shared, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
        )
        for rank in range(count)
    ]  # fmt: skip
    try:
        return [(process.wait(), *texts) for process in started for texts in [process.communicate(timeout=300)]]
    finally:
        for process in started:
            process.kill()


def answers(count, *words):
    """What they print, if all end well."""
    ended = launch(count, *words)
    assert all(code == 0 for code, _, _ in ended), "\n".join(told[-3000:] for _, _, told in ended)
    return [out for _, out, _ in ended]


def run(count, *words):
    """What each of so many workers found."""
    return [json.loads(re.search(r"^FOUND (.*)$", out, re.M)[1]) for out in answers(count, worker.__file__, *words)]


def check_law(found):
    """Mean and derivative in closed form; one in 10^5 right ones is taken for wrong."""
    birth, death = worker.MODEL.theta["birth"], worker.MODEL.theta["death"]
    for i, t in enumerate(worker.TIMES):
        left = math.exp(-death * t)
        mean, slope = birth / death * (1 - left), birth / death * t * left - birth / death**2 * (1 - left)
        assert abs(found["value"][i] - mean) < 4.9 * found["standard_error"][i]
        assert abs(found["gradient"]["death"][i] - slope) < 4.9 * found["gradient_standard_error"]["death"][i]


def test_two_processes_find_together_what_one_finds():
    first, second = run(2)
    assert first["processes"] == 2
    assert first["estimate"] == second["estimate"]
    check_law(first["estimate"])
    alone = worker.estimate()
    assert first["estimate"]["value"] == alone["value"]  # of whole counts, which add up exactly
    for name, slope in alone["gradient"].items():
        np.testing.assert_allclose(first["estimate"]["gradient"][name], slope, rtol=BITS)
    np.testing.assert_allclose(first["estimate"]["standard_error"], alone["standard_error"], rtol=BITS)
    for found in (first, second):
        assert "called it with different parameters or keys" in found["apart"]
        assert "were given different parameter 'birth'" in found["differing"]
        assert "2 share this fit" in found["saved"]


@pytest.mark.long
def test_fits_of_two_processes_are_those_of_one():
    (alone,) = run(1, "long")
    first, second = run(2, "long")
    for kind in ("steps", "budget", "auto", "jit"):
        assert first[kind] == second[kind]
    np.testing.assert_allclose(first["jit"], alone["jit"], rtol=BITS)
    assert first["budget"] == alone["budget"]  # of paths, which are the same to the bit
    for mine, other in zip(first["steps"][:2], alone["steps"][:2]):
        np.testing.assert_allclose(list(mine.values()), list(other.values()), rtol=1e-4)


PROBLEM = """
model = "birth_death"
[parameters]
birth = {box = [10.0, 1000.0]}
[data]
file = "means.csv"
time = "t"
means = {X = "mean"}
standard_errors = {X = "error"}
[loss]
kind = "time_series"
"""


@pytest.mark.long
def test_the_first_process_of_a_command_answers(tmp_path):
    (tmp_path / "problem.toml").write_text(PROBLEM)
    (tmp_path / "means.csv").write_text("t,mean,error\n1,63,1\n3,95,1\n")
    words = "-m", "jumpax", "fit", str(tmp_path / "problem.toml"), "--budget", "2000", "--json"
    first, second = answers(2, *words, "--devices", "all")
    (alone,) = answers(1, *words)
    assert "{" not in second
    together, single = (json.loads(out[out.index("{") :]) for out in (first, alone))
    assert together["estimates"] == single["estimates"]


def test_a_command_alone_has_nobody_to_share_with(tmp_path, capsys):
    (tmp_path / "problem.toml").write_text(PROBLEM)
    assert main(["fit", str(tmp_path / "problem.toml"), "--devices", "all"]) == 2
    assert "here is one device and no such launcher that answers; leave it out" in capsys.readouterr().err


DYING = """
import os, jax
jax.distributed.initialize(heartbeat_timeout_seconds=10)
from processes.worker import MODEL, expected
mean = expected()
mean.estimate(MODEL.theta, 1)
if jax.process_index() == 1:
    os._exit(9)
mean.estimate(MODEL.theta, 2)
print("went on")
"""


@pytest.mark.long
@pytest.mark.fault(43)
def test_a_process_that_dies_ends_the_others(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)
    (code, out, told), (other, *_) = launch(2, "-c", DYING)
    assert other == 9
    assert code != 0
    assert "went on" not in out
    assert re.search("LostError: process 0 of 2 has lost another one.*Gloo .* failed: .*(closed|reset) by peer", told)


HANGING = """
import time, jax
jax.distributed.initialize(heartbeat_timeout_seconds=10)
from processes.worker import MODEL, expected
mean = expected()
mean.estimate(MODEL.theta, 1)
print("met once", flush=True)
if jax.process_index() == 1:
    time.sleep(1000)
mean.estimate(MODEL.theta, 2)
print("went on")
"""


@pytest.mark.long
@pytest.mark.fault(45)
def test_a_process_that_hangs_ends_those_that_wait_for_it(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", HERE)
    monkeypatch.setenv("JUMPAX_PATIENCE", "15")  # the first call compiles for some seconds
    (code, out, told), (other, *_) = launch(2, "-c", HANGING)
    assert code == ALONE
    assert out.endswith("met once\n")
    assert re.search(r"process 0 of 2: nothing has happened here since .* for 15 s.*\(JUMPAX_PATIENCE=15\)", told)
    assert other not in (0, ALONE)  # JAX has ended it


def loops_and_gathers(text):
    """Computations of a compiled program that loops reach, and those that gather from other devices."""
    parts = {m[1]: m[2] for m in re.finditer(r"^(?:ENTRY )?%?([\w.\-]+) [^\n]*\{\n(.*?)^\}", text, re.M | re.S)}
    called = {
        name: set(re.findall(r"(?:body|condition|calls|to_apply)=%?([\w.\-]+)", part)) for name, part in parts.items()
    }
    reached = {name for part in parts.values() for name in re.findall(r"(?:body|condition)=%?([\w.\-]+)", part)}
    while more := {name for loop in reached for name in called[loop]} - reached:
        reached |= more
    return reached, {
        name for name, part in parts.items() if re.search(r" (?:all|collective|reduce-scatter)-?[\w\-]*\(", part)
    }


TEXT = """
import jax, jumpax
jax.config.update("jax_num_cpu_devices", 2)
from jumpax.gradients.compiled import _program
from processes.worker import MODEL, expected
mean = expected(engine="xla")
program = _program.lower(mean.sampling, mean.estimator, None, ("birth",), *mean.arguments(MODEL.theta, 7))
print(program.compile().as_text())
"""


@pytest.mark.long
def test_no_loop_over_events_waits_for_other_devices():
    made = subprocess.run(
        [sys.executable, "-c", TEXT], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    loops, gathers = loops_and_gathers(made.stdout)
    assert loops
    assert gathers
    assert not loops & gathers


def test_devices_are_one_or_all():
    with pytest.raises(jumpax.InputError, match="devices must be 'one' or 'all'; got 2"):
        worker.expected(devices=2)
    with pytest.raises(jumpax.InputError, match="devices must be"):
        worker.Simulation(devices="two")
