"""The CPU engine: the loop of a program as vector code, a block of lanes at a time."""

import functools
import threading

import numpy as np

from jumpax.engines.cpu.kernel import BUFFERS, LINE, WIDER, lanes_of, write
from jumpax.engines.engine import AbstractEngine, in_threads, precision_of, shares
from jumpax.engines.inputs import Inputs
from jumpax.engines.native import interface, machine
from jumpax.engines.native.interface import INPUTS, Block
from jumpax.engines.native.printer import Printer
from jumpax.engines.program import Program
from jumpax.engines.recorded import Recorded
from jumpax.engines.traced import trace

TABLES = ("record_integers", "record_reals", "ends", "end_times")
"""Fields of a block with a row for each path."""
_one_at_a_time = threading.Lock()


@functools.lru_cache(maxsize=128)
def _text(program: Program, per_path: bool) -> str:
    return write(program, per_path, machine.host().words)


@functools.lru_cache(maxsize=128)
def _kernel(program: Program, per_path: bool) -> machine.Loaded:
    return machine.load(_text(program, per_path), machine.simplify)


def kernel(program: Program, per_path: bool) -> machine.Loaded:
    """The kernel of a program; made once, whoever asks for it first."""
    with _one_at_a_time:
        return _kernel(program, per_path)


def _usable(program: Program, block: Block) -> Block:
    """Arrays that a kernel can change; those of the lanes start at a cache line, so that no vector straddles two."""
    types = interface.types_of(program, WIDER)
    made = {name: np.require(array, types[name], ("C", "W")) for name, array in block._asdict().items()}
    for name in BUFFERS:
        if made[name].ctypes.data % LINE:
            raw = np.empty(made[name].nbytes + LINE, np.uint8)
            aligned = raw[-raw.ctypes.data % LINE :][: made[name].nbytes].view(types[name]).reshape(made[name].shape)
            aligned[...] = made[name]
            made[name] = aligned
    return Block(**made)


class Cpu(AbstractEngine):
    """Fused SIMD loops: any law and any fold that is made of printable operations (`UnsupportedError` names others).

    No result depends on the block: a path follows `reference` and `xla` word for word, up to near ties in the last bit.
    """

    name = "cpu"
    traceable = False

    def prepare(self, program: Program, inputs: Inputs) -> None:
        """Trace and write the kernel, which a call from inside a JAX program must not do; that compiles it."""
        _text(program, interface.is_per_path(inputs))

    def start(self, program: Program, inputs: Inputs, room: int) -> Block:
        """An empty block and empty records; parameters of paths lie behind the leaves of the lanes."""
        block = interface.started(program, lanes_of(trace(program)), len(inputs.stops.step), room, np)
        reals = np.pad(block.reals, ((0, len(program.network.parameters)), (0, 0)))
        return _usable(program, block._replace(reals=reals, turns=np.zeros(1)))

    def advance(self, program: Program, inputs: Inputs, lanes: Block, budget: int) -> Block:
        """The block after up to `budget` rounds; records are changed in place."""
        lanes, given = _usable(program, lanes), interface.arrays_of(program, inputs, np.array([budget], np.int64), np)
        arrays = [*lanes, *(np.ascontiguousarray(given[name]) for name in INPUTS)]
        kernel(program, len(given["theta"]) > 1)(arrays, interface.wholes_of(given))
        return lanes

    def finished(self, lanes: Block) -> int:
        """How many paths have ended."""
        return int(lanes.queue[1])

    def collect(self, program: Program, inputs: Inputs, lanes: Block) -> Recorded:
        """What has been recorded."""
        return interface.collected(program, lanes, int(inputs.paths))

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
        return interface.collected(program, whole, room)


def operations(program: Program) -> int:
    """How many operations one turn has.

    Raises:
        UnsupportedError: naming an operation that has no printed form.
    """
    traced, printer = trace(program), Printer()
    return sum(len(printer.lines(part, [f"a{i}" for i in range(len(part.jaxpr.invars))])[0]) for part in
               (traced.begin, traced.turn, traced.stop, traced.onward, traced.finish))  # fmt: skip
