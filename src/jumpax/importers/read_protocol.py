"""`read_protocol`: the actions of a file of BioNetGen as runs."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jumpax._base.doubt import doubt
from jumpax._base.errors import InputError, UnsupportedError, listed, unknown_name
from jumpax.importers import guard
from jumpax.importers.actions import Action, Value, actions_in
from jumpax.importers.bionetgen import LONGEST, Named, Numbers, parse_net
from jumpax.importers.bngl import network_of
from jumpax.importers.counts import EXACT, Counting
from jumpax.importers.faults import Faults
from jumpax.importers.model import FileModel
from jumpax.importers.patterns import same_species
from jumpax.importers.protocol import Protocol, Run

_METHODS = {"ode": "ode", "cvode": "ode", "ssa": "ssa", "pla": "pla", "psa": "psa", "nf": "nf"}
_WITHOUT_RUNS = (
    "generate_network", "writeModel", "writeNetwork", "writeNET", "writeFile", "writeBNGL", "writeXML", "writeSBML",
    "writeSBMLMulti", "writeMfile", "writeMexfile", "writeCPYfile", "writeLatex", "writeMDL", "writeSSC", "writeSSCcfg",
    "visualize", "version", "codename", "setModelName", "setOption", "setOutputDir",
)  # fmt: skip
"""What draws nothing and changes no number."""
_OF_FILES = (
    "verbose", "print_end", "print_net", "save_progress", "print_n_species_active", "print_CDAT", "print_functions",
    "binary_output", "seed",
)  # fmt: skip
_OF_METHODS = (
    "atol", "rtol", "sparse", "steady_state", "update_interval", "expand", "pla_config", "pla_output", "poplevel",
    "check_product_scale", "complex", "gml", "nocslf", "notf", "utl",
)  # fmt: skip
_OF_RUNS = ("method", "prefix", "suffix", "t_start", "t_end", "n_steps", "n_output_steps", "sample_times", "continue")
_DEFAULT = ""


def read_protocol(
    path: str | os.PathLike[str], *, net: str | os.PathLike[str] | None = None, round_counts: bool = False
) -> Protocol:
    r"""The actions of a file of rules (`.bngl`) as runs, which are drawn exactly.

    `simulate`, `simulate_ssa` and the like are runs; `setParameter`, `setConcentration`, `addConcentration`, and saving and
    resetting both mean what they mean in BioNetGen: each run begins at the counts where the one before it has ended, until
    they are reset, at time 0 unless it says `t_start` or `continue`; a count that is set to a formula of parameters is
    worked out when a run begins. Actions are read as data, none is run.

    Args:
        path: the file of rules.
        net: its network, if BioNetGen is not installed here.
        round_counts: round counts that are not whole, as BioNetGen's simulator does.

    Raises:
        InputError: what is wrong with actions, all at once, by their lines; or with the network.
        UnsupportedError: actions, options and other things that are not read, all at once. Or BioNetGen is needed and not installed.

    Warns:
        JumpaxWarning: runs ask for the rate equations (`ode`), and exact paths are drawn.

    Examples:
        >>> import pathlib, tempfile
        >>> import jumpax
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rules, net = pathlib.Path(folder, "decay.bngl"), pathlib.Path(folder, "decay.net")
        ...     _ = jumpax.write(jumpax.zoo.birth_death(), net)
        ...     _ = rules.write_text('simulate_ssa({t_end=>9})\nsetParameter("birth",20)\nsimulate_ssa({continue=>1,t_end=>12})')
        ...     print(jumpax.read_protocol(rules, net=net))
        decay: 0 to 9 (2 times) from the start
        decay_2: 9 to 12 (2 times) from the end of decay; birth = 20
    """
    file = Path(path)
    if file.suffix.lower() != ".bngl":
        raise InputError(f"{file} has no actions that are read; read_protocol reads files of rules, .bngl")
    text, faults = guard.check_text(guard.load(file, guard.LARGEST_TEXT), str(file)), Faults()
    actions = [*actions_in(text, str(file), faults)]
    source = file if net is None else Path(net)
    made = _network(file) if net is None else guard.check_text(guard.load(source, guard.LARGEST_XML), str(net), LONGEST)
    reading = _Reading(made, str(source), file.stem, Counting(round_counts))
    for action in actions:
        if action.name == "quit":
            break
        with faults.of(f"line {action.line}: {action.name}"):
            reading.take(action)
    if not reading.runs and not faults.count:
        faults.wrong.append('it has no action that draws something, such as simulate({method=>"ssa",t_end=>10})')
    faults.tell(f"the protocol of {file}")
    return Protocol(tuple(reading.runs), tuple(reading.notes()))


def _network(file: Path) -> str:
    """The network that BioNetGen makes.

    Raises:
        UnsupportedError: it makes none, or is not installed.
    """
    try:
        return network_of(file)[0]
    except UnsupportedError as fault:
        raise UnsupportedError(f"{fault}. Where the network is there already, give it: net=...") from None


@dataclass(frozen=True)
class _Counts:
    """Where the next run begins: the start (None) or the end of a run, and what was set and added since."""

    follows: str | None = None
    amounts: dict[str, str] = field(default_factory=dict)
    added: dict[str, float] = field(default_factory=dict)


class _Reading:
    """What has been read of the actions so far."""

    def __init__(self, net: str, origin: str, stem: str, counting: Counting):
        self._net, self._origin, self._stem, self._counting = net, origin, stem, counting
        self.named = Named(net, origin)
        self.runs: list[Run] = []
        self._parameters: dict[str, str] = {}
        self._counts, self._time = _Counts(), 0.0
        self._saved_counts, self._saved_parameters = dict[str, _Counts](), dict[str, dict[str, str]]()
        self._models: dict[tuple, FileModel] = {}
        self._left_out: dict[str, None] = {}
        self._passed: dict[str, None] = {}

    def take(self, action: Action) -> None:
        """One action.

        Raises:
            InputError: something in it is wrong.
            UnsupportedError: it is not read, or an option of it.
        """
        texts = tuple(a for a in action.arguments if isinstance(a, str))
        table = action.arguments[0] if len(action.arguments) == 1 else {}
        if action.name in _WITHOUT_RUNS or (action.name == "substanceUnits" and texts == ("Number",)):
            self._left_out[action.name] = None
        elif (change := self._changes().get(action.name)) is not None:
            least, most, carry_out = change
            if len(texts) != len(action.arguments) or not least <= len(texts) <= most:
                raise InputError(f"takes {least if least == most else f'{least} or {most}'} numbers or texts")
            carry_out(*texts)
        elif action.name in ("simulate", *(f"simulate_{method}" for method in _METHODS)):
            if not isinstance(table, dict) or len(action.arguments) > 1:
                raise InputError("takes options in {...}")
            own = action.name.removeprefix("simulate").removeprefix("_")
            self._simulate({**table, "method": own} if own else table)
        else:
            raise UnsupportedError("this action is not read")

    def notes(self) -> list[str]:
        """What was assumed."""
        others = {run.method: None for run in self.runs if run.method != "ssa"}
        if "ode" in others:
            asked = listed(run.name for run in self.runs if run.method == "ode")
            doubt(
                f"{asked}: exact paths are drawn where the file asks for the rate equations (ode); their mean is another in general"
            )
        said = [f"{listed(others)}: exact paths are drawn all the same"] if others else []
        said += [f"options that mean nothing here: {listed(self._passed)}"] if self._passed else []
        return said + ([f"actions that draw nothing are left out: {listed(self._left_out)}"] if self._left_out else [])

    def _changes(self) -> dict[str, tuple[int, int, Callable[..., None]]]:
        """Actions that change numbers, and how many arguments they have."""
        return {
            "setParameter": (2, 2, self._set_parameter),
            "saveParameters": (0, 1, self._save_parameters),
            "resetParameters": (0, 1, self._reset_parameters),
            "setConcentration": (2, 2, self._set_count),
            "addConcentration": (2, 2, self._add_count),
            "saveConcentrations": (0, 1, self._save_counts),
            "resetConcentrations": (0, 1, self._reset_counts),
        }

    def _set_parameter(self, name: str, formula: str) -> None:
        if name not in self.named.parameters:
            raise InputError(unknown_name("parameter", name, self.named.parameters))
        changed = {**self._parameters, name: formula}
        self.named.number(name, changed)
        self._parameters = changed

    def _save_parameters(self, label: str = _DEFAULT) -> None:
        self._saved_parameters[label] = self._parameters

    def _reset_parameters(self, label: str = _DEFAULT) -> None:
        if label not in self._saved_parameters:
            raise InputError(f"no parameters were saved {f'as {label!r}' if label else 'before'}")
        self._parameters = self._saved_parameters[label]

    def _set_count(self, pattern: str, formula: str) -> None:
        species, counts = same_species(pattern, self.named.amounts), self._counts
        self._number(formula)
        added = {name: number for name, number in counts.added.items() if name != species}
        self._counts = replace(counts, amounts={**counts.amounts, species: formula}, added=added)

    def _add_count(self, pattern: str, formula: str) -> None:
        species, counts, more = same_species(pattern, self.named.amounts), self._counts, self._number(formula)
        if counts.follows is None or species in counts.amounts:
            amount = repr(self._number(counts.amounts.get(species, self.named.amounts[species])) + more)
            self._counts = replace(counts, amounts={**counts.amounts, species: amount})
        else:
            self._counts = replace(counts, added={**counts.added, species: counts.added.get(species, 0.0) + more})

    def _save_counts(self, label: str = _DEFAULT) -> None:
        self._saved_counts[label] = self._counts

    def _reset_counts(self, label: str = _DEFAULT) -> None:
        if label and label not in self._saved_counts:
            raise InputError(f"no concentrations were saved as {label!r}")
        self._counts = self._saved_counts.get(label, _Counts())

    def _simulate(self, options: dict[str, Value]) -> None:
        known = (*_OF_RUNS, *_OF_FILES, *_OF_METHODS)
        if refused := [name for name in options if name not in known]:
            raise UnsupportedError(f"the option {', '.join(refused)}; read are {', '.join(_OF_RUNS)}")
        if options.get("method") not in _METHODS:
            raise InputError(f"method is one of {', '.join(_METHODS)}; got {options.get('method')!r}")
        self._passed |= dict.fromkeys(name for name in options if name in _OF_METHODS or name == "seed")
        times, counts = self._times(options), self._counts
        model = self._model(counts)
        moving = model.network.species
        self.runs.append(
            Run(
                self._name(options),
                model,
                times,
                _METHODS[str(options["method"])],
                counts.follows,
                {name: self._number(name) for name in self._parameters},
                {name: model.x0[name] for name in counts.amounts if name in moving},
                {name: self._whole(name, number) for name, number in counts.added.items()},
            )
        )
        held = {name: counts.amounts.get(name, self.named.amounts[name]) for name in self.named.fixed}
        self._counts = _Counts(self.runs[-1].name, {name: repr(self._number(text)) for name, text in held.items()})
        self._time = times[-1]

    def _times(self, options: dict[str, Value]) -> tuple[float, ...]:
        """When a run looks, its start first."""
        goes_on = "continue" in options and self._option("continue", options) != 0.0
        start = self._option("t_start", options) if "t_start" in options else self._time if goes_on else 0.0
        if goes_on and abs(start - self._time) > EXACT * max(abs(start), 1.0):
            raise InputError(f"t_start is {start:g} where it goes on from {self._time:g}")
        steps = [name for name in ("n_steps", "n_output_steps") if name in options]
        samples = options.get("sample_times")
        if samples is None or steps:
            if len(steps) > 1 or "t_end" not in options:
                raise InputError(
                    "needs t_end" if "t_end" not in options else "n_steps and n_output_steps are one thing"
                )
            number, end = self._option(steps[0], options) if steps else 1.0, self._option("t_end", options)
            if not (number >= 1 and number == round(number) and end > start):
                raise InputError(
                    f"{number:g} steps from {start:g} to {end:g}: take a whole number of them, to a later end"
                )
            return tuple(np.linspace(start, end, int(number) + 1).tolist())
        if not isinstance(samples, tuple) or len(samples) < 3:
            raise InputError("sample_times has three numbers or more: [1,10,100]")
        found = sorted(self._number(str(sample)) for sample in samples)
        found += [self._option("t_end", options)] if "t_end" in options else []
        if found[0] < start or sorted(found) != found:
            raise InputError(f"sample_times have to lie between {start:g}, where the run begins, and t_end")
        return tuple(dict.fromkeys((start, *found)))

    def _option(self, name: str, options: dict[str, Value]) -> float:
        value = options[name]
        if not isinstance(value, str):
            raise InputError(f"{name} is a number")
        return self._number(value)

    def _number(self, formula: str) -> float:
        """By the parameters at this moment."""
        return self.named.number(formula, self._parameters)

    def _whole(self, species: str, number: float) -> int:
        """A number of molecules that is added; it may be negative."""
        nearest = int(np.floor(number + 0.5))
        if abs(number - nearest) > EXACT * abs(number) and not self._counting.rounded:
            raise InputError(f"{number:g} molecules more of {species}, which is not whole; round_counts=True rounds")
        return nearest

    def _model(self, counts: _Counts) -> FileModel:
        """The network with the numbers of this moment; counts at the start that a run does not begin with are 0."""
        amounts = dict.fromkeys(self.named.amounts, "0") if counts.follows is not None else {}
        numbers = Numbers(self._parameters, {**amounts, **counts.amounts})
        key = tuple(tuple(sorted(texts.items())) for texts in (numbers.parameters, numbers.amounts))
        if key not in self._models:
            self._models[key] = parse_net(self._net, self._origin, self._stem, self._counting, numbers)
        return self._models[key]

    def _name(self, options: dict[str, Value]) -> str:
        """As BioNetGen calls the files of a run; with a number if there are such files."""
        name = "_".join(str(options[word]) for word in ("prefix", "suffix") if word in options and str(options[word]))
        name = name if "prefix" in options else f"{self._stem}_{name}" if name else self._stem
        taken, number = {run.name for run in self.runs}, 2
        while (found := name if number == 2 and name not in taken else f"{name}_{number}") in taken:
            number += 1
        return found
