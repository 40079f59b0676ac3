"""bngsim on a large `.net` file. A second run of one simulator goes on where the first ended, so each path has its own."""

import importlib.metadata

import bngsim
import large_harness
from large_harness import AbstractTool, cpu_seconds


class Tool(AbstractTool):
    """What a simulator sets up before its first event is measured, and taken off each path."""

    version = importlib.metadata.version("bngsim")

    def __init__(self, file):
        super().__init__(file)
        self.file, self.spent, self.ready = file, 0.0, self.simulator(file)

    @staticmethod
    def simulator(file):
        return bngsim.Simulator(bngsim.Model.from_net(file), method="ssa")

    def first(self, until):
        self.ready.run((0.0, until), n_points=2, seed=1)

    def prepare(self, until):
        spent = []
        while sum(spent) < 0.3:
            one = self.simulator(self.file)
            begin = cpu_seconds()
            one.run((0.0, until), n_points=2, seed=1)
            spent.append(max(cpu_seconds() - begin, 1e-3))
        self.fixed = min(spent)

    def seconds(self):
        return self.spent

    def run(self, until, paths, seed):
        events, ends = [], []
        for number in range(paths):
            one = self.simulator(self.file)
            begin = cpu_seconds()
            made = one.run((0.0, until), n_points=2, seed=seed + number)
            self.spent += max(cpu_seconds() - begin - self.fixed, 1e-6)
            events.append(int(made.solver_stats["n_steps"]))
            ends.append([float(count) for count in made.species[-1]])
        return events, ends


if __name__ == "__main__":
    large_harness.main(Tool)
