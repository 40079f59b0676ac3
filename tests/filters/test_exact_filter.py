"""The exact filter, judged by matrix exponentials and sums over all paths of a hidden chain."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats

import jumpax
from jumpax import InputError, Records, SimulationError, UnsupportedError, zoo
from jumpax.exact import StateSpace
from jumpax.filters import exact_filter, exact_log_likelihood
from jumpax.networks.starts import start_of
from jumpax.records import Binomial, Custom, Exact, Firings, LogNormal, NegativeBinomial, Normal, Poisson

NAN = float("nan")


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def matrix(space, theta):
    """The generator on the space, what leaves it lost."""
    q = np.zeros((space.size, space.size))
    with jax.enable_x64(True):
        rates = space.network.propensities(tuple(space.states.T.astype(float)), theta, 0.0)
    for r, rate in enumerate(rates):
        for x, a in enumerate(np.broadcast_to(rate, space.size)):
            q[x, x] -= a if space.targets[r, x] >= 0 else 0.0
            if 0 <= space.targets[r, x] < space.size:
                q[space.targets[r, x], x] += a
    return q


def reference(space, theta, start, times, densities):
    """The filter of one cell; densities (times, states)."""
    law, before, total = start, 0.0, 0.0
    for time, density in zip(times, densities, strict=True):
        law = scipy.linalg.expm(matrix(space, theta) * (time - before)) @ law * density
        total, law, before = total + np.log(law.sum()), law / law.sum(), time
    return total


TELEGRAPH = zoo.telegraph_protein()
RATES = dict(zip(TELEGRAPH.network.parameters, (0.7, 0.5, 2.0, 1.5, 1.2, 0.8), strict=False))
TIMES = np.array([0.4, 0.8, 1.2, 2.0])
PROTEIN = np.array([[0.3, 1.6, NAN, 2.2], [1.1, NAN, NAN, 0.2]])


def traces():
    return Records(TIMES, {"P": PROTEIN}, Normal("sd", "scale"))


def telegraph(limits=None):
    return StateSpace.reachable(TELEGRAPH.network, TELEGRAPH.x0, limits=limits or {"M": 4, "P": 5})


def by_cell(space, theta):
    counts = space.states[:, space.column("P")]
    start = np.eye(space.size)[space.starts[0]]

    def density(y):
        return np.ones(space.size) if np.isnan(y) else scipy.stats.norm.pdf(y, theta["scale"] * counts, theta["sd"])

    return np.array([reference(space, theta, start, TIMES, [density(y) for y in row]) for row in PROTEIN])


@pytest.mark.parametrize(
    "limits", [{"M": 2, "P": 4}, {"M": 4, "P": 5}, {"M": 11, "P": 9}]
)  # three ways of keeping matrices
def test_telegraph_with_protein_and_missing_records(limits):
    space, theta = telegraph(limits), {**RATES, "sd": 0.7, "scale": 1.1}
    names = list(theta)

    def level(vector):
        return exact_log_likelihood(space, traces(), dict(zip(names, vector, strict=True)), tolerance=9.0)

    point = np.array(list(theta.values()))
    np.testing.assert_allclose(level(point), by_cell(space, theta), rtol=1e-11)
    slopes, h = jax.jacrev(level)(jnp.asarray(point)), 1e-5
    for i, name in enumerate(names):
        up, down = ({**theta, name: theta[name] + sign * h} for sign in (1, -1))
        expected = (by_cell(space, up) - by_cell(space, down)) / (2 * h)
        np.testing.assert_allclose(slopes[:, i], expected, rtol=2e-7, atol=1e-8)


def test_in_single_precision_the_host_computes_in_double():
    space, theta = telegraph(), {**RATES, "sd": 0.7, "scale": 1.1}
    wide = exact_log_likelihood(space, traces(), theta, tolerance=9.0)
    slope = jax.grad(lambda k: exact_log_likelihood(space, traces(), {**theta, "sd": k}, tolerance=9.0).sum())(0.7)
    with jax.enable_x64(False):
        level = exact_log_likelihood(space, traces(), theta, tolerance=9.0)
        assert level.dtype == np.float32
        np.testing.assert_allclose(level, wide, rtol=3e-7)
        narrow = jax.grad(lambda k: exact_log_likelihood(space, traces(), {**theta, "sd": k}, tolerance=9.0).sum())(0.7)
        np.testing.assert_allclose(narrow, slope, rtol=1e-6)


def test_jit_and_vmap_and_what_is_refused():
    space = StateSpace.reachable(zoo.birth_death().network, {"X": 0}, limits=20)
    trace = Records([1.0, 2.0], {"X": [2.0, 3.0]}, Normal(1.0))

    def level(k):
        return exact_log_likelihood(space, trace, {"birth": k, "death": 1.0})[0]

    each = [jax.value_and_grad(level)(k) for k in (2.0, 4.0)]
    together = jax.jit(jax.vmap(jax.value_and_grad(level)))(jnp.array([2.0, 4.0]))
    np.testing.assert_allclose(together, np.array(each).T, rtol=1e-12)
    for second in (jax.grad(jax.grad(level)), jax.hessian(level), jax.jit(jax.grad(jax.grad(level)))):
        with pytest.raises(UnsupportedError, match="first derivatives in reverse mode"):
            second(2.0)
    with pytest.raises(SimulationError, match=r"has left the state space .* raise the limits of X \(now 20\)"):
        level(30.0)
    with pytest.raises(InputError, match=r"no state of the space has the record 21 .* raise its limits"):
        exact_log_likelihood(space, Records([1.0], {"X": [21]}, Exact()), {"birth": 1.0, "death": 1.0})
    with pytest.raises(InputError, match="lacks parameters of the laws of measurement: sd"):
        exact_log_likelihood(space, Records([1.0], {"X": [21]}, Normal("sd")), {"birth": 1.0, "death": 1.0})
    death = StateSpace.reachable(jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))]), {"A": 3})
    assert exact_log_likelihood(death, Records([1.0, 2.0], {"A": [1, 2]}, Exact()), {"k": 1.0}) == -np.inf


SIR = zoo.sir(beta=0.15, gamma=0.4, start=(6, 2, 0))
WEEKS = np.array([0.7, 1.4, 2.4])


def incidence(theta, cases, density):
    """By all paths of (S, I) at the times: what was fired is what S has lost. Missing cases are part of the next ones."""
    space = StateSpace.reachable(SIR.network, SIR.x0)
    s = space.states[:, 0]
    total = 0.0
    steps = [scipy.linalg.expm(matrix(space, theta) * gap) for gap in np.diff(WEEKS, prepend=0.0)]
    # joint law of the state at the last record and the state now
    joint = np.zeros((space.size, space.size))
    joint[space.starts[0], space.starts[0]] = 1.0
    for step, y in zip(steps, cases, strict=True):
        joint = joint @ step.T
        if not np.isnan(y):
            law = (joint * density(y, s[:, None] - s[None, :], theta)).sum(0)
            total, joint = total + np.log(law.sum()), np.diag(law / law.sum())
    return total


@pytest.mark.parametrize(
    ("law", "density"),
    [
        (Binomial("p"), lambda y, n, theta: scipy.stats.binom.pmf(y, np.maximum(n, 0), theta["p"])),
        (Poisson("p"), lambda y, n, theta: scipy.stats.poisson.pmf(y, theta["p"] * np.maximum(n, 0))),
        (Exact(), lambda y, n, theta: (n == y) * 1.0),
    ],
)
def test_incidence_of_an_epidemic(law, density):
    cases = np.array([[1, 2, 0], [NAN, 2, NAN], [0, NAN, 1]])
    records = Records(WEEKS, {"cases": cases}, law, of={"cases": Firings("infection")})
    space = StateSpace.reachable(SIR.network, SIR.x0)
    theta = {**SIR.theta, "p": 0.6}
    names = [name for name in theta if name != "p" or law.parameters]

    def level(theta):
        return exact_log_likelihood(space, records, {name: theta[name] for name in names}, firings=firings)

    firings = None if law.exact else {"cases": 6}
    np.testing.assert_allclose(level(theta), [incidence(theta, row, density) for row in cases], rtol=1e-11)
    slopes, h = jax.jacrev(level)(theta), 1e-5
    for name in names:
        up, down = ({**theta, name: theta[name] + sign * h} for sign in (1, -1))
        expected = [(incidence(up, row, density) - incidence(down, row, density)) / (2 * h) for row in cases]
        np.testing.assert_allclose(slopes[name], expected, rtol=1e-6, atol=1e-8)


def test_a_counter_that_is_too_small_leaks():
    records = Records(WEEKS, {"cases": [1.0, 2.0, 0.0]}, Binomial("p"), of={"cases": Firings("infection")})
    space = StateSpace.reachable(SIR.network, SIR.x0)
    with pytest.raises(SimulationError, match="or give firings= of cases"):
        exact_log_likelihood(space, records, {**SIR.theta, "p": 0.6}, firings={"cases": 2})
    with pytest.raises(InputError, match="unknown column of Firings 'case'"):
        exact_log_likelihood(space, records, {**SIR.theta, "p": 0.6}, firings={"case": 2})


def test_a_start_with_a_law_has_derivatives():
    """Counts stay Poisson; the first record leaves one number, the second is that of a birth-death process from there."""
    network = zoo.birth_death().network
    space = StateSpace.reachable(network, {"X": np.arange(61)}, limits=60)
    trace = Records([0.5], {"X": [[4], [9]]}, Exact())

    def level(m, birth=3.0):
        return exact_log_likelihood(space, trace, {"birth": birth, "death": 1.0, "m": m}, {"X": jumpax.Poisson("m")})

    def exact(m, birth=3.0):
        return scipy.stats.poisson.logpmf([4, 9], m * np.exp(-0.5) + birth * (1 - np.exp(-0.5)))

    np.testing.assert_allclose(level(8.0), exact(8.0), rtol=1e-10)
    np.testing.assert_allclose(jax.jacrev(level)(8.0), (exact(8.001) - exact(7.999)) / 0.002, rtol=1e-6)
    np.testing.assert_allclose(
        jax.jacrev(level, 1)(8.0, 3.0), (exact(8.0, 3.001) - exact(8.0, 2.999)) / 0.002, rtol=1e-6
    )
    with pytest.raises(SimulationError, match="has left the state space"):
        level(60.0)


@pytest.mark.parametrize(
    ("law", "theta", "expected"),
    [
        (jumpax.Poisson("a"), {"a": 3.0}, scipy.stats.poisson(3.0).pmf),
        (jumpax.Binomial(7, "a"), {"a": 0.3}, scipy.stats.binom(7, 0.3).pmf),
        (jumpax.NegativeBinomial("a", 2.5), {"a": 3.0}, scipy.stats.nbinom(2.5, 2.5 / 5.5).pmf),
        (jumpax.StochasticRounding("a"), {"a": 3.25}, lambda n: 0.75 * (n == 3) + 0.25 * (n == 4)),
    ],
)
def test_probabilities_of_starts(law, theta, expected):
    start = start_of(SIR.network, {"S": law, "I": 2, "R": 0})
    states = np.array(list(itertools.product(range(12), (2, 3), (0,))), float)
    found = start.probabilities(jnp.asarray(states), theta)
    np.testing.assert_allclose(found, expected(states[:, 0]) * (states[:, 1] == 2), rtol=1e-12, atol=1e-300)


def test_probabilities_of_a_table():
    table = jumpax.StartTable([[1, 0], [2, 5], [1, 0]], [1.0, "w", 2.0])
    states = jnp.asarray([[0.0, 0.0], [1.0, 0.0], [2.0, 5.0]])
    np.testing.assert_allclose(table.probabilities(states, {"w": 5.0}), [0.0, 3 / 8, 5 / 8])


def test_probabilities_in_the_far_tail_are_right():
    """A sampler may stray: 60 births where 5 are expected have probability 1e-38, and a derivative that leads back."""
    births = jumpax.Network([jumpax.Reaction("0 -> X", jumpax.MassAction("k"))])
    space = StateSpace.reachable(births, {"X": 0}, limits=100)
    trace = Records([1.0], {"X": [60]}, Exact())
    found, slope = jax.value_and_grad(lambda k: exact_log_likelihood(space, trace, {"k": k})[0])(5.0)
    np.testing.assert_allclose(found, scipy.stats.poisson.logpmf(60, 5.0), rtol=1e-10)
    np.testing.assert_allclose(slope, 60 / 5.0 - 1, rtol=1e-10)


def test_filtered_and_smoothed_laws():
    """By all paths of a telegraph promoter through three records, one of them missing."""
    network = jumpax.Network([jumpax.Reaction("off <-> on", jumpax.MassAction("a"), jumpax.MassAction("b"))])
    space = StateSpace.reachable(network, {"off": 1, "on": 0})
    theta, y = {"a": 0.8, "b": 0.5}, [0.3, NAN, 1.2]
    found = exact_filter(space, Records([1.0, 2.0, 2.5], {"on": y}, Normal(0.6)), theta)
    on = space.states[:, 1]
    steps = [scipy.linalg.expm(matrix(space, theta) * gap) for gap in (1.0, 1.0, 0.5)]
    density = [np.ones(2) if np.isnan(one) else scipy.stats.norm.pdf(one, on, 0.6) for one in y]
    for k, (given, last) in itertools.product(range(3), {"before": 0, "so far": 1, "all": 9}.items()):
        law = np.zeros(2)
        for path in itertools.product(range(2), repeat=3):
            weight, before = 1.0, space.starts[0]
            for j, state in enumerate(path):
                weight *= steps[j][state, before] * (density[j][state] if j < k + last else 1.0)
                before = state
            law[path[k]] += weight
        np.testing.assert_allclose(found.law(given)[k, 0], law / law.sum(), rtol=1e-12)
        np.testing.assert_allclose(found.mean("on", given)[k, 0], law[on == 1][0] / law.sum(), rtol=1e-12)
        # the quantile at level q of a count of 0 or 1 is 1 where P(0) < q
        off = 1 - law[on == 1][0] / law.sum()
        levels = [0.001, off - 1e-6, off + 1e-6, 0.999]
        np.testing.assert_array_equal(found.quantiles("on", levels, given)[:, k, 0], [0, 0, 1, 1])
    np.testing.assert_array_equal(found.mean("on"), found.mean("on", "so far"))
    with pytest.raises(InputError, match="given must be"):
        found.mean("on", "later")


@pytest.mark.parametrize(
    "law",
    [Normal(0.6), LogNormal(0.4), Poisson(2.0, 0.3), NegativeBinomial(3.0, 2.0), Binomial(0.7), Exact()],
    ids=lambda law: type(law).__name__,
)
def test_places_in_predicted_laws_are_uniform(law):
    """Of records drawn from the chain itself, by its matrix. False alarm: 1e-4 for each law."""
    network, rng = zoo.birth_death().network, np.random.default_rng(21)
    space = StateSpace.reachable(network, {"X": 2}, limits=14)
    theta, many = {"birth": 1.5, "death": 0.8}, 60
    step = scipy.linalg.expm(matrix(space, theta) * 0.7)
    step /= step.sum(0)
    heights, x, y = np.cumsum(step, 0), np.full(many, 2), []
    for _ in range(8):
        x = (rng.uniform(size=many) > heights[:, x]).sum(0)
        y.append(law.sample(rng, x.astype(float), {}))
    values = np.stack(y, 1)
    values[3, 5] = NAN
    records = Records(0.7 * np.arange(1, 9), {"X": values}, law)
    places = exact_filter(space, records, theta, tolerance=1.0).pit(seed=4)["X"]
    assert places.shape == (8, many)
    assert np.isnan(places[5, 3])
    assert scipy.stats.kstest(places[~np.isnan(places)], "uniform")[1] > 1e-4


def test_log_normal_records_of_nothing_have_a_jump_at_zero():
    y, x = np.array([0.0, 0.0, 2.0, 2.0]), np.array([0.0, 5.0, 0.0, 2.0])
    below, upto = LogNormal(0.3).cumulative(y, x, {})
    assert below.tolist() == [0.0, 0.0, 1.0, 0.5]
    assert upto.tolist() == [1.0, 0.0, 1.0, 0.5]


def test_a_law_without_a_distribution_function():
    space = StateSpace.reachable(zoo.birth_death().network, {"X": 0}, limits=20)
    records = Records([1.0], {"X": [2.0]}, Custom(lambda y, x, values: -jnp.abs(y - x)))
    found = exact_filter(space, records, {"birth": 1.5, "death": 0.8})
    with pytest.raises(UnsupportedError, match="Custom has no distribution function"):
        found.pit()
