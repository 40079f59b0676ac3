"""bngsim: exact simulation of BioNetGen networks in C++, all paths in one process. It reads a `.net` file, so one is written."""

import tempfile
from pathlib import Path

import bngsim
import harness
import models


class Peer:
    def __init__(self, model, variant):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.net")
            file.write_text(models.net(model))
            self.made = bngsim.Simulator(bngsim.Model.from_net(str(file)), method="ssa")
        self.until, self.columns = model.until, [model.species.index(name) for name in model.observed]

    def run(self, trajectories, seed):
        paths = self.made.run_replicates(trajectories, (0.0, self.until), 2, seed=seed, num_processors=1)
        return [[float(path.species[-1][column]) for column in self.columns] for path in paths], None


if __name__ == "__main__":
    harness.main(Peer, "bngsim", "bngsim")
