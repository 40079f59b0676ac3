"""From traced functions to the source of a kernel."""

import dataclasses
import textwrap
from collections.abc import Sequence

import jax
import numpy as np

from jumpax._base.status import Status
from jumpax.engines.cpu.printer import Printer
from jumpax.engines.program import Program
from jumpax.engines.traced import Traced, record_types, trace

CACHE = 24_576
"""Bytes of a block, half of a usual first-level cache."""
TURNS = 32
"""Most turns between two looks at parked lanes."""
INTERLEAVED = {4: 300, 2: 1000, 1: 2**31}
"""Into how many parts a block is split, up to how many lines of a turn; the turns of the parts are printed line by line
into one loop. While one of them waits for a division or a logarithm, another has work; more than that, and the registers
do not suffice. It takes longer to compile."""
SPARE = 8
"""A look comes early when more than one lane in so many stands still."""

_HEADER = '''"""Made by jumpax: the loop of one program. Do not edit."""

import numpy as np
from numba import njit

from jumpax.engines.cpu.instructions import *  # noqa: F403
'''


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where each leaf of a lane lies: one buffer per type, leaf number i of a type from i * lanes on.

    With one array per leaf LLVM would compare the addresses of all pairs, and give up vectorising beyond 16 of them.
    """

    kinds: tuple[np.dtype, ...]

    @property
    def lanes(self) -> int:
        """Lanes of a block: at least four vectors, and as many as keep it in the nearest cache."""
        room = CACHE // sum(max(4, kind.itemsize) for kind in self.kinds)
        return min(256, max(64, 1 << (room.bit_length() - 1)))

    @property
    def places(self) -> list[tuple[str, int]]:
        """Buffer and number within it of every leaf."""
        used = {"F": 0, "I": 0, "U": 0}
        out = []
        for kind in self.kinds:
            buffer = "F" if kind.kind == "f" else "U" if kind.kind == "u" else "I"
            out.append((buffer, used[buffer]))
            used[buffer] += 1
        return out

    def size(self, buffer: str) -> int:
        """Leaves in a buffer."""
        return sum(b == buffer for b, _ in self.places)

    def load(self, names: Sequence[str], lane: str = "l") -> list[str]:
        """Lines that read every leaf of a lane."""
        lines = []
        for name, kind, (buffer, number) in zip(names, self.kinds, self.places, strict=True):
            value = f"{buffer}[{number * self.lanes} + {lane}]"
            lines.append(f"{name} = to_bool({value})" if kind.kind == "b" else f"{name} = {value}")
        return lines

    def store(self, values: Sequence[str]) -> list[str]:
        """Lines that write every leaf of lane `l`."""
        return [self.store_one(number, value) for number, value in enumerate(values)]

    def store_one(self, leaf: int, value: str, lane: str = "l") -> str:
        """Line that writes one leaf of a lane."""
        buffer, number = self.places[leaf]
        return f"{buffer}[{number * self.lanes} + {lane}] = " + (
            f"to_int32({value})" if self.kinds[leaf].kind == "b" else value
        )


def layout_of(traced: Traced) -> Layout:
    """Layout of the leaves of a lane."""
    return Layout(tuple(np.dtype(leaf.dtype) for leaf in jax.tree.leaves(traced.lane)))


def _indent(lines: Sequence[str], by: int) -> str:
    return textwrap.indent("\n".join(lines), " " * by)


@dataclasses.dataclass
class _Writer:
    program: Program
    per_path: bool
    """Whether every lane has parameters of its own, kept behind the leaves of the lane."""

    def __post_init__(self):
        self.traced, self.printer = trace(self.program), Printer()
        self.lane = layout_of(self.traced)
        self.names = [f"x{i}" for i in range(len(self.lane.kinds))]
        self.parameters = [f"p{i}" for i in range(len(self.program.network.parameters))]
        order = sorted(range(len(self.parameters)), key=lambda i: self.program.network.parameters[i])
        self.in_order = [self.parameters[i] for i in order]  # leaves of a dict come sorted by name

    def theta(self, prefix: str = "", lane: str = "l") -> list[str]:
        """Lines that read the parameters, of one lane or of all."""
        if not self.per_path:
            return [f"{name} = theta[0, {i}]" for i, name in enumerate(self.parameters)]
        first = self.lane.size("F")
        return [
            f"{prefix}{name} = F[{(first + i) * self.lane.lanes} + {lane}]" for i, name in enumerate(self.parameters)
        ]

    def turn(self) -> str:
        """The loop over turns, with the loop over lanes inside."""
        first = self.body("x", "l")
        parts = next(parts for parts, most in INTERLEAVED.items() if len(first) <= most)
        width = self.lane.lanes // parts
        indices = [f"l{i} = l + {i * width}" for i in range(1, parts)]
        bodies = [first, *(self.body(prefix, f"l{i}") for i, prefix in zip(range(1, parts), "yzw", strict=False))]
        lines = [line for same in zip(*bodies, strict=True) for line in same]
        return f"""
@njit(nogil=True, cache=True, error_model="numpy")
def turns(F, I, U, theta, limit, enough):
{_indent([] if self.per_path else self.theta(), 4)}
    align_stack()
    taken = 0
    busy = np.int32(enough)
    while taken < {TURNS} and busy >= enough:
        busy = np.int32(0)
        taken += 1
        for l in range({width}):
{_indent([*indices, *lines], 12)}
    return taken
"""

    def body(self, prefix: str, lane: str) -> list[str]:
        """One turn of one lane, with names of its own."""
        names = [f"{prefix}{i}" for i in range(len(self.names))]
        own = self.theta(prefix, lane) if self.per_path else []
        order = [f"{prefix}{name}" for name in self.in_order] if self.per_path else self.in_order
        # a lane with a negative count has been faulty since the event that made it so
        natural = [name for name, field in zip(names, self.traced.fields, strict=True) if field.startswith("counts")]
        lines, results = self.printer.lines(self.traced.turn, [*names, *order, "limit"], natural)
        changed = [i for i, (name, result) in enumerate(zip(names, results[:-1], strict=True)) if name != result]
        stores = [self.lane.store_one(i, results[i], lane) for i in changed]
        return [*self.lane.load(names, lane), *own, *lines, *stores, f"busy = add(busy, {results[-1]})"]

    def begin(self) -> str:
        """Put a path on a lane."""
        species = len(self.program.network.species)
        counts = [f"n{i}" for i in range(species)]
        arguments = ["k0", "k1", "number", *counts, *self.in_order, "start[0]", "start[1]", *self.stop_at("0")]
        lines, results = self.printer.lines(self.traced.begin, arguments)
        keep = [
            f"F[{(self.lane.size('F') + i) * self.lane.lanes} + l] = {name}" for i, name in enumerate(self.parameters)
        ]
        return f"""
@njit(nogil=True, cache=True, error_model="numpy")
def begin(l, path, F, I, U, theta, counts, keys, first, start, stop_times, stop_steps, intervals):
    row = path if keys.shape[0] > 1 else 0
    k0 = keys[row, 0]
    k1 = keys[row, 1]
    number = first[path] if first.shape[0] > 1 else np.uint32(first[0] + np.uint32(path))
    row = path if counts.shape[0] > 1 else 0
{_indent([f"{name} = counts[row, {i}]" for i, name in enumerate(counts)], 4)}
    row = path if theta.shape[0] > 1 else 0
{_indent([f"{name} = theta[row, {i}]" for i, name in enumerate(self.parameters)], 4)}
{_indent(lines, 4)}
{_indent(self.lane.store(results), 4)}
{_indent(keep if self.per_path else ["pass"], 4)}
"""

    def serve(self) -> str:
        """Record parked paths and send them on, or write their end; says how many have ended."""
        types = record_types(self.traced)
        lines, results = self.printer.lines(self.traced.stop, [*self.names, *self.in_order])
        size = len(jax.tree.leaves(self.traced.lane.carry))
        carry, record, (due, going) = results[:size], results[size:-2], results[-2:]
        value = dict(zip(self.traced.fields, self.names, strict=True))
        carried = [field for field in self.traced.fields if field.startswith("carry")]
        wholes = [f"to_int32({v})" for v, kind in zip(record, types, strict=True) if kind.kind != "f"]
        reals = [v for v, kind in zip(record, types, strict=True) if kind.kind == "f"]
        kept = [f"integers[path, index, {i}] = {v}" for i, v in enumerate(wholes)]
        kept += [f"numbers[path, index, {i}] = {v}" for i, v in enumerate(reals)]
        kept += [self.put(field, v) for field, v in zip(carried, carry, strict=True)]
        return f"""
@njit(nogil=True, cache=True, error_model="numpy")
def serve(F, I, U, lane_path, theta, stop_times, stop_steps, intervals, limit, integers, numbers, ends, end_times):
    ended = 0
    for l in range({self.lane.lanes}):
        path = lane_path[l]
        if path < 0 or {self.get("status")} == {int(Status.RUNNING)}:
            continue
{_indent([*self.lane.load(self.names), *self.theta(), *lines], 8)}
        finished = {value["status"]} == {int(Status.FAULTY)}
        if {due}:
            index = {value["index"]}
{_indent(kept, 12)}
            index += 1
            {self.put("index", "index")}
            finished = index >= stop_steps.shape[0]
            if not finished:
                {self.put("status", going)}
{_indent(self.onward(), 16)}
        if finished:
            finish(l, path, F, I, U, theta, limit, ends, end_times)
            lane_path[l] = -1
            ended += 1
    return ended
"""

    def stop_at(self, index: str) -> list[str]:
        """Leaves of a stop."""
        bounds = [f"intervals[{index}, {i}]" for i in range(3)] if self.program.bounded else []
        return [f"stop_times[{index}, 0]", f"stop_times[{index}, 1]", f"stop_steps[{index}]", *bounds]

    def onward(self) -> list[str]:
        """Lines that send a loaded lane to its next stop."""
        lines, results = self.printer.lines(self.traced.onward, [*self.names, *self.stop_at("index")])
        changed = [i for i, (name, result) in enumerate(zip(self.names, results, strict=True)) if name != result]
        return [*lines, *(self.lane.store_one(i, results[i]) for i in changed)]

    def finish(self) -> str:
        """Write the end of a path."""
        lines, results = self.printer.lines(self.traced.finish, [*self.names, *self.in_order, "limit"])
        value = dict(zip(self.traced.fields, self.names, strict=True))
        final = [results[0], value["events"], *(value[f"counts[{i}]"] for i in range(len(self.traced.lane.counts)))]
        return f"""
@njit(nogil=True, cache=True, error_model="numpy")
def finish(l, path, F, I, U, theta, limit, ends, end_times):
{_indent([*self.lane.load(self.names), *self.theta(), *lines], 4)}
{_indent([f"ends[path, {i}] = {v}" for i, v in enumerate(final)], 4)}
    end_times[path, 0] = {value["time.high"]}
    end_times[path, 1] = {value["time.low"]}
    {self.put("status", f"np.int32({int(Status.DONE)})")}
"""

    def get(self, field: str) -> str:
        """One leaf of lane `l`."""
        buffer, number = self.lane.places[self.traced.fields.index(field)]
        return f"{buffer}[{number * self.lane.lanes} + l]"

    def put(self, field: str, value: str) -> str:
        """Line that writes one leaf of lane `l`."""
        number = self.traced.fields.index(field)
        return self.lane.store_one(number, value)

    def loop(self) -> str:
        """Rounds of turns, records and refills."""
        return f"""
@njit(nogil=True, cache=True, error_model="numpy")
def advance(
    F, I, U, lane_path, queue, theta, counts, keys, first, start, stop_times, stop_steps, intervals, paths, limit,
    budget,
    integers, numbers, ends, end_times, work,
):
    alive = 0
    for l in range({self.lane.lanes}):
        alive += lane_path[l] >= 0
    for _ in range(budget):
        l = 0
        while alive < {self.lane.lanes} and queue[0] < paths:
            while lane_path[l] >= 0:
                l += 1
            lane_path[l] = queue[0]
            begin(l, queue[0], F, I, U, theta, counts, keys, first, start, stop_times, stop_steps, intervals)
            queue[0] += 1
            alive += 1
        if alive == 0:
            break
        work[0] += turns(F, I, U, theta, limit, max(1, alive - alive // {SPARE}))
        ended = serve(
            F, I, U, lane_path, theta, stop_times, stop_steps, intervals, limit, integers, numbers, ends, end_times
        )
        alive -= ended
        queue[1] += ended
    return queue[1]
"""

    def write(self) -> str:
        """The whole module."""
        parts = [self.turn(), self.begin(), self.finish(), self.serve(), self.loop()]
        constants = [f"{name} = {_literal(value)}" for name, value in self.printer.constants.items()]
        return "\n".join([_HEADER, *constants, *parts])


def _literal(value: np.generic) -> str:
    kind = value.dtype.name
    if kind.startswith("float"):
        return f'np.{kind}(float.fromhex("{float(value).hex()}"))'
    return f"np.{'bool_' if kind == 'bool' else kind}({int(value)})"


def write(program: Program, per_path: bool) -> str:
    """Source of the kernel of a program.

    Raises:
        UnsupportedError: naming an operation of a law or fold that has no printed form.
    """
    return _Writer(program, per_path).write()
