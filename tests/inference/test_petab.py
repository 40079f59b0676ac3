"""PEtab problems against closed forms: of birth and death the mean is birth (1 - e^-t) in a volume of 1, of decay X(0) e^-t."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jumpax
from jumpax.inference import Fixed, Free, MasterEquation, Simulation, fit, priors, profile, read_petab
from petab_files import ASSIGNED, OBSERVABLES, PARAMETERS, YAML_2, rows, write

EXACT = MasterEquation({"X": 60})
TIMES = np.array([0.5, 1.0, 2.0, 3.0, 3.0, 5.0])
GROWN = 1 - np.exp(-TIMES)
NOISE = np.random.default_rng(12).normal(size=6)


def _fit(file, **options):
    return fit(read_petab(file, cells=100, source=EXACT, **options).problem)


def test_known_noise_is_weighted_least_squares(tmp_path):
    errors = np.array([0.2, 0.4, 0.3, 0.5, 0.2, 0.6])
    measured = 8 * GROWN + errors * NOISE
    formula = OBSERVABLES.replace("0.5", "noiseParameter1_seen")
    found = _fit(write(tmp_path, rows(TIMES, measured, more={"noiseParameters": errors}), observables=formula))
    weights = GROWN / errors**2
    assert found.estimates["birth"] == pytest.approx((weights @ measured) / (weights @ GROWN), rel=1e-4)
    assert found.standard_errors["birth"] == pytest.approx((weights @ GROWN) ** -0.5, rel=1e-3)
    chi_square = np.sum(((measured - found.estimates["birth"] * GROWN) / errors) ** 2)
    (goodness,) = found.goodness
    assert (goodness.degrees, goodness.value) == (5, pytest.approx(chi_square, rel=1e-3))


def test_estimated_noise_is_the_root_of_the_mean_square(tmp_path):
    measured = 8 * GROWN + 0.4 * NOISE
    table = PARAMETERS + "sigma\tlog10\t0.001\t10\t1\t1\n"
    formula = OBSERVABLES.replace("0.5", "noiseParameter1_seen")
    more = {"noiseParameters": ["sigma"] * 6}
    found = _fit(write(tmp_path, rows(TIMES, measured, more=more), observables=formula, parameters=table))
    birth = (GROWN @ measured) / (GROWN @ GROWN)
    sigma = np.sqrt(np.mean((measured - birth * GROWN) ** 2))
    assert [found.estimates[n] for n in ("birth", "sigma")] == pytest.approx([birth, sigma], rel=1e-3)
    errors = [sigma / np.sqrt(GROWN @ GROWN), sigma / np.sqrt(12)]
    assert [found.standard_errors[n] for n in ("birth", "sigma")] == pytest.approx(errors, rel=5e-3)
    assert found.loss == pytest.approx(-scipy.stats.norm(birth * GROWN, sigma).logpdf(measured).sum(), abs=1e-3)
    assert not found.goodness  # an estimated error cannot judge the fit


@pytest.mark.parametrize("scale", ["log", "log10"])
def test_noise_on_a_logarithmic_scale_averages_logarithms(tmp_path, scale):
    measured = 8 * GROWN * np.exp(0.1 * NOISE)
    found = _fit(write(tmp_path, rows(TIMES, measured), observables=OBSERVABLES.replace("lin", scale)))
    assert found.estimates["birth"] == pytest.approx(np.exp(np.mean(np.log(measured / GROWN))), rel=1e-4)
    factor = 1.0 if scale == "log" else np.log(10)
    law = scipy.stats.lognorm(0.5 * factor, scale=found.estimates["birth"] * GROWN)
    assert found.loss == pytest.approx(-law.logpdf(measured).sum(), abs=1e-3)


def test_scale_and_offset_are_found_as_a_line_is(tmp_path):
    """With birth fixed, measured = offset + scale x mean is a line."""
    means = 20 * GROWN
    measured = 3 + 0.25 * means + 0.1 * NOISE
    table = """parameterId	parameterScale	lowerBound	upperBound	nominalValue	estimate
birth	lin			20	0
scale	log	0.01	10	1	1
offset	lin	-20	20	0	1
"""
    formula = OBSERVABLES.replace("\tX\t", "\tobservableParameter1_seen + observableParameter2_seen * X\t")
    more = {"observableParameters": ["offset;scale"] * 6}
    found = _fit(write(tmp_path, rows(TIMES, measured, more=more), observables=formula, parameters=table))
    slope, start = np.polyfit(means, measured, 1)
    assert [found.estimates[n] for n in ("scale", "offset")] == pytest.approx([slope, start], rel=1e-3)


def test_conditions_set_parameters_and_starts(tmp_path):
    """Two conditions with a birth rate each, and one that only decays from a number of molecules."""
    table = """parameterId	parameterScale	lowerBound	upperBound	nominalValue	estimate
low	log10	0.1	100	5	1
high	log10	0.1	100	5	1
scale	lin	0	10	1	1
"""
    conditions = "conditionId\tbirth\tX\na\tlow\t0\nb\thigh\t0\nc\t0\t40\n"
    formula = OBSERVABLES + "scaled\tscale * half\t0.5\tlin\tnormal\n"
    means = {"a": 4 * GROWN, "b": 16 * GROWN, "c": 40 * np.exp(-TIMES) / 2 * 1.5}
    measured = {c: mean + 0.3 * NOISE for c, mean in means.items()}
    lines = rows(TIMES, measured["a"], "a") + "".join(
        rows(TIMES, measured[c], c, name).split("\n", 1)[1] for c, name in (("b", "seen"), ("c", "scaled"))
    )
    found = _fit(write(tmp_path, lines, conditions=conditions, parameters=table, observables=formula))
    half = 20 * np.exp(-TIMES)
    expected = [*((GROWN @ measured[c]) / (GROWN @ GROWN) for c in "ab"), (half @ measured["c"]) / (half @ half)]
    assert [found.estimates[n] for n in ("low", "high", "scale")] == pytest.approx(expected, rel=1e-3)


def test_an_estimated_start_is_found_by_paths(tmp_path):
    """Of pure decay; the simulation error is 0.15 standard errors by what fits promise: 5 of them, false alarm below 1e-6."""
    table = """parameterId	parameterScale	lowerBound	upperBound	nominalValue	estimate
birth	lin			0	0
init	log10	1	1000	30	1
"""
    measured = 40.3 * np.exp(-TIMES) + 0.5 * NOISE
    file = write(tmp_path, rows(TIMES, measured), parameters=table, assigned=ASSIGNED)
    read = read_petab(file, cells=100, source=Simulation(paths=4000, batches=8))
    assert any("StochasticRounding" in note for note in read.notes)
    found = fit(read.problem, key=3)
    fall = np.exp(-TIMES)
    error = 0.5 / np.sqrt(fall @ fall)
    assert found.estimates["init"] == pytest.approx((fall @ measured) / (fall @ fall), abs=5 * 0.15 * error)
    assert found.standard_errors["init"] == pytest.approx(error, rel=0.1)


def test_concentrations_and_units_of_the_file(tmp_path):
    """X in a volume of 2, ten molecules a unit: dX/dt = birth / 2 - X as a concentration."""
    measured = 6 * GROWN / 2
    file = write(tmp_path, rows(TIMES, measured), size=2)
    problem = read_petab(file, cells=100, molecules_per_unit=10, source=MasterEquation({"X": 160})).problem
    assert fit(problem).estimates["birth"] == pytest.approx(6.0, rel=1e-3)


@pytest.mark.parametrize("given", ["3", "feed"])
def test_a_condition_sets_a_species_that_nothing_changes(tmp_path, given):
    """F is a concentration in a volume of 2, and X is made at the rate birth F: as counts 3 birth (1 - e^-t)."""
    measured = 2.5 * 3 * GROWN / 2
    table = PARAMETERS + ("feed\tlin\t0\t10\t3\t0\n" if given == "feed" else "")
    file = write(tmp_path, rows(TIMES, measured), size=2, conditions=f"conditionId\tF\nc0\t{given}\n", parameters=table)
    feed = 'id="F" compartment="c" initialConcentration="1" hasOnlySubstanceUnits="false" boundaryCondition="true" constant="true"'
    model = (tmp_path / "model.xml").read_text().replace("</listOfSpecies>", f"<species {feed}/></listOfSpecies>")
    rate = "<apply><times/><ci>birth</ci><ci>F</ci></apply></math>"
    (tmp_path / "model.xml").write_text(model.replace("<ci>birth</ci></math>", rate))
    assert _fit(file).estimates["birth"] == pytest.approx(2.5, rel=1e-3)


def test_steady_state_after_settling(tmp_path):
    measured = [7.1, 7.9, 8.3]
    file = write(tmp_path, rows(["inf"] * 3, measured))
    assert _fit(file, settle=20.0).estimates["birth"] == pytest.approx(np.mean(measured), rel=1e-4)


def _means_of(theta):
    """Mean counts at the five different times, and what the formula makes of them."""
    means = theta * np.linspace(1.0, 6.0, 5)
    return means, (means + 1) ** 2 / (means + 3)


@pytest.mark.parametrize(("law", "peer"), [("laplace", scipy.stats.laplace), ("normal", scipy.stats.norm)])
def test_noise_that_reads_the_observable(tmp_path, law, peer):
    """Loss and information, the latter against the integral of p (d log p / d theta)^2 with the density of SciPy."""
    line = f"seen\t(X + 1)^2 / (X + 3)\t0.1 + 0.2 * seen\tlin\t{law}\n"
    file = write(tmp_path, rows(TIMES, 3 + NOISE), observables=OBSERVABLES.split("\n")[0] + "\n" + line)
    loss = read_petab(file, cells=100, source=EXACT).problem.loss
    means, signal = _means_of(1.0)
    each = [0, 1, 2, 3, 3, 4]  # one of the six times stands twice
    assert float(loss.value(jnp.asarray(means[:, None]), {}, 1.0)) == pytest.approx(
        -peer(signal[each], 0.1 + 0.2 * signal[each]).logpdf(3 + NOISE).sum(), rel=1e-5
    )

    def log_density(y, theta, i):
        _, signal = _means_of(theta)
        return peer(signal[i], 0.1 + 0.2 * signal[i]).logpdf(y)

    def information(i):
        y = np.linspace(-40.0, 50.0, 400_001)
        slope = (log_density(y, 1 + 1e-5, i) - log_density(y, 1 - 1e-5, i)) / 2e-5
        return np.trapezoid(np.exp(log_density(y, 1.0, i)) * slope**2, y)

    roots = np.asarray(loss.whitened(jnp.asarray(means[:, None]), jnp.asarray(means[None, :, None, None]), 1.0))
    assert (roots**2).sum() == pytest.approx(sum(information(i) for i in each), rel=1e-3)


def test_version_2_says_the_same(tmp_path):
    measured = 8 * GROWN * np.exp(0.1 * NOISE)
    (tmp_path / "one").mkdir(), (tmp_path / "two").mkdir()
    conditions = "conditionId\tbirth\na\tlow\nb\thigh\n"
    table = PARAMETERS.replace("birth", "low") + "high\tlog10\t0.1\t100\t5\t1\n"
    lines = rows(TIMES, measured, "a") + rows(TIMES, 2 * measured, "b").split("\n", 1)[1]
    one = write(
        tmp_path / "one", lines, conditions=conditions, parameters=table, observables=OBSERVABLES.replace("lin", "log")
    )
    two = write(
        tmp_path / "two", lines.replace("simulationConditionId", "experimentId"), yaml=YAML_2,
        conditions="conditionId\ttargetId\ttargetValue\na\tbirth\tlow\nb\tbirth\thigh\n",
        experiments="experimentId\ttime\tconditionId\na\t0\ta\nb\t0\tb\n",
        parameters="parameterId\tlowerBound\tupperBound\tnominalValue\testimate\nlow\t0.1\t100\t5\ttrue\nhigh\t0.1\t100\t5\ttrue\ndeath\t\t\t1\tfalse\n",
        observables="observableId\tobservableFormula\tnoiseFormula\tnoiseDistribution\nseen\tX\t0.5\tlog-normal\n",
    )  # fmt: skip
    found = [_fit(file) for file in (one, two)]
    expected = np.exp(np.mean(np.log(measured / GROWN)))
    for each in found:
        assert [each.estimates[n] for n in ("low", "high")] == pytest.approx([expected, 2 * expected], rel=1e-3)
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-5)


def test_parameters_as_the_table_says(tmp_path):
    head = "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\tobjectivePriorType\tobjectivePriorParameters\n"
    table = (
        head + "birth\tlog10\t0.1\t100\t5\t1\tparameterScaleNormal\t0.5;0.25\ndeath\tlin\t0\t4\t1\t1\tuniform\t0.5;2\n"
    )
    found = read_petab(write(tmp_path, rows(TIMES, GROWN), parameters=table), cells=10).problem.parameters
    assert (found["birth"].value, found["birth"].lower, found["birth"].upper, found["birth"].logarithmic) == (
        pytest.approx(5.0), 0.1, 100.0, True,
    )  # fmt: skip
    assert (found["death"].lower, found["death"].upper, found["death"].scale) == (0.0, 4.0, "logit")
    assert found["death"].prior == priors.Uniform(0.5, 2.0)
    law = scipy.stats.norm(0.5, 0.25)  # of log10(birth): density of birth by the change of variables
    for value in (1.0, 3.0, 20.0):
        density = law.logpdf(np.log10(value)) - np.log(value * np.log(10))
        assert float(found["birth"].prior.log_density(value)) == pytest.approx(density, rel=1e-5)


def test_what_is_fixed_has_the_value_of_the_table_and_what_nothing_reads_is_left_out(tmp_path):
    table = PARAMETERS.replace("death\tlin\t0\t10\t1\t0", "death\tlin\t0\t10\t2\t0") + "other\tlin\t0\t1\t0.5\t1\n"
    read = read_petab(write(tmp_path, rows(TIMES, GROWN), parameters=table), cells=10)
    assert read.problem.parameters["death"] == Fixed(2.0)
    assert isinstance(read.problem.parameters["birth"], Free)
    assert read.problem.free == ("birth",)
    assert any("other" in note for note in read.notes)


def test_a_linear_problem_is_searched_with_a_budget(tmp_path):
    """The box of birth, with no start that is known; 5 of the simulation errors that come out, false alarm below 1e-6."""
    measured = 8 * GROWN + 0.5 * NOISE
    read = jumpax.read_petab(write(tmp_path, rows(TIMES, measured)), cells=100)
    found = fit(read.problem, budget=40_000, key=1)
    assert found.simulation_errors["birth"] < 0.15
    expected = (GROWN @ measured) / (GROWN @ GROWN)
    assert found.estimates["birth"] == pytest.approx(expected, abs=5 * found.simulation_errors["birth"])


@pytest.mark.parametrize("version", [1, 2])
def test_preequilibration(tmp_path, version):
    """X rests at 12 before; then its mean is birth + (12 - birth) e^-t. 5 simulation errors, false alarm below 1e-6."""
    fall = np.exp(-TIMES)
    measured = 5 * GROWN + 12 * fall + 0.3 * NOISE
    if version == 1:
        more = {"preequilibrationConditionId": ["rest"] * 6}
        tables = {"conditions": "conditionId\tbirth\nrest\t12\nstep\tafter\n"}
        lines = rows(TIMES, measured, "step", more=more)
    else:
        tables = {
            "conditions": "conditionId\ttargetId\ttargetValue\nrest\tbirth\t12\nrest\tX\t3\nstep\tbirth\tafter\n",
            "experiments": "experimentId\ttime\tconditionId\ne\t-inf\trest\ne\t0\tstep\n",
            "yaml": YAML_2,
        }
        lines = rows(TIMES, measured, "e", name="experimentId")
    columns = OBSERVABLES.replace("observableTransformation\t", "").replace("lin\t", "")
    file = write(tmp_path, lines, parameters=PARAMETERS.replace("birth", "after"), observables=columns, **tables)
    found = fit(read_petab(file, cells=100, settle=12.0, source=Simulation(paths=4000, batches=8)).problem, key=2)
    assert found.simulation_errors["after"] < 0.05
    expected = (GROWN @ (measured - 12 * fall)) / (GROWN @ GROWN)
    assert found.estimates["after"] == pytest.approx(expected, abs=5 * found.simulation_errors["after"])


def test_the_profile_of_the_only_free_parameter_is_a_parabola(tmp_path):
    """The loss is half a sum of squares in birth."""
    measured = 8 * GROWN + 0.5 * NOISE
    problem = read_petab(write(tmp_path, rows(TIMES, measured)), cells=100, source=EXACT).problem
    best = (GROWN @ measured) / (GROWN @ GROWN)
    found = profile(problem, "birth", [best - 1.0, best, best + 1.0], refine=0)
    np.testing.assert_allclose(
        found.log_likelihood, -(GROWN @ GROWN) / (2 * 0.25) * np.array([1.0, 0.0, 1.0]), rtol=1e-3
    )
