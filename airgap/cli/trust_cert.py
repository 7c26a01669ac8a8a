"""`airgap trust cert`: the certificates that are trusted, by store."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import Output, note, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.trust_common import TrustOption, location

app = typer_app("Add, list, show and delete the certificates that are trusted.", no_args_is_help=True)


class Kind(StrEnum):
    """What the certificates of a store vouch for."""

    CA = "ca"
    SIGNING_AUTHORITY = "signingAuthority"
    TSA = "tsa"


KindOption = Annotated[Kind, typer.Option("--type", "-t", help="ca: signatures; tsa: timestamps.")]
StoreOption = Annotated[str, typer.Option("--store", "-s", metavar="NAME", help="Name of the trust store.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@command(app)
def add(
    *,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Certificates, PEM or DER (.pem, .crt, .cer).")
    ],
    kind: KindOption,
    store: StoreOption,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Add certificate files to a trust store, and show their fingerprints so that they can be compared.

    Refuses what verification would refuse: a certificate that is no CA, for tsa anything but a self-signed root CA. A
    store gives no trust until a policy statement names it. Compare the fingerprint with its owner first.
    """
    from airgap.report.trusting import certificates_document, show_text
    from airgap.trust.edit import add_certificates, store_of, writable

    root = writable(location(trust))
    added = add_certificates(root, store_of(kind.value, store), files)
    if output.is_json:
        write_json(certificates_document(added))
    else:
        write("".join(show_text(item, style=output.style) for item in added))


@command(app, "list")
def list_(
    *,
    kind: Annotated[Kind | None, typer.Option("--type", "-t", help="Only stores of this type.")] = None,
    store: Annotated[
        str | None, typer.Option("--store", "-s", metavar="NAME", help="Only stores of this name.")
    ] = None,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """List the certificates of all trust stores, and the stores that cannot be used.

    Exit codes: 0, 18 if a store cannot be used.
    """
    from airgap.errors import NotFoundError
    from airgap.reasons import ExitCode
    from airgap.report.trusting import certificates_document, list_text
    from airgap.text import safe
    from airgap.trust.edit import BrokenStore, list_files
    from airgap.trust.generation import settled
    from airgap.trust.stores import StoreType

    where = location(trust)
    if trust is not None and not settled(trust).is_dir():
        raise NotFoundError(f"there is no trust directory at {safe(trust)}", remedy="Name another one with --trust.")
    found = list_files(where.path, StoreType(kind.value) if kind else None, store)
    if output.is_json:
        write_json(certificates_document(found))
    else:
        write(list_text(found, style=output.style))
    if any(isinstance(item, BrokenStore) for item in found):
        raise typer.Exit(ExitCode.MALFORMED)


@command(app)
def show(
    *,
    file: Annotated[str, typer.Argument(metavar="NAME", help="File name in the store, as list shows it.")],
    kind: KindOption,
    store: StoreOption,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Show one certificate: subject, validity, CA flag, and its fingerprint in digits and in words.

    The words are those of the PGP word list, for reading over a telephone: who hears another word has another file.
    """
    from airgap.report.trusting import certificates_document, show_text
    from airgap.trust.edit import find_file, store_of

    found = find_file(location(trust).path, store_of(kind.value, store), file)
    if output.is_json:
        write_json(certificates_document([found]))
    else:
        write(show_text(found, style=output.style))


@command(app)
def delete(
    *,
    kind: KindOption,
    store: StoreOption,
    file: Annotated[str | None, typer.Argument(metavar="[NAME]", help="File name in the store.")] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="The whole store.")] = False,
    yes: YesOption = False,
    trust: TrustOption = None,
) -> None:
    """Delete one certificate file of a trust store, or the whole store with --all.

    Asks first; where there is nobody to ask, --yes is needed.
    """
    from airgap.errors import UsageError
    from airgap.text import safe
    from airgap.trust.edit import delete_file, delete_store, store_of, writable

    root, ref = writable(location(trust)), store_of(kind.value, store)
    if (file is None) is not everything:
        raise UsageError("name either one file, or --all")
    confirm(f"Delete {safe(file) if file else 'every certificate'} of the trust store {ref}?", yes=yes)
    if file is None:
        gone = delete_store(root, ref)
    else:
        delete_file(root, ref, file)
        gone = (file,)
    write("".join(f"deleted {ref} {safe(name)}\n" for name in gone))


def confirm(question: str, *, yes: bool) -> None:
    """Ask, and end the command without a yes. Raises UsageError where nobody can be asked."""
    from airgap.errors import UsageError

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", remedy="Add --yes.")
    if not typer.confirm(question):
        note("Nothing was changed.")
        raise typer.Exit(1)
