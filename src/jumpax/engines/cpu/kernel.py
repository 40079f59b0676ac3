"""The kernel of a program: turns of a block of lanes as vectors; starts, stops, records and ends lane by lane."""

import functools
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from jumpax.engines.engine import precision_of
from jumpax.engines.native.code import Code
from jumpax.engines.native.kernel import AbstractKernel
from jumpax.engines.native.operations import BITS, Number
from jumpax.engines.native.printer import Line
from jumpax.engines.program import Program
from jumpax.engines.traced import Traced

CACHE = 24_576
"""Bytes of a block, half of a usual first-level cache."""
LINE = 64
"""Bytes of a cache line, and of the widest vector; buffers begin at one."""
TURNS = 32
"""Most turns between two looks at parked lanes."""
SPARE = 8
"""A look comes early when more than one lane in so many stands still."""
SIDE_BY_SIDE = {"float32": {300: 4, 1000: 2}, "float64": {250: 2, 1000: 1}}
"""How many vectors are worked on side by side, their instructions in turns, up to how many lines of a turn. While one of
them waits for a division or a logarithm, another has work; more than that, and the registers do not suffice. Beyond, it is
one vector, in float64 of half the lanes."""
WIDER = {"path": np.int64, "queue": np.int64, "turns": np.int64, "budget": np.int64}
"""Arrays whose types are not those of a GPU."""
BUFFERS = ("reals", "integers", "words")

Step = Callable[[Code, int], None]
"""Appends something for the vector of lanes that begins so many lanes after the first one."""


def lanes_of(traced: Traced) -> int:
    """Lanes of a block: at least four vectors, and as many as keep it in the nearest cache."""
    room = CACHE // sum(max(4, leaf.dtype.itemsize) for leaf in jax.tree.leaves(traced.lane))
    return min(256, max(64, 1 << (room.bit_length() - 1)))


def shape_of(precision: str, lines: int, words: int) -> tuple[int, int]:
    """Lanes of a vector, and how many vectors are worked on side by side.

    A vector has as many lanes as a register has words of 32 bits, in both precisions: random words and counts then fill it.
    """
    for most, parts in SIDE_BY_SIDE[precision].items():
        if lines <= most:
            return words, parts
    return (words if precision == "float32" else words // 2), 1


class _Kernel(AbstractKernel):
    """Writes `advance(arrays.., whole numbers..)`, and the function `turns` that it calls."""

    lane: Number
    """The lane that is being looked at, or the first one of the vectors."""

    def __init__(self, program: Program, per_path: bool, words: int):
        super().__init__(program, per_path, WIDER)
        self.words, self.lanes = words, lanes_of(self.traced)
        self.kinds = self.leaves | {"path": "int64"}
        self.home = dict(zip(self.names, self.places, strict=True)) | {"path": ("path", 0)}
        if per_path:  # parameters lie behind the leaves of the lane
            first = sum(buffer == "reals" for buffer, _ in self.places)
            self.home |= {name: ("reals", first + i) for i, name in enumerate(self.parameters)}
            self.kinds |= dict.fromkeys(self.parameters, self.real)

    def _at(self, name: str, offset: int = 0) -> str:
        """Address of a number of the lane, or of one that lies so many lanes further on."""
        buffer, number = self.home[name]
        return self.place(buffer, self.code.do("add", self.lane, number * self.lanes + offset))

    def get(self, name: str) -> Number:
        """A number of the lane that is being looked at."""
        if name == "ended":
            return self.code.load("bool", self.ended)
        if name in self.home:
            return self.code.load(self.kinds[name], self._at(name))
        return self.read("theta", self.parameters.index(name))

    def put(self, name: str, value: Number) -> None:
        """Change it."""
        self.code.store(value, self.ended if name == "ended" else self._at(name))

    # turns: vectors

    def _turns(self) -> None:
        """Up to TURNS turns of all lanes, until too few of them move; says how many."""
        lines, results = self.lines_of_turn()
        self.width, parts = shape_of(self.real, len(lines), self.words)
        share = self.lanes // parts
        head = f"internal i64 @turns({self.arguments}, i64 %enough) nounwind noinline"
        # LLVM knows too late that it needs room for vectors on the stack to align it by itself
        with self.module.function(f"{head} alignstack({LINE})") as self.code:
            code, vectors = self.code, self.code.beside(self.width)
            taken, busy = code.variable("int64"), vectors.variable("int32")
            named = {"limit": vectors.broadcast(self.read("limit"))}
            named |= {n: vectors.broadcast(self.get(n)) for n in (() if self.per_path else self.parameters)}
            code.store(code.constant(0, "int64"), taken)
            with code.repeat() as only_if:
                vectors.store(vectors.constant(0, "int32"), busy)
                with code.count(share, self.width) as self.lane:
                    codes = [code.beside(self.width) for _ in range(parts)]
                    for part in codes:
                        part.numbers |= named
                    for step in self._steps(lines, results[:-1]):
                        for i, part in enumerate(codes):
                            step(part, i * share)
                    for part in codes:
                        moving = part.number(results[-1])
                        vectors.store(vectors.do("add", vectors.load("int32", busy), moving), busy)
                many = code.convert(vectors.total(vectors.load("int32", busy)), "int64")
                following = code.do("add", code.load("int64", taken), 1)
                code.store(following, taken)
                only_if(code.do("lt", following, TURNS))
                only_if(code.do("ge", many, Number("%enough", "int64")))
            code.say(f"ret i64 {code.load('int64', taken).text}")

    def _steps(self, lines: Sequence[Line], results: Sequence[str]) -> Iterator[Step]:
        """Loads, lines and stores: what is read is loaded when it is first needed, and stored as soon as it is known."""
        stores: dict[str, list[str]] = {}
        for name, result in zip(self.names, results, strict=True):
            if name != result:
                stores.setdefault(result, []).append(name)
        read = {name for line in lines for name in line.arguments} | set(stores)
        loaded, waiting = set[str](), list[tuple[str, str]]()

        def load(names: Sequence[str]) -> Iterator[Step]:
            for name in names:
                if name in self.home and name not in loaded:
                    loaded.add(name)
                    yield functools.partial(self._load, name)

        for line in lines:
            yield from load(line.arguments)
            yield functools.partial(self._run, line)
            for name in stores.pop(line.name, ()):
                if name in read and name not in loaded:  # its old value is still to be read
                    waiting.append((name, line.name))
                else:
                    yield functools.partial(self._store, name, line.name)
        yield from load(list(stores))  # a leaf that becomes what another leaf was
        waiting += [(name, result) for result, names in stores.items() for name in names]
        for name, result in waiting:
            yield functools.partial(self._store, name, result)

    def _align(self, name: str) -> int:
        return min(LINE, self.width * BITS[self.arrays[self.home[name][0]]] // 8)

    def _load(self, name: str, code: Code, offset: int) -> None:
        code.numbers[name] = code.load(self.kinds[name], self._at(name, offset), self._align(name))

    def _store(self, name: str, value: str, code: Code, offset: int) -> None:
        code.store(code.number(value), self._at(name, offset), self._align(name))

    def _run(self, line: Line, code: Code, offset: int) -> None:
        code.run([line])

    # everything else: scalars

    def _add(self, array: str, index: int, value: Number) -> None:
        place = self.place(array, self.code.constant(index, "int64"))
        self.code.store(self.code.do("add", self.code.load("int64", place), value), place)

    def _refill(self, alive: str) -> None:
        """Lanes without a path take the next ones."""
        code, lane = self.code, self.code.variable("int64")
        code.store(code.constant(0, "int64"), lane)
        with code.repeat() as only_if:
            only_if(code.do("lt", code.load("int64", alive), self.lanes))
            path = self.read("queue", 0)
            only_if(code.do("lt", path, self.long(self.read("paths"))))
            with code.repeat() as only_taken:
                self.lane = code.load("int64", lane)
                only_taken(code.do("ge", self.get("path"), 0))
                code.store(code.do("add", self.lane, 1), lane)
            self.begin(path)
            self._add("queue", 0, code.constant(1, "int64"))
            code.store(code.do("add", code.load("int64", alive), 1), alive)

    def _call_turns(self, alive: Number) -> None:
        enough = self.code.do("sub", alive, self.code.do("div", alive, SPARE))
        given = self.arguments.replace(" noalias", "")
        self._add("turns", 0, self.code.emit(f"call i64 @turns({given}, i64 {enough.text})", "int64"))

    def write(self) -> str:
        """Rounds of refills, turns and records."""
        self._turns()
        with self.module.function(f"void @advance({self.arguments}) nounwind") as self.code:
            code = self.code
            alive, rounds, self.ended = code.variable("int64"), code.variable("int64"), code.variable("bool")
            code.store(code.constant(0, "int64"), alive)
            with code.count(self.lanes) as self.lane:
                here = code.convert(code.do("ge", self.get("path"), 0), "int64")
                code.store(code.do("add", code.load("int64", alive), here), alive)
            code.store(code.constant(0, "int64"), rounds)
            with code.repeat() as only_if:
                number = code.load("int64", rounds)
                only_if(code.do("lt", number, self.read("budget")))
                code.store(code.do("add", number, 1), rounds)
                self._refill(alive)
                only_if(code.do("gt", code.load("int64", alive), 0))
                self._call_turns(code.load("int64", alive))
                with code.count(self.lanes) as self.lane:
                    self.serve()
                    over = code.convert(self.get("ended"), "int64")
                    code.store(code.do("sub", code.load("int64", alive), over), alive)
                    self._add("queue", 1, over)
            code.say("ret void")
        return self.module.text()


def write(program: Program, per_path: bool, words: int) -> str:
    """The module of a program, for registers of so many words of 32 bits.

    Raises:
        UnsupportedError: naming an operation of a law or fold that has no printed form.
    """
    with precision_of(program):
        return _Kernel(program, per_path, words).write()
