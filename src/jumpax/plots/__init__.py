"""Figures of results; pyplot, with its global state and windows, is never touched."""

from jumpax._base.extras import need as _need

_need("viz", "drawing a figure")

from jumpax.plots.audit import audit as audit  # noqa: E402
from jumpax.plots.convergence import convergence as convergence  # noqa: E402
from jumpax.plots.distribution import distribution as distribution  # noqa: E402
from jumpax.plots.files import check_target as check_target  # noqa: E402
from jumpax.plots.files import png_bytes as png_bytes  # noqa: E402
from jumpax.plots.files import save_figure as save_figure  # noqa: E402
from jumpax.plots.fitted import fitted as fitted  # noqa: E402
from jumpax.plots.posterior import draws as draws  # noqa: E402
from jumpax.plots.posterior import records as records  # noqa: E402
from jumpax.plots.profile import profile as profile  # noqa: E402
from jumpax.plots.style import PALETTE as PALETTE  # noqa: E402
from jumpax.plots.style import new_figure as new_figure  # noqa: E402
from jumpax.plots.style import style as style  # noqa: E402
from jumpax.plots.trajectories import trajectories as trajectories  # noqa: E402
from jumpax.plots.trajectories import trajectory_panels as trajectory_panels  # noqa: E402
