"""Events of large networks: path by path with the reference, and by mathematics.

Path by path equality is exact but for near ties; z-scores stay below 4.5 (7e-6 each, some ten of them), seeds fixed before the
first look.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from test_tables import DIMERS, MIXED, TIMES, alike, drawn, goes_on, rules, small_is_large  # noqa: F401

import jumpax
from jumpax import Event, MassAction, Network, Reaction
from jumpax.engines import choice
from jumpax.engines.tables import engine
from jumpax.folds import FirstPassage, ReactionCounts, Score, TimeAverages

DOSES = [
    Event.at(0.2, {"A": lambda A, dose: A + dose}, name="dose"),
    Event.at("late", {"A": lambda A: A // 2, "k": lambda k: 2 * k, "late": lambda late: late + 0.3}, name="again"),
    Event.when(lambda D, most: most <= D, {"D": 1, "n": lambda n: n + 1, "d": lambda d, t: d * (1 + t)}, name="full"),
]
LIVELY = {
    "dimers": (
        DIMERS.with_events(DOSES),
        {"k": 0.02, "d": 0.3, "b": 4.0, "dose": 7, "late": 0.35, "most": 9, "n": 0},
        {"A": 30, "D": 4, "T": 0},
    ),
    "mixed": (
        MIXED.with_events(
            [
                Event.when(lambda A, B: B > 3 * A, {"k": lambda k: 0.5 * k, "A": lambda A: A + 9}, name="few"),
                Event.at(0.5, {"d": "level", "E": lambda E, B: E + B // 4}, name="switch"),
            ]
        ),
        {"k": 0.7, "d": 0.3, "level": 0.9},
        {"A": 20, "B": 20, "E": 9},
    ),
}


@pytest.mark.parametrize("name", LIVELY)
def test_paths_and_folds_are_those_of_the_reference(name):
    network, theta, x0 = LIVELY[name]
    wrt = ("d", "b") if name == "dimers" else ("k", "d", "level")
    folds = (TimeAverages(network), ReactionCounts(network, since_stop=True), Score(network, wrt))
    made = [drawn(network, theta, x0, e, record=folds, paths=8) for e in ("tables", "reference")]
    alike(*made)
    for value in network.moved:
        np.testing.assert_allclose(made[0][value], made[1][value], rtol=1e-12)
    changed = "n" if name == "dimers" else "k"
    assert (made[0][changed][:, -1] != theta[changed]).any()


def test_stops_after_numbers_of_reactions():
    network, theta, x0 = LIVELY["dimers"]
    folds = (ReactionCounts(network), TimeAverages(network, (0, 2)))
    made = [
        drawn(network, theta, x0, e, times=None, steps=[0, 3, 17, 40], record=folds) for e in ("tables", "reference")
    ]
    alike(*made)


def test_a_start_later_than_zero_and_numbers_of_each_path():
    network, theta, x0 = LIVELY["dimers"]
    own = {**theta, "late": np.linspace(0.1, 0.9, 5), "k": np.linspace(0.01, 0.05, 5)}
    for start in (0.0, 0.25):
        made = [drawn(network, own, x0, e, start=start) for e in ("tables", "reference")]
        alike(*made)


def test_paths_depend_on_nothing_else():
    network, theta, x0 = LIVELY["dimers"]
    plain = drawn(network, theta, x0, paths=7)
    alike(plain, drawn(network, theta, x0, paths=7, threads=3))
    times = (0.1, 0.2, 0.3, 0.35, 0.5, 0.7, 0.9, 1.0)
    more = drawn(network, theta, x0, paths=9, times=times, record=(TimeAverages(network), Score(network, ("b",))))
    assert (more.counts[:7, [2, 5, 7]] == plain.counts).all()
    assert (more["late"][:7, [2, 5, 7]] == plain["late"]).all()
    narrow = drawn(network, theta, x0, paths=7, precision="float32")
    assert (narrow.counts == plain.counts).all()


def test_a_run_goes_on_where_it_was_interrupted(tmp_path):
    network, theta, x0 = LIVELY["dimers"]
    options = {"times": [100.0, 200.0], "paths": 3, "record": TimeAverages(network), "threads": 1}
    theta = {**theta, "late": 1e9}
    whole = goes_on(tmp_path / "run", network, theta, x0, **options)
    assert whole["n"].max() > 3


def test_an_event_may_bring_the_passage_and_the_end():
    network, theta, x0 = LIVELY["dimers"]
    fold = FirstPassage(network, lambda counts: counts["A"] >= 36)
    made = [drawn(network, theta, x0, e, record=fold, paths=12) for e in ("tables", "reference")]
    reached, when = made[0].records
    assert (when[reached] == 0.2).any()
    alike(*made)


def test_order_priority_and_chance_at_one_moment():
    """Of equal priority chance decides: each order half of the time."""
    events = [
        Event.at(0.5, {"A": lambda A: 10 * A}, priority=1, name="times"),
        Event.at(0.5, {"A": lambda A: A + 1}, priority=1, name="more"),
        Event.at(0.5, {"D": "A"}, name="last"),
    ]
    network = DIMERS.with_events(events)
    theta, x0 = {"k": 0.0, "d": 0.0, "b": 0.0}, {"A": 2, "D": 0, "T": 0}
    made = [drawn(network, theta, x0, e, paths=40) for e in ("tables", "reference")]
    alike(*made)
    many = drawn(network, theta, x0, paths=4000)
    assert set(many["A"][:, -1].tolist()) == {21, 30}
    assert (many["D"][:, -1] == many["A"][:, -1]).all()
    assert abs((many["A"][:, -1] == 21).mean() - 0.5) < 4.5 * 0.5 / 4000**0.5


def test_what_is_wrong_is_named_as_by_the_reference():
    def on(*events):
        return DIMERS.with_events(events), {"k": 0.02, "d": 0.3, "b": 4.0}, {"A": 30, "D": 4, "T": 0}

    for event, status in (
        (Event.at(0.5, {"A": 2.5}), jumpax.Status.BAD_ASSIGNMENT),
        (Event.at(0.5, {"A": lambda D: D - 100}), jumpax.Status.BAD_ASSIGNMENT),
        (Event.at(0.5, {"k": -1.0}), jumpax.Status.BAD_PROPENSITY),
    ):
        made = [drawn(*on(event), e, throw=False) for e in ("tables", "reference")]
        assert (made[0].status == status).all()
        alike(*made)
    storm = [Event.when(lambda D: D > 4, {"D": 0}), Event.when(lambda D: D == 0, {"D": 5})]
    made = [drawn(*on(*storm), e, throw=False, paths=2) for e in ("tables", "reference")]
    assert (made[0].status == jumpax.Status.EVENT_STORM).any()
    assert (made[0].status == made[1].status).all()
    with pytest.raises(jumpax.SimulationError, match=r"BAD_ASSIGNMENT.*'half' sets A to 2\.5"):
        drawn(*on(Event.at(0.5, {"A": 2.5}, name="half")))


def test_scores_follow_parameters_that_events_change():
    """Doubled, set to others, and scaled by the counts: by the chain rule, as the reference does it."""
    network = MIXED.with_events(
        [
            Event.at(0.2, {"k": lambda k, f: f * k, "d": "level"}),
            Event.at(0.6, {"d": lambda d, A, k: d * (1 + A / 100) + 0.1 * k}),
            Event.at(0.9, {"k": 0.0}),
        ]
    )
    theta, x0 = {"k": 0.7, "d": 0.3, "f": 1.5, "level": 0.6}, {"A": 12, "B": 20, "E": 3}
    fold = Score(network, ("k", "d", "f", "level"))
    alike(*[drawn(network, theta, x0, e, record=fold) for e in ("tables", "reference")])


def test_the_score_of_expressions(tmp_path):
    """Rate constants that are expressions of parameters, some of which events change."""
    text = "begin parameters\n1 a 1.0\n2 b 2.0\nend parameters\nbegin species\n1 A() 9\n2 B() 3\nend species\nbegin reactions\n1 1 2 (a*b)\n2 2 1 (a+b)\n3 0 1 b\nend reactions\n"
    (tmp_path / "model.net").write_text(text)
    model = jumpax.read(tmp_path / "model.net")
    network = model.network.with_events([Event.at(0.4, {"a": lambda a: a + 0.7})])
    fold = Score(network, ("a", "b"))
    alike(*[drawn(network, model.theta, model.x0, e, record=fold) for e in ("tables", "reference")])


def chain(n):
    """Molecules come in, hop along and stay at the end."""
    return [Reaction("0 -> X0", MassAction("b")), *(Reaction(f"X{i} -> X{i + 1}", MassAction("k")) for i in range(n))]


def test_a_large_network_with_doses_has_the_mean_it_should_have():
    """Of a linear network: counts are sums of independent molecules. The choice of tables is automatic, and so are gradients."""
    doses = [Event.at(0.5, {"X0": lambda X0, dose: X0 + dose}), Event.at(1.0, {"k": "fast"})]
    network = Network(chain(250), events=doses)
    x0 = dict.fromkeys(network.species, 0)
    theta = {"b": 5.0, "k": 0.8, "dose": 100, "fast": 2.0}

    def mean(theta):
        """Of X0 and X2 at 1.5."""
        k, fast = theta["k"], theta["fast"]
        clock = lambda t: k * jnp.minimum(t, 1.0) + fast * jnp.maximum(t - 1.0, 0.0)  # noqa: E731
        share = lambda s: jnp.exp(-s) * jnp.array([1.0, s**2 / 2])  # noqa: E731
        born = jnp.linspace(0, 1.5, 3001)
        rows = jax.vmap(lambda t: share(clock(1.5) - clock(t)))(born)
        came = theta["b"] * 5e-4 * (rows.sum(0) - (rows[0] + rows[-1]) / 2)
        return came + theta["dose"] * share(clock(1.5) - clock(0.5))

    observed = jumpax.Moments("X0", "X2")
    found = jumpax.expectation(observed, network, x0, [1.5], paths=4000, gradient=jumpax.ScoreFunction())
    got = found.estimate(theta, 17, wrt=["b", "k", "fast"])
    with jax.enable_x64(True):
        exact, slopes = mean(theta), jax.jacobian(mean)({name: jnp.float64(value) for name, value in theta.items()})
    z = [(got.value[0, :, 0] - np.asarray(exact)) / got.standard_error[0, :, 0]]
    for name in ("b", "k", "fast"):
        z.append((got.gradient[name][0, :, 0] - np.asarray(slopes[name])) / got.gradient_standard_error[name][0, :, 0])
    assert np.abs(z).max() < 4.5
    paths = jumpax.simulate(network, theta, x0, times=[1.5], paths=10, key=0)
    assert paths.provenance["engine"] == "tables"


def test_a_condition_in_a_large_network(monkeypatch):
    """Births until there are twelve: a Poisson law cut off, while the others of a ring go on."""
    monkeypatch.setattr(choice, "LARGE", 200)
    ring = [Reaction(f"Y{i} -> Y{(i + 1) % 200}", MassAction("hop")) for i in range(200)]
    enough = Event.when(lambda X0: X0 >= 12, {"b": 0.0}, name="enough")
    network = Network([*ring, Reaction("0 -> X0", MassAction("b"))], events=[enough])
    x0 = dict.fromkeys(network.species, 1) | {"X0": 0}
    paths = jumpax.simulate(network, {"hop": 1.0, "b": 8.0}, x0, times=[1.0, 3.0], paths=2000, key=5)
    assert paths.provenance["engine"] == "tables"
    assert paths["X0"].max() == 12
    assert ((paths["b"] == 0) == (paths["X0"] == 12)).all()
    share = stats.poisson.sf(11, 8.0)
    assert abs((paths["X0"][:, 0] == 12).mean() - share) < 4.5 * (share * (1 - share) / 2000) ** 0.5


def test_a_network_of_rules_with_events_follows_the_reference():
    network, theta, x0 = rules()
    first = [s for s in network.species if s.startswith("M_")]
    events = [
        Event.at(0.02, {"L": lambda L: L + 25, "rest": lambda rest: 3 * rest}),
        Event.when(lambda L: L < 30, {"L": 60, first[0]: 5}),
    ]
    network = network.with_events(events)
    folds = (TimeAverages(network), Score(network, ("on0", "rest", "act1")))
    made = [
        drawn(network, theta, x0, e, paths=2, times=None, steps=[60, 200], record=folds)
        for e in ("tables", "reference")
    ]
    alike(*made)


def test_the_log_has_events_of_the_network_too():
    network, theta, x0 = LIVELY["dimers"]
    times = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0)
    paths = drawn(network, theta, x0, times=times, paths=6, record=jumpax.Events())
    plain = drawn(network, theta, x0, times=times, paths=6)
    assert (paths.counts == plain.counts).all()
    for number in range(6):
        when, what = paths.log.of(number)
        assert (np.diff(when) >= 0).all()
        assert (what < len(network.reactions)).sum() == paths.events[number]
        names = [paths.log.names[w] for w in what]
        assert names.count("dose") == 1
        assert names.count("again") == 3
        assert names.count("full") == plain["n"][number, -1]
        last = paths.log.offsets[number] + np.searchsorted(when, times, side="right") - 1
        assert (paths.log.counts[last] == plain.counts[number]).all()


def test_paths_do_not_depend_on_how_often_they_are_interrupted(monkeypatch):
    network, theta, x0 = LIVELY["dimers"]
    options = {"paths": 4, "threads": 1, "record": (TimeAverages(network), Score(network, ("b",)))}
    whole = drawn(network, theta, x0, **options)
    monkeypatch.setattr(engine, "EVENTS", 1)  # then 4, 16, ..
    parts = drawn(network, theta, x0, **options)
    for a, b in zip(jax.tree.leaves((whole.counts, whole.records)), jax.tree.leaves((parts.counts, parts.records))):
        np.testing.assert_array_equal(a, b)


def test_counts_that_float32_does_not_hold_are_read_in_float64():
    """By drawing such paths again, as on every engine."""
    network = Network(
        [Reaction("0 -> 9000000 A", MassAction("b")), Reaction("0 -> B", MassAction("c"))],
        events=[Event.when(lambda A: A > 30_000_001, {"B": 1000})],
    )
    made = [
        drawn(network, {"b": 2.0, "c": 1.0}, {"A": 0, "B": 0}, times=[1.0, 3.0], precision=precision)
        for precision in ("float32", "float64")
    ]
    assert made[0].redrawn.any()
    assert (made[0].counts == made[1].counts).all()
