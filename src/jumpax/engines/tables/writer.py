"""Code over tables: entries of arrays by name, loops over parts of them, numbers that change."""

import contextlib
from collections.abc import Iterator, Mapping

from jumpax.engines.native.code import Code
from jumpax.engines.native.operations import Number


class Writer:
    """Writes one function; arrays are pointers that it takes.

    Args:
        code: of the function.
        arrays: types of the arrays by name.
    """

    def __init__(self, code: Code, arrays: Mapping[str, str]):
        self.code, self.arrays, self.do, self.to = code, arrays, code.do, code.convert

    def long(self, value: Number | int) -> Number:
        """A whole number as an index."""
        return self.code.constant(value, "int64") if isinstance(value, int) else self.to(value, "int64")

    def real(self, value: Number) -> Number:
        """A whole number as a real one."""
        return self.to(value, "float64")

    def number(self, value: float) -> Number:
        """A real constant."""
        return self.code.constant(value, "float64")

    def place(self, array: str, index: Number | int) -> str:
        """Address of an entry."""
        return self.code.place(f"%{array}", self.arrays[array], self.long(index))

    def get(self, array: str, index: Number | int) -> Number:
        """An entry; whole ones as indices."""
        value = self.code.load(self.arrays[array], self.place(array, index))
        return self.to(value, "int64") if value.kind == "int32" else value

    def put(self, array: str, index: Number | int, value: Number) -> None:
        """Change an entry."""
        self.code.store(self.to(value, self.arrays[array]), self.place(array, index))

    def add(self, array: str, index: Number | int, value: Number) -> None:
        """Add to an entry."""
        place, kind = self.place(array, index), self.arrays[array]
        self.code.store(self.do("add", self.code.load(kind, place), self.to(value, kind)), place)

    def variable(self, value: Number) -> "Variable":
        """A number that changes, with its first value."""
        return Variable(self.code, value)

    @contextlib.contextmanager
    def span(self, first: Number | int, last: Number | int) -> Iterator[Number]:
        """A loop over whole numbers from the first to before the last, with none if there is none."""
        here, end = self.variable(self.long(first)), self.long(last)
        with self.code.repeat() as only_if:
            number = here.value
            only_if(self.do("lt", number, end))
            yield number
            here.value = self.do("add", number, 1)


class Variable:
    """A number that changes, kept in a register."""

    def __init__(self, code: Code, value: Number):
        self._code, self._kind = code, value.kind
        self._place = code.variable(value.kind)
        self.value = value

    @property
    def value(self) -> Number:
        """What it is now."""
        return self._code.load(self._kind, self._place)

    @value.setter
    def value(self, new: Number) -> None:
        self._code.store(new, self._place)
