"""Reaction networks: what reacts, and at what rate."""

from jumpax.networks import zoo as zoo
from jumpax.networks.curve import Curve as Curve
from jumpax.networks.delay import AbstractDelay as AbstractDelay
from jumpax.networks.delay import ExponentialDelay as ExponentialDelay
from jumpax.networks.delay import FixedDelay as FixedDelay
from jumpax.networks.delay import GammaDelay as GammaDelay
from jumpax.networks.delay import NormalDelay as NormalDelay
from jumpax.networks.delay import UniformDelay as UniformDelay
from jumpax.networks.doubts import doubts as doubts
from jumpax.networks.kinds import NONE as NONE
from jumpax.networks.kinds import ModelLike as ModelLike
from jumpax.networks.kinds import check_network as check_network
from jumpax.networks.kinds import check_vector_network as check_vector_network
from jumpax.networks.kinds import numbers_of as numbers_of
from jumpax.networks.laws import AbstractLaw as AbstractLaw
from jumpax.networks.laws import Function as Function
from jumpax.networks.laws import Hill as Hill
from jumpax.networks.laws import MassAction as MassAction
from jumpax.networks.laws import MichaelisMenten as MichaelisMenten
from jumpax.networks.needs import Need as Need
from jumpax.networks.network import Network as Network
from jumpax.networks.parameters import check_counts as check_counts
from jumpax.networks.parameters import check_numbers as check_numbers
from jumpax.networks.parameters import check_theta as check_theta
from jumpax.networks.reaction import Reaction as Reaction
from jumpax.networks.vector_network import VectorNetwork as VectorNetwork
