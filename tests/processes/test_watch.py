"""What a process says that waits for others, and when it has waited long enough: looks are a second each."""

import os
import subprocess
import sys

import jax
import pytest

import jumpax
from jumpax._base import watch
from jumpax._base.errors import LostError
from jumpax._base.watch import ALONE, TOLD, Watch, meet
from jumpax.cli import app
from jumpax.cli.exits import Exit


def looks(watch, many):
    """What is told after so many seconds more, by the second, and whether the last was the last."""
    seen = [watch.look() for _ in range(many)]
    return {second: told for second, (told, _) in enumerate(seen, 1) if told}, seen[-1][1]


def test_silence_is_told_every_ten_minutes():
    one = Watch("process 1 of 4", float("inf"))
    with one.waiting():
        told, over = looks(one, 2 * TOLD + 5)
    assert list(told) == [TOLD, 2 * TOLD]
    assert not over
    assert "process 1 of 4: nothing has happened here since 2" in told[TOLD]
    assert "for 1200 s; it compiles, or draws its own paths, or waits" in told[2 * TOLD]
    assert "JUMPAX_PATIENCE" in told[TOLD]


def test_what_draws_and_what_waits_are_told_apart():
    one = Watch("process 0 of 2", float("inf"))
    with one.waiting():
        with one.drawing():
            drawing, _ = looks(one, TOLD)
        waiting, _ = looks(one, TOLD)
    assert "it is still drawing its own paths" in drawing[TOLD]
    assert "its own paths are drawn, and it waits for other processes" in waiting[TOLD]


@pytest.mark.fault(45)
def test_patience_ends_after_so_many_seconds_without_a_sign_and_not_before():
    one = Watch("process 0 of 2", 5.0)
    assert looks(one, 100) == ({}, False)  # nobody waits
    for _ in range(3):
        with one.waiting():
            assert looks(one, 4) == ({}, False)
            with one.drawing():
                assert looks(one, 4) == ({}, False)
            assert looks(one, 4) == ({}, False)
    with one.waiting():
        told, over = looks(one, 5)
    assert over
    assert "It ends itself (JUMPAX_PATIENCE=5)" in told[5]
    assert "start all of them again together" in told[5]
    assert looks(one, 100) == ({}, False)


ENDING = """
import threading, time
from jumpax._base.watch import Watch
one = Watch("process 0 of 2", 2.0)
threading.Thread(target=one.run, daemon=True).start()
print("printed before", end="")
with one.waiting():
    time.sleep(100)
"""


def test_a_process_that_has_waited_long_enough_ends_itself():
    made = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60)
    assert made.returncode == ALONE == Exit.ALONE
    assert made.stdout == "printed before"
    assert made.stderr.startswith("jumpax: process 0 of 2: nothing has happened here since")


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", ""])
def test_patience_is_a_positive_number(monkeypatch, text):
    monkeypatch.setenv("JUMPAX_PATIENCE", text)
    with pytest.raises(jumpax.InputError, match=r"JUMPAX_PATIENCE is a positive number, of seconds .* got"):
        watch.patience()


def test_patience_is_endless_if_nobody_says_otherwise(monkeypatch):
    monkeypatch.delenv("JUMPAX_PATIENCE", raising=False)
    assert watch.patience() == float("inf")


def test_what_jax_says_of_a_lost_process_is_told_with_a_remedy(monkeypatch):
    """In the words of JAX 0.10.2, on processors; other failures stay what they are."""

    def failing(words):
        raise jax.errors.JaxRuntimeError(words)

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(watch, "_watch", Watch("process 0 of 2", float("inf")))
    with pytest.raises(
        LostError, match=r"process 0 of 2 has lost another one.*start all of them again.*closed by peer"
    ):
        meet(failing, "UNKNOWN: Gloo AllGather failed: [pair.cc:547] Connection closed by peer [127.0.0.1]:22922\nmore")
    with pytest.raises(jax.errors.JaxRuntimeError, match="out of memory"):
        meet(failing, "RESOURCE_EXHAUSTED: out of memory")


def test_alone_nothing_is_watched():
    assert meet(lambda a, b: a - b, 5, b=2) == 3
    assert watch._watch is None


def test_a_command_that_has_lost_others_has_the_last_word(monkeypatch, capsys):
    def losing(words):
        raise LostError("process 0 of 2 has lost another one")

    monkeypatch.setattr(app, "_run", losing)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as ended:
        app.main(["fit", "problem.toml"])
    assert ended.value.code == Exit.SIMULATION
    assert capsys.readouterr().err == "jumpax: process 0 of 2 has lost another one\n"
