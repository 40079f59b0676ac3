"""Small PEtab problems, written as files: birth and death of X in a compartment."""

SBML = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">
<model id="birth_death" substanceUnits="item" extentUnits="item">
<listOfCompartments><compartment id="c" size="{size}" spatialDimensions="3" constant="true"/></listOfCompartments>
<listOfSpecies>
<species id="X" compartment="c" {start} hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>
</listOfSpecies>
<listOfParameters>
<parameter id="birth" value="5" constant="true"/><parameter id="death" value="1" constant="true"/>
<parameter id="init" value="30" constant="true"/><parameter id="half" constant="false"/>
</listOfParameters>
{assigned}
<listOfRules><assignmentRule variable="half"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><divide/><ci>X</ci><cn>2</cn></apply></math></assignmentRule></listOfRules>
<listOfReactions>
<reaction id="make" reversible="false" fast="false"><listOfProducts>
<speciesReference species="X" stoichiometry="1" constant="true"/></listOfProducts>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>birth</ci></math></kineticLaw></reaction>
<reaction id="lose" reversible="false" fast="false"><listOfReactants>
<speciesReference species="X" stoichiometry="1" constant="true"/></listOfReactants>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><times/><ci>death</ci><ci>X</ci><ci>c</ci></apply></math></kineticLaw></reaction>
</listOfReactions></model></sbml>
"""
ASSIGNED = """<listOfInitialAssignments><initialAssignment symbol="X"><math xmlns="http://www.w3.org/1998/Math/MathML">
<ci>init</ci></math></initialAssignment></listOfInitialAssignments>"""
YAML = """format_version: 1
parameter_file: parameters.tsv
problems:
- condition_files: [conditions.tsv]
  measurement_files: [measurements.tsv]
  observable_files: [observables.tsv]
  sbml_files: [model.xml]
"""
YAML_2 = """format_version: 2.0.0
parameter_files: [parameters.tsv]
model_files:
  model: {location: model.xml, language: sbml}
condition_files: [conditions.tsv]
experiment_files: [experiments.tsv]
measurement_files: [measurements.tsv]
observable_files: [observables.tsv]
"""
PARAMETERS = """parameterId	parameterScale	lowerBound	upperBound	nominalValue	estimate
birth	log10	0.1	100	5	1
death	lin	0	10	1	0
"""
OBSERVABLES = """observableId	observableFormula	noiseFormula	observableTransformation	noiseDistribution
seen	X	0.5	lin	normal
"""


def rows(times, values, condition="c0", observable="seen", more=None, name="simulationConditionId"):
    """A table of measurements; `more` are other columns."""
    more = more or {}
    head = ["observableId", name, "time", "measurement", *more]
    lines = [[observable, condition, t, v, *(column[i] for column in more.values())]
             for i, (t, v) in enumerate(zip(times, values, strict=True))]  # fmt: skip
    return "".join("\t".join(map(str, line)) + "\n" for line in [head, *lines])


def texts(measurements, *, size=1, start='initialAmount="0"', assigned="", **tables):
    """The files of a problem; tables by name take the place of those above."""
    return {
        "problem.yaml": tables.pop("yaml", YAML),
        "model.xml": SBML.format(size=size, start=start, assigned=assigned),
        "conditions.tsv": tables.pop("conditions", "conditionId\tconditionName\nc0\tall\n"),
        "parameters.tsv": tables.pop("parameters", PARAMETERS),
        "observables.tsv": tables.pop("observables", OBSERVABLES),
        "measurements.tsv": measurements,
        **{f"{name}.tsv": text for name, text in tables.items()},
    }


def write(folder, measurements, **changed):
    """A problem in a folder."""
    for name, text in texts(measurements, **changed).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "problem.yaml"
