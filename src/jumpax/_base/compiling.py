"""How XLA is to compile."""

from typing import Any

import jax

OLDER_XLA = jax.__version_info__ < (0, 11, 1)
"""Whether XLA has two ways of compiling fusions for a processor; later only the one."""


def quick() -> dict[str, Any]:
    """Options for programs that run once, or on little: a fifth of the usual time to compile, and up to twice that to run.

    Of a processor; elsewhere none. Not for programs that draw paths (engine `xla`).
    """
    return {**plain(), "xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else {}


def plain() -> dict[str, Any]:
    """Options for sums over paths: two thirds of the usual time to compile, and no more to run.

    Of a processor, by XLA of JAX 0.11.0 and older, which knows the option; elsewhere none. Not for programs that draw paths (engine `xla`),
    which take half as long again then.
    """
    return {"xla_cpu_use_fusion_emitters": False} if jax.default_backend() == "cpu" and OLDER_XLA else {}
