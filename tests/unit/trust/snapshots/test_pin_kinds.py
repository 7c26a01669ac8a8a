"""A pin holds exactly what its kind needs: other members would be ignored, or used by the wrong code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airgap.errors import FormatError
from airgap.pki.certificate import Certificate
from airgap.trust.snapshots.pins import Pin, PinKind
from tests.support.pki import AT, Pki

ROOT = Certificate.parse(Pki().code_chain().root.der)
NAME = "x509.subject: C=US, ST=WA, O=Harbour"
PINS = {
    PinKind.SUBJECT: Pin(stream="default", kind=PinKind.SUBJECT, added=AT, subject=NAME, roots=(ROOT,)),
    PinKind.CERTIFICATE: Pin(stream="default", kind=PinKind.CERTIFICATE, added=AT, fingerprint="ab" * 32),
    PinKind.TUF: Pin(stream="default", kind=PinKind.TUF, added=AT, tuf_root=b"{}"),
}


@pytest.mark.parametrize("kind", list(PinKind))
def test_accepts_each_kind_of_pin(kind: PinKind) -> None:
    PINS[kind].check()


@pytest.mark.parametrize(
    ("kind", "foreign"),
    [
        (PinKind.SUBJECT, {"fingerprint": "ab" * 32}),
        (PinKind.SUBJECT, {"tuf_root": b"{}"}),
        (PinKind.CERTIFICATE, {"subject": NAME}),
        (PinKind.CERTIFICATE, {"roots": (ROOT,)}),
        (PinKind.CERTIFICATE, {"tuf_root": b"{}"}),
        (PinKind.TUF, {"subject": NAME}),
        (PinKind.TUF, {"fingerprint": "ab" * 32}),
        (PinKind.TUF, {"roots": (ROOT,)}),
        (PinKind.TUF, {"tsa_roots": (ROOT,)}),
    ],
)
def test_refuses_members_of_another_kind(kind: PinKind, foreign: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match=f"exactly what a pin of the kind {kind} needs"):
        replace(PINS[kind], **foreign).check()


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        (PinKind.SUBJECT, {"subject": None}),
        (PinKind.SUBJECT, {"roots": ()}),
        (PinKind.CERTIFICATE, {"fingerprint": None}),
        (PinKind.TUF, {"tuf_root": b""}),
    ],
)
def test_refuses_missing_members_of_a_kind(kind: PinKind, missing: dict[str, Any]) -> None:
    with pytest.raises(FormatError, match="exactly what a pin"):
        replace(PINS[kind], **missing).check()


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_fingerprint_is_a_complete_sha_256(length: int) -> None:
    with pytest.raises(FormatError, match="SHA-256"):
        replace(PINS[PinKind.CERTIFICATE], fingerprint="ab" * (length // 2) + "a" * (length % 2)).check()
