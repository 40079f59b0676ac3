"""Sums over species, and the tree of propensities that they make."""

from typing import final

from jumpax.engines.native.operations import Number
from jumpax.engines.tables.interface import Sizes
from jumpax.engines.tables.layout import FAN
from jumpax.engines.tables.writer import Writer


@final
class Rates:
    """Writes what is computed from counts.

    Args:
        w: of the function.
        size: numbers of sums, leaves and so on.
    """

    def __init__(self, w: Writer, size: Sizes):
        self.w, self.size = w, size

    def sums(self) -> None:
        """All sums over the counts."""
        w, do = self.w, self.w.do
        with w.span(0, self.size.sums) as number:
            total = w.variable(w.long(0))
            with w.span(w.get("sum_start", number), w.get("sum_start", do("add", number, 1))) as member:
                count = w.get("counts", w.get("sum_species", member))
                total.value = do("add", total.value, do("mul", count, w.get("sum_weight", member)))
            w.put("sums", number, total.value)

    def term(self, term: Number) -> None:
        """The propensity of a term, from its sums: not a number where it is negative."""
        w, do = self.w, self.w.do
        left, right, both = (w.real(w.get("sums", w.get(name, term))) for name in ("left", "right", "both"))
        pairs = do("sub", do("mul", left, right), both)
        rate = do("mul", w.get("constants_now", term), pairs)
        w.put("rates", term, do("select", do("ge", rate, w.number(0.0)), rate, w.number(float("nan"))))

    def node(self, node: Number) -> None:
        """The sum of the children of an inner node."""
        w, do = self.w, self.w.do
        first = w.get("children", node)
        parts = [w.get("rates", do("add", first, i)) for i in range(FAN)]
        while len(parts) > 1:
            parts = [do("add", a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        w.put("rates", do("add", node, self.size.leaves), parts[0])
