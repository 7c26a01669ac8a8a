"""`airgap trust snapshot`: trust material that travels, signed and numbered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import airgap.report
import airgap.signature
import airgap.trust
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, VerboseOption, clock, note
from airgap.cli.judging_options import Judging, StreamOption, TrustOption, location, moment
from airgap.cli.key_options import KeyChoice
from airgap.cli.lazy import typer_app
from airgap.cli.signing_options import ExpiryOption, FormatOption, TimestampOptions, lifetime
from airgap.errors import AirgapError, UsageError

if TYPE_CHECKING:
    from airgap.cli.command import FailureReport
    from airgap.report import SnapshotReport
    from airgap.values import Difference

app = typer_app("Pack, sign, show, compare, verify and apply snapshots of a trust directory.", no_args_is_help=True)

TargetArgument = Annotated[
    str, typer.Argument(metavar="REF", help="Layout directory or tar with the snapshot, :TAG or @DIGEST if several.")
]


def _failed(name: str) -> FailureReport:
    def failure(error: AirgapError, _given: Mapping[str, Any]) -> SnapshotReport:
        now = clock()
        return airgap.report.SnapshotReport(command=name, clock=now, at=now).failed(error)

    return failure


@command(app, failure=_failed("create"))
def create(
    *,
    destination: Annotated[
        str, typer.Option("--output", "-o", metavar="LAYOUT|TAR", help="Layout directory, or a name that ends in .tar.")
    ],
    trust: TrustOption = None,
    stream: StreamOption = "default",
    number: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number in the stream. Default: one more than is known.")
    ] = None,
    evidence_only: Annotated[
        bool, typer.Option("--evidence-only", help="CRLs and OCSP responses alone; they need no signature.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a tar that is there.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="The moment to write into it, for repeatable bytes.")
    ] = None,
    tuf: Annotated[
        Path | None, typer.Option("--tuf", metavar="KEYDIR", help="Write TUF metadata, too, signed by these keys.")
    ] = None,
    tuf_init: Annotated[
        bool, typer.Option("--tuf-init", help="Make the keys and the root in KEYDIR, which must be empty or new.")
    ] = False,
    output: Output,
) -> None:
    """Pack the trust directory's stores, policy and evidence into one artifact, numbered, with its use-by date.

    Never packed: airgap.toml and .airgap/, which belong to one machine. Sign it next: airgap trust snapshot sign.
    """

    def run(report: SnapshotReport) -> SnapshotReport:
        place = location(trust)
        if tuf is not None:
            airgap.trust.prepare_tuf_keys(tuf, init=tuf_init, at=report.at)
        made = airgap.trust.create_snapshot(
            place.path,
            destination,
            stream=stream,
            number=number,
            created=report.at,
            evidence_only=evidence_only,
            overwrite=overwrite,
            remember=not place.read_only,
        )
        if tuf is not None:
            airgap.trust.add_tuf_metadata(made.reference, tuf, at=report.at)
        return replace(
            report,
            reference=made.reference,
            snapshot=made.snapshot,
            done=f"Packed as {made.reference}.",
            warnings=made.warnings,
        )

    output.finish(_reporting("create", at, run))


@command(app, failure=_failed("sign"))
def sign(
    *,
    target: TargetArgument,
    key: KeyChoice,
    signature_format: FormatOption = airgap.signature.EnvelopeFormat.JWS,
    expiry: ExpiryOption = None,
    timestamp: TimestampOptions,
    output: Output,
) -> None:
    """Sign a snapshot: a Notary Project signature, which any tool can carry and check. Keys as for airgap sign.

    --expiry bounds how long this snapshot can be passed off as the newest one.
    """

    def run(report: SnapshotReport) -> SnapshotReport:
        with airgap.trust.open_snapshot(target) as opened:
            reference, snapshot = str(opened.place), opened.snapshot
        request = airgap.SignRequest(
            targets=[reference],
            signer=key.open(),
            at=report.at,
            envelope=signature_format,
            lifetime=lifetime(expiry),
            timestamper=timestamp.open(lambda: Connection().transport(note)),
        )
        (signed,) = airgap.sign(request)
        word = "Signed already" if signed.existed else "Signed"
        return replace(
            report,
            reference=signed.name,
            snapshot=snapshot,
            done=f"{word}: {signed.name} has the signature {signed.signature.digest}.",
        )

    output.finish(_reporting("sign", None, run))


@command(app, failure=_failed("show"))
def show(*, target: TargetArgument, output: Output) -> None:
    """Show what a snapshot says of itself, without judging it."""

    def run(report: SnapshotReport) -> SnapshotReport:
        with airgap.no_network(), airgap.trust.open_snapshot(target) as opened:
            reference, snapshot = opened.reference, opened.snapshot
        return replace(
            report, reference=reference, snapshot=snapshot, done=f"{reference} says of itself (nothing is judged here):"
        )

    output.finish(_reporting("show", None, run))


def _difference(change: Difference, *, applied: bool) -> str:
    if applied:
        return "Applying it changes nothing." if change.is_empty else "What applying it changes:"
    return "The same files." if change.is_empty else "What differs:"


@command(app, failure=_failed("diff"))
def diff(
    *,
    target: TargetArgument,
    other: Annotated[
        str | None, typer.Argument(metavar="[REF]", help="Another snapshot. Default: the trust directory as it is.")
    ] = None,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Show what applying a snapshot changes in the trust directory, or how two snapshots differ. Judges nothing."""

    def run(report: SnapshotReport) -> SnapshotReport:
        with airgap.no_network():
            snapshot, change = airgap.trust.diff_snapshots(target, location(trust).path if other is None else other)
        return replace(
            report, reference=target, snapshot=snapshot, done=_difference(change, applied=other is None), change=change
        )

    output.finish(_reporting("diff", None, run))


@dataclass(frozen=True)
class _ApplyOptions:
    """The options that verify and apply share."""

    target: str
    judging: Judging
    allow_rollback: str = ""
    accept_lost_state: str = ""
    dry_run: bool = False
    verbose: bool = False

    def request(self, at: datetime, clock: datetime) -> airgap.trust.ApplyRequest:
        return airgap.trust.ApplyRequest(
            at=at,
            clock=clock,
            allow_rollback=self.allow_rollback.strip(),
            accept_lost_state=self.accept_lost_state.strip(),
            max_age=self.judging.ages(),
            dry_run=self.dry_run,
        )


def _judge(asked: _ApplyOptions, report: SnapshotReport) -> SnapshotReport:
    place = asked.judging.location()
    airgap.trust.check_apart(place.path, [asked.target])
    airgap.trust.load_tuf(place.path)  # before the network guard starts
    with airgap.no_network(), airgap.trust.open_snapshot(asked.target) as opened:
        request = asked.request(report.at, report.clock)
        if report.command == "verify":
            outcome = airgap.trust.verify_snapshot(opened, place.path, request)
        else:
            outcome = airgap.trust.apply_snapshot(opened, place, request)
        done = "ACCEPTABLE: this snapshot may be applied here."
        if outcome.applied:
            done = "APPLIED: the trust directory holds this snapshot now."
        elif outcome.in_force:
            done = "IN FORCE: the trust directory holds this snapshot already; nothing was changed."
        return replace(
            report,
            reference=opened.reference,
            snapshot=outcome.snapshot,
            applied=outcome.applied,
            done=done,
            judged=outcome.judged,
            problems=outcome.problems,
            warnings=outcome.warnings,
            verbose=asked.verbose,
        )


@command(app, failure=_failed("verify"))
def verify(*, target: TargetArgument, judging: Judging, verbose: VerboseOption = False, output: Output) -> None:
    """Say whether a snapshot may be applied here: form, every byte, the pinned signer, and that it is not an old one.

    Nothing is changed. Exit codes: 0 it may; 10, 12, 13, 14, 15 as its signature's verdict says; 16 content corrupt;
    17 older than what was accepted, or the memory of that is lost; 18 malformed.
    """
    asked = _ApplyOptions(target, judging, verbose=verbose)
    output.finish(_reporting("verify", judging.at, lambda report: _judge(asked, report)))


@command(app, "apply", failure=_failed("apply"))
def apply_(
    *,
    target: TargetArgument,
    judging: Judging,
    allow_rollback: Annotated[
        str, typer.Option("--allow-rollback", metavar="REASON", help="Go back to an older one; the reason is recorded.")
    ] = "",
    accept_lost_state: Annotated[
        str, typer.Option("--accept-lost-state", metavar="REASON", help="Begin a new memory; the reason is recorded.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge, and change nothing.")] = False,
    verbose: VerboseOption = False,
    output: Output,
) -> None:
    """Put a snapshot into force: only one that a pinned identity signed, and none that is older than the last one.

    Stores and policy become those of the snapshot; evidence is added and never lost; airgap.toml, pins and all other
    files stay. It happens in one step, and airgap trust snapshot undo goes back. Exit codes: as for verify.
    """
    asked = _ApplyOptions(target, judging, allow_rollback, accept_lost_state, dry_run, verbose)
    output.finish(_reporting("apply", judging.at, lambda report: _judge(asked, report)))


@command(app, failure=_failed("undo"))
def undo(
    *,
    trust: TrustOption = None,
    reason: Annotated[str, typer.Option("--reason", metavar="REASON", help="Why; it is recorded.")] = "",
    output: Output,
) -> None:
    """Go back to the stores and policy from before the last snapshot.

    Stores and policy go back; evidence stays, and so does the memory of accepted numbers. Undoing twice is where you
    were.
    """

    def run(report: SnapshotReport) -> SnapshotReport:
        now = airgap.trust.undo_snapshot(location(trust), at=report.clock, reason=reason)
        force = f"in force: {now}" if now else "no snapshot is in force"
        return replace(report, applied=True, done=f"UNDONE: {force}.")

    output.finish(_reporting("undo", None, run))


def _reporting(command: str, at: str | None, run: Callable[[SnapshotReport], SnapshotReport]) -> SnapshotReport:
    """The report that `run` makes out of an empty one; an AirgapError becomes a problem in it."""
    now = clock()
    judged = moment(at, now, whole_day=command != "create")
    report = airgap.report.SnapshotReport(command=command, clock=now, at=judged)
    try:
        return run(report)
    except UsageError:
        raise
    except AirgapError as error:
        return report.failed(error)
