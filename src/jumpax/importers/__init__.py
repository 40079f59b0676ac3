"""Models from files of other tools."""

from jumpax.importers.formula import Formula as Formula
from jumpax.importers.model import FileModel as FileModel
from jumpax.importers.model import Rule as Rule
from jumpax.importers.protocol import Protocol as Protocol
from jumpax.importers.protocol import Run as Run
from jumpax.importers.read import READERS as READERS
from jumpax.importers.read import read as read
from jumpax.importers.read_protocol import read_protocol as read_protocol
from jumpax.importers.write import WRITERS as WRITERS
from jumpax.importers.write import write as write
