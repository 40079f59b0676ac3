"""The report is one file that needs nothing else."""

import base64
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

import jumpax
from jumpax import plots
from jumpax.results import Section, write_report

_VOID = {"meta", "img", "source"}


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
    assert len(images) == 3  # the figure again, for narrow screens
    assert all(base64.b64decode(image.partition(",")[2]).startswith(b"\x89PNG") for image in images)
    assert page.tags.count("p") == 3  # and the date
    words = "".join(page.text)
    assert "versions.jax" in words
    assert "0.1235" in words
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_text_is_escaped(tmp_path, figure):
    bad = "<script>alert('1')</script> & \"quoted\""
    section = Section(bad, bad, {bad: [bad]}, {bad: figure}, bad)
    file = write_report(tmp_path / "report.html", bad, [section, section], provenance={bad: bad})
    page = read(file)
    assert "script" not in page.tags
    # title, heading, two rows of contents, then per section heading, text, column, cell, caption, lines; provenance
    assert "".join(page.text).count(bad) == 2 + 2 + 2 * 6 + 2
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


LOOK = """
<script>addEventListener("load", () => {
  const broken = [];
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const node = words.currentNode;
    if (node.parentElement.closest("td.long, nav, pre")) continue;
    for (const word of node.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (lines.size > 1) broken.push(word[0]);
    }
  }
  const narrow = [...document.querySelectorAll("td.long")].map(cell => cell.clientWidth);
  const images = [...document.images].map(image => [image.currentSrc.length, image.naturalWidth > 0]);
  parent.postMessage(JSON.stringify({
    broken, narrow, images, wide: innerWidth, across: document.documentElement.scrollWidth - innerWidth,
  }), "*");
})</script>
"""
"""Tells the page around what a browser makes of this one: words that are broken, widths of cells of long words, images, how far it is too
wide."""
FRAME = """<title></title><script>addEventListener("message", event => {{ document.title = event.data }})</script>
<iframe src="report.html" width="{width}" height="2000" style="border: 0"></iframe>"""
"""Windows have 500 pixels at least, frames may have fewer."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def looked_at(report, width):
    text = report.read_text(encoding="utf-8").replace("</body>", LOOK + "</body>")
    report.write_text(text, encoding="utf-8")
    page = report.with_name("frame.html")
    page.write_text(FRAME.format(width=width), encoding="utf-8")
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,2100", "--dump-dom"]
    made = subprocess.run([*words, page.as_uri()], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(html.unescape(re.search("<title>(.*?)</title>", made.stdout, re.DOTALL)[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [400, 1200])
def test_a_browser_breaks_no_word_and_scrolls_nothing_sideways(tmp_path, figure, width):
    """Long names, many columns, a digest."""
    names = ["treated_moderate_rate", "k_on[treated]"]
    table = {f"standard error of {n}": names for n in range(4)} | {"molecules per unit of time": [1.5, 2.5]}
    section = Section("Rates", "One.", table, {"A figure": figure}, "x" * 300)
    file = write_report(
        tmp_path / "report.html", "Fit", [section, section], provenance={"sha256": {"a.csv": "0f" * 32}}
    )
    seen = looked_at(file, width)
    assert seen["wide"] == width
    assert not seen["broken"]
    assert seen["across"] <= 0
    assert min(seen["narrow"]) > 200
    assert all(there for _, there in seen["images"])


def test_a_narrow_figure_with_a_long_legend_keeps_its_width():
    """Four parameters with units, in one line, would push the panels together."""
    units = dict.fromkeys(("k_tx", "k_tl", "d_m", "d_p"), "1/h")
    upper, lower = plots.convergence([3.0, 2.0], {name: [1.0, 2.0] for name in units}, units=units)
    figure = upper.figure
    figure.set_size_inches(4.2, 5.2)
    figure.draw_without_rendering()
    for part in (upper, lower):
        assert part.get_position().width > 0.7
    assert lower.get_legend().get_window_extent().x1 <= figure.bbox.x1
