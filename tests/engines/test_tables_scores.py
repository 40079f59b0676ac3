"""Scores of large networks against mathematics and against central differences.

z-scores stay below 4.5, 7e-6 each; some 30 are looked at, so that one run in 5,000 raises a false alarm. Seeds were fixed before the
first look.
"""

import jax
import jax.numpy as jnp
import numpy as np
from test_tables import rules

import jumpax
from jumpax import MassAction, Network, Reaction
from jumpax.engines import choice
from jumpax.folds import Score


def test_a_constant_that_moves_a_poisson_start_too():
    """Molecules come to X0 at b and hop along at k; X0 begins at rest, with Poisson(b / k), and so stays: X1 has the mean b / k (1 - exp(-k t))."""
    hops = [Reaction(f"X{i} -> X{i + 1}", MassAction("k")) for i in range(220)]
    network = Network([Reaction("0 -> X0", MassAction("b")), *hops])
    start = dict.fromkeys(network.species, 0) | {"X0": jumpax.Poisson(lambda b, k: b / k)}
    times, theta = [0.4, 1.5], {"b": 6.0, "k": 1.7}
    mean = jumpax.expectation(
        jumpax.Moments("X0", "X1"), network, start, times, paths=20_000, gradient=jumpax.ScoreFunction()
    )
    got = mean.estimate(theta, 29)
    assert jumpax.simulate(network, theta, start, times=times, paths=2, key=0).provenance["engine"] == "tables"

    def exact(theta):
        at = jnp.array(times)
        return jnp.stack(
            [0 * at + theta["b"] / theta["k"], theta["b"] / theta["k"] * (1 - jnp.exp(-theta["k"] * at))], -1
        )

    with jax.enable_x64(True):
        value, slopes = exact(theta), jax.jacobian(exact)({name: jnp.float64(one) for name, one in theta.items()})
    z = [(got.value[..., 0] - np.asarray(value)) / got.standard_error[..., 0]]
    for name in theta:
        z.append((got.gradient[name][..., 0] - np.asarray(slopes[name])) / got.gradient_standard_error[name][..., 0])
        assert (got.gradient_standard_error[name] < 0.15).all()  # the test is not empty
    assert np.abs(z).max() < 4.5, z


def test_scores_of_a_network_of_rules_are_central_differences(monkeypatch):
    """With common random numbers; a step of 5 % leaves out a thousandth of a derivative."""
    monkeypatch.setattr(choice, "LARGE", 100)
    network, theta, x0 = rules()
    seen, wrt, step, times = ["L", "M_buu", "M_uuu", "M_puu"], ("on0", "off0", "act1", "rest"), 0.05, [0.3, 0.8]

    def drawn(theta, key, paths, **options):
        made = jumpax.simulate(network, theta, x0, times=times, paths=paths, key=key, precision="float64", **options)
        assert made.provenance["engine"] == "tables"
        return np.stack([made[name] for name in seen], -1).astype(float), made

    counts, made = drawn(theta, 61, 20_000, record=Score(network, wrt))
    z = []
    for name, score in zip(wrt, made.records, strict=True):
        product = (counts - counts.mean(0)) * score[..., None]
        ends = [drawn(theta | {name: theta[name] * (1 + sign * step)}, 62, 20_000)[0] for sign in (1, -1)]
        pairs = (ends[0] - ends[1]) / (2 * step * theta[name])
        slope, other = product.mean(0), pairs.mean(0)
        error = np.hypot(product.std(0), pairs.std(0)) / 20_000**0.5
        z.append((slope - other) / error)
        assert np.abs(other / error).max() > 10, name  # the test is not empty
    assert np.abs(z).max() < 4.5, z
