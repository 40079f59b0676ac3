"""The trained network on the 10,000 test images: an item of the paper. A tiny run trains a few steps on 300 digits."""

import tempfile
from pathlib import Path

import jax
import numpy as np

from common.item import Item
from vilar2026.mnist import digits, evaluation, figures, reading, storage
from vilar2026.mnist.training import Plan, Training

SHARE = 1000
"""Images in one part."""


def _chosen(settings) -> digits.Digits:
    return digits.few().part(slice(settings["images"])) if settings["few"] else digits.unseen()


def _read(settings, first: int):
    part = _chosen(settings).part(slice(first, first + SHARE))
    params = storage.load_weights()
    return evaluation.answers(params, part, [tuple(window) for window in settings["windows"]], settings["seed"], first)


def _example(settings):
    """Output counts of one image over time."""
    shown = _chosen(settings).part(slice(settings["shown"], settings["shown"] + 1))
    times = np.linspace(0, settings["until"], settings["times"])
    counts = reading.counts(storage.load_weights(), shown.images, times[1:], jax.random.key(settings["seed"]))
    return {"label": int(shown.labels[0]), "times": times, "counts": np.pad(counts, ((1, 0), (0, 0)))}


def _train(settings):
    """A few steps from scratch, interrupted once: the history of the training, or that of the weights that are kept."""
    if not settings["train"]:
        return storage.load_history()
    plan, few = Plan(**settings["train"]), digits.few().part(slice(settings["images"]))
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (1e-9, np.inf):
            training = Training(plan, few, few, Path(folder), lambda line: None)
            training.run(seconds)
    return training.about


def _parts(settings):
    reads = {
        f"images from {first}": lambda first=first: _read(settings, first)
        for first in range(0, settings["images"], SHARE)
    }
    return reads | {"example": lambda: _example(settings), "training": lambda: _train(settings)}


def _combine(settings, found):
    parts = [found[f"images from {first}"] for first in range(0, settings["images"], SHARE)]
    summary = evaluation.summary(parts, settings["windows"], settings["judged"])
    return summary | {"example": found["example"], **found["training"]}


ITEM = Item(
    title="a gene network of 203,796 parameters reads the MNIST test set",
    settings={
        "images": 10_000, "few": False, "seed": 1, "windows": [[0.5, 2], [1, 3], [2, 4], [3, 8], [3, 13], [3, 23]], "judged": [3, 23],
        "shown": 8, "until": 23.0, "times": 700, "train": None,
        "surrogate": [[2155, 98.06], [4498, 98.42], [13294, 98.68]],
    },
    tiny={
        "images": 40, "few": True, "windows": [[0.5, 1]], "judged": [0.5, 1], "until": 1.0, "times": 5,
        "train": {"epochs": 2, "batch": 20, "window": (0.5, 1.0), "validated": ((0.5, 1.0),), "validation_images": 40},
    },
    parts=_parts,
    combine=_combine,
    draw=figures.draw,
)  # fmt: skip
