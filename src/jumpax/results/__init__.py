"""Results with labels: data sets, files, reports."""

from jumpax.results.dataset import to_dataset as to_dataset
from jumpax.results.merge import merge as merge
from jumpax.results.netcdf import load as load
from jumpax.results.netcdf import save as save
from jumpax.results.report import Section as Section
from jumpax.results.report import write_report as write_report
