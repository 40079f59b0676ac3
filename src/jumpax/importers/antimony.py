"""Antimony as a model, and models as Antimony, by way of SBML."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError, listed
from jumpax._base.extras import need
from jumpax.importers import guard
from jumpax.importers.counts import Counting
from jumpax.importers.model import FileModel
from jumpax.importers.sbml import parse_sbml

_SECONDS = 60
_ID = re.compile(r"<(?:species|parameter) [^>]*?\bid=\"([^\"]*)\"")
_CHILD = """
import sys
import antimony
if antimony.load{0}String(sys.stdin.buffer.read().decode()) < 0:
    sys.stderr.buffer.write(antimony.getLastError().encode())
    sys.exit(3)
sys.stdout.buffer.write(antimony.get{1}String(antimony.getMainModuleName()).encode())
"""


def read_antimony(path: Path, counting: Counting) -> FileModel:
    """The model in a file of Antimony (its last module); see `read`."""
    text = guard.check_text(guard.load(path, guard.LARGEST_TEXT), str(path))
    need("models", "reading Antimony")
    return parse_sbml(guard.check_xml(_converted(text, str(path)), str(path)), str(path), path.stem, counting)


def to_antimony(sbml: str) -> str:
    """A model in SBML as Antimony.

    Warns:
        JumpaxWarning: names that Antimony has taken are others.
    """
    made = _converted(sbml, "the model", "SBML", "Antimony").decode()
    before, after = (_ID.findall(text) for text in (sbml, _converted(made, "the model").decode()))
    gone, come = ([n for n in names if n not in {*others}] for names, others in ((before, after), (after, before)))
    if renamed := [f"{old!r} is {new}" for old, new in zip(gone, come, strict=False)]:
        warnings.warn(f"names that Antimony has taken are others: {listed(renamed)}", JumpaxWarning, stacklevel=4)
    return made


def _converted(text: str, origin: str, given: str = "Antimony", wanted: str = "SBML") -> bytes:
    """The model in the other language. The library runs in a process of its own: some texts crash it, and it forgets nothing."""
    command = [sys.executable, "-c", _CHILD.format(given, wanted)]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise UnsupportedError(f"the Antimony library does not finish {origin} in {_SECONDS} s") from None
    if done.returncode == 3:
        message = " ".join(done.stderr.decode(errors="replace").split())
        raise InputError(f"{origin} is not {given}: {message[:600]}{' ...' * (len(message) > 600)}")
    if done.returncode:
        raise InputError(f"the Antimony library crashes on {origin} (status {done.returncode}); write it another way")
    return done.stdout
