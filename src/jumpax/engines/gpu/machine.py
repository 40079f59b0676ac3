"""From LLVM code to what runs: PTX for a GPU, machine code for this processor."""

import ctypes
import functools
from collections.abc import Callable

from llvmlite import binding as llvm

from jumpax._base.errors import UnsupportedError
from jumpax.engines.engine import precision_of
from jumpax.engines.gpu.interface import INPUTS, STATE, WHOLES
from jumpax.engines.gpu.kernel import write
from jumpax.engines.gpu.warp import AbstractWarp, Cuda, Host
from jumpax.engines.program import Program

ARCHITECTURE, LANGUAGE = "sm_75", "+ptx64"
"""Oldest GPU (Turing) and driver (CUDA 10.1 and later) that the PTX is for; the driver makes the best of it for newer ones."""


def _optimised(text: str, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def _text(program: Program, per_path: bool, warp: AbstractWarp, machine: llvm.TargetMachine) -> str:
    with precision_of(program):
        module = write(program, per_path, warp)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return str(module)


def nvptx() -> llvm.TargetMachine:
    """LLVM's code generator for NVIDIA GPUs.

    Raises:
        UnsupportedError: if llvmlite was built without it.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple("nvptx64-nvidia-cuda")
    except RuntimeError as error:
        raise UnsupportedError(
            "this build of llvmlite cannot make code for NVIDIA GPUs; install the one from PyPI: pip install llvmlite"
        ) from error
    return target.create_target_machine(cpu=ARCHITECTURE, features=LANGUAGE, opt=3)


@functools.lru_cache(maxsize=128)
def ptx(program: Program, per_path: bool, threads: int, blocks: int) -> str:
    """The kernel `advance` of a program in NVIDIA's assembly language.

    Args:
        program: what to run.
        per_path: whether every path has parameters of its own.
        threads: most threads of a block.
        blocks: how many of them must find room on a multiprocessor, which bounds registers; 0 for no bound.
    """
    machine = nvptx()
    return machine.emit_assembly(_optimised(_text(program, per_path, Cuda(threads, blocks), machine), machine))


class Compiled:
    """Machine code for this processor, called with addresses and whole numbers."""

    def __init__(self, text: str, machine: llvm.TargetMachine):
        self.engine = llvm.create_mcjit_compiler(_optimised(text, machine), machine)
        self.engine.finalize_object()
        kinds = [ctypes.c_int32, *[ctypes.c_void_p] * (len(STATE) + len(INPUTS)), *[ctypes.c_int32] * len(WHOLES)]
        self.call: Callable[..., None] = ctypes.CFUNCTYPE(None, *kinds)(self.engine.get_function_address("advance"))


@functools.lru_cache(maxsize=128)
def machine_code(program: Program, per_path: bool, warp: AbstractWarp | None = None) -> Compiled:
    """The same kernel for this processor, `advance(threads, arrays.., whole numbers..)`."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    machine = target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2)
    return Compiled(_text(program, per_path, warp or Host(), machine), machine)
