"""What is to be learnt from records of single paths."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np

from jumpax._base.errors import InputError, unknown_name
from jumpax._base.given import is_real
from jumpax.exact import StateSpace
from jumpax.exact.state_space import Limits, check_limits
from jumpax.filters.exact import likelihood_of
from jumpax.filters.likelihood import Likelihood
from jumpax.inference.parameters import Numbers, Parameter, Structure, resolve
from jumpax.inference.parametrised import AbstractParametrised
from jumpax.networks import NONE, Need, Network, StartTable, check_counts, check_network, numbers_of
from jumpax.networks.starts import AbstractCountLaw, AbstractStart, start_of
from jumpax.networks.starts.binomial import Binomial
from jumpax.networks.starts.independent import Independent
from jumpax.records import Firings, Records


@final
@dataclasses.dataclass(frozen=True, eq=False)
class RecordProblem(AbstractParametrised):
    """Records of single paths, and the model that is to explain them.

    Args:
        network: what reacts; of a model, its network is taken.
        x0: counts at the start, or laws of them with parameters, as `simulate` takes.
        records: what was measured (`jumpax.Records`).
        parameters: `Free`, `Fixed` or `Derived` by name: all parameters of the network, of the laws of measurement and of the start,
            and more if formulas read them or they are to be reported.
        start: time at the start.
        limits: for the master equation: largest count of each species that is not bounded by itself.
        max_states: for the master equation: the most states.
        firings: for the master equation: largest numbers of `Firings` between two records, by column.
        tolerance: for the master equation: the most probability that may leave the space.

    Raises:
        InputError: everything that does not fit together.
        UnsupportedError: events, delays and families of reactions: no likelihood here treats them.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, RecordProblem, priors
        >>> model = jumpax.zoo.birth_death()
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [4.1, 9.3, 7.9]}, jumpax.records.Normal("sd"))
        >>> rates = {"birth": Free.box(1.0, 50.0), "death": Fixed(1.0), "sd": Free(1.0, prior=priors.HalfNormal(2.0))}
        >>> problem = RecordProblem(model.network, {"X": 0}, trace, rates, limits=60)
        >>> problem.free, problem.space.size
        (('birth', 'sd'), 61)
    """

    network: Network
    x0: Mapping[str, object] | StartTable
    records: Records
    parameters: Mapping[str, Parameter]
    start: float = dataclasses.field(default=0.0, kw_only=True)
    limits: Limits = dataclasses.field(default=None, kw_only=True)
    max_states: int = dataclasses.field(default=200_000, kw_only=True)
    firings: Mapping[str, int] | None = dataclasses.field(default=None, kw_only=True)
    tolerance: float = dataclasses.field(default=1e-6, kw_only=True)

    def __post_init__(self):
        object.__setattr__(self, "network", numbers_of(self.network, NONE, NONE)[0])
        check_network(self.network, {Need.TIME}, "RecordProblem")
        if not isinstance(self.records, Records):
            raise InputError(
                f"records must be jumpax.Records(times, values, laws), not {type(self.records).__name__}; counts of many cells at "
                "once belong to a Problem with a loss"
            )
        if not is_real(self.start) or not math.isfinite(self.start):
            raise InputError(f"start must be a time; got {self.start!r}")
        faults = [*self.records.faults(self.network, self.start), *self._settings()]
        for check in (lambda: self.law or check_counts(self.network, self.x0), lambda: self.resolved):
            try:
                check()
            except InputError as error:
                faults.append(str(error))
        if not faults:
            values = self.values(self.structure.unconstrained(self.start_values, self.numbers))
            faults += self.records.wrong({name: float(value) for name, value in values.items()})
        if faults:
            raise InputError("the problem cannot be set up:\n" + "\n".join(f"- {fault}" for fault in faults))

    def _settings(self) -> Iterator[str]:
        """What is wrong with those of the master equation."""
        if not is_real(self.tolerance) or not 0 < self.tolerance < 1:
            yield f"tolerance must be a probability between 0 and 1; got {self.tolerance!r}"
        if isinstance(self.max_states, bool) or not isinstance(self.max_states, int) or self.max_states < 1:
            yield f"max_states must be a whole number from 1 on; got {self.max_states!r}"
        try:
            check_limits(self.network, self.limits)
        except InputError as fault:
            yield str(fault)
        counted = [column.name for column in self.records.columns if isinstance(column.signal, Firings)]
        for name, most in (self.firings or {}).items():
            if name not in counted:
                yield f"firings: {unknown_name('column of Firings', name, counted)}"
            elif isinstance(most, bool) or not isinstance(most, int) or most < 1:
                yield f"firings of {name!r} must be a whole number from 1 on; got {most!r}"

    @functools.cached_property
    def law(self) -> AbstractStart | None:
        """Of the counts at the start; None where they are given."""
        return start_of(self.network, self.x0)

    @functools.cached_property
    def resolved(self) -> tuple[Structure, Numbers, dict[str, float]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Structure and numbers of the parameters, and start values of the free ones."""
        start = () if self.law is None else self.law.parameters
        return resolve(self.parameters, self.network, start, self.records.parameters)

    @property
    def units(self) -> dict[str, str]:
        """Those given, else those of the network."""
        return {n: p.unit or self.network.units.get(n, "") for n, p in self.parameters.items()}

    @functools.cached_property
    def space(self) -> StateSpace:
        """The states of the master equation.

        Raises:
            InputError: there are too many, or limits are missing.
        """
        return StateSpace.reachable(self.network, self._starts(), self.limits, max_states=self.max_states)

    def likelihood(self) -> Likelihood:
        """The exact log-likelihood as a function of parameters.

        Raises:
            InputError: the space is too large, or does not hold the records.
        """
        x0 = self.x0 if self.law is None else self.law
        return likelihood_of(self.space, self.records, x0, None, self.start, self.firings, self.tolerance)

    def enlarged(self, factor: float) -> "RecordProblem":
        """The same with limits, and the most states, in proportion.

        Raises:
            InputError: a factor that is not above 1.
        """
        if not factor > 1:
            raise InputError(f"a space is enlarged by a factor above 1; got {factor!r}")

        def more(limit: int) -> int:
            return math.ceil(limit * factor)

        limits = {n: more(k) for n, k in self.limits.items()} if isinstance(self.limits, Mapping) else (
            None if self.limits is None else more(int(self.limits))
        )  # fmt: skip
        counted = self.likelihood().chain.counted
        tops = zip(counted.columns, counted.tops, strict=True)
        firings = {self.records.columns[i].name: more(top) for i, top in tops} or None
        most = more(self.max_states) * max(1, math.ceil(factor ** (len(self.network.species) - 1)))
        return dataclasses.replace(self, limits=limits, firings=firings, max_states=most)

    def _starts(self) -> Any:
        """Counts from which all states are reached."""
        if self.law is None:
            return self.x0
        if isinstance(self.law, StartTable):
            return dict(zip(self.network.species, self.law.rows.T, strict=True))
        if not isinstance(self.law, Independent):
            raise InputError(f"the master equation does not know the states that {type(self.law).__name__} starts in")
        ranges = [self._range(name, count) for name, count in zip(self.law.species, self.law.counts, strict=True)]
        columns = np.meshgrid(*ranges, indexing="ij")
        return {name: column.reshape(-1) for name, column in zip(self.law.species, columns, strict=True)}

    def _range(self, name: str, count: int | AbstractCountLaw) -> np.ndarray:
        """The counts that a species may start with."""
        if not isinstance(count, AbstractCountLaw):
            return np.array([count])
        limit = self.limits.get(name) if isinstance(self.limits, Mapping) else self.limits
        if isinstance(count, Binomial):
            limit = count.trials if limit is None else min(limit, count.trials)
        if limit is None:
            raise InputError(f"{name!r} starts with a law of its count: give limits={{{name!r}: ...}}")
        return np.arange(limit + 1)
