"""`posterior(..., save=, resume=)`: chains that were interrupted go on bit for bit; the file of another posterior is refused."""

import dataclasses
import importlib.metadata
import sys
import types
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.engines.journal import contents, field, journal
from jumpax.engines.kept import Files
from jumpax.inference import resuming
from jumpax.inference.posterior.nuts import Nuts
from jumpax.inference.posterior.refusals import Refusal, Refusals
from jumpax.networks.fingerprint import digest

MODEL = jumpax.zoo.birth_death()
TRACE = jumpax.Records([1.0, 2.0, 3.0], {"X": [7.1, 13.5, 9.2]}, jumpax.records.Normal(1.0))
RATES = {"birth": jumpax.Free.box(1.0, 50.0), "death": jumpax.Fixed(1.0)}
PROBLEM = jumpax.RecordProblem(MODEL.network, {"X": 0}, TRACE, RATES, limits=30)
SMALL = {"chains": 4, "draws": 12, "warm_up": 8, "particles": 20}


def differing(one, other):
    """Fields of results that are not the same, bit for bit."""
    fields = [f.name for f in dataclasses.fields(one) if not f.name.startswith("seconds")]
    return [name for name in fields if digest(getattr(one, name)) != digest(getattr(other, name))]


def cut_off(draw, file):
    """Whether draws are the same with a file, from it, and from two parts of it."""
    whole = draw()
    assert differing(draw(save=file), whole) == []
    data, size = file.read_bytes(), len(contents(file).places)
    assert differing(draw(resume=file), whole) == []
    for share in (0.4, 0.9):
        file.write_bytes(data[: int(share * len(data))])
        assert differing(draw(save=file, resume=file), whole) == []
        assert len(contents(file).places) == size
    return whole


@pytest.mark.filterwarnings("ignore:.*is sound in its first")
@pytest.mark.parametrize("method", ["pmmh", "mala"])
def test_chains_of_filters_go_on_bit_for_bit(method, tmp_path, monkeypatch):
    file = tmp_path / "draws"
    cut_off(lambda **more: jumpax.posterior(PROBLEM, key=1, method=method, **SMALL, **more), file)
    monkeypatch.delattr(sys.modules["jumpax.inference.posterior.filter_target"], "particle_filter")
    jumpax.posterior(PROBLEM, key=1, method=method, **SMALL, resume=file)


def test_another_posterior_is_refused_by_name(tmp_path):
    file = tmp_path / "draws"
    jumpax.posterior(PROBLEM, key=1, method="pmmh", **SMALL, save=file)
    other = dataclasses.replace(
        PROBLEM,
        parameters={**RATES, "birth": jumpax.Free.box(1.0, 40.0)},
        records=jumpax.Records([1.0, 2.0, 3.0], {"X": [7.1, 13.5, 9.3]}, jumpax.records.Normal(1.0)),
    )
    with pytest.raises(jumpax.InputError, match="holds another run") as fault:
        jumpax.posterior(other, key=2, method="mala", **{**SMALL, "draws": 13}, lag=1, resume=file)
    told = [line.removeprefix("- ").partition(":")[0] for line in str(fault.value).splitlines()[1:]]
    assert sorted(told) == ["draws", "key", "lag", "method", "parameter 'birth'", "records"]


class Holey:
    """A density with holes, and a sampler that meets three."""

    problem = "holey"

    def __init__(self):
        self.refusals = Refusals()
        self.recall = self.refusals.add

    refused = property(lambda self: self.refusals.counts)
    last_refused = property(lambda self: self.refusals.last)

    def __call__(self, key, u):
        for cause in ("leak", "leak", "parameters"):
            self.refusals(types.SimpleNamespace(cause=cause), np.array([float(u), np.nan]))
        return {"u": u + jax.random.normal(key), "n": jnp.arange(3)}

    def eval_shape(self, key, u):
        return {"u": 0, "n": 0}


def test_libraries_that_are_not_installed_are_no_fault(monkeypatch):
    """Chains of filters do without BlackJAX."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    told = resuming.fields(PROBLEM, "posterior", {"key": 0})
    assert told["version of blackjax"] == field("not installed")


def test_points_without_a_density_are_counted_by_a_run_that_goes_on(tmp_path):
    """As many, the same, and once."""
    found = []
    for files in (Files(tmp_path / "run", None), Files(None, tmp_path / "run")):
        sampler, density = object.__new__(Nuts), Holey()
        sampler._density, sampler._steps = density, 3
        with journal(files, {"key": field(1)}):
            found.append(sampler._found("draws", density, jax.random.key(1), jnp.asarray(0.25)))
        assert density.refused == Counter({"leak": 2, "parameters": 1})
        assert [one.cause for one in density.last_refused] == ["leak", "leak", "parameters"]
        for one in density.last_refused:
            assert isinstance(one, Refusal)
            np.testing.assert_array_equal(one.u, [0.25, np.nan])
    assert digest(found[0]) == digest(found[1])


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.*is sound in its first")
def test_chains_of_nuts_go_on_bit_for_bit_on_a_space_that_was_enlarged(tmp_path):
    """Which depends on points without a density."""

    def draw(**more):
        return jumpax.posterior(PROBLEM, key=0, method="nuts", chains=2, draws=60, warm_up=60, **more)

    assert cut_off(draw, tmp_path / "draws").notes["times the space was enlarged"] == 1
