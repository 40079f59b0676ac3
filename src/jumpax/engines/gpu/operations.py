"""Printed lines as LLVM instructions: the same ones that the CPU engine gets from Numba."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.np import numpy_support

from jumpax.engines.cpu import instructions

_LINE = re.compile(r"(\w+) = (\w+)\((.*)\)")


class Number(NamedTuple):
    """A value of LLVM and its type; LLVM does not tell signed integers from unsigned ones."""

    value: Any
    kind: Any


def kind_of(dtype: Any) -> Any:
    """Numba's name of a type."""
    return numpy_support.from_dtype(np.dtype(dtype))


def llvm_of(dtype: Any) -> ir.Type:
    """LLVM's name of a type."""
    return instructions.LLVM[kind_of(dtype)]


def constant(value: Any, dtype: Any) -> ir.Constant:
    """A constant."""
    return ir.Constant(llvm_of(dtype), (float if np.dtype(dtype).kind == "f" else int)(value))


class Assembler:
    """Appends the instructions of printed lines to a function.

    Every operation is the one of `cpu.instructions`, built by the same code, so the two engines cannot drift apart.
    """

    def __init__(self, builder: ir.IRBuilder, constants: Mapping[str, Any]):
        self.builder, self.constants = builder, constants
        self.numbers: dict[str, Number] = {}

    def bind(self, name: str, value: Any, dtype: Any) -> None:
        """Let a name stand for a value."""
        self.numbers[name] = Number(value, kind_of(dtype))

    def number(self, name: str) -> Number:
        """What a name stands for."""
        if name in self.constants:
            given = self.constants[name]
            return Number(constant(given, given.dtype), kind_of(given.dtype))
        return self.numbers[name]

    def run(self, lines: Sequence[str]) -> None:
        """Append the instructions of all lines."""
        for line in lines:
            matched = _LINE.fullmatch(line)
            if matched is None:
                raise ValueError(f"not a printed line: {line}")
            name, operation, arguments = matched.groups()
            self.numbers[name] = self.apply(operation, [self.number(a) for a in arguments.split(", ")])

    def apply(self, operation: str, arguments: Sequence[Number]) -> Number:
        """Append one operation."""
        define = getattr(instructions, operation)._defn
        signature, code = define(None, *(argument.kind for argument in arguments))
        value = code(None, self.builder, signature, [argument.value for argument in arguments])
        return Number(value, signature.return_type)
