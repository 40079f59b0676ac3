"""The GPU engine: one kernel holds the whole loop over time, one path per thread, state in registers."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.buffer_callback import buffer_callback

from jumpax._base.errors import TooLargeError
from jumpax._base.memory import in_gb
from jumpax.engines.engine import FEWEST, MOST, AbstractEngine, precision_of
from jumpax.engines.gpu.device import AbstractDevice, CudaDevice, HostDevice
from jumpax.engines.inputs import Inputs
from jumpax.engines.native.interface import INPUTS, Block, arrays_of, collected, is_per_path, started, wholes_of
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.traced import record_types, trace

SHARE = 0.9
"""Of the memory of the device for paths; states of threads, and what else JAX has there, need the rest."""


def _sizes(program: Program) -> tuple[int, int]:
    """Bytes that a path takes on the device: at each stop, and once, for its end and its inputs."""
    network, real = program.network, program.dtype.itemsize
    with precision_of(program):
        stop = sum(kind.itemsize if kind.kind == "f" else 4 for kind in record_types(trace(program)))
    end = 4 * (2 + len(network.species)) + 2 * real
    given = 4 * (3 + len(network.species)) + real * len(network.parameters)
    return stop, end + given


def advance(device: AbstractDevice, program: Program, inputs: Inputs, block: Block, budget: Any) -> Block:
    """The block after up to `budget` rounds, as one call of the kernel on the buffers of JAX; traceable."""
    arrays = arrays_of(program, inputs, jnp.reshape(jnp.asarray(budget, jnp.int32), 1), jnp)
    threads, wholes = block.path.shape[0], wholes_of(arrays)
    kernel = device.kernel(program, is_per_path(inputs))  # kept by the call, which must not print when it runs
    given = [*block, *(arrays[name] for name in INPUTS)]
    used = [i for i, array in enumerate(given) if array.size]  # an array without entries has no address
    kept = [i for i in used if i < len(block)]

    def call(context: Any, changed: Any, *buffers: Any) -> None:
        places: list[Any] = [None] * len(given)
        for i, buffer in zip(used, buffers, strict=True):
            places[i] = buffer
        for i, buffer in zip(kept, changed, strict=True):
            places[i] = buffer
        device.launch(kernel, threads, context, places, wholes)

    shapes = [jax.ShapeDtypeStruct(given[i].shape, given[i].dtype) for i in kept]
    aliases = {used.index(i): number for number, i in enumerate(kept)}
    run = buffer_callback(call, shapes, input_output_aliases=aliases, vmap_method="sequential")
    after = iter(run(*(given[i] for i in used)))
    return Block(*(next(after) if i in kept else array for i, array in enumerate(block)))


_start_now = jax.jit(functools.partial(started, library=jnp), static_argnums=(0, 1, 2, 3))
_advance_now = jax.jit(advance, static_argnums=(0, 1), donate_argnums=3)


class Gpu(AbstractEngine):
    """One kernel per call, printed from the program: any law and fold that is made of printable operations.

    Paths are keyed by their index, so it does not matter which thread takes them; they follow `reference`, `xla` and
    `cpu` word for word, up to near ties in the last bit.

    Raises:
        UnsupportedError: where there is no NVIDIA GPU; the message says what to install.
        TooLargeError: from `start` and `gather`, if the records of so many paths do not fit into the memory of the GPU.
    """

    name: str = "gpu"  # type: ignore[misc]
    traceable = True
    breadth = 16

    def __init__(self, device: AbstractDevice | None = None):
        self.device = CudaDevice() if device is None else device
        if isinstance(self.device, HostDevice):
            self.name = "gpu_on_host"

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Print and assemble the kernel."""
        self.device.kernel(program, is_per_path(inputs))

    def most(self, program: Program, stops: int, beside: float = 0.0) -> int:
        """As many as have room in the memory that JAX has of the GPU."""
        memory = self.device.memory()
        if memory is None:
            return MOST
        stop, once = _sizes(program)
        return min(MOST, int(SHARE * memory / (stops * stop + once + beside)))

    def _check_room(self, program: Program, stops: int, room: int) -> None:
        """Whether records find room on the device."""
        if room > self.most(program, stops):
            (stop, once), memory = _sizes(program), self.device.memory() or 0
            raise TooLargeError(
                f"{room:,} paths at once, with {stops:,} stops of {stop} bytes and {once} bytes beside, take "
                f"{in_gb(room * (stops * stop + once))}, and {in_gb(SHARE * memory)} of the GPU are there for them; ask for "
                f"{'fewer paths, ' if room > FEWEST else ''}fewer stops, or less at each of them, or for engine='cpu', which draws the same paths"
            )

    def _begin(self, program: Program, inputs: Inputs, room: int) -> tuple[Program, int, int, int]:
        kernel, stops = self.device.kernel(program, is_per_path(inputs)), len(inputs.stops.step)
        self._check_room(program, stops, room)
        return program, self.device.threads(kernel, room), stops, room

    def start(self, program: Program, inputs: Inputs, room: int) -> Block:
        """Threads without a path, and empty records."""
        begun = self._begin(program, inputs, room)
        with jax.default_device(self.device.place()):
            return _start_now(*begun)

    def advance(self, program: Program, inputs: Inputs, lanes: Block, budget: int) -> Block:
        """The block after up to `budget` rounds; the old one is used up."""
        with jax.default_device(self.device.place()):
            return _advance_now(self.device, program, inputs, lanes, np.int32(min(budget, MOST)))

    def finished(self, lanes: Block) -> int:
        """How many paths have ended."""
        return int(lanes.queue[1])

    def collect(self, program: Program, inputs: Inputs, lanes: Block) -> Recorded:
        """What has been recorded."""
        kept = ("record_integers", "record_reals", "ends", "end_times")
        # columns are cut on the host
        whole = lanes._replace(**{name: np.asarray(getattr(lanes, name)) for name in kept})
        return collected(program, whole, int(inputs.paths))

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one traceable call."""
        block = started(*self._begin(program, inputs, room), jnp)
        return collected(program, advance(self.device, program, inputs, block, MOST), room)


def on_host() -> Gpu:
    """The engine with its kernels compiled for this processor, one thread played after the other: slow, for tests."""
    return Gpu(HostDevice())
