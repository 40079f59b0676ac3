"""Rates of large networks that depend on time: path by path with the reference, and by mathematics.

Path by path equality is exact but for near ties. z-scores stay below 4.5 (7e-6 each, some fifty of them), p-values above 1e-5;
seeds fixed before the first look.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from test_tables import NETWORKS, alike, drawn, small_is_large  # noqa: F401

import jumpax
from jumpax import Event, MassAction, Network, Reaction
from jumpax.engines import choice
from jumpax.folds import FirstPassage, ReactionCounts, Score, TimeAverages
from jumpax.networks.laws import Function

SEASON = jumpax.Curve([0.0, 0.25, 0.5, 0.8, 1.5], [1.2, 2.2, 1.0, 0.3, 1.0])


def wave(A, B, k, t):
    return k * A * SEASON(t) / (5.0 + B)


def fading(k, g, t):
    return k * jnp.exp(-g * t)


TIDE = Network(
    [
        Reaction("A + B -> C", MassAction("on")),
        Reaction("C -> A + B", MassAction("off")),
        Reaction("A -> 0", Function(wave, ("A", "B", "k", "t"))),
        Reaction("B -> 0", Function(wave, ("B", "C", "k", "t"))),
        Reaction("0 -> A", Function(fading, ("b", "g", "t"))),
        Reaction("0 -> B", MassAction("b")),
        Reaction("C -> 0", lambda C, k, t: k * C * jnp.where(t < 0.6, 0.5, 2.0)),
    ]
)
THETA, X0 = {"on": 0.02, "off": 0.5, "k": 0.9, "b": 30.0, "g": 1.5}, {"A": 20, "B": 10, "C": 3}
BOUNDS = {"found": None, "one": 260.0, "each": [150.0, 260.0, 220.0]}


@pytest.mark.parametrize("bound", BOUNDS)
def test_paths_and_folds_are_those_of_the_reference(bound):
    folds = (TimeAverages(TIDE), ReactionCounts(TIDE, since_stop=True))
    made = [drawn(TIDE, THETA, X0, e, record=folds, bound=BOUNDS[bound], paths=8) for e in ("tables", "reference")]
    assert made[0].events.min() > 10
    alike(*made)
    if bound == "found":
        passage = FirstPassage(TIDE, lambda counts: counts["C"] >= 6)
        alike(*[drawn(TIDE, THETA, X0, engine, record=passage, paths=8) for engine in ("tables", "reference")])


def test_a_passage_under_bounds_that_change():
    passage = FirstPassage(TIDE, lambda counts: counts["C"] >= 6)
    bound = BOUNDS["each"]
    made = [drawn(TIDE, THETA, X0, e, record=passage, bound=bound, paths=12) for e in ("tables", "reference")]
    reached, when = made[0].records
    early = reached[:, 0]  # before the bound changes
    assert early.any()
    np.testing.assert_allclose(made[0].end_times[early], when[early, 0], rtol=1e-14)
    assert (made[0].counts == made[1].counts).all()
    assert (made[0].status == made[1].status).all()
    np.testing.assert_array_equal(reached, made[1].records[0])
    np.testing.assert_allclose(when, made[1].records[1], rtol=1e-12)


def test_a_bound_of_rates_that_stay():
    network, theta, x0 = NETWORKS["mixed"]
    made = [drawn(network, theta, x0, engine, bound=[3000.0, 2700.0, 2700.0]) for engine in ("tables", "reference")]
    alike(*made)


def test_stops_after_numbers_of_reactions():
    for bound in (None, 300.0):
        made = [drawn(TIDE, THETA, X0, e, times=None, steps=[0, 5, 40], bound=bound) for e in ("tables", "reference")]
        alike(*made)


LIVELY = TIDE.with_events(
    [
        Event.at(0.4, {"A": lambda A: A + 10, "k": lambda k: 2 * k}),
        Event.when(lambda C: C >= 6, {"C": 0, "b": lambda b: 0.7 * b}),
    ]
)


def test_with_events():
    for bound in (None, 500.0):
        made = [drawn(LIVELY, THETA, X0, engine, bound=bound, paths=8) for engine in ("tables", "reference")]
        alike(*made)
        assert (made[0]["b"][:, -1] < 30).any()


def test_paths_depend_on_nothing_else():
    plain = drawn(TIDE, THETA, X0, paths=7)
    alike(plain, drawn(TIDE, THETA, X0, paths=7, threads=3))
    times = (0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0)
    more = drawn(TIDE, THETA, X0, paths=9, times=times, record=(TimeAverages(TIDE), Score(TIDE, ("k", "b"))))
    assert (more.counts[:7, [1, 4, 6]] == plain.counts).all()
    narrow = drawn(TIDE, THETA, X0, paths=7, precision="float32")
    assert (narrow.counts == plain.counts).mean() > 0.9  # rates read parameters of float32


def test_a_bound_that_breaks_is_doubled_for_all_paths():
    paths = drawn(TIDE, THETA, X0, paths=20, bound=20.0)
    assert paths.provenance["bound"] > 20.0
    same = drawn(TIDE, THETA, X0, paths=20, bound=paths.provenance["bound"])
    assert (same.counts == paths.counts).all()


def test_a_rate_without_end_is_refused_and_has_bounds_that_are_given():
    network = Network([Reaction("0 -> A", lambda k, t: k * t), Reaction("A -> 0", MassAction("d"))])
    with pytest.raises(jumpax.UnsupportedError, match="no largest value"):
        drawn(network, {"k": 40.0, "d": 0.2}, {"A": 0})
    paths = drawn(network, {"k": 40.0, "d": 0.0}, {"A": 0}, bound=[13.0, 29.0, 41.0], paths=4000)
    for counts, time in zip(paths["A"].T, (0.3, 0.7, 1.0)):
        mean = 20.0 * time**2
        assert abs(counts.mean() - mean) < 4.5 * (mean / 4000) ** 0.5
        assert abs(counts.var() / mean - 1) < 4.5 * ((2 + 1 / mean) / 4000) ** 0.5


def test_it_ends_where_nothing_can_fire():
    network = Network([Reaction("A -> 0", lambda A, k, t: k * A * jnp.where(t < 0.5, 1.0, 0.0))])
    made = [drawn(network, {"k": 1.0}, {"A": 20}, engine) for engine in ("tables", "reference")]
    assert (made[0].status == jumpax.Status.ABSORBED).all()
    alike(*made)


def test_wrong_rates_are_named():
    network = Network([Reaction("0 -> A", lambda k, t: k * jnp.where(t < 0.5, 1.0, -1.0)), *TIDE.reactions[:2]])
    theta, x0 = {"k": 50.0, "on": 0.02, "off": 0.5}, {"A": 3, "B": 4, "C": 0}
    made = [drawn(network, theta, x0, engine, throw=False) for engine in ("tables", "reference")]
    assert (made[0].status == jumpax.Status.BAD_PROPENSITY).all()
    assert (made[0].counts[:, 0] == made[1].counts[:, 0]).all()


def births(species, season):
    """Births of many kinds, by one law with a parameter each; molecules of all kinds die."""

    def born(b, t):
        return b * season(t)

    made = [Reaction(f"0 -> X{i}", Function(born, (f"b{i}", "t"))) for i in range(species)]
    return Network([*made, *(Reaction(f"X{i} -> 0", MassAction("d")) for i in range(species))])


def test_a_large_network_with_a_season_has_the_law_and_the_derivatives_it_should_have():
    """Counts are Poisson, with means that follow d m / d t = b s(t) - d m."""
    many, season = 130, lambda t: jnp.exp(-0.8 * t) * SEASON(t)
    network = births(many, season)
    theta = {f"b{i}": 3.0 + 0.1 * i for i in range(many)} | {"d": 0.7}
    x0 = dict.fromkeys(network.species, 0)

    def mean(b, d, at):
        times = np.linspace(0, at, 4001)
        inside = np.asarray(season(times)) * np.exp(-d * (at - times))
        return b * (inside.sum() - (inside[0] + inside[-1]) / 2) * (times[1] - times[0])

    observed = jumpax.Moments("X0", "X100")
    found = jumpax.expectation(observed, network, x0, [0.6, 1.5], paths=4000, gradient=jumpax.ScoreFunction())
    got = found.estimate(theta, 19, wrt=["d", "b0", "b100"])
    z, step = [], 1e-4
    for row, at in enumerate((0.6, 1.5)):
        for column, (name, b) in enumerate((("b0", 3.0), ("b100", 13.0))):
            z.append((got.value[row, column, 0] - mean(b, 0.7, at)) / got.standard_error[row, column, 0])
            slopes = {name: mean(1.0, 0.7, at), "d": (mean(b, 0.7 + step, at) - mean(b, 0.7 - step, at)) / (2 * step)}
            for wrt, slope in slopes.items():
                gap = got.gradient[wrt][row, column, 0] - slope
                z.append(gap / got.gradient_standard_error[wrt][row, column, 0])
    assert np.abs(z).max() < 4.5, z
    paths = jumpax.simulate(network, theta, x0, times=[1.5], paths=4000, key=23)
    assert paths.provenance["engine"] == "tables"
    expected = 4000 * stats.poisson.pmf(np.arange(25), mean(13.0, 0.7, 1.5))
    seen = np.bincount(paths["X100"][:, 0], minlength=25)[:25]
    some = expected > 8
    square = ((seen - expected)[some] ** 2 / expected[some]).sum()
    assert stats.chi2.sf(square, some.sum()) > 1e-5


@functools.cache
def ends_of_steps(network, name):
    """Counts of A with a parameter a tenth lower, and a tenth higher."""
    return [
        drawn(network, THETA | {name: THETA[name] * (1 + sign * 0.1)}, X0, paths=40_000, key=key, times=[0.5, 1.0])["A"]
        for sign, key in ((-1, 51), (1, 52))
    ]


@pytest.mark.parametrize(
    ("network", "bound"), [(TIDE, None), (TIDE, 400.0), (LIVELY, None)], ids=["found", "given", "events"]
)
def test_the_score_has_mean_zero_and_gives_derivatives(network, bound):
    """Against central differences of means; what they leave out of the third order is far below their errors."""
    fold = Score(network, ("k", "b", "g", "on"))
    paths = drawn(network, THETA, X0, paths=20_000, record=fold, times=[0.5, 1.0], bound=bound)
    ahead = paths["A"] - paths["A"].mean(0)
    for name, score in zip(fold.wrt, paths.records):
        z = score.mean(0) / (score.std(0) / len(score) ** 0.5)
        assert np.abs(z).max() < 4.5, (name, z)
        ends = ends_of_steps(network, name)
        slope = (ends[1].mean(0) - ends[0].mean(0)) / (0.2 * THETA[name])
        error = np.hypot(*(end.std(0) / 200 for end in ends)) / (0.2 * THETA[name])
        made = score * ahead
        z = (made.mean(0) - slope) / np.hypot(made.std(0) / 20_000**0.5, error)
        assert np.abs(z).max() < 4.5, (name, z)


def test_a_null_event_makes_a_bound_tight(monkeypatch):
    """A rate that has faded costs nothing, however little else happens to what it reads."""
    monkeypatch.setattr(choice, "LARGE", 1)
    network = Network([Reaction("0 -> A", lambda k, t: k * jnp.exp(-50.0 * t)), Reaction("0 -> B", MassAction("b"))])
    paths = drawn(
        network, {"k": 1e9, "b": 1.0}, {"A": 0, "B": 0}, times=[1000.0], paths=2, max_events=10**9, steps=None
    )
    assert (paths.counts[:, 0, 0] > 1e7).all()


def test_kinds_of_laws_that_read_the_time_are_told_apart():
    def law(X, k, t):
        return k * X * jnp.exp(-t)

    made = [Reaction("A -> B", Function(law, ("A", "k", "t"))), Reaction("B -> A", Function(law, ("B", "h", "t")))]
    network = Network([*made, Reaction("0 -> A", Function(law, ("k", "h", "t")))])
    theta, x0 = {"k": 2.0, "h": 1.0}, {"A": 20, "B": 3}
    alike(*[drawn(network, theta, x0, engine) for engine in ("tables", "reference")])
    with jax.enable_x64(True):
        assert drawn(network, theta, x0).events.min() > 0
