"""Files of many reactions: what is read once for many of them is what would be read for each, in a time linear in the size."""

import time

import pytest
from model_files import sbml, written
from support import FEATURES

import jumpax
from jumpax.importers import net_rates
from jumpax.importers.net_reactions import NetReactions
from jumpax.networks import MassAction, Reaction

LARGER = 4
"""Times so many reactions; were anything quadratic, it would take 16 times as long."""


def net(sites: int) -> str:
    """A network of two kinds of molecules that bind, one of each at a time, with groups; eight reactions for each site."""
    rates = ["kon", "2*kon", "koff", "0.5*kdim", "kdim", "f()", "Sat vmax Km", "kon*2/(1 + kdim)"]
    species = (
        [f"A(s{i}~U,b)" for i in range(sites)] + [f"A(s{i}~P,b!1).B(a!1)" for i in range(sites)] + ["B(a)", "$Source()"]
    )
    one, two, b, source = 1, sites + 1, 2 * sites + 1, 2 * sites + 2
    lines = []
    for i in range(sites):
        x, y, z = one + i, two + i, one + (i + 1) % sites
        sides = ((f"{x},{b}", y), (f"{b},{x}", y), (y, f"{b},{x}"), (f"{x},{x}", y), (f"{x},{source}", f"{y},{source}"))
        sides = (*sides, (x, z), (x, y), (f"{x},{z}", f"{y},{y}"))
        lines += [f"{left} {right} {rate} #_R" for (left, right), rate in zip(sides, rates, strict=True)]
    blocks = {
        "parameters": ["kon 1", "koff 0.5*kon", "kdim 2", "vmax 3", "Km 4"],
        "functions": ["f() kon*All/(Km + All)"],
        "species": [f"{name} {2 if number < sites else 0}" for number, name in enumerate(species)],
        "reactions": lines,
        "groups": ["All " + ",".join(f"1*{number}" for number in range(1, sites + 1)), f"Weighted 2*1,{two}"],
    }
    return "\n".join(
        line
        for name, entries in blocks.items()
        for line in (f"begin {name}", *(f"{n} {entry}" for n, entry in enumerate(entries, 1)), f"end {name}")
    )


def plain(sites: int) -> str:
    """The same without the function, which reads all sites at each of them."""
    return net(sites).replace(" f() #", " koff #")


def ring(species: int) -> str:
    """SBML of a ring whose reactions have parameters of the model, or their own."""
    kinds = ("Species", "Parameter", "Reaction")
    made: dict[str, list[str]] = {kind: [] for kind in kinds}
    for i in range(species):
        made["Species"].append(
            f'<species id="S{i}" compartment="c" initialAmount="3" hasOnlySubstanceUnits="true" '
            'boundaryCondition="false" constant="false"/>'
        )
        made["Parameter"].append(f'<parameter id="k{i}" value="1" constant="true"/>')
        for name, rate, own in (
            (f"r{i}", f"k{i}", ""),
            (f"q{i}", "k", '<listOfLocalParameters><localParameter id="k" value="2"/></listOfLocalParameters>'),
        ):
            made["Reaction"].append(
                f'<reaction id="{name}" reversible="false" fast="false"><listOfReactants>'
                f'<speciesReference species="S{i}" stoichiometry="1" constant="true"/></listOfReactants><listOfProducts>'
                f'<speciesReference species="S{(i + 1) % species}" stoichiometry="1" constant="true"/></listOfProducts>'
                f'<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>{rate}</ci><ci>S{i}</ci>'
                f"</apply></math>{own}</kineticLaw></reaction>"
            )
    lists = (("Species", "Species"), ("Parameter", "Parameters"), ("Reaction", "Reactions"))
    compartment = '<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>'
    return sbml(compartment + "".join(f"<listOf{many}>{''.join(made[one])}</listOf{many}>" for one, many in lists))


def _one_by_one(monkeypatch):
    """Let each law be made from the names of its own reactants."""
    monkeypatch.setattr(
        NetReactions,
        "_law",
        lambda self, rate, left: self._judged(net_rates.rate(rate.split(), left, self.lookup), left),
    )


TEXTS = [file.text for feature in FEATURES for file in feature.files() if file.suffix == ".net" and not file.refused]


@pytest.mark.parametrize("text", [net(5), net(1), *TEXTS], ids=str)
def test_laws_are_those_read_one_by_one(tmp_path, monkeypatch, text):
    file = written(tmp_path, "m.net", text)
    quick = jumpax.read(file)
    _one_by_one(monkeypatch)
    slow = jumpax.read(file)
    assert quick.network == slow.network
    assert quick.network.digest == slow.network.digest
    assert (quick.theta, quick.x0) == (slow.theta, slow.x0)
    assert quick.observables == slow.observables
    for reaction in quick.network.reactions:
        assert reaction == Reaction(reaction.equation, reaction.law, name=reaction.name)


def test_what_a_site_has(tmp_path):
    model = jumpax.read(written(tmp_path, "m.net", net(3)))
    u, p, b = "A(s1~U,b)", "A(s1~P,b!1).B(a!1)", "B(a)"
    assert [(r.equation, r.law.formula(r.reactants)) for r in model.network.reactions[8:16]] == [
        (f"{u} + {b} -> {p}", f"kon * {u} * {b}"),
        (f"{b} + {u} -> {p}", f"2 * kon * {b} * {u}"),
        (f"{p} -> {b} + {u}", f"0.5 * kon * {p}"),
        (f"2 {u} -> {p}", f"kdim * {u} * ({u} - 1) / 2"),
        (f"{u} -> {p}", f"kdim * {u} * Source()"),
        (f"{u} -> A(s2~U,b)", "kon * (A(s0~U,b) + A(s1~U,b) + A(s2~U,b)) / (Km + (A(s0~U,b) + A(s1~U,b) + A(s2~U,b))) * " + u),
        (f"{u} -> {p}", f"vmax * {u} / (Km + {u})"),
        (f"{u} + A(s2~U,b) -> 2 {p}", f"kon * 2 / (1 + kdim) * {u} * A(s2~U,b)"),
    ]  # fmt: skip


def test_equal_laws_and_sides_are_one_object(tmp_path):
    network = jumpax.read(written(tmp_path, "m.net", net(50))).network
    laws = [r.law for r in network.reactions if isinstance(r.law, MassAction)]
    assert len({id(law) for law in laws}) == len(set(laws)) == 2
    sides = [side for r in network.reactions for side in (r.reactants, r.products)]
    assert len({id(side) for side in sides}) == 9 * 50  # of 16


@pytest.mark.parametrize(("suffix", "text", "size"), [("net", plain, 500), ("xml", ring, 400)])
def test_time_is_linear(tmp_path, suffix, text, size):
    seconds = []
    for many in (size, size * LARGER):
        file = written(tmp_path, f"m.{suffix}", text(many))
        spent = []
        for _ in range(3):
            begin = time.process_time()
            jumpax.read(file)
            spent.append(time.process_time() - begin)
        seconds.append(min(spent))
    assert seconds[1] < 2 * LARGER * seconds[0], seconds


def test_a_group_of_very_many_terms(tmp_path):
    """More than the operations of an expression, which are limited because rates refer to each other."""
    text = net(2).replace("Weighted 2*1,3", "Weighted " + ",".join(["2*1,3"] * 10_000))
    model = jumpax.read(written(tmp_path, "m.net", text))
    assert str(model.observables["Weighted"]).count("+") == 19_999
