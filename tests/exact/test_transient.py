import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import poisson

import references
from jumpax._base.errors import InputError, SimulationError, UnsupportedError
from jumpax.exact import StateSpace, distribution, jump_chain
from jumpax.exact.power_series import poisson_window
from jumpax.networks import MassAction, Network, Reaction, zoo


def association(n, volume, k_off):
    space = StateSpace.reachable(zoo.association().network, {"A": n, "B": n, "C": 0})
    return space, {"k_on": 1.0 / volume, "k_off": k_off}


def mean_of(species, law):
    return law.mean()[..., law.space.column(species)]


@pytest.mark.parametrize("mean", [0.0, 1e-3, 0.7, 12.0, 12.999, 350.0, 2e5])
def test_poisson_weights(mean):
    window = poisson_window(mean)
    k = np.arange(window.first, window.stop)
    # the other route goes through logarithms of size mean ln(mean), and loses some units in the last place of them
    rounding = 4 * np.finfo(float).eps * mean * abs(np.log(max(mean, 1e-300)))
    np.testing.assert_allclose(window.weights, poisson.pmf(k, mean), rtol=1e-12 + rounding, atol=1e-30)
    assert poisson.cdf(window.first - 1, mean) + poisson.sf(window.stop - 1, mean) < 1e-16


@pytest.mark.parametrize(
    ("n", "volume", "k_off", "t", "mean", "slope", "variance"),
    [
        (20, 20, 0.1, 1.0, 9.6791, -3.920842, None),
        (20, 20, 1.0, 1.0, 6.9897, -2.254630, None),
        (20, 20, 10.0, 1.0, 1.6844, -0.142781, None),
        (20, 20, 100.0, 0.3, 0.1962, -0.001925, None),
        (20, 20, 1.0, 2.0, 7.639067, -3.235289, 3.451919),
        (10, 1, 1.0, 2.0, 7.488237, -1.179275, 1.179410),
        (10, 1, 10.0, 0.5, 3.898588, -0.175950, 1.759870),
        (100, 100, 1.0, 2.0, 37.896791, -16.009276, 17.059816),
    ],
)
def test_association_in_time(n, volume, k_off, t, mean, slope, variance):
    space, theta = association(n, volume, k_off)
    law = distribution(space, theta, [t])
    gradient = jax.grad(lambda k: mean_of("C", distribution(space, {**theta, "k_off": k}, [t]))[0])(k_off)
    expected = references.association_at_time(n, n, volume, 1.0, k_off, t)
    np.testing.assert_allclose([mean_of("C", law)[0], gradient, law.covariance()[0, 2, 2]], expected, rtol=1e-9)
    np.testing.assert_allclose(expected[:2], [mean, slope], atol=5e-5 if variance is None else 6e-7)
    assert float(law.leak[0]) == 0.0
    assert abs(float(law.probabilities.sum()) - 1.0) < 1e-12


@pytest.mark.parametrize(
    ("n", "volume", "k_off", "steps", "means", "slopes"),
    [
        (20, 20, 1.0, [50, 51, 400], [7.662406, 7.662947, 7.666238], [-3.282170, -3.282802, -3.286848]),
        (20, 20, 10.0, [50, 51], [2.019342, 2.044993], [-0.135673, -0.125992]),
        (10, 1, 1.0, [50, 51], [7.148958, 7.142562], [-1.096369, -1.110257]),
    ],
)
def test_association_in_steps(n, volume, k_off, steps, means, slopes):
    space, theta = association(n, volume, k_off)

    def mean(k):
        return mean_of("C", jump_chain(space, {**theta, "k_off": k}, steps))

    expected = [references.association_at_step(n, n, volume, 1.0, k_off, step) for step in steps]
    np.testing.assert_allclose(mean(k_off), [e[0] for e in expected], rtol=1e-12)
    np.testing.assert_allclose(jax.jacobian(mean)(k_off), [e[1] for e in expected], rtol=1e-10)
    np.testing.assert_allclose(mean(k_off), means, atol=6e-7)
    np.testing.assert_allclose(jax.jacobian(mean)(k_off), slopes, atol=6e-7)


def test_immigration_and_death_is_poisson():
    model = zoo.birth_death(birth=20.0, death=0.5)
    space = StateSpace.reachable(model.network, model.x0, 120)
    times = [0.0, 0.3, 4.0, 4.1, 50.0]

    def log_rates(log_theta):
        return distribution(space, {"birth": jnp.exp(log_theta[0]), "death": jnp.exp(log_theta[1])}, times)

    law, slopes = (f(jnp.log(jnp.array([20.0, 0.5]))) for f in (log_rates, jax.jacobian(lambda x: log_rates(x).mean())))
    for m, t in enumerate(times):
        mean, slope = references.immigration_death_mean(20.0, 0.5, t)
        np.testing.assert_allclose(law.probabilities[m], poisson.pmf(np.arange(121), mean), atol=1e-12)
        np.testing.assert_allclose(slopes[m, 0], slope, atol=1e-8)
        np.testing.assert_allclose(law.covariance()[m], [[mean]], atol=1e-8)
    np.testing.assert_allclose(law.moment({"X": 2})[-1], 40.0**2 + 40.0, rtol=1e-9)


def test_telegraph_law_and_gradient():
    model = zoo.telegraph(k_tx=10.0)
    space = StateSpace.reachable(model.network, model.x0, {"M": 45})
    names = ("k_on", "k_off", "k_tx", "gamma")
    rates = tuple(model.theta[name] for name in names)
    expected, slopes = references.telegraph_at_time(*rates, 1.7, 45)

    def marginal(log_rates):
        return distribution(space, dict(zip(names, jnp.exp(log_rates))), [0.2, 1.7]).marginal("M")[1]

    at = jnp.log(jnp.array(rates))
    # the reference bounces off the limit, the library leaks: they differ by the leak, below 1e-11 here
    np.testing.assert_allclose(marginal(at), expected, atol=1e-11)
    np.testing.assert_allclose(jax.jacfwd(marginal)(at).T, slopes, atol=1e-9)
    np.testing.assert_allclose(jax.jacrev(marginal)(at).T, slopes, atol=1e-9)


def test_dimerization():
    network, theta = zoo.dimerization().network, {"k_on": 0.01, "k_off": 1.0}
    space = StateSpace.reachable(network, {"A": 31, "D": 0})

    def mean(theta):
        return mean_of("D", distribution(space, theta, [0.8]))[0]

    expected, slopes, variance = references.dimerisation_at_time(31, 0.01, 1.0, 0.8)
    value, gradient = jax.value_and_grad(mean)(theta)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose([theta[name] * gradient[name] for name in theta], slopes, rtol=1e-9)
    np.testing.assert_allclose(distribution(space, theta, [0.8]).covariance()[0, 1, 1], variance, rtol=1e-9)


def test_repressilator_table():
    model = zoo.repressilator()
    space = StateSpace.reachable(model.network, model.x0, 32)  # with 26 the derivatives still miss 3e-4
    assert space.size == 33**3
    times = list(references.REPRESSILATOR)

    def means(log_theta):
        theta = {"beta": jnp.exp(log_theta[0]), "K": jnp.exp(log_theta[1]), "gamma": 1.0}
        return distribution(space, theta, times).mean()

    at = jnp.log(jnp.array([10.0, 1.0]))
    values, slopes = means(at), jax.jacobian(means)(at)
    for m, (mean, beta, threshold) in enumerate(references.REPRESSILATOR.values()):
        for ours, expected in ((values[m], mean), (slopes[m, :, 0], beta), (slopes[m, :, 1], threshold)):
            np.testing.assert_allclose(ours, expected, rtol=0.0, atol=5.1e-5)


def test_the_leak_bounds_the_error():
    model = zoo.birth_death(birth=20.0, death=0.5)
    space = StateSpace.reachable(model.network, model.x0, 35)
    law = distribution(space, model.theta, [0.5, 2.0], tolerance=1.0)
    leak = np.asarray(law.leak)
    assert leak[1] > 1e-3
    np.testing.assert_allclose(leak, 1.0 - law.probabilities.sum(axis=1), rtol=1e-9, atol=1e-13)
    for m, t in enumerate((0.5, 2.0)):
        true = poisson.pmf(np.arange(36), references.immigration_death_mean(20.0, 0.5, t)[0])
        shortfall = true - np.asarray(law.probabilities[m])
        assert shortfall.min() > -1e-12
        assert shortfall.sum() <= leak[m] + 1e-12


def test_a_leak_above_the_tolerance_is_refused():
    model = zoo.birth_death(birth=20.0, death=0.5)
    space = StateSpace.reachable(model.network, model.x0, 35)
    message = r"has left the state space by time 2, more than the tolerance.*raise the limits of X \(now 35\)"
    with pytest.raises(SimulationError, match=message):
        distribution(space, model.theta, [0.5, 2.0])
    with pytest.raises(Exception, match=r"has left the state space by time 2"):
        jax.jit(lambda theta: distribution(space, theta, [0.5, 2.0]).mean())(model.theta)
    with pytest.raises(SimulationError, match="by step 40"):
        jump_chain(space, model.theta, [40])


def test_a_late_time_costs_no_accuracy():
    space, theta = association(10, 1, 1.0)
    law = distribution(space, theta, [1e4])
    np.testing.assert_allclose(law.marginal("C")[0], references.association_stationary(10, 10, 1, 1.0, 1.0), atol=1e-11)


def test_transformations_agree():
    space, theta = association(10, 1, 1.0)

    def mean(k):
        return mean_of("C", distribution(space, {**theta, "k_off": k}, [0.1, 0.5]))

    ks = jnp.array([0.5, 1.0, 10.0])
    each = [references.association_at_time(10, 10, 1, 1.0, float(k), 0.5)[:2] for k in ks]
    np.testing.assert_allclose(jax.vmap(mean)(ks)[:, 1], [e[0] for e in each], rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.grad(lambda k: mean(k)[1])))(ks), [e[1] for e in each], rtol=1e-9)
    np.testing.assert_allclose(jax.jit(mean)(1.0), mean(1.0), rtol=1e-14)
    law = jax.jit(lambda theta: distribution(space, theta, [0.1, 0.5]))(theta)
    np.testing.assert_allclose(mean_of("C", law), mean(1.0), rtol=1e-14)
    np.testing.assert_allclose(jax.jit(jax.jacrev(mean))(1.0), jax.jacfwd(mean)(1.0), rtol=1e-12)


def test_without_x64_the_law_is_that_of_float64_rounded():
    space, _ = association(20, 20, 1.0)
    exact = references.association_at_time(20, 20, 20, 1.0, 1.0, 2.0)

    def mean(k):
        return mean_of("C", distribution(space, {"k_on": 0.05, "k_off": k}, [2.0]))[0]

    with jax.enable_x64(False):
        for f in (mean, jax.jit(mean), jax.grad(mean), jax.jit(jax.grad(mean))):
            assert f(1.0).dtype == jnp.float32
        np.testing.assert_allclose([jax.jit(mean)(1.0), jax.jit(jax.grad(mean))(1.0)], exact[:2], rtol=2e-6)
        np.testing.assert_allclose([mean(1.0), jax.grad(mean)(1.0)], exact[:2], rtol=2e-6)


def test_second_derivatives_are_refused():
    space, theta = association(4, 1, 1.0)

    def mean(k):
        return mean_of("C", distribution(space, {**theta, "k_off": k}, [0.1]))[0]

    for second in (jax.hessian(mean), jax.jit(jax.grad(jax.grad(mean))), jax.jacfwd(jax.jacfwd(mean))):
        with pytest.raises(UnsupportedError, match="first derivatives"):
            second(1.0)


def test_initial_probabilities_go_on_where_the_law_stopped():
    model = zoo.birth_death(birth=20.0, death=0.5)
    space = StateSpace.reachable(model.network, model.x0, 50)
    once = distribution(space, model.theta, [1.0, 3.0], tolerance=1.0)
    twice = distribution(space, model.theta, [2.0], initial=once.probabilities[0], tolerance=1.0)
    np.testing.assert_allclose(twice.probabilities[0], once.probabilities[1], atol=1e-14)
    np.testing.assert_allclose(twice.leak, once.leak[1:], rtol=1e-6)


def test_nothing_happens():
    network = Network([Reaction("A -> B", MassAction("k"))])
    space = StateSpace.reachable(network, {"A": 3, "B": 0})
    for law in (distribution(space, {"k": 0.0}, [0.0, 5.0]), jump_chain(space, {"k": 0.0}, [0, 9])):
        np.testing.assert_array_equal(law.mean(), [[3.0, 0.0], [3.0, 0.0]])
    rate = jax.grad(lambda k: distribution(space, {"k": k}, [5.0]).mean()[0, 1])(0.0)
    np.testing.assert_allclose(rate, 15.0, rtol=1e-12)


def test_faults_are_named():
    space, theta = association(4, 1, 1.0)
    with pytest.raises(InputError, match="increasing"):
        distribution(space, theta, [2.0, 1.0])
    with pytest.raises(InputError, match="whole numbers"):
        jump_chain(space, theta, np.array([1.5]))
    with pytest.raises(InputError, match="k_off"):
        distribution(space, {"k_on": 1.0}, [1.0])
    with pytest.raises(InputError, match=r"vmap"):
        distribution(space, {"k_on": 1.0, "k_off": np.ones(3)}, [1.0])
    with pytest.raises(InputError, match="5 probabilities"):
        distribution(space, theta, [1.0], initial=np.ones(3) / 3)
    with pytest.raises(UnsupportedError, match="steps"):
        distribution(space, theta, [1e9])
    with pytest.raises(UnsupportedError, match="steps"):
        jump_chain(space, theta, [2**40])


def test_bad_propensities_are_named():
    network = Network([Reaction("0 -> X", lambda X, k: k - X, name="grow")])
    space = StateSpace.reachable(network, {"X": 0}, 4)
    with pytest.raises(SimulationError, match=r"'grow' is negative: -1 in the state X 4"):
        distribution(space, {"k": 3.0}, [1.0])
    with pytest.warns(match="does not"):
        shrink = Network([Reaction("X -> 0", lambda X, k: k * (X + 1.0), name="shrink")])
    with pytest.raises(SimulationError, match=r"'shrink' is positive.*1 in the state X 0"):
        distribution(StateSpace.reachable(shrink, {"X": 2}), {"k": 1.0}, [1.0])
