"""The CPU engine: the loop of a program printed as Numba source, lanes innermost, so that LLVM makes SIMD code of it."""

import functools
from typing import Any, NamedTuple

import numpy as np

from jumpax._base.status import Status
from jumpax.engines.cpu import kernels
from jumpax.engines.cpu.printer import Printer
from jumpax.engines.cpu.source import layout_of
from jumpax.engines.engine import AbstractEngine, in_threads, precision_of, shares
from jumpax.engines.inputs import Inputs
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded, unpacked
from jumpax.engines.traced import record_types, trace

LINE = 64
"""Bytes of a cache line, and of the widest vector."""


class Block(NamedTuple):
    """A run in progress: NumPy arrays, changed in place by `advance`."""

    reals: np.ndarray
    """Floating leaves of the lanes, one after the other; then parameters, where each path has its own."""
    integers: np.ndarray
    words: np.ndarray
    path: np.ndarray
    """(lanes,) path of each lane, -1 without one."""
    queue: np.ndarray
    """Next path to start, and how many have ended."""
    turns: np.ndarray
    """Turns that the block has taken."""
    record_integers: np.ndarray
    """(paths, stops, n) counts and truth values of the records."""
    record_reals: np.ndarray
    ends: np.ndarray
    """(paths, 2 + species) status, events fired, counts at the end."""
    end_times: np.ndarray


TABLES = ("record_integers", "record_reals", "ends", "end_times")
"""Fields of a block with a row for each path."""


def _aligned(size: int, dtype: Any) -> np.ndarray:
    """Zeros that start at a cache line, so that no vector straddles two."""
    kind = np.dtype(dtype)
    raw = np.zeros(size * kind.itemsize + LINE, np.uint8)
    skip = -raw.ctypes.data % LINE
    return raw[skip : skip + size * kind.itemsize].view(kind)


def _plain(values: Any, dtype: Any) -> np.ndarray:
    """Contiguous and writeable: a kernel is compiled for each kind of array that it is called with."""
    return np.require(values, dtype, ("C", "W"))


def _rows(values: list[Any], dtype: Any) -> np.ndarray:
    """Columns side by side, with one row for all paths or one for each."""
    columns = [np.atleast_1d(np.asarray(v, dtype)) for v in values]
    rows = max((len(c) for c in columns), default=1)
    return np.stack([np.broadcast_to(c, rows) for c in columns], -1) if columns else np.zeros((1, 0), dtype)


class Cpu(AbstractEngine):
    """Fused SIMD loops: any law and any fold that is made of printable operations (`UnsupportedError` names others).

    No result depends on the block: a path follows `reference` and `xla` word for word, up to near ties in the last bit.
    """

    name = "cpu"
    traceable = False

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Print the kernel: a call from inside a JAX program must not trace."""
        with precision_of(program):
            kernels.load(program, any(np.ndim(v) for v in inputs.theta.values()))

    def start(self, program: Program, inputs: Inputs, room: int) -> Block:
        """An empty block and empty records."""
        traced = trace(program)
        layout, types = layout_of(traced), record_types(traced)
        whole = sum(kind.kind != "f" for kind in types)
        stops, species = len(inputs.stops.step), len(program.network.species)
        reals = layout.size("F") + len(program.network.parameters)
        block = Block(
            reals=_aligned(reals * layout.lanes, program.dtype),
            integers=_aligned(layout.size("I") * layout.lanes, np.int32),
            words=_aligned(layout.size("U") * layout.lanes, np.uint32),
            path=np.full(layout.lanes, -1, np.int64),
            queue=np.zeros(2, np.int64),
            turns=np.zeros(1, np.int64),
            record_integers=np.full((room, stops, whole), -1, np.int32),
            record_reals=np.full((room, stops, len(types) - whole), np.nan, program.dtype),
            ends=np.zeros((room, 2 + species), np.int32),
            end_times=np.zeros((room, 2), program.dtype),
        )
        number = traced.fields.index("status")
        first = layout.places[number][1] * layout.lanes
        block.integers[first : first + layout.lanes] = int(Status.DONE)
        return block

    def advance(self, program: Program, inputs: Inputs, lanes: Block, budget: int) -> Block:
        """The block after up to `budget` rounds; changed in place."""
        theta = _rows([inputs.theta[name] for name in program.network.parameters], program.dtype)
        kernels.load(program, per_path=len(theta) > 1).advance(
            lanes.reals, lanes.integers, lanes.words, lanes.path, lanes.queue,
            theta, _plain(np.atleast_2d(inputs.counts), np.int32),
            _rows(list(inputs.key), np.uint32), _plain(np.atleast_1d(inputs.first), np.uint32),
            _rows([inputs.start.high, inputs.start.low], program.dtype)[0],
            _rows([inputs.stops.time.high, inputs.stops.time.low], program.dtype),
            _plain(inputs.stops.step, np.int32), _rows(list(inputs.stops.interval or ()), program.dtype),
            int(inputs.paths), np.int32(inputs.limit), budget,
            lanes.record_integers, lanes.record_reals, lanes.ends, lanes.end_times, lanes.turns,
        )  # fmt: skip
        return lanes

    def finished(self, lanes: Block) -> int:
        """How many paths have ended."""
        return int(lanes.queue[1])

    def collect(self, program: Program, inputs: Inputs, lanes: Block) -> Recorded:
        """What has been recorded."""
        return unpacked(
            trace(program).record, lanes.record_integers, lanes.record_reals, lanes.ends, lanes.end_times,
            int(inputs.paths),
        )  # fmt: skip

    def gather(self, program: Program, inputs: Inputs, room: int, threads: int = 1) -> Recorded:
        """A whole run as one call; its threads write to the same records."""
        whole = self.start(program, inputs, room)

        def part(first: int, share: Inputs) -> None:
            rows = slice(first, first + int(share.paths))
            tables = {name: getattr(whole, name)[rows] for name in TABLES}
            with precision_of(program):
                lanes = self.start(program, share, 0) if first else whole
                self.advance(program, share, lanes._replace(**tables), 2**62)

        in_threads([functools.partial(part, *share) for share in shares(inputs, threads)])
        return self.collect(program, inputs._replace(paths=np.int32(room)), whole)


def operations(program: Program) -> int:
    """How many operations one turn has.

    Raises:
        UnsupportedError: naming an operation that has no printed form.
    """
    traced, printer = trace(program), Printer()
    return sum(len(printer.lines(part, [f"a{i}" for i in range(len(part.jaxpr.invars))])[0]) for part in
               (traced.begin, traced.turn, traced.stop, traced.onward, traced.finish))  # fmt: skip
