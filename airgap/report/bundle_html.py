"""A bundle as one HTML page for the person who carries it: no script, no outside link; it prints on A4."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from airgap.bundle.bundle_overview import BundleOverview
from airgap.files import unwritable, write_file
from airgap.parse.time import iso
from airgap.report.bundle_shown import facts_of
from airgap.report.bundles import held_text
from airgap.report.wording import count, size

_STYLE: Final = (
    "@page{size:A4;margin:15mm}body{font:10pt/1.4 sans-serif;max-width:180mm;margin:1em auto;color:#111}"
    "h1{font-size:15pt}h2{font-size:11pt;margin:1em 0 .2em;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}"
    "th{text-align:left;vertical-align:top;width:26mm;font-weight:normal;color:#555}"
    "td{overflow-wrap:anywhere}.id{font-size:14pt;font-weight:bold}.bad{color:#a00;font-weight:bold}"
    "section{break-inside:avoid}"
)


def bundle_html(shown: BundleOverview) -> str:
    """The page. All that the bundle says is escaped."""
    document = shown.document
    title = f"{document.stream} / {document.number}" if document.stream else "Bundle"
    head = (
        ("set id", shown.set_id),
        ("digest", str(shown.descriptor.digest)),
        ("made", iso(document.created)),
        ("use by", iso(document.use_by) if document.use_by else "not known"),
        ("holds", f"{count(len(document.artifacts), 'artifact')}, {size(document.total)}"),
        *([("not here", f"{held_text(document.base)} (a delta since {document.base.text})")] if document.base else []),
        *(("claims", f"it is signed by {signer}") for signer in shown.signers),
        *(("not listed", name) for name in shown.more),
    )
    return "\n".join(
        (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1><p>This is what the bundle says of itself. Nothing was judged.</p>",
            *_table(head),
            *_artifacts(shown),
            "</body></html>\n",
        )
    )


def _artifacts(shown: BundleOverview) -> Iterator[str]:
    for item in shown.artifacts:
        heading = escape(", ".join(item.artifact.references))
        yield f"<section><h2>{heading}</h2>"
        yield from _table((("bytes", size(item.artifact.total)), *facts_of(item)))
        yield from (f'<p class="bad">{escape(text)}</p>' for text in item.missing)
        yield "</section>"


def _table(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield "<table>"
    for name, text in rows:
        kind = ' class="id"' if name == "set id" else ""
        yield f"<tr><th>{escape(name)}</th><td{kind}>{escape(text)}</td></tr>"
    yield "</table>"


def write_bundle_html(path: Path, shown: BundleOverview) -> None:
    """The page as a file, complete or not at all. Raises AirgapError."""
    try:
        write_file(path, bundle_html(shown).encode())
    except OSError as error:
        raise unwritable(path, "page", error) from None
