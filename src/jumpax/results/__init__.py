"""Results with labels: data sets, tables, files, reports."""

from jumpax._base.labelled import Labelled as Labelled
from jumpax._base.labelled import Variable as Variable
from jumpax._base.result import AbstractResult as AbstractResult
from jumpax._base.result import Glance as Glance
from jumpax.results.dataset import to_dataset as to_dataset
from jumpax.results.frame import to_dataframe as to_dataframe
from jumpax.results.merge import merge as merge
from jumpax.results.netcdf import load as load
from jumpax.results.report import Section as Section
from jumpax.results.report import write_report as write_report
from jumpax.results.stored import WRITERS as WRITERS
from jumpax.results.stored import check_target as check_target
from jumpax.results.stored import save as save
from jumpax.results.stream import stream as stream
from jumpax.results.streamed import Streamed as Streamed
