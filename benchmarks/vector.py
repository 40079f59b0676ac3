"""Families of reactions: events and images per CPU second, forward and with gradients, on 532 reactions with 784 inputs."""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import jumpax

HIDDEN, OUTPUTS, INPUTS, SCALE = 256, 10, 784, 5.0


def _rates(counts, params, u):
    return params["drive"], params["beta"] * jax.nn.sigmoid(u + params["b"]), counts


def _features(params):
    return jnp.concatenate([params["W"] / SCALE, jnp.zeros((OUTPUTS, OUTPUTS))], axis=1)


def network() -> jumpax.Network:
    births = np.eye(HIDDEN + OUTPUTS, dtype=int)
    shapes = {"drive": HIDDEN, "beta": OUTPUTS, "b": OUTPUTS, "W": (OUTPUTS, HIDDEN)}
    family = jumpax.Family(np.hstack([births, -births]), _rates, parameters=shapes, features=_features)
    return jumpax.Network(families=[family])


def _theta() -> dict:
    draw = np.random.default_rng(0).normal
    return {
        "W1": draw(size=(HIDDEN, INPUTS)) * 0.05, "b1": np.full(HIDDEN, -1.4), "beta1": np.full(HIDDEN, SCALE),
        "W2": draw(size=(OUTPUTS, HIDDEN)) * 0.2, "b2": np.full(OUTPUTS, -2.2), "beta2": np.full(OUTPUTS, 50.0),
    }  # fmt: skip


def _loss(model: jumpax.Network, end: float) -> Callable:
    observed = jumpax.TimeAverage(*(f"x{HIDDEN + i}" for i in range(OUTPUTS)))

    def loss(theta, images, key):
        drive = theta["beta1"][None] * jax.nn.sigmoid(images @ theta["W1"].T + theta["b1"][None])
        params = {"drive": drive, "beta": theta["beta2"], "b": theta["b2"], "W": theta["W2"]}
        mean = jumpax.expectation(
            observed, model, np.zeros(HIDDEN + OUTPUTS), [end / 2, end], paths=len(images),
            gradient=jumpax.TrapezoidalTangent(reverse=True),
        )  # fmt: skip
        got = mean.values(params, key)
        chances = jax.nn.log_softmax(got.values[:, 1])
        return -jnp.mean(chances[jnp.arange(len(images)), jnp.arange(len(images)) % OUTPUTS]), got.events.sum()

    return loss


def run(tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """One row for the forward run, one with gradients; median of repetitions, CPU time."""
    paths, end, repeats = (16, 0.2, 1) if tiny else (256, 4.0, 5)
    loss, theta = _loss(network(), end), jax.tree.map(jnp.asarray, _theta())
    images = jnp.asarray(np.random.default_rng(1).uniform(size=(paths, INPUTS)) < 0.2, float)
    rows = []
    for what, function in (("forward", loss), ("with gradients", jax.value_and_grad(loss, has_aux=True))):
        program = jax.jit(function).lower(theta, images, jax.random.key(0)).compile()
        times, events = [], []
        for key in range(repeats + 1):
            begin = time.process_time()
            out = jax.block_until_ready(program(theta, images, jax.random.key(key)))
            times.append(time.process_time() - begin)
            events.append(int(out[1] if what == "forward" else out[0][1]))
        seconds = statistics.median(t / e for t, e in zip(times[1:], events[1:], strict=True))
        per_image = statistics.mean(events) / paths
        row = {
            "model": "266 genes, 532 reactions", "what": what, "paths": paths, "events_per_image": per_image,
            "events_per_second": 1 / seconds, "images_per_second": 1 / (seconds * per_image),
        }  # fmt: skip
        rows.append(row)
        tell(
            f"{what:15s} {row['events_per_second']:.3g} events/s, {row['images_per_second']:.3g} images/s, "
            f"{per_image:.0f} events per image"
        )
    return rows
