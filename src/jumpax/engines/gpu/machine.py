"""Kernels of programs as what runs: PTX for a GPU, machine code for this processor."""

import functools

from jumpax.engines.gpu.kernel import write
from jumpax.engines.gpu.warp import AbstractWarp, Cuda, Host
from jumpax.engines.native.machine import Loaded, Target, assembly, kept, load, machine_for, optimise
from jumpax.engines.program import Program

GPU = Target("nvptx64-nvidia-cuda", "sm_75", "+ptx64")
"""Oldest GPU (Turing) and driver (CUDA 10.1 and later) that the PTX is for; the driver makes the best of it for newer ones."""


@functools.lru_cache(maxsize=128)
def ptx(program: Program, per_path: bool, threads: int, blocks: int) -> str:
    """The kernel `advance` of a program in NVIDIA's assembly language.

    Args:
        program: what to run.
        per_path: whether every path has parameters of its own.
        threads: most threads of a block.
        blocks: how many of them must find room on a multiprocessor, which bounds registers; 0 for no bound.
    """
    module = write(program, per_path, Cuda(threads, blocks))
    return kept(module, GPU, optimise, lambda: assembly(module, machine_for(GPU), optimise).encode()).decode()


@functools.lru_cache(maxsize=128)
def machine_code(program: Program, per_path: bool, warp: AbstractWarp | None = None) -> Loaded:
    """The same kernel for this processor, which takes one more whole number: how many threads, or which one."""
    return load(write(program, per_path, warp or Host()), optimise)
