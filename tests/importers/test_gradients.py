"""Gradients go through what files may say: rules, pieces, volumes, functions."""

from pathlib import Path

import jax
import numpy as np
import pytest
from model_files import written

import jumpax
from jumpax.importers.antimony import _converted

NET = """begin parameters
  1 bind 0.05
  2 part 0.8
  3 kV 2*bind
  4 top 6
end parameters
begin functions
  1 make() top*part/(1+Dimers)
end functions
begin species
  1 A() 6
  2 A2() 0
end species
begin reactions
  1 1,1 2 0.5*kV
  2 2 1,1 part
  3 0 1 make
  4 1 0 part
end reactions
begin groups
  1 Dimers 2
end groups
"""
MODELS = {
    "a rule in a rate": (
        ".xml", "species A, B; A = 8; B = 2; k = 0.4; g = 0.6; load := g * A / (2 + total); total := A + 2 * B;"
        "up: B => A; k * B; down: A => B; load; new: => B; g"
    ),
    "pieces": (
        ".xml", "species A; A = 4; k = 3; d = 0.7; up: => A; k * piecewise(1, A < 5, 0.3); down: A => ; "
        "piecewise(d * A, A <= 6, 2 * d * A)"
    ),
    "concentrations": (
        ".xml", "compartment V = 2.5; species A in V, B in V; A = 2.4; B = 0.8; k = 0.9; g = 0.5;"
        "A => B; k * V * A^2 / (1 + B); B => A; g * V * B; A => ; g * A"
    ),
    "Antimony": (
        ".ant", "function rise(x, K, n) x^n / (K^n + x^n) end; species M, P; M = 3; P = 2; v = 4; K = 3; n = 2;"
        "=> M; v * (1 - rise(P, K, n)); M => ; M; M => M + P; M; P => ; 2 * P"
    ),
    "BioNetGen": (".net", NET),
}  # fmt: skip
TIMES, PATHS = [0.4, 1.5], 12_000


def read(folder: Path, name: str) -> jumpax.FileModel:
    suffix, text = MODELS[name]
    return jumpax.read(written(folder, f"m{suffix}", _converted(text, name) if suffix == ".xml" else text))


def last(counts):
    return counts[list(counts)[-1]] ** 2


def estimate(model, gradient, key=20, **how):
    return jumpax.expectation(last, model.network, model.x0, TIMES, paths=PATHS, gradient=gradient, **how).estimate(
        model.theta, jax.random.key(key)
    )


def distances(found, exact, names):
    """z-scores of the value and of all derivatives, at all times."""
    pairs = [(found.value, exact.value, found.standard_error)]
    pairs += [(found.gradient[n], exact.gradient[n], found.gradient_standard_error[n]) for n in names]
    z = [(np.asarray(g) - np.asarray(e)) / np.maximum(np.asarray(s), 1e-5 * np.abs(e) + 1e-6) for g, e, s in pairs]
    return np.abs(np.stack(z))


BRIEF = ("pieces", "BioNetGen")


@pytest.mark.parametrize("name", [n if n in BRIEF else pytest.param(n, marks=pytest.mark.long) for n in MODELS])
def test_gradients_agree_with_the_master_equation(tmp_path, name):
    """Some 40 comparisons at |z| < 4 in all: a false alarm in 0.3 % of fresh attempts."""
    model = read(tmp_path, name)
    names = list(model.network.parameters)
    exact = estimate(model, jumpax.ExactGradient(limits=dict.fromkeys(model.network.species, 40)))
    assert all(np.abs(exact.gradient[n]).max() > 0.01 for n in names)
    assert distances(estimate(model, jumpax.ScoreFunction(), engine="xla"), exact, names).max() < 4


@pytest.mark.long
@pytest.mark.parametrize("gradient", [jumpax.LatticeTangent(), "auto"], ids=["LatticeTangent", "auto"])
@pytest.mark.parametrize("name", MODELS)
def test_the_lattice_tangent_and_the_automatic_choice_agree_too(tmp_path, name, gradient):
    """Some 80 comparisons at |z| < 4 in all: a false alarm in 0.5 % of fresh attempts."""
    model = read(tmp_path, name)
    names = list(model.network.parameters)
    exact = estimate(model, jumpax.ExactGradient(limits=dict.fromkeys(model.network.species, 40)))
    found = estimate(model, gradient, engine="xla")
    assert distances(found, exact, names).max() < 4


def test_estimators_refuse_rates_that_read_the_time_by_name(tmp_path):
    model = jumpax.read(written(tmp_path, "m.ant", "species A; A = 4; k = 1; A => ; k * A * (1 + time)"))
    for gradient in (jumpax.LatticeTangent(), jumpax.ExactGradient()):
        with pytest.raises(jumpax.UnsupportedError, match="time"):
            estimate(model, gradient, bound=20.0)
