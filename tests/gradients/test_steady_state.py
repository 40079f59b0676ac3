"""Steady-state averages and their gradients against exact ones.

|z| < 4 raises a false alarm with probability 1e-4 for each entry (about 100 paths): 3e-3 for the file. Seeds were fixed
before looking.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
import references
from jumpax.gradients.entries import Entries
from jumpax.gradients.steady_state import steady_state

KEY = jax.random.key(20261120)
RATES = {"k_on": 0.5, "k_off": 1.0, "k_tx": 20.0, "gamma": 1.0}


@dataclasses.dataclass(frozen=True)
class Spread:
    """M, and its squared distance from a number."""

    mean: float

    def __call__(self, counts):
        return jnp.stack([counts["M"], (counts["M"] - self.mean) ** 2])


@pytest.mark.parametrize("order", [pytest.param(1, marks=pytest.mark.long), 2])
def test_telegraph_mean_and_variance(order):
    model = jumpax.zoo.telegraph(**RATES)
    mean, variance, _ = references.telegraph_moments(**RATES)
    truth = np.stack(references.telegraph_sensitivities(**RATES), -1)
    average = steady_state(
        Spread(mean), model.network, model.x0, settle=10.0, time=60.0, window=6.0, paths=200, order=order
    )
    got = jax.tree.map(np.asarray, average.estimate(model.theta, KEY))
    assert (np.abs(got.value - [mean, variance]) < 4 * got.standard_error).all()
    for (name, rate), want in zip(RATES.items(), truth, strict=True):
        z = (got.gradient[name] * rate - want) / (got.gradient_standard_error[name] * rate)
        assert np.abs(z).max() < 4, (name, z)


def test_an_indicator_on_a_saturated_network():
    # psi is only near the solution here: what is left is found by the windowed score
    n, up, down = references.association_rates(10, 10, 1.0, 1.0, 10.0)
    parts = [references.birth_death_generator(up, 0.0 * down), references.birth_death_generator(0.0 * up, down)]
    law, slopes = references.stationary_with_gradient(sum(parts), np.array(parts))
    model = jumpax.zoo.association(start=(10, 10), k_on=1.0, k_off=10.0)
    average = steady_state(
        lambda counts: {"C": counts["C"], "many": jnp.where(counts["C"] >= 4, 1.0, 0.0)},
        model.network, model.x0, settle=1.0, time=20.0, paths=200,
    )  # fmt: skip
    got = average.estimate(model.theta, KEY)
    for entry, values in (("C", n), ("many", (n >= 4).astype(float))):
        assert abs(got.value[entry] - law @ values) < 4 * got.standard_error[entry]
        for (name, rate), slope in zip((("k_on", 1.0), ("k_off", 10.0)), slopes, strict=True):
            error = got.gradient_standard_error[name][entry]
            assert abs(got.gradient[name][entry] - slope @ values / rate) < 4 * error, (entry, name)


def test_it_is_a_function_that_jax_differentiates():
    model = jumpax.zoo.birth_death()
    average = steady_state(
        lambda counts: counts["X"], model.network, model.x0, settle=60.0, time=100.0, paths=20, order=1
    )
    slope = jax.grad(lambda theta: average(theta, KEY))(model.theta)
    got = average.estimate(model.theta, KEY)
    assert float(average(model.theta, KEY)) == float(got.value)
    for name in model.theta:
        np.testing.assert_allclose(slope[name], got.gradient[name], rtol=1e-5)


def test_wrong_input_is_named():
    model = jumpax.zoo.birth_death()
    with pytest.raises(jumpax.InputError, match=r"time must be.*longer than settle.*order must be.*paths must be"):
        steady_state(
            jumpax.Moments("X"), model.network, model.x0, settle=1.0, time=-1.0, window=2.0, order=3, paths=1  # type: ignore[arg-type]
        )  # fmt: skip


def test_entries_are_those_of_the_observable():
    def tangled(counts):
        both = jnp.stack([*counts.values()])
        return {"product": both[0] * both[1], "sum": both.sum(), "all": jnp.concatenate([both, both**2])[::2]}

    counts = (jnp.float32(2.0), jnp.float32(3.0))
    for observable, want in (
        (tangled, [2.0, 4.0, 6.0, 5.0]),
        (jumpax.Histogram("A", 4), [0.0, 0.0, 1.0, 0.0]),
        (jumpax.Moments("B", "A", order=2), [3.0, 9.0, 2.0, 4.0]),
        (lambda counts: jnp.cumsum(jnp.stack([*counts.values()])), [2.0, 5.0]),
    ):
        entries = Entries(observable, ("A", "B"))
        assert [float(e) for e in entries(counts)] == want
    scalar = jax.make_jaxpr(lambda *x: Entries(tangled, ("A", "B"))(x))(*counts)
    assert all(v.aval.shape == () for equation in scalar.eqns for v in equation.outvars)
