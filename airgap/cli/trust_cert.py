"""`airgap trust cert`: the certificates that are trusted, by store."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, YesOption, note
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
    sha256: Annotated[
        list[str] | None,
        typer.Option(
            "--sha256",
            metavar="FINGERPRINT",
            help="Add only a certificate with this fingerprint, as its owner told it; repeatable.",
        ),
    ] = None,
    yes: YesOption = False,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Add certificate files to a trust store.

    With --sha256 nothing is added that has another fingerprint. Without it, a terminal shows the fingerprint and asks;
    where there is none, it is shown afterwards, to be compared. Refused is what verification would refuse: a
    certificate that is no CA, for tsa anything but a self-signed root CA. A store gives no trust until a policy
    statement names it.

    Exit codes: 0 added, 2 usage, 11 no such file, 13 another fingerprint (nothing was added), 18 not fit for a store.
    """
    root, ref = airgap.trust.writable(location(trust)), airgap.trust.store_of(kind, store)
    fingerprints = {airgap.trust.parse_fingerprint(text) for text in sha256} if sha256 else None
    if fingerprints is None and not yes and sys.stdin.isatty() and not output.is_json:
        fingerprints = confirmed(files, output)
    added = airgap.trust.add_certificates(root, ref, files, fingerprints=fingerprints)
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
    file: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A certificate file; with --store the name of one in that store.")
    ],
    kind: Annotated[
        airgap.trust.StoreType | None, typer.Option("--type", "-t", help="Type of the store that holds it.")
    ] = None,
    store: Annotated[str | None, typer.Option("--store", "-s", metavar="NAME", help="The store that holds it.")] = None,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Show the certificates of a file: subject, validity, CA flag, and the fingerprint in digits and in words.

    So you look at a file before you trust it (cert add), or at one that is in a store. The words are those of the PGP
    word list, for reading over a telephone: who hears another word has another file.
    """
    if (kind is None) is not (store is None):
        raise UsageError("--type and --store belong together")
    if kind is not None and store is not None:
        found = airgap.trust.find_certificate(location(trust).path, airgap.trust.store_of(kind, store), file)
    else:
        found = airgap.trust.read_certificates(Path(file))
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
    output: Output,
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
    changes = [airgap.report.ChangedThing(what="certificate", change="removed", name=f"{ref} {name}") for name in gone]
    said = [f"deleted {ref} {safe(name)}" for name in gone]
    output.finish(airgap.report.DoneReport("trust cert delete", changes, said))


def confirmed(files: Iterable[Path], output: Output) -> set[str]:
    """The fingerprints of certificates that a person has compared; the command ends where one is another.

    Raises UsageError, FormatError for a file that cannot be read.
    """
    found = [airgap.trust.read_certificates(path) for path in files]
    output.show(airgap.report.CertificatesReport(found, verbose=True))
    confirm("Has the owner told you these fingerprints, another way than the files came?", yes=False)
    return {certificate.fingerprint for item in found for certificate in item.certificates}


def confirm(question: str, *, yes: bool) -> None:
    """Ask, and end the command without a yes. Raises UsageError without a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", remedy="Add --yes.")
    if not typer.confirm(question):
        note("Nothing was changed.")
        raise typer.Exit(ExitCode.ERROR)
