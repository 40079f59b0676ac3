"""Problems in the tables of PEtab."""

from jumpax.inference.petab.read import PetabProblem as PetabProblem
from jumpax.inference.petab.read import read_petab as read_petab
