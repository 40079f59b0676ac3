"""The picture of README: `python docs/figures/demo.py` fits one gene of `jumpax demo`, and draws its counts under the fitted law and the exact one."""

from pathlib import Path

from jumpax.demo import run_demo
from jumpax.demo.figures import distribution_figure
from jumpax.plots import save_figure

if __name__ == "__main__":
    found = run_demo(["Bmal1"], tell=print)
    print(
        save_figure(
            distribution_figure(found.genes[0]), Path(__file__).parent / "demo.png", found.genes[0].fit.provenance
        )
    )
