"""Work that is divided among all devices of JAX, those of other processes included."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Literal, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AbstractMesh, Mesh, PartitionSpec
from jaxtyping import Array, PyTree

from jumpax._base.errors import InputError
from jumpax._base.trees import Tree
from jumpax._base.types import Count
from jumpax._base.watch import meet

Devices: TypeAlias = Literal["one", "all"]
"""The default device of each process; or all devices of all processes, together."""
FEWEST_PARTS = 8
"""Parts that work is divided into, at least: what is done part by part is then the same on 1, 2, 4 and 8 devices."""
FEWEST_PATHS = 32
"""Paths in a part, at least: baselines and controls are found in each part by itself."""
AXIS = "part"


def check_devices(devices: object) -> Devices:
    """One of the two words.

    Raises:
        InputError: it is not.
    """
    if devices == "one":
        return "one"
    if devices == "all":
        return "all"
    raise InputError(f"devices must be 'one' or 'all'; got {devices!r}")


def parts_of(devices: Devices, paths: int) -> int:
    """Among how many devices so many paths are divided: all, or one, where each device draws the same few paths."""
    few = paths < FEWEST_PATHS * max(FEWEST_PARTS, jax.device_count())
    return 1 if devices == "one" or few else jax.device_count()


def on_all(work: Callable[..., Tree], *arguments: PyTree[Array]) -> Tree:
    """What `work(device, *arguments)` gives on each device, one after the other along the leading axis; in every process.

    All processes have to call it, in the same order. They meet before and after the work, never inside. If they came with different arguments,
    what they get is NaN.

    Args:
        work: of the number of a device, 0 to `jax.device_count() - 1`, and the arguments; gives real numbers.
        arguments: trees of arrays, the same in every process.
    """

    def own(*arguments: PyTree[Array]) -> Tree:
        number: Count = jax.lax.axis_index(AXIS)
        made, given = jax.lax.all_gather((work(number, *arguments), arguments), AXIS)
        same = jnp.stack([(leaf == leaf[:1]).all() for leaf in jax.tree.leaves(given)]).all()
        return jax.tree.map(
            lambda leaf: jnp.where(same, leaf.reshape(leaf.shape[0] * leaf.shape[1], *leaf.shape[2:]), jnp.nan), made
        )

    mesh = Mesh(np.array(jax.devices()), (AXIS,))
    replicated = PartitionSpec()
    # what is gathered is the same everywhere, which JAX does not see
    return jax.shard_map(own, mesh=mesh, in_specs=replicated, out_specs=replicated, check_vma=False)(*arguments)


def no_mesh() -> AbstractContextManager[object]:
    """What is traced inside knows of no devices, though it be for one of many: so kernels are the same."""
    return jax.sharding.use_abstract_mesh(AbstractMesh((), ()))


def of_first(tree: Tree) -> Tree:
    """The numbers of the first process, in all: of what no two would find the same, such as how long something takes."""
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(np.asarray, meet(multihost_utils.broadcast_one_to_all, tree))


def rows_of_all(rows: Tree, total: int) -> Tree:
    """Rows of all processes, `total` in all, of which process i of N has those from `i total // N` on; in every process."""

    def whole(own: np.ndarray) -> np.ndarray:
        parts = jax.process_count()
        ends = [(i + 1) * total // parts for i in range(parts)]
        room = -(-total // parts)
        padded = np.concatenate([own, np.repeat(own[-1:], room - len(own), 0)])
        each = np.asarray(meet(multihost_utils.process_allgather, padded))
        return np.concatenate([part[: end - begin] for part, begin, end in zip(each, [0, *ends], ends)])

    return rows if jax.process_count() == 1 else jax.tree.map(whole, rows)


def differing_fields(digests: Mapping[str, str]) -> list[str]:
    """Names under which not all processes have the same; all of them, if these are not the same names."""
    rows = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in ("".join(digests), *digests.values())]
    own = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), 16)
    first = np.asarray(meet(multihost_utils.process_allgather, own[0]))
    if (first != first[0]).any():
        return list(digests)
    each = np.asarray(meet(multihost_utils.process_allgather, own[1:]))
    return [name for name, differs in zip(digests, (each != each[0]).any((0, 2))) if differs]
