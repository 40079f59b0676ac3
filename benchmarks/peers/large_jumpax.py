"""jumpax on a large `.net` file: paths of one thread, plain or with the score of all rate constants."""

import importlib.metadata
import json
import statistics
import sys
import warnings

import large_harness
from large_harness import AbstractTool


class Tool(AbstractTool):
    """Counts at the end."""

    version = importlib.metadata.version("jumpax")

    def __init__(self, file):
        super().__init__(file)
        self.mark("python")
        import jax  # noqa: F401

        self.mark("jax")
        import jumpax

        self.jumpax = jumpax
        warnings.simplefilter("ignore")  # of what is left in a file
        self.model = jumpax.read(file)
        network = self.network = self.model.network
        self.given = network, {name: self.model.theta[name] for name in network.parameters}, self.model.x0
        self.score = json.loads(sys.argv[1]).get("score", False)

    def paths(self, paths, seed, score=False, **stops):
        """So many paths."""
        network = self.network
        record = {"record": self.jumpax.folds.Score(network, network.parameters)} if score else {}
        return self.jumpax.simulate(*self.given, paths=paths, key=seed, threads=1, throw=False, **stops, **record)

    def first(self, until):
        made = self.paths(1, 0, self.score, steps=[1])
        if made.provenance["engine"] != "tables":
            raise RuntimeError(f"it runs on {made.provenance['engine']}")

    def run(self, until, paths, seed):
        made = self.paths(paths, seed, times=[until])
        return made.events.tolist(), made.counts[:, -1]


def score(tool, asked):
    """Seconds of the same paths with the score and without, in turns; the median of their ratios."""
    plain = large_harness.rate(tool, {**asked, "seconds": asked["seconds"] / 3})
    tool.paths(1, 0, True, times=[asked["until"] * large_harness.EARLY])
    ratios = []
    for seed in range(asked.get("repeats", 3)):
        spent = []
        for with_score in (False, True):
            begin = tool.seconds()
            tool.paths(plain["paths"], seed, with_score, times=[asked["until"]])
            spent.append(tool.seconds() - begin)
        ratios.append(spent[1] / spent[0])
    return {"ratio": statistics.median(ratios), "ratios": ratios, "parameters": len(tool.network.parameters)}


def sizes(tool, asked):
    """How large the network is."""
    from jumpax.engines.tables.layout import layout_of

    network = tool.network
    return {
        "species": len(network.species),
        "reactions": network.reaction_count,
        "parameters": len(network.parameters),
        "terms": layout_of(network).terms,
    }


if __name__ == "__main__":
    large_harness.main(Tool, lambda tool, asked: {**sizes(tool, asked), **score(tool, asked)})
