"""The body of a function as LLVM text: named numbers, memory, branches and loops."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jumpax.engines.native.operations import BITS, LLVM, Number, Operations
from jumpax.engines.native.printer import Line


class Code(Operations):
    """Appends to a function; `constants` has the values of names that printed lines take for granted."""

    def __init__(self, lines: list[str], declared: dict[str, None], constants: Mapping[str, Any], width: int = 1):
        super().__init__(lines, declared, width)
        self.constants, self.numbers = constants, dict[str, Number]()

    def beside(self, width: int) -> "Code":
        """Appends to the same function, with names of its own."""
        return Code(self.lines, self.declared, self.constants, width)

    # printed lines

    def number(self, name: str) -> Number:
        """What a name stands for."""
        if name not in self.numbers:
            value = self.constants[name]
            self.numbers[name] = self.constant(value, value.dtype.name)
        return self.numbers[name]

    def run(self, lines: Sequence[Line]) -> None:
        """Append printed lines."""
        for line in lines:
            self.numbers[line.name] = self.do(line.operation, *(self.number(name) for name in line.arguments))

    def broadcast(self, value: Number) -> Number:
        """The same number in every lane."""
        kind = self.types[value.kind]
        one = self.emit(f"insertelement {kind} poison, {LLVM[value.kind]} {value.text}, i64 0", value.kind)
        lanes = f"<{self.width} x i32> zeroinitializer"
        return self.emit(f"shufflevector {kind} {one.text}, {kind} poison, {lanes}", value.kind)

    def total(self, value: Number) -> Number:
        """The sum over all lanes of a vector of whole numbers."""
        scalar, vector = LLVM[value.kind], self.types[value.kind]
        name = f"@llvm.vector.reduce.add.v{self.width}{scalar}"
        self.declared[f"declare {scalar} {name}({vector})"] = None
        return self.emit(f"call {scalar} {name}({vector} {value.text})", value.kind)

    # memory; flags are kept as 32 bits

    def place(self, array: str, kind: str, index: Number) -> str:
        """Address of an entry."""
        stored = LLVM["int32" if kind == "bool" else kind]
        return self.emit(f"getelementptr inbounds {stored}, ptr {array}, i64 {index.text}", "ptr").text

    def load(self, kind: str, place: str, align: int = 0, more: str = "") -> Number:
        """What is kept at an address."""
        stored = "int32" if kind == "bool" else kind
        value = self.emit(f"load {self.types[stored]}, ptr {place}, align {align or BITS[stored] // 8}{more}", stored)
        return self.do("to_bool", value) if kind == "bool" else value

    def store(self, value: Number, place: str, align: int = 0) -> None:
        """Keep a number at an address."""
        if value.kind == "bool":
            value = self.convert(value, "int32")
        self.say(f"store {self.types[value.kind]} {value.text}, ptr {place}, align {align or BITS[value.kind] // 8}")

    def variable(self, kind: str) -> str:
        """Address of a number that LLVM will keep in a register: it looks for them where a function begins."""
        name = f"%v{len(self.lines)}"
        self.lines.insert(0, f"  {name} = alloca {self.types['int32' if kind == 'bool' else kind]}")
        return name

    # control

    def _labels(self, count: int) -> list[str]:
        return [f"b{len(self.lines)}.{i}" for i in range(count)]

    @contextlib.contextmanager
    def when(self, flag: Number) -> Iterator[None]:
        """What is done if a flag is set."""
        yes, after = self._labels(2)
        self.lines.extend([f"  br i1 {flag.text}, label %{yes}, label %{after}", f"{yes}:"])
        yield
        self.lines.extend([f"  br label %{after}", f"{after}:"])

    @contextlib.contextmanager
    def repeat(self) -> Iterator[Callable[[Number], None]]:
        """A loop; a call of what is yielded leaves it unless a flag is set."""
        body, after = self._labels(2)
        self.lines.extend([f"  br label %{body}", f"{body}:"])

        def only_if(flag: Number) -> None:
            (inside,) = self._labels(1)
            self.lines.extend([f"  br i1 {flag.text}, label %{inside}, label %{after}", f"{inside}:"])

        yield only_if
        self.lines.extend([f"  br label %{body}", f"{after}:"])

    @contextlib.contextmanager
    def count(self, most: Number | int, step: int = 1) -> Iterator[Number]:
        """A loop over whole numbers from 0 to below `most`, with one at least."""
        kept = self.variable("int64")
        self.store(self.constant(0, "int64"), kept)
        with self.repeat() as only_if:
            number = self.load("int64", kept)
            yield number
            following = self.do("add", number, step)
            self.store(following, kept)
            only_if(self.do("lt", following, most))


class Module:
    """Functions, and what they call."""

    def __init__(self, constants: Mapping[str, Any]):
        self.constants, self.declared = constants, dict[str, None]()
        self.parts: list[str] = []

    @contextlib.contextmanager
    def function(self, head: str) -> Iterator[Code]:
        """A function; `head` has its name and what it takes."""
        lines: list[str] = []
        yield Code(lines, self.declared, self.constants)
        self.parts += [f"define {head} {{", *lines, "}", ""]

    def text(self) -> str:
        """The whole module."""
        return "\n".join([*self.parts, *self.declared, ""])
