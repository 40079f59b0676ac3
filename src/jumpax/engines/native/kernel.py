"""What every kernel does with a path: begin it, record it at its stops and send it on, write its end."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr

from jumpax._base.status import Status
from jumpax.engines.native.code import Code, Module
from jumpax.engines.native.interface import INPUTS, WHOLES, places_of, types_of
from jumpax.engines.native.operations import Number
from jumpax.engines.native.printer import Line, Printer
from jumpax.engines.program import Program
from jumpax.engines.traced import record_types, trace


class AbstractKernel(abc.ABC):
    """Writes the kernel of a program; `code` is the function that is being written.

    Where a lane is kept is for each engine to say: the numbers of one are its leaves `x0`, `x1`, .., the parameters
    `p0`, .., `path`, and whether it has `ended`.

    Args:
        program: what to run.
        per_path: whether every path has parameters of its own.
        wider: types of arrays that are not those of the interface.
    """

    code: Code
    fixed = ""
    """What is said of loads from arrays that never change while a kernel runs."""

    def __init__(self, program: Program, per_path: bool, wider: Mapping[str, str | type[np.generic]]):
        self.program, self.per_path = program, per_path
        self.traced, self.printer = trace(program), Printer()
        self.module = Module(self.printer.constants)
        self.real, self.places = program.precision, places_of(self.traced)
        self.leaves = {f"x{i}": leaf.dtype.name for i, leaf in enumerate(jax.tree.leaves(self.traced.lane))}
        self.names = list(self.leaves)
        self.parameters = [f"p{i}" for i in range(len(program.network.parameters))]
        order = sorted(range(len(self.parameters)), key=lambda i: program.network.parameters[i])
        self.in_order = [self.parameters[i] for i in order]  # leaves of a dict come sorted by name
        self.arrays = {name: kind.name for name, kind in types_of(program, wider).items()}

    @property
    def arguments(self) -> str:
        """All arrays and whole numbers, as a function takes them."""
        return ", ".join([*(f"ptr noalias %{name}" for name in self.arrays), *(f"i32 %{name}" for name in WHOLES)])

    @abc.abstractmethod
    def get(self, name: str) -> Number:
        """A number of the lane."""

    @abc.abstractmethod
    def put(self, name: str, value: Number) -> None:
        """Change a number of the lane."""

    # memory

    def long(self, value: Number) -> Number:
        """A whole number as an index."""
        return self.code.convert(value, "int64")

    def index(self, row: Number, width: Number | int, column: Number | int) -> Number:
        """Number of an entry of a table with rows of so many entries."""
        return self.code.do("add", self.code.do("mul", self.long(row), width), column)

    def place(self, array: str, index: Number) -> str:
        """Address of an entry."""
        return self.code.place(f"%{array}", self.arrays[array], index)

    def read(self, array: str, index: Number | int = 0) -> Number:
        """An entry of an array."""
        at = self.code.constant(index, "int64") if isinstance(index, int) else index
        return self.code.load(self.arrays[array], self.place(array, at), more=self.fixed if array in INPUTS else "")

    def read_row(self, array: str, path: Number, width: int, column: int) -> Number:
        """An entry of the row of a path, or of the one row of all paths."""
        rows = self.code.convert(Number(f"%{array}_rows", "int32"), path.kind)
        return self.read(array, self.index(self.code.do("mul", path, rows), width, column))

    def fill(self, array: str, row: Number, values: Sequence[Number]) -> None:
        """Fill a row of an array."""
        for i, value in enumerate(values):
            self.code.store(value, self.place(array, self.index(row, len(values), i)))

    # printed lines

    def field(self, field: str) -> str:
        """Name of the number for a field of the lane."""
        return self.names[self.traced.fields.index(field)]

    def lines_of_turn(self) -> tuple[list[Line], list[str]]:
        """Lines of a turn, and the names of its results."""
        # a lane with a negative count has been faulty since the event that made it so
        natural = [n for n, field in zip(self.names, self.traced.fields, strict=True) if field.startswith("counts")]
        return self.printer.lines(self.traced.turn, [*self.names, *self.in_order, "limit"], natural)

    def run(self, closed: ClosedJaxpr, arguments: Sequence[str]) -> list[str]:
        """Append a traced function of numbers of the lane, and of others that have been named; names of its results."""
        lines, results = self.printer.lines(closed, arguments)
        read = {name for line in lines for name in line.arguments}.union(results)
        self.bind([name for name in (*self.names, *self.parameters) if name in read])
        self.code.run(lines)
        return results

    def bind(self, names: Sequence[str]) -> None:
        """Let names of printed lines stand for what the lane holds now."""
        self.code.numbers |= {name: self.get(name) for name in names}

    def put_all(self, names: Sequence[str], results: Sequence[str]) -> None:
        """Change numbers of the lane to results of printed lines; all results are looked up first."""
        changed = [(name, self.code.number(r)) for name, r in zip(names, results, strict=True) if name != r]
        for name, value in changed:
            self.put(name, value)

    def bind_stop(self, index: Number) -> list[str]:
        """Names that stand for the leaves of a stop."""
        entries = [("stop_times", 2, i) for i in range(2)] + [("stop_steps", 1, 0)]
        entries += [("intervals", 3, i) for i in range(3)] if self.program.bounded else []
        names = [f"{array}_{column}" for array, _, column in entries]
        for name, (array, width, column) in zip(names, entries, strict=True):
            self.code.numbers[name] = self.read(array, self.index(index, width, column))
        return names

    # the life of a path

    def begin(self, path: Number) -> None:
        """Put a path on the lane."""
        code, program = self.code, self.program
        self.put("path", path)
        for i, name in enumerate(self.parameters if self.per_path else ()):
            self.put(name, self.read_row("theta", path, len(self.parameters), i))
        species = len(program.network.species)
        counts, start = [f"n{i}" for i in range(species)], ["start_high", "start_low"]
        own = code.do("ne", Number("%first_rows", "int32"), 0)
        later = code.do("select", own, code.constant(0, "uint32"), code.convert(path, "uint32"))
        named = {f"k{i}": self.read_row("keys", path, 2, i) for i in range(2)}
        named["number"] = code.do("add", self.read_row("first", path, 1, 0), later)
        named |= {name: self.read_row("counts", path, species, i) for i, name in enumerate(counts)}
        code.numbers |= named | {name: self.read("start", i) for i, name in enumerate(start)}
        stop = self.bind_stop(code.constant(0, "int32"))
        results = self.run(self.traced.begin, ["k0", "k1", "number", *counts, *self.in_order, *start, *stop])
        self.put_all(self.names, results)

    def serve(self) -> None:
        """Record a parked path and send it on, or write its end."""
        code = self.code
        self.put("ended", code.constant(False, "bool"))
        if self.traced.happen is not None:
            self._act(self.traced.happen)
        here, status = code.do("ge", self.get("path"), 0), self.get(self.field("status"))
        with code.when(code.do("and_", here, code.do("ne", status, int(Status.RUNNING)))):
            results = self.run(self.traced.stop, [*self.names, *self.in_order])
            size = len(jax.tree.leaves(self.traced.lane.carry))
            carry, record, (due, going) = results[:size], results[size:-2], results[-2:]
            with code.when(code.do("eq", status, int(Status.FAULTY))):
                self.put("ended", code.constant(True, "bool"))
            with code.when(code.number(due)):
                self._leave(carry, record, going)
            with code.when(self.get("ended")):
                self._finish()

    def _act(self, happen: Any) -> None:
        """Let all events happen on a path that stands where they may."""
        code = self.code
        with code.repeat() as only_if:
            stands = code.do("eq", self.get(self.field("status")), int(Status.PARKED))
            only_if(code.do("and_", stands, code.do("ge", self.get("path"), 0)))
            index, last = self.get(self.field("index")), code.do("sub", Number("%stops", "int32"), 1)
            stop = self.bind_stop(code.do("min_", index, last))
            *lane, busy = self.run(happen, [*self.names, *self.in_order, *stop])
            more = code.number(busy)
            self.put_all(self.names, lane)
            only_if(more)

    def _leave(self, carry: Sequence[str], record: Sequence[str], going: str) -> None:
        """Record, and go on to the next stop if there is one."""
        code, index = self.code, self.get(self.field("index"))
        row = self.index(self.get("path"), self.long(Number("%stops", "int32")), self.long(index))
        numbers, types = [code.number(name) for name in record], record_types(self.traced)
        for array, real in (("record_integers", False), ("record_reals", True)):
            self.fill(array, row, [n for n, kind in zip(numbers, types, strict=True) if (kind.kind == "f") is real])
        after = code.number(going)
        carried = [n for n, field in zip(self.names, self.traced.fields, strict=True) if field.startswith("carry")]
        self.put_all(carried, carry)
        following = code.do("add", index, 1)
        self.put(self.field("index"), following)
        self.put("ended", code.do("ge", following, Number("%stops", "int32")))
        with code.when(code.do("not_", self.get("ended"))):
            self.put(self.field("status"), after)
            self.put_all(self.names, self.run(self.traced.onward, [*self.names, *self.bind_stop(following)]))

    def _finish(self) -> None:
        """Write the end of a path."""
        code = self.code
        code.numbers["limit"] = self.read("limit")
        results = self.run(self.traced.finish, [*self.names, *self.in_order, "limit"])
        path, species = self.get("path"), len(self.traced.lane.counts)
        fields = ["events", *(f"counts[{i}]" for i in range(species))]
        self.fill("ends", path, [code.number(results[0]), *(self.get(self.field(f)) for f in fields)])
        self.fill("end_times", path, [self.get(self.field(f"time.{part}")) for part in ("high", "low")])
        self.put(self.field("status"), code.constant(int(Status.DONE), "int32"))
        self.put("path", code.constant(-1, path.kind))
