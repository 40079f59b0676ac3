"""What was installed works: `python tests/smoke.py` away from the checkout, for a new Python, system or release.

Paths, a gradient, the master equation, a fit, a file of SBML, a report of the command line. Each number is judged by a closed form,
with less than one false alarm in 10,000 runs.
"""

import math
import platform
import sys
import tempfile
from pathlib import Path

import jax

import jumpax
from jumpax.cli import main
from jumpax.inference import Fixed, Free, MasterEquation, Problem, losses

THETA, TIMES = {"birth": 20.0, "death": 0.5}, [1.0, 3.0]


def mean(birth: float, death: float, time: float) -> float:
    """Of birth and death from nothing; the law is Poisson's."""
    return birth / death * (1 - math.exp(-death * time))


def check_paths() -> None:
    """Means of 20,000 paths, on each engine that runs here."""
    model = jumpax.zoo.birth_death()
    for engine in ("cpu", "xla"):
        paths = jumpax.simulate(model, THETA, times=TIMES, paths=20_000, key=0, engine=engine)
        for time, seen in zip(TIMES, paths.mean()[:, 0]):
            right = mean(**THETA, time=time)
            assert abs(seen - right) < 4.5 * math.sqrt(right / 20_000), (engine, time, seen, right)


def check_gradient() -> None:
    """By the score function, inside jit."""
    model = jumpax.zoo.birth_death()
    expected = jumpax.expectation(
        lambda counts: counts["X"], model.network, model.x0, TIMES, paths=20_000, gradient=jumpax.ScoreFunction()
    )
    slope = jax.jit(jax.grad(lambda birth: expected({**THETA, "birth": birth}, jax.random.key(1))[0]))(20.0)
    error = float(expected.estimate(THETA, 1).gradient_standard_error["birth"][0])
    assert abs(slope - mean(1.0, 0.5, TIMES[0])) < 4.5 * error, slope


def check_fit() -> None:
    """The maximum of a Poisson likelihood is the mean of the data."""
    model, counts = jumpax.zoo.birth_death(), [9, 12, 7, 10, 14, 8, 11]
    rates = {"birth": Free(5.0), "death": Fixed(1.0)}
    loss = losses.LogLikelihood("X", counts)
    problem = Problem(model.network, model.x0, loss, rates, settle=10.0, source=MasterEquation({"X": 60}))
    assert abs(jumpax.fit(problem).estimates["birth"] - sum(counts) / len(counts)) < 0.01


def check_files(folder: Path) -> None:
    """SBML, there and back; figure and result of a command."""
    jumpax.write(jumpax.zoo.telegraph(), folder / "gene.xml")
    assert jumpax.read(folder / "gene.xml").theta == jumpax.zoo.telegraph().theta
    out, figure = folder / "paths.nc", folder / "paths.png"
    words = ["simulate", str(folder / "gene.xml"), "--times", "0:5:1", "--paths", "50"]
    assert main([*words, "--out", str(out), "--figure", str(figure)]) == 0
    assert out.stat().st_size > 0
    assert figure.stat().st_size > 0


if __name__ == "__main__":
    check_paths()
    check_gradient()
    check_fit()
    with tempfile.TemporaryDirectory() as folder:
        check_files(Path(folder))
    print(f"jumpax {jumpax.__version__}, Python {sys.version.split()[0]}, jax {jax.__version__}, {platform.platform()}")
