"""Paths that float32 cannot follow are drawn again in float64, and come out right."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.cli import main

LATE = 4096 + 2.0**-13
"""Here the clock of float32 resolves 1.5e-11; a wait at a total rate of 1e9 is less than half of that with probability 7e-3."""
EXCHANGE = jumpax.Network([
    jumpax.Reaction("A <-> B", jumpax.MassAction("k"), jumpax.MassAction("k")),
])  # fmt: skip
THETA, START = {"k": 5e7}, {"A": 20, "B": 0}
LONG = 2.0**-23
"""Ten times the relaxation time 1 / (2 k): A is binomial(20, 1/2), after some 100 events."""
STEEP = jumpax.Network([
    jumpax.Reaction("0 -> B", lambda A, v, K, n: v * A**n / (K**n + A**n)), jumpax.Reaction("B -> 0", jumpax.MassAction("d")),
], species=["A", "B"])  # fmt: skip
STEEP_THETA, STEEP_START = {"v": 10.0, "K": 20_000.0, "n": 9.0, "d": 1.0}, {"A": 30_000, "B": 0}
STEEP_MEAN = 10.0 * 1.5**9 / (1 + 1.5**9) * (1 - np.exp(-2.0))
"""B is Poisson with this mean at time 2."""


def late(paths, engine="cpu", **more):
    return jumpax.simulate(
        EXCHANGE, THETA, START, times=[LATE, LATE + LONG], start=LATE, paths=paths, key=7, engine=engine, **more
    )


def test_stalled_paths_go_on_in_float64_and_the_run_says_how_many():
    """z below 4 for mean and variance: a false alarm in 8,000 runs."""
    paths = late(4_000)
    assert not paths.faulty.any()
    assert 1_000 < paths.redrawn.sum() < 3_600  # of 120 events each
    counts = paths["A"][:, -1]
    assert abs(counts.mean() - 10.0) < 4 * np.sqrt(5.0 / 4_000)
    assert abs(counts.var() - 5.0) < 4 * np.sqrt(2 * 5.0**2 / 4_000)
    assert np.all(paths.counts.sum(-1) == 20)
    assert np.all(np.abs(paths.end_times - LATE) <= LONG * 1.001)


def test_which_paths_are_drawn_again_depends_on_nothing_but_themselves():
    whole, few, single = late(256), late(100), late(256, threads=1)
    assert whole.redrawn.any()
    for field in ("counts", "status", "events", "redrawn", "end_times"):
        assert np.array_equal(getattr(whole, field)[:100], getattr(few, field))
        assert np.array_equal(getattr(whole, field), getattr(single, field))


@pytest.mark.parametrize("engine", ["xla", "reference"])
def test_other_engines_draw_the_same_paths_again(engine):
    paths = 24
    one, other = late(paths), late(paths, engine)
    assert one.redrawn.any()
    assert np.array_equal(one.redrawn, other.redrawn)
    assert np.array_equal(one.counts, other.counts)
    exact = late(paths, engine, precision="float64")
    assert not exact.redrawn.any()
    for field in ("counts", "events", "status"):
        assert np.array_equal(getattr(other, field)[other.redrawn], getattr(exact, field)[other.redrawn])


def test_with_theta_per_path_folds_and_a_log():
    theta = {"k": np.full(64, 5e7)}
    times = [LATE + LONG]
    common = {"times": times, "start": LATE, "paths": 64, "key": 7}
    shared = jumpax.simulate(EXCHANGE, THETA, START, record=jumpax.ReactionCounts(EXCHANGE), **common)
    own = jumpax.simulate(EXCHANGE, theta, START, record=jumpax.ReactionCounts(EXCHANGE), **common)
    logged = jumpax.simulate(EXCHANGE, THETA, START, record=jumpax.Events(), **common)
    assert shared.redrawn.any()
    assert np.array_equal(shared.counts, own.counts)
    assert np.array_equal(shared.counts, logged.counts)
    for path in np.flatnonzero(logged.redrawn):
        times, reactions = logged.log.of(path)
        assert np.all(np.diff(times) >= 0)
        assert len(reactions) == logged.events[path]
        assert logged["A"][path, -1] == 20 - (reactions == 0).sum() + (reactions == 1).sum()
        assert shared.records[0][path, -1] == (reactions == 0).sum()


def test_an_overflowing_propensity_is_computed_in_float64():
    paths = jumpax.simulate(STEEP, STEEP_THETA, STEEP_START, times=[2.0], paths=2_000, key=3)
    assert paths.redrawn.all()
    assert abs(paths["B"].mean() - STEEP_MEAN) < 4 * np.sqrt(STEEP_MEAN / 2_000)


def test_what_is_wrong_in_float64_too_is_told():
    bad = jumpax.Network([jumpax.Reaction("A -> 0", lambda A, k: -k * A)])
    with pytest.raises(jumpax.SimulationError, match="BAD_PROPENSITY: 5 of 5"):
        jumpax.simulate(bad, {"k": 1.0}, {"A": 3}, times=[1.0], paths=5, key=0)


def expected(engine=None):
    return jumpax.expectation(
        lambda counts: counts["B"],
        STEEP,
        STEEP_START,
        [2.0],
        paths=2_000,
        gradient=jumpax.ScoreFunction(),
        engine=engine,
    )


def test_expectations_and_their_gradients_use_the_float64_paths():
    """d mean / d v = mean / v; z below 4."""
    mean = expected()
    made = mean.estimate(STEEP_THETA, 3, wrt=["v"])
    assert abs(made.value[0] - STEEP_MEAN) < 4 * made.standard_error[0]
    assert abs(made.gradient["v"][0] - STEEP_MEAN / 10) < 4 * made.gradient_standard_error["v"][0]
    assert made.redrawn == 2_000
    assert "2000 paths were drawn again in float64" in made.note
    assert jax.jit(lambda theta: mean.estimate(theta, jax.random.key(3)))(STEEP_THETA).redrawn == 2_000
    value, slope = jax.jit(jax.value_and_grad(lambda v: mean({**STEEP_THETA, "v": v}, jax.random.key(3))[0]))(10.0)
    assert np.isclose(value, made.value[0])
    assert np.isclose(slope, made.gradient["v"][0], rtol=1e-4)
    batch = jax.vmap(lambda v: mean({**STEEP_THETA, "v": v}, jax.random.key(3))[0])(jnp.array([10.0, 20.0]))
    assert np.isclose(batch[0], made.value[0])


def test_an_ordinary_expectation_has_none():
    model = jumpax.zoo.birth_death()
    for gradient in (jumpax.ScoreFunction(), jumpax.TrapezoidalTangent(), jumpax.Automatic(exact=False)):
        mean = jumpax.expectation(jumpax.Moments("X"), model, times=[1.0], paths=400, gradient=gradient)
        assert mean.estimate(model.theta, 0).redrawn == 0
    mean = jumpax.expectation(
        jumpax.Moments("X"), model, times=[1.0], paths=40, gradient=jumpax.ScoreFunction(), engine="xla"
    )
    assert mean.estimate(model.theta, 0).redrawn is None


def test_xla_inside_a_program_gives_no_number_rather_than_a_wrong_one():
    mean = expected("xla")
    assert np.isnan(jax.jit(lambda theta: mean(theta, jax.random.key(3)))(STEEP_THETA)).all()


def test_the_command_says_how_many(tmp_path, capsys):
    file = tmp_path / "steep.ant"
    file.write_text(
        "species A = 30000, B = 0; -> B; v*A^n*K/(K^n*K + A^n*K); B -> ; d*B; v = 10; K = 20000; n = 9; d = 1"
    )
    main(["simulate", str(file), "--times", "2", "--paths", "10", "--json"])
    assert json.loads(capsys.readouterr().out)["redrawn_in_float64"] == 10
    main(["simulate", str(file), "--times", "2", "--paths", "10"])
    assert "10 of the paths were drawn again in float64" in capsys.readouterr().out


def test_delayed_reactions():
    """B begins to appear at 1/2, so it is Poisson with mean 10 s (1 - exp(-3/2)) at 2, s the saturation; z below 4."""
    exact = STEEP_MEAN / (1 - np.exp(-2.0)) * (1 - np.exp(-1.5))
    late = {"∅ -> B": jumpax.FixedDelay(0.5)}
    paths = jumpax.simulate(STEEP.with_delays(late), STEEP_THETA, STEEP_START, times=[2.0], paths=300, key=3)
    assert paths.redrawn.all()
    assert abs(paths["B"].mean() - exact) < 4 * np.sqrt(exact / 300)
