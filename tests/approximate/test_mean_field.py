"""The mean field against exact means where these are linear, against closed forms elsewhere, and what it refuses."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import jumpax
from jumpax import InputError, MassAction, Network, Reaction, SimulationError, UnsupportedError, mean_field, zoo
from jumpax.exact import StateSpace, distribution

CLOSE = 2e-5
"""Relative: twenty tolerances of one step."""
DECAY = Network([Reaction("A -> 0", MassAction("k"))])


def test_birth_and_death_has_the_mean_of_the_master_equation():
    model = zoo.birth_death()
    space = StateSpace.reachable(model.network, {"X": 3}, limits={"X": 60})
    times = [0.1, 1.0, 7.0]
    theta = {"birth": 12.0, "death": 0.7}
    exact = distribution(space, theta, times, {"X": 3}, tolerance=1e-9).mean()
    found = mean_field(model, times, theta=theta, x0={"X": 3})
    np.testing.assert_allclose(found.counts, exact, rtol=CLOSE)
    assert found.times == (0.1, 1.0, 7.0)
    assert found.species == ("X",)
    assert "approximate" in repr(found)


def test_a_switching_gene_has_the_mean_of_the_master_equation():
    model = zoo.telegraph()
    space = StateSpace.reachable(model.network, model.x0, limits={"M": 150})
    times = [0.5, 3.0]
    exact = distribution(space, model.theta, times, model.x0).mean()
    np.testing.assert_allclose(
        mean_field(model, times).counts, exact, rtol=1e-4, atol=1e-4
    )  # 1e-6 of it may have leaked


def test_pairs_that_annihilate_follow_their_closed_form():
    """x' = -k x (x - 1), so x / (x - 1) grows as exp(k t); not the 1 / (1 + k x0 t) of k x^2."""
    network = Network([Reaction("2 A -> 0", MassAction("k"))])
    times, k = np.array([0.0, 0.01, 0.1, 1.0, 30.0]), 0.8
    found = mean_field(network, times, theta={"k": k}, x0={"A": 50})
    np.testing.assert_allclose(found["A"], 1 / (1 - (1 - 1 / 50) * np.exp(-k * times)), rtol=CLOSE)
    alone = mean_field(network, [5.0], theta={"k": k}, x0={"A": 1})
    assert alone["A"].tolist() == [1.0]


def test_the_error_falls_as_one_over_the_counts():
    """Kurtz: rates of pairs are divided by the size. Relative errors at ten times the counts are a tenth, to a third."""
    network = Network([Reaction("2 A -> 0", MassAction("k"))])

    def error(size):
        space = StateSpace.reachable(network, {"A": size})
        exact = distribution(space, {"k": 1 / size}, [1.0], {"A": size}).mean()[0, 0]
        return mean_field(network, [1.0], theta={"k": 1 / size}, x0={"A": size})["A"][0] / float(exact) - 1

    assert abs(error(20)) > 1e-3
    assert error(200) == pytest.approx(error(20) / 10, rel=1 / 3)


def test_a_stiff_chain_is_followed_by_its_slow_part():
    laws = {"A -> B": "fast", "B -> A": "back", "B -> C": "slow"}
    network = Network([Reaction(equation, MassAction(rate)) for equation, rate in laws.items()])
    theta, x0 = {"fast": 1e6, "back": 3e6, "slow": 0.5}, np.array([1000.0, 0, 0])
    matrix = np.array([[-1e6, 3e6, 0], [1e6, -3e6 - 0.5, 0], [0, 0.5, 0]])
    times = [1e-7, 1.0, 10.0]
    exact = [expm(matrix * t) @ x0 for t in times]
    found = mean_field(network, times, theta=theta, x0={"A": 1000, "B": 0, "C": 0})
    np.testing.assert_allclose(found.counts, exact, rtol=1e-4, atol=1e-3)


def test_rates_that_depend_on_time():
    """x' = b (1 + sin w t) - g x, from another start than 0."""

    def birth(b, w, t):
        return b * (1 + jnp.sin(w * t))

    network = Network([Reaction("0 -> X", birth), Reaction("X -> 0", MassAction("g"))])
    b, w, g, start = 20.0, 2.0, 0.5, 1.0
    times = np.array([1.0, 2.0, 9.0])

    def particular(t):
        return b / g + b * (g * np.sin(w * t) - w * np.cos(w * t)) / (g**2 + w**2)

    exact = particular(times) + (7 - particular(start)) * np.exp(-g * (times - start))
    found = mean_field(network, times, theta={"b": b, "w": w, "g": g}, x0={"X": 7}, start=start)
    np.testing.assert_allclose(found["X"], exact, rtol=CLOSE)


def test_a_pulse_is_not_stepped_over():
    def pulse(h, t):
        return jnp.where((t > 50.0) & (t < 51.0), h, 0.0)

    network = Network([Reaction("0 -> X", pulse), Reaction("X -> 0", MassAction("g"))])
    found = mean_field(network, [100.0], theta={"h": 40.0, "g": 1e-9}, x0={"X": 0})
    assert found["X"][0] == pytest.approx(40.0, rel=1e-3)


def test_a_fractional_power_comes_to_an_end():
    """x' = -k sqrt(x), so x = (sqrt(x0) - k t / 2)^2 until it is 0."""
    network = Network([Reaction("X -> 0", lambda X, k: k * jnp.sqrt(X))])
    found = mean_field(network, [1.0, 20.0], theta={"k": 2.0}, x0={"X": 100})
    np.testing.assert_allclose(found["X"], [81.0, 0.0], rtol=CLOSE, atol=1e-4)


@pytest.mark.parametrize(
    ("start", "mean"),
    [
        (jumpax.Poisson("m"), 7.5),
        (jumpax.Binomial(30, 0.2), 6.0),
        (jumpax.NegativeBinomial("m", 2.0), 7.5),
        (jumpax.StochasticRounding("m"), 7.5),
    ],
)
def test_laws_of_the_start_count_by_their_means(start, mean):
    theta = {"k": 0.3} | ({"m": 7.5} if start.parameters else {})
    found = mean_field(DECAY, [0.0, 2.0], theta=theta, x0={"A": start})
    np.testing.assert_allclose(found["A"], mean * np.exp([0, -0.6]), rtol=CLOSE)


def test_so_does_a_table_of_states():
    start = jumpax.StartTable({"A": [10, 2]}, weights=["w", 1])
    found = mean_field(DECAY, [0.0], theta={"k": 0.3, "w": 3.0}, x0=start)
    assert found["A"].tolist() == [8.0]


def test_nothing_happens_before_the_start():
    assert mean_field(DECAY, 2.0, theta={"k": 1.0}, x0={"A": 9}, start=2.0).counts.tolist() == [[9.0]]


@pytest.mark.parametrize(
    ("network", "theta", "x0", "said"),
    [
        (Network([Reaction("A -> B", MassAction("k"), delay=jumpax.FixedDelay(1.0))]), {"k": 1.0}, {"A": 3, "B": 0}, "delays"),
        (DECAY.with_events([jumpax.Event.at(1.0, {"A": 5})]), {"k": 1.0}, {"A": 3}, "events at times"),
        (DECAY.with_events([jumpax.Event.when(lambda A: A < 2, {"A": 5})]), {"k": 1.0}, {"A": 3}, "events by conditions"),
    ],
)  # fmt: skip
def test_what_has_no_mean_field_is_refused_by_name(network, theta, x0, said):
    with pytest.raises(UnsupportedError, match=f"mean_field does not treat {said}"):
        mean_field(network, [1.0], theta=theta, x0=x0)


def test_families_are_refused_by_name():
    family = jumpax.Family(np.array([[-1]]), lambda x, theta: theta["k"] * x, parameters={"k": ()})
    with pytest.raises(UnsupportedError, match="families"):
        mean_field(Network(families=[family]), [1.0], theta={"k": 1.0}, x0=[3])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"theta": {"k": 1.0}}, "x0 missing"),
        ({"x0": {"A": 3}}, "theta missing"),
        ({"theta": {"k": -1.0}, "x0": {"A": 3}}, "'k' is negative"),
        ({"theta": {"q": 1.0}, "x0": {"A": 3}}, "unknown parameter 'q'"),
        ({"theta": {"k": [1.0, 2.0]}, "x0": {"A": 3}}, "'k' has one per path"),
        ({"theta": {"k": 1.0}, "x0": {"A": [3, 4]}}, "counts for each path"),
        ({"theta": {"k": 1.0}, "x0": {"A": 3.5}}, "3.5"),
        ({"theta": {"k": 1.0}, "x0": {"A": jumpax.Poisson("m")}}, "'m' of the start is missing"),
        ({"theta": {"k": 1.0}, "x0": {"A": 3}, "times": [2.0, 1.0]}, "does not come after"),
        ({"theta": {"k": 1.0}, "x0": {"A": 3}, "start": 5.0}, "before the start"),
    ],
)
def test_bad_input_is_named(given, said):
    with pytest.raises(InputError, match=said):
        mean_field(DECAY, given.pop("times", [1.0]), **given)


def test_other_things_than_networks_and_unknown_species_are_named():
    with pytest.raises(InputError, match="a Network is needed"):
        mean_field("birth_death", [1.0])
    with pytest.raises(InputError, match="unknown species 'Y'"):
        mean_field(zoo.birth_death(), [1.0])["Y"]


def test_what_blows_up_is_told_with_its_time():
    """x' = k x (x - 1) from 11: infinite at ln(1.1) / k."""
    network = Network([Reaction("2 X -> 4 X", MassAction("k"))])
    with pytest.raises(SimulationError, match=r"'X' exceeds 2\^31 - 1 at time 0\.0953"):
        mean_field(network, [10.0], theta={"k": 1.0}, x0={"X": 11})
    before = mean_field(network, [0.05], theta={"k": 1.0}, x0={"X": 11})
    assert before["X"][0] == pytest.approx(1 / (1 - 10 / 11 * np.exp(0.05)), rel=CLOSE)


def test_laws_that_are_no_propensities_are_told_with_their_time():
    negative = Network([Reaction("0 -> X", lambda X, k: k * (5 - X)), Reaction("0 -> X", MassAction("q"))])
    with pytest.raises(SimulationError, match=r"negative in the mean field, .* at time 9"):
        mean_field(negative, [9.0], theta={"k": 1.0, "q": 1.0}, x0={"X": 0})
    infinite = Network([Reaction("X -> 0", lambda X, k: k * X / (X - 3))])
    with pytest.raises(SimulationError, match="not a finite number at time 0, with X = 3"):
        mean_field(infinite, [9.0], theta={"k": 1.0}, x0={"X": 3})
