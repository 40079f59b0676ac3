"""The master equation on a finite set of states: exact laws and their derivatives, the judge of everything else."""

from jumpax.exact.law import Law as Law
from jumpax.exact.likelihood import log_likelihood as log_likelihood
from jumpax.exact.state_space import StateSpace as StateSpace
from jumpax.exact.stationary import stationary as stationary
from jumpax.exact.transient import distribution as distribution
from jumpax.exact.transient import jump_chain as jump_chain
