"""`airgap trust pin`: who may sign snapshots, fixed in a ceremony of two people and a telephone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, clock, note
from airgap.cli.judging_options import StreamOption, TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.errors import UsageError

app = typer_app("Fix, list and remove who may sign snapshots of the trust directory.", no_args_is_help=True)

_LINE = 1024
"""Characters of an answer that are read."""


@command(app)
def add(
    *,
    signer: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|REF]",
            help="Certificate file (signing certificate first, root last), or a layout with a signed snapshot.",
        ),
    ] = None,
    trust: TrustOption = None,
    stream: StreamOption = "default",
    exact: Annotated[
        bool, typer.Option("--exact", help="Pin this one certificate with its issuers, not its subject below its root.")
    ] = False,
    tsa_root: Annotated[
        list[Path] | None,
        typer.Option("--tsa-root", metavar="FILE", help="Demand a timestamp of an authority below this root."),
    ] = None,
    tuf_root: Annotated[
        Path | None, typer.Option("--tuf-root", metavar="FILE", help="Pin the keys of this root.json (extra tuf).")
    ] = None,
    yes_fingerprint: Annotated[
        list[str] | None,
        typer.Option("--yes-fingerprint", metavar="SHA256", help="For scripts: each fingerprint that is right."),
    ] = None,
    accept_lost_state: Annotated[
        str, typer.Option("--accept-lost-state", metavar="REASON", help="Begin a new memory; the reason is recorded.")
    ] = "",
    output: Output,
) -> None:
    """Pin a signer: shows the fingerprints in hex and in words, and asks for five groups of each that it hides.

    Compare them over a channel that the medium did not come through. A pinned signer decides what this site trusts.
    """
    now = clock()
    if (signer is None) == (tuf_root is None):
        raise UsageError("name either a signer or --tuf-root", remedy="airgap trust pin add signer.pem")
    if tuf_root is not None:
        pin = airgap.trust.propose_tuf_pin(tuf_root, stream=stream, at=now)
    else:
        pin = airgap.trust.propose_pin(signer or "", stream=stream, at=now, exact=exact, tsa_roots=tsa_root or [])
    airgap.trust.check_can_pin(location(trust), at=now, accept_lost_state=accept_lost_state.strip())
    _confirm(pin, yes_fingerprint or [])
    airgap.trust.add_pin(location(trust), pin, at=now, accept_lost_state=accept_lost_state.strip())
    output.finish(airgap.report.PinsReport([pin], f"Pinned: {pin.id}"))


@command(app, "list")
def list_(*, trust: TrustOption = None, output: Output) -> None:
    """List who may sign snapshots here, by stream."""
    output.finish(airgap.report.PinsReport(airgap.trust.list_pins(location(trust))))


@command(app)
def delete(
    *,
    pin: Annotated[str, typer.Argument(metavar="ID", help="The pin's id, or the beginning of it.")],
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Remove a pin: its holder's next snapshot is refused. What was applied stays in force."""
    removed = airgap.trust.delete_pin(location(trust), pin, at=clock())
    output.finish(airgap.report.PinsReport([removed], f"Removed: {removed.id}"))


def _confirm(pin: airgap.trust.Pin, given: list[str]) -> None:
    """A person confirms every fingerprint, or a script names it. Raises UsageError."""
    if given:
        named = {"".join(text.lower().removeprefix("sha256:").replace(":", " ").split()) for text in given}
        missing = [name for name, fingerprint in pin.compared if fingerprint not in named]
        if missing:
            raise UsageError(
                f"no --yes-fingerprint is the whole fingerprint of the {missing[0]}; nothing was pinned",
                remedy="Name every fingerprint that the ceremony asks about, as the sender gave it to you.",
            )
        return
    challenges = [airgap.trust.Challenge.of(fingerprint) for _, fingerprint in pin.compared]
    note(airgap.report.ceremony_text(pin, challenges))
    for (name, _), challenge in zip(pin.compared, challenges, strict=True):
        note(f"Have the sender read the fingerprint of the {name} to you, and type {challenge.question}:")
        if not (answer := sys.stdin.readline(_LINE)):  # not even an empty line: this accuses no sender
            raise UsageError(
                f"there is no terminal to ask about the fingerprint of the {name}; nothing was pinned",
                remedy="In a script name each fingerprint as the sender gave it to you: --yes-fingerprint SHA256.",
            )
        challenge.check(answer, name)
