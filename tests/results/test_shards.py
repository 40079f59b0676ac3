"""Shards of a run: whatever their number, the paths are those of one run, bit for bit."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray

import jumpax
from jumpax import FirstPassage, InputError, MassAction, Network, Poisson, Reaction
from jumpax.cli.app import main
from jumpax.results import load, merge

MODEL = jumpax.zoo.birth_death()
LATE = Network([Reaction("0 -> X", MassAction("k")), Reaction("X -> 0", MassAction("g"))])
EACH = {"k": np.linspace(1.0, 9.0, 11), "g": 1.0}
RUNS = {
    "plain": {"network": MODEL, "times": [0.5, 1.0]},
    "float64": {"network": MODEL, "times": [1.0], "precision": "float64"},
    "threads": {"network": MODEL, "times": [1.0], "threads": 2},
    "a value for each path": {"network": LATE, "theta": EACH, "x0": {"X": np.arange(11)}, "times": [1.0]},
    "a law of the start": {"network": LATE, "theta": {**EACH, "m": 4.0}, "x0": {"X": Poisson("m")}, "times": [1.0]},
    "folds": {"network": MODEL, "times": [1.0], "record": FirstPassage(MODEL.network, lambda n: n["X"] >= 3)},
    "events": {"network": MODEL, "times": [1.0], "record": jumpax.Events()},
    "reference": {"network": MODEL, "times": [1.0], "engine": "reference"},
    "lost paths": {"network": LATE, "theta": EACH, "x0": {"X": 0}, "times": [1.0], "max_events": 6, "throw": False},
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("parts", [2, 7])
@pytest.mark.fault(40, 42, 44)
def test_shards_are_one_run(name, parts):
    how = dict(RUNS[name], paths=11, key=4)
    network = how.pop("network")
    whole = jumpax.simulate(network, **how)
    made = [jumpax.simulate(network, **how, shard=(i, parts)) for i in range(parts)]
    assert sum(len(part.status) for part in made) == 11
    xarray.testing.assert_identical(merge(made[::-1]), whole.to_xarray())


@pytest.mark.fault(43, 47)
def test_what_does_not_belong_together_is_refused_field_by_field():
    def part(i, many=2, **more):
        return jumpax.simulate(MODEL, **{"times": [1.0], "paths": 10, "key": 0} | more, shard=(i, many))

    one = part(0)
    for others, told in (
        ([part(1, key=1)], r"key: \[0, 0\] in part 0, \[0, 1\] in part 1"),
        ([part(1, paths=11)], "paths_of_all_shards: 10 in part 0, 11 in part 1"),
        ([part(1, times=[2.0])], "time: other values in part 0 than in part 1"),
        ([part(1, max_events=10**6)], "max_events: 10000000 in part 0, 1000000 in part 1"),
        ([part(1, precision="float64")], "precision: float32 in part 0, float64 in part 1"),
        ([part(1, theta={"birth": 3.0})], "digest_of_theta: "),
        ([part(1, x0={"X": 3})], "digest_of_x0: "),
        ([one.to_xarray().isel(path=slice(0, 2)), part(1)], "part 1 does not hold paths 0 to 4 in their order"),
        ([], "shards that are missing: 1 of 2"),
        ([part(1), one], "shard 0 is there more than once: part 0, part 2"),
        ([part(1, 3)], "different numbers of shards: 2, 3"),
        ([jumpax.simulate(MODEL, times=[1.0], paths=10, key=0)], "part 1: no shard of a run"),
        ([one.take(slice(0, 2))], "part 1: no shard of a run"),
    ):
        with pytest.raises(InputError, match=told):
            merge([one, *others])


def test_records_of_different_meaning_do_not_belong_together():
    """Folds with the same name and shape, of which one waits for two molecules and the other for four."""
    parts = [
        jumpax.simulate(MODEL, times=[1.0], paths=4, key=0, shard=(i, 2), record=FirstPassage(MODEL.network, reached))
        for i, reached in enumerate([lambda n: n["X"] >= 2, lambda n: n["X"] >= 4])
    ]
    with pytest.raises(InputError, match="digest_of_record: "):
        merge(parts)


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0), 3, (0.5, 2), "0/2"])
def test_wrong_shards_are_refused(shard):
    with pytest.raises(InputError, match=r"shard must be \(i, N\)"):
        jumpax.simulate(MODEL, times=[1.0], paths=4, key=0, shard=shard)
    with pytest.raises(InputError, match="shard 0 of 5 has none of 4 paths"):
        jumpax.simulate(MODEL, times=[1.0], paths=4, key=0, shard=(0, 5))


@pytest.mark.fault(43)
def test_a_shard_goes_on_where_it_was_saved(tmp_path):
    how = {"times": [1.0], "paths": 10, "key": 0}
    saved, shard = tmp_path / "state", (1, 2)
    jumpax.simulate(MODEL, **how, shard=shard, save=saved)
    again = jumpax.simulate(MODEL, **how, shard=shard, resume=saved)
    np.testing.assert_array_equal(again.counts, jumpax.simulate(MODEL, **how).counts[5:])
    with pytest.raises(InputError):
        jumpax.simulate(MODEL, **how, shard=(0, 2), resume=saved)


def test_shards_on_the_command_line(tmp_path, capsys):
    base = ["simulate", "birth_death", "--paths", "9", "--times", "1,2"]
    for i in range(3):
        assert main([*base, "--shard", f"{i}/3", "--out", str(tmp_path / f"{i}.nc")]) == 0
    assert main([*base, "--out", str(tmp_path / "one.nc")]) == 0
    capsys.readouterr()
    files = [str(tmp_path / f"{i}.nc") for i in range(3)]
    assert main(["merge", *files, "--out", str(tmp_path / "whole.nc"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paths"] == 9
    xarray.testing.assert_identical(load(tmp_path / "whole.nc"), load(tmp_path / "one.nc"))
    assert main(["merge", *files[:2], "--out", str(tmp_path / "half.nc")]) == 2
    assert "missing: 2 of 3" in capsys.readouterr().err
    assert not (tmp_path / "half.nc").exists()
    assert main(["merge", "--out", str(tmp_path / "half.nc")]) == 2
    assert "needs the files of all shards" in capsys.readouterr().err
    assert main([*base, "--shard", "3/3"]) == 2
    assert "--shard is written as i/N" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is one of bash")
@pytest.mark.fault(43)
def test_the_script_of_a_cluster(tmp_path):
    """Stopped after it has begun, and submitted again: with one job, the merged file is that of a run."""
    guide = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text(encoding="utf-8")
    (script,) = [text for text in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) if "--shard" in text]
    script = script.replace("jumpax simulate", f"{sys.executable} -m jumpax simulate")
    job = {**os.environ, "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "1"}
    for _ in range(2):
        subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=job, check=True, capture_output=True)
    model = jumpax.zoo.telegraph()
    whole = jumpax.simulate(model, times=model.times, paths=4000, key=1)
    np.testing.assert_array_equal(merge([tmp_path / "part-0.nc"])["counts"], whole.counts)
