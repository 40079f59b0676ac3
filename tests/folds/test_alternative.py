"""Alternative paths are unbiased at every stop of a run, however close, and only together with the time score."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
import references
from jumpax._base.errors import InputError
from jumpax.folds.alternative import Alternative
from jumpax.networks import MassAction, Network, Reaction, zoo

ASSOCIATION = Network([Reaction("A + B <-> C", MassAction("k_on"), MassAction("k_off"))])
LIMIT = 4.0
"""Of |z|: each comparison raises a false alarm with probability 6e-5, the file with less than 5e-3."""


def gather(network, theta, x0, times, paths, parameter, key):
    """Counts and alternative counts (paths, stops, species), W and S (paths, stops, 1)."""
    fold = Alternative(network, parameter)
    run = jumpax.simulate(network, theta, x0, times=times, paths=paths, key=key, record=fold)
    counts, other, weight, score = run.records
    np.testing.assert_array_equal(np.stack(counts, -1), run.counts)
    return run.counts.astype(float), np.stack(other, -1).astype(float), weight[..., None], score[..., None]


def gradients(f, other, weight, score):
    """Samples of the gradient, with the leave-one-out baseline."""
    f, other, weight, score = (np.asarray(v, float) for v in (f, other, weight, score))
    return weight * (other - f) + (f - f.mean(0)) * score * (len(f) / (len(f) - 1))


def z(samples, value):
    return (samples.mean(0) - value) / (samples.std(0) / np.sqrt(len(samples)))


@pytest.mark.parametrize(
    ("n", "volume", "k_off", "times"),
    [(20, 20, 1.0, (0.30, 0.31, 1.0)), (20, 20, 10.0, tuple(np.arange(1, 21) * 0.05))],
)
def test_association_unbinding(n, volume, k_off, times):
    theta, x0 = {"k_on": 1 / volume, "k_off": k_off}, [n, n, 0]
    truth = [references.association_at_time(n, n, volume, 1.0, k_off, t)[1] for t in times]
    f, other, weight, score = gather(ASSOCIATION, theta, x0, times, 300_000, "k_off", 21)
    samples = gradients(f, other, weight, score)[..., 2]
    assert (np.abs(z(samples, truth)) < LIMIT).all()
    without = gradients(f, other, weight, 0 * score)[..., 2]
    assert np.abs(z(without, truth))[-1] > 8


def test_association_binding():
    volume, times, step = 1.0, (0.1, 0.11, 0.5), 1e-5
    up, down = (
        [references.association_at_time(10, 10, volume, 1 + s, 10.0, t)[0] for t in times] for s in (step, -step)
    )
    truth = (np.array(up) - down) / (2 * step) * volume
    theta = {"k_on": 1 / volume, "k_off": 10.0}
    samples = gradients(*gather(ASSOCIATION, theta, [10, 10, 0], times, 200_000, "k_on", 22))[..., 2]
    assert (np.abs(z(samples, truth)) < LIMIT).all()


def test_telegraph():
    rates = {"k_on": 0.5, "k_off": 1.0, "k_tx": 20.0, "gamma": 1.0}
    network, m = zoo.telegraph().network, np.arange(91.0)
    _, slopes = references.telegraph_at_time(*rates.values(), 2.0, 90)
    f, other, *scores = gather(network, rates, {"off": 1, "on": 0, "M": 0}, [0.5, 2.0], 200_000, "k_off", 23)
    for power in (1, 2):
        samples = gradients(f[:, 1, 2:] ** power, other[:, 1, 2:] ** power, *(s[:, 1] for s in scores))
        assert (np.abs(z(samples * rates["k_off"], slopes[1] @ m**power)) < LIMIT).all()


def test_repressilator():
    model, times = zoo.repressilator(), (0.5, 1.5, 3.0)
    truth = [references.REPRESSILATOR[t][2] for t in times]
    samples = gradients(*gather(model.network, model.theta, model.x0, times, 100_000, "K", 24)) * model.theta["K"]
    assert (np.abs(z(samples, truth)) < LIMIT).all()


def test_no_time_changes_nothing():
    fold = Alternative(ASSOCIATION, "k_off")
    theta = {"k_on": jnp.float32(0.1), "k_off": jnp.float32(0.7)}
    counts = tuple(jnp.int32(c) for c in (3, 4, 5))
    carry = fold.init(counts, theta, jnp.float32(0))._replace(
        ahead=jnp.float32(0.3), weight=jnp.float32(2.1), score=jnp.float32(-0.7)
    )
    after = fold.advance(carry, counts, (jnp.float32(1.2), jnp.float32(3.5)), theta, jnp.float32(1), jnp.float32(0))
    assert jax.tree.map(float, after) == jax.tree.map(float, carry)


def test_refusals():
    with pytest.raises(InputError, match="Did you mean 'k_off'"):
        Alternative(ASSOCIATION, "k_of")
