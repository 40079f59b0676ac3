"""What the kernels of the gpu engine are made of: registers, spills, instructions of a turn, and the limit they set.

    python benchmarks/gpu_instructions.py [MODEL ..]

Needs ptxas and nvdisasm (pip install nvidia-cuda-nvcc nvidia-cuda-nvdisasm, or a CUDA toolkit), and no GPU.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from jumpax.engines.gpu import machine
from jumpax.engines.gpu.device import BLOCK, BLOCKS

ARCHITECTURE = "sm_90"
PROCESSORS, SCHEDULERS, CLOCK = 132, 4, 1.98e9
"""Of an H200: multiprocessors, schedulers of each, highest clock."""
PIPES: dict[str, tuple[int, tuple[str, ...]]] = {
    "fma": (1, ("FADD", "FMUL", "FFMA")),
    "fma_heavy": (2, ("IMAD",)),
    "alu": (2, ("LOP3", "SEL", "FSEL", "FSETP", "ISETP", "IADD3", "VIADD", "SHF", "LEA", "FMNMX", "PLOP3", "MOV", "I2FP", "P2R")),
    "double": (2, ("DADD", "DMUL", "DFMA", "DSETP")),
    "special": (8, ("MUFU", "POPC", "I2F", "F2I")),
}  # fmt: skip
"""Cycles of a scheduler for an instruction of a warp, from NVIDIA's table of throughputs for compute capability 9.0, with
the pipes as they are commonly described; additions and products in float32 have all of `fma`, those of integers a half."""


def tool(name: str) -> str | None:
    """Where a program of NVIDIA is."""
    bundled = sorted(Path(sysconfig.get_paths()["purelib"]).glob(f"nvidia/*/bin/{name}"))
    return os.environ.get(name.upper()) or shutil.which(name) or (str(bundled[-1]) if bundled else None)


def loop_of(listing: str) -> list[str]:
    """Instructions of the innermost loop with a vote: a turn."""
    lines: list[str] = []
    labels: dict[str, int] = {}
    loops = []
    for line in listing.splitlines():
        if label := re.match(r"^(\.L_x_\d+):", line):
            labels[label.group(1)] = len(lines)
        elif found := re.match(r"^\s+/\*[0-9a-f]+\*/\s+(.*?);", line):
            lines.append(found.group(1).strip())
            back = re.search(r"BRA.*`\((\.L_x_\d+)\)", lines[-1])
            if back and back.group(1) in labels:
                loops.append(lines[labels[back.group(1)] :])
    return min((loop for loop in loops if any("VOTE" in i for i in loop)), key=len)


def counted(loop: list[str]) -> dict[str, int]:
    """How often each instruction comes."""
    names = (re.sub(r"^@!?U?P\w+\s+", "", line).split()[0].split(".")[0] for line in loop)
    return dict(collections.Counter(names).most_common())


def limit(counts: dict[str, int]) -> dict[str, float]:
    """Cycles of a scheduler for a turn of a warp, by issue and by pipe, and the events per second of an H200 they allow."""
    cycles: dict[str, float] = {"issue": sum(counts.values())}
    for pipe, (cost, names) in PIPES.items():
        cycles[pipe] = cost * sum(counts.get(name, 0) for name in names)
    cycles["fma"] = (cycles["fma"] + cycles.pop("fma_heavy")) if cycles["fma_heavy"] else cycles["fma"]
    return cycles | {"events_per_second": PROCESSORS * SCHEDULERS * 32 * CLOCK / max(cycles.values())}


def kernel(program: Any, block: int = BLOCK, blocks: int = BLOCKS) -> dict | None:
    """Registers, spills and instructions of a program's kernel; None without the tools."""
    assembler, disassembler = tool("ptxas"), tool("nvdisasm")
    if assembler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        text, made = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        text.write_text(machine.ptx(program, False, block, blocks))
        command = [assembler, "-v", f"-arch={ARCHITECTURE}", str(text), "-o", str(made)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        numbers = {
            "registers": int(re.findall(r"Used (\d+) registers", said)[0]),
            "spilled_bytes": int(re.findall(r"(\d+) bytes spill stores", said)[0]),
        }
        if disassembler is None:
            return numbers
        listing = subprocess.run([disassembler, str(made)], capture_output=True, text=True, check=True).stdout
    counts = counted(loop_of(listing))
    numbers["warps"] = 65536 // (32 * -(-numbers["registers"] // 8) * 8) // (block // 32) * (block // 32)
    return numbers | {"instructions": sum(counts.values()), "by_name": counts, "limit": limit(counts)}


def table(cases: list[Any]) -> list[dict]:
    """A row for each case, where the tools are."""
    rows = []
    for case in cases:
        if (found := kernel(case.program())) is not None:
            rows.append({"model": case.model, "precision": case.precision, "fold": case.fold} | found)
    return rows


def main() -> None:
    """Print the table of docs/gpu.md."""
    from gpu import FOLDS, MODELS, Case

    wanted = sys.argv[1:] or MODELS
    cases = [Case(m, "float32", f) for m in wanted for f in FOLDS] + [Case(m, "float64") for m in wanted]
    print(
        "| model | precision | fold | registers | spilled bytes | warps of a multiprocessor | instructions of a turn |"
    )
    print("| issue | alu | fma | double | special | events/s at most |")
    for row in table(cases):
        parts = [f"{row['limit'][pipe]:.0f}" for pipe in ("issue", "alu", "fma", "double", "special")]
        cells = [row[k] for k in ("model", "precision", "fold", "registers", "spilled_bytes", "warps", "instructions")]
        print("|", " | ".join(map(str, [*cells, *parts, f"{row['limit']['events_per_second']:.2g}"])), "|")


if __name__ == "__main__":
    main()
