"""A judgement as one HTML page: no script, no outside link; it prints on A4, and a screen reader reads it.

The verdict is said in words, never by colour alone. What failed comes first, with its cause and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from airgap.problem import Problem
from airgap.report.finding_text import WORD, problem_text
from airgap.report.judged_run import JudgedItem, JudgedRun
from airgap.report.wording import count
from airgap.verdict import Verdict

_STYLE: Final = (
    "@page{size:A4;margin:15mm}"
    "body{font:10.5pt/1.45 system-ui,sans-serif;max-width:200mm;margin:1.5em auto;padding:0 1em;color:#111;"
    "background:#fff}"
    "h1{font-size:15pt;margin:0 0 .3em}h2{font-size:12pt;margin:1.6em 0 .4em}h3{font-size:10.5pt;margin:0}"
    ".verdict{font-size:12pt;padding:.7em 1em;border:1px solid;border-left-width:8px;border-radius:3px}"
    ".pass{color:#14532d;border-color:#15803d;background:#f0fdf4}.fail{color:#7f1d1d;border-color:#b91c1c;"
    "background:#fef2f2}.indeterminate,.skipped{color:#713f12;border-color:#b45309;background:#fffbeb}"
    "section{border:1px solid #ccc;border-left:6px solid #b45309;border-radius:3px;padding:.6em .9em;margin:.6em 0;"
    "break-inside:avoid}section.fail{color:#111;background:#fff;border-color:#ccc;border-left-color:#b91c1c}"
    "section.fail h3{color:#7f1d1d}section.indeterminate,section.skipped{color:#111;background:#fff;"
    "border-color:#ccc;border-left-color:#b45309}th:first-child,td:first-child{white-space:nowrap}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25em .6em .25em 0;"
    "border-bottom:1px solid #ddd;overflow-wrap:anywhere}thead{display:table-header-group}tr{break-inside:avoid}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;margin:.4em 0}dt{color:#555}dd{margin:0;"
    "overflow-wrap:anywhere}code{font:9.5pt ui-monospace,monospace;overflow-wrap:anywhere}"
    "ul{margin:.3em 0;padding-left:1.3em}.do{margin:.3em 0 0;font-weight:600}"
    "footer{margin-top:2em;color:#555;font-size:9pt}"
)
_NOT_GOOD: Final = (Verdict.FAIL, Verdict.INDETERMINATE, Verdict.SKIPPED)
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page_pieces(run: JudgedRun) -> Iterator[str]:
    """The page."""
    title = f"{run.command}: {WORD[run.verdict].upper()}"
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n<body><main>\n"
    yield f"<h1>{escape(f'{run.command} {run.moment}'.strip())}</h1>\n"
    yield f'<p class="verdict {_kind(run)}" role="status"><strong>{escape(run.headline)}</strong> '
    yield f"Exit code {run.exit_code}.</p>\n"
    yield from _listed(run.facts)
    yield from _problems("What could not be judged", run.all_problems)
    yield from _failures(run)
    yield from _problems("Warnings", run.warnings)
    yield from _table(run)
    yield "</main>\n<footer>Made by airgap. It proves nothing by itself: it may have been changed since.</footer>\n"
    yield "</body></html>\n"


def _kind(run: JudgedRun) -> str:
    """A run that did not end with 0 is not shown as passed."""
    return "fail" if run.exit_code and run.verdict is Verdict.PASS else run.verdict.value


def _listed(texts: Iterable[str]) -> Iterator[str]:
    items = [f"<li>{escape(text)}</li>" for text in texts]
    if items:
        yield f"<ul>{''.join(items)}</ul>\n"


def _problems(title: str, problems: Iterable[Problem]) -> Iterator[str]:
    found = list(problems)
    if not found:
        return
    yield f"<h2>{escape(title)}</h2>\n"
    for problem in found:
        kind = "fail" if problem.exit_code else "indeterminate"
        yield f'<section class="{kind}"><p>{escape(problem_text(problem))}</p>'
        yield from _remedy(problem.shown_remedy)
        yield "</section>\n"


def _remedy(text: str) -> Iterator[str]:
    if text:
        yield f'<p class="do">What to do: {escape(text)}</p>'


def _failures(run: JudgedRun) -> Iterator[str]:
    there = [verdict for verdict in _NOT_GOOD if run.verdicts[verdict]]
    if there:
        yield "<h2>What is not good</h2>\n"
    for wanted in there:  # items are made anew for each, and never kept: a report may have many
        for item in run.items():
            if item.verdict is wanted:
                yield from _failure(item)


def _failure(item: JudgedItem) -> Iterator[str]:
    word = WORD[item.verdict]
    yield f'<section class="{item.verdict.value}"><h3>{word}: {escape(item.name)}</h3>'
    if item.digest:
        yield f"<code>{escape(str(item.digest))}</code>"
    remedies = []
    for cause in item.causes:
        code = f" <code>[{escape(cause.reason)}]</code>" if cause.reason else ""
        yield f"<p>{escape(cause.text)}{code}</p>"
        if cause.facts:
            yield "<dl>"
            yield from (f"<dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd>" for name, value in cause.facts)
            yield "</dl>"
        remedies.append(cause.remedy)
    yield from (piece for text in dict.fromkeys(remedies) for piece in _remedy(text))
    yield "</section>\n"


def _table(run: JudgedRun) -> Iterator[str]:
    if not run.count:
        return
    yield f"<h2>Everything that was judged: {count(run.count, 'item')}</h2>\n<table><thead><tr>"
    yield from (f'<th scope="col">{name}</th>' for name in ("Verdict", "Name and digest", "What is known"))
    yield "</tr></thead><tbody>\n"
    for item in run.items():
        known = [f"{name}: {value}" for name, value in item.facts] + list(item.notes)
        yield f"<tr><td>{WORD[item.verdict]}</td>"
        yield f"<td>{escape(item.name)}<br><code>{escape(str(item.digest or ''))}</code></td>"
        yield f"<td>{'<br>'.join(escape(text) for text in known)}</td></tr>\n"
    yield "</tbody></table>\n"
