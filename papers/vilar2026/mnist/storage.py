"""Weights and states of training on disk: npz files that are either whole or not there."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from common.store import plain, write_whole
from vilar2026.mnist.network import SHAPES, Parameters

WEIGHTS = Path(__file__).parent / "weights.npz"
"""The trained network, in float16."""
HISTORY = Path(__file__).parent / "history.json"
"""How it was trained: steps, seconds, learning curve, sittings and their plans."""


def save_weights(path: Path, params: Parameters) -> None:
    """Write the parameters in float16."""
    content = io.BytesIO()
    np.savez_compressed(content, **{name: np.asarray(value, np.float16) for name, value in params.items()})
    write_whole(path, content.getvalue())


def load_weights(path: Path = WEIGHTS) -> Parameters:
    """Read parameters written by `save_weights`, or those of a state of training."""
    with np.load(path) as saved:
        return {name: jnp.asarray(saved[name], jnp.float32) for name in SHAPES}


def load_history() -> dict[str, Any]:
    """What is kept of the training of `WEIGHTS`."""
    return json.loads(HISTORY.read_text())


def save_state(path: Path, params: Parameters, state: Any, about: Mapping[str, Any]) -> None:
    """Write parameters, the state of the optimiser, and whatever else JSON can hold."""
    leaves = {f"state {i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
    about = np.frombuffer(json.dumps(plain(about)).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, about=about, **{name: np.asarray(value) for name, value in params.items()}, **leaves)
    write_whole(path, content.getvalue())


def load_state(path: Path, state: Any) -> tuple[Parameters, Any, dict[str, Any]]:
    """Read what `save_state` wrote; `state` is a state of the same optimiser."""
    leaves, tree = jax.tree.flatten(state)
    with np.load(path) as saved:
        about = json.loads(saved["about"].tobytes())
        read = [jnp.asarray(saved[f"state {i}"], leaf.dtype) for i, leaf in enumerate(leaves)]
    return load_weights(path), jax.tree.unflatten(tree, read), about
