"""Where kernels of the GPU engine run."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, final

import jax
import numpy as np

from jumpax._base.errors import UnsupportedError
from jumpax.engines.gpu import machine
from jumpax.engines.gpu.driver import Function, driver
from jumpax.engines.native.interface import INPUTS, STATE
from jumpax.engines.native.machine import Loaded, machine_for
from jumpax.engines.program import Program

BLOCK = 64
"""Threads of a block; small, so that few paths spread over many multiprocessors."""
BLOCKS = 8
"""Blocks that must fit on a multiprocessor at once, which bounds the registers of a thread (here to 128); 0 for no bound."""


class AbstractDevice(abc.ABC):
    """Launches kernels on the buffers of JAX."""

    backend: ClassVar[str]
    """JAX's name of the platform whose buffers it takes."""

    def place(self) -> Any:
        """Where JAX has to compute: its default device, if that is of the right platform, else the first one that is."""
        default = jax.config.jax_default_device  # type: ignore[attr-defined]
        fitting = jax.local_devices(backend=self.backend)
        return default if default in fitting else fitting[0]

    @abc.abstractmethod
    def kernel(self, program: Program, per_path: bool) -> Any:
        """The kernel, made and ready; `per_path` where every path has parameters of its own."""

    @abc.abstractmethod
    def threads(self, kernel: Any, room: int) -> int:
        """How many threads a run with room for so many paths has."""

    @abc.abstractmethod
    def memory(self) -> int | None:
        """Bytes for all arrays of JAX, if there is a limit."""

    @abc.abstractmethod
    def launch(self, kernel: Any, threads: int, context: Any, buffers: Sequence[Any], wholes: Sequence[int]) -> None:
        """Call the kernel; a buffer that is None has no entries."""


def cuda_trouble() -> str | None:
    """Why kernels cannot run on a GPU here, or None if they can."""
    try:
        jax.devices("cuda")
    except RuntimeError:
        return (
            "JAX sees no NVIDIA GPU; on a machine that has one, with its driver, install JAX for it: "
            "pip install 'jumpax[cuda]' (CUDA 13) or 'jumpax[cuda12]'"
        )
    try:
        driver()
        machine_for(machine.GPU)
    except UnsupportedError as trouble:
        return str(trouble)
    return None


@final
@dataclasses.dataclass(frozen=True)
class CudaDevice(AbstractDevice):
    """An NVIDIA GPU, on the stream of the JAX program.

    Raises:
        UnsupportedError: if there is none; the message says what to install.
    """

    backend: ClassVar[str] = "cuda"
    block: int = BLOCK
    blocks: int = BLOCKS

    def __post_init__(self):
        if trouble := cuda_trouble():
            raise UnsupportedError(f"the gpu engine cannot run: {trouble}; engine='xla' runs everywhere")

    def _number(self) -> int:
        """What the driver calls the GPU."""
        return self.place().local_hardware_id or 0

    def function(self, kernel: str) -> Function:
        """The kernel on the GPU."""
        return driver().load(driver().device_context(self._number()), kernel)

    def kernel(self, program: Program, per_path: bool) -> str:
        """The kernel in NVIDIA's assembly language; the driver has assembled it, and keeps the result."""
        text = machine.ptx(program, per_path, self.block, self.blocks)
        self.function(text)
        return text

    def threads(self, kernel: str, room: int) -> int:
        """As many as the GPU holds at once, in whole blocks; fewer where there are fewer paths."""
        most = max(1, self.function(kernel).blocks_at_once(self.block)) * driver().multiprocessors(self._number())
        return self.block * min(most, -(-room // self.block))

    def memory(self) -> int | None:
        """What JAX may take of the memory of the GPU."""
        return (self.place().memory_stats() or {}).get("bytes_limit")

    def launch(self, kernel: str, threads: int, context: Any, buffers: Sequence[Any], wholes: Sequence[int]) -> None:
        """Queue the kernel behind what the stream has to do; nothing is copied."""
        try:
            stream = context.stream
        except jax.errors.JaxRuntimeError:
            raise UnsupportedError(
                "the gpu engine is part of a JAX program that is computed on the processor; put its arguments on the "
                "GPU, or choose engine='cpu'"
            ) from None
        pointers = [0 if buffer is None else buffer.__cuda_array_interface__["data"][0] for buffer in buffers]
        function = driver().load(driver().stream_context(stream), kernel)
        function.launch(stream, threads // self.block, self.block, pointers, wholes)


@final
@dataclasses.dataclass(frozen=True)
class HostDevice(AbstractDevice):
    """This processor, playing `width` threads one after the other: slow, to test the logic where there is no GPU."""

    backend: ClassVar[str] = "cpu"
    width: int = 32
    limit: int | None = None
    """Bytes of the memory that it is said to have."""

    def kernel(self, program: Program, per_path: bool) -> Loaded:
        """The kernel in machine code."""
        return machine.machine_code(program, per_path)

    def threads(self, kernel: Loaded, room: int) -> int:
        """Always the same."""
        return self.width

    def memory(self) -> int | None:
        """As it was told."""
        return self.limit

    def launch(self, kernel: Loaded, threads: int, context: Any, buffers: Sequence[Any], wholes: Sequence[int]) -> None:
        """Round by round, thread by thread, until every path has ended or the budget is spent."""
        names = (*STATE, *INPUTS)
        arrays: dict[str, Any] = {
            name: None if buffer is None else np.asarray(buffer) for name, buffer in zip(names, buffers, strict=True)
        }
        rounds, arrays["budget"] = int(arrays["budget"][0]), np.ones(1, np.int32)
        for _ in range(rounds):
            kernel(list(arrays.values()), (*wholes, threads))
            if arrays["queue"][1] >= arrays["paths"][0]:
                break
