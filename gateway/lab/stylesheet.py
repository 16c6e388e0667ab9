"""How the lab's pages look: on a projector, on a telephone, in the dark. One text, as a page is one file."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #17202b; --soft: #556170; --line: #dfe4ea; --ground: #f3f5f8; --paper: #fff;
  --accent: #2b54b8; --accent-ground: #edf2fd; --good: #0c6b4a; --good-ground: #e2f4ec; --held: #7a4d00;
  --held-ground: #fdf1d8; --bad: #a8201a; --bad-ground: #fce8e6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf4; --soft: #a3b0c0; --line: #2b3542; --ground: #0f141a;
  --paper: #171e27; --accent: #93b8ff; --accent-ground: #1b2740; --good: #6fdcb0; --good-ground: #14302a;
  --held: #f2c46d; --held-ground: #33280f; --bad: #ff9a92; --bad-ground: #3b1d1b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.5;
  font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1320px; margin: 0 auto; padding: 36px 28px 64px; }
h1 { font-size: 32px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.02em; }
h2 { font-size: 22px; line-height: 1.3; margin: 0 0 6px; letter-spacing: -.01em; overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 32px 0 10px; }
p { margin: 0 0 14px; color: var(--soft); max-width: 78ch; overflow-wrap: anywhere; }
a { color: var(--accent); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; padding: 26px 28px;
  margin: 22px 0; }
code, pre { font-size: .875em;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0; padding: 14px 16px; background: var(--ground); border-radius: 10px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.eyebrow { font-size: 14px; margin: 0 0 6px; color: var(--accent); font-weight: 600; }
.badge { display: inline-block; font-size: 13px; font-weight: 600; line-height: 1.4; padding: 2px 10px;
  border-radius: 999px; background: var(--ground); color: var(--soft); }
.badge.good { background: var(--good-ground); color: var(--good); }
.badge.held { background: var(--held-ground); color: var(--held); }
.badge.bad { background: var(--bad-ground); color: var(--bad); }
.badges { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 14px; }
.nothing { color: var(--soft); }
.good > .mark { color: var(--good); }
.bad > .mark { color: var(--bad); }

table { width: 100%; border-collapse: collapse; font-size: 15px; }
th { text-align: left; font-size: 13px; line-height: 1.35; font-weight: 600; color: var(--soft);
  padding: 8px 14px 8px 0; vertical-align: bottom; }
td { padding: 10px 14px 10px 0; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }

.verdict { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; border: 0; padding: 18px 28px; }
.verdict strong { font-size: 20px; }
.verdict p { margin: 0; color: inherit; max-width: none; }
.verdict.good { background: var(--good-ground); color: var(--good); }
.verdict.bad { background: var(--bad-ground); color: var(--bad); }
.verdict ul { flex-basis: 100%; margin: 6px 0 0; padding-left: 20px; overflow-wrap: anywhere; }

.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px; margin: 22px 0; }
.numbers div { display: flex; flex-direction: column-reverse; justify-content: flex-end; background: var(--paper);
  border: 1px solid var(--line); border-radius: 14px; padding: 16px 20px; }
.numbers dt { color: var(--soft); font-size: 14px; line-height: 1.4; }
.numbers dd { margin: 0; font-size: 28px; font-weight: 650; letter-spacing: -.02em; line-height: 1.3; }

.stations { list-style: none; display: flex; margin: 18px 0 26px; padding: 0; }
.stations li { flex: 1 1 0; min-width: 0; display: flex; align-items: center; }
.stations li + li::before { content: ""; flex: 0 0 44px; height: 14px; margin: 0 6px; background: var(--accent);
  clip-path: polygon(0 6px, calc(100% - 12px) 6px, calc(100% - 12px) 0, 100% 7px, calc(100% - 12px) 14px,
  calc(100% - 12px) 8px, 0 8px); }
.stations span { flex: 1; min-width: 0; padding: 12px 16px; border: 1px solid var(--line); border-radius: 10px;
  font-weight: 650; overflow-wrap: anywhere; }
.stations small { display: block; font-weight: 400; font-size: 13px; color: var(--soft); }
.stations .through span { border-color: var(--accent); background: var(--accent-ground); }

.journeys { table-layout: fixed; }
.journeys col.field { width: 12%; }
.journeys col.through { width: 16%; }
.journeys td, .journeys th { padding-left: 14px; }
.journeys td:first-child, .journeys th:first-child { padding-left: 0; }
.journeys .through { background: var(--accent-ground); }
.journeys thead .through { border-radius: 10px 10px 0 0; color: var(--accent); }
.journeys tbody tr:last-child .through { border-radius: 0 0 10px 10px; }
.journeys th:nth-child(n + 3)::before { content: "\\2192\\a0"; color: var(--accent); }
.journeys td.field { font-weight: 600; }
.journeys small { display: block; margin-top: 4px; font-size: 13px; line-height: 1.4; color: var(--soft); }
.pair { display: block; }
.pair .key { display: block; color: var(--soft); }
.pair .value { font-weight: 650; }

details { margin: 12px 0 0; }
summary { cursor: pointer; color: var(--accent); font-weight: 600; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; }
details > :not(summary) { margin-top: 10px; }
.checks { list-style: none; padding: 0; columns: 2; column-gap: 36px; font-size: 14px; }
.checks li { break-inside: avoid; padding: 3px 0 3px 22px; text-indent: -22px; overflow-wrap: anywhere; }
.checks .mark { display: inline-block; width: 22px; text-indent: 0; }
nav { margin: 0 0 18px; }
nav a { margin-right: 18px; font-weight: 600; }

@media (max-width: 860px) {
  main { padding: 22px 14px 40px; }
  h1 { font-size: 26px; }
  section, .verdict { padding: 18px 16px; }
  .numbers { grid-template-columns: 1fr 1fr; gap: 10px; }
  .numbers div { padding: 12px 14px; }
  .numbers dd { font-size: 22px; }
  .checks { columns: 1; }
  .stations { flex-direction: column; }
  .stations li { flex-direction: column; align-items: stretch; }
  .stations li + li::before { flex: 0 0 26px; width: 14px; height: 26px; margin: 4px auto; clip-path: polygon(6px 0,
    6px calc(100% - 12px), 0 calc(100% - 12px), 7px 100%, 14px calc(100% - 12px), 8px calc(100% - 12px), 8px 0); }
  table, tbody, tr, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { padding: 10px 0; border-top: 1px solid var(--line); }
  td, .journeys td { padding: 4px 0; border: 0; }
  td[data-head]::before { content: attr(data-head); display: block; font-size: 13px; color: var(--soft); }
  .journeys td.through { padding: 8px 12px; border-radius: 10px; }
}
@media print { body { background: none; } section { break-inside: avoid; } }
"""
