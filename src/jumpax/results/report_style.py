"""How a report looks: on screens, light and dark, and on paper."""

STYLE = """\
:root { --text: #1c1f23; --quiet: #5c6670; --line: #d9dee3; --page: #ffffff; --band: #f5f7f9; --link: #0b5ea8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7ea; --quiet: #9aa5af; --line: #363d44; --page: #15181b; --band: #1d2125; --link: #6db3f2; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.6rem; padding-bottom: 0.3rem; border-bottom: 1px solid var(--line); }
p { margin: 0.6rem 0; max-width: 42rem; white-space: pre-line; }
a { color: var(--link); }
nav ol { margin: 0; padding-left: 1.3rem; color: var(--quiet); }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.93rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.32rem 1.4rem 0.32rem 0.5rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--quiet); font-weight: 600; }
tbody tr:nth-child(even) { background: var(--band); }
th.number, td.number { text-align: right; }
td { overflow-wrap: anywhere; }
figure { margin: 1.4rem 0; }
img { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line);
  border-radius: 6px; padding: 0.5rem; }
figcaption { color: var(--quiet); font-size: 0.9rem; margin-top: 0.4rem; }
footer { margin-top: 3rem; color: var(--quiet); font-size: 0.85rem; }
@media print {
  :root { --text: #000000; --quiet: #444444; --line: #bbbbbb; --page: #ffffff; --band: #ffffff; --link: #000000; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .table { overflow: visible; }
}"""
