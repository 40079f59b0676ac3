"""Rules of BioNetGen (`.bngl`) as models, by way of the network that BioNetGen makes of them."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from jumpax._base.errors import InputError, UnsupportedError, listed
from jumpax.importers import foreign, guard
from jumpax.importers.actions import placed
from jumpax.importers.bionetgen import parse_net
from jumpax.importers.counts import Counting
from jumpax.importers.model import FileModel

_SECONDS = 120
_VALUE = r"(?:-?[\d.]+(?:[eE]-?\d+)?|\"[\w ]*\"|'[\w ]*')"
_PAIR = rf"\w+\s*=>\s*(?:{_VALUE}|\{{\s*(?:\w+\s*=>\s*{_VALUE}\s*,?\s*)*\}})"
_GENERATE = re.compile(rf"generate_network\(\s*(?:\{{\s*(?:{_PAIR}\s*,?\s*)*\}})?\s*\)\s*;?")
_OPTION = re.compile(rf"setOption\(\s*\"\w+\"\s*,\s*{_VALUE}\s*\)\s*;?")
_ACTION = re.compile(r"\s*(\w+)\s*\(.*")
_PARAMETER = re.compile(r"par(am|ameter)?\s")
_ACTIONS = ("actions", "protocol")
_FOLDERS = {"Linux": "bng-linux", "Darwin": "bng-mac", "Windows": "bng-win"}


def read_bngl(path: Path, counting: Counting) -> FileModel:
    """The network of the rules in a file; see `read`.

    BioNetGen is the one that the environment variable BNGPATH names, or that of the package `bionetgen`. It runs in a folder
    of its own, for two minutes at most, and is given the blocks of the file only: actions are code of Perl that it would run. Of
    these only `setOption` and `generate_network` with plain numbers and texts pass.
    """
    net, left_out = network_of(path)
    made = parse_net(net, str(path), path.stem, counting)
    notes = ["the network that BioNetGen made of the rules"]
    if left_out:
        notes.append(
            f"actions that are left out: {listed(dict.fromkeys(left_out))}; jumpax.read_protocol reads what they draw"
        )
    return replace(made, notes=(*notes, *made.notes))


def network_of(path: Path) -> tuple[str, list[str]]:
    """The network of the rules in a file as a text (`.net`), and the names of the actions that BioNetGen was not given."""
    text = guard.check_text(guard.load(path, guard.LARGEST_TEXT), str(path))
    program, perl = _program(), shutil.which("perl")
    if program is None or perl is None:
        foreign.refuse_suffix(path)
    left_out: list[str] = []
    rules = "".join(_model(text, str(path), left_out))
    return _network(str(perl), str(program), rules, str(path)), left_out


def _program() -> Path | None:
    """BNG2.pl, if it is there; nothing is imported."""
    folders = [Path(os.environ["BNGPATH"])] if os.environ.get("BNGPATH") else []
    package = importlib.util.find_spec("bionetgen")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        folders.append(Path(place) / _FOLDERS.get(platform.system(), ""))
    return next((folder / "BNG2.pl" for folder in folders if (folder / "BNG2.pl").is_file()), None)


def _model(text: str, origin: str, left_out: list[str]) -> Iterator[str]:
    """The lines of the blocks, and the one action that makes the network; other actions are named in `left_out`."""
    generate = "generate_network({overwrite=>1})"
    for number, block, line in placed(text, origin):
        words = " ".join(line.split())
        if block not in ("", *_ACTIONS) or (not block and (_OPTION.fullmatch(words) or _PARAMETER.match(words))):
            yield f"{line}\n"
        elif words.startswith("generate_network"):
            if not _GENERATE.fullmatch(words):
                raise UnsupportedError(
                    f"{origin}, line {number}: options of generate_network other than numbers and texts"
                )
            generate = words
        elif (action := _ACTION.match(words)) and action.group(1) not in ("version", "setModelName"):
            left_out.append(action.group(1))
    yield f"{generate}\n"


def _network(perl: str, program: str, rules: str, origin: str) -> str:
    """The network as text.

    Raises:
        InputError: BioNetGen does not take the rules.
        UnsupportedError: it does not finish.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.bngl")
        file.write_text(rules, encoding="utf-8")
        command = [perl, program, "--outdir", folder, str(file)]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise UnsupportedError(
                f"BioNetGen makes no network of {origin} in {_SECONDS} s; it may have no end: give generate_network max_stoich or "
                "max_iter, or make the .net yourself"
            ) from None
        network = Path(folder, "model.net")
        if done.returncode or not network.is_file():
            said = " ".join((done.stderr or done.stdout[-600:]).decode(errors="replace").split())
            said = said[:600].replace(folder + os.sep, "") or f"it ends with status {done.returncode} and no word"
            raise InputError(f"BioNetGen does not take {origin}: {said}")
        return network.read_text(encoding="utf-8")
