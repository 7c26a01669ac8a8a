"""Ledgers with rows of every kind, and what changes one behind its back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import airgap
from airgap.hashing import fingerprint
from airgap.ledger import Held, JudgedArtifact, Mark, NewRow, Note, imported
from airgap.oci.digest import Digest
from airgap.verdict import Verdict
from tests.support.scenario import Written

DAY: Final = datetime(2026, 3, 1, tzinfo=UTC)
IMAGE: Final = Digest.of(b"image")
BUNDLE: Final = Digest.of(b"bundle")
HELD: Final = (Held(IMAGE, 5), Held(Digest.of(b"layer"), 70_000))


def judgement(number: int = 0, *, verdict: Verdict = Verdict.PASS, document: bytes = b"{}", **members: Any) -> NewRow:
    """A judgement of one image, recorded so many days after the first."""
    at = DAY + timedelta(days=number)
    entry = JudgedArtifact(
        at=at,
        operator="ada",
        attached=fingerprint(document),
        digest=members.pop("digest", Digest.of(b"image %d" % number)),
        reference=members.pop("reference", f"./stick:registry.example/app:v{number}"),
        scope=members.pop("scope", "registry.example/app"),
        verdict=verdict,
        exit_code=members.pop("exit_code", 0 if verdict is Verdict.PASS else 14),
        judged=at,
    )
    return NewRow(replace(entry, **members), document)


def note(text: str = "carried to the site", **members: Any) -> NewRow:
    return NewRow(Note(**{"at": DAY, "operator": "ada", "about": str(IMAGE), "text": text, "by": "Ada", **members}))


def mark(number: int, stream: str = "monthly", bundle: Digest = BUNDLE) -> NewRow:
    return NewRow(Mark(at=DAY, operator="ada", stream=stream, number=number, bundle=bundle))


def put(held: Iterable[Held] = HELD, **members: Any) -> NewRow:
    given = {"registry": "site.example:5000", "repository": "app", "root": IMAGE, "tags": ["v1"], **members}
    return imported(at=DAY, operator="ada", held=held, **given)


def make(path: Path, records: Iterable[NewRow] | None = None) -> airgap.ledger.Head:
    """A ledger with these rows, by default ten of every kind; its head."""
    with airgap.Ledger.open(path, write=True) as ledger:
        return ledger.record(list(every_kind() if records is None else records))


def every_kind() -> Iterable[NewRow]:
    yield from (judgement(number, document=b'{"number":%d}' % number) for number in range(7))
    yield put()
    yield mark(1)
    yield note()


def change(path: Path, *statements: str) -> None:
    """What another program for SQLite can do."""
    opened = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        opened.execute(statement)
    opened.close()


def verified(written: Written, **options: Any) -> Any:
    """The outcome of a verify of a scene."""
    at = written.at
    request = airgap.VerifyRequest(targets=[written.target], at=at, clock=at, scope=written.scope, **options)
    return airgap.verify(request, written.trust)
