"""Paths written part by part: the file is that of one run, bit for bit."""

import json

import numpy as np
import pytest
import xarray

import jumpax
from jumpax.cli import main
from jumpax.results import load, merge, save, stream

MODEL = jumpax.zoo.birth_death()
SEASON = jumpax.zoo.Model(
    jumpax.Network([jumpax.Reaction("0 -> X", lambda t, k: k * (1 + t / (1 + t))), jumpax.Reaction("X -> 0", jumpax.MassAction("g"))]),
    {"k": 4.0, "g": 1.0}, {"X": 0}, (5.0,), "a season",
)  # fmt: skip
RUNS = {
    "plain": {},
    "log": {"record": jumpax.Events()},
    "lost paths": {"max_events": 690, "throw": False},
    "lost paths and a record": {"max_events": 690, "throw": False, "record": jumpax.ReactionCounts(MODEL.network)},
    "a value for each path": {"theta": {"birth": np.linspace(50.0, 150.0, 100)}},
}


def drawn(name):
    return {"times": [1.0, 4.0], "paths": 100, "key": 5, **RUNS[name]}


@pytest.mark.parametrize("name", RUNS)
def test_a_file_of_parts_is_that_of_one_run(name, tmp_path):
    whole = jumpax.simulate(MODEL, **drawn(name))
    made = stream(tmp_path / "parts.nc", MODEL, at_once=30, settings={"seed": 5}, **drawn(name))
    save(whole, tmp_path / "whole.nc", settings={"seed": 5})
    xarray.testing.assert_identical(load(tmp_path / "parts.nc"), load(tmp_path / "whole.nc"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.nc", "whole.nc"]
    assert (made.paths, made.events) == (100, whole.events.sum())
    codes, many = np.unique(whole.status, return_counts=True)
    assert made.status == dict(zip(codes, many))
    np.testing.assert_allclose(made.mean, whole.mean(allow_truncated=True), rtol=1e-12)
    np.testing.assert_allclose(made.variance, whole.variance(allow_truncated=True), rtol=1e-12)


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A run that was interrupted in its third part; how often paths were drawn since."""
    calls, usual = [], jumpax.results.stream.__globals__["simulate"]

    def counted(*args, shard, **how):
        calls.append(shard[0])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return usual(*args, shard=shard, **how)

    monkeypatch.setitem(jumpax.results.stream.__globals__, "simulate", counted)
    with pytest.raises(KeyboardInterrupt):
        stream(tmp_path / "x.nc", MODEL, at_once=25, **drawn("plain"))
    return calls


@pytest.mark.fault(43)
def test_an_interrupted_run_goes_on_with_the_parts_that_are_there(broken, tmp_path):
    with pytest.raises(
        jumpax.InputError, match=r"x\.nc\.parts has parts of a run that has not ended: go on with resume=True"
    ):
        stream(tmp_path / "x.nc", MODEL, at_once=25, **drawn("plain"))
    stream(tmp_path / "x.nc", MODEL, at_once=25, resume=True, **drawn("plain"))
    assert broken == [3, 0, 1, 3, 1, 2]
    save(jumpax.simulate(MODEL, **drawn("plain")), tmp_path / "whole.nc")
    xarray.testing.assert_identical(load(tmp_path / "x.nc"), load(tmp_path / "whole.nc"))


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"key": 6}, r"key: \[0, 6\] in 3-of-4\.nc, \[0 5\] in 0-of-4\.nc"),
        ({"theta": {"birth": 7.0}}, "digest_of_theta"),
        ({"at_once": 50}, "and now there are 2 parts"),
        ({"times": [1.0, 5.0]}, "time: other values"),
    ],
)
def test_parts_of_another_run_are_refused(broken, tmp_path, more, message):
    with pytest.raises(jumpax.InputError, match=message):
        stream(tmp_path / "x.nc", MODEL, **{"at_once": 25, **drawn("plain"), **more}, resume=True)
    assert not (tmp_path / "x.nc").exists()
    stream(tmp_path / "x.nc", MODEL, at_once=25, resume=True, **drawn("plain"))  # nothing was spoilt
    save(jumpax.simulate(MODEL, **drawn("plain")), tmp_path / "whole.nc")
    xarray.testing.assert_identical(load(tmp_path / "x.nc"), load(tmp_path / "whole.nc"))


def test_parts_with_other_observables_are_refused(tmp_path):
    def part(factor, number):
        model = tmp_path / f"model{factor}.ant"
        model.write_text(f"species X; X = 5; k = 1; X -> ; k * X; load := {factor} * X")
        return jumpax.simulate(jumpax.read(model), times=[1.0], paths=10, key=0, shard=(number, 2))

    assert merge([part(2, 0), part(2, 1)])["observable_load"].shape == (10, 1)
    with pytest.raises(jumpax.InputError, match="digest_of_observables"):
        merge([part(2, 0), part(3, 1)])


def test_a_bound_that_breaks_in_some_parts_is_told_before_the_others_are_drawn(tmp_path):
    with pytest.raises(jumpax.InputError, match="give the larger bound, or none, and begin anew:\\nbound: "):
        stream(tmp_path / "x.nc", SEASON, times=[5.0], paths=60, at_once=3, key=0, bound=18.0)


def test_what_does_not_go_together_is_told(tmp_path):
    for file, more, message in (
        ("x.csv", {}, "paths are written part by part as .nc"),
        ("x.nc", {"shard": (0, 2)}, "shard=... does not go with"),
        ("x.nc", {"resume": True}, "there is no folder .*x.nc.parts to resume from"),
        ("x.nc", {"at_once": 0}, "at_once"),
        ("x.nc", {"theta": {"birth": -1.0}}, "birth"),
    ):
        with pytest.raises(jumpax.InputError, match=message):
            stream(tmp_path / file, MODEL, **drawn("plain"), **more)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_the_same(tmp_path, capsys):
    words = ["simulate", "birth_death", "--times", "1,2", "--paths", "200", "--json"]
    one, parts = str(tmp_path / "one.nc"), str(tmp_path / "parts.nc")
    told = []
    for more in (["--out", one], ["--out", parts, "--at-once", "90"]):
        assert main([*words, *more]) == 0
        told.append(json.loads(capsys.readouterr().out))
    xarray.testing.assert_identical(load(one), load(parts))
    for name in ("paths", "events", "status", "times"):
        assert told[0][name] == told[1][name]
    np.testing.assert_allclose(told[0]["mean"]["X"], told[1]["mean"]["X"], rtol=1e-12)
    for more, message in (
        (["--at-once", "90"], "say where to, by --out"),
        (["--at-once", "90", "--out", parts, "--shard", "0/2"], "--at-once does not go with --shard"),
        (["--at-once", "90", "--out", parts, "--resume", "other"], "--at-once goes on from --resume"),
    ):
        assert main([*words[:-1], *more]) == 2
        assert message in capsys.readouterr().err
