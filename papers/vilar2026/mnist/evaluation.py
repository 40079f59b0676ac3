"""What a trained network reads on exact paths, by window of time; every window has paths of its own, from 0 to its end."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from vilar2026.mnist.digits import Digits
from vilar2026.mnist.network import OUTPUTS, PARAMETERS, Parameters
from vilar2026.mnist.reading import Window, read


def answers(params: Parameters, digits: Digits, windows: Sequence[Window], seed: int, first: int = 0) -> dict[str, Any]:
    """Digits read in each window (windows, images), and events per image from time 0 to the end of each window.

    `first` is the number of the first image, so that parts of a set have paths of their own.
    """
    key = jax.random.fold_in(jax.random.key(seed), first)
    found = [read(params, digits.images, window, jax.random.fold_in(key, i)) for i, window in enumerate(windows)]
    return {
        "read": np.array([means.argmax(-1) for means, _ in found]), "labels": digits.labels,
        "events": [events.mean() for _, events in found],
    }  # fmt: skip


def accuracy(params: Parameters, digits: Digits, windows: Sequence[Window], seed: int) -> list[float]:
    """Share of the images that are read right, by window."""
    found = answers(params, digits, windows, seed)
    return (found["read"] == found["labels"]).mean(-1).tolist()


def repeated(params: Parameters, digits: Digits, window: Window, seeds: Sequence[int]) -> dict[str, Any]:
    """Share of the images that are read right in one window, for several draws of all paths.

    One draw says little where windows are short: its paths, not its images, make it higher or lower. `spread` is the standard
    deviation of a draw about the mean for these images, `standard_error` that of the mean; what other images would give is
    not in either.
    """
    found = np.array([accuracy(params, digits, [window], seed)[0] for seed in seeds])
    return {
        "window": window, "images": len(digits.labels), "draws": len(found), "mean": found.mean(),
        "spread": found.std(ddof=1), "standard_error": found.std(ddof=1) / np.sqrt(len(found)), "accuracy": found,
    }  # fmt: skip


def summary(parts: Sequence[Mapping[str, Any]], windows: Sequence[Window], judged: Window) -> dict[str, Any]:
    """Accuracy by window and the confusion matrix (true, read) of the window that is judged, from all parts of a set."""
    read = np.concatenate([np.asarray(part["read"]) for part in parts], axis=1)
    labels = np.concatenate([np.asarray(part["labels"]) for part in parts])
    events = np.average([part["events"] for part in parts], axis=0, weights=[len(part["labels"]) for part in parts])
    right = (read == labels).mean(-1)
    chosen = [tuple(window) for window in windows].index(tuple(judged))
    confusion = np.zeros((OUTPUTS, OUTPUTS), int)
    np.add.at(confusion, (labels, read[chosen]), 1)
    return {
        "parameters": PARAMETERS, "images": len(labels), "accuracy": right[chosen], "window": judged,
        "events_per_image": events[chosen], "standard_error": np.sqrt(right[chosen] * (1 - right[chosen]) / len(labels)),
        "windows": [
            {"window": window, "accuracy": a, "events_per_image": e} for window, a, e in zip(windows, right, events, strict=True)
        ],
        "confusion": confusion,
    }  # fmt: skip
