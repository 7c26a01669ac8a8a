"""`airgap trust policy`: the trust policy, written, brought, shown and checked."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, note, style_of
from airgap.cli.editor import edited
from airgap.cli.judging_options import TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.errors import UsageError
from airgap.text import safe

app = typer_app("Write, import, show and check the trust policy.", no_args_is_help=True)

BlobOption = Annotated[bool, typer.Option("--blob", help="The policy for blobs (trustpolicy.blob.json).")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a policy that is there; a copy of it is kept.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStatement:
    """A strict statement, as options say it."""

    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the statement.")]
    store: Annotated[
        list[str], typer.Option("--trust-store", metavar="TYPE:NAME", help="Trust store, as ca:acme; repeatable.")
    ]
    identity: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-identity",
            metavar="IDENTITY",
            help="'x509.subject: C=US,ST=WA,O=Acme', or '*' for every signer below the stores; repeatable.",
        ),
    ] = None
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="REPOSITORY", help="Repository that it is for, or '*'; repeatable."),
    ] = None
    blob: BlobOption = False

    def check(self) -> None:
        """Raises UsageError where no repository or no identity is named."""
        if not self.blob and not self.scope:
            raise UsageError("no repository is named", remedy="Add --scope registry.example/team/app, or --scope '*'.")
        if not self.identity:
            raise UsageError(
                "no identity is named", remedy="Add --trusted-identity 'x509.subject: C=US,ST=WA,O=Acme', or '*'."
            )


@command(app)
def init(
    *,
    statement: NewStatement,
    force: ForceOption = False,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Write a trust policy with one strict statement.

    Without --trusted-identity no signer would be trusted, so one is needed; '*' trusts every signer below the stores.
    """
    statement.check()
    data = airgap.trust.strict_policy(
        name=statement.name,
        scopes=statement.scope or [],
        stores=statement.store,
        identities=statement.identity or [],
        blob=statement.blob,
    )
    root = airgap.trust.writable(location(trust))
    _show_written(airgap.trust.put_policy(root, data, _kind(blob=statement.blob), replace=force), output)


@command(app)
def add(
    *,
    statement: NewStatement,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Add one strict statement to the policy that is there: for a second publisher.

    A repository has one statement; for one that another statement names already, change that one (edit). A blob
    statement is selected by its name. What was there is kept under a name of its own.

    Exit codes: 0 added, 2 usage, 18 the policy would be malformed, or is, or is not there (nothing was changed).
    """
    statement.check()
    root = airgap.trust.writable(location(trust))
    data = airgap.trust.with_statement(
        root,
        name=statement.name,
        scopes=statement.scope or [],
        stores=statement.store,
        identities=statement.identity or [],
        blob=statement.blob,
    )
    _show_written(airgap.trust.put_policy(root, data, _kind(blob=statement.blob)), output)


@command(app)
def edit(*, blob: BlobOption = False, trust: TrustOption = None, output: Output) -> None:
    """Edit the trust policy in $VISUAL or $EDITOR; it is put in place only if every rule holds.

    Where one does not, each is named with its line, and you can go on editing; what you wrote is kept.

    Exit codes: 0 changed or left as it was, 1 no editor, 2 no terminal, 18 malformed (nothing was changed).
    """
    kind = _kind(blob=blob)
    root = airgap.trust.writable(location(trust))
    _, former = airgap.trust.find_policy(root, kind)
    data = edited(former, f"trustpolicy.{kind}.json", lambda text: _accepted(text, kind))
    if data == former:
        note("Nothing was changed.")
        checked = airgap.trust.check_policy(root, kind)
        output.finish(airgap.report.PolicyReport(replace(checked, refusals=())))
    _show_written(airgap.trust.put_policy(root, data, kind), output)


def _accepted(data: bytes, kind: Literal["oci", "blob"]) -> bool:
    """Whether every rule holds; each that does not is shown."""
    try:
        airgap.trust.parse_policy(data, "the policy", kind)
    except airgap.trust.PolicyError as error:
        for line in airgap.report.RefusedPolicyReport(error).lines(style_of(sys.stderr, plain=True)):
            note(line)
        return False
    return True


@command(app, "import")
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A trust policy document.")],
    blob: BlobOption = False,
    force: ForceOption = False,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Put a trust policy in place, if every rule holds; one that is there is only replaced with --force.

    What was there is kept under a name of its own. Exit codes: 0, 2 not replaced, 18 malformed (nothing was changed).
    """
    root = airgap.trust.writable(location(trust))
    _show_written(airgap.trust.import_policy(root, file, _kind(blob=blob), replace=force), output)


@command(app)
def show(*, blob: BlobOption = False, trust: TrustOption = None, output: Output) -> None:
    """Print the trust policy as it is; where it is malformed, say so on standard error.

    Exit codes: 0, 18 malformed or not there.
    """
    path, data = airgap.trust.find_policy(location(trust).path, _kind(blob=blob))
    try:
        airgap.trust.parse_policy(data, str(path), _kind(blob=blob))
    except airgap.trust.PolicyError as error:
        output.show(airgap.report.ShownPolicyReport(path, data, error))
        raise
    output.finish(airgap.report.ShownPolicyReport(path, data))


@command(app)
def check(
    *,
    reference: Annotated[
        str | None,
        typer.Argument(metavar="[REF|REPOSITORY]", help="Which statement applies to this repository (blob: name)."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Check this document, not the trust directory's.")
    ] = None,
    blob: BlobOption = False,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Check every rule of the trust policy, and say which statement applies to a repository and why.

    Every refusal is shown, with line and member; also each trust store that a statement names and that is missing,
    empty or cannot be used (with --file these are notes: its stores may come later). Exit codes: 0, 13 no statement
    applies, 18 malformed or not there, or a store is.
    """
    try:
        checked = airgap.trust.check_policy(location(trust).path, _kind(blob=blob), file=file, about=reference)
    except airgap.trust.PolicyError as error:
        output.finish(airgap.report.RefusedPolicyReport(error))
    if file:
        for refusal in checked.refusals:
            note(f"{refusal.located}\n  → {refusal.remedy}" if refusal.remedy else refusal.located)
        checked = replace(checked, refusals=())
    output.finish(airgap.report.PolicyReport(checked))


def _kind(*, blob: bool) -> Literal["oci", "blob"]:
    return "blob" if blob else "oci"


def tell_kept(written: airgap.trust.PolicyWritten) -> None:
    """Says where the policy is that was there before."""
    for backup in written.backups:
        note(f"The policy that was there is kept as {safe(backup)}.")


def _show_written(written: airgap.trust.PolicyWritten, output: Output) -> None:
    tell_kept(written)
    output.finish(airgap.report.PolicyReport(written))
