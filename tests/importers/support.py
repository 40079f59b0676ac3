"""What of model files is read, with the smallest file for each feature: `python tests/importers/support.py` writes the table
in docs/models.md. The tests read or refuse each file, run what is read, and compare the table.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from model_files import MATH, sbml

DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- written by tests/importers/support.py -->\n", "<!-- end of the table -->"
ALL, ARRAYS, EVENTS = ("reference", "xla", "cpu"), ("reference", "xla"), ("simulate",)


@dataclass(frozen=True)
class File:
    """A model file.

    Attributes:
        suffix: of its name.
        text: all of it.
        refused: words of the refusal; empty if it is read.
        how: what readers of the table must know.
    """

    suffix: str
    text: str
    refused: str = ""
    how: str = ""

    def __str__(self) -> str:
        return ("refused" if self.refused else "read") + (f": {self.how}" if self.how else "")


@dataclass(frozen=True)
class Feature:
    """A row of the table.

    Attributes:
        name: what it is.
        sbml: SBML or Antimony that has it.
        net: a network of BioNetGen that has it.
        engines: that run it.
    """

    name: str
    sbml: File | None = None
    net: File | None = None
    engines: tuple[str, ...] = ALL

    def files(self) -> list[File]:
        """Those that there are."""
        return [file for file in (self.sbml, self.net) if file is not None]

    def row(self) -> str:
        """A line of the table."""
        read = any(not file.refused for file in self.files())
        engines = "all" if self.engines == ALL else ", ".join(f"`{engine}`" for engine in self.engines)
        return f"| {self.name} | {self.sbml or '-'} | {self.net or '-'} | {engines if read else '-'} |"


def ant(text: str, refused: str = "", how: str = "") -> File:
    """A decay, and more."""
    return File(".ant", f"species A; A = 9; k = 0.5; K = 3; {text}", refused, how)


def law(formula: str, refused: str = "", how: str = "", more: str = "") -> File:
    """A decay of this law in Antimony."""
    return ant(f"{more}; A => ; {formula}", refused, how)


def xml(
    parts: str, refused: str = "", how: str = "", formula: str = "<ci>k</ci>", level: tuple[int, int] = (3, 1)
) -> File:
    """A birth of this law in SBML, with other parts."""
    modern = level[0] > 2
    size, fast = 'constant="true"' if modern else "", ' fast="false"' if modern and level[1] < 2 else ""
    constant = ' constant="true"' if modern else ""
    body = f"""<listOfCompartments><compartment id="c" size="2"{constant}/></listOfCompartments><listOfSpecies>
    <species id="A" compartment="c" initialAmount="9" hasOnlySubstanceUnits="true"{
        ' boundaryCondition="false" constant="false"' if modern else ""
    }/></listOfSpecies><listOfParameters>
    <parameter id="k" value="0.5"{constant}/></listOfParameters>{
        parts if "listOfReactions" not in parts else ""
    }<listOfReactions>{
        parts.replace("<listOfReactions>", "").replace("</listOfReactions>", "") if "listOfReactions" in parts else ""
    }
    <reaction id="r" reversible="false"{fast}><listOfProducts><speciesReference species="A" stoichiometry="1" {size}/>
    </listOfProducts><kineticLaw><math {MATH}>{formula}</math></kineticLaw></reaction></listOfReactions>"""
    return File(".xml", sbml(body, *level), refused, how)


def net(
    reaction: str = "1 0 k",
    refused: str = "",
    how: str = "",
    *,
    functions: str = "",
    groups: str = "G 1",
    first: str = "A() 9",
    head: str = "",
    k: str = "0.5",
) -> File:
    """A network of BioNetGen around one reaction."""
    text = (
        f"{head}begin parameters\n 1 k {k}\n 2 K 3\nend parameters\nbegin functions\n{functions}end functions\n"
        f"begin species\n 1 {first}\n 2 B() 4\nend species\nbegin reactions\n 1 {reaction}\n 2 2 0 k\nend reactions\n"
        f"begin groups\n 1 {groups}\nend groups\n"
    )
    return File(".net", text, refused, how)


def function(formula: str, refused: str = "", how: str = "") -> File:
    """A decay whose rate is a function."""
    return net("1 0 f", refused, how, functions=f" 1 f() {formula}\n")


_RULE = "<listOfRules><{0}Rule{1}><math " + MATH + "><ci>k</ci></math></{0}Rule></listOfRules>"
_FAST = (
    '<listOfReactions><reaction id="q" reversible="false" fast="true"><listOfReactants><speciesReference species="A" '
    f'stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math {MATH}><ci>A</ci></math></kineticLaw></reaction>'
    "</listOfReactions>"
)
_FORMULA = (
    '<listOfReactions><reaction id="q" reversible="false"><listOfReactants><speciesReference species="A"><stoichiometryMath>'
    f"<math {MATH}><ci>k</ci></math></stoichiometryMath></speciesReference></listOfReactants><kineticLaw><math {MATH}>"
    "<ci>A</ci></math></kineticLaw></reaction></listOfReactions>"
)
_LOCAL = (
    f'<listOfReactions><reaction id="q" reversible="false" fast="false"><kineticLaw><math {MATH}><ci>k</ci></math>'
    '<listOfLocalParameters><localParameter id="k" value="7"/></listOfLocalParameters></kineticLaw></reaction></listOfReactions>'
).replace(
    "<kineticLaw>",
    '<listOfProducts><speciesReference species="A" stoichiometry="2" constant="true"/></listOfProducts><kineticLaw>',
)
_POINT = '<compartment id="point" spatialDimensions="0" constant="true"/>'
_TWO_UNITS = xml("").text.replace('<model id="m"', '<model id="m" extentUnits="mole"')
_PACKAGE = xml("").text.replace(
    ' level="3"', ' xmlns:d="http://www.sbml.org/sbml/level3/version1/qual/version1" d:required="true" level="3"', 1
)
_TWO_FACTORS = xml(
    '<listOfReactions><reaction id="q" reversible="false" fast="false"><listOfReactants><speciesReference species="A" '
    'stoichiometry="1" constant="true"/></listOfReactants><listOfProducts><speciesReference species="B" stoichiometry="1" '
    f'constant="true"/></listOfProducts><kineticLaw><math {MATH}><ci>A</ci></math></kineticLaw></reaction></listOfReactions>'
).text.replace("</listOfSpecies>", '<species id="B" compartment="c" initialAmount="1" hasOnlySubstanceUnits="true" '
               'boundaryCondition="false" constant="false" conversionFactor="k"/></listOfSpecies>')  # fmt: skip
_COMP = 'http://www.sbml.org/sbml/level3/version1/comp/version1"'
_BODY = xml("").text.split("<model")[1].partition(">")[2].partition("</model>")[0]
_MODELS = (
    f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" xmlns:comp="{_COMP} '
    'level="3" version="1" comp:required="true"><model id="m"><comp:listOfSubmodels><comp:submodel comp:id="part" '
    'comp:modelRef="inner"/></comp:listOfSubmodels></model><comp:listOfModelDefinitions>'
    f'<comp:modelDefinition id="inner">{_BODY}</comp:modelDefinition></comp:listOfModelDefinitions></sbml>'
)

_LATE = f"""<listOfEvents><event timeUnits="substance"><trigger><math {MATH}><true/></math></trigger><delay><math {MATH}><cn>1</cn></math></delay>
<listOfEventAssignments><eventAssignment variable="A"><math {MATH}><cn>1</cn></math></eventAssignment></listOfEventAssignments></event></listOfEvents>"""
FEATURES = (
    Feature("laws of any form", law("k * A^2 / (K + A)"), function("k*G/(K+G)")),
    Feature("parameters that are formulas of others", law("h * A", more="h = 2 * k / K"), 
            File(".net", net("1 0 K").text.replace("2 K 3", "2 K 3*k"))),
    Feature("local parameters that hide others", xml(_LOCAL)),
    Feature("+ − × ÷, powers, roots", law("k * A^1.5 / sqrt(1 + A) - 0"), function("k*G^1.5/sqrt(1+G)-0")),
    Feature("exp, ln, log10, abs, min, max, tanh", law("max(k, min(A, 5)) * exp(-A / 9) + ln(1 + A) + log10(1 + A) + abs(A) * tanh(A)"),
            function("max(k,min(G,5))*exp(-G/9)+ln(1+G)+log10(1+G)+abs(G)*tanh(G)")),
    Feature("floor, ceiling", law("k * floor(A / 2) + ceil(A / 3)"), function("k*floor(G/2)+ceil(G/3)", how="though BioNetGen lacks them")),
    Feature("piecewise / if, comparisons, logic", law("piecewise(k * A, A > 3 && A <= 50 || K == 3, k)"), function("if(G>3&&G<=50,k,2*k)")),
    Feature("sin, cos, tan, arctan", law("A * (3 + sin(A) + cos(A) + arctan(A) * tan(0.1))"), function("3+sin(G)+cos(G)+atan(G)*tan(0.1)"), ARRAYS),
    Feature("inverse and hyperbolic functions", law("A * (arcsin(0.1 * k) + sinh(0.1 * A) + sech(k) + arccoth(K))"), function("asin(0.1*k)+sinh(0.1*G)+acosh(K)+atanh(k)"), ARRAYS),
    Feature("quotient, rem, rint, sign", law("A * (quotient(A, 2) + rem(A, 3))"), function("rint(k*G)+sign(G)")),
    Feature("factorials of constants", ant("A => ; f * A; f = factorial(K)"), function("factorial(G)", "factorial")),
    Feature("factorials of counts", law("factorial(A)", "factorial of what is not a constant")),
    Feature("`rateOf`, tables", xml("", "rateOf", formula="<apply><csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/rateOf'>rateOf</csymbol><ci>A</ci></apply>", level=(3, 2)),
            function("tfun([0,1],[1,2],time)", "cannot be read")),
    Feature("`log` without a base", law("k * log(A + 1)", how="base 10"), function("log(1+G)", "two readings", how="say `ln` or `log10`")),
    Feature("a < b < c and a^b^c without parentheses", None, function("k^G^2", "two readings")),
    Feature("function definitions, nested", File(".ant", "function inner(x) x / (1 + x) end; function outer(y) 2 * inner(y) end; species A; A = 9; A => ; outer(A)"),
            net("1 0 f", functions=" 1 g() 2*K\n 2 f() g()/(1+G)\n")),
    Feature("functions with arguments", None, net("1 0 f", "function 'f", functions=" 1 f(x) 2*x\n")),
    Feature("boundary and constant species", ant("const species S; S = 4; species $T; T = 3; S + A => T; k * S * A * T", how="held"),
            net("1,2 2 k", first="$A() 9", how="held (`$` anywhere in the name)")),
    Feature("compartments of constant size", File(".ant", "compartment V = 2; species B in V; B = 3; k = 1; B => ; k * B * V"),
        net("1 0 k", head="begin compartments\n c 3 2\nend compartments\n", how="volumes are in the factors of the rates")),
    Feature("compartments without dimensions (their size is 1); without a size that is read", File(".xml", xml("").text.replace("</listOfCompartments>", f"{_POINT}</listOfCompartments>").replace('compartment="c"', 'compartment="point"').replace('hasOnlySubstanceUnits="true"', 'hasOnlySubstanceUnits="false"'))),
    Feature("a size that is missing, and read", File(".xml", xml("", formula="<apply><times/><ci>k</ci><ci>c</ci></apply>").text.replace('id="c" size="2"', 'id="c"'), "no finite value")),
    Feature("compartments whose size a rule gives", File(".ant", "compartment V; V := 2 + K; K = 1; species B in V; B = 3 / V; B => ; B", how="amounts stay, concentrations follow")),
    Feature("compartments whose size an event sets", law("k * A / V", more="compartment V = 2; at time >= 0.5: V = 4"), None, EVENTS),
    Feature("compartments whose size a rate rule moves", law("k * A / V", more="compartment V = 2; V' = 0.3 * V", how="amounts stay, concentrations follow"), None, ARRAYS),
    Feature("initial concentrations; initial assignments; amounts that are formulas", File(".ant", "compartment V = 2; species B in V; B = 3; species C in V; C = 2 * B; B => C; B"), net("1 0 k", first="A() 3*K")),
    Feature("amounts that are not whole", law("k * A", "not a whole number", more="species B; B = 0.5; B => ; B", how="unless `round_counts=True`, `--round`"), net(first="A() 0.5", refused="not a whole number", how="unless `round_counts=True`, `--round`")),
    Feature("units of substance: mole, nmol, item, ...", File(".ant", "unit substance = 1e-9 mole; unit extent = 1e-9 mole; compartment c = 1e-15; species A in c; A = 99.6324; A => ; c * A", how="amounts become molecules; laws keep the units of the file")),
    Feature("more than 2,147,483,647 molecules", File(".ant", "unit substance = mole; unit extent = mole; compartment c = 1; species A in c; A = 1; A => ; c * A", "molecules_per_unit", how="unless `molecules_per_unit=1000`, `--molecules-per-unit 1000`")),
    Feature("species, or species and extents, of different units", File(".xml", _TWO_UNITS, "no declared unit")),
    Feature("assignment rules for species and parameters", law("k * y", more="y := 2 * A; species Z; Z := y + 1", how="observables; in laws, too"), net("1 0 f", functions=" 1 f() k*G\n", groups="G 2*1,2", how="groups, functions of them")),
    Feature("rate rules for parameters, and for species that no reaction changes", law("k * A * y * Z", more="y' = 3 - Z; y = 1; species Z; Z = 0.5; Z' = A / K", how="[continuous variables](continuous.md)"), None, ARRAYS),
    Feature("rate rules for species that reactions change", xml(_RULE.format("rate", ' variable="A"'), "which a rate rule changes continuously")),
    Feature("algebraic rules", xml(_RULE.format("algebraic", ""), "algebraic rule")),
    Feature("constraints", xml(f"<listOfConstraints><constraint><math {MATH}><true/></math></constraint></listOfConstraints>", "constraint")),
    Feature("whole stoichiometries", ant("3 A => 2 B; k * A * (A - 1) * (A - 2); species B; B = 0"), net("1,1 2,2,2 0.5*k", how="× x (x − 1) for a pair; the file has its 1/2")),
    Feature("a stoichiometry that is missing (Level 2: it is 1)", File(".xml", xml("").text.replace(' stoichiometry="1"', ""), "is missing")),
    Feature("fractional stoichiometries", ant("0.5 A => ; k * A", "not a whole number")),
    Feature("stoichiometries that are formulas of constants", File(".xml", xml(_FORMULA, level=(2, 4)).text.replace('id="k" value="0.5"', 'id="k" value="2"'), how="numbers, as in the file")),
    Feature("stoichiometries that change", xml(_FORMULA.replace("<ci>k</ci>", "<ci>A</ci>", 1), "which changes", level=(2, 4))),
    Feature("conversion factors", File(".xml", xml("").text.replace('<model id="m"', '<model id="m" conversionFactor="k"'))),
    Feature("different conversion factors in one reaction", File(".xml", _TWO_FACTORS, "different conversion factors")),
    Feature("reversible reactions with a net law f − b, −b + f, c (f − b), ...", ant("A -> B; -K * B + k * A; species B; B = 2", how="split where each term reads its own side; else one reaction, with a warning, an error where negative")),
    Feature("`Sat`, `MM`, `Hill`", None, net("1,2 2 2*Sat k K")),
    Feature("`Arrhenius`, `TotalRate`", None, net("1 0 Arrhenius k K", "rate law Arrhenius")),
    Feature("fast reactions", xml(_FAST, "fast")),
    Feature("events at times: several assignments, priorities, persistence, values at the trigger", law("k * A", more="at time >= 0.5, priority = 1: A = 20, K = 4"), None, EVENTS),
    Feature("triggers `time == value`", law("k * A", more="at time == 0.5: A = 20", how="as `time >= value`, where nothing moves the value; one of several numbers; and conditions that never change"), None, EVENTS),
    Feature("events that move their own time; parameters that only events change", law("k * A", more="next = 0.5; n = 0; at time >= next: A = A + 5, next = next + 0.5, n = n + 1", how="in the result by name"), None, EVENTS),
    Feature("events by counts", law("k * A", more="at A < 5: A = 9", how="not together with time-dependent rates"), None, EVENTS),
    Feature("values from the past, `delay(...)`", xml("", "delay(...)", formula="<apply><csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/delay'>delay</csymbol><ci>A</ci><cn>3</cn></apply>")),
    Feature("delays of events: numbers, formulas; several under way at once, persistent or not", law("k * A", more="at 3 / K after time > 5, persistent = false: A = 3", how="at most 16 of each event at once, see [events](events.md)"), None, EVENTS),
    Feature("delays of events in units of their own (Level 2)", File(".xml", xml("", level=(2, 1)).text.replace("level2/version1", "level2").replace("</model>", _LATE + "</model>"), "a delay in units of its own")),
    Feature("triggers that compare the time with counts, or read it in a curve", law("k * A", "trigger", more="at time > A: A = 3")),
    Feature("time in rates", law("k * A * (1 + 0.1 * time)", how="`simulate(..., bound=...)`"), function("k*(1+0.1*time())", how="`time()`; `bound`")),
    Feature("SBML Level 1", File(".xml", '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="2"><model name="m"><listOfCompartments><compartment name="c"/></listOfCompartments><listOfSpecies><species name="A" compartment="c" initialAmount="9"/></listOfSpecies><listOfReactions><reaction name="r" reversible="false"><listOfReactants><speciesReference species="A"/></listOfReactants><kineticLaw formula="A"/></reaction></listOfReactions></model></sbml>', how="by libSBML's converter")),
    Feature("empty lists", xml("<listOfRules></listOfRules>")),
    Feature("a group called like a parameter", None, net(groups="k 1", how="unless a function reads the name")),
    Feature("models of models (package comp)", File(".xml", _MODELS, how="flattened by libSBML: `part__A`; not models in other files")),
    Feature("other packages that the file says are required: qual, ...", File(".xml", _PACKAGE, "the package")),
    Feature("document types and entities", File(".xml", xml("").text.replace("<sbml", '<!DOCTYPE x [<!ENTITY a "b">]><sbml', 1), "document type")),
    Feature("actions; concentrations as units", None, net(head='substanceUnits("Concentration");\n', refused="outside of the blocks")),
)  # fmt: skip


def table() -> str:
    """The table."""
    head = "| feature | SBML, Antimony | BioNetGen `.net` | engines |\n|---|---|---|---|\n"
    return head + "".join(feature.row() + "\n" for feature in FEATURES)


def replaced(document: str) -> str:
    """The document with the table of today."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
