"""Which reaction fires: by inverse CDF, a term, an entry on its left, one on its right, a reaction between them."""

from collections.abc import Callable
from typing import final

from jumpax.engines.native.operations import Number
from jumpax.engines.tables.interface import LONG, Sizes
from jumpax.engines.tables.layout import FAN, NONE
from jumpax.engines.tables.writer import Variable, Writer


@final
class Choice:
    """Writes the choice.

    Args:
        w: of the function.
        size: numbers of species, terms and so on.
        other_laws: whether some terms are reactions with laws of their own.
    """

    def __init__(self, w: Writer, size: Sizes, other_laws: bool):
        self.w, self.size, self.other_laws = w, size, other_laws

    def reaction_at(self, point: Number) -> tuple[Number, Number, Number]:
        """The term and the reaction at a point of the running sum of all propensities, and what is left of the point in the term."""
        w, do, code = self.w, self.w.do, self.w.code
        node, left = w.variable(do("sub", self.size.nodes, 1)), w.variable(point)
        with code.repeat() as only_if:
            only_if(do("ge", node.value, self.size.leaves))
            first = w.get("children", do("sub", node.value, self.size.leaves))
            child, rest = self._child(first, left.value)
            node.value, left.value = do("add", first, child), rest
        term = node.value
        chosen = w.variable(w.long(0))
        own = do("ge", term, self.size.terms)
        if self.other_laws:
            with code.when(own):
                chosen.value = w.get("reaction_of", do("sub", term, self.size.terms))
        with code.when(do("not_", own)):
            chosen.value = self._reaction(term, do("div", left.value, w.get("rates", term)))
        return term, chosen.value, left.value

    def _child(self, first: Number, point: Number) -> tuple[Number, Number]:
        """The child at a point of the running sum of all of them, and what is left of the point; the last one with a rate at the end."""
        w, do = self.w, self.w.do
        zero, nothing = w.long(0), w.number(0.0)
        running, below, which, last, before_last = nothing, nothing, zero, zero, nothing
        for i in range(FAN):
            rate = w.get("rates", do("add", first, i))
            some = do("gt", rate, nothing)
            last = do("select", some, w.long(i), last)
            before_last = do("select", some, running, before_last)
            running = do("add", running, rate)
            beyond = do("ge", point, running)
            which = do("add", which, w.to(beyond, LONG))
            below = do("select", beyond, running, below)
        over = do("gt", which, last)
        which = do("select", over, last, which)
        below = do("select", over, before_last, below)
        return which, do("sub", point, below)

    def _reaction(self, term: Number, share: Number) -> Number:
        """The reaction of a term at a share of its propensity: entry on the left, entry on the right, reaction between them."""
        w, do, code = self.w, self.w.do, self.w.code
        both_block = w.get("both_block", term)
        common = do("ge", both_block, 0)
        left, right = w.get("left_pattern", term), w.get("right_pattern", term)
        partners = w.get("sums", w.get("right", term))
        others = w.real(partners)  # products of sums may be too large for whole numbers
        first, both = (w.real(w.get("sums", w.get(name, term))) for name in ("left", "both"))
        whole = do("sub", do("mul", first, others), both)
        overlap = w.get("both_entry", term)

        def block_weight(block: Number) -> Number:
            own = do("mul", w.real(w.get("sums", do("add", w.get("first_block", left), block))), others)
            shared = w.get("sums", do("select", common, do("add", both_block, block), w.long(NONE)))
            return do("sub", own, w.real(shared))

        def entry_weight(entry: Number) -> Number:
            at = do("add", w.get("first_entry", left), entry)
            free = w.variable(partners)
            with code.when(common):
                free.value = do("sub", partners, w.get("other_weight", do("add", overlap, entry)))
            pairs = do("mul", w.real(w.get("weight", at)), w.real(free.value))
            return do("mul", w.real(w.get("counts", w.get("species", at))), pairs)

        entry, rest = self._entry(left, do("mul", share, whole), block_weight, entry_weight)
        column, within = w.variable(w.long(0)), w.variable(rest)
        with code.when(do("gt", w.get("entries", right), 1)):
            self._partner(term, left, right, entry, common, overlap, partners, column, within)
        width = w.get("entries", right)
        pair = do("add", do("add", w.get("first_pair", term), do("mul", entry, width)), column.value)
        return self._slot(pair, within.value)

    def _partner(
        self,
        term: Number,
        left: Number,
        right: Number,
        entry: Number,
        common: Number,
        overlap: Number,
        partners: Number,
        column: Variable,
        share: Variable,
    ) -> None:
        """The entry on the right, from the molecules that are left when one on the left is taken."""
        w, do, code = self.w, self.w.do, self.w.code
        species, block, taken = w.variable(w.long(0)), w.variable(w.long(NONE)), w.variable(w.long(0))
        with code.when(common):
            species.value = w.get("species", do("add", w.get("first_entry", left), entry))
            block.value = w.get("other_block", do("add", overlap, entry))
            taken.value = w.get("other_weight", do("add", overlap, entry))
        one = do("select", do("gt", taken.value, 0), w.long(1), w.long(0))

        def move(sign: int) -> None:
            with code.when(common):
                w.add("counts", species.value, do("mul", one, sign))
                w.add("sums", block.value, do("mul", taken.value, sign))

        move(-1)

        def block_weight(number: Number) -> Number:
            return w.real(w.get("sums", do("add", w.get("first_block", right), number)))

        def entry_weight(number: Number) -> Number:
            at = do("add", w.get("first_entry", right), number)
            return w.real(do("mul", w.get("counts", w.get("species", at)), w.get("weight", at)))

        point = do("mul", share.value, w.real(do("sub", partners, taken.value)))
        column.value, share.value = self._entry(right, point, block_weight, entry_weight)
        move(1)

    def _entry(
        self,
        pattern: Number,
        point: Number,
        block_weight: Callable[[Number], Number],
        entry_weight: Callable[[Number], Number],
    ) -> tuple[Number, Number]:
        """The entry of a pattern at a point of its running sum, and the share of that entry below the point."""
        w, do = self.w, self.w.do
        size, many = w.get("block", pattern), w.get("entries", pattern)
        blocks = do("div", do("sub", do("add", many, size), 1), size)
        block, rest, _ = self._search(w.long(0), blocks, point, block_weight)
        first = do("mul", block, size)
        entry, rest, weight = self._search(first, do("min_", do("add", first, size), many), rest, entry_weight)
        return entry, do("div", rest, weight)

    def _search(
        self, first: Number, end: Number, point: Number, weight: Callable[[Number], Number]
    ) -> tuple[Number, Number, Number]:
        """The place of a point in a running sum, what is left of it there, and what the place weighs; the last one of weight at the end."""
        w, do, code = self.w, self.w.do, self.w.code
        here, left = w.variable(first), w.variable(point)
        found, rest, size = w.variable(first), w.variable(w.number(0.0)), w.variable(w.number(1.0))
        with code.repeat() as only_if:
            only_if(do("lt", here.value, end))
            own = weight(here.value)
            with code.when(do("gt", own, w.number(0.0))):
                found.value, rest.value, size.value = here.value, left.value, own
            only_if(do("ge", left.value, own))
            left.value = do("sub", left.value, own)
            here.value = do("add", here.value, 1)
        return found.value, do("min_", rest.value, size.value), size.value

    def _slot(self, pair: Number, share: Number) -> Number:
        """The reaction of a pair at a share of it."""
        w, do, code = self.w, self.w.do, self.w.code
        slot, last = w.variable(w.get("first_slot", pair)), do("sub", w.get("first_slot", do("add", pair, 1)), 1)
        with code.repeat() as only_if:
            here = slot.value
            only_if(do("lt", here, last))
            only_if(do("ge", share, w.get("share", here)))
            slot.value = do("add", here, 1)
        return w.get("reaction", slot.value)
