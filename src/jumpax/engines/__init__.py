"""How paths are drawn, and on what machine."""

from jumpax._base.cache import keep_programs_of_xla
from jumpax.engines.delay import AbstractDelay as AbstractDelay
from jumpax.engines.delay import ExponentialDelay as ExponentialDelay
from jumpax.engines.delay import FixedDelay as FixedDelay
from jumpax.engines.delay import GammaDelay as GammaDelay
from jumpax.engines.delay import NormalDelay as NormalDelay
from jumpax.engines.delay import UniformDelay as UniformDelay
from jumpax.engines.engine import AbstractEngine as AbstractEngine
from jumpax.engines.engine import Progress as Progress
from jumpax.engines.event_log import EventLog as EventLog
from jumpax.engines.event_log import Events as Events
from jumpax.engines.paths import Paths as Paths
from jumpax.engines.saved import load_lanes as load_lanes
from jumpax.engines.saved import save_lanes as save_lanes
from jumpax.engines.simulate import simulate as simulate
from jumpax.engines.simulate_delays import simulate_delays as simulate_delays

keep_programs_of_xla()
