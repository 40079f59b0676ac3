"""Where kernels of the GPU engine run."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, final

import jax
import numpy as np

from jumpax._base.errors import UnsupportedError
from jumpax.engines.gpu import machine
from jumpax.engines.gpu.driver import driver
from jumpax.engines.program import Program

BLOCK = 64
"""Threads of a block; small, so that few paths spread over many multiprocessors."""
BLOCKS = 8
"""Blocks that must fit on a multiprocessor at once, which bounds the registers of a thread (here to 128); 0 for no bound."""


class AbstractDevice(abc.ABC):
    """Launches kernels on the buffers of JAX."""

    @abc.abstractmethod
    def prepare(self, program: Program, per_path: bool) -> None:
        """Make the kernel ready."""

    @abc.abstractmethod
    def threads(self, program: Program, per_path: bool, room: int) -> int:
        """How many threads a run with room for so many paths has."""

    @abc.abstractmethod
    def memory(self) -> int | None:
        """Bytes for all arrays of JAX, if there is a limit."""

    @abc.abstractmethod
    def launch(
        self,
        program: Program,
        per_path: bool,
        threads: int,
        context: Any,
        buffers: Sequence[Any],
        wholes: Sequence[int],
    ) -> None:
        """Call the kernel; a buffer that is None has no entries."""


def cuda_trouble() -> str | None:
    """Why kernels cannot run on a GPU here, or None if they can."""
    try:
        found = jax.devices("cuda")
    except RuntimeError:
        return (
            "JAX sees no NVIDIA GPU; on a machine that has one, with its driver, install JAX for it: "
            "pip install 'jumpax[cuda]' (CUDA 13) or 'jumpax[cuda12]'"
        )
    try:
        driver()
        machine.nvptx()
    except UnsupportedError as trouble:
        return str(trouble)
    return None if found else "JAX sees no NVIDIA GPU"


@final
@dataclasses.dataclass(frozen=True)
class CudaDevice(AbstractDevice):
    """An NVIDIA GPU, on the stream of the JAX program.

    Raises:
        UnsupportedError: if there is none; the message says what to install.
    """

    block: int = BLOCK
    blocks: int = BLOCKS

    def __post_init__(self):
        if trouble := cuda_trouble():
            raise UnsupportedError(f"the gpu engine cannot run: {trouble}; engine='xla' runs everywhere")

    def _function(self, program: Program, per_path: bool, context: Any) -> Any:
        return driver().load(context, machine.ptx(program, per_path, self.block, self.blocks))

    def function(self, program: Program, per_path: bool) -> Any:
        """The kernel on the first GPU."""
        context = driver().device_context(jax.local_devices(backend="cuda")[0].local_hardware_id or 0)
        with driver().within(context):
            return self._function(program, per_path, context)

    def prepare(self, program: Program, per_path: bool) -> None:
        """Print and assemble the kernel."""
        self.function(program, per_path)

    def threads(self, program: Program, per_path: bool, room: int) -> int:
        """As many as the GPU holds at once, in whole blocks; fewer where there are fewer paths."""
        number = jax.local_devices(backend="cuda")[0].local_hardware_id or 0
        function = self.function(program, per_path)
        with driver().within(driver().device_context(number)):
            most = max(1, function.blocks_at_once(self.block)) * driver().multiprocessors(number)
        return self.block * min(most, -(-room // self.block))

    def memory(self) -> int | None:
        """What JAX may take of the memory of the GPU."""
        return (jax.local_devices(backend="cuda")[0].memory_stats() or {}).get("bytes_limit")

    def launch(
        self,
        program: Program,
        per_path: bool,
        threads: int,
        context: Any,
        buffers: Sequence[Any],
        wholes: Sequence[int],
    ) -> None:
        """Queue the kernel behind what the stream has to do; nothing is copied."""
        pointers = [0 if buffer is None else buffer.__cuda_array_interface__["data"][0] for buffer in buffers]
        owner = driver().stream_context(context.stream)
        with driver().within(owner):
            function = self._function(program, per_path, owner)
            function.launch(context.stream, threads // self.block, self.block, pointers, wholes)


@final
@dataclasses.dataclass(frozen=True)
class HostDevice(AbstractDevice):
    """This processor, playing `width` threads one after the other: slow, to test the logic where there is no GPU."""

    width: int = 32

    def prepare(self, program: Program, per_path: bool) -> None:
        """Compile the kernel."""
        machine.machine_code(program, per_path)

    def threads(self, program: Program, per_path: bool, room: int) -> int:
        """Always the same."""
        return self.width

    def memory(self) -> int | None:
        """No limit of its own."""
        return None

    def launch(
        self,
        program: Program,
        per_path: bool,
        threads: int,
        context: Any,
        buffers: Sequence[Any],
        wholes: Sequence[int],
    ) -> None:
        """Round by round, thread by thread, until every path has ended or the budget is spent."""
        arrays = [None if buffer is None else np.asarray(buffer) for buffer in buffers]
        places = dict(zip((*machine.STATE, *machine.INPUTS), arrays, strict=True))
        queue, paths, budget = (places[name] for name in ("queue", "paths", "budget"))
        if queue is None or paths is None or budget is None:
            raise ValueError("queue, paths and budget are needed")
        advance = machine.machine_code(program, per_path).call
        one = np.ones(1, np.int32)
        pointers = [
            None if array is None else (one if name == "budget" else array).ctypes.data
            for name, array in places.items()
        ]
        for _ in range(int(budget[0])):
            advance(threads, *pointers, *wholes)
            if queue[1] >= paths[0]:
                break
