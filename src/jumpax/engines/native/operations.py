"""Operations as LLVM text: the same for one lane and for a vector of them, each of exactly the type it names."""

import struct
from typing import Any, NamedTuple

LLVM = {
    "bool": "i1", "int32": "i32", "uint32": "i32", "int64": "i64", "uint64": "i64", "float32": "float",
    "float64": "double",
}  # fmt: skip
"""LLVM's names of types; it does not tell signed from unsigned, so a number carries ours."""
BITS = {"bool": 1, "int32": 32, "uint32": 32, "int64": 64, "uint64": 64, "float32": 32, "float64": 64}

_BINARY = {  # on signed, unsigned and real numbers
    "add": ("add", "add", "fadd"), "sub": ("sub", "sub", "fsub"), "mul": ("mul", "mul", "fmul"),
    "div": ("sdiv", "udiv", "fdiv"), "and_": ("and", "and", ""), "or_": ("or", "or", ""), "xor": ("xor", "xor", ""),
    "shl": ("shl", "shl", ""), "lshr": ("lshr", "lshr", ""), "ashr": ("ashr", "ashr", ""),
    "addc": ("", "", "fadd contract"), "subc": ("", "", "fsub contract"), "mulc": ("", "", "fmul contract"),
}  # fmt: skip
"""Those with a c may be contracted to fused multiply-adds; the others may not."""
_COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}
_COLUMN = {"i": 0, "u": 1, "b": 1, "f": 2}
"""Of a type, by its first letter."""


class Number(NamedTuple):
    """A value of LLVM, or one for each lane, and its type."""

    text: str
    kind: str


class Operations:
    """Appends instructions, line by line.

    Args:
        lines: where to; shared by all that write the same function.
        declared: where intrinsics are noted that the module must declare.
        width: how many lanes a number stands for.
    """

    def __init__(self, lines: list[str], declared: dict[str, None], width: int = 1):
        self.lines, self.declared, self.width = lines, declared, width
        self.types = {kind: name if width == 1 else f"<{width} x {name}>" for kind, name in LLVM.items()}

    def say(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append(f"  {text}")

    def emit(self, text: str, kind: str) -> Number:
        """Append an instruction; gives its result."""
        name = f"%t{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return Number(name, kind)

    def constant(self, value: Any, kind: str) -> Number:
        """A constant."""
        if kind[0] == "f":
            text = f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
        else:
            text = str(bool(value)).lower() if kind == "bool" else str(int(value))
        return Number(text if self.width == 1 else f"splat ({LLVM[kind]} {text})", kind)

    def call(self, name: str, kind: str, *arguments: Number) -> Number:
        """Call a function that LLVM or the linker knows by name."""
        types = [self.types[argument.kind] for argument in arguments]
        self.declared[f"declare {self.types[kind]} @{name}({', '.join(types)})"] = None
        given = ", ".join(f"{t} {argument.text}" for t, argument in zip(types, arguments, strict=True))
        return self.emit(f"call {self.types[kind]} @{name}({given})", kind)

    def do(self, operation: str, x: Number, *others: Number | int) -> Number:
        """Append one operation; a plain whole number stands for a constant of the type of the first argument."""
        more = [self.constant(other, x.kind) if isinstance(other, int) else other for other in others]
        if operation == "select":
            return self._select(x, *more)
        if operation in _COMPARISONS:
            return self._compare(operation, x, *more)
        if operation in ("min_", "max_"):
            return self._extreme("lt" if operation == "min_" else "gt", x, *more)
        if operation == "muladd":  # rounded once where the machine can
            return self._intrinsic("fmuladd", x, *more)
        if operation in ("not_", "neg", "abs_", "sqrt"):
            return self._unary(operation, x)
        if operation.startswith(("to_", "as_")):
            return (self.convert if operation.startswith("to_") else self._cast)(x, operation[3:])
        if operation == "div" and x.kind[0] != "f":
            return self._divide(x, *more)
        return self._binary(operation, x, *more)

    def _binary(self, operation: str, x: Number, y: Number) -> Number:
        word = _BINARY[operation][_COLUMN[x.kind[0]]]
        return self.emit(f"{word} {self.types[x.kind]} {x.text}, {y.text}", x.kind)

    def _compare(self, symbol: str, x: Number, y: Number) -> Number:
        if x.kind[0] == "f":  # what is not a number differs from everything
            word = f"fcmp {'u' if symbol == 'ne' else 'o'}{symbol}"
        else:
            sign = "" if symbol in ("eq", "ne") else "s" if x.kind[0] == "i" else "u"
            word = f"icmp {sign}{symbol}"
        return self.emit(f"{word} {self.types[x.kind]} {x.text}, {y.text}", "bool")

    def _select(self, flag: Number, x: Number, y: Number) -> Number:
        kind = self.types[x.kind]
        return self.emit(f"select {self.types['bool']} {flag.text}, {kind} {x.text}, {kind} {y.text}", x.kind)

    def _extreme(self, symbol: str, x: Number, y: Number) -> Number:
        """The lesser or the greater; not a number if one of them is not, as in JAX."""
        chosen = self._select(self._compare(symbol, x, y), x, y)
        if x.kind[0] != "f":
            return chosen
        return self._select(self.emit(f"fcmp uno {self.types[x.kind]} {x.text}, {x.text}", "bool"), x, chosen)

    def _unary(self, operation: str, x: Number) -> Number:
        kind, real = self.types[x.kind], x.kind[0] == "f"
        if operation == "not_":
            return self.do("xor", x, 1 if x.kind == "bool" else -1)
        if operation == "neg":
            return self.emit(f"fneg {kind} {x.text}", x.kind) if real else self.do("sub", self.constant(0, x.kind), x)
        if real:
            return self._intrinsic("sqrt" if operation == "sqrt" else "fabs", x)
        return self._select(self.do("lt", x, 0), self._unary("neg", x), x)

    def _intrinsic(self, name: str, *arguments: Number) -> Number:
        kind = arguments[0].kind
        return self.call(f"llvm.{name}.{'' if self.width == 1 else f'v{self.width}'}f{BITS[kind]}", kind, *arguments)

    def _divide(self, x: Number, y: Number) -> Number:
        """Of whole numbers: processors stop at what JAX gives results for, x / 0 = -1 and the least number / -1."""
        none = self.do("eq", y, 0)
        unsafe = none
        if x.kind[0] == "i":
            least = self.do("eq", x, -(2 ** (BITS[x.kind] - 1)))
            unsafe = self.do("or_", none, self.do("and_", least, self.do("eq", y, -1)))
        quotient = self._binary("div", x, self._select(unsafe, self.constant(1, x.kind), y))
        return self._select(none, self.constant(-1, x.kind), quotient)

    def _cast(self, x: Number, kind: str) -> Number:
        """The same bits as another type."""
        if LLVM[x.kind] == LLVM[kind]:
            return Number(x.text, kind)
        return self.emit(f"bitcast {self.types[x.kind]} {x.text} to {self.types[kind]}", kind)

    def convert(self, x: Number, kind: str) -> Number:
        """The same number as another type."""
        before, after = BITS[x.kind], BITS[kind]
        if LLVM[x.kind] == LLVM[kind]:
            return Number(x.text, kind)
        if kind == "bool":
            return self.do("ne", x, 0)
        if x.kind[0] == "f" and kind[0] == "f":
            word = "fpext" if after > before else "fptrunc"
        elif x.kind[0] == "f":
            word = "fptosi" if kind[0] == "i" else "fptoui"
        elif kind[0] == "f":
            word = "sitofp" if x.kind[0] == "i" else "uitofp"
        else:
            word = "trunc" if after < before else "sext" if x.kind[0] == "i" else "zext"
        return self.emit(f"{word} {self.types[x.kind]} {x.text} to {self.types[kind]}", kind)
