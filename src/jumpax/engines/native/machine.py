"""From LLVM text to what runs: machine code for this processor, assembly to read for any."""

import ctypes
import functools
import platform
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import llvmlite
import numpy as np
from llvmlite import binding as llvm

from jumpax._base.errors import UnsupportedError
from jumpax.engines.native import objects

Optimise = Callable[[llvm.ModuleRef, llvm.TargetMachine], None]


class Target(NamedTuple):
    """A processor to make code for."""

    triple: str
    cpu: str
    features: str
    """Extensions of the instruction set, as LLVM spells them: `+avx2,-avx512f`; those of the CPU if empty."""

    @property
    def words(self) -> int:
        """Of 32 bits in a register: 16 with AVX-512, 8 with AVX2, else 4 (NEON, SSE)."""
        has = self.features.split(",")
        return 16 if "+avx512f" in has else 8 if "+avx2" in has else 4


@functools.cache
def host() -> Target:
    """This processor."""
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # LLVM does not know how to ask
        features = ""
    return Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


@functools.cache
def _initialise() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def machine_for(target: Target, **options: Any) -> llvm.TargetMachine:
    """LLVM's code generator for a processor; an execution engine takes it, so each needs one of its own.

    Raises:
        UnsupportedError: if llvmlite was built without it.
    """
    _initialise()
    try:
        found = llvm.Target.from_triple(target.triple)
    except RuntimeError as error:
        raise UnsupportedError(
            f"this build of llvmlite cannot make code for {target.triple}; install the one from PyPI: pip install llvmlite"
        ) from error
    return found.create_target_machine(cpu=target.cpu, features=target.features, opt=2, **options)


def _here() -> llvm.TargetMachine:
    """For code that is called: on x86 with absolute addresses, which is what the loader can resolve."""
    model = "static" if platform.machine().lower() in ("x86_64", "amd64") else "default"
    return machine_for(host(), reloc=model, codemodel="jitdefault", jit=True)


def simplify(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """What explicit vector code is worth: variables into registers; in turns, minima and known values made simpler."""
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    for function in module.functions:
        if not function.is_declaration:
            manager = llvm.create_new_function_pass_manager()
            manager.add_sroa_pass()
            if function.name == "turns":
                manager.add_instruction_combine_pass()
            manager.run(function, builder)


def optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """All that LLVM knows, but for loops, which are to stay as they are."""
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def _module(text: str, machine: llvm.TargetMachine, how: Optimise) -> llvm.ModuleRef:
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    how(module, machine)
    return module


def assembly(text: str, machine: llvm.TargetMachine, how: Optimise) -> str:
    """Machine code to read."""
    return machine.emit_assembly(_module(text, machine, how))


class Loaded:
    """A kernel in memory: its function `advance`, which may be called for as long as this is kept."""

    def __init__(self, code: bytes):
        machine = _here()
        empty = llvm.parse_assembly("")
        empty.triple = machine.triple
        self._engine = llvm.create_mcjit_compiler(empty, machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        self._address = self._engine.get_function_address("advance")

    def __call__(self, arrays: Sequence[np.ndarray | None], wholes: Sequence[int]) -> None:
        """Call it with contiguous arrays (None where there is nothing to read or write) and whole numbers."""
        kinds = [ctypes.c_void_p] * len(arrays) + [ctypes.c_int32] * len(wholes)
        places = (None if array is None else array.ctypes.data for array in arrays)
        ctypes.CFUNCTYPE(None, *kinds)(self._address)(*places, *wholes)


def kept(text: str, target: Target, how: Optimise, make: Callable[[], bytes]) -> bytes:
    """What is made of a module: from the disk, if it was made with the same tools for the same processor before."""
    made_by = (*target, how.__name__, llvmlite.__version__, llvm.llvm_version_info)
    return objects.kept("\n".join(map(str, (*made_by, text))), make)


def load(text: str, how: Optimise) -> Loaded:
    """A module ready to be called."""
    machine = _here()
    return Loaded(kept(text, host(), how, lambda: machine.emit_object(_module(text, machine, how))))
