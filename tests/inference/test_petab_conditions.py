"""What conditions of PEtab set, in the units and the order of the standard; what of it is refused."""

import re

import numpy as np
import pytest

from jumpax import InputError, UnsupportedError
from jumpax.inference import Fixed, MasterEquation, fit, read_petab
from petab_files import OBSERVABLES, PARAMETERS, YAML, YAML_2, rows, write

TIMES = np.array([0.5, 1.0, 2.0])
FALL = np.exp(-TIMES)
NO_SCALES = OBSERVABLES.replace("observableTransformation\t", "").replace("lin\t", "")
LINES = rows([1.0], [3.0])
NEW = rows([1.0], [3.0], "e", name="experimentId")
LATE = PARAMETERS.replace("birth", "late")
CI = '<math xmlns="http://www.w3.org/1998/Math/MathML"><ci>{}</ci></math>'
STARTS = "<listOfInitialAssignments>{}</listOfInitialAssignments>"
START = '<initialAssignment symbol="{}">' + CI + "</initialAssignment>"


def _model(file, old, new):
    """The problem with something else in its model."""
    model = (file.parent / "model.xml").read_text()
    assert old in model
    (file.parent / "model.xml").write_text(model.replace(old, new))
    return file


def _assigned(problem):
    """Numbers that events of a problem assign."""
    return [{name: value.value for name, value in event.assignments} for event in problem.network.events]


def _events(folder, conditions, version):
    """What happens at time 0 of two conditions, the first of them a preequilibration."""
    if version == 1:
        lines = rows(TIMES, 5 + FALL, "b", more={"preequilibrationConditionId": ["a"] * 3})
        file = write(folder, lines, conditions=conditions, parameters=LATE)
    else:
        experiments = "experimentId\ttime\tconditionId\ne\t-inf\ta\ne\t0\tb\n"
        lines = rows(TIMES, 5 + FALL, "e", name="experimentId")
        file = write(
            folder, lines, yaml=YAML_2, conditions=conditions, parameters=LATE, observables=NO_SCALES, experiments=experiments
        )  # fmt: skip
    problem = read_petab(file, cells=10, settle=20.0).problem
    assert problem.parameters["birth"] == Fixed(12.0)
    return _assigned(problem)


def test_what_a_preequilibration_sets_does_not_last_in_version_1(tmp_path):
    """An empty cell of a parameter means the value of the model, which is 5; in version 2 changes stay."""
    assert _events(tmp_path, "conditionId\tbirth\na\t12\nb\t\n", 1) == [{"birth": 5.0}]
    new = "conditionId\ttargetId\ttargetValue\na\tbirth\t12\nb\tdeath\t2\n"
    (tmp_path / "new").mkdir()
    with pytest.raises(InputError, match="'death' is set by conditions, and stands in the parameter table"):
        _events(tmp_path / "new", new, 2)
    assert _events(tmp_path / "new", new.replace("death", "X"), 2) == [{"X": 2}]


@pytest.mark.parametrize(("only_amounts", "count", "shown"), [("true", 40, 40.0), ("false", 80, 40.0)])
def test_species_are_set_in_units_of_their_symbols(tmp_path, only_amounts, count, shown):
    """In a compartment of size 2: an amount, or a concentration. With no births the mean falls as e^-t."""
    table = PARAMETERS.replace("birth\tlog10\t0.1\t100\t5\t1", "k\tlin\t0\t10\t2\t1")
    decay = shown * np.exp(-TIMES * (1.0 if only_amounts == "false" else 2.0))  # death X c is a number a unit of time
    file = write(
        tmp_path, rows(TIMES, 3 * decay), size=2, conditions="conditionId\tbirth\tX\nc0\t0\t40\n", parameters=table,
        observables=OBSERVABLES.replace("\tX\t", "\tk * X\t"),
    )  # fmt: skip
    _model(file, 'hasOnlySubstanceUnits="false"', f'hasOnlySubstanceUnits="{only_amounts}"')
    problem = read_petab(file, cells=10, source=MasterEquation({"X": count})).problem
    assert problem.x0["X"] == count
    assert fit(problem).estimates["k"] == pytest.approx(3.0, rel=1e-4)


def test_conditions_set_parameters_to_those_of_the_model(tmp_path):
    """`init` is 30 in the model, and in no table; Na and none are names, for they are not written as missing values are."""
    file = write(tmp_path, LINES, conditions="conditionId\tbirth\nc0\tinit\n", parameters=LATE)
    assert read_petab(file, cells=10).problem.parameters["birth"] == Fixed(30.0)
    for name in ("Na", "none"):
        table = LATE + f"{name}\tlin\t\t\t7\t0\n"
        file = write(tmp_path, LINES, conditions=f"conditionId\tbirth\nc0\t{name}\n", parameters=table)
        assert read_petab(file, cells=10).problem.parameters["birth"] == Fixed(7.0)


def test_parameters_that_follow_from_estimated_ones(tmp_path):
    """death begins as birth: the mean is 1 - e^(-birth t), however birth is found."""
    table = PARAMETERS.split("death")[0]
    file = write(tmp_path, rows(TIMES, 1 - np.exp(-2.5 * TIMES)), parameters=table, assigned=STARTS.format(START.format("death", "birth")))  # fmt: skip
    problem = read_petab(file, cells=10, source=MasterEquation({"X": 20})).problem
    assert fit(problem).estimates["birth"] == pytest.approx(2.5, rel=1e-3)


FADING = """<rateRule variable="death"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><minus/><ci>death</ci></apply></math></rateRule>"""
BOUNDARY = '<species id="F" compartment="c" initialAmount="1" hasOnlySubstanceUnits="false" boundaryCondition="true" constant="true"/></listOfSpecies>'
STIFF = {
    "a size": (STARTS.format(START.format("c", "birth")), {}, "'c' has at the start what follows from 'birth'"),
    "a species that nothing changes": (STARTS.format(START.format("F", "birth")), {}, "'F' has at the start what follows from 'birth'"),
    "of a species that is set": (
        STARTS.format(START.format("death", "X")), {"conditions": "conditionId\tX\nc0\t40\n", "parameters": PARAMETERS.split("death")[0]},
        "'death' has at the start what follows from 'X'",
    ),
    "of one that begins with what is estimated": (
        STARTS.format(START.format("X", "birth") + START.format("death", "X")), {"parameters": PARAMETERS.split("death")[0]},
        "'death' has at the start what follows from 'birth'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STIFF)
def test_numbers_of_the_model_that_would_have_to_follow_are_refused(tmp_path, name):
    assigned, tables, message = STIFF[name]
    file = _model(write(tmp_path, LINES, assigned=assigned, **tables), "</listOfSpecies>", BOUNDARY)
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        read_petab(file, cells=10)


def test_starts_of_rate_rules_that_would_have_to_follow_are_refused(tmp_path):
    file = write(
        tmp_path, LINES, assigned=STARTS.format(START.format("death", "birth")), parameters=PARAMETERS.split("death")[0]
    )
    _model(file, '"death" value="1" constant="true"', '"death" value="1" constant="false"')
    _model(file, "</listOfRules>", FADING + "</listOfRules>")
    with pytest.raises(UnsupportedError, match="'death' has at the start what follows from 'birth'"):
        read_petab(file, cells=10)


CHANGES, EXPERIMENTS = "conditionId\ttargetId\ttargetValue\n", "experimentId\ttime\tconditionId\n"
SET, RUN = "a\tbirth\t2\n", "e\t0\ta\n"
WRONG = {
    "set twice": (SET + "a\tbirth\t3\n", RUN, NEW, "line 3: condition 'a' sets 'birth' twice at once"),
    "two at once": (SET + "b\tbirth\t3\n", RUN + "e\t0\tb\n", NEW, "line 3: experiment 'e' sets 'birth' twice at once"),
    "no condition": ("\tbirth\t2\n", RUN, NEW, "conditions.tsv, line 2: conditionId is missing"),
    "no target": ("a\t\t2\n", RUN, NEW, "conditions.tsv, line 2: targetId is missing"),
    "no value": ("a\tbirth\tNaN\n", RUN, NEW, "conditions.tsv, line 2: targetValue is missing"),
    "no time": (SET, "e\t\ta\n", NEW, "experiments.tsv, line 2: time is missing"),
    "a late word": (SET, "e\tlate\ta\n", NEW, "column 'time': 'late' is not a number"),
    "no experiment": (SET, "\t0\ta\n", NEW, "experiments.tsv, line 2: experimentId is missing"),
    "unknown condition": (SET, "e\t0\tb\n", NEW, "unknown condition 'b'; known: a"),
    "unknown experiment": (SET, RUN, NEW.replace("\te\t", "\tf\t"), "unknown experiment 'f'; known: e"),
    "columns of version 1": (SET, RUN, LINES, "unknown column 'experimentId'"),
    "both": (
        SET, RUN, rows([1.0], [3.0], "e", name="experimentId", more={"simulationConditionId": ["a"]}),
        "the column 'simulationConditionId' is not one of version 2; that has experimentId",
    ),
    "another model": (SET, RUN, rows([1.0], [3.0], "e", name="experimentId", more={"modelId": ["other"]}), "unknown model 'other'; known: model"),
    "a word": (SET.replace("2", "Inf"), RUN, NEW, "'Inf', to which it is set, is not in the parameter table"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_experiments_that_are_wrong(tmp_path, name):
    changes, runs, lines, message = WRONG[name]
    tables = {"conditions": CHANGES + changes, "experiments": EXPERIMENTS + runs, "parameters": LATE}
    with pytest.raises(InputError, match=re.escape(message)):
        read_petab(write(tmp_path, lines, yaml=YAML_2, observables=NO_SCALES, **tables), cells=10)


def test_two_conditions_at_once_are_one(tmp_path):
    tables = {"conditions": CHANGES + SET + "b\tX\t7\n", "experiments": EXPERIMENTS + RUN + "e\t0\tb\ne\t-inf\t\n"}
    file = write(tmp_path, NEW, yaml=YAML_2, observables=NO_SCALES, parameters=LATE, **tables)
    problem = read_petab(file, cells=10, settle=5.0).problem
    assert _assigned(problem) == [{"birth": 2.0, "X": 7}]


VERSIONS = {
    "scale": ({"yaml": YAML_2, "observables": OBSERVABLES}, NEW, "column 'observableTransformation' is not known"),
    "old places": ({"observables": OBSERVABLES.replace("noiseDistribution", "noisePlaceholders")}, LINES, "column 'noisePlaceholders' is not known"),
    "new prior": ({"parameters": PARAMETERS.replace("estimate\n", "estimate\tpriorDistribution\n").replace("1\t0", "1\t0\tnormal").replace("5\t1", "5\t1\t")}, LINES, "the column 'priorDistribution' is not one of version 1"),
    "new entry": ({"yaml": YAML + "experiment_files: [e.tsv]\n"}, LINES, "unknown entry 'experiment_files'"),
    "files": ({"yaml": YAML.replace("[observables.tsv]", "{a: observables.tsv}")}, LINES, "observable_files: {'a': 'observables.tsv'}, where names of files"),
    "models": ({"yaml": YAML_2.replace("model: {location: model.xml, language: sbml}", "- model.xml")}, NEW, "model_files: ['model.xml'], where models by name"),
    "a word": ({"parameters": PARAMETERS + "time\tlin\t\t\t1\t0\n"}, LINES, "'time' is a word of PEtab"),
    "new words": ({"yaml": YAML_2, "parameters": PARAMETERS + "Inf\tlin\t\t\t1\t0\n", "observables": NO_SCALES}, NEW, "'Inf' is a word of PEtab"),
    "no name": ({"parameters": PARAMETERS + "k 1\tlin\t\t\t1\t0\n"}, LINES, "parameterId 'k 1' must be made of letters"),
    "nobody's": ({"parameters": PARAMETERS + "deaht\tlin\t\t\t1\t0\n"}, LINES, "parameter 'deaht' is none of the model, and no table reads it"),
    "twice observed": ({"observables": OBSERVABLES + OBSERVABLES.split("\n")[1] + "\n"}, LINES, "observableId 'seen' stands in line 2"),
    "condition twice": ({"conditions": "conditionId\tbirth\nc0\t1\nc0\t2\n", "parameters": LATE}, LINES, "conditionId 'c0' stands in line 2"),
    "set and estimated": ({"conditions": "conditionId\tbirth\nc0\t1\n"}, LINES, "'birth' is set by conditions, and stands in the parameter table"),
    "underscore": ({}, rows([1.0], ["1_0"]), "'1_0' is not a number"),
}  # fmt: skip


@pytest.mark.parametrize("name", VERSIONS)
def test_what_a_version_does_not_have(tmp_path, name):
    tables, lines, message = VERSIONS[name]
    if "experiment_files" in tables.get("yaml", "") and "2.0.0" in tables["yaml"]:
        tables = {"conditions": CHANGES + SET, "experiments": EXPERIMENTS + RUN, **tables}
    with pytest.raises((InputError, UnsupportedError), match=re.escape(message)):
        read_petab(write(tmp_path, lines, **tables), cells=10)
