"""Antimony as a model, and models as Antimony, by way of SBML."""

import re
import subprocess
import sys
from pathlib import Path

from jumpax._base.errors import InputError, UnsupportedError, listed
from jumpax._base.extras import need
from jumpax.importers import guard
from jumpax.importers.counts import Counting
from jumpax.importers.model import FileModel
from jumpax.importers.sbml import parse_sbml
from jumpax.importers.statement import Statement
from jumpax.importers.to_sbml import to_sbml

_SECONDS = 60
_ID = re.compile(r"<(?:species|parameter|reaction|compartment|event) [^>]*?\bid=\"([^\"]*)\"")
_WORDS = re.findall(
    r"\w+",
    """
    __main abs acos acosh acot acoth acsc acsch after and arccos arccosh arccot arccoth arccsc arccsch arcsec arcsech arcsin
    arcsinh arctan arctan2 arctanh area asec asech asin asinh at atan atanh avogadro bernoulli binomial cauchy ceil ceiling
    chisquare compartment const constraint cos cosh cot coth csc csch default_compartment delay delete divide DNA end eq
    equals event exp exponential exponentialE exponentiale ext extent factorial false False FALSE floor formula function
    gamma gene geneProduct geq gt has implies import in INF inf infinity is laplace length leq ln log log10 lognormal lt max
    maximize min minimize minus mod model module NAN NaN nan neq normal not notanumber operator or pi piecewise plus poisson
    pow power quotient rateOf rayleigh reaction rem root sec sech sin sinh species sqr sqrt substance substanceOnly tan tanh
    time time_unit times TRUE True true truncatedExponential truncatedGamma truncatedNormal truncatedPoisson uniform unit
    var volume xor
    """,
)
"""What libAntimony 3 takes for something else: it renames such things without looking whether the new name is in use, or fails."""
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


def to_antimony(statement: Statement) -> str:
    """A model as Antimony.

    Raises:
        UnsupportedError: the library gives something another name than it has here.

    Warns:
        JumpaxWarning: names that Antimony has taken are others.
    """
    sbml = to_sbml(statement, "Antimony", _WORDS)
    made = _converted(sbml, "the model", "SBML", "Antimony").decode()
    kept = {*_ID.findall(_converted(made, "the model").decode())}
    if lost := [name for name in _ID.findall(sbml) if name not in kept]:
        names = listed(map(repr, lost))
        raise UnsupportedError(f"the Antimony library does not keep the names {names}; rename them, or write .xml")
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
