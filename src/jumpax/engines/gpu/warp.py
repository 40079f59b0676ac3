"""What the threads of a warp do together, and where a kernel begins."""

import abc
import contextlib
from collections.abc import Iterator
from typing import final

from jumpax.engines.native.code import Code, Module
from jumpax.engines.native.operations import Number

ALL = Number("-1", "uint32")
Entered = tuple[Code, Number, Number]
"""The function that is being written, the number of the thread that it is, and of how many."""


class AbstractWarp(abc.ABC):
    """Threads that take every turn together; all of them must come to every `ballot` and `shuffle`."""

    @abc.abstractmethod
    def lane(self, code: Code) -> Number:
        """Number of this thread in its warp."""

    @abc.abstractmethod
    def ballot(self, code: Code, flag: Number) -> Number:
        """One bit for each thread of the warp: its flag."""

    @abc.abstractmethod
    def shuffle(self, code: Code, value: Number, source: Number) -> Number:
        """The whole number that thread `source` of the warp holds."""

    @abc.abstractmethod
    def enter(self, module: Module, arguments: str) -> contextlib.AbstractContextManager[Entered]:
        """The function `advance` that is called from outside, with `arguments` and what else it needs."""


@final
class Cuda(AbstractWarp):
    """Thirty-two threads of an NVIDIA GPU."""

    def __init__(self, threads: int, blocks: int):
        self.threads, self.blocks = threads, blocks

    def lane(self, code: Code) -> Number:
        """Number of this thread in its warp."""
        return code.call("llvm.nvvm.read.ptx.sreg.laneid", "uint32")

    def ballot(self, code: Code, flag: Number) -> Number:
        """One bit for each thread of the warp: its flag."""
        return code.call("llvm.nvvm.vote.ballot.sync", "uint32", ALL, flag)

    def shuffle(self, code: Code, value: Number, source: Number) -> Number:
        """The whole number that thread `source` of the warp holds."""
        return code.call("llvm.nvvm.shfl.sync.idx.i32", value.kind, ALL, value, source, Number("31", "uint32"))

    @contextlib.contextmanager
    def enter(self, module: Module, arguments: str) -> Iterator[Entered]:
        """A kernel, with bounds for its registers: threads of a block, blocks that must fit at once."""
        with module.function(f"ptx_kernel void @advance({arguments})") as code:
            names = ("tid.x", "ntid.x", "ctaid.x", "nctaid.x")
            place, size, block, blocks = (code.call(f"llvm.nvvm.read.ptx.sreg.{name}", "int32") for name in names)
            yield code, code.do("add", code.do("mul", block, size), place), code.do("mul", blocks, size)
            code.say("ret void")
        bounds = f'!"maxntidx", i32 {self.threads}' + (f', !"minctasm", i32 {self.blocks}' if self.blocks else "")
        module.parts += ["!nvvm.annotations = !{!0}", f"!0 = !{{ptr @advance, {bounds}}}"]


@final
class Host(AbstractWarp):
    """One thread of a processor, that plays all threads of a GPU one after the other, round by round."""

    def lane(self, code: Code) -> Number:
        """Number of this thread in its warp."""
        return code.constant(0, "uint32")

    def ballot(self, code: Code, flag: Number) -> Number:
        """Its flag."""
        return code.convert(flag, "uint32")

    def shuffle(self, code: Code, value: Number, source: Number) -> Number:
        """Its own number."""
        return value

    @contextlib.contextmanager
    def enter(self, module: Module, arguments: str) -> Iterator[Entered]:
        """A function that also takes how many threads there are, and plays each of them once."""
        with module.function(f"void @advance({arguments}, i32 %count)") as code:
            count = Number("%count", "int32")
            with code.count(code.convert(count, "int64")) as thread:
                yield code, code.convert(thread, "int32"), count
            code.say("ret void")
