"""Processors that code is made for in tests."""

from jumpax.engines.native.machine import Target

TARGETS = {
    "AVX-512": Target("x86_64-unknown-linux-gnu", "skylake-avx512", "+avx2,+avx512f"),
    "AVX2": Target("x86_64-unknown-linux-gnu", "haswell", "+avx2"),
    "AVX2 on Windows": Target("x86_64-pc-windows-msvc", "haswell", "+avx2"),
    "NEON": Target("aarch64-unknown-linux-gnu", "cortex-a76", "+neon"),
    "NEON on macOS": Target("arm64-apple-macosx14", "apple-m1", "+neon"),
}
"""Processors that code is made for; it is called on this one only."""
