"""Scalar operations of printed kernels, each one machine instruction of exactly the type it names.

Numba's own operators widen small integers and branch on conditional expressions; both keep LLVM from vectorising. The
operations `mulc`, `addc`, `subc` may be contracted to fused multiply-adds; the others may not.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

BOOL, INT, WORD = types.boolean, types.int32, types.uint32
LLVM = {
    types.boolean: ir.IntType(1), types.int32: ir.IntType(32), types.uint32: ir.IntType(32),
    types.int64: ir.IntType(64), types.uint64: ir.IntType(64),
    types.float32: ir.FloatType(), types.float64: ir.DoubleType(),
}  # fmt: skip
"""LLVM's names of Numba's types."""


def _is_float(kind: Any) -> bool:
    return kind in (types.float32, types.float64)


def _binary(whole: str, real: str = "", flags: tuple[str, ...] = ()) -> Callable:
    @intrinsic
    def operation(context, x, y):
        def code(_, builder, signature, values):
            if _is_float(signature.args[0]):
                return getattr(builder, real)(*values, flags=flags)
            return getattr(builder, whole)(*values)

        return x(x, y), code

    return operation


def _compare(symbol: str) -> Callable:
    @intrinsic
    def operation(context, x, y):
        def code(_, builder, signature, values):
            kind = signature.args[0]
            if _is_float(kind):
                return (builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered)(symbol, *values)
            signed = kind in (types.int32, types.int64)
            return (builder.icmp_signed if signed else builder.icmp_unsigned)(symbol, *values)

        return types.boolean(x, y), code

    return operation


add, sub, mul = _binary("add", "fadd"), _binary("sub", "fsub"), _binary("mul", "fmul")
addc, subc, mulc = (_binary(n, f"f{n}", ("contract",)) for n in ("add", "sub", "mul"))
div = _binary("sdiv", "fdiv")
and_, or_, xor = _binary("and_"), _binary("or_"), _binary("xor")
shl, lshr, ashr = _binary("shl"), _binary("lshr"), _binary("ashr")
lt, le, gt, ge, eq, ne = (_compare(s) for s in ("<", "<=", ">", ">=", "==", "!="))


@intrinsic
def align_stack(context):
    """Let the stack of the function begin at a cache line: LLVM knows too late that it needs room for vectors there."""

    def code(target, builder, signature, values):
        builder.function.attributes.add("nounwind")  # llvmlite prints nothing of an empty set
        builder.function.attributes.alignstack = 64
        return target.get_dummy_value()

    return types.none(), code


@intrinsic
def select(context, flag, x, y):
    """Choose x if the flag is set, else y; without a branch."""

    def code(_, builder, signature, values):
        return builder.select(*values)

    return x(flag, x, y), code


@intrinsic
def not_(context, x):
    """Bitwise complement."""
    return x(x), lambda _, builder, signature, values: builder.not_(values[0])


@intrinsic
def muladd(context, x, y, z):
    """Product and sum, x y + z, rounded once where the machine can."""

    def code(_, builder, signature, values):
        product = builder.fmul(*values[:2], flags=("contract",))
        return builder.fadd(product, values[2], flags=("contract",))

    return x(x, y, z), code


@intrinsic
def neg(context, x):
    """-x."""

    def code(_, builder, signature, values):
        return builder.fneg(values[0]) if _is_float(signature.args[0]) else builder.neg(values[0])

    return x(x), code


@intrinsic
def abs_(context, x):
    """|x|."""

    def code(_, builder, signature, values):
        kind = LLVM[signature.args[0]]
        if _is_float(signature.args[0]):
            return builder.call(builder.module.declare_intrinsic("llvm.fabs", [kind]), values)
        zero = ir.Constant(kind, 0)
        return builder.select(builder.icmp_signed("<", values[0], zero), builder.neg(values[0]), values[0])

    return x(x), code


@intrinsic
def sqrt(context, x):
    """Square root, correctly rounded."""

    def code(_, builder, signature, values):
        kind = LLVM[signature.args[0]]
        return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [kind]), values)

    return x(x), code


def _extreme(symbol: str) -> Callable:
    """The lesser or the greater; NaN when an argument is NaN, as in JAX."""

    @intrinsic
    def operation(context, x, y):
        def code(_, builder, signature, values):
            first, second = values
            if not _is_float(signature.args[0]):
                compare = builder.icmp_signed if signature.args[0].signed else builder.icmp_unsigned
                return builder.select(compare(symbol, first, second), first, second)
            chosen = builder.select(builder.fcmp_ordered(symbol, first, second), first, second)
            return builder.select(builder.fcmp_unordered("!=", first, first), first, chosen)

        return x(x, y), code

    return operation


min_, max_ = _extreme("<"), _extreme(">")


def _convert(kind: Any) -> Callable:
    @intrinsic
    def operation(context, x):
        def code(_, builder, signature, values):
            source, target, value = signature.args[0], LLVM[kind], values[0]
            width = LLVM[source].width if not _is_float(source) else None
            if _is_float(source) and _is_float(kind):
                if source == kind:
                    return value
                return (builder.fpext if kind == types.float64 else builder.fptrunc)(value, target)
            if _is_float(source):
                return builder.fptosi(value, target)
            unsigned = source in (types.boolean, types.uint32, types.uint64)
            if _is_float(kind):
                return (builder.uitofp if unsigned else builder.sitofp)(value, target)
            if kind == types.boolean:
                return builder.icmp_unsigned("!=", value, ir.Constant(LLVM[source], 0))
            if width == target.width:
                return value
            if width > target.width:
                return builder.trunc(value, target)
            return (builder.zext if unsigned else builder.sext)(value, target)

        return kind(x), code

    return operation


to_bool, to_int32, to_uint32, to_int64, to_uint64, to_float32, to_float64 = (
    _convert(k)
    for k in (types.boolean, types.int32, types.uint32, types.int64, types.uint64, types.float32, types.float64)
)


def _bitcast(kind: Any) -> Callable:
    @intrinsic
    def operation(context, x):
        def code(_, builder, signature, values):
            return values[0] if LLVM[signature.args[0]] == LLVM[kind] else builder.bitcast(values[0], LLVM[kind])

        return kind(x), code

    return operation


as_int32, as_uint32, as_int64, as_uint64, as_float32, as_float64 = (
    _bitcast(k) for k in (types.int32, types.uint32, types.int64, types.uint64, types.float32, types.float64)
)
