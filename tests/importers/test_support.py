"""The table of what is read: each smallest file is read or refused as it says, and what is read runs."""

import dataclasses
import itertools
import warnings

import numpy as np
import pytest
import support
from model_files import written

import jumpax
from jumpax import Event
from jumpax.importers import FileModel, Formula
from jumpax.networks import Flow, MassAction, Network, Reaction
from jumpax.networks.equation import write
from jumpax.networks.expressions.expression import Call, Name

FILES = [(feature, file) for feature in support.FEATURES for file in feature.files()]
READ = [(feature, file) for feature, file in FILES if not file.refused]


@pytest.mark.parametrize(("feature", "file"), FILES, ids=[f"{a.name}{b.suffix}" for a, b in FILES])
def test_read_or_refused(tmp_path, feature, file):
    path = written(tmp_path, f"m{file.suffix}", file.text)
    if file.refused:
        with pytest.raises((jumpax.InputError, jumpax.UnsupportedError)) as refusal:
            jumpax.read(path)
        assert file.refused in str(refusal.value).replace(str(tmp_path), "")  # which has the name of the feature
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        model = jumpax.read(path)
    assert model.without_events.reactions
    assert bool(model.events) == (feature.engines == support.EVENTS)


def named(expression, sign):
    """The expression with another sign at the end of each name."""
    if isinstance(expression, Call):
        return Call(expression.operator, tuple(named(argument, sign) for argument in expression.arguments))
    return Name(expression.name + sign) if isinstance(expression, Name) else expression


def beside(models):
    """Models next to each other in one network, so that one compilation runs all of them."""
    reactions, theta, x0, events, flows = [], {}, {}, [], []
    for place, model in enumerate(models):
        sign = f"~{place}"
        for r in model.without_events.reactions:
            sides = [tuple((s + sign, n) for s, n in side) for side in (r.reactants, r.products)]
            law = (
                MassAction(f"{r.law.rate}{sign}") if isinstance(r.law, MassAction)
                else Formula(named(r.law.expression, sign), tuple(s + sign for s in r.law.counts))
            )  # fmt: skip
            reactions.append(Reaction(write(*sides), law, name=r.name + sign))
        flows += [Flow(flow.name + sign, named(flow.rate, sign)) for flow in model.without_events.flows]
        theta |= {name + sign: value for name, value in model.theta.items()}
        x0 |= {name + sign: count for name, count in model.x0.items()}
        for e in model.events:
            assigned = tuple((name + sign, named(value, sign)) for name, value in e.assignments)
            priority = None if e.priority is None else named(e.priority, sign)
            events.append(
                dataclasses.replace(
                    e, name=e.name + sign, trigger=named(e.trigger, sign), assignments=assigned, priority=priority
                )
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jumpax.JumpaxWarning)
        return FileModel(Network(reactions, species=tuple(x0), flows=flows), theta, x0, events=tuple(events))


def models(folder, engines):
    for number, (feature, file) in enumerate(READ):
        if feature.engines == engines:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", jumpax.JumpaxWarning)
                yield jumpax.read(written(folder, f"m{number}{file.suffix}", file.text))


@pytest.mark.parametrize("engines", [pytest.param(support.ALL, marks=pytest.mark.long), support.ARRAYS], ids="-".join)
def test_what_is_read_runs_alike_on_the_engines(tmp_path, engines):
    """Equal counts; engines differ at near ties in the last bit of float32, which a few hundred events do not meet."""
    whole = beside(models(tmp_path, engines))
    assert len(whole.network.reactions) > 2 * (len(engines) - 1)
    how = {"times": [0.02], "paths": 3, "key": 8, "precision": "float32"}
    how |= {"bound": 3000.0} if whole.network.thinned else {}
    runs = [jumpax.simulate(whole.network, whole.theta, whole.x0, engine=engine, **how) for engine in engines]
    assert runs[0].events.max() > 0
    for one, other in itertools.pairwise(runs):
        np.testing.assert_array_equal(one.counts, other.counts)
        np.testing.assert_allclose(one.end_times, other.end_times, rtol=1e-4)


def test_what_one_engine_does_not_run_it_refuses(tmp_path):
    for model in models(tmp_path, support.ARRAYS):
        with pytest.raises(jumpax.UnsupportedError):
            jumpax.simulate(model, times=[0.1], paths=2, key=0, engine="cpu")


@pytest.mark.long
@pytest.mark.parametrize("engine", support.ALL)
@pytest.mark.parametrize("number", [0, 1])
def test_events_run_on_all_engines(tmp_path, engine, number):
    model = list(models(tmp_path, support.EVENTS))[number]
    paths = jumpax.simulate(model, times=[1.0, 2.0], paths=8, key=3, engine=engine, precision="float32")
    assert paths.events.min() > 0


def test_the_document_has_the_table_of_today():
    text = support.DOCUMENT.read_text(encoding="utf-8")
    assert text == support.replaced(text), "python tests/importers/support.py writes it"


def test_an_event_is_a_text():
    assert str(Event("e", Call("gt", (Name("A"), Name("B"))), (("A", Name("B")),))) == "A = B when A > B"
