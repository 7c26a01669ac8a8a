"""A judgement as NDJSON: the document without what was judged, then an artifact a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from airgap.report.judged_run import JudgedRun


def document_lines(run: JudgedRun) -> Iterator[str]:
    """Each line is one JSON object: `{"line": "run", ...}` first, then `{"line": "artifact", ...}`."""
    yield _line({"line": "run", "artifact_lines": run.count, **run.heading()})
    for item in run.items():
        yield _line({"line": "artifact", **item.document()})


def _line(members: dict[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=True) + "\n"
