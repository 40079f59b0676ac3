"""What the threads of a warp do together, and where a kernel begins."""

import abc
from collections.abc import Callable, Sequence
from typing import Any, final

from llvmlite import ir

WORD, FLAG = ir.IntType(32), ir.IntType(1)
ALL = ir.Constant(WORD, 2**32 - 1)
ONE = ir.Constant(WORD, 1)


def call(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: Sequence[Any]) -> Any:
    """Call a function that LLVM or the linker knows by name."""
    module = builder.module
    if name not in module.globals:
        ir.Function(module, ir.FunctionType(result, [a.type for a in arguments]), name)
    return builder.call(module.globals[name], list(arguments))


class AbstractWarp(abc.ABC):
    """Threads that take every turn together; all of them must come to every `ballot` and `shuffle`."""

    @abc.abstractmethod
    def lane(self, builder: ir.IRBuilder) -> Any:
        """Number of this thread in its warp."""

    @abc.abstractmethod
    def ballot(self, builder: ir.IRBuilder, flag: Any) -> Any:
        """One bit for each thread of the warp: its flag."""

    @abc.abstractmethod
    def shuffle(self, builder: ir.IRBuilder, value: Any, source: Any) -> Any:
        """The whole number that thread `source` of the warp holds."""

    @abc.abstractmethod
    def enter(self, loop: ir.Function, declare: Callable[..., ir.Function]) -> None:
        """Make the function that is called from outside; `loop` takes (thread, threads, ..), `declare` knows the rest."""


@final
class Cuda(AbstractWarp):
    """Thirty-two threads of an NVIDIA GPU."""

    def __init__(self, threads: int, blocks: int):
        self.threads, self.blocks = threads, blocks

    def lane(self, builder: ir.IRBuilder) -> Any:
        """Number of this thread in its warp."""
        return call(builder, "llvm.nvvm.read.ptx.sreg.laneid", WORD, [])

    def ballot(self, builder: ir.IRBuilder, flag: Any) -> Any:
        """One bit for each thread of the warp: its flag."""
        return call(builder, "llvm.nvvm.vote.ballot.sync", WORD, [ALL, flag])

    def shuffle(self, builder: ir.IRBuilder, value: Any, source: Any) -> Any:
        """The whole number that thread `source` of the warp holds."""
        return call(builder, "llvm.nvvm.shfl.sync.idx.i32", WORD, [ALL, value, source, ir.Constant(WORD, 31)])

    def enter(self, loop: ir.Function, declare: Callable[..., ir.Function]) -> None:
        """A kernel `advance`, with bounds for its registers: threads of a block, blocks that must fit at once."""
        kernel = declare("advance", ())
        kernel.calling_convention = "ptx_kernel"
        builder = ir.IRBuilder(kernel.append_basic_block())
        place, size, block, blocks = (
            call(builder, f"llvm.nvvm.read.ptx.sreg.{name}", WORD, [])
            for name in ("tid.x", "ntid.x", "ctaid.x", "nctaid.x")
        )
        thread = builder.add(builder.mul(block, size), place)
        builder.call(loop, [thread, builder.mul(blocks, size), *kernel.args])
        builder.ret_void()
        module = loop.module
        bounds = [kernel]
        for name, value in (("maxntidx", self.threads), ("minctasm", self.blocks))[: 2 if self.blocks else 1]:
            bounds += [ir.MetaDataString(module, name), ir.Constant(WORD, value)]
        module.add_named_metadata("nvvm.annotations", module.add_metadata(bounds))


@final
class Host(AbstractWarp):
    """One thread of a processor, that plays all threads of a GPU one after the other, round by round."""

    def lane(self, builder: ir.IRBuilder) -> Any:
        """Number of this thread in its warp."""
        return ir.Constant(WORD, 0)

    def ballot(self, builder: ir.IRBuilder, flag: Any) -> Any:
        """Its flag."""
        return builder.zext(flag, WORD)

    def shuffle(self, builder: ir.IRBuilder, value: Any, source: Any) -> Any:
        """Its own number."""
        return value

    def enter(self, loop: ir.Function, declare: Callable[..., ir.Function]) -> None:
        """A function `advance(threads, ..)` that calls every thread once."""
        function = declare("advance", (WORD,))
        first = function.append_basic_block()
        again, after = function.append_basic_block(), function.append_basic_block()
        builder = ir.IRBuilder(first)
        builder.branch(again)
        builder.position_at_end(again)
        thread = builder.phi(WORD)
        following = builder.add(thread, ONE)
        builder.call(loop, [thread, *function.args])
        thread.add_incoming(ir.Constant(WORD, 0), first)
        thread.add_incoming(following, again)
        builder.cbranch(builder.icmp_unsigned("<", following, function.args[0]), again, after)
        builder.position_at_end(after)
        builder.ret_void()
