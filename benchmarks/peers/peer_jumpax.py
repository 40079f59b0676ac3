"""jumpax itself, by the same rules as its peers. Variant: the engine."""

import math

import harness
import numpy as np

import jumpax


def network(model):
    """The same propensities as a jumpax network."""
    reactions = []
    for r in model.reactions:
        sides = [" + ".join(f"{n} {s}" for s, n in side.items()) or "0" for side in (r.reactants, r.products)]
        if r.law:  # the repressilator: the only law here that is not mass action
            (repressor,) = (s for s in model.species if f"pow({s}/" in r.rate)
            law = jumpax.Hill(repressor, maximum="bet", threshold="K", exponent=3, basal="a0", kind="repression")
        else:  # jumpax divides by the factorial of the order, these models do not
            factor = math.prod(math.factorial(n) for n in r.reactants.values())
            law = jumpax.MassAction(r.rate if factor == 1 else factor * model.constant(r))
        reactions.append(jumpax.Reaction(" -> ".join(sides), law))
    return jumpax.Network(reactions, species=list(model.start), name=model.name)


class Peer:
    """Paths of a model; counts its own events."""

    recompiles = True

    def __init__(self, model, variant):
        self.network, self.model, self.engine = network(model), model, variant or None
        self.theta = {name: model.parameters[name] for name in self.network.parameters}
        self.observed = [model.species.index(name) for name in model.observed]

    def run(self, trajectories, seed):
        made = jumpax.simulate(
            self.network, self.theta, self.model.start, times=[self.model.until], paths=trajectories, key=seed,
            engine=self.engine, precision="float32",
        )  # fmt: skip
        return made.counts[:, -1, self.observed], int(made.events.sum(dtype=np.int64))


if __name__ == "__main__":
    harness.main(Peer, "jumpax", "jumpax")
