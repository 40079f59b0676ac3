"""Commands that are told to stop: the last line names the file that they go on from, and they do."""

import os
import signal

import pytest

from jumpax.cli import app, main
from jumpax.cli.exits import Exit
from jumpax.engines.kept import Keeper


def stop(*_, **__):
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_simulation_that_is_told_to_stop_names_its_file(tmp_path, monkeypatch, capsys):
    file = str(tmp_path / "run.state")
    words = ["simulate", "birth_death", "--paths", "100", "--threads", "1", "--json", "--save"]
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "look", stop)
        assert main([*words, file]) == Exit.INTERRUPTED
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        f"jumpax: interrupted by SIGTERM; {file} holds what was done: the same command with --resume {file} goes on from there"
    )
    assert main([*words, file, "--resume", file]) == 0


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["infer", "problem.toml", "--save", "{}"], ""),
        (["audit", "birth_death", "--save={}"], ""),
        (["simulate", "telegraph", "--at-once", "10", "--out", "{}"], ".parts"),
    ],
)
def test_the_file_is_that_of_the_options(words, place, tmp_path, monkeypatch, capsys):
    file = tmp_path / "kept.nc"
    given = [word.format(file) for word in words]
    monkeypatch.setattr(app, "_run", stop)
    assert main(given) == Exit.INTERRUPTED
    assert capsys.readouterr().err == "jumpax: interrupted by SIGTERM\n"  # nothing is there yet
    (tmp_path / f"kept.nc{place}").touch()
    assert main(given) == Exit.INTERRUPTED
    assert f"{file}{place} holds what was done" in capsys.readouterr().err
