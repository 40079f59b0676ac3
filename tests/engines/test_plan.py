"""What a run would take: memory to the byte, events within wide bounds, and what does not fit."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jumpax
from gpu_runs import with_memory

MODEL = jumpax.zoo.telegraph()


def size(paths):
    arrays = (paths.counts, paths.status, paths.events, paths.end_counts, paths.end_times, paths.redrawn)
    return sum(leaf.nbytes for leaf in jax.tree.leaves((arrays, paths.values, paths.records)))


@pytest.mark.parametrize("engine", ["cpu", "xla", "tables", "reference", "gpu_on_host"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_bytes_of_what_comes_back(engine, precision):
    record = jumpax.ReactionCounts(MODEL.network) if engine == "reference" else jumpax.TimeAverages(MODEL.network)
    how = {"times": [1.0, 2.0, 5.0], "paths": 70, "engine": engine, "precision": precision, "record": record}
    found = jumpax.plan(MODEL, **how)
    assert found.result == size(jumpax.simulate(MODEL, key=0, **how))
    assert found.fits
    assert (found.paths, found.pilot, found.parts) == (70, found.pilot, 1)
    assert found.memory > found.result


def test_events():
    how = {"times": [2000.0], "paths": 3000, "threads": 1}
    found = jumpax.plan(MODEL, **how)  # paths of 80,000 events: the first pilots are cut short
    paths = jumpax.simulate(MODEL, key=1, **how)
    assert 0.8 < found.events / paths.events.sum() < 1.25, "some hundred standard errors"
    assert found.seconds > 0  # beside other tests no clock is to be trusted
    assert 1 <= found.spread < 2


def test_paths_whose_parameters_differ_are_all_seen():
    theta = {"birth": np.repeat([1.0, 99.0], 50_000)}
    found = jumpax.plan(jumpax.zoo.birth_death(), theta, {"X": 0}, times=[1.0], paths=100_000)
    paths = jumpax.simulate(jumpax.zoo.birth_death(), theta, {"X": 0}, times=[1.0], paths=100_000, key=0)
    assert 0.8 < found.events / paths.events.sum() < 1.25
    assert found.spread > 1.5


def test_a_shard_steps_and_a_log():
    assert jumpax.plan(MODEL, times=[1.0], paths=1000, shard=(1, 4)).paths == 250
    assert jumpax.plan(MODEL, steps=[10, 300], paths=100).events == 30_000
    found = jumpax.plan(MODEL, times=[5.0], paths=64, record=jumpax.Events())
    log = jumpax.simulate(MODEL, times=[5.0], paths=64, key=0, record=jumpax.Events()).log
    assert found.events == len(log.times)
    assert found.memory > found.result > log.times.nbytes + log.reactions.nbytes


def test_what_does_not_fit_is_told_with_the_way_out(monkeypatch):
    monkeypatch.setenv("JUMPAX_MEMORY_LIMIT", "0.4")
    found = jumpax.plan(MODEL, times=[1.0, 2.0], paths=10**8)
    assert not found.fits
    assert found.pilot, "time is told all the same"
    with pytest.raises(jumpax.TooLargeError) as told:
        jumpax.simulate(MODEL, times=[1.0, 2.0], paths=10**8, key=0)
    assert found.refusal == str(told.value)
    assert "does not fit: 100,007,936 paths" in str(found)
    assert "--at-once" in str(found)


def test_parts_of_a_gpu(monkeypatch):
    found = jumpax.plan(MODEL, times=[1.0, 5.0], paths=600, engine=with_memory(monkeypatch, 128 * 150))
    assert found.parts == 5
    assert "in 5 parts one after the other" in str(found)
    found = jumpax.plan(MODEL, times=np.arange(1.0, 1000.0), paths=600, engine=with_memory(monkeypatch, 10**5))
    assert (found.fits, found.pilot) == (False, 0)
    assert "64 paths at once" in str(found)
    assert np.isnan(found.seconds)
    assert json.dumps(found.to_dict())
    assert set(found.to_dict()) == {"fits", *(field.name for field in dataclasses.fields(found))}
