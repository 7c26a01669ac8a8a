"""`airgap trust init`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, note
from airgap.cli.judging_options import TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.cli.trust_cert import confirmed
from airgap.cli.trust_policy import tell_kept
from airgap.errors import TrustMaterialError, UsageError
from airgap.text import safe

app = typer_app()


@command(app)
def init(
    *,
    certificate: Annotated[
        Path | None,
        typer.Option("--cert", metavar="FILE", help="Certificate of the CA below which the publisher signs."),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", metavar="FINGERPRINT", help="Its fingerprint, as its owner told it."),
    ] = None,
    store: Annotated[str | None, typer.Option("--store", metavar="NAME", help="What the publisher is called.")] = None,
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="REPOSITORY", help="Repository of the publisher, or '*' for all.")
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(
            "--trusted-identity",
            metavar="IDENTITY",
            help="Who may sign: 'x509.subject: C=US,ST=WA,O=Acme', or '*' for every signer below the CA.",
        ),
    ] = None,
    trust: TrustOption = None,
    output: Output,
) -> None:
    """Trust a first publisher, or one more: its CA's certificate, and a strict statement of the policy.

    What is not given as an option is asked, in five questions. Nothing is written before the last one is answered.

    Exit codes: 0 trusted, 1 not confirmed, 2 usage, 11 no such file, 13 another fingerprint, 18 not fit for a store.
    """
    root = airgap.trust.writable(location(trust))
    file = certificate or Path(_asked("File with the certificate of the CA", "--cert")).expanduser()
    found = airgap.trust.read_certificates(file)
    if sha256 is not None:
        fingerprints = {airgap.trust.parse_fingerprint(sha256)}
    else:
        _need_terminal("--sha256")
        fingerprints = confirmed([file], output)
    subject = found.certificates[0].subject_text
    name = store or _asked("Name for the publisher, and for its trust store", "--store", default=_short_name(subject))
    scopes = scope or _asked("Repository (registry.example/team/app), or * for all", "--scope")
    who = identity or _asked("Signer (C=US,ST=WA,O=Acme), or * for all below the CA", "--trusted-identity")
    ref = airgap.trust.store_of(airgap.trust.StoreType.CA, name)
    data = _policy(root, name, scopes, str(ref), _identity(who))
    added = airgap.trust.add_certificates(root, ref, [file], fingerprints=fingerprints)
    written = airgap.trust.put_policy(root, data, "oci")
    tell_kept(written)
    note(f"trusted: {safe(name)}, below {ref} {', '.join(safe(item.name) for item in added)}")
    note("Next: airgap verify TARGET; its evidence: airgap trust fetch TARGET, on the connected side.")
    output.finish(airgap.report.PolicyReport(written))


def _policy(root: Path, name: str, scope: str, store: str, identity: str) -> bytes:
    """The policy with the new statement, alone or after those that are there."""
    try:
        airgap.trust.find_policy(root, "oci")
    except TrustMaterialError as error:
        if error.reason != "policy.missing":
            raise
        return airgap.trust.strict_policy(name=name, scopes=[scope], stores=[store], identities=[identity])
    return airgap.trust.with_statement(root, name=name, scopes=[scope], stores=[store], identities=[identity])


def _identity(text: str) -> str:
    """`*`, or an identity; what is written without its kind is a subject."""
    return text if text == "*" or text.startswith("x509.subject:") else f"x509.subject: {text}"


def _short_name(subject: str) -> str:
    """A name for a store, from a subject: its organization, else its common name."""
    parts = dict(part.split("=", 1) for part in subject.split(",") if "=" in part)
    words = re.sub(r"[^a-z0-9]+", "-", (parts.get("O") or parts.get("CN") or "").lower()).strip("-")
    return words[:40] or "publisher"


def _asked(question: str, option: str, *, default: str | None = None) -> str:
    _need_terminal(option)
    return str(typer.prompt(question, default=default, err=True)).strip()


def _need_terminal(option: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", remedy=f"Answer with options; {option} is missing.")
