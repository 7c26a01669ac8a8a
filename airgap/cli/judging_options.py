"""Options of commands that judge or keep evidence: trust directory, time, and how old evidence may be."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

import airgap.parse
import airgap.report
import airgap.trust
from airgap.cli.console import demands, home
from airgap.errors import FormatError, UsageError
from airgap.text import safe


def trust_folder(text: str) -> Path:
    """The folder of the option. An empty text, as an unset variable gives, is refused: it is not the current folder."""
    if not text:
        raise typer.BadParameter("it is empty; name the trust directory, or leave the option out")
    return Path(text)


TrustOption = Annotated[
    Path | None,
    typer.Option(
        "--trust",
        metavar="DIR",
        parser=trust_folder,
        help="Trust directory. Default: $AIRGAP_TRUST, then the user's own, then notation's.",
    ),
]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Judge for this moment (RFC 3339, or a date), not for now.")
]
StreamOption = Annotated[str, typer.Option("--stream", metavar="NAME", help="Name of the stream of snapshots.")]
DemandsOption = Annotated[
    list[str] | None,
    typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Metadata that must be in the signature."),
]

MaxAgeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--max-age",
        metavar="[KIND=]AGE",
        help="Accept evidence that is stale by up to AGE (7d, 36h); KIND: crl, ocsp, tsa-crl, tsa-ocsp.",
    ),
]
ScopeOption = Annotated[
    str | None, typer.Option("--scope", metavar="REPOSITORY", help="Repository that the trust policy is asked about.")
]


def checked_scope(text: str | None) -> str | None:
    """The repository that `--scope` names. Raises UsageError for what is none."""
    if text is not None:
        airgap.trust.check_scope(text)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What is demanded of signatures, and of evidence about their signers."""

    scope: ScopeOption = None
    metadata: DemandsOption = None
    max_age: MaxAgeOption = None

    def repository(self) -> str | None:
        """The repository for the policy. Raises UsageError."""
        return checked_scope(self.scope)

    def required(self) -> dict[str, str]:
        """The metadata that must be signed. Raises UsageError."""
        return demands(self.metadata or [], "--user-metadata")

    def ages(self) -> dict[str, timedelta]:
        """How stale evidence may be, by kind. Raises UsageError."""
        return airgap.trust.parse_ages(self.max_age or [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """The trust directory, the time to judge for, and how old evidence may be."""

    trust: TrustOption = None
    at: AtOption = None
    max_age: MaxAgeOption = None

    def moment(self, now: datetime) -> datetime:
        """The time to judge for. Raises UsageError."""
        return moment(self.at, now)

    def ages(self) -> dict[str, timedelta]:
        """How stale evidence may be, by kind. Raises UsageError."""
        return airgap.trust.parse_ages(self.max_age or [])

    def location(self) -> airgap.trust.Location:
        """The trust directory to use."""
        return location(self.trust)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Files for the result, beside what is shown."""

    report: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the result to this file, too, in the form of its ending: .json, .ndjson, .html, .xml (JUnit), "
            ".intoto.jsonl. Repeatable.",
        ),
    ] = None

    @property
    def files(self) -> tuple[Path, ...]:
        """As they were named."""
        return tuple(self.report or ())

    def check(self, inputs: Iterable[Path]) -> None:
        """Refuses a report that would change an input or another report, or cannot be written.

        Raises UsageError, AirgapError.
        """
        others = list(inputs)
        for file in self.files:
            airgap.trust.check_output(file, others)
            airgap.report.check_report(file)
            others.append(file)


def location(trust: Path | None) -> airgap.trust.Location:
    """The trust directory that is meant."""
    return airgap.trust.locate(trust, os.environ, home())


def moment(text: str | None, now: datetime, *, whole_day: bool = True) -> datetime:
    """The moment that `--at` names, else now. Raises UsageError."""
    return now if text is None else parse_moment(text, whole_day=whole_day)


def parse_moment(text: str, option: str = "--at", *, whole_day: bool = True) -> datetime:
    """The moment that an option names: a date is the end of that day, in UTC. Raises UsageError.

    Evidence that was published on that day counts for it. `whole_day` is false where the time is not used for judging
    but is written into a document: a date then means the beginning of that day.
    """
    remedy = "Write 2026-12-24 or 2026-12-24T18:00:00Z."
    try:
        time = "T23:59:59Z" if whole_day else "T00:00:00Z"
        moment = airgap.parse.rfc3339(f"{text}{time}" if len(text) == len("2026-12-24") else text)
    except FormatError:
        if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?", text, re.ASCII):
            remedy = f"Write it with its time zone: {text[:10]}T{text[11:16]}{text[16:] or ':00'}Z (UTC), or +02:00."
        raise UsageError(f"{option} {safe(text)!r} is no time", remedy=remedy) from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UsageError(f"{option} {safe(text)!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}", remedy=remedy)
    return moment


_FIRST_YEAR, _LAST_YEAR = 1950, 9000
"""Times in certificates begin in 1950 (RFC 5280, 4.1.2.5). Ages are added to dates, and dates end in the year 9999."""
