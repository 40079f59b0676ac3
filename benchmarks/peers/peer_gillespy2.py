"""GillesPy2: SSACSolver, a C++ program built for each model (needs g++; about 2 CPU seconds). Variant: the name of another of its solvers."""

import os
import sysconfig

os.environ["PYTHONPATH"] = sysconfig.get_paths()[
    "purelib"
]  # it builds with the base interpreter, which must find the venv's SCons
import gillespy2
import harness


class Peer:
    def __init__(self, model, variant):
        made = self.made = gillespy2.Model(name="m")
        made.add_species([gillespy2.Species(name=s, initial_value=n, mode="discrete") for s, n in model.start.items()])
        if model.parameters:
            made.add_parameter([gillespy2.Parameter(name=p, expression=repr(v)) for p, v in model.parameters.items()])
        made.add_reaction(
            [
                gillespy2.Reaction(
                    name=f"r{i}", reactants=r.reactants, products=r.products, propensity_function=model.propensity(r)
                )
                for i, r in enumerate(model.reactions)
            ]
        )
        made.timespan(gillespy2.TimeSpan.linspace(t=model.until, num_points=2))
        self.solver, self.observed = getattr(gillespy2, variant or "SSACSolver")(model=made), model.observed

    def run(self, trajectories, seed):
        paths = self.made.run(solver=self.solver, number_of_trajectories=trajectories, seed=seed)
        return [[path[name][-1] for name in self.observed] for path in paths], None


if __name__ == "__main__":
    harness.main(Peer, "gillespy2", "gillespy2")
