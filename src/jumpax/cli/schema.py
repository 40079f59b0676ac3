"""What may stand in a problem file: docs/formats/problem.md is printed from these classes.

An entry without a default is needed; None is one that is not given.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Struct

Table: TypeAlias = dict[str, Any]
Column: TypeAlias = str
Columns: TypeAlias = dict[str, Column | float]


class Entries(Struct, kw_only=True, forbid_unknown_fields=True):
    """A table of a problem file."""

    def given(self) -> dict[str, Any]:
        """Those that are given, by name."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


class Model(Entries):
    """What both commands know of a model."""

    model: Annotated[
        str | None,
        "the name of a [textbook model](../api/zoo.md), or a file: `.xml`, `.sbml`, `.ant`, `.txt`, `.net`, `.bngl` ([what is read](../models.md)), `.toml` ([model files](model.md))",
    ] = None
    network: Annotated[
        Table | None, "in place of `model`: reactions in the file itself, as in a [model file](model.md)"
    ] = None
    theta: Annotated[
        dict[str, float] | None,
        "values of parameters: those that differ from the model's, or all of them beside `[network]`",
    ] = None
    x0: Annotated[dict[str, float] | None, "counts at the start, likewise"] = None
    start: Annotated[float | None, "time at the start; default 0"] = None
    units: Annotated[dict[str, str] | None, "beside `[network]`: text, by parameter or species"] = None
    reference: Annotated[str | None, "beside `[network]`: where the model comes from"] = None
    parameters: Annotated[Table | None, "[what is known and what is to be found](#parameters)"] = None


class Condition(Model):
    """What a condition may have for itself."""

    settle: Annotated[float | None, "data are at steady state: the time after which the start is forgotten"] = None
    data: Annotated[
        Table | list[Table] | None,
        "[a data set](#data-and-loss-for-jumpax-fit); `[[data]]`, several times, are several",
    ] = None
    loss: Annotated[Table | None, "[how they are compared](#data-and-loss-for-jumpax-fit)"] = None
    simulation: Annotated[Table | None, "[simulated paths](#where-expectations-come-from)"] = None
    exact: Annotated[Table | None, "[the master equation](#where-expectations-come-from)"] = None


class FitFile(Condition):
    """A file for `jumpax fit`."""

    conditions: Annotated[Table | None, "[what differs in each condition](#conditionsname)"] = None
    compare: Annotated[Table | None, "[which parameters differ](#conditionsname)"] = None
    fit: Annotated[Table | None, "[how it is searched](#fit-and-profile)"] = None
    profile: Annotated[Table | None, "[a profile likelihood](#fit-and-profile)"] = None


class RecordFile(Model):
    """A file for `jumpax infer`."""

    records: Annotated[Table | None, "[what was measured](#records-and-posterior-for-jumpax-infer)"] = None
    exact: Annotated[Table | None, "[the master equation](#where-expectations-come-from)"] = None
    posterior: Annotated[Table | None, "[how it is drawn](#records-and-posterior-for-jumpax-infer)"] = None


class Parameter(Entries):
    """What every parameter may have."""

    unit: Annotated[str, "carried to tables and figures"] = ""


class Sought(Parameter):
    """What parameters to be found may have."""

    own: Annotated[bool | None, "`jumpax fit`: `true` for one value in each condition"] = None
    prior: Annotated[
        Table | None,
        '`jumpax infer`: `{ law = "LogNormal", median = 1.0, sd = 0.5 }`, a law of [`jumpax.priors`](../api/priors.md) by its name, with its arguments. A `box` is log-uniform by itself',
    ] = None


class Free(Sought, kw_only=True):
    """To be found, from a start."""

    free: Annotated[
        float,
        "to be found, beginning at this number",
    ]
    lower: Annotated[float | None, "the bound below; default 0"] = None
    upper: Annotated[float | None, "the bound above; default infinity"] = None


class Box(Sought, kw_only=True):
    """To be found, anywhere in a box."""

    box: Annotated[
        tuple[float, float],
        "to be found between these, over orders of magnitude; needed for a `budget`",
    ]


class Fixed(Parameter, kw_only=True):
    """Known."""

    fixed: Annotated[float, "known"]


class Product(Parameter, kw_only=True):
    """A product of others."""

    product: Annotated[list[str], "the product of others, reported with an error"]


class Ratio(Parameter, kw_only=True):
    """A ratio of others."""

    ratio: Annotated[tuple[str, str], "the ratio of two others, likewise"]


PARAMETERS: dict[str, type[Parameter]] = {"free": Free, "box": Box, "fixed": Fixed, "product": Product, "ratio": Ratio}
"""By the entry that tells which it is."""


class Data(Entries):
    """A data set."""

    file: Annotated[str, "a [table](#tables-of-data), beside the TOML"]


class Counts(Data):
    """Counts of one species in single cells, for moments."""

    species: Annotated[str, "what was counted"]
    count: Annotated[
        Column,
        'the column of counts; for a joint law `{ M = "m", P = "p" }`, from species to column',
    ]
    time: Annotated[Column | None, "the column of times; counts without it are at steady state"] = None


class SizedCounts(Counts):
    """The same, for the likelihood."""

    size_factor: Annotated[Column | None, "the column of the factors by which cells are seen"] = None


class JointCounts(Data):
    """Counts of several species in the same cells."""

    count: dict[str, Column]
    time: Column | None = None


class Means(Data):
    """Means of many independent cells."""

    time: Column
    means: Annotated[Columns, "from species to column, or number"]
    standard_errors: Annotated[Columns, "of these means, likewise"]
    standard_deviations: Annotated[Columns | None, "between cells, likewise"] = None
    deviation_errors: Annotated[Columns | None, "of these, likewise"] = None
    paths: Annotated[int | None, "of how many cells"] = None


class Firings(Data):
    """How often reactions fired between times."""

    time: Column
    counts: Annotated[dict[str, Column], "from reaction to column"]


class Loss(Entries):
    """How data are compared."""

    kind: Annotated[str, "as in the table above"] = "log_likelihood"


class Observed(Loss):
    """Of what is not seen as it is."""

    capture: Annotated[str | None, "a parameter: the probability that a molecule is seen"] = None
    background: Annotated[str | None, "a parameter: the mean of counts that are added"] = None


class LogLikelihood(Observed):
    """See `jumpax.losses.LogLikelihood`."""

    smoothing: Annotated[float | None, "paths by which the law of simulated counts is smoothed; default 5"] = None
    size: Annotated[int | None, "beyond the largest count of the table"] = None
    true_size: Annotated[int | None, "with `capture`: beyond the largest true count"] = None


class JointLogLikelihood(Loss):
    """See `jumpax.losses.JointLogLikelihood`."""

    smoothing: float | None = None


class Moments(Observed):
    """See `jumpax.losses.MomentMatch`."""

    order: Annotated[int | None, "of the highest moment; default 2"] = None


class TimeSeries(Observed):
    """See `jumpax.losses.TimeSeries`."""


class ReactionSeries(Loss):
    """See `jumpax.losses.ReactionSeries`."""

    error: Annotated[
        Literal["poisson", "negative_binomial", "normal"] | None, "the law of what is counted; default `poisson`"
    ] = None
    spread: Annotated[str | None, "a parameter of the other laws of error"] = None
    reported: Annotated[str | None, "a parameter: the fraction that is reported"] = None


LOSSES: dict[str, tuple[type[Loss], type[Data]]] = {
    "log_likelihood": (LogLikelihood, SizedCounts),
    "moments": (Moments, Counts),
    "time_series": (TimeSeries, Means),
    "reactions": (ReactionSeries, Firings),
}
"""Settings and data by the kind of loss."""
JOINT = (JointLogLikelihood, JointCounts)
"""Those of the log-likelihood of several species."""


class Compare(Entries):
    """What `jumpax fit` compares between conditions."""

    parameters: Annotated[
        list[str] | None, "which are compared; default all that are free in two conditions or more"
    ] = None
    level: Annotated[float | None, "the chance that any difference is claimed where there is none; default 0.05"] = None
    test: Annotated[Literal["likelihood ratio", "Wald"] | None, "default `likelihood ratio`"] = None


class Simulation(Entries):
    """Expectations from paths."""

    paths: Annotated[int | None, "of each step of a fit; default 8,000"] = None
    batches: Annotated[int | None, "in how many independent batches; default 8"] = None
    max_events: Annotated[int | None, "after which a path is given up; default 10 million"] = None
    exact: Annotated[bool | None, "`false`: the master equation must not end the search"] = None
    mean_field: Annotated[
        bool | None, "`false`: a search of boxes must not begin where the rate equation explains the data"
    ] = None


class Exact(Entries):
    """Expectations from the master equation."""

    limits: Annotated[dict[str, int] | None, "the largest count of each species that has no other limit"] = None
    tolerance: Annotated[float | None, "the probability that may leave these limits; default 1e-6"] = None


class ExactRecords(Exact):
    """The same for `jumpax infer`."""

    max_states: Annotated[int | None, "`jumpax infer`: the most states; default 200,000"] = None
    firings: Annotated[
        dict[str, int] | None, "`jumpax infer`: the largest numbers of firings between two records, by column"
    ] = None


class Fit(Entries):
    """How a fit is searched."""

    budget: Annotated[
        int | None, "paths of a [search](../searching.md) of all boxes, in place of the descent from a start point"
    ] = None
    starts: Annotated[int | None, "number of start points; default 1"] = None
    steps: Annotated[int | None, "the most steps"] = None
    average: Annotated[int | None, "how many of the last steps are averaged"] = None
    final: Annotated[int | None, "evaluations at the estimate"] = None
    seed: Annotated[int, "of the random numbers; default 0"] = 0


class Profile(Entries):
    """A profile likelihood."""

    name: Annotated[str, "a parameter"]
    values: Annotated[list[float], "at least three"]
    limits: Annotated[dict[str, int] | None, "of a likelihood from the master equation, as in `[exact]`"] = None


class Records(Entries):
    """What was measured along single paths."""

    file: Annotated[str, "a [table](#tables-of-data), one line per time (and cell)"]
    columns: Annotated[
        dict[str, Table],
        "`[records.columns.NAME]`, one for each measured column: its `law`, with the law's arguments (numbers, or names of parameters), and what it measures",
    ]
    time: Annotated[Column, "the column of times; default `time`"] = "time"
    cell: Annotated[Column | None, "the column that tells cells apart, if there are several"] = None


class Measured(Entries):
    """A column of records, beside the arguments of its law."""

    law: Annotated[
        str,
        "`Normal`, `LogNormal`, `Poisson`, `NegativeBinomial`, `Binomial` or `Exact`, of [`jumpax.records`](../api/records.md)",
    ]
    of: Annotated[
        str | list[str] | None, "a species, or a list of species that are added; default the name of the column"
    ] = None
    firings: Annotated[
        str | list[str] | None,
        "in place of `of`: a reaction, or a list, whose firings since the last record are counted",
    ] = None


class Posterior(Entries):
    """How a posterior is drawn."""

    method: Annotated[
        Literal["nuts", "mala", "pmmh"] | None,
        "by the master equation (`nuts`) or by particle filters; default what fits",
    ] = None
    chains: Annotated[int | None, "how many"] = None
    draws: Annotated[int | None, "of each chain"] = None
    warm_up: Annotated[int | None, "steps before them"] = None
    particles: Annotated[int | None, "of each filter; default by the noise of the likelihood"] = None
    lag: Annotated[int | None, "of the slopes of filters, in records"] = None
    max_events: Annotated[int | None, "of one path between two records"] = None
    seed: Annotated[int, "of the random numbers; default 0"] = 0
