"""BioNetGen's program `run_network` on a large `.net` file: the sparse direct method, one process for each path.

Its time for events is that of the process without that of a process to an early time, which is also its start.
"""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import large_harness
from large_harness import AbstractTool, cpu_seconds, peak_mb


class Tool(AbstractTool):
    """The package is not imported: of it only the program is used."""

    version = importlib.metadata.version("bionetgen")

    def __init__(self, file):
        super().__init__(file)
        package = Path(importlib.util.find_spec("bionetgen").origin).parent
        system = {"linux": "bng-linux", "darwin": "bng-mac"}.get(sys.platform, "bng-win")
        self.program = next((package / system / "bin").glob("run_network*"))
        self.file, self.spent, self.fixed = file, 0.0, 0.0

    def mark(self, name):
        super().mark(name)
        self.marks[name] -= self.marks.setdefault("own", self.marks[name])  # Python is no part of it

    def seconds(self):
        return self.spent

    def peak(self):
        return peak_mb()[1]

    def once(self, until, seed):
        """Events of one path."""
        with tempfile.TemporaryDirectory() as folder:
            words = [self.program, "-o", f"{folder}/out", "-p", "ssa", "-h", seed, "-g", self.file, self.file, until, 1]
            begin = cpu_seconds()
            said = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout
            self.spent += max(cpu_seconds() - begin - self.fixed, 1e-6)
        return int(re.search(r"TOTAL STEPS: (\d+)", said)[1])

    def first(self, until):
        self.once(until, 1)

    def prepare(self, until):
        spent = [self.spent]  # of the first, which is enough where it takes long
        while sum(spent) < 0.3:
            self.once(until, 1)
            spent.append(self.spent - sum(spent))
        self.fixed = min(spent)

    def run(self, until, paths, seed):
        return [self.once(until, seed + number) for number in range(paths)], None


if __name__ == "__main__":
    large_harness.main(Tool)
