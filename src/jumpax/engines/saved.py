"""Lanes on disk: a run that was killed goes on where it was saved, bit for bit as if nothing had happened."""

import importlib.metadata
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from jumpax._base.errors import InputError
from jumpax._base.files import write_whole
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.networks.fingerprint import digest

_HEADER = "header"


def save_lanes(path: str | os.PathLike, lanes: PyTree, program: Program, inputs: Inputs, **more: str) -> None:
    """Write the state of a run, as `advance` returned it, to a NumPy archive.

    The file is written aside and renamed, so that a run killed while it writes leaves the file before whole. Nothing is
    pickled; arrays carry the checksums of the zip format.

    Args:
        path: of the file; one that is there is replaced.
        lanes: state of the run.
        program: what runs.
        inputs: its numbers.
        more: what else the file must say of the run.
    """
    header = np.frombuffer(json.dumps(_header(lanes, program, inputs) | more).encode(), np.uint8)

    def write(aside: Path) -> None:
        with open(aside, "wb") as file:
            np.savez(file, allow_pickle=False, **{_HEADER: header}, **_leaves(lanes))
            file.flush()
            os.fsync(file.fileno())

    write_whole(Path(path), write)


def load_lanes(path: str | os.PathLike, like: Any, program: Program, inputs: Inputs, **more: str) -> Any:
    """The state of a run that `save_lanes` wrote.

    Args:
        path: of the file.
        like: lanes of the same run at its start, `engine.start(program, inputs, room)`: they give the structure.
        program: what is to go on.
        inputs: its numbers.
        more: as it was given to `save_lanes`.

    Returns:
        Lanes for `engine.advance(program, inputs, lanes, budget)`.

    Raises:
        InputError: when the file is damaged, or was written by another run: names everything in which the two differ.
    """
    found, leaves = _read(path)
    expected = _header(like, program, inputs) | more
    differ = [
        f"{name}: {found.get(name)!r} in the file, {expected.get(name)!r} here"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    ]
    if differ:
        raise InputError(
            f"{os.fspath(path)} holds another run and cannot go on here; start anew, or restore what differs:\n"
            + "\n".join(f"- {line}" for line in differ)
        )
    # as they are: engines have arrays in float64 whatever the precision of the program, and of JAX
    return jax.tree.unflatten(jax.tree.structure(like), [leaves[name] for name in _leaves(like)])


def header_of(path: str | os.PathLike) -> dict[str, str]:
    """What a file says of its run.

    Raises:
        InputError: a file that is damaged, or is another kind of file.
    """
    return _read(path, whole=False)[0]


def _read(path: str | os.PathLike, whole: bool = True) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The header, and the arrays if so wanted."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            found = json.loads(archive[_HEADER].tobytes())
            return found, {name: archive[name] for name in archive.files if whole and name != _HEADER}
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, TypeError) as fault:
        raise InputError(f"{os.fspath(path)} is not a file of lanes, or it is damaged: {fault}") from fault


def _leaves(lanes: PyTree) -> dict[str, np.ndarray]:
    """Arrays by their place in the tree."""
    return {f"lanes{jax.tree_util.keystr(at)}": np.asarray(leaf) for at, leaf in jax.tree.leaves_with_path(lanes)}


def _header(lanes: PyTree, program: Program, inputs: Inputs) -> dict[str, str]:
    """Everything that the bits of a run depend on, field by field."""
    versions = {f"version of {name}": importlib.metadata.version(name) for name in ("jumpax", "jax", "jaxlib")}
    numbers = {f"inputs.{name}": digest(value) for name, value in inputs._asdict().items()}
    shapes = {name: f"{leaf.dtype.name}{list(leaf.shape)}" for name, leaf in _leaves(lanes).items()}
    return {
        "backend": jax.default_backend(),
        "network": program.network.digest,
        "fold": digest(program.fold),
        "precision": program.precision,
        "clock": program.clock,
        "bounded": str(program.bounded),
        "queue": str(program.queue),
        **versions,
        **numbers,
        **shapes,
    }
