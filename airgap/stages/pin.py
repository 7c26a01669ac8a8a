"""Pins: proposes them from a certificate file or the signature of a snapshot, sets and removes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from airgap import limits
from airgap.errors import AirgapError, FormatError, Rejected, UsageError
from airgap.files import read_regular
from airgap.oci.target import Target, open_target
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import check_code_signing_chain
from airgap.signature.envelope import parse_envelope
from airgap.signature.signature_manifest import is_signature
from airgap.text import safe
from airgap.trust.generation import is_between, read_one_state
from airgap.trust.identities import suggest
from airgap.trust.identity_names import read_subject
from airgap.trust.location import Location, is_named, not_there
from airgap.trust.snapshots.memory import former_memory, lost_memory
from airgap.trust.snapshots.pins import Pin, PinKind, Pins
from airgap.trust.snapshots.snapshot_document import is_snapshot, parse_stream
from airgap.trust.snapshots.state import State
from airgap.trust.snapshots.swap import StagedSwap, swap_of
from airgap.verifier.candidate import candidate_of


def propose_pin(source: str, *, stream: str, at: datetime, exact: bool = False, tsa_roots: Sequence[Path] = ()) -> Pin:
    """The proposed pin for the signer in `source`. It is not trusted before a person has compared fingerprints.

    A subject below a root; with `exact` this signing certificate below these issuers. Raises AirgapError.
    """
    chain = _chain(source)
    try:
        check_code_signing_chain(Offered(chain))
    except Rejected as error:
        raise UsageError(
            f"{safe(source)} shows no signer that could be accepted: {error}",
            remedy="Name the signer's whole chain in one file, the signing certificate first and its root last, or a "
            "snapshot that it signed.",
        ) from None
    stamps = tuple(root for path in tsa_roots for root in _certificates(path))
    alone = exact or len(chain) == 1
    try:
        pin = Pin(
            stream=parse_stream(stream),
            kind=PinKind.CERTIFICATE if alone else PinKind.SUBJECT,
            added=at,
            fingerprint=chain[0].fingerprint if alone else None,
            issuers=tuple(issuer.fingerprint for issuer in chain[1:]) if alone else None,
            subject=None if alone else suggest(read_subject(chain[0].subject)),
            roots=() if alone else (chain[-1],),
            tsa_roots=stamps,
        )
        pin.check()
    except FormatError as error:
        raise UsageError(f"{safe(source)} cannot be pinned: {error}", remedy="Pin the certificate: --exact.") from None
    return pin


def propose_tuf_pin(root: Path, *, stream: str, at: datetime) -> Pin:
    """The pin for a TUF root, whose own keys sign it. Raises AirgapError."""
    from airgap.trust.snapshots.tuf_check import check_root  # imported only here: few sites pin a TUF root

    try:
        data = read_regular(root, limits.TUF_BYTES)
        pin = Pin(stream=parse_stream(stream), kind=PinKind.TUF, added=at, tuf_root=data)
    except FormatError as error:
        raise UsageError(f"{safe(root)} {error}", remedy=error.remedy) from None
    check_root(data)
    return pin


def list_pins(location: Location) -> tuple[Pin, ...]:
    """The pins; empty if there is no trust directory. Raises NotFoundError for a named one that is missing."""
    trust = location.path
    if not is_named(location) and not is_between(trust):
        return ()
    return read_one_state(trust, lambda: Pins.read(trust), absent=not_there(trust)).entries


def add_pin(location: Location, pin: Pin, *, at: datetime, accept_lost_state: str = "") -> None:
    """Pin a signer whose fingerprints a person has compared. The first pin creates the state.

    Raises Rejected(snapshot.state.lost) if there was a state before, AirgapError.
    """
    swap = swap_of(location)
    with swap.locked():
        pins, state = _open_for_pin(swap, at, accept_lost_state)
        # the state first: pins without a state mean that the state is lost
        state.noting(at, "pin", f"{pin.stream} {pin.id}").write(swap.trust)
        pins.adding(pin).write(swap.trust)


def check_can_pin(location: Location, *, at: datetime, accept_lost_state: str = "") -> None:
    """Check that `add_pin` would take a pin, before two people compare fingerprints for it. Raises what that raises."""
    swap = swap_of(location)
    with swap.locked():
        _open_for_pin(swap, at, accept_lost_state)


def _open_for_pin(swap: StagedSwap, at: datetime, accept_lost_state: str) -> tuple[Pins, State]:
    pins, state = Pins.read(swap.trust), State.read(swap.trust)
    if state is not None:
        return pins, state
    if not pins.entries and former_memory(swap) is None:
        return pins, State()
    if not accept_lost_state:
        raise lost_memory(swap)
    return pins, State().noting(at, "accept-lost-state", "pin", accept_lost_state)


def delete_pin(location: Location, name: str, *, at: datetime) -> Pin:
    """Remove the pin whose id begins with `name`. Raises UsageError, AirgapError."""
    swap = swap_of(location)
    with swap.locked():
        pins, removed = Pins.read(swap.trust).without(name)
        pins.write(swap.trust)
        state = State.read(swap.trust)
        if state is not None:
            state.noting(at, "unpin", f"{removed.stream} {removed.id}").write(swap.trust)
    return removed


def _chain(source: str) -> tuple[Certificate, ...]:
    path = Path(source)
    if path.is_file():
        try:
            return _certificates(path)
        except UsageError:
            if path.suffix.lower() in {".pem", ".crt", ".cer", ".der"}:
                raise
    with open_target(source) as opened:
        found = dict.fromkeys(_signers(opened))
    if not found:
        raise UsageError(
            f"{safe(source)} shows no signer: no snapshot in it carries a signature that is about it",
            remedy="Have the sender sign it (airgap trust snapshot sign), or give the signer's certificates as a file.",
        )
    if len(found) != 1:
        raise UsageError(
            f"{safe(source)} shows {len(found)} signers of snapshots, not one",
            remedy="Name one snapshot with :TAG or @DIGEST, or give the signer's certificates as a file.",
        )
    return next(iter(found))


def _signers(opened: Target) -> list[tuple[Certificate, ...]]:
    chains: list[tuple[Certificate, ...]] = []
    for root in opened.roots():
        if not is_snapshot(opened.graph.manifest(root.descriptor)):
            continue
        for referrer in opened.graph.referrers(root.descriptor).all():
            if not is_signature(referrer.manifest):
                continue
            candidate = candidate_of(opened.store, referrer, root.descriptor)
            if candidate.envelope is None or candidate.obstacle:
                continue
            try:
                chains.append(tuple(parse_envelope(candidate.envelope.media_type, candidate.raw).certificates))
            except AirgapError:
                continue
    return chains


def _certificates(path: Path) -> tuple[Certificate, ...]:
    try:
        return load_certificates(read_regular(path, limits.STORE_FILE_BYTES))
    except FormatError as error:
        raise UsageError(
            f"{safe(path)}: {error}", remedy="Give certificates as PEM or DER: the signing one first, its root last."
        ) from None
