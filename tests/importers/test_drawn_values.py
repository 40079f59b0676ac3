"""Package `distrib` of SBML: draws in assignments of events."""

import numpy as np
import pytest
from scipy import stats

import jumpax
from jumpax._base.errors import UnsupportedError

LAWS = {
    "uniform": ((-1, 3), stats.uniform(-1, 4)), "normal": ((1, 2), stats.norm(1, 2)),
    "lognormal": ((0.5, 0.7), stats.lognorm(0.7, scale=np.exp(0.5))), "exponential": ((2,), stats.expon(scale=0.5)),
    "gamma": ((3, 2), stats.gamma(3, scale=2)), "chisquare": ((5,), stats.chi2(5)),
    "laplace": ((1, 2), stats.laplace(1, 2)), "rayleigh": ((2,), stats.rayleigh(scale=2)),
    "poisson": ((7,), stats.poisson(7)), "binomial": ((10, 0.3), stats.binom(10, 0.3)),
    "bernoulli": ((0.3,), stats.bernoulli(0.3)),
}  # fmt: skip
"""All that have a mean and a standard deviation; cauchy has none."""
XML = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"
 xmlns:distrib="http://www.sbml.org/sbml/level3/version1/distrib/version1" distrib:required="true"><model id="m">
<listOfFunctionDefinitions><functionDefinition id="square"><math {math}><lambda><bvar><ci>x</ci></bvar>
<apply><times/><ci>x</ci><ci>x</ci></apply></lambda></math></functionDefinition></listOfFunctionDefinitions>
<listOfCompartments><compartment id="c" size="1" constant="true" spatialDimensions="3"/></listOfCompartments>
<listOfSpecies><species id="A" compartment="c" initialAmount="9" hasOnlySubstanceUnits="true"
 boundaryCondition="false" constant="false"/></listOfSpecies>
<listOfParameters><parameter id="p" value="0" constant="false"/><parameter id="k" value="1" constant="true"/></listOfParameters>
<listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants><speciesReference species="A"
 stoichiometry="1" constant="true"/></listOfReactants><kineticLaw><math {math}>{rate}</math></kineticLaw></reaction></listOfReactions>
<listOfEvents><event useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true"><math {math}>
<apply><geq/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol><cn>0.5</cn></apply></math></trigger>
<listOfEventAssignments><eventAssignment variable="{to}"><math {math}>{value}</math></eventAssignment></listOfEventAssignments>
</event></listOfEvents></model></sbml>"""


def symbol(law, *numbers):
    url = f"http://www.sbml.org/sbml/symbols/distrib/{law}"
    said = "".join(f"<cn>{number}</cn>" for number in numbers)
    return f'<apply><csymbol encoding="text" definitionURL="{url}">{law}</csymbol>{said}</apply>'


def read(folder, value, to="p", rate="<apply><times/><ci>k</ci><ci>A</ci></apply>", starts=(), function=""):
    math = 'xmlns="http://www.w3.org/1998/Math/MathML"'
    own = "".join(
        f'<initialAssignment symbol="{name}"><math {math}>{said}</math></initialAssignment>' for name, said in starts
    )
    own = f"</listOfParameters><listOfInitialAssignments>{own}</listOfInitialAssignments>"
    file = folder / "model.xml"
    file.write_text(
        XML.replace("</listOfFunctionDefinitions>", function + "</listOfFunctionDefinitions>")
        .format(math=math, value=value, to=to, rate=rate)
        .replace("</listOfParameters>", own if starts else "</listOfParameters>")
    )
    return jumpax.read(file)


def drawn(folder, value, key):
    model = read(folder, value)
    found = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0], paths=10_000, key=key, engine="cpu")
    return found["p"][:, -1]


def annotated(law, arguments):
    """A function that an annotation makes a draw; its body is for software that does not know it."""
    note = f'<distribution xmlns="http://sbml.org/annotations/distribution" definition="http://{law}"/>'
    names = "".join(f"<bvar><ci>x{place}</ci></bvar>" for place in range(arguments))
    math = f"<math {{math}}><lambda>{names}<notanumber/></lambda></math>"
    return f'<functionDefinition id="law"><annotation>{note}</annotation>{math}</functionDefinition>'


@pytest.mark.parametrize(
    ("address", "law", "numbers"),
    [
        ("en.wikipedia.org/wiki/Uniform_distribution_(continuous)", "uniform", (-1, 3)),
        ("en.wikipedia.org/wiki/Truncated_normal_distribution", "normal", (0, 1.5, -1, 2)),
        ("en.wikipedia.org/wiki/Chi-squared_distribution", "chisquare", (5,)),
        ("en.wikipedia.org/wiki/Log-normal_distribution", "lognormal", (0.5, 0.7)),
        ("www.uncertml.org/distributions/bernoulli", "bernoulli", (0.3,)),
    ],
)
def test_annotated_functions_are_draws(address, law, numbers, tmp_path):
    """The same paths as those of the package's own symbol, which the laws above judge."""
    call = "<apply><ci>law</ci>" + "".join(f"<cn>{number}</cn>" for number in numbers) + "</apply>"
    found, known = (
        jumpax.simulate(read(tmp_path, value, function=function), times=[1.0], paths=20, key=20261206, engine="cpu")[
            "p"
        ]
        for value, function in ((call, annotated(address, len(numbers))), (symbol(law, *numbers), ""))
    )
    np.testing.assert_array_equal(found, known)
    assert len(np.unique(found)) > 1


def test_annotated_laws_that_are_not_drawn_from_are_refused(tmp_path):
    with pytest.raises(
        UnsupportedError, match=r"function 'law' draws from '.*Weibull_distribution'.*not read; read are uniform"
    ):
        read(
            tmp_path,
            "<apply><ci>law</ci><cn>1</cn></apply>",
            function=annotated("en.wikipedia.org/wiki/Weibull_distribution", 1),
        )


@pytest.mark.parametrize("law", LAWS)
def test_each_law_is_read(law, tmp_path):
    """Means within 4.5 standard errors, standard deviations within 10 %, which the least regular law, lognormal, leaves
    at 10,000 paths with probability 4e-4 (counted with NumPy's numbers); means with 7e-6."""
    numbers, exact = LAWS[law]
    values = drawn(tmp_path, symbol(law, *numbers), 20261201)
    assert abs(values.mean() - exact.mean()) < 4.5 * exact.std() / 100
    assert values.std() == pytest.approx(exact.std(), rel=0.1)


def test_laws_without_a_location_are_at_0(tmp_path):
    """A share below the upper quartile, 0.75, within 4.5 standard errors: false alarm 7e-6 each."""
    for law, exact in (("cauchy", stats.cauchy(0, 2)), ("laplace", stats.laplace(0, 2))):
        values = drawn(tmp_path, symbol(law, 2), 20261202)
        assert abs((values < exact.ppf(0.75)).mean() - 0.75) < 4.5 * np.sqrt(0.75 * 0.25 / 10_000)


def test_bounds_are_read(tmp_path):
    """The truncated normal law of SciPy; false alarm 7e-6."""
    exact = stats.truncnorm(-1 / 1.5, 2 / 1.5, scale=1.5)
    values = drawn(tmp_path, symbol("normal", 0, 1.5, -1, 2), 20261203)
    assert values.min() >= -1
    assert values.max() <= 2
    assert abs(values.mean() - exact.mean()) < 4.5 * exact.std() / 100


def test_a_function_reads_one_draw_twice(tmp_path):
    """A square is never negative, as a product of two draws would be."""
    values = drawn(tmp_path, f"<apply><ci>square</ci>{symbol('normal', 0, 1)}</apply>", 20261204)
    assert (values >= 0).all()


def test_initial_assignments_draw_at_the_start_of_each_path(tmp_path):
    """A(0) is binomial(20, 0.5) and k uniform on (1, 3), so E A(1/2) = 10 E exp(-k / 2), and at time 0 its variance is 5.

    Within 4.5 standard errors: false alarm 7e-6 each, a little more for the variance.
    """
    model = read(tmp_path, "<cn>1</cn>", starts=[("A", symbol("binomial", 20, 0.5)), ("k", symbol("uniform", 1, 3))])
    assert any(note.startswith("drawn anew at time 0 of each path: A, k") for note in model.notes)
    found = jumpax.simulate(
        model.network, model.theta, model.x0, times=[0.0, 0.5], paths=10_000, key=20261205, engine="cpu"
    )
    first, later = found["A"].T
    exact = 10 * (np.exp(-0.5) - np.exp(-1.5))
    assert abs(first.mean() - 10) < 4.5 * np.sqrt(5) / 100
    assert abs(first.var() - 5) < 4.5 * 5 * np.sqrt(2) / 100
    assert abs(later.mean() - exact) < 4.5 * later.std() / 100
    rates = found["k"][:, 0]
    assert stats.kstest(rates, stats.uniform(1, 2).cdf).pvalue > 1e-5


def test_what_else_reads_what_is_drawn_at_the_start_is_refused(tmp_path):
    drawn = ("k", symbol("uniform", 1, 3))
    with pytest.raises(UnsupportedError, match=r"'p'.*reads another that is drawn"):
        read(tmp_path, "<cn>1</cn>", starts=[drawn, ("p", f"<apply><plus/><ci>k</ci>{symbol('normal', 0, 1)}</apply>")])
    with pytest.raises(UnsupportedError, match=r"uniform\(\.\.\.\), a random number"):
        read(tmp_path, "<ci>p</ci>", to="A", starts=[drawn, ("p", "<apply><times/><cn>2</cn><ci>k</ci></apply>")])


def test_draws_elsewhere_are_refused(tmp_path):
    with pytest.raises(
        UnsupportedError, match=r"reaction 'r'.*normal\(\.\.\.\), a random number, is read in assignments"
    ):
        read(tmp_path, "<cn>1</cn>", rate=symbol("normal", 1, 1))
    model = read(tmp_path, symbol("poisson", 3), to="A")
    with pytest.raises(UnsupportedError, match="random number, which is read but not written"):
        jumpax.write(model, tmp_path / "again.xml")
