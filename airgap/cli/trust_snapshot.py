"""`airgap trust snapshot`: trust material that travels, signed and numbered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.command import command
from airgap.cli.connection import Connection
from airgap.cli.console import Output, VerboseOption, layout_reference, note
from airgap.cli.lazy import typer_app
from airgap.cli.signer import KeyChoice
from airgap.cli.signing import EnvelopeFormat, TimestampOptions, lifetime
from airgap.cli.trust_common import Judging, StreamOption, TrustOption, finish, location, reporting

if TYPE_CHECKING:
    from airgap.report.snapshots import SnapshotReport
    from airgap.stages.snapshot_apply import ApplyRequest

app = typer_app("Pack, sign, show, compare, verify and apply snapshots of a trust directory.", no_args_is_help=True)

TargetArgument = Annotated[
    str, typer.Argument(metavar="REF", help="Layout directory or tar with the snapshot, :TAG or @DIGEST if several.")
]


@command(app)
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
        bool, typer.Option("--evidence-only", help="CRLs and OCSP responses alone, which nobody has to sign.")
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

    def run(judged: datetime, now: datetime) -> SnapshotReport:
        from airgap.problem import Problem
        from airgap.report.snapshots import SnapshotReport
        from airgap.stages.snapshot import create_snapshot

        place = location(trust)
        if tuf is not None:
            from airgap.stages.snapshot_tuf import prepare_keys

            prepare_keys(tuf, init=tuf_init, at=judged)
        made = create_snapshot(
            place.path,
            destination,
            stream=stream,
            number=number,
            created=judged,
            evidence_only=evidence_only,
            overwrite=overwrite,
            remember=not place.read_only,
        )
        if tuf is not None:
            from airgap.stages.snapshot_tuf import add_metadata

            add_metadata(made.reference, tuf, at=judged)
        return SnapshotReport(
            command="create",
            clock=now,
            at=judged,
            reference=made.reference,
            snapshot=made.snapshot,
            done=f"Packed as {made.reference}.",
            warnings=tuple(Problem(message=text) for text in made.warnings),
        )

    finish(reporting("create", at, run), output)


@command(app)
def sign(
    *,
    target: TargetArgument,
    key: KeyChoice,
    signature_format: Annotated[EnvelopeFormat, typer.Option(help="Format of the envelope.")] = EnvelopeFormat.JWS,
    expiry: Annotated[
        str | None,
        typer.Option("--expiry", "-e", metavar="DURATION", help="How long the signature counts: 24h, 90d, 52w."),
    ] = None,
    timestamp: TimestampOptions,
    output: Output,
) -> None:
    """Sign a snapshot: a Notary Project signature, which any tool can carry and check. Keys as for airgap sign.

    --expiry bounds how long this snapshot can be passed off as the newest one.
    """

    def run(judged: datetime, now: datetime) -> SnapshotReport:
        from airgap.report.snapshots import SnapshotReport
        from airgap.stages.sign import SignRequest
        from airgap.stages.sign import sign as attach
        from airgap.stages.snapshot import reference_of, show_snapshot

        reference = str(reference_of(layout_reference(target, oci_layout=False)))
        request = SignRequest(
            targets=[reference],
            signer=key.open(),
            at=judged,
            envelope=signature_format.value,
            lifetime=lifetime(expiry),
            timestamper=timestamp.open(lambda: Connection().transport(note)),
        )
        (signed,) = attach(request)
        word = "Signed already" if signed.existed else "Signed"
        return SnapshotReport(
            command="sign",
            clock=now,
            at=judged,
            reference=signed.name,
            snapshot=show_snapshot(reference)[1],
            done=f"{word}: {signed.name} has the signature {signed.signature.digest}.",
        )

    finish(reporting("sign", None, run), output)


@command(app)
def show(
    *,
    target: TargetArgument,
    output: Output,
) -> None:
    """Show what a snapshot says of itself, without judging it."""

    def run(judged: datetime, now: datetime) -> SnapshotReport:
        from airgap.guard import no_network
        from airgap.report.snapshots import SnapshotReport
        from airgap.stages.snapshot import show_snapshot

        with no_network():
            reference, snapshot = show_snapshot(target)
        return SnapshotReport(
            command="show",
            clock=now,
            at=judged,
            reference=reference,
            snapshot=snapshot,
            done=f"{reference} says of itself (nothing is judged here):",
        )

    finish(reporting("show", None, run), output)


@command(app)
def diff(
    *,
    target: TargetArgument,
    other: Annotated[
        str | None, typer.Argument(metavar="[REF]", help="Another snapshot. Default: the trust directory as it is.")
    ] = None,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Show what a snapshot has otherwise than the trust directory, or than another snapshot. Judges nothing."""

    def run(judged: datetime, now: datetime) -> SnapshotReport:
        from airgap.guard import no_network
        from airgap.report.snapshots import SnapshotReport
        from airgap.stages.snapshot import diff_snapshots

        with no_network():
            snapshot, change = diff_snapshots(target, location(trust).path if other is None else other)
        return SnapshotReport(
            command="diff",
            clock=now,
            at=judged,
            reference=target,
            snapshot=snapshot,
            done="The same files." if change.is_empty else "What differs:",
            added=change.added,
            changed=change.changed,
            removed=change.removed,
        )

    finish(reporting("diff", None, run), output)


@dataclass(frozen=True)
class _ApplyOptions:
    """The options that verify and apply share."""

    target: str
    judging: Judging
    allow_rollback: str = ""
    accept_lost_state: str = ""
    dry_run: bool = False

    def request(self, at: datetime, clock: datetime) -> ApplyRequest:
        from airgap.stages.snapshot_apply import ApplyRequest

        return ApplyRequest(
            at=at,
            clock=clock,
            allow_rollback=self.allow_rollback,
            accept_lost_state=self.accept_lost_state,
            max_age=self.judging.ages(),
            dry_run=self.dry_run,
        )


def _judge(asked: _ApplyOptions, command: str, at: datetime, now: datetime) -> SnapshotReport:
    from airgap.guard import no_network
    from airgap.report.snapshots import SnapshotReport
    from airgap.stages.snapshot_apply import apply_snapshot, verify_snapshot
    from airgap.trust.apart import check_apart
    from airgap.trust.snapshots.opened import open_snapshot
    from airgap.trust.snapshots.pins import PinKind, Pins
    from airgap.trust.snapshots.tuf_check import load

    place = asked.judging.location()
    check_apart(place.path, [asked.target])
    if any(pin.kind is PinKind.TUF for pin in Pins.read(place.path).entries):
        load()  # before the guard is up
    with no_network(), open_snapshot(asked.target) as opened:
        if command == "verify":
            outcome = verify_snapshot(opened, place.path, asked.request(at, now))
        else:
            outcome = apply_snapshot(opened, place, asked.request(at, now))
        judged = outcome.judged
        done = "ACCEPTABLE: this snapshot may be applied here."
        if outcome.applied:
            done = "APPLIED: the trust directory holds this snapshot now."
        elif outcome.in_force:
            done = "IN FORCE: the trust directory holds this snapshot already; nothing was changed."
        return SnapshotReport(
            command=command,
            clock=now,
            at=at,
            reference=opened.reference,
            snapshot=outcome.snapshot,
            applied=outcome.applied,
            done=done,
            content=judged.content if judged else None,
            signatures=judged.signatures if judged else (),
            accepted_by=judged.accepted_by if judged else None,
            problems=outcome.problems,
            warnings=outcome.warnings,
        )


@command(app)
def verify(
    *,
    target: TargetArgument,
    judging: Judging,
    verbose: VerboseOption = False,
    output: Output,
) -> None:
    """Say whether a snapshot may be applied here: form, every byte, the pinned signer, and that it is not an old one.

    Nothing is changed. Exit codes: 0 it may; 10, 12, 13, 14, 15 as its signature's verdict says; 16 content corrupt;
    17 older than what was accepted, or nobody remembers; 18 malformed.
    """
    asked = _ApplyOptions(target, judging)
    report = reporting("verify", judging.at, lambda judged, now: _judge(asked, "verify", judged, now))
    finish(report, output, verbose=verbose)


@command(app, "apply")
def apply_(
    *,
    target: TargetArgument,
    judging: Judging,
    allow_rollback: Annotated[
        str, typer.Option("--allow-rollback", metavar="REASON", help="Go back to an older one; the reason is recorded.")
    ] = "",
    accept_lost_state: Annotated[
        str,
        typer.Option("--accept-lost-state", metavar="REASON", help="Begin a new memory; the reason is recorded."),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge, and change nothing.")] = False,
    verbose: VerboseOption = False,
    output: Output,
) -> None:
    """Put a snapshot into force: only one that a pinned identity signed, and none that is older than the last one.

    Stores and policy become those of the snapshot; evidence is added and never lost; airgap.toml, pins and all other
    files stay. It happens in one step, and airgap trust snapshot undo goes back. Exit codes: as for verify.
    """
    asked = _ApplyOptions(target, judging, allow_rollback, accept_lost_state, dry_run)
    report = reporting("apply", judging.at, lambda judged, now: _judge(asked, "apply", judged, now))
    finish(report, output, verbose=verbose)


@command(app)
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

    def run(judged: datetime, now: datetime) -> SnapshotReport:
        from airgap.report.snapshots import SnapshotReport
        from airgap.stages.snapshot_apply import undo_snapshot

        state = undo_snapshot(location(trust), at=now, reason=reason)
        force = f"in force: {state.in_force}" if state.in_force else "no snapshot is in force"
        return SnapshotReport(command="undo", clock=now, at=judged, applied=True, done=f"UNDONE: {force}.")

    finish(reporting("undo", None, run), output)
