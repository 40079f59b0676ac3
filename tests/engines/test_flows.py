"""Continuous variables beside jumps, against laws in closed form and dense solutions of differential equations.

z-scores stay below 4.5 (7e-6 each, some 100 of them), chi-square above 1e-6; seeds were fixed before the first look.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import jumpax
from flow_laws import START, THETA, TIMES, flowing, means, network, variances
from jumpax import Event, InputError, MassAction, Network, Reaction, Status, UnsupportedError
from jumpax.engines import attempt
from jumpax.engines import flowing as steps
from jumpax.networks import Need

GROWTH = {"V": lambda V, growth: growth * V}


def near(paths, mean, variance):
    size = len(paths.counts)
    z = (paths.counts.mean(0) - mean) * np.sqrt(size / variance)
    assert (np.abs(z) < 4.5).all(), z
    spread = (paths.counts.var(0, ddof=1) / variance - 1) * np.sqrt(size / (2 + 1 / np.minimum(variance, mean)))
    assert (np.abs(spread) < 4.5).all(), spread  # the kurtosis of Poisson and binomial laws is below 3 + 1 / variance


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_cell_ramp_channel_and_doses_by_their_laws(precision):
    close = {"float64": 2e-9, "float32": 1e-5}[precision]
    partition = precision == "float32"
    everything = network(partition)
    paths = jumpax.simulate(everything, THETA, START, times=TIMES, paths=4000, key=61, precision=precision)
    near(paths, means(THETA, partition), variances(THETA, partition))
    for number, name in enumerate(everything.flowing):
        expected = [flowing(THETA, t)[number] for t in TIMES]
        np.testing.assert_allclose(paths[name], np.broadcast_to(expected, paths[name].shape), rtol=close)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_stops_and_folds_leave_no_trace_and_the_reference_agrees(precision):
    division = Event.when(lambda V, largest: largest <= V, {"V": lambda V: V / 2, "B": lambda B: B // 2})
    dose = Event.at(0.5, {"make": lambda make: 2 * make})
    reactions = [Reaction("0 -> B", lambda make, V: make * V), Reaction("B -> 0", MassAction("lose"))]
    cell = Network(reactions, flows=GROWTH, events=[division, dose])
    theta = {name: THETA[name] for name in cell.parameters}
    how = {"x0": {"B": 0}, "key": 60, "precision": precision}
    paths = jumpax.simulate(cell, theta, times=TIMES, paths=200, engine="xla", **how)
    often = (0.1, *TIMES[:2], 1.1, 1.5, 1.50001, TIMES[2])
    seen = jumpax.simulate(cell, theta, times=often, paths=200, record=jumpax.TimeAverages(cell), **how)
    followed = jumpax.simulate(cell, theta, times=TIMES, paths=2, engine="reference", **how)
    assert (seen.counts[:, [1, 2, 6]] == paths.counts).all()
    assert (seen["V"][:, [1, 2, 6]] == paths["V"]).all()
    assert (followed.counts == paths.counts[:2]).all()
    assert (followed.events == paths.events[:2]).all()
    np.testing.assert_allclose(followed["V"], paths["V"][:2], rtol={"float64": 1e-12, "float32": 2e-6}[precision])


def test_reactions_of_pairs_in_a_growing_volume_by_their_master_equation():
    pairs = Network([Reaction("2 A -> A", lambda A, V, k: k * A * (A - 1) / V)], flows=GROWTH)
    rates = np.arange(31) * np.arange(-1, 30)

    def flux(t, p):
        out = 0.4 * rates * np.exp(-1.3 * t) * p
        return np.append(out[1:], 0.0) - out

    law = integrate.solve_ivp(flux, (0, 0.7), np.eye(31)[30], rtol=1e-10, atol=1e-12).y[:, -1]
    theta = {"V": 1.0, "growth": 1.3, "k": 0.4}
    counts = jumpax.simulate(pairs, theta, {"A": 30}, times=[0.7], paths=20_000, key=62)["A"][:, 0]
    found, kept = np.bincount(counts, minlength=31), 20_000 * law > 8
    cells = [*zip(found[kept], 20_000 * law[kept]), (found[~kept].sum(), 20_000 * law[~kept].sum())]
    observed, expected = np.array(cells).T
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-6


def test_what_flows_reads_counts_and_the_time():
    """x' = A - x with births and deaths of A: moments close; s' = cos(t)."""
    births = [Reaction("0 -> A", MassAction("b")), Reaction("A -> 0", MassAction("d"))]
    model = Network(births, flows={"x": lambda A, x: A - x, "s": lambda t: jnp.cos(t)})
    b, d = 6.0, 0.8

    def moments(t, m):
        a, x, aa, ax, xx = m
        return [b - d * a, a - x, b + 2 * b * a + d * a - 2 * d * aa, b * x - d * ax + aa - ax, 2 * (ax - xx)]

    a, x, _, ax, xx = integrate.solve_ivp(moments, (0, 3), [2, 0, 4, 0, 0], rtol=1e-10, atol=1e-10).y[:, -1]
    theta = {"b": b, "d": d, "x": 0.0, "s": 0.0}
    paths = jumpax.simulate(model, theta, {"A": 2}, times=[3.0], paths=6000, key=63)
    level, count = paths["x"][:, 0].astype(float), paths["A"][:, 0].astype(float)
    for sample, mean in ((level, x), (count, a), (level**2, xx), (level * count, ax)):
        assert abs(sample.mean() - mean) < 4.5 * sample.std() / 6000**0.5, (sample.mean(), mean)
    np.testing.assert_allclose(paths["s"][:, 0], np.sin(3.0), atol=2e-5)


def test_a_law_that_reads_the_time_needs_no_bound():
    model = Network([Reaction("0 -> A", lambda k, V, t: k * V * t)], flows={"V": 0.0})
    paths = jumpax.simulate(model, {"k": 3.0, "V": 2.0}, {"A": 0}, times=[1.0, 3.0], paths=4000, key=64)
    z = (paths["A"].mean(0) - [3.0, 27.0]) * np.sqrt(4000 / np.array([3.0, 27.0]))
    assert (np.abs(z) < 4.5).all(), z


def test_half_the_tolerance_changes_nothing_that_is_seen(monkeypatch):
    fast = Network(
        [Reaction("A -> 0", lambda A, x: A * x * x)], flows={"x": "y", "y": lambda x: -9.0 * x}, name="coarse"
    )
    fine = Network(fast.reactions, flows=fast.flows, name="fine")
    theta, seen = {"x": 1.0, "y": 0.0}, []
    for model, factor in ((fast, 1.0), (fine, 0.5)):
        for each, value in dict(steps.TOLERANCE).items():
            monkeypatch.setitem(steps.TOLERANCE, each, factor * value)
        seen.append(jumpax.simulate(model, theta, {"A": 50}, times=[0.3, 2.0], paths=500, key=65, precision="float64"))
    assert attempt.TOLERANCE is steps.TOLERANCE
    assert (seen[0].counts == seen[1].counts).all()
    gap = np.abs(seen[0]["x"] - np.cos(3 * np.array([0.3, 2.0])))
    assert 0 < np.abs(seen[0]["x"] - seen[1]["x"]).max() < 1e-8
    assert gap.max() < 1e-8


def test_moments_of_events_within_steps_and_delays():
    """The clock strikes where x passes 1, and 0.25 later; a moment that a parameter gives comes between."""
    late = Event.when(lambda x: x >= 1.0, {"n": lambda n: n + 1, "when": "t"}, delay=0.25)
    model = Network(
        species=["A"], flows={"x": 2.0}, events=[late, Event.at("at", {"A": lambda A, x: jnp.floor(100 * x)})]
    )
    theta = {"x": 0.0, "n": 0, "when": -1.0, "at": 0.6}
    for engine in ("xla", "reference"):
        paths = jumpax.simulate(
            model, theta, {"A": 0}, times=[0.7, 0.8], paths=2, key=66, engine=engine, precision="float64"
        )
        assert paths["n"].tolist() == [[0, 1]] * 2
        assert paths["A"].tolist() == [[120, 120]] * 2
        np.testing.assert_allclose(paths["when"][:, 1], 0.75, rtol=1e-11)


@pytest.mark.parametrize("engine", ["xla", "reference"])
def test_what_breaks_a_path_is_told(engine):
    """y' = y^2 is 1 / (1 - t); a propensity 0.01 (3 - y) turns negative at 2 where y' = 1."""
    flows = {"y": lambda y, square, slope: square * y * y + slope}
    model = Network([Reaction("0 -> A", lambda y, k: k * (3.0 - y))], flows=flows)
    explodes, rises = (
        {"y": 1.0, "square": 1.0, "slope": 0.0, "k": 0.0},
        {"y": 1.0, "square": 0.0, "slope": 1.0, "k": 0.01},
    )
    how = {"x0": {"A": 0}, "key": 67, "engine": engine, "precision": "float64"}
    for theta, time, expected in (
        (explodes, 0.999, Status.REACHED), (rises, 1.9, Status.REACHED), (rises, 2.1, Status.BAD_PROPENSITY),
    ):  # fmt: skip
        paths = jumpax.simulate(model, theta, times=[0.5, time], paths=2, throw=False, **how)
        assert (paths.status == expected).all()
        np.testing.assert_allclose(paths["y"][:, 0], 2.0 if theta is explodes else 1.5, rtol=1e-8)
    told = r"FLOW_BROKEN: 2 of 2 paths; path 0 at time 1 with A = 0.*dy/dt = .*y \* y"
    with pytest.raises(jumpax.SimulationError, match=told):
        jumpax.simulate(model, explodes, times=[0.5, 1.001], paths=2, **how)


@pytest.mark.parametrize(
    ("engine", "precision"), [("xla", "float32"), ("reference", "float32"), ("reference", "float64")]
)
def test_conditions_that_come_true_again_and_again_within_long_steps(engine, precision):
    """A volume that grows and divides, and a ball that bounces: steps of any length solve both between their events."""
    divides = Event.when(lambda V: V >= 2, {"V": 1.0, "n": lambda n: n + 1})
    bounces = Event.when(lambda h: h < 0, {"v": lambda v, keep: -keep * v, "m": lambda m: m + 1})
    model = Network(species=["A"], flows={"V": 1.0, "h": "v", "v": -10.0}, events=[divides, bounces])
    theta = {"V": 1.0, "n": 0.0, "h": 5.0, "v": 0.0, "m": 0.0, "keep": 0.95}
    falls = np.cumsum([1.0, *2 * 0.95 ** np.arange(1, 30)])
    times = np.array([1.5, 5.5, 20.5])
    bounced = np.searchsorted(falls, times)
    since = times - falls[bounced - 1]
    paths = jumpax.simulate(model, theta, {"A": 0}, times=times, paths=1, key=70, engine=engine, precision=precision)
    assert paths["n"].tolist() == [[1, 5, 20]]
    assert paths["m"].tolist() == [bounced.tolist()]
    late = (
        2 * {"float32": 2.0**-20, "float64": 2.0**-40}[precision]
    )  # each time is so late at most, a bounce and a flight last 2 units
    np.testing.assert_allclose(paths["V"], [[1.5] * 3], atol=20 * late)
    np.testing.assert_allclose(  # a late bounce comes from below, is faster, and takes four times as long to make up for it
        paths["h"], [10 * 0.95**bounced * since - 5 * since**2], atol=4 * late * 10 * bounced[-1]
    )


@pytest.mark.parametrize("engine", ["xla", "reference"])
def test_a_flow_that_takes_too_many_steps_ends(engine, monkeypatch):
    """Steps of at most 3.3 / k, where the solver is stable, and those thrown away: 600, of which an event leaves 400 and 200."""
    monkeypatch.setattr("jumpax.engines.flow_turn.MOST_STEPS", 500)
    monkeypatch.setattr("jumpax.engines.reference.flowing.MOST_STEPS", 500)
    flows, event = {"x": lambda x, k: 1.0 - k * x}, Event.at("at", {"n": 1.0})
    model = Network(species=["A"], flows=flows, events=[event], name="stiff")
    how = {"x0": {"A": 0}, "times": [0.6, 1.0], "paths": 1, "key": 69, "engine": engine, "precision": "float64"}
    theta = {"x": 0.0, "k": 1000.0, "n": 0.0}
    paths = jumpax.simulate(model, {**theta, "at": 0.5}, **how)
    np.testing.assert_allclose(paths["x"], [[1e-3, 1e-3]], rtol=1e-9)
    with pytest.raises(jumpax.SimulationError, match=r"STEP_BUDGET: 1 of 1 .*dx/dt = .*the flow is stiff"):
        jumpax.simulate(model, {**theta, "at": 2.0}, **how)
    ended = jumpax.simulate(model, {**theta, "at": 2.0}, throw=False, **how)
    assert ended.status == Status.STEP_BUDGET
    np.testing.assert_allclose(ended["x"], [[1e-3, np.nan]], rtol=1e-9)


def test_no_reaction_and_no_species():
    cell = Network(flows=GROWTH, events=[Event.when(lambda V: V >= 2, {"V": lambda V: V / 2})])
    assert cell.needs == {Need.FLOW, Need.TRIGGER}
    paths = jumpax.simulate(cell, {"V": 1.0, "growth": np.log(2.0)}, {}, times=[0.5, 3.5], paths=2, key=68)
    np.testing.assert_allclose(paths["V"], np.full((2, 2), 2**0.5), rtol=1e-5)
    assert paths.counts.shape == (2, 2, 0)
    assert paths.valid.all()


def test_what_is_not_there_is_refused_by_name():
    birth = Reaction("0 -> A", lambda V: V)
    model, theta, start = Network([birth], flows=GROWTH), {"V": 1.0, "growth": 1.0}, {"A": 0}
    ask = {"theta": theta, "x0": start, "paths": 2, "key": 0}
    for told, how in {
        "no bound beside continuous variables": {"times": [1.0], "bound": 9.0},
        "no stops after numbers of events beside continuous": {"steps": [3]},
        r"engine 'cpu' does not treat continuous variables \('V'\)": {"times": [1.0], "engine": "cpu"},
    }.items():
        with pytest.raises(UnsupportedError, match=told):
            jumpax.simulate(model, **ask, **how)
    for told, make in {
        "'A' flows, but is a species": lambda: Network([birth], flows={"A": 1.0}),
        "flows map variables to their rates of change": lambda: Network([birth], flows=["V"]),
        "no flows beside reactions that complete later": lambda: Network(
            [Reaction("0 -> A", MassAction("k"), delay=jumpax.FixedDelay(1.0))], flows=GROWTH
        ),
        "the rate of change of 'V' is a number, a name or a function": lambda: Network([birth], flows={"V": None}),
        "parameter 'growth' is missing": lambda: jumpax.simulate(model, {"V": 1.0}, start, times=[1.0], paths=2, key=0),
    }.items():
        with pytest.raises(InputError, match=told):
            make()
    with pytest.raises(UnsupportedError, match="the rate of change of 'V' draws a random number"):
        Network([birth], flows={"V": jumpax.draw("normal", 0, 1)})
    assert "continuous variables:\n  dV/dt = growth * V" in model.describe()
    assert model.with_events([]) == model
    assert model.digest != Network([birth], flows={"V": 1.0}).digest != Network([birth]).digest
