"""Exact paths of the network, one per image: averages of the outputs over windows, and the gradient of a loss through them."""

import functools
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

import jumpax
from vilar2026.mnist.network import HIDDEN, OUTPUTS, SCALE, Parameters, drive

Window = tuple[float, float]
_THREADS = os.cpu_count() or 1


class Step(NamedTuple):
    """What one batch gave: means over its images."""

    loss: float
    accuracy: float
    events: float


def _rates(counts, values, inputs):
    made = jnp.exp(values["log_synthesis_output"]) * jax.nn.sigmoid(inputs + values["offset_output"])
    return values["drive"], made, counts[:HIDDEN], counts[HIDDEN:]


def _regulation(values):
    return jnp.pad(values["weights_output"].T / SCALE, ((0, 0), (0, OUTPUTS)))


OUTPUT = tuple(f"output{i}" for i in range(OUTPUTS))


@functools.cache
def network() -> jumpax.Network:
    """One clock for 532 reactions: all genes are made, hidden ones first, then all are lost."""
    one = np.eye(HIDDEN + OUTPUTS, dtype=int)
    species = (*(f"hidden{i}" for i in range(HIDDEN)), *OUTPUT)
    shapes = {
        "weights_output": (HIDDEN, OUTPUTS), "offset_output": OUTPUTS, "log_synthesis_output": OUTPUTS, "drive": HIDDEN,
    }  # fmt: skip
    return jumpax.Network(families=[jumpax.Family(np.hstack([one, -one]), _rates, species, shapes, _regulation)])


def _outputs(counts):
    return jnp.stack([counts[name] for name in OUTPUT])


def paths(
    params: Parameters, images: Float[Array, "images 784"], key: Array, times: tuple[float, ...], averages: bool = True
) -> jumpax.PathValues:
    """One path per image, all counts 0 at time 0; the outputs averaged from each time to the next, or their counts at the times."""
    values = {name: params[name] for name in ("weights_output", "offset_output", "log_synthesis_output")}
    observable = jumpax.TimeAverage(*OUTPUT) if averages else _outputs
    mean = jumpax.expectation(
        observable, network(), np.zeros(HIDDEN + OUTPUTS), times, paths=len(images),
        gradient=jumpax.TrapezoidalTangent(reverse=True),
    )  # fmt: skip
    return mean.values(values | {"drive": drive(params, images)}, key)


def over(
    params: Parameters, images: Float[Array, "images 784"], key: Array, window: Window
) -> tuple[Float[Array, "images 10"], Int[Array, " images"]]:
    """Averages of the outputs over a window, and numbers of events."""
    begin, end = window
    found = paths(params, images, key, (begin, end) if begin > 0 else (end,))
    return found.values[:, -1], found.events


def _loss(params, images, labels, kappa, key, window):
    averages, events = over(params, images, key, window)
    logits = kappa * averages
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return loss, (jnp.mean(logits.argmax(-1) == labels), events.mean())


_slope = jax.jit(jax.value_and_grad(_loss, has_aux=True), static_argnames="window")
_over = jax.jit(over, static_argnames="window")
_paths = jax.jit(paths, static_argnames=("times", "averages"))


def _shares(many: int) -> list[slice]:
    """A part of so many images for every thread."""
    ends = [many * share // _THREADS for share in range(_THREADS + 1)]
    return [slice(*pair) for pair in itertools.pairwise(ends) if pair[0] < pair[1]]


def _threaded(work, many: int) -> list:
    """What `work(number, part)` gives for every thread's part."""
    parts = _shares(many)
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda *given: jax.device_get(work(*given)), range(len(parts)), parts))


def slope(
    params: Parameters, images: Float[np.ndarray, "images 784"], labels: Int[np.ndarray, " images"], kappa: float,
    window: Window, key: Array,
) -> tuple[Step, Parameters]:  # fmt: skip
    """Cross-entropy of kappa times the averages, and its gradient; the images are shared out to threads."""

    def one(number: int, part: slice):
        return _slope(params, images[part], labels[part], kappa, jax.random.fold_in(key, number), window)

    weights = [part.stop - part.start for part in _shares(len(images))]
    found = _threaded(one, len(images))
    (loss, (right, events)), gradient = jax.tree.map(
        lambda *leaves: np.average(leaves, axis=0, weights=weights), *found
    )
    return Step(float(loss), float(right), float(events)), jax.tree.map(np.float32, gradient)


def read(
    params: Parameters, images: Float[np.ndarray, "images 784"], window: Window, key: Array
) -> tuple[Float[np.ndarray, "images 10"], Int[np.ndarray, "images"]]:
    """Averages of the outputs over a window, and the events of each path from 0 to its end."""

    def one(number: int, part: slice):
        return _over(params, images[part], jax.random.fold_in(key, number), window=tuple(window))

    averages, events = zip(*_threaded(one, len(images)), strict=True)
    return np.concatenate(averages), np.concatenate(events)


def counts(
    params: Parameters, image: Float[np.ndarray, "1 784"], times: Sequence[float], key: Array
) -> Int[np.ndarray, "times 10"]:  # fmt: skip
    """Copies of the output genes along one path, at times after 0."""
    return np.asarray(_paths(params, image, key, times=tuple(map(float, times)), averages=False).values[0])
