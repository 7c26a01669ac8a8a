"""`airgap trust policy`: the trust policy, written, brought, shown and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import Output, note, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.trust_common import TrustOption, location

if TYPE_CHECKING:
    from airgap.trust.policy_edit import PolicyKind, PolicyWritten

app = typer_app("Write, import, show and check the trust policy.", no_args_is_help=True)

BlobOption = Annotated[bool, typer.Option("--blob", help="The policy for blobs (trustpolicy.blob.json).")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a policy that is there; a copy of it is kept.")]


@command(app)
def init(
    *,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the statement.")],
    store: Annotated[
        list[str], typer.Option("--trust-store", metavar="TYPE:NAME", help="Trust store, as ca:acme; repeatable.")
    ],
    identity: Annotated[
        list[str] | None,
        typer.Option(
            "--trusted-identity",
            metavar="IDENTITY",
            help="'x509.subject: C=US,ST=WA,O=Acme', or '*' for every signer below the stores; repeatable.",
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="REPOSITORY", help="Repository that it is for, or '*'; repeatable."),
    ] = None,
    blob: BlobOption = False,
    force: ForceOption = False,
    trust: TrustOption = None,
) -> None:
    """Write a trust policy with one strict statement.

    Without --trusted-identity nobody would be trusted, so one is needed; '*' trusts every signer below the stores.
    """
    from airgap.errors import UsageError
    from airgap.trust.edit import writable
    from airgap.trust.policy_edit import put_policy, strict_policy

    if not blob and not scope:
        raise UsageError("no repository is named", remedy="Add --scope registry.example/team/app, or --scope '*'.")
    if not identity:
        raise UsageError(
            "no identity is named", remedy="Add --trusted-identity 'x509.subject: C=US,ST=WA,O=Acme', or '*'."
        )
    data = strict_policy(name=name, scopes=scope or [], stores=store, identities=identity, blob=blob)
    _told(put_policy(writable(location(trust)), data, _kind(blob=blob), replace=force))


@command(app, "import")
def import_(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A trust policy document.")],
    blob: BlobOption = False,
    force: ForceOption = False,
    trust: TrustOption = None,
) -> None:
    """Put a trust policy in place, if every rule holds; one that is there is only replaced with --force.

    What was there is kept under a name of its own. Exit codes: 0, 2 not replaced, 18 malformed (nothing was changed).
    """
    from airgap.trust.edit import writable
    from airgap.trust.policy_edit import parse_policy, put_policy, read_source

    root, kind = writable(location(trust)), _kind(blob=blob)
    data = read_source(file)
    parse_policy(data, str(file), kind)
    _told(put_policy(root, data, kind, replace=force))


@command(app)
def show(
    *,
    blob: BlobOption = False,
    trust: TrustOption = None,
) -> None:
    """Print the trust policy as it stands; where it is malformed, say so on standard error.

    Exit codes: 0, 18 malformed or not there.
    """
    from airgap.text import safe
    from airgap.trust.policy_edit import find_policy, parse_policy

    path, data = find_policy(location(trust).path, _kind(blob=blob))
    write("".join(safe(line, limit=len(line)) + "\n" for line in data.decode(errors="replace").splitlines()))
    parse_policy(data, str(path), _kind(blob=blob))


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

    Every refusal is told, with line and member; also each trust store that a statement names and that is missing, empty
    or cannot be used (with --file these are notes: its stores may come later). Exit codes: 0, 13 no statement applies,
    18 malformed or not there, or a store is.
    """
    from airgap.reasons import ExitCode
    from airgap.report.trusting import policy_document, policy_text, refusal_text, refused_policy_document
    from airgap.trust.policy_edit import answer, find_policy, parse_policy, read_source, store_refusals
    from airgap.trust.statement import PolicyError

    root = location(trust).path
    path, data = (file, read_source(file)) if file else find_policy(root, _kind(blob=blob))
    try:
        policy = parse_policy(data, str(path), _kind(blob=blob))
    except PolicyError as error:
        if output.is_json:
            write_json(refused_policy_document(error.source, error.refusals, error.total))
            raise typer.Exit(ExitCode.MALFORMED) from None
        for refusal in error.refusals:
            note(f"{error.source}, {refusal_text(refusal)}")
        raise
    refusals = store_refusals(data, policy, root)
    wanted = reference if blob or reference is None else repository(reference)
    found = answer(policy, wanted, root) if reference is not None else None
    for refusal in refusals if file else ():
        note(refusal_text(refusal))
    broken = () if file else refusals
    if output.is_json:
        write_json(policy_document(policy, found, broken))
    else:
        write(policy_text(policy, found, broken, style=output.style))
    if broken:
        raise typer.Exit(ExitCode.MALFORMED)
    if found is not None and found.statement is None:
        raise typer.Exit(ExitCode.UNTRUSTED)


def repository(text: str) -> str:
    """The repository of a reference: `registry.example/app:v1` and `registry.example/app` are asked about alike.

    Raises UsageError.
    """
    from airgap.oci.reference import parse_registry_reference
    from airgap.trust.scopes import check_scope

    return check_scope(parse_registry_reference(text).name)


def _kind(*, blob: bool) -> PolicyKind:
    return "blob" if blob else "oci"


def _told(written: PolicyWritten) -> None:
    from airgap.report.trusting import policy_text
    from airgap.text import safe

    for backup in written.backups:
        note(f"The policy that was there is kept as {safe(backup)}.")
    write(policy_text(written.policy, None))
