"""Long reports are written an artifact at a time, and are the same documents byte for byte."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import airgap
from airgap import limits
from airgap.errors import LimitError
from airgap.report import RecheckReport, VerifyReport, to_json, write_report
from airgap.report.report import Json, Report, Rows, streamed, whole
from airgap.report.style import Style
from tests.support.scenario import Scene

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=3)


@given(st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=4), st.lists(OBJECTS, max_size=3))
def test_pieces_are_the_document(members: dict[str, Any], items: list[Json]) -> None:
    listed = {**members, "rows": Rows(lambda: iter(items), count=len(items)), "after": None}
    assert whole(listed) == {**members, "rows": items, "after": None}
    assert "".join(streamed(listed)) == to_json(whole(listed))


@pytest.mark.parametrize(("count", "lines"), [(100, 302), (101, 103)])
def test_a_long_list_has_an_item_in_a_line(count: int, lines: int) -> None:
    """Indented, a report of 50,000 images was larger than what is read of one: it was refused after all the work."""
    listed = {"rows": Rows(lambda: ({"number": number} for number in range(count)), count=count)}
    written = "".join(streamed(listed))
    assert json.loads(written) == whole(listed)
    assert len(written.strip("{}\n").splitlines()) == lines


def test_reports_are_their_documents(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    request = airgap.VerifyRequest(targets=[written.target], at=written.at, clock=written.at, scope=written.scope)
    report = VerifyReport(airgap.verify(request, written.trust), attempts=0)
    assert "".join(report.pieces()) == to_json(report.document())
    assert len(report.document()["artifacts"]) == 1
    write_report(tmp_path / "report.json", report)
    assert json.loads((tmp_path / "report.json").read_bytes()) == report.document()
    again = airgap.RecheckRequest(sources=[str(tmp_path / "report.json")], at=written.at, clock=written.at)
    judged = RecheckReport(airgap.recheck(again, written.trust))
    assert "".join(judged.pieces()) == to_json(judged.document())
    assert len(judged.document()["artifacts"]) == 1


class Long(Report):
    """A report of many megabytes."""

    def _members(self) -> Json:
        return {
            "rows": Rows(lambda: ({"text": "x" * 10_000, "number": number} for number in range(2_000)), count=2_000)
        }

    def document(self) -> Json:
        return whole(self._members())

    def pieces(self) -> Iterator[str]:
        return streamed(self._members())

    def lines(self, style: Style) -> Iterator[str]:
        raise NotImplementedError


def test_a_long_report_is_never_there_as_a_whole(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        write_report(tmp_path / "report.json", Long())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "report.json").stat().st_size > 20_000_000
    assert peak < 2_000_000


def test_a_report_beyond_the_bound_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPORT_BYTES", 100_000)
    with pytest.raises(LimitError, match="would have more than 100000 bytes"):
        write_report(tmp_path / "report.json", Long())
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_an_error_has_one_piece() -> None:
    report = VerifyReport.of_failure(airgap.AirgapError("no"), datetime(2026, 1, 1, tzinfo=UTC))
    assert json.loads("".join(report.pieces())) == report.document()
