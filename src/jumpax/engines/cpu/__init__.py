"""Fused SIMD loops on the processor, written as vector code from the traced program."""

from jumpax.engines.cpu.engine import Cpu as Cpu
from jumpax.engines.cpu.engine import operations as operations
