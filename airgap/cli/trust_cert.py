"""`airgap trust cert`: the certificates that are trusted, by store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, YesOption, note, write
from airgap.cli.judging_options import TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.errors import UsageError
from airgap.reasons import ExitCode
from airgap.text import safe

app = typer_app("Add, list, show and delete the certificates that are trusted.", no_args_is_help=True)


KindOption = Annotated[airgap.trust.StoreType, typer.Option("--type", "-t", help="ca: signatures; tsa: timestamps.")]
StoreOption = Annotated[str, typer.Option("--store", "-s", metavar="NAME", help="Name of the trust store.")]


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
    root = airgap.trust.writable(location(trust))
    added = airgap.trust.add_certificates(root, airgap.trust.store_of(kind, store), files)
    output.finish(airgap.report.CertificatesReport(added, verbose=True))


@command(app, "list")
def list_(
    *,
    kind: Annotated[
        airgap.trust.StoreType | None, typer.Option("--type", "-t", help="Only stores of this type.")
    ] = None,
    store: Annotated[
        str | None, typer.Option("--store", "-s", metavar="NAME", help="Only stores of this name.")
    ] = None,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """List the certificates of all trust stores, and the stores that cannot be used.

    Exit codes: 0, 18 if a store cannot be used.
    """
    output.finish(airgap.report.CertificatesReport(airgap.trust.list_certificates(location(trust), kind, store)))


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
    found = airgap.trust.find_certificate(location(trust).path, airgap.trust.store_of(kind, store), file)
    output.finish(airgap.report.CertificatesReport([found], verbose=True))


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

    Asks first; without a terminal, --yes is needed.
    """
    root, ref = airgap.trust.writable(location(trust)), airgap.trust.store_of(kind, store)
    if (file is None) is not everything:
        raise UsageError("name either one file, or --all")
    confirm(f"Delete {safe(file) if file else 'every certificate'} of the trust store {ref}?", yes=yes)
    if file is None:
        gone = airgap.trust.delete_store(root, ref)
    else:
        airgap.trust.delete_certificate(root, ref, file)
        gone = (file,)
    write("".join(f"deleted {ref} {safe(name)}\n" for name in gone))


def confirm(question: str, *, yes: bool) -> None:
    """Ask, and end the command without a yes. Raises UsageError without a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", remedy="Add --yes.")
    if not typer.confirm(question):
        note("Nothing was changed.")
        raise typer.Exit(ExitCode.ERROR)
