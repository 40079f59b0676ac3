"""Compiled kernels, kept in memory and on disk."""

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType

import numba
from llvmlite import binding

from jumpax.engines.cpu import source
from jumpax.engines.program import Program


def cache_folder() -> Path:
    """Where printed kernels and their machine code are kept: `$JUMPAX_CACHE`, else the user's cache folder."""
    named = os.environ.get("JUMPAX_CACHE")
    root = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "jumpax"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        root = Path(tempfile.mkdtemp(prefix="jumpax-"))
    return root


# LLVM compares the addresses of all leaves of a lane; beyond so many pairs it would give up vectorising (its default is 100)
binding.set_option("jumpax", "-memory-check-merge-threshold=100000")

_one_at_a_time = threading.Lock()


def load(program: Program, per_path: bool) -> ModuleType:
    """The kernel of a program: printed when it is new, compiled when it is first called, or read from the disk."""
    with _one_at_a_time:
        return _load(program, per_path)


@functools.lru_cache(maxsize=128)
def _load(program: Program, per_path: bool) -> ModuleType:
    text = source.write(program, per_path)
    stamp = hashlib.sha256(f"{numba.__version__}\n{text}".encode()).hexdigest()[:20]
    name = f"jumpax_kernel_{stamp}"
    if name in sys.modules:
        return sys.modules[name]
    file = cache_folder() / f"{name}.py"
    if not file.exists():
        aside = file.with_suffix(f".{os.getpid()}.tmp")
        aside.write_text(text)
        aside.replace(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import the kernel {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
