"""The engine for large networks: path by path with the reference, and by law.

Path by path equality is exact but for near ties; statistical tests have false-alarm rates below 1e-4 each, seeds fixed before
the first look.
"""

import itertools

import jax
import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax import MassAction, Network, Reaction, zoo
from jumpax.engines import choice
from jumpax.engines.tables.laws import laws_of
from jumpax.engines.tables.layout import layout_of
from jumpax.engines.tables.order import order_of
from jumpax.folds import FirstPassage, ReactionCounts, Score, TimeAverages
from jumpax.networks import Family
from jumpax.observables import Activity, Current, PathSums

DIMERS = Network(
    [
        Reaction("A + A -> D", MassAction("k")),
        Reaction("A + D -> T", MassAction("k")),
        Reaction("D -> A + A", MassAction("d")),
        Reaction("T -> 0", MassAction("d")),
        Reaction("0 -> A", MassAction("b")),
        Reaction("0 -> D", MassAction("b")),
    ]
)
SQUARE = Network(  # two of one kind: all pairs, each kind with itself too
    [
        Reaction("A + A -> C0", MassAction("k")),
        Reaction("A + B -> C1", MassAction("k")),
        Reaction("B + B -> C2", MassAction("k")),
        Reaction("C1 -> A", MassAction("d")),
    ]
)
OVERLAP = Network(  # species that stand on both sides
    [Reaction(f"{a} + {b} -> X", MassAction("k")) for a in "ABC" for b in "BCD" if (a, b) != ("C", "B")]
    + [Reaction(f"X -> {made}", MassAction("d")) for made in ("A", "B + C", "D")]
)
MIXED = Network(  # weights, numbers for rates, catalysts, other laws
    [
        Reaction("A + E -> B + E", MassAction(0.02)),
        Reaction("B + E -> A + E", MassAction(0.05)),
        Reaction("A -> B", lambda A, k: k * A / (10 + A)),
        Reaction("B -> A", lambda B, k: k * B / (10 + B)),
        Reaction("0 -> E", lambda A, k, d: k * d / (1 + A)),
        Reaction("E -> 0", MassAction("d")),
        Reaction("3 A -> B", MassAction("k")),
    ]
)
NETWORKS = {
    "dimers": (DIMERS, {"k": 0.02, "d": 0.3, "b": 4.0}, {"A": 30, "D": 4, "T": 0}),
    "square": (SQUARE, {"k": 0.02, "d": 0.5}, {"A": 30, "B": 20, "C0": 0, "C1": 0, "C2": 0}),
    "overlap": (OVERLAP, {"k": 0.01, "d": 0.5}, {"A": 10, "B": 20, "C": 7, "D": 9, "X": 0}),
    "mixed": (MIXED, {"k": 0.7, "d": 0.3}, {"A": 12, "B": 20, "E": 3}),
    **{n: (m.network, m.theta, m.x0) for n in ("repressilator", "toggle_switch") for m in [getattr(zoo, n)()]},
}
TIMES = (0.3, 0.7, 1.0)


@pytest.fixture(autouse=True)
def small_is_large(monkeypatch):
    """All networks are drawn in the order of this engine."""
    monkeypatch.setattr(choice, "LARGE", 1)


def drawn(network, theta, x0, engine="tables", **options):
    given = {"times": TIMES, "paths": 5, "key": 11, "precision": "float64", **options}
    return jumpax.simulate(network, theta, x0, engine=engine, **given)


def alike(one, other):
    """Equal, but for the last digits of what is summed in another order."""
    assert (one.counts == other.counts).all()
    assert (one.status == other.status).all()
    assert (one.events == other.events).all()
    for a, b in zip(jax.tree.leaves((one.records, one.end_times)), jax.tree.leaves((other.records, other.end_times))):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NETWORKS)
def test_paths_and_folds_are_those_of_the_reference(name):
    network, theta, x0 = NETWORKS[name]
    folds = (TimeAverages(network), ReactionCounts(network, since_stop=True), Score(network, network.parameters))
    made = [drawn(network, theta, x0, engine, record=folds) for engine in ("tables", "reference")]
    assert made[0].events.min() > 0
    alike(*made)


def test_stops_after_events_with_a_score_of_choices():
    network, theta, x0 = NETWORKS["mixed"]
    folds = (Score(network, ("k", "d"), waiting=False), ReactionCounts(network, (0, 3)), TimeAverages(network, (2,)))
    made = [drawn(network, theta, x0, e, times=None, steps=[0, 3, 17], record=folds) for e in ("tables", "reference")]
    alike(*made)


@pytest.mark.parametrize("name", ["dimers", "square", "overlap", "mixed"])
def test_currents_and_activities(name):
    """Of all reactions, of some that share a constant with others, and of those that undo each other."""
    network, theta, x0 = NETWORKS[name]
    names = [str(reaction.name) for reaction in network.reactions]
    rates = [Activity(network), Activity(network, names[0], names[2], names[-1])]
    undone = {"dimers": (0,), "mixed": (0, 2)}.get(name, ())
    rates += [Current(network, names[number]) for number in undone]
    made = [drawn(network, theta, x0, engine, record=PathSums(*rates)) for engine in ("tables", "reference")]
    alike(*made)
    assert made[0].provenance["engine"] == "tables"
    assert (made[0].records[0].events[:, -1] == made[0].events).all()


def test_a_passage_ends_the_path():
    network, theta, x0 = NETWORKS["dimers"]
    fold = FirstPassage(network, lambda counts: counts["D"] >= 9)
    made = [drawn(network, theta, x0, engine, record=fold, paths=12) for engine in ("tables", "reference")]
    assert 0 < made[0].records[0][:, -1].sum() < 12
    alike(*made)


def test_numbers_of_each_path():
    network = NETWORKS["mixed"][0]
    own = {"k": np.linspace(0.2, 1.5, 5), "d": np.full(5, 0.3)}
    start = {"A": np.arange(8, 13), "B": np.full(5, 20), "E": np.arange(5)}
    folds = (Score(network, ("k",)),)
    made = [drawn(network, own, start, engine, record=folds) for engine in ("tables", "reference")]
    alike(*made)


def test_an_end_is_named():
    grow = Network([Reaction("A -> 2 A", MassAction("k")), Reaction("A -> 0", MassAction("d"))])
    for theta, x0, most, times in (
        ({"k": 5.0, "d": 0.1}, {"A": 50}, 40, (1.0,)),
        ({"k": 0.1, "d": 5.0}, {"A": 3}, 1000, (50.0,)),
    ):
        made = [drawn(grow, theta, x0, e, max_events=most, times=times, throw=False) for e in ("tables", "reference")]
        alike(*made)
    with pytest.warns(jumpax.JumpaxWarning, match="does not vanish"):
        takes = Network([Reaction("A -> 0", lambda A, k: k + 0 * A)])
    made = [drawn(takes, {"k": 9.0}, {"A": 2}, e, throw=False) for e in ("tables", "reference")]
    assert (made[0].status == jumpax.Status.NEGATIVE_COUNT).any()
    alike(*made)
    bad = Network([Reaction("0 -> A", lambda A, k: k * (4 - A)), Reaction("A -> 0", MassAction("k"))])
    made = [drawn(bad, {"k": 3.0}, {"A": 7}, engine, throw=False) for engine in ("tables", "reference")]
    assert (made[0].status == jumpax.Status.BAD_PROPENSITY).all()
    alike(*made)


def test_paths_depend_on_nothing_else():
    network, theta, x0 = NETWORKS["overlap"]
    plain = drawn(network, theta, x0, paths=7)
    alike(plain, drawn(network, theta, x0, paths=7, threads=3))
    more = drawn(network, theta, x0, paths=9, times=(0.1, 0.3, 0.5, 0.7, 0.9, 1.0), record=TimeAverages(network))
    assert (more.counts[:7, [1, 3, 5]] == plain.counts).all()
    narrow = drawn(network, theta, x0, paths=7, precision="float32")
    assert (narrow.counts == plain.counts).all()


def goes_on(file, network, theta, x0, **options):
    """The whole run, after the same has been interrupted and has gone on."""
    whole = drawn(network, theta, x0, **options)

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn(network, theta, x0, progress=stop, save=file, **options)
    on = drawn(network, theta, x0, resume=file, **options)
    for a, b in zip(jax.tree.leaves((whole.counts, whole.records)), jax.tree.leaves((on.counts, on.records))):
        assert (a == b).all()
    return whole


def test_a_run_goes_on_where_it_was_interrupted(tmp_path):
    network, theta, x0 = NETWORKS["dimers"]
    options = {"times": [200.0, 400.0], "paths": 3, "record": TimeAverages(network), "threads": 1}
    goes_on(tmp_path / "run", network, theta, x0, **options)


def test_each_reaction_has_its_whole_propensity():
    for network, _, _ in NETWORKS.values():
        order = order_of(network)
        np.testing.assert_allclose(np.bincount(order.reactions, order.fractions), 1.0, rtol=1e-12)


def test_products_are_found():
    """Reactions of one constant between all species of two kinds, or of one, are one term; so are rows of equal shape."""
    assert layout_of(SQUARE).terms == 2
    whole = [Reaction(f"{a} + {b} -> X", MassAction("k")) for a in "ABC" for b in "DEF"]
    assert layout_of(Network(whole)).terms == 1
    rows = [Reaction(f"{a} + {b} -> X", MassAction("k")) for a, b in ("AD", "BD", "BE", "CD", "CE")]
    assert layout_of(Network(rows)).terms == 2


@pytest.mark.parametrize("name", ["dimers", "square", "overlap"])
def test_the_law_is_that_of_the_master_equation(name):
    """Chi-square of one count, p > 1e-5."""
    network, theta, x0 = NETWORKS[name]
    x0 = {species: min(count, 6) for species, count in x0.items()}
    theta = {**theta, **({"b": 1.0} if "b" in theta else {})}
    paths = drawn(network, theta, x0, times=[1.5], paths=20_000, key=5)
    space = jumpax.exact.StateSpace.reachable(network, x0, {"A": 26, "D": 22, "T": 12} if name == "dimers" else 14)
    law = jumpax.exact.distribution(space, theta, [1.5])
    marginal = np.asarray(law.marginal(network.species[0]))[0]
    observed = np.bincount(paths.counts[:, 0, 0], minlength=len(marginal))[: len(marginal)]
    expected = np.asarray(marginal) * 20_000
    some = expected > 8
    observed, expected = (np.append(n[some], 20_000 - n[some].sum()) for n in (observed, expected))
    square = ((observed - expected) ** 2 / np.maximum(expected, 1.0)).sum()
    assert stats.chi2.sf(square, some.sum()) > 1e-5


def rules(sites=3):
    """A network as rules write it: molecules with sites that bind partners, change, and let go, whatever else is bound."""
    states = ["".join(s) for s in itertools.product("ubp", repeat=sites)]
    reactions = []
    for state, site in itertools.product(states, range(sites)):

        def turned(to, state=state, site=site):
            return f"M_{state[:site]}{to}{state[site + 1 :]}"

        if state[site] == "u":
            reactions.append(Reaction(f"M_{state} + L -> {turned('b')}", MassAction(f"on{site}")))
        if state[site] == "b":
            reactions.append(Reaction(f"{turned('b')} -> {turned('u')} + L", MassAction(f"off{site}")))
            reactions.append(Reaction(f"{turned('b')} -> {turned('p')} + L", MassAction(f"act{site}")))
        if state[site] == "p":
            reactions.append(Reaction(f"{turned('p')} -> {turned('u')}", MassAction("rest")))
    theta = {name: 0.3 + 0.1 * i for i, name in enumerate(Network(reactions).parameters)}
    theta |= {name: 0.01 for name in theta if name.startswith("on")}
    network = Network(reactions)
    return (
        network,
        theta,
        {name: 60 if name == "L" else 40 if name == "M_" + sites * "u" else 0 for name in network.species},
    )


def test_a_network_of_rules_follows_the_reference():
    network, theta, x0 = rules()
    assert layout_of(network).terms <= len(network.parameters)
    made = [drawn(network, theta, x0, e, paths=2, times=None, steps=[200]) for e in ("tables", "reference")]
    alike(*made)


def test_a_family_of_mass_action():
    n = 12
    ring = Family.mass_action(np.eye(n, dtype=int), np.roll(np.eye(n, dtype=int), 1, 0), "hop")
    network = Network([Reaction("0 -> x0", MassAction("b"))], families=[ring])
    theta = {"hop": np.linspace(0.5, 2, n), "b": 3.0}
    x0 = np.arange(n)
    made = [drawn(network, theta, x0, e, record=TimeAverages(network)) for e in ("tables", "reference")]
    alike(*made)


def test_the_score_of_shared_constants_is_a_derivative():
    """d E[X] / d theta against the exact means of a linear network; z below 4.5."""
    n = 30
    chain = [Reaction(f"X{i} -> X{i + 1}", MassAction("k")) for i in range(n)]
    network = Network([*chain, Reaction("0 -> X0", MassAction("b"))])
    x0 = dict.fromkeys(network.species, 0) | {"X0": 200}
    mean = jumpax.expectation(
        jumpax.Moments("X0", "X2"), network, x0, [1.0], paths=4000, gradient=jumpax.ScoreFunction(), engine="tables"
    )
    got = mean.estimate({"k": 0.8, "b": 5.0}, 3)

    def exact(k, b):
        gone = stats.poisson.pmf([0, 2], k)  # of those that were there
        made = [(1 - np.exp(-k)) / k, 1 / k * stats.gamma.cdf(k, 3)]
        return 200 * gone + b * np.array(made)

    step = 1e-5
    for name, slope in (
        ("k", (exact(0.8 + step, 5.0) - exact(0.8 - step, 5.0)) / (2 * step)),
        ("b", (exact(0.8, 5.0 + step) - exact(0.8, 5.0 - step)) / (2 * step)),
    ):
        z = (got.gradient[name][0, :, 0] - slope) / got.gradient_standard_error[name][0, :, 0]
        assert np.abs(np.asarray(z)).max() < 4.5


def test_large_networks_choose_it(monkeypatch):
    monkeypatch.setattr(choice, "LARGE", 200)
    network = Network([Reaction(f"X{i} -> X{(i + 1) % 250}", MassAction("k")) for i in range(250)])
    x0 = dict.fromkeys(network.species, 2)
    paths = jumpax.simulate(network, {"k": 1.0}, x0, times=[1.0], paths=3, key=0)
    assert paths.provenance["engine"] == "tables"
    assert (paths.counts.sum(-1) == 500).all()


def test_what_it_does_not_do_is_named():
    network, theta, x0 = NETWORKS["dimers"]
    late = Network([Reaction("A -> B", MassAction("k"), delay=jumpax.FixedDelay(1.0))])
    with pytest.raises(jumpax.UnsupportedError, match=r"tables.*delay"):
        drawn(late, {"k": 1.0}, {"A": 3, "B": 0})
    with pytest.raises(jumpax.UnsupportedError, match="Tangent"):
        jumpax.simulate(
            network,
            theta,
            x0,
            times=[1.0],
            paths=2,
            key=0,
            engine="tables",
            record=jumpax.folds.Tangent(network, ("k",)),
        )


def test_the_log_has_every_event():
    network, theta, x0 = NETWORKS["overlap"]
    paths = drawn(network, theta, x0, record=jumpax.Events())
    counted = drawn(network, theta, x0, record=ReactionCounts(network))
    assert (paths.counts == counted.counts).all()
    for number in range(5):
        times, reactions = paths.log.of(number)
        assert (np.diff(times) > 0).all()
        before = np.bincount(reactions[times <= TIMES[1]], minlength=len(network.reactions))
        assert before.tolist() == [column[number, 1] for column in counted.records]


def test_rates_of_a_network_of_rules_are_fitted_and_audited(monkeypatch):
    """Estimates within 4.5 of their standard errors and those of the data."""
    monkeypatch.setattr(choice, "LARGE", 100)
    network, theta, x0 = rules()
    seen, times = [s for s in network.species if s.count("b") == 1] + ["L"], [0.5, 1.5]
    data = drawn(network, theta, x0, times=times, paths=2000, key=21)
    means = {s: data[s].mean(0) for s in seen}
    errors = {s: np.maximum(data[s].std(0), 0.1) / np.sqrt(2000) for s in seen}
    given = {name: jumpax.Fixed(value) for name, value in theta.items()}
    given |= {name: jumpax.Free(theta[name] * 1.5) for name in ("on0", "act1")}
    problem = jumpax.Problem(network, x0, jumpax.losses.TimeSeries(times, means, errors, paths=2000), given)
    found = jumpax.fit(problem)
    for name in ("on0", "act1"):
        assert abs(found.estimates[name] - theta[name]) < 4.5 * found.standard_errors[name]
    audit = jumpax.audit(network, theta, x0, [0.5], observable=jumpax.Moments("L"), paths=500, wrt=["on0", "rest"])
    assert not audit.refused
    assert max(abs(row.z) for row in audit.rows) < 4.5


def test_the_score_of_a_passage_ends_with_it():
    """The passage of births to 6 takes 6 / k, whatever stops come after it, while rates go on; z below 4.5."""
    network = Network([Reaction("0 -> N", MassAction("k"))])
    passage = jumpax.PassageTime(lambda counts: counts["N"] >= 6)
    mean = jumpax.expectation(
        passage, network, {"N": 0}, [1.0, 30.0, 60.0], paths=4000, gradient=jumpax.ScoreFunction(), engine="tables"
    )
    got = mean.estimate({"k": 2.0}, 8)
    assert (got.value.reached[1:] == 1).all()
    for stop in (1, 2):
        assert abs(got.value.time[stop] - 3.0) < 4.5 * got.standard_error.time[stop]
        slope, error = got.gradient["k"].time[stop], got.gradient_standard_error["k"].time[stop]
        assert abs(slope + 1.5) < 4.5 * error
        assert error < 0.05  # (T - E T) S has a standard deviation of about 1.6


def test_large_changes_and_weights_are_whole():
    """What a reaction adds to a sum may be more than 32 bits hold."""
    made = [Reaction("0 -> 300000000 A", MassAction("b"))]
    network = Network([*made, *(Reaction(f"A -> B{i}", MassAction("k")) for i in range(12))])
    x0 = dict.fromkeys(network.species, 0)
    made = [
        drawn(network, {"b": 2.0, "k": 1e-8}, x0, engine, paths=3, throw=False) for engine in ("tables", "reference")
    ]
    assert made[0].counts.max() > 200_000_000
    alike(*made)


def test_a_negative_constant_is_named_where_it_makes_a_propensity_negative(tmp_path):
    text = "begin parameters\n1 a 1.0\n2 b 2.0\nend parameters\nbegin species\n1 A() 0\n2 B() 3\nend species\nbegin reactions\n1 1 0 (a-b)\n2 2 1 a\nend reactions\n"
    (tmp_path / "model.net").write_text(text)
    model = jumpax.read(tmp_path / "model.net")
    made = [drawn(model.network, model.theta, model.x0, e, throw=False) for e in ("tables", "reference")]
    alike(*made)
    assert (made[0].events > 0).any()
    assert (made[0].status == jumpax.Status.BAD_PROPENSITY).any()


def test_what_moves_a_large_network_to_another_engine_is_told():
    network, theta, x0 = NETWORKS["dimers"]
    sums = jumpax.folds.Martingale(network)
    with pytest.warns(jumpax.JumpaxWarning, match="'tables'.*draws other paths"):
        paths = jumpax.simulate(network, theta, x0, times=[1.0], paths=2, key=0, record=sums)
    assert paths.provenance["engine"] == "cpu"


def test_laws_of_one_kind_are_one_function():
    """Without being traced, whatever their names."""
    ring = [
        Reaction(f"0 -> X{i}", jumpax.networks.Hill(f"X{(i + 1) % 9}", "beta", "K", 2.0, kind=form))
        for i in range(9)
        for form in ("activation", "repression")
    ]
    network = Network([*ring, *(Reaction(f"X{i} -> 0", MassAction("d")) for i in range(9))])
    laws = laws_of(network, layout_of(network).laws)
    assert len(laws.kind) == 18
    assert len(laws.kinds) == 2
    assert None not in {r.law.signature(r.reactants) for r in network.reactions}
    made = [
        drawn(network, {"beta": 5.0, "K": 3.0, "d": 1.0}, dict.fromkeys(network.species, 4), e)
        for e in ("tables", "reference")
    ]
    alike(*made)
