"""`particle_filter`: likelihoods of partly observed paths, unbiased."""

import functools
import time as clock
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, PRNGKeyArray, Shaped

from jumpax._base.errors import InputError, UnsupportedError
from jumpax._base.memory import check_memory
from jumpax._base.types import Numeric, Precision
from jumpax.engines.choice import engine_for
from jumpax.engines.prepared import check_precision
from jumpax.engines.program import Program, check_positive
from jumpax.filters.cloud import Stage
from jumpax.filters.filtered import Filtered, History
from jumpax.filters.following import Followed, Past, follow
from jumpax.filters.moving import Mover
from jumpax.filters.question import Question, question
from jumpax.filters.streams import Streams, streams_of
from jumpax.filters.weighing import Weigher
from jumpax.folds import ReactionCounts, Score, Snapshots, Together
from jumpax.networks import ModelLike, Network
from jumpax.networks.ceiling import REMEDY, check_ceilings
from jumpax.networks.starts import Start
from jumpax.records import Records

_REMEDY = (
    "filters and posteriors take no bound of one's own: write the law with operations whose range is known, such as exp, log, powers, sin, cos, "
    "jnp.where and jnp.minimum, or as a jumpax.Curve through its values"
)


def particle_filter(
    network: Network | ModelLike,
    records: Records,
    theta: Mapping[str, Numeric | Sequence[float]] | None = None,
    x0: Start | None = None,
    *,
    particles: int,
    key: int | Array | np.ndarray | Sequence[int | PRNGKeyArray],
    chain: Sequence[int] | None = None,
    start: float = 0.0,
    gradient: Sequence[str] = (),
    lag: int | None = None,
    keep: bool = True,
    engine: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    max_events: int = 1_000_000,
    max_draws: int | None = None,
) -> Filtered:
    """The likelihood of records of single paths, by following many exact paths from record to record.

    M particles are started, moved to the next record by Gillespie's method, and weighted by the density of what was measured there. Where
    weights have become uneven (effective size below M/2), systematic resampling replaces those that disagree by copies of those that agree.
    The product over records of the mean weights is an unbiased estimate of p(records | theta), whatever M; its logarithm is low by
    half its variance, to first order in 1/M. Where a record is exact (`records.Exact`), paths are drawn until M + 1 agree with it, which is
    unbiased too (see `filters.alive`).

    All chains, cells and particles are paths of one engine call per record. What a cell of a chain finds depends on the key, the number
    of the chain, the name of the cell, its records and theta: not on what runs beside it. (The times of all cells part the paths: a cell
    alone has to have the times that it had in company.)

    Args:
        network: what reacts, or a model with numbers of its own. Rates may depend on time.
        records: what was measured.
        theta: parameters of network, start and laws of measurement: a number, or an array with one number for each chain.
        x0: counts at the start or laws of them, as `simulate` takes them; or arrays with one count for each cell.
        particles: M, at least 2.
        key: one key; or one for each chain.
        chain: the number of each chain; by default 0, 1, .. under one key, and 0 under a key of its own.
        start: time at the start.
        gradient: parameters of any kind with respect to which the log-likelihood is differentiated, by Fisher's identity: the mean, over
            particles, of the score of their paths and records. Biased by O(1/M); its variance grows like the square of the
            number of records over M.
        lag: average the score of each interval over the weights so many records later, instead of at the end. The variance then grows
            linearly; the bias is what later records would still tell about that interval, and falls off as the chain forgets.
        keep: whether to keep the particles of all times, for means, bands, paths and standard errors; False for the likelihood and its
            gradient alone.
        engine: as for `simulate`.
        precision: of the paths, as for `simulate`; weights are in float64.
        threads: most of them; default all cores, where that helps.
        max_events: of one path between two records; one that reaches it is lost, with weight zero.
        max_draws: for an exact record; default 1,000 for each particle. A filter that reaches it has log-likelihood -inf.

    Returns:
        Log-likelihoods (chains, cells) and more: see `Filtered`. Numbers that make no sense (a negative rate, an sd of zero, NaN) give -inf
        and are told in `refused`; a filter without particles gives -inf (`extinct`); paths that cannot be followed are counted (`lost`):
        among them those whose rates grow without end in time (`BOUND_BROKEN`), for which no exact path is drawn.

    Raises:
        InputError: names and shapes that do not fit together.
        UnsupportedError: delays, events and families: paths are begun anew at each record, where what is under way would be forgotten;
            rates that depend on time by an operation of which no range is known.

    Source: Gordon, Salmond & Smith 1993, doi:10.1049/ip-f-2.1993.0015; Del Moral 2004, doi:10.1007/978-1-4684-9393-1 (unbiased); Del Moral,
    Doucet & Jasra 2012, doi:10.3150/10-BEJ335 (resampling by effective size); Poyiadjis, Doucet & Singh 2011, doi:10.1093/biomet/asq062
    (Fisher's identity).

    Examples:
        >>> import jumpax
        >>> from jumpax.records import Normal
        >>> model = jumpax.zoo.birth_death()
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [7.1, 13.5, 9.2]}, Normal("sd"))
        >>> theta = {"birth": 10.0, "death": 1.0, "sd": [1.0, 2.0, -1.0]}
        >>> found = jumpax.filters.particle_filter(model, trace, theta, particles=200, key=0, gradient=["birth", "sd"])
        >>> found
        Filtered(3 chains, 1 cells, 3 times, 200 particles; log-likelihood -7.4... to -7.4...; 1 chains refused)
        >>> found.log_likelihood.shape, found.gradient["sd"].shape, found.mean("X").shape
        ((3, 1), (3, 1), (3, 1, 3))
    """
    begin = clock.perf_counter()
    many = check_positive("particles", particles, 2**24)
    limit = check_positive("max_events", max_events, 2**31 - 2)
    most = check_positive("max_draws", max_draws if max_draws is not None else 1_000 * many, 2**31 - 1)
    if many < 2:
        raise InputError("particles must be 2 or more")
    if lag is not None:
        check_positive("lag", lag)
    kind = check_precision(precision)
    asked = question(network, records, theta, x0, start, gradient, kind)
    streams = streams_of(key, chain, asked.chains, records.cells)
    own = np.repeat(asked.good * len(records.cells), len(records.cells)) + asked.cell
    streams = Streams(streams.first[own], streams.second[own])
    every = np.repeat(np.arange(len(asked.cell)), many)
    mover = _mover(asked, every, start, engine, kind, threads, limit)
    weigher = Weigher(records, asked.rows, asked.cell, every, asked.measured)
    stage = Stage(asked, mover, weigher, streams, many)
    _check_memory(asked, many, keep, lag)
    found = follow(stage, most, lag, keep)
    return _result(stage, found, keep, begin)


def _mover(
    asked: Question,
    every: np.ndarray,
    start: float,
    engine: str | None,
    precision: Precision,
    threads: int | None,
    limit: int,
) -> Mover:
    """What draws the paths."""
    if asked.network.time_dependent:
        _check_times(asked.network)
    folds = [Snapshots()]
    if asked.counted:
        folds.append(ReactionCounts(asked.network, asked.counted))  # type: ignore[arg-type]
    if asked.scored:
        folds.append(Score(asked.network, asked.scored))  # type: ignore[arg-type]
    program = Program(asked.network, Together(tuple(folds)), precision)
    times = np.array([start, *asked.records.times])
    workers = None if threads is None else check_positive("threads", threads, 256)
    chosen = engine_for(program, engine)
    return Mover(program, chosen, times, asked.rows, every, limit, workers, len(asked.counted), len(asked.scored))


@functools.lru_cache(maxsize=16)
def _check_times(network: Network) -> None:
    """Whether the laws that read the time are understood; how large they become depends on theta, and is seen lane by lane."""
    try:
        check_ceilings(network, (1,) * len(network.species))
    except UnsupportedError as fault:
        raise UnsupportedError(str(fault).replace(REMEDY, _REMEDY)) from None


def _check_memory(asked: Question, many: int, keep: bool, lag: int | None) -> None:
    lanes = len(asked.cell) * many
    species, columns, times = len(asked.network.species), len(asked.records.columns), len(asked.records.times)
    needed = lanes * (200.0 + 32 * species + 40 * columns + 16 * len(asked.wrt) * ((lag or 0) + 4))
    if keep:
        needed += lanes * times * (4.0 * species + 8 * columns + 24)
    remedy = "Take fewer particles or chains at a time" + (", or keep=False" if keep else "")
    check_memory(f"a filter of {lanes:,} particles over {times} records", needed, remedy)


def _result(stage: Stage, found: Followed, keep: bool, begin: float) -> Filtered:
    """What was found, by chain and cell."""
    asked, many = stage.question, stage.particles
    shape = asked.chains, len(asked.records.cells)

    def placed(values: Shaped[np.ndarray, "rows ..."], fill: float) -> Shaped[np.ndarray, "chains cells ..."]:
        whole = np.full((*shape, *values.shape[1:]), fill, values.dtype)
        whole[asked.good] = values.reshape(len(asked.good), shape[1], *values.shape[1:])
        return whole

    history = None
    if keep:
        past = Past(*(np.stack(parts) for parts in zip(*found.past, strict=True)))
        history = History(asked, stage.streams, *past, stage.weigher.exact, found.draws)
    gradient = found.scores.mean if found.scores else np.zeros((len(asked.cell), 0))
    return Filtered(
        cells=asked.records.cells,
        times=asked.records.times,
        particles=many,
        log_likelihood=placed(found.log_likelihood, -np.inf),
        gradient={name: placed(gradient[:, p], 0.0) for p, name in enumerate(asked.wrt)},
        effective=placed(found.effective.T, 0.0),
        draws=placed(found.draws.T, 0),
        lost={name: placed(number, 0) for name, number in found.lost.items()},
        refused=asked.refused,
        extinct=placed(found.extinct, -1),
        events=sum(found.events),
        engine=stage.mover.engine.name,
        seconds=(clock.perf_counter() - begin, stage.mover.spent[0], int(stage.mover.spent[1])),
        history=history,
    )
