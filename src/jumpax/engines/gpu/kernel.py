"""The kernel of a program as LLVM code: one path per thread, its state in registers, the whole loop over time inside."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from llvmlite import ir

from jumpax._base.status import Status
from jumpax.engines.cpu.printer import Printer
from jumpax.engines.cpu.source import layout_of
from jumpax.engines.gpu.interface import INPUTS, REAL, STATE, WHOLES
from jumpax.engines.gpu.operations import Assembler, constant, llvm_of
from jumpax.engines.gpu.warp import AbstractWarp, call
from jumpax.engines.program import Program
from jumpax.engines.traced import record_types, trace

TURNS = 1024
"""Most turns between two looks at parked threads."""
PATIENCE = 128
"""A look comes early when so many turns of threads that stand still have been lost. A look, with what is recorded and
refilled, costs a warp about as much as these: nobody can know when the next thread parks, and going on until what was
lost is the price of a look never costs more than twice the least."""

_WORD, _LONG, _FLAG = ir.IntType(32), ir.IntType(64), ir.IntType(1)
_BUFFER = {"F": "reals", "I": "integers", "U": "words"}


class _Kernel:
    """Builds the function `loop(thread, threads, arrays.., whole numbers..)`."""

    def __init__(self, program: Program, per_path: bool, warp: AbstractWarp):
        self.program, self.per_path, self.warp = program, per_path, warp
        self.traced, self.printer = trace(program), Printer()
        self.layout = layout_of(self.traced)
        self.names = [f"x{i}" for i in range(len(self.layout.kinds))]
        self.parameters = [f"p{i}" for i in range(len(program.network.parameters))]
        order = sorted(range(len(self.parameters)), key=lambda i: program.network.parameters[i])
        self.in_order = [self.parameters[i] for i in order]  # leaves of a dict come sorted by name
        self.module = ir.Module("jumpax")
        self.arrays = {
            name: program.dtype if kind is REAL else np.dtype(kind) for name, kind in (STATE | INPUTS).items()
        }
        self.loop = self.declare("loop", (_WORD, _WORD))
        self.loop.linkage = "internal"
        self.loop.attributes.add("alwaysinline")
        self.builder = b = ir.IRBuilder(self.loop.append_basic_block())
        self.thread, self.threads, *given = self.loop.args
        self.pointers = dict(zip(self.arrays, given, strict=False))
        self.wholes = dict(zip(WHOLES, given[len(self.arrays) :], strict=True))
        self.code = Assembler(b, self.printer.constants)
        types = dict(zip(self.names, self.layout.kinds, strict=True)) | dict.fromkeys(self.parameters, program.dtype)
        types |= dict.fromkeys(("path", "first", "alive", "most", "taken", "done"), np.dtype(np.int32))
        types["ended"] = np.dtype(bool)
        self.types = types
        self.variables = {name: b.alloca(llvm_of(kind), name=name) for name, kind in types.items()}

    def declare(self, name: str, before: Sequence[ir.Type]) -> ir.Function:
        """A function that takes all arrays and whole numbers after some others."""
        pointers = [ir.PointerType()] * len(self.arrays)
        wholes = [_WORD] * len(WHOLES)
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [*before, *pointers, *wholes]), name)
        for argument in function.args[len(before) : len(before) + len(pointers)]:
            argument.add_attribute("noalias")
        return function

    # memory

    def long(self, value: Any) -> Any:
        """A whole number as an index."""
        return ir.Constant(_LONG, value) if isinstance(value, int) else self.builder.sext(value, _LONG)

    def at(self, array: str, index: Any) -> Any:
        """Address of an entry."""
        return self.builder.gep(self.pointers[array], [index], source_etype=llvm_of(self.arrays[array]))

    def read(self, array: str, index: Any = 0) -> Any:
        """An entry of an array; inputs never change while a kernel runs."""
        place = self.at(array, self.long(index) if isinstance(index, int) else index)
        value = self.builder.load(place, typ=llvm_of(self.arrays[array]))
        if array in INPUTS:
            value.set_metadata("invariant.load", self.module.add_metadata([]))
        return value

    def row(self, array: str, path: Any, width: int, column: int) -> Any:
        """An entry of the row of a path, or of the one row of all paths."""
        first = self.builder.mul(self.long(self.builder.mul(path, self.wholes[f"{array}_rows"])), self.long(width))
        return self.read(array, self.builder.add(first, self.long(column)))

    def leaf(self, number: int) -> tuple[str, Any]:
        """Where a leaf of this thread's lane is kept between calls."""
        buffer, place = self.layout.places[number]
        first = self.builder.mul(self.long(place), self.long(self.threads))
        return _BUFFER[buffer], self.builder.add(first, self.long(self.thread))

    def load_lane(self) -> None:
        """Take up where the last call left off."""
        for i, (name, kind) in enumerate(zip(self.names, self.layout.kinds, strict=True)):
            value = self.read(*self.leaf(i))
            self.put(name, self.builder.trunc(value, _FLAG) if kind.kind == "b" else value)
        self.put("path", self.read("path", self.long(self.thread)))

    def store_lane(self) -> None:
        """Keep everything for the next call."""
        for i, (name, kind) in enumerate(zip(self.names, self.layout.kinds, strict=True)):
            value = self.get(name)
            value = self.builder.zext(value, _WORD) if kind.kind == "b" else value
            self.builder.store(value, self.at(*self.leaf(i)))
        own = self.long(self.thread)
        self.builder.store(self.get("path"), self.at("path", own))
        self.builder.store(self.builder.add(self.read("turns", own), self.get("taken")), self.at("turns", own))

    # variables and printed lines

    def get(self, name: str) -> Any:
        """A variable."""
        return self.builder.load(self.variables[name], typ=llvm_of(self.types[name]))

    def put(self, name: str, value: Any) -> None:
        """Change a variable."""
        self.builder.store(value, self.variables[name])

    def put_all(self, names: Sequence[str], results: Sequence[str]) -> None:
        """Change variables to results of printed lines; all results are looked up first."""
        values = [self.code.number(result).value for result in results]
        for name, result, value in zip(names, results, values, strict=True):
            if name != result:
                self.put(name, value)

    def run(self, closed: Any, arguments: Sequence[str], natural: Sequence[str] = ()) -> list[str]:
        """Append a traced function; gives the names of its results."""
        for name in arguments:
            if name in self.variables:
                self.code.bind(name, self.get(name), self.types[name])
        lines, results = self.printer.lines(closed, arguments, natural)
        self.code.run(lines)
        return results

    def field(self, field: str) -> str:
        """Name of the variable of a field of the lane."""
        return self.names[self.traced.fields.index(field)]

    def bind_stop(self, index: Any) -> list[str]:
        """Names that stand for the leaves of a stop."""
        place = self.long(index)
        entries = [("stop_times", 2, i) for i in range(2)] + [("stop_steps", 1, 0)]
        entries += [("intervals", 3, i) for i in range(3)] if self.program.bounded else []
        names = []
        for array, width, column in entries:
            names.append(f"stop_{array}_{column}")
            value = self.read(array, self.builder.add(self.builder.mul(place, self.long(width)), self.long(column)))
            self.code.bind(names[-1], value, self.arrays[array])
        return names

    # control

    @contextlib.contextmanager
    def repeat(self) -> Iterator[Callable[[Any], None]]:
        """A loop; what is yielded leaves it unless a flag is set, and goes on behind."""
        body, after = self.loop.append_basic_block(), self.loop.append_basic_block()
        self.builder.branch(body)
        self.builder.position_at_end(body)

        def only_if(flag: Any) -> None:
            inside = self.loop.append_basic_block()
            self.builder.cbranch(flag, inside, after)
            self.builder.position_at_end(inside)

        yield only_if
        self.builder.branch(body)
        self.builder.position_at_end(after)

    def count(self, flags: Any) -> Any:
        """How many bits are set."""
        return call(self.builder, "llvm.ctpop.i32", _WORD, [flags])

    def first_of(self, flags: Any) -> Any:
        """Number of the lowest bit that is set."""
        return call(self.builder, "llvm.cttz.i32", _WORD, [flags, ir.Constant(_FLAG, 0)])

    def is_status(self, status: Status) -> Any:
        """Whether the lane has this status."""
        return self.builder.icmp_signed("==", self.get(self.field("status")), constant(int(status), np.int32))

    def whole(self, value: int) -> ir.Constant:
        """A constant whole number."""
        return ir.Constant(_WORD, value)

    # the parts of a round

    def read_theta(self, path: Any) -> None:
        """Parameters of a path, or of all of them."""
        for i, name in enumerate(self.parameters):
            column = self.row("theta", path, len(self.parameters), i) if self.per_path else self.read("theta", i)
            self.put(name, column)

    def refill(self) -> None:
        """Threads without a path take the next ones from the queue, in one step for the warp."""
        b = self.builder
        idle = b.icmp_signed("<", self.get("path"), self.whole(0))
        flags = self.warp.ballot(b, idle)
        with b.if_then(b.icmp_unsigned("!=", flags, self.whole(0))):
            lane, leader = self.warp.lane(b), self.first_of(flags)
            self.put("first", self.read("paths"))
            with b.if_then(b.icmp_unsigned("==", lane, leader)):
                seen = b.load_atomic(self.at("queue", self.long(0)), "monotonic", 4, typ=_WORD)
                with b.if_then(b.icmp_unsigned("<", seen, self.read("paths"))):
                    claimed = b.atomic_rmw("add", self.at("queue", self.long(0)), self.count(flags), "monotonic")
                    self.put("first", claimed)
            first = self.warp.shuffle(b, self.get("first"), leader)
            before = b.and_(flags, b.sub(b.shl(self.whole(1), lane), self.whole(1)))
            path = b.add(first, self.count(before))
            # without signs: the queue may run past the last path, and beyond 2^31
            with b.if_then(b.and_(idle, b.icmp_unsigned("<", path, self.read("paths")))):
                self.begin(path)

    def begin(self, path: Any) -> None:
        """Put a path on this thread."""
        b, program = self.builder, self.program
        self.put("path", path)
        if self.per_path:
            self.read_theta(path)
        species = len(program.network.species)
        self.code.bind("k0", self.row("keys", path, 2, 0), np.uint32)
        self.code.bind("k1", self.row("keys", path, 2, 1), np.uint32)
        own = b.icmp_signed("!=", self.wholes["first_rows"], self.whole(0))
        number = b.add(self.row("first", path, 1, 0), b.select(own, self.whole(0), path))
        self.code.bind("number", number, np.uint32)
        counts = [f"n{i}" for i in range(species)]
        for i, name in enumerate(counts):
            self.code.bind(name, self.row("counts", path, species, i), np.int32)
        for i, name in enumerate(("start_high", "start_low")):
            self.code.bind(name, self.read("start", i), program.dtype)
        stop = self.bind_stop(self.whole(0))
        results = self.run(
            self.traced.begin, ["k0", "k1", "number", *counts, *self.in_order, "start_high", "start_low", *stop]
        )
        self.put_all(self.names, results)

    def turns(self) -> None:
        """Turns until too many threads of the warp stand still."""
        b = self.builder
        self.put("done", self.whole(0))
        self.put("most", self.whole(TURNS))
        with self.repeat() as only_if:
            self.code.bind("limit", self.read("limit"), np.int32)
            # a lane with a negative count has been faulty since the event that made it so
            natural = [n for n, field in zip(self.names, self.traced.fields, strict=True) if field.startswith("counts")]
            *lane, moving = self.run(self.traced.turn, [*self.names, *self.in_order, "limit"], natural)
            moves = b.icmp_signed("!=", self.code.number(moving).value, self.whole(0))
            self.put_all(self.names, lane)
            done = b.add(self.get("done"), self.whole(1))
            self.put("done", done)
            busy = self.count(self.warp.ballot(b, moves))
            lost = b.mul(b.sub(self.get("alive"), busy), self.whole(TURNS // PATIENCE))
            most = b.sub(self.get("most"), lost)
            self.put("most", most)
            some = b.icmp_unsigned("!=", busy, self.whole(0))
            only_if(b.and_(some, b.icmp_signed("<", done, most)))
        self.put("taken", b.add(self.get("taken"), self.get("done")))

    def serve(self) -> None:
        """Record a parked path and send it on, or write its end."""
        b = self.builder
        self.put("ended", ir.Constant(_FLAG, 0))
        here = b.icmp_signed(">=", self.get("path"), self.whole(0))
        with b.if_then(b.and_(here, b.not_(self.is_status(Status.RUNNING)))):
            results = self.run(self.traced.stop, [*self.names, *self.in_order])
            size = len(jax.tree.leaves(self.traced.lane.carry))
            carry, record, (due, going) = results[:size], results[size:-2], results[-2:]
            with b.if_then(self.is_status(Status.FAULTY)):
                self.put("ended", ir.Constant(_FLAG, 1))
            with b.if_then(self.code.number(due).value):
                self.leave(carry, record, going)
            with b.if_then(self.get("ended")):
                self.finish()
        ended = self.warp.ballot(b, self.get("ended"))
        first = b.icmp_unsigned("==", self.warp.lane(b), self.first_of(ended))
        with b.if_then(b.and_(first, b.icmp_unsigned("!=", ended, self.whole(0)))):
            b.atomic_rmw("add", self.at("queue", self.long(1)), self.count(ended), "monotonic")

    def leave(self, carry: Sequence[str], record: Sequence[str], going: str) -> None:
        """Record, and go on to the next stop if there is one."""
        b = self.builder
        index = self.get(self.field("index"))
        types, numbers = record_types(self.traced), [self.code.number(name) for name in record]
        row = b.add(b.mul(self.long(self.get("path")), self.long(self.wholes["stops"])), self.long(index))
        for array, real in (("record_integers", False), ("record_reals", True)):
            chosen = [number for number, kind in zip(numbers, types, strict=True) if (kind.kind == "f") is real]
            for i, number in enumerate(chosen):
                value = b.zext(number.value, _WORD) if number.value.type == _FLAG else number.value
                b.store(value, self.at(array, b.add(b.mul(row, self.long(len(chosen))), self.long(i))))
        after = self.code.number(going).value
        carried = [n for n, field in zip(self.names, self.traced.fields, strict=True) if field.startswith("carry")]
        self.put_all(carried, carry)
        following = b.add(index, self.whole(1))
        self.put(self.field("index"), following)
        last = b.icmp_signed(">=", following, self.wholes["stops"])
        with b.if_else(last) as (ends, goes):
            with ends:
                self.put("ended", ir.Constant(_FLAG, 1))
            with goes:
                self.put(self.field("status"), after)
                results = self.run(self.traced.onward, [*self.names, *self.bind_stop(following)])
                self.put_all(self.names, results)

    def finish(self) -> None:
        """Write the end of a path."""
        b = self.builder
        self.code.bind("limit", self.read("limit"), np.int32)
        results = self.run(self.traced.finish, [*self.names, *self.in_order, "limit"])
        species = len(self.traced.lane.counts)
        final = [self.code.number(results[0]).value, self.get(self.field("events"))]
        final += [self.get(self.field(f"counts[{i}]")) for i in range(species)]
        path = self.long(self.get("path"))
        for array, values in (
            ("ends", final),
            ("end_times", [self.get(self.field(f"time.{p}")) for p in ("high", "low")]),
        ):
            for i, value in enumerate(values):
                b.store(value, self.at(array, b.add(b.mul(path, self.long(len(values))), self.long(i))))
        self.put(self.field("status"), constant(int(Status.DONE), np.int32))
        self.put("path", self.whole(-1))

    def write(self) -> ir.Module:
        """Rounds of refills, turns and records."""
        b = self.builder
        self.load_lane()
        zero = self.whole(0)
        self.put("taken", zero)
        path = self.get("path")
        self.read_theta(b.select(b.icmp_signed("<", path, zero), zero, path))
        rounds = b.alloca(_WORD)
        b.store(zero, rounds)
        with self.repeat() as only_if:
            number = b.load(rounds, typ=_WORD)
            only_if(b.icmp_signed("<", number, self.read("budget")))
            b.store(b.add(number, self.whole(1)), rounds)
            self.refill()
            alive = self.count(self.warp.ballot(b, b.icmp_signed(">=", self.get("path"), zero)))
            only_if(b.icmp_unsigned("!=", alive, zero))
            self.put("alive", alive)
            self.turns()
            self.serve()
        self.store_lane()
        b.ret_void()
        self.warp.enter(self.loop, self.declare)
        return self.module


def write(program: Program, per_path: bool, warp: AbstractWarp) -> ir.Module:
    """The kernel of a program; `per_path` where every path has parameters of its own.

    Raises:
        UnsupportedError: naming an operation of a law or fold that has no printed form.
    """
    return _Kernel(program, per_path, warp).write()
