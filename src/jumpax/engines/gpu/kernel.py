"""The kernel of a program as LLVM code: one path per thread, its state in registers, the whole loop over time inside."""

from jumpax.engines.engine import precision_of
from jumpax.engines.gpu.warp import AbstractWarp
from jumpax.engines.native.kernel import AbstractKernel
from jumpax.engines.native.operations import Number
from jumpax.engines.program import Program

TURNS = 1024
"""Most turns between two looks at parked threads."""
PATIENCE = 128
"""A look comes early when so many turns of threads that stand still have been lost. A look, with what is recorded and
refilled, costs a warp about as much as these: nobody can know when the next thread parks, and going on until what was
lost is the price of a look never costs more than twice the least."""


class _Kernel(AbstractKernel):
    """Writes the function `advance`, of what else its warp needs to know after arrays and whole numbers."""

    fixed = ", !invariant.load !1"

    def __init__(self, program: Program, per_path: bool, warp: AbstractWarp):
        super().__init__(program, per_path, {})
        self.warp = warp
        self.kinds = self.leaves | dict.fromkeys(self.parameters, self.real) | {"ended": "bool"}
        self.kinds |= dict.fromkeys(("path", "first", "alive", "most", "taken", "done", "rounds"), "int32")

    # where a lane is kept: in variables, and in memory between calls

    def get(self, name: str) -> Number:
        """A variable."""
        return self.code.load(self.kinds[name], self.variables[name])

    def put(self, name: str, value: Number) -> None:
        """Change a variable."""
        self.code.store(value, self.variables[name])

    def _leaf(self, number: int) -> tuple[str, Number]:
        """Buffer and index of a leaf of this thread's lane."""
        buffer, place = self.places[number]
        return buffer, self.index(self.code.constant(place, "int32"), self.long(self.threads), self.long(self.thread))

    def _load_lane(self) -> None:
        """Take up where the last call left off."""
        for i, name in enumerate(self.names):
            self.put(name, self.code.do(f"to_{self.kinds[name]}", self.read(*self._leaf(i))))
        self.put("path", self.read("path", self.long(self.thread)))

    def _store_lane(self) -> None:
        """Keep everything for the next call."""
        for i, name in enumerate(self.names):
            self.code.store(self.get(name), self.place(*self._leaf(i)))
        own = self.long(self.thread)
        self.code.store(self.get("path"), self.place("path", own))
        turns = self.code.do("add", self.read("turns", own), self.code.convert(self.get("taken"), "uint32"))
        self.code.store(turns, self.place("turns", own))

    def _read_theta(self, path: Number) -> None:
        """Parameters of a path, or of all of them."""
        width, own = len(self.parameters), self.per_path
        for i, name in enumerate(self.parameters):
            self.put(name, self.read_row("theta", path, width, i) if own else self.read("theta", i))

    # what threads of a warp do together

    def _count(self, flags: Number) -> Number:
        """How many bits are set."""
        return self.code.call("llvm.ctpop.i32", "int32", flags)

    def _first_of(self, flags: Number) -> Number:
        """Number of the lowest bit that is set."""
        return self.code.call("llvm.cttz.i32", "uint32", flags, self.code.constant(False, "bool"))

    def _claim(self, place: str, flags: Number) -> Number:
        """Add the number of threads with a flag to a number that all share; gives what it was."""
        return self.code.emit(f"atomicrmw add ptr {place}, i32 {self._count(flags).text} monotonic", "int32")

    def _refill(self) -> None:
        """Threads without a path take the next ones from the queue, in one step for the warp."""
        code = self.code
        idle = code.do("lt", self.get("path"), 0)
        flags = self.warp.ballot(code, idle)
        with code.when(code.do("ne", flags, 0)):
            # without signs: the queue may run past the last path, and beyond 2^31
            paths = code.convert(self.read("paths"), "uint32")
            lane, leader, queue = (
                self.warp.lane(code),
                self._first_of(flags),
                self.place("queue", code.constant(0, "int64")),
            )
            self.put("first", self.read("paths"))
            with code.when(code.do("eq", lane, leader)):
                seen = code.emit(f"load atomic i32, ptr {queue} monotonic, align 4", "uint32")
                with code.when(code.do("lt", seen, paths)):
                    self.put("first", self._claim(queue, flags))
            first = self.warp.shuffle(code, self.get("first"), leader)
            below = code.do("sub", code.do("shl", code.constant(1, "uint32"), lane), 1)
            path = code.do("add", first, self._count(code.do("and_", flags, below)))
            with code.when(code.do("and_", idle, code.do("lt", code.convert(path, "uint32"), paths))):
                self.begin(path)

    def _turns(self) -> None:
        """Turns until too many threads of the warp stand still."""
        code = self.code
        self.put("done", code.constant(0, "int32"))
        self.put("most", code.constant(TURNS, "int32"))
        lines, (*lane, moving) = self.lines_of_turn()
        with code.repeat() as only_if:
            self.bind((*self.names, *self.parameters))
            code.numbers["limit"] = self.read("limit")
            code.run(lines)
            moves = code.do("ne", code.number(moving), 0)
            self.put_all(self.names, lane)
            done = code.do("add", self.get("done"), 1)
            self.put("done", done)
            busy = self._count(self.warp.ballot(code, moves))
            lost = code.do("mul", code.do("sub", self.get("alive"), busy), TURNS // PATIENCE)
            most = code.do("sub", self.get("most"), lost)
            self.put("most", most)
            only_if(code.do("and_", code.do("ne", busy, 0), code.do("lt", done, most)))
        self.put("taken", code.do("add", self.get("taken"), self.get("done")))

    def _look(self) -> None:
        """Record and send on; what has ended is counted for the warp."""
        code = self.code
        self.serve()
        ended = self.warp.ballot(code, self.get("ended"))
        first = code.do("eq", self.warp.lane(code), self._first_of(ended))
        with code.when(code.do("and_", first, code.do("ne", ended, 0))):
            self._claim(self.place("queue", code.constant(1, "int64")), ended)

    def write(self) -> str:
        """Rounds of refills, turns and looks."""
        with self.warp.enter(self.module, self.arguments) as (self.code, self.thread, self.threads):
            code = self.code
            self.variables = {name: code.variable(kind) for name, kind in self.kinds.items()}
            self._load_lane()
            for name in ("taken", "rounds"):
                self.put(name, code.constant(0, "int32"))
            path = self.get("path")
            self._read_theta(code.do("select", code.do("lt", path, 0), code.constant(0, "int32"), path))
            with code.repeat() as only_if:
                number = self.get("rounds")
                only_if(code.do("lt", number, self.read("budget")))
                self.put("rounds", code.do("add", number, 1))
                self._refill()
                alive = self._count(self.warp.ballot(code, code.do("ge", self.get("path"), 0)))
                only_if(code.do("ne", alive, 0))
                self.put("alive", alive)
                self._turns()
                self._look()
            self._store_lane()
        self.module.parts.append("!1 = !{}")
        return self.module.text()


def write(program: Program, per_path: bool, warp: AbstractWarp) -> str:
    """The kernel of a program; `per_path` where every path has parameters of its own.

    Raises:
        UnsupportedError: naming an operation of a law or fold that has no printed form.
    """
    with precision_of(program):
        return _Kernel(program, per_path, warp).write()
