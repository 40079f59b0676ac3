"""Rates that depend on time explicitly: paths are exact whatever the bounds, and a bound that is broken is told.

Chi-square tests have a threshold of 1e-6 each; there are about 40, so that the file raises a false alarm once in 25,000
runs. Seeds were fixed before looking.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax import Network, Reaction, Status, simulate
from jumpax._base import random
from jumpax.engines import inputs as make_inputs
from jumpax.engines import load_lanes, save_lanes
from jumpax.engines.program import Program, Times
from jumpax.engines.xla import Xla
from jumpax.folds import Score, Snapshots
from tables import same_paths
from time_dependent import (
    SEASON,
    SIR_START,
    SIR_THETA,
    SIR_TIMES,
    by_curve,
    numpy_season,
    p_value,
    seasonal_sir,
    sir_bounds,
    sir_law,
    sir_states,
)

ENGINES = ["xla", "cpu"]
ROWS = [
    ("cpu", "float32"),
    ("xla", "float64"),
    *(pytest.param(*row, marks=pytest.mark.long) for row in (("cpu", "float64"), ("xla", "float32"))),
]
"""Engines and precisions; each of them once in every run, the other pairs are `long`."""
LEAST = 1e-6


def steps(k, t):
    """20 k, then k, then 8 k."""
    return k * jnp.where(t < 1.0, 20.0, jnp.where(t < 2.0, 1.0, 8.0))


ARRIVALS = Network([Reaction("0 -> X", steps)])


def poisson(counts, mean):
    found = np.bincount(counts)
    return p_value(found, len(counts) * stats.poisson.pmf(np.arange(len(found)), mean))


@pytest.mark.parametrize(
    "bound", [25.0, [20.0, 1.0, 8.0], [21.0, 90.0, 9.0], None], ids=["one", "tight", "unlike", "found"]
)
@pytest.mark.parametrize(("engine", "precision"), ROWS)
def test_increments_are_poisson_and_independent(engine, precision, bound):
    paths = simulate(
        ARRIVALS, {"k": 1.0}, {"X": 0}, times=[1.0, 2.0, 3.0], paths=20_000, key=11, bound=bound, engine=engine,
        precision=precision,
    )  # fmt: skip
    rises = np.diff(paths["X"], axis=1, prepend=0)
    for rise, mean in zip(rises.T, (20.0, 1.0, 8.0), strict=True):
        assert poisson(rise, mean) > LEAST, mean
    quarters = np.stack([np.digitize(r, np.unique(np.quantile(r, [0.25, 0.5, 0.75]))) for r in rises.T], 1)
    for first, second in ((0, 1), (1, 2), (0, 2)):
        table = np.zeros((4, 4))
        np.add.at(table, (quarters[:, first], quarters[:, second]), 1)
        table = table[:, table.sum(0) > 0][table.sum(1) > 0]
        assert min(table.shape) > 1
        assert float(stats.chi2_contingency(table).pvalue) > LEAST, (first, second)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("engine", "precision"), ROWS)
def test_seasonal_epidemic_against_its_master_equation(engine, precision):
    network, states = seasonal_sir(), {state: i for i, state in enumerate(sir_states())}
    law = sir_law(numpy_season, **SIR_THETA)
    for bound in (sir_bounds(SEASON.highest), max(sir_bounds(SEASON.highest)), None):
        paths = simulate(
            network, SIR_THETA, SIR_START, times=SIR_TIMES, paths=20_000, key=12, bound=bound, engine=engine,
            precision=precision,
        )  # fmt: skip
        for index in range(len(SIR_TIMES)):
            found = [states[s, i] for s, i in zip(paths["S"][:, index], paths["I"][:, index], strict=True)]
            order = np.argsort(law[index])
            counted = np.bincount(found, minlength=len(states))[order]
            assert p_value(counted, 20_000 * law[index][order]) > LEAST, (bound, index)


@pytest.mark.parametrize("bound", [sir_bounds(SEASON.highest), None], ids=["given", "found"])
@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_engines_follow_each_other(precision, bound):
    network, wrt = seasonal_sir(), ("beta", "gamma")
    made = [
        simulate(network, SIR_THETA, SIR_START, times=SIR_TIMES, paths=20, key=13, bound=bound,
                 engine=engine, precision=precision, record=Score(network, wrt))
        for engine in ("reference", "xla", "cpu")
    ]  # fmt: skip
    for other in made[1:]:
        np.testing.assert_array_equal(other.counts, made[0].counts)
        np.testing.assert_allclose(other.records, made[0].records, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_stops_between_equal_bounds_and_folds_leave_paths_alone(engine):
    network = seasonal_sir()
    bounds = sir_bounds(SEASON.highest)

    def run(times, bound, **options):
        return simulate(
            network, SIR_THETA, SIR_START, times=times, paths=300, key=14, bound=bound, engine=engine, **options
        )

    same_paths(run(SIR_TIMES, 40.0), run(SIR_TIMES, [40.0] * 4))
    coarse = run(SIR_TIMES, bounds)
    fine = run([0.2, 0.5, 0.9, 1.0, 1.1, 2.0, 3.0], [bounds[i] for i in (0, 0, 1, 1, 2, 2, 3)])
    np.testing.assert_array_equal(fine.counts[:, [1, 3, 5, 6]], coarse.counts)
    np.testing.assert_array_equal(fine.end_times, coarse.end_times)
    same_paths(coarse, run(SIR_TIMES, bounds, record=Score(network, ("beta",), window=0.3)))


@pytest.mark.parametrize("engine", ENGINES)
def test_rates_that_jump_at_a_stop_are_read_on_its_right_side(engine):
    """At time 1024 float32 is a multiple of 1.2e-4, before it of 6e-5: some hundred events are rounded to the stop itself."""
    jump = 1024.0
    sides = (lambda a, b, t: jnp.where(t < jump, a, b), lambda a, b, t: jnp.where(t > jump, b, a))
    for network in (Network([Reaction("0 -> X", law)]) for law in sides):
        for before, after in ((200.0, 100.0), (100.0, 200.0)):
            paths = simulate(
                network, {"a": before, "b": after}, {"X": 0}, times=[jump, jump + 0.1], start=jump - 0.1, paths=20_000,
                key=15, bound=[before, after], engine=engine, precision="float32",
            )  # fmt: skip
            assert not paths.faulty.any()


@pytest.mark.parametrize("engine", ["reference", *ENGINES])
def test_a_broken_bound_is_told_with_its_interval(engine, monkeypatch):
    monkeypatch.setattr("jumpax.engines.enlarged.DOUBLINGS", 0)
    options = {"times": [1.0, 2.0, 3.0], "paths": 30, "key": 16, "engine": engine, "bound": [20.0, 1.0, 7.0]}
    with pytest.raises(jumpax.SimulationError, match=r"BOUND_BROKEN.*where bound = 7 until time 3.*larger"):
        simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, **options)
    paths = simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, throw=False, **options)
    broken = paths.status == Status.BOUND_BROKEN
    assert broken.sum() > 20
    assert (paths.counts[broken, :2] >= 0).all()
    assert (paths.counts[broken, 2] == -1).all()
    assert ((paths.end_times[broken] >= 2) & (paths.end_times[broken] <= 3)).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_whose_bound_breaks_is_drawn_anew_as_a_whole(engine, caplog):
    """With four times the bound, 24 where the rate is 20: all paths are those of that bound, those too that did not break the first."""
    options = {"times": [1.0, 2.0, 3.0], "paths": 30, "key": 16, "engine": engine}
    with caplog.at_level("INFO", "jumpax"):
        again = simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, bound=[6.0, 1.0, 8.0], **options)
    assert again.provenance["bound"] == (24.0, 4.0, 32.0)
    assert [text for *_, text in caplog.record_tuples if "broke the bound" in text][-1].endswith("(24.0, 4.0, 32.0)")
    same_paths(again, simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, bound=[24.0, 4.0, 32.0], **options))
    stepped = simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, steps=[5], paths=30, key=16, engine=engine, bound=3.0)
    assert stepped.provenance["bound"] == 24.0


def test_bounds_that_are_none_are_refused():
    cases: list[tuple[Any, str]] = [
        ([1.0, 2.0], r"bound\[i\] up to times\[i\]: 3 of them; got shape \(2,\)"),
        ([1.0, -2.0, float("nan")], "positive number.*got -2, nan"),
        ("high", "positive number"),
        (float("inf"), "below 1e"),
    ]
    for bound, words in cases:
        with pytest.raises(jumpax.InputError, match=words):
            simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, times=[1.0, 2.0, 3.0], paths=2, key=0, bound=bound)
    with pytest.raises(jumpax.InputError, match=r"with steps=\.\.\. give one bound"):
        simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, steps=[3], paths=2, key=0, bound=[25.0])
    stepped = simulate(ARRIVALS, {"k": 1.0}, {"X": 0}, steps=[3], paths=2, key=0, bound=25.0)
    assert (stepped["X"] == 3).all()


def test_a_saved_run_goes_on_with_its_bounds_and_with_no_others(tmp_path):
    program = Program(ARRIVALS, Snapshots(), "float32", bounded=True)

    def inputs(bound):
        stops = Times((1.0, 2.0, 3.0), 0.0, bound)
        return make_inputs.make(program, stops, random.key_words(1), {"k": np.array(1.0)}, np.array([0]), 200)

    engine, own = Xla(), inputs((20.0, 1.0, 8.0))
    whole = engine.advance(program, own, engine.start(program, own, 256), 10_000)
    whole = engine.collect(program, own, whole)
    save_lanes(tmp_path / "run", engine.advance(program, own, engine.start(program, own, 256), 1), program, own)
    lanes = load_lanes(tmp_path / "run", engine.start(program, own, 256), program, own)
    after = engine.collect(program, own, engine.advance(program, own, lanes, 10_000))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), after, whole)
    other = inputs((20.0, 2.0, 8.0))
    with pytest.raises(jumpax.InputError, match=r"inputs\.stops"):
        load_lanes(tmp_path / "run", engine.start(program, other, 256), program, other)


def test_the_law_of_a_curve_runs_on_the_fast_engine():
    assert by_curve(jnp.float32(2), jnp.float32(3), jnp.float32(0.5), jnp.float32(0.7)) == np.float32(1.9) * 3
    paths = simulate(seasonal_sir(), SIR_THETA, SIR_START, times=[1.0], paths=4, key=0, bound=100.0)
    assert paths.provenance["engine"] == "cpu"
