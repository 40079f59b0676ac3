"""Functions of Python that XLA calls by its interface for foreign functions: what `xla/ffi/api/c_api.h` says, in ctypes.

The interface is stable (its major version is 0, and what a handler was made for is told to XLA, which refuses what it does not
know). A handler gets a frame: arguments, results, attributes; results are to be filled.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_char, c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import Any

import jax
import numpy as np

VERSION = (0, 1)
"""Major and minor version of the interface that is used here."""
EXECUTE, METADATA, STRING, FAILED = 3, 1, 4, 13
_TYPES = {1: "bool", 4: "int32", 5: "int64", 8: "uint32", 9: "uint64", 11: "float32", 12: "float64"}

Handler = Callable[[str, list[np.ndarray], list[np.ndarray]], None]
"""Gets the attribute `function`, arguments, and results to fill."""


def _struct(name: str, *fields: tuple[str, Any]) -> Any:
    """A structure that begins as all of the interface do."""
    return type(name, (ctypes.Structure,), {"_fields_": [("size", c_size_t), ("extension", c_void_p), *fields]})


_Buffer = _struct("_Buffer", ("kind", c_int), ("data", c_void_p), ("rank", c_int64), ("shape", POINTER(c_int64)))
_Buffers = _struct("_Buffers", ("many", c_int64), ("kinds", POINTER(c_int)), ("buffers", POINTER(POINTER(_Buffer))))


class _Span(ctypes.Structure):
    _fields_ = (("text", POINTER(c_char)), ("length", c_size_t))


_Attributes = _struct(
    "_Attributes", ("many", c_int64), ("kinds", POINTER(c_int)), ("names", POINTER(POINTER(_Span))),
    ("values", POINTER(POINTER(_Span))),
)  # fmt: skip
_Fault = _struct("_Fault", ("message", c_char_p), ("code", c_int))
_Version = _struct("_Version", ("major", c_int), ("minor", c_int))
_MakeFault = ctypes.CFUNCTYPE(c_void_p, POINTER(_Fault))
_Api = _struct("_Api", ("version", _Version), ("internal", c_void_p), ("make_fault", _MakeFault))
_Frame = _struct(
    "_Frame", ("api", POINTER(_Api)), ("context", c_void_p), ("stage", c_int), ("arguments", _Buffers), ("results", _Buffers),
    ("attributes", _Attributes),
)  # fmt: skip


class _Metadata(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("version", _Version), ("traits", c_int32), ("state", c_int64))


class _Extension(ctypes.Structure):
    _fields_ = (("size", c_size_t), ("kind", c_int), ("next", c_void_p), ("metadata", POINTER(_Metadata)))


def _array(buffer: Any) -> np.ndarray:
    """The memory of a buffer as an array."""
    dtype, shape = np.dtype(_TYPES[buffer.kind]), tuple(buffer.shape[: buffer.rank])
    size = int(np.prod(shape)) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype)
    memory: Any = (c_char * size).from_address(buffer.data)
    return np.frombuffer(memory, dtype).reshape(shape)


def _arrays(buffers: Any) -> list[np.ndarray]:
    return [_array(buffers.buffers[i].contents) for i in range(buffers.many)]


def _function(attributes: Any) -> str:
    """The attribute `function`."""
    found = {}
    for i in range(attributes.many):
        if attributes.kinds[i] == STRING:
            name, value = attributes.names[i].contents, attributes.values[i].contents
            found[name.text[: name.length]] = value.text[: value.length].decode()
    return found[b"function"]


_Call = ctypes.CFUNCTYPE(c_void_p, POINTER(_Frame))
_kept: list[Any] = []
"""What XLA calls must not be collected."""


def register(target: str, handler: Handler) -> None:
    """Make a function known to XLA on processors.

    What it raises becomes an error of the program, with the message.
    """

    def call(at: Any) -> int | None:
        frame = at.contents
        if frame.extension:
            extension = _Extension.from_address(frame.extension)
            if extension.kind == METADATA:
                version = extension.metadata.contents.version
                version.major, version.minor = VERSION
                return None
        if frame.stage != EXECUTE:
            return None
        try:
            handler(_function(frame.attributes), _arrays(frame.arguments), _arrays(frame.results))
        except BaseException as fault:  # no exception can pass through XLA
            message = f"{type(fault).__name__}: {fault}".encode()
            told = _Fault(ctypes.sizeof(_Fault), None, message, FAILED)
            return frame.api.contents.make_fault(ctypes.byref(told))
        return None

    pointer = _Call(call)
    _kept.append(pointer)
    jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(ctypes.cast(pointer, c_void_p)), platform="cpu")
