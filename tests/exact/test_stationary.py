import jax
import jax.numpy as jnp
import numpy as np
import pytest

import references
from jumpax._base.errors import InputError, SimulationError
from jumpax.exact import StateSpace, stationary
from jumpax.networks import MassAction, Network, Reaction, zoo

NAMES = ("k_on", "k_off", "k_tx", "gamma")


def telegraph(limit, **rates):
    model = zoo.telegraph(**rates)
    return StateSpace.reachable(model.network, model.x0, {"M": limit}), model.theta


@pytest.mark.parametrize(
    "rates", [{"k_tx": 20.0}, {"k_on": 0.05, "k_off": 0.1, "k_tx": 20.0}, {"k_on": 5.0, "k_off": 10.0, "k_tx": 20.0}]
)
def test_telegraph_is_poisson_beta(rates):
    space, theta = telegraph(110, **rates)
    law = stationary(space, theta)
    values = tuple(theta[name] for name in NAMES)
    np.testing.assert_allclose(law.marginal("M"), references.telegraph_pmf(np.arange(111), *values), atol=1e-13)
    m = space.column("M")
    expected = references.telegraph_moments(*values)
    np.testing.assert_allclose([law.mean()[m], law.covariance()[m, m]], expected[:2], rtol=1e-10)

    def moments(log_rates):
        law = stationary(space, dict(zip(NAMES, jnp.exp(log_rates))))
        return jnp.array([law.mean()[m], law.covariance()[m, m]])

    slopes = references.telegraph_sensitivities(*values)
    np.testing.assert_allclose(jax.jacobian(moments)(jnp.log(jnp.array(values))), slopes, rtol=1e-9)


def test_pmf_gradient_against_dense_algebra():
    space, theta = telegraph(60, k_tx=10.0)
    values = tuple(theta[name] for name in NAMES)
    q, dqs = references.telegraph_generator(*values, 60)
    p, dp = references.stationary_with_gradient(q, dqs)

    def marginal(log_rates):
        return stationary(space, dict(zip(NAMES, jnp.exp(log_rates)))).marginal("M")

    at = jnp.log(jnp.array(values))
    np.testing.assert_allclose(marginal(at), p.reshape(2, -1).sum(0), atol=1e-14)
    np.testing.assert_allclose(jax.jacobian(marginal)(at).T, dp.reshape(4, 2, -1).sum(1), atol=1e-13)
    np.testing.assert_allclose(jax.jit(jax.jacrev(marginal))(at), jax.jacobian(marginal)(at), atol=1e-15)


def test_the_leak_and_its_derivative():
    space, theta = telegraph(12, k_tx=10.0)
    with pytest.raises(SimulationError, match=r"of all events would leave.*raise the limits of M \(now 12\)"):
        stationary(space, theta)

    def leak(rate):
        return stationary(space, {**theta, "k_tx": rate}, tolerance=1.0).leak

    law = stationary(space, theta, tolerance=1.0)
    full = law.probabilities[space.index({"off": 0, "on": 1, "M": 12})]
    events = law.expectation(lambda x: 0.5 * x["off"] + (1.0 + 10.0) * x["on"] + x["M"])
    np.testing.assert_allclose(law.leak, 10.0 * full / events, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(leak)(10.0), (leak(10.001) - leak(9.999)) / 0.002, rtol=1e-6)


def test_association_and_an_improbable_start():
    space = StateSpace.reachable(zoo.association().network, {"A": 100, "B": 100, "C": 0})
    law = stationary(space, {"k_on": 10.0, "k_off": 1.0})
    expected = references.association_stationary(100, 100, 1, 10.0, 1.0)
    np.testing.assert_allclose(law.marginal("C"), expected, atol=1e-13)


def test_transient_states_get_nothing():
    space = StateSpace.reachable(zoo.birth_death().network, {"X": 3}, 30)
    decay = Network([Reaction("A -> 0", MassAction("k"))])
    law = stationary(StateSpace.reachable(decay, {"A": 3}), {"k": 2.0})
    np.testing.assert_array_equal(law.probabilities, [1.0, 0.0, 0.0, 0.0])
    np.testing.assert_array_equal(jax.jacobian(lambda k: stationary(law.space, {"k": k}).mean())(2.0), [0.0])
    assert stationary(space, {"birth": 2.0, "death": 1.0}).mean()[0] == pytest.approx(2.0, rel=1e-12)


def test_several_closed_classes_are_refused():
    network = Network([Reaction("A -> B", MassAction("k")), Reaction("A -> C", MassAction("k"))])
    space = StateSpace.reachable(network, {"A": 1, "B": 0, "C": 0})
    with pytest.raises(InputError, match=r"2 sets of states that are never left.*A 0, B 0, C 1.*start"):
        stationary(space, {"k": 1.0})


@pytest.mark.parametrize("slow", [1e-14, 1e-24])
def test_classes_too_weakly_connected_are_refused(slow):
    network = Network(
        [
            Reaction("A <-> B", MassAction("k"), MassAction("k")),
            Reaction("B <-> C", MassAction("s"), MassAction("s")),
            Reaction("C <-> D", MassAction("k"), MassAction("k")),
        ]
    )
    space = StateSpace.reachable(network, {"A": 1, "B": 0, "C": 0, "D": 0})
    np.testing.assert_allclose(stationary(space, {"k": 1.0, "s": 1e-6}).probabilities, 0.25, rtol=1e-9)
    with pytest.raises(SimulationError, match="cannot be resolved"):
        stationary(space, {"k": 1.0, "s": slow})
