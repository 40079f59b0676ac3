"""The few calls of NVIDIA's driver that load and launch a kernel."""

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from jumpax._base.errors import SimulationError, UnsupportedError

REGISTERS, SPILLED, MOST_THREADS = 4, 3, 0
"""Attributes of a function: registers of a thread, bytes of local memory, most threads of a block."""
_MULTIPROCESSORS = 16
_LOG, _LOG_BYTES = 5, 6
"""Options of loading: where errors of the assembler are written, and how much room there is."""


class Driver:
    """The driver's library.

    Raises:
        UnsupportedError: if it is not there, or sees no GPU.
    """

    def __init__(self, library: Any = None):
        try:
            name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
            self.library = ctypes.CDLL(name) if library is None else library
        except OSError as error:
            raise UnsupportedError(f"NVIDIA's driver is not installed ({error})") from None
        if self.library.cuInit(0) != 0:
            raise UnsupportedError("NVIDIA's driver sees no GPU")
        self._modules: dict[tuple[int, str], Function] = {}
        self._one_at_a_time = threading.Lock()
        self._watched: list[tuple[ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]] | None = None

    def check(self, code: int, what: str) -> None:
        """Raise if a call failed."""
        if code != 0:
            text = ctypes.c_char_p()
            self.library.cuGetErrorString(code, ctypes.byref(text))
            raise SimulationError(
                f"{what} failed on the GPU: {(text.value or b'unknown error').decode()} (code {code})"
            )

    def stream_context(self, stream: int) -> ctypes.c_void_p:
        """The context that a stream belongs to."""
        context = ctypes.c_void_p()
        self.check(self.library.cuStreamGetCtx(ctypes.c_void_p(stream), ctypes.byref(context)), "finding the context")
        return context

    def device_context(self, number: int) -> ctypes.c_void_p:
        """The context that JAX uses on GPU number `number`."""
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.check(self.library.cuDeviceGet(ctypes.byref(device), number), f"opening GPU {number}")
        self.check(self.library.cuDevicePrimaryCtxRetain(ctypes.byref(context), device), "making a context")
        return context

    @contextlib.contextmanager
    def within(self, context: ctypes.c_void_p) -> Iterator[None]:
        """Calls of this thread go to a context."""
        self.check(self.library.cuCtxPushCurrent_v2(context), "entering the context")
        try:
            yield
        finally:
            before = ctypes.c_void_p()
            self.library.cuCtxPopCurrent_v2(ctypes.byref(before))

    def load(self, context: ctypes.c_void_p, ptx: str) -> "Function":
        """The kernel `advance` of a module, in a context; assembled when it is new."""
        with self._one_at_a_time:
            key = (context.value or 0, ptx)
            if key not in self._modules:
                with self.within(context):
                    self._modules[key] = Function(self, context, self._assemble(ptx))
            return self._modules[key]

    def _assemble(self, ptx: str) -> ctypes.c_void_p:
        module, function, log = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.create_string_buffer(8192)
        options = (ctypes.c_int * 2)(_LOG, _LOG_BYTES)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), len(log))
        code = self.library.cuModuleLoadDataEx(ctypes.byref(module), ptx.encode(), 2, options, values)
        if code != 0:
            said = log.value.decode(errors="replace").strip()
            raise UnsupportedError(
                f"NVIDIA's driver cannot assemble the kernel (code {code}): {said}; a newer driver may"
            )
        self.check(self.library.cuModuleGetFunction(ctypes.byref(function), module, b"advance"), "finding the kernel")
        return function

    @contextlib.contextmanager
    def timed(self) -> Iterator[list[float]]:
        """Seconds that kernels spend on the device, by its own clock; the list is filled at the end.

        Everything launched within must have been waited for.
        """
        seconds: list[float] = []
        self._watched = []
        try:
            yield seconds
        finally:
            watched, self._watched = self._watched, None
        for context, first, last in watched:
            value = ctypes.c_float()
            with self.within(context):
                self.check(self.library.cuEventElapsedTime(ctypes.byref(value), first, last), "reading the clock")
            seconds.append(value.value / 1000)

    def event(self, stream: int) -> ctypes.c_void_p:
        """A mark on a stream."""
        mark = ctypes.c_void_p()
        self.check(self.library.cuEventCreate(ctypes.byref(mark), 0), "making an event")
        self.check(self.library.cuEventRecord(mark, ctypes.c_void_p(stream)), "recording an event")
        return mark

    def multiprocessors(self, number: int) -> int:
        """Multiprocessors of a GPU."""
        device, value = ctypes.c_int(), ctypes.c_int()
        self.check(self.library.cuDeviceGet(ctypes.byref(device), number), f"opening GPU {number}")
        self.check(self.library.cuDeviceGetAttribute(ctypes.byref(value), _MULTIPROCESSORS, device), "asking the GPU")
        return value.value


class Function:
    """A kernel on one GPU; may be used from any thread."""

    def __init__(self, driver: Driver, context: ctypes.c_void_p, handle: ctypes.c_void_p):
        self.driver, self.context, self.handle = driver, context, handle

    def attribute(self, number: int) -> int:
        """One of the attributes named above."""
        value = ctypes.c_int()
        with self.driver.within(self.context):
            code = self.driver.library.cuFuncGetAttribute(ctypes.byref(value), number, self.handle)
            self.driver.check(code, "asking for an attribute")
        return value.value

    def blocks_at_once(self, threads: int) -> int:
        """How many blocks of so many threads a multiprocessor holds."""
        value = ctypes.c_int()
        with self.driver.within(self.context):
            code = self.driver.library.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                ctypes.byref(value), self.handle, threads, ctypes.c_size_t(0)
            )
            self.driver.check(code, "asking for the occupancy")
        return value.value

    def launch(self, stream: int, blocks: int, threads: int, pointers: Sequence[int], wholes: Sequence[int]) -> None:
        """Queue a call on a stream; does not wait for it."""
        values = [*map(ctypes.c_void_p, pointers), *map(ctypes.c_int32, wholes)]
        arguments = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        driver, watched = self.driver, self.driver._watched
        with driver.within(self.context):
            first = None if watched is None else driver.event(stream)
            code = driver.library.cuLaunchKernel(
                self.handle, blocks, 1, 1, threads, 1, 1, 0, ctypes.c_void_p(stream), arguments, None
            )
            driver.check(code, "launching the kernel")
            if first is not None and watched is not None:
                watched.append((self.context, first, driver.event(stream)))


@functools.cache
def driver() -> Driver:
    """The driver of this process."""
    return Driver()
