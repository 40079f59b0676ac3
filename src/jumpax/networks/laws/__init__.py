"""Rate laws."""

from jumpax.networks.laws.function import Function as Function
from jumpax.networks.laws.hill import Hill as Hill
from jumpax.networks.laws.law import AbstractLaw as AbstractLaw
from jumpax.networks.laws.mass_action import MassAction as MassAction
from jumpax.networks.laws.michaelis_menten import MichaelisMenten as MichaelisMenten
