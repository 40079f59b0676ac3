"""How paths are drawn, and on what machine."""

from jumpax._base.cache import keep_programs_of_xla
from jumpax.engines.engine import AbstractEngine as AbstractEngine
from jumpax.engines.engine import Progress as Progress
from jumpax.engines.event_log import EventLog as EventLog
from jumpax.engines.event_log import Events as Events
from jumpax.engines.paths import Paths as Paths
from jumpax.engines.plan import Plan as Plan
from jumpax.engines.plan import plan as plan
from jumpax.engines.saved import load_lanes as load_lanes
from jumpax.engines.saved import save_lanes as save_lanes
from jumpax.engines.simulate import simulate as simulate

keep_programs_of_xla()
