"""The benchmark's reaction networks, in plain Python (standard library only), so that every peer's venv can import them.

A `Reaction` is either mass action, with propensity `k * x (x-1) ... (x-s+1)` over its reactants (a falling factorial and NO
division by s!), or it carries a rate law as text: infix, `+ - * /`, and `pow(a,b)`, over species and parameters.
"""

import ast
import re
from dataclasses import dataclass, field

COUNTER = "EVENTS"  # the extra product that counts events in peers that do not count them


@dataclass(frozen=True)
class Reaction:
    reactants: dict
    products: dict
    rate: object  # mass action: a parameter name or a number; law: the text of the propensity
    law: bool = False


@dataclass
class Model:
    name: str
    start: dict  # species -> initial count, in order
    parameters: dict
    reactions: list
    until: float  # end time of one trajectory
    observed: list = field(default_factory=list)  # species compared with the reference at the end time

    def __post_init__(self):
        self.observed = self.observed or list(self.start)

    @property
    def species(self):
        return list(self.start)

    @property
    def mass_action(self):
        return not any(r.law for r in self.reactions)

    def constant(self, reaction):
        """The number behind a mass-action rate."""
        return self.parameters[reaction.rate] if isinstance(reaction.rate, str) else float(reaction.rate)

    def propensity(self, reaction, power="pow({0},{1})", numbers=False):
        """The propensity as text; `power` is the peer's way to write a power, `numbers` puts in the values of the parameters."""
        if not reaction.law:
            rate = reaction.rate if isinstance(reaction.rate, str) and not numbers else repr(self.constant(reaction))
            factors = [
                name if j == 0 else f"({name}-{j})" for name, order in reaction.reactants.items() for j in range(order)
            ]
            return "*".join([rate, *factors])
        text = re.sub(r"pow\(([^,()]+),([^()]+)\)", lambda m: power.format(m[1].strip(), m[2].strip()), reaction.rate)
        if numbers:
            text = re.sub(
                r"[A-Za-z_]\w*", lambda m: repr(self.parameters[m[0]]) if m[0] in self.parameters else m[0], text
            )
        return text

    def with_counter(self):
        """The same model in which every reaction also makes one molecule of COUNTER."""
        counted = [Reaction(r.reactants, {**r.products, COUNTER: 1}, r.rate, r.law) for r in self.reactions]
        return Model(
            self.name, {**self.start, COUNTER: 0}, self.parameters, counted, self.until, [*self.observed, COUNTER]
        )


def birth_death():
    return Model(
        "birth_death",
        {"X": 0},
        {"kb": 100.0, "kd": 1.0},
        [Reaction({}, {"X": 1}, "kb"), Reaction({"X": 1}, {}, "kd")],
        10.0,
    )


def dimer():
    return Model(
        "dimer",
        {"A": 100, "B": 100, "AB": 0},
        {"kf": 0.01, "kr": 1.0},
        [Reaction({"A": 1, "B": 1}, {"AB": 1}, "kf"), Reaction({"AB": 1}, {"A": 1, "B": 1}, "kr")],
        25.0,
    )


def _promoter(extra=()):
    return [
        Reaction({"Goff": 1}, {"Gon": 1}, "kon"),
        Reaction({"Gon": 1}, {"Goff": 1}, "koff"),
        Reaction({"Gon": 1}, {"Gon": 1, "M": 1}, "km"),
        Reaction({"M": 1}, {}, "gm"),
        *extra,
    ]


def telegraph():
    return Model(
        "telegraph",
        {"Goff": 1, "Gon": 0, "M": 0},
        {"kon": 0.5, "koff": 1.0, "km": 60.0, "gm": 1.0},
        _promoter(),
        50.0,
        ["M"],
    )


def telegraph_protein():
    protein = [Reaction({"M": 1}, {"M": 1, "P": 1}, "kp"), Reaction({"P": 1}, {}, "gp")]
    return Model(
        "telegraph_protein",
        {"Goff": 1, "Gon": 0, "M": 0, "P": 0},
        {"kon": 0.05, "koff": 0.1, "km": 6.0, "gm": 1.0, "kp": 10.0, "gp": 0.1},
        _promoter(protein),
        50.0,
        ["M", "P"],
    )


def repressilator():
    """Three proteins in a ring of Hill repression: the only model with a rate law that is not mass action."""
    makes = [
        Reaction({}, {made: 1}, f"a0 + bet/(1+pow({represses}/K,n))", law=True)
        for made, represses in (("P1", "P3"), ("P2", "P1"), ("P3", "P2"))
    ]
    dies = [Reaction({name: 1}, {}, "gam") for name in ("P1", "P2", "P3")]
    return Model(
        "repressilator",
        {"P1": 10, "P2": 0, "P3": 0},
        {"bet": 60.0, "K": 20.0, "n": 3.0, "a0": 0.5, "gam": 1.0},
        makes + dies,
        20.0,
    )


def schlogl():
    """Bistable; the buffered species A = 1e5 and B = 2e5 and the factorials are folded into the constants."""
    constants = {"k1": 3e-7 * 1e5 / 2, "k2": 1e-4 / 6, "k3": 1e-3 * 2e5, "k4": 3.5}
    return Model(
        "schlogl",
        {"X": 250},
        constants,
        [
            Reaction({"X": 2}, {"X": 3}, "k1"),
            Reaction({"X": 3}, {"X": 2}, "k2"),
            Reaction({}, {"X": 1}, "k3"),
            Reaction({"X": 1}, {}, "k4"),
        ],
        4.0,
    )


def vkbl():
    """The circadian oscillator of Vilar, Kueh, Barkai and Leibler (2002)."""
    constants = {
        "aA": 50.0,
        "aAp": 500.0,
        "aR": 0.01,
        "aRp": 50.0,
        "bA": 50.0,
        "bR": 5.0,
        "dMA": 10.0,
        "dMR": 0.5,
        "dA": 1.0,
        "dR": 0.2,
        "gA": 1.0,
        "gR": 1.0,
        "gC": 2.0,
        "thA": 50.0,
        "thR": 100.0,
    }
    start = {"DA": 1, "DAp": 0, "DR": 1, "DRp": 0, "MA": 0, "MR": 0, "A": 0, "Rr": 0, "C": 0}
    reactions = [
        Reaction({"DA": 1, "A": 1}, {"DAp": 1}, "gA"),
        Reaction({"DAp": 1}, {"DA": 1, "A": 1}, "thA"),
        Reaction({"DR": 1, "A": 1}, {"DRp": 1}, "gR"),
        Reaction({"DRp": 1}, {"DR": 1, "A": 1}, "thR"),
        Reaction({"DA": 1}, {"DA": 1, "MA": 1}, "aA"),
        Reaction({"DAp": 1}, {"DAp": 1, "MA": 1}, "aAp"),
        Reaction({"MA": 1}, {}, "dMA"),
        Reaction({"MA": 1}, {"MA": 1, "A": 1}, "bA"),
        Reaction({"A": 1}, {}, "dA"),
        Reaction({"DR": 1}, {"DR": 1, "MR": 1}, "aR"),
        Reaction({"DRp": 1}, {"DRp": 1, "MR": 1}, "aRp"),
        Reaction({"MR": 1}, {}, "dMR"),
        Reaction({"MR": 1}, {"MR": 1, "Rr": 1}, "bR"),
        Reaction({"Rr": 1}, {}, "dR"),
        Reaction({"A": 1, "Rr": 1}, {"C": 1}, "gC"),
        Reaction({"C": 1}, {"Rr": 1}, "dA"),
    ]
    return Model("vkbl", start, constants, reactions, 200.0, ["A", "Rr", "C", "MR"])


ALL = ["birth_death", "dimer", "telegraph", "telegraph_protein", "repressilator", "schlogl", "vkbl"]


def get(name, until=None):
    """The model called `name`, with another end time if one is given."""
    if name not in ALL:
        raise SystemExit(f"no model {name!r}; there are {', '.join(ALL)}")
    model = globals()[name]()
    model.until = until or model.until
    return model


def sbml(model):
    """SBML Level 3 Version 1: amounts in items, one compartment of size 1, each kinetic law is the propensity itself."""
    operators = {ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "divide"}

    def mathml(node):
        if isinstance(node, ast.BinOp):
            return f"<apply><{operators[type(node.op)]}/>{mathml(node.left)}{mathml(node.right)}</apply>"
        if isinstance(node, ast.Call):  # pow(a, b) is the only function
            return f"<apply><power/>{mathml(node.args[0])}{mathml(node.args[1])}</apply>"
        return f"<ci>{node.id}</ci>" if isinstance(node, ast.Name) else f"<cn>{float(node.value)!r}</cn>"

    def references(tag, counts):
        items = "".join(
            f'<speciesReference species="{s}" stoichiometry="{n}" constant="true"/>' for s, n in counts.items()
        )
        return f"<{tag}>{items}</{tag}>" if items else ""

    species = "".join(
        f'<species id="{s}" compartment="cell" initialAmount="{n}" substanceUnits="item" hasOnlySubstanceUnits="true"'
        ' boundaryCondition="false" constant="false"/>'
        for s, n in model.start.items()
    )
    parameters = "".join(
        f'<parameter id="{p}" value="{float(v)!r}" constant="true"/>' for p, v in model.parameters.items()
    )
    reactions = []
    for i, r in enumerate(model.reactions):
        text = model.propensity(r)
        others = sorted(set(re.findall(r"[A-Za-z_]\w*", text)) & set(model.start) - set(r.reactants))
        modifiers = "".join(f'<modifierSpeciesReference species="{s}"/>' for s in others)
        reactions.append(
            f'<reaction id="r{i}" reversible="false" fast="false">'
            + references("listOfReactants", r.reactants)
            + references("listOfProducts", r.products)
            + (f"<listOfModifiers>{modifiers}</listOfModifiers>" if modifiers else "")
            + '<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">'
            + mathml(ast.parse(text, mode="eval").body)
            + "</math></kineticLaw></reaction>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">'
        '<model id="m" substanceUnits="item" extentUnits="item" timeUnits="second" volumeUnits="litre">'
        '<listOfCompartments><compartment id="cell" size="1" spatialDimensions="3" units="litre" constant="true"/>'
        f"</listOfCompartments><listOfSpecies>{species}</listOfSpecies>"
        + (f"<listOfParameters>{parameters}</listOfParameters>" if parameters else "")
        + f"<listOfReactions>{''.join(reactions)}</listOfReactions></model></sbml>"
    )


def net(model):
    """BioNetGen's `.net`: rates count ordered choices of the reactants, as here; a rate law is a function of groups."""
    place = {name: number for number, name in enumerate(model.species, 1)}
    parameters, functions, reactions = dict(model.parameters), [], []
    for i, r in enumerate(model.reactions, 1):
        rate = r.rate
        if r.law:
            rate, text = f"law{i}", re.sub(r"pow\(([^,()]+),([^()]+)\)", r"((\1)^(\2))", r.rate)
            functions.append(f"{rate}() {text}")
        elif not isinstance(rate, str):
            rate = f"number{i}"
            parameters[rate] = float(r.rate)
        sides = [
            ",".join(str(place[s]) for s, n in side.items() for _ in range(n)) for side in (r.reactants, r.products)
        ]
        reactions.append(f"{sides[0] or 0} {sides[1] or 0} {rate}")
    blocks = {
        "parameters": [f"{name} {value!r}" for name, value in parameters.items()],
        "functions": functions,
        "species": [f"{name}() {n}" for name, n in model.start.items()],
        "reactions": reactions,
        "groups": [f"{name} {number}" for name, number in place.items()],
    }
    lines = []
    for name, entries in blocks.items():
        numbered = [f"  {i} {entry}" for i, entry in enumerate(entries, 1)]
        lines += [f"begin {name}", *numbered, f"end {name}"] if entries else []
    return "\n".join([*lines, ""])
