"""`airgap trust pin`: who may sign snapshots, fixed in a ceremony of two people and a telephone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import Output, clock, note, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.trust_common import StreamOption, TrustOption, location

if TYPE_CHECKING:
    from airgap.trust.snapshots.pins import Pin

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
        str,
        typer.Option("--accept-lost-state", metavar="REASON", help="Begin a new memory; the reason is recorded."),
    ] = "",
    output: Output,
) -> None:
    """Pin a signer: shows the fingerprints in hex and in words, and asks for five groups of each that it hides.

    Compare them over a channel that the medium did not come through. Whoever is pinned decides what this site trusts.
    """
    from airgap.cli.trust_common import raised
    from airgap.errors import UsageError
    from airgap.stages.pin import add_pin, propose_pin, propose_tuf_pin

    now = clock()
    if (signer is None) == (tuf_root is None):
        raise UsageError("name either a signer or --tuf-root", remedy="airgap trust pin add signer.pem")
    if tuf_root is not None:
        from airgap.trust.snapshots.tuf_check import check_root

        pin = propose_tuf_pin(tuf_root, stream=stream, at=now)
        check_root(pin.tuf_root)
    else:
        pin = propose_pin(signer or "", stream=stream, at=now, exact=exact, tsa_roots=tsa_root or [])
    _confirm(pin, yes_fingerprint or [])
    with raised():
        add_pin(location(trust), pin, at=now, accept_lost_state=accept_lost_state)
    _write(pin, output, f"Pinned: {pin.id}\n")


@command(app, "list")
def list_(
    *,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """List who may sign snapshots here, by stream."""
    from airgap.errors import NotFoundError
    from airgap.report.snapshots import pin_document, pin_text
    from airgap.text import safe
    from airgap.trust.generation import is_between, read_one_state
    from airgap.trust.snapshots.pins import Pins

    where = location(trust)
    pins: tuple[Pin, ...] = ()
    if trust is not None or is_between(where.path):
        absent = NotFoundError(
            f"there is no trust directory at {safe(where.path)}", remedy="Name another one with --trust."
        )
        pins = read_one_state(where.path, lambda: Pins.read(where.path), absent=absent).entries
    if output.is_json:
        write_json({"schema": "airgap.pins/1", "pins": [pin_document(pin) for pin in pins]})
    else:
        write("".join(map(pin_text, pins)) or "Nobody is pinned.\n")


@command(app)
def delete(
    *,
    pin: Annotated[str, typer.Argument(metavar="ID", help="The pin's id, or the beginning of it.")],
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Remove a pin: its holder's next snapshot is refused. What was applied stays in force."""
    from airgap.stages.pin import delete_pin

    removed = delete_pin(location(trust), pin, at=clock())
    _write(removed, output, f"Removed: {removed.id}\n")


def _write(pin: Pin, output: Output, line: str) -> None:
    from airgap.report.snapshots import pin_document, pin_text

    if output.is_json:
        write_json({"schema": "airgap.pins/1", "pins": [pin_document(pin)]})
    else:
        write(line + pin_text(pin))


def _confirm(pin: Pin, given: list[str]) -> None:
    """A person says that every fingerprint is the right one, or a script names it. Raises UsageError."""
    from airgap.errors import UsageError
    from airgap.report.snapshots import ceremony_text
    from airgap.trust.ceremony import Challenge

    if given:
        named = {"".join(text.lower().removeprefix("sha256:").replace(":", " ").split()) for text in given}
        missing = [name for name, fingerprint in pin.compared if fingerprint not in named]
        if missing:
            raise UsageError(
                f"no --yes-fingerprint is the whole fingerprint of the {missing[0]}; nothing was pinned",
                remedy="Name every fingerprint that the ceremony asks about, as the sender gave it to you.",
            )
        return
    challenges = [Challenge.of(fingerprint) for _, fingerprint in pin.compared]
    note(ceremony_text(pin, challenges))
    for (name, _), challenge in zip(pin.compared, challenges, strict=True):
        note(f"Have the sender read the fingerprint of the {name} to you, and type {challenge.question}:")
        challenge.check(sys.stdin.readline(_LINE), name)
