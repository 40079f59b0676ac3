"""Fused SIMD loops on the processor, printed from the traced program and compiled by Numba."""

from jumpax.engines.cpu.engine import Cpu as Cpu
from jumpax.engines.cpu.engine import operations as operations
