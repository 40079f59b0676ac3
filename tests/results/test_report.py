"""The report is one file that needs nothing else."""

import base64
import re
from html.parser import HTMLParser

import pytest

import jumpax
from jumpax import plots
from jumpax.results import Section, write_report

_VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Collects what a browser would see, and checks that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def figure():
    return plots.distribution([0, 1, 1, 2] * 5).get_figure()


def read(file):
    reader = Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    reader.close()
    assert not reader.open
    return reader


def test_self_contained(tmp_path, figure):
    sections = [
        Section("First", "One.\n\nTwo.", {"name": ["k", "g"], "value": [1.0, 0.123456]}, {"A figure": figure}),
        Section("Second", figures={"The same, as bytes": plots.png_bytes(figure)}),
    ]
    file = write_report(
        tmp_path / "report.html", "Title", sections, provenance={"versions": {"jax": "0.10"}, "key": [0, 1]}
    )
    text, page = file.read_text(encoding="utf-8"), read(file)
    assert not re.search(r"https?:|url\(|@import|<script|<link", text)
    links = [value for name, value in page.attributes if name in ("src", "href", "srcset", "data")]
    assert all(link.startswith(("data:image/png;base64,", "#section-")) for link in links)
    images = [link for link in links if link.startswith("data:")]
    assert len(images) == 2
    assert all(base64.b64decode(image.partition(",")[2]).startswith(b"\x89PNG") for image in images)
    assert page.tags.count("p") == 2
    words = "".join(page.text)
    assert "versions.jax" in words
    assert "0.1235" in words
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_text_is_escaped(tmp_path, figure):
    bad = "<script>alert('1')</script> & \"quoted\""
    section = Section(bad, bad, {bad: [bad]}, {bad: figure})
    file = write_report(tmp_path / "report.html", bad, [section, section], provenance={bad: bad})
    page = read(file)
    assert "script" not in page.tags
    # title, heading, two rows of contents, then per section heading, text, column, cell, caption; provenance
    assert "".join(page.text).count(bad) == 2 + 2 + 2 * 5 + 2
    assert [value for name, value in page.attributes if name == "alt"] == [bad, bad]


def test_light_dark_and_print(tmp_path):
    text = write_report(tmp_path / "report.html", "Title", [Section("Only")]).read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert text.count("{") == text.count("}")


def test_errors(tmp_path, figure):
    with pytest.raises(jumpax.InputError, match="differ in length"):
        write_report(tmp_path / "a.html", "T", [Section("S", table={"a": [1], "b": []})])
    with pytest.raises(jumpax.InputError, match="give a matplotlib Figure"):
        write_report(tmp_path / "a.html", "T", [Section("S", figures={"f": b"not PNG"})])
    with pytest.raises(jumpax.InputError, match=r"\.html"):
        write_report(tmp_path / "a.pdf", "T", [])
    assert not list(tmp_path.iterdir())
