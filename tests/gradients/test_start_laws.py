"""Derivatives with random starts, of the parameters of their laws too, against closed forms and the master equation.

A z-score is beyond 4.5 once in 150,000; some 150 are looked at here, so that one run in a thousand raises a false alarm.
"""

import dataclasses
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import gammaln

import jumpax
from jumpax.exact import StateSpace, distribution

PATHS = 20_000
LIMIT = 4.5
FINE = jumpax.CoupledDifference(step=0.05)
"""Its bias, h^2 / 24 of a third derivative, is a ten-thousandth."""
ESTIMATORS = {
    "score": jumpax.ScoreFunction(), "optimal": jumpax.ScoreFunction("optimal"), "controlled": jumpax.ControlledScore(),
    "fitted": jumpax.ControlledScore("fitted"), "coupled": FINE, "window": jumpax.ScoreFunction(window=50.0),
    "window of a controlled": jumpax.ControlledScore(window=50.0), "controlled by name": jumpax.ScoreFunction(control="martingale"),
}  # fmt: skip
DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
PAIRS = jumpax.Network(
    [jumpax.Reaction("2A -> 0", jumpax.MassAction("k")), jumpax.Reaction("0 -> A", jumpax.MassAction("b"))]
)
ISOMERS = jumpax.Network([jumpax.Reaction("A <-> B", jumpax.MassAction("f"), jumpax.MassAction("b"))])
BIRTH_DEATH = jumpax.zoo.birth_death().network


def estimated(observable, network, x0, stops, theta, estimator, key, paths=PATHS, **options):
    """Value, gradient and errors; one path with much of a variance is judged by the z-scores."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*carries.*of the variance", jumpax.JumpaxWarning)
        mean = jumpax.expectation(observable, network, x0, stops, paths=paths, gradient=estimator, **options)
        return jax.tree.map(np.asarray, mean.estimate(theta, jax.random.key(key)))


def judge(got, truth, theta):
    """Every value and derivative within 4.5 standard errors of a function of theta; rounding has a floor of 1e-5."""
    with jax.enable_x64(True):
        numbers = {name: jnp.float64(value) for name, value in theta.items()}
        value, slopes = jax.jit(lambda numbers: (truth(numbers), jax.jacfwd(truth)(numbers)))(numbers)
    pairs = [(got.value, got.standard_error, value)]
    pairs += [(got.gradient[name], got.gradient_standard_error[name], slopes[name]) for name in theta]
    for mean, error, right in pairs:
        mean, error, right = (np.asarray(part, float).reshape(-1) for part in (mean, error, right))
        size = np.maximum(error, 1e-5 * np.maximum(1, np.abs(right)))
        assert (np.abs(mean - right) < LIMIT * size).all(), (mean, right, (mean - right) / size)


@dataclasses.dataclass(frozen=True)
class Squares:
    """A count and its square."""

    species: str

    def __call__(self, counts):
        return jnp.stack([counts[self.species], counts[self.species] ** 2])


LAWS: dict[str, tuple[Any, dict[str, float], Any]] = {
    "poisson": (jumpax.Poisson("m"), {"m": 8.0}, lambda t: (t["m"], t["m"] ** 2)),
    "binomial": (jumpax.Binomial(20, "p"), {"p": 0.3}, lambda t: (20 * t["p"], 380 * t["p"] ** 2)),
    "negative binomial": (
        jumpax.NegativeBinomial("m", "r"), {"m": 6.0, "r": 2.0}, lambda t: (t["m"], t["m"] ** 2 * (1 + 1 / t["r"]))
    ),
    "quotient": (jumpax.Poisson(lambda a, k: a / k), {"a": 8.0}, lambda t: (t["a"] / t["k"], (t["a"] / t["k"]) ** 2)),
}  # fmt: skip
"""A law, its parameters, and the first two factorial moments."""


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_moments_of_pure_decay(name, estimator):
    law, own, moments = LAWS[name]
    theta = {"k": 0.9, **own}

    def truth(theta):
        left = jnp.exp(-theta["k"] * jnp.array([0.5, 1.2]))
        first, second = moments(theta)
        return jnp.stack([first * left, second * left**2 + first * left], -1)

    got = estimated(Squares("A"), DECAY, {"A": law}, [0.5, 1.2], theta, ESTIMATORS[estimator], 21)
    judge(got, truth, theta)


@pytest.mark.parametrize("estimator", ["score", "coupled"])
@pytest.mark.parametrize("engine", ["cpu", pytest.param("xla", marks=pytest.mark.long)])
def test_the_distribution_of_a_poisson_start_stays_poisson(estimator, engine):
    def truth(theta):
        mean, n = theta["m"] * jnp.exp(-theta["k"]), jnp.arange(4)
        p = jnp.exp(n * jnp.log(mean) - mean - gammaln(n + 1.0))
        return jnp.append(p, 1 - p.sum())

    theta = {"k": 1.0, "m": 5.0}
    got = estimated(
        jumpax.Histogram("A", 5),
        DECAY,
        {"A": jumpax.Poisson("m")},
        [1.0],
        theta,
        ESTIMATORS[estimator],
        22,
        engine=engine,
    )
    judge(got, truth, theta)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_stationary_start_stays_stationary(estimator):
    """Parameters of the start are those of the rates: both halves of the score are needed, and cancel in part."""
    start = {"X": jumpax.Poisson(lambda birth, death: birth / death)}
    theta = {"birth": 6.0, "death": 1.5}
    got = estimated(Squares("X"), BIRTH_DEATH, start, [0.4, 1.0], theta, ESTIMATORS[estimator], 23)

    def truth(theta):
        mean = theta["birth"] / theta["death"] * jnp.ones(2)
        return jnp.stack([mean, mean + mean**2], -1)

    judge(got, truth, theta)


@pytest.mark.parametrize("estimator", ["score", "controlled", "coupled"])
def test_a_table_with_weights_that_are_parameters(estimator):
    table = jumpax.StartTable({"A": [0, 3, 5, 3], "B": [4, 1, 0, 1]}, [2.0, "w", 1.0, lambda w, v: w * v])
    theta = {"f": 1.0, "b": 2.0, "w": 0.8, "v": 0.5}

    def truth(theta):
        weights = jnp.stack([jnp.asarray(2.0), theta["w"] + theta["w"] * theta["v"], jnp.asarray(1.0)])
        total = theta["f"] + theta["b"]
        a, n = jnp.array([0.0, 3.0, 5.0]), jnp.array([4.0, 4.0, 5.0])
        rest = n * theta["b"] / total
        means = rest + (a - rest) * jnp.exp(-total * 0.4)
        return (weights * means).sum()[None] / weights.sum()

    got = estimated(lambda counts: counts["A"], ISOMERS, table, [0.4], theta, ESTIMATORS[estimator], 24)
    judge(got, truth, theta)


def test_two_laws_and_a_count_beside_each_other():
    network = jumpax.Network([jumpax.Reaction("A + B -> C", jumpax.MassAction("k"))])
    start = {"A": jumpax.Poisson("m"), "B": jumpax.Binomial(6, "p"), "C": 1}
    theta = {"k": 0.1, "m": 3.0, "p": 0.4}

    def truth(theta):
        n, j = jnp.arange(21.0), jnp.arange(7.0)
        first = jnp.exp(n * jnp.log(theta["m"]) - theta["m"] - gammaln(n + 1))
        ways = jnp.exp(gammaln(7.0) - gammaln(j + 1) - gammaln(7.0 - j))
        second = ways * theta["p"] ** j * (1 - theta["p"]) ** (6 - j)
        reacted = jax.vmap(lambda a: jax.vmap(lambda b: _reacted(a, b, theta["k"]))(j))(n)
        return 1 + (first @ reacted @ second)[None]

    for place, estimator in enumerate(("score", "coupled")):
        got = estimated(lambda counts: counts["C"], network, start, [1.0], theta, ESTIMATORS[estimator], 25 + place)
        judge(got, truth, theta)


def _reacted(a, b, k):
    """Mean number of A + B -> C by time 1 from a molecules and at most 6."""
    n = jnp.arange(7.0)
    rates = k * jnp.maximum(a - n, 0) * jnp.maximum(b - n, 0)
    flow = jnp.diag(-rates) + jnp.diag(rates[:-1], -1)
    return n @ jax.scipy.linalg.expm(flow)[:, 0]


def from_one_state(network, limits, times, observable):
    """Mean of an observable from a number of A, by the master equation, as a function of that number and theta."""
    with jax.enable_x64(True):
        space = StateSpace.reachable(network, np.arange(limits + 1)[:, None], limits)
        table = jnp.asarray(np.array([observable(row) for row in space.states]), float)

        def mean(count, theta):
            return distribution(space, theta, times, [count], tolerance=1e-5).probabilities @ table

    return mean


ROUNDED = {
    "score": jumpax.ScoreFunction(), "controlled": jumpax.ControlledScore(), "alternative": jumpax.AlternativePath(),
    "lattice": jumpax.LatticeTangent(),
}  # fmt: skip


@pytest.mark.parametrize("estimator", ROUNDED)
@pytest.mark.parametrize("m", [4.3, 5.0, 5.9])
def test_a_start_at_a_real_number(estimator, m):
    """E is linear between whole numbers: the derivative is the difference of both, at whole numbers from the right."""
    theta = {"k": 0.12, "b": 1.5, "m": m}
    network = PAIRS if estimator != "lattice" else DECAY
    if network is DECAY:
        theta.pop("b")
    exact = from_one_state(network, 40, [0.3, 1.0], lambda row: row[0] ** 2)
    below = int(np.floor(m))

    def truth(theta):
        rates = {name: theta[name] for name in network.parameters}
        share = theta["m"] - below
        return (1 - share) * exact(below, rates) + share * exact(below + 1, rates)

    got = estimated(
        lambda counts: counts["A"] ** 2, network, {"A": jumpax.StochasticRounding("m")}, [0.3, 1.0], theta,
        ROUNDED[estimator], 27,
    )  # fmt: skip
    judge(got, truth, theta)


def test_a_real_start_that_the_rates_have_a_part_in():
    theta = {"birth": 6.5, "death": 2.0}
    start = {"X": jumpax.StochasticRounding(lambda birth, death: birth / death)}
    got = estimated(lambda counts: counts["X"], BIRTH_DEATH, start, [0.7], theta, jumpax.ScoreFunction(), 28)
    judge(got, lambda t: (t["birth"] / t["death"])[None], theta)
    assert got.standard_error[0] < np.sqrt(3.3 / PATHS)  # both neighbours in each value


def test_the_derivative_by_the_real_number_alone_needs_no_estimator_of_paths():
    start, theta = {"A": jumpax.StochasticRounding("m")}, {"k": 1.0, "m": 6.4}
    mean = jumpax.expectation(
        lambda counts: counts["A"], DECAY, start, [1.0], paths=PATHS, gradient=jumpax.TrapezoidalTangent()
    )
    got = mean.estimate(theta, 29, wrt=["m"])
    assert abs(got.gradient["m"][0] - np.exp(-1)) < LIMIT * got.gradient_standard_error["m"][0]
    both = mean.estimate(theta, 29)
    assert abs(both.gradient["k"][0] + 6.4 * np.exp(-1)) < LIMIT * both.gradient_standard_error["k"][0]
    np.testing.assert_allclose(both.gradient["m"], got.gradient["m"], rtol=1e-5)
    np.testing.assert_array_equal(mean(theta, 29), got.value)


def test_derivatives_by_rates_are_those_of_every_estimator():
    """Given the start, a derivative by a rate is what it is: its mean over the starts is right."""
    theta = {"k": 0.9, "m": 8.0}
    for place, estimator in enumerate((
        jumpax.TrapezoidalTangent(), jumpax.TrapezoidalTangent(control="martingale"), jumpax.LatticeTangent(), jumpax.AlternativePath(),
        jumpax.CoupledDifference(step=0.05, control="martingale"),
    )):  # fmt: skip
        mean = jumpax.expectation(
            lambda counts: counts["A"], DECAY, {"A": jumpax.Poisson("m")}, [1.0], paths=PATHS, gradient=estimator
        )
        got = mean.estimate(theta, 30 + place, wrt=["k"])
        assert abs(got.gradient["k"][0] + 8 * np.exp(-0.9)) < LIMIT * got.gradient_standard_error["k"][0]
        if not isinstance(estimator, jumpax.CoupledDifference):
            with pytest.raises(jumpax.UnsupportedError, match=r"no derivative with respect to m.*wrt=\.\.\."):
                mean.estimate(theta, 0)


def test_observables_of_whole_paths_and_numbers_of_events():
    theta = {"k": 0.9, "m": 8.0}

    def average(theta):
        return (theta["m"] * (1 - jnp.exp(-theta["k"])) / theta["k"])[None]

    for place, estimator in enumerate(("score", "coupled")):
        got = estimated(
            jumpax.TimeAverage("A"), DECAY, {"A": jumpax.Poisson("m")}, [1.0], theta, ESTIMATORS[estimator], 36 + place
        )
        judge(got, average, theta)
    birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
    mean = jumpax.expectation(
        lambda counts: counts["N"],
        birth,
        {"N": jumpax.Poisson("m")},
        steps=[3],
        paths=PATHS,
        gradient=jumpax.ScoreFunction(),
    )
    judge(mean.estimate({"k": 1.0, "m": 4.0}, 38), lambda t: (t["m"] + 3 + 0 * t["k"])[None], {"k": 1.0, "m": 4.0})


def test_rates_that_depend_on_time():
    network = jumpax.Network([jumpax.Reaction("0 -> N", lambda t, k: k * jnp.exp(-t))])
    theta = {"k": 5.0, "m": 3.0}
    got = estimated(
        lambda counts: counts["N"],
        network,
        {"N": jumpax.Poisson("m")},
        [1.0],
        theta,
        jumpax.ScoreFunction(),
        39,
        bound=5.0,
    )
    judge(got, lambda t: (t["m"] + t["k"] * (1 - jnp.exp(-1.0)))[None], theta)


@pytest.mark.parametrize("law", [jumpax.Poisson("m"), jumpax.StochasticRounding("m")], ids=repr)
def test_inside_jit_and_vmap(law):
    mean = jumpax.expectation(
        lambda counts: counts["A"], DECAY, {"A": law}, [1.0], paths=300, gradient=jumpax.ScoreFunction()
    )
    key = jax.random.key(40)
    slope = jax.grad(lambda m: mean({"k": 1.0, "m": m}, key)[0])
    alone = np.asarray([slope(m) for m in (4.0, 5.5, 6.0)])
    np.testing.assert_allclose(np.asarray(jax.jit(jax.vmap(slope))(jnp.array([4.0, 5.5, 6.0]))), alone, rtol=2e-4)
    np.testing.assert_allclose(alone[1], mean.estimate({"k": 1.0, "m": 5.5}, key).gradient["m"][0], rtol=1e-5)
    assert np.isnan(jax.jit(lambda m: mean({"k": 1.0, "m": m}, key)[0])(-1.0))
    with pytest.raises(jumpax.InputError, match="the mean is negative"):
        mean({"k": 1.0, "m": -1.0}, key)


def test_values_do_not_depend_on_the_gradient():
    theta, key = {"k": 1.0, "m": 5.5}, jax.random.key(41)
    for law in (jumpax.Poisson("m"), jumpax.StochasticRounding("m")):
        mean = jumpax.expectation(
            lambda counts: counts["A"], DECAY, {"A": law}, [1.0], paths=300, gradient=jumpax.ScoreFunction()
        )
        np.testing.assert_allclose(np.asarray(mean(theta, key)), np.asarray(mean.estimate(theta, key).value), rtol=1e-6)


@pytest.mark.parametrize("law", [jumpax.Poisson("m"), jumpax.StochasticRounding("m")], ids=repr)
def test_the_automatic_choice_and_an_audit(law):
    theta, start = {"k": 1.0, "m": 5.5}, {"A": law}
    mean = jumpax.expectation(lambda counts: counts["A"], DECAY, start, [1.0], paths=4000)
    choice = mean.choose(theta, 0)
    assert not isinstance(choice.estimator, jumpax.ExactGradient)
    got = mean.estimate(theta, 42)
    bias = 0.01 if isinstance(choice.estimator, jumpax.CoupledDifference) else 0
    off = abs(got.gradient["m"][0] - np.exp(-1)) - bias * np.exp(-1)
    assert off < LIMIT * got.gradient_standard_error["m"][0]
    found = jumpax.audit(
        DECAY, theta, start, [1.0], paths=2000,
        estimators={"score": jumpax.ScoreFunction(), "tangent": jumpax.TrapezoidalTangent()},
    )  # fmt: skip
    assert "starts in one state" in found.reference
    assert ("tangent" in found.refused) == (law == jumpax.Poisson("m"))


def test_what_is_not_treated_is_refused_by_name():
    start = {"A": jumpax.Poisson("m")}
    with pytest.raises(jumpax.UnsupportedError, match="ExactGradient starts in one state"):
        jumpax.expectation(lambda c: c["A"], DECAY, start, [1.0], paths=2, gradient=jumpax.ExactGradient())
    with pytest.raises(jumpax.UnsupportedError, match="does not treat StochasticRounding"):
        jumpax.expectation(
            lambda c: c["A"],
            DECAY,
            {"A": jumpax.StochasticRounding("m")},
            [1.0],
            paths=2,
            gradient=jumpax.CoupledDifference(),
        )
    with pytest.raises(jumpax.UnsupportedError, match="has forgotten its start"):
        jumpax.steady_state(lambda c: c["A"], DECAY, start, settle=1.0, time=1.0, paths=4)
