"""A signer of CRLs revokes by CRLs alone, and a CA that is revoked or has ended proves no other CA beyond doubt.

An OCSP response by a key that only signs CRLs counted as the issuer's (RFC 6960, 4.2.2.2). A stolen key of a sub CA
made a "renewed" CA of any name, also after that sub CA was revoked, so that its thief could revoke whom it liked (14).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.regressions.test_every_maker_of_revocations_counts import CA, LEAF, ROOT, against, signer, verified, written
from tests.regressions.test_keys_in_any_file_condemn import put
from tests.support import names
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.extensions import KeyUsage
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, START, Issued, issue

# --- who answers by OCSP ---

CRL_SIGNER = signer(CA)
CRL_KEY = issue("intermediate", issuer=ROOT, subject=CA.subject, slot=6, key_usage=KeyUsage(("cRLSign",)))
BY_CRL_SIGNER: dict[str, Callable[[], bytes]] = {
    "the signer of CRLs": lambda: _revoking(CRL_SIGNER),
    "the CA's key for CRLs": lambda: _revoking(CRL_KEY),
    "a delegate of the signer of CRLs": lambda: _revoking(issue("ocsp", issuer=CRL_SIGNER, slot=3), CRL_SIGNER),
}
HOLDERS = {"the CA's key for CRLs": CRL_KEY}


def _revoking(responder: Issued, *more: Issued) -> bytes:
    return ocsp_response(
        LEAF, issuer=CA, responder=responder, embed=[responder, *more], status="revoked", reason="keyCompromise"
    )


@pytest.mark.parametrize("place", ["target", "trust"])
@pytest.mark.parametrize("case", BY_CRL_SIGNER)
def test_a_response_by_who_signs_crls_alone_is_in_doubt(tmp_path: Path, case: str, place: str) -> None:
    said, holder = BY_CRL_SIGNER[case](), HOLDERS.get(case, CRL_SIGNER).pem
    here = written(tmp_path, LEAF, *([said, holder] if place == "target" else []))
    if place == "trust":
        put(here.trust, "ocsp/said.ors", said)
        put(here.trust, "maker.crt", holder)
    ran, again = verified(here)
    assert (ran.code, "that signs CRLs" in ran.out, again.code) == (15, True, 15), ran


def test_a_good_response_by_who_signs_crls_alone_clears_nothing_and_stops_nothing(tmp_path: Path) -> None:
    said = ocsp_response(LEAF, issuer=CA, responder=CRL_SIGNER, embed=[CRL_SIGNER])
    ran, _ = verified(written(tmp_path, LEAF, said, CRL_SIGNER.pem))
    assert ran.code == 0


# --- who proves another key of a CA ---

SUB_URL = "http://crl.example/sub.crl"
SUB = issue("intermediate", issuer=ROOT, subject=names.harbour("Sub"), slot=4, crl_urls=[SUB_URL])
ENDED = issue("intermediate", issuer=ROOT, subject=names.harbour("Sub"), slot=4, not_after=START + timedelta(days=5))


def _ca_by(sub: Issued) -> Issued:
    return issue("intermediate", issuer=sub, subject=CA.subject, slot=6)


def _of_sub(reason: str | None) -> bytes:
    return crl(ROOT, number=7, revoked=[entry(SUB.serial, reason=reason)])


@pytest.mark.parametrize("place", ["target", "trust"])
@pytest.mark.parametrize(
    ("reason", "code"), [("none", 14), ("cACompromise", 15), ("superseded", 15), (None, 15), ("certificateHold", 14)]
)
def test_a_revoked_sub_ca_proves_no_key_beyond_doubt(tmp_path: Path, reason: str | None, code: int, place: str) -> None:
    maker = _ca_by(SUB)
    revoking = [] if reason == "none" else [_of_sub(reason)]
    here = written(tmp_path, LEAF, against(maker), SUB.pem, maker.pem, *(revoking if place == "target" else []))
    if place == "trust" and revoking:
        put(here.trust, "crls/sub.crl", revoking[0])
    ran, again = verified(here)
    assert (ran.code, again.code) == (code, code)


def test_what_another_ca_proves_too_is_certain(tmp_path: Path) -> None:
    """The same key, certified by the root and by a revoked CA."""
    sound = issue("intermediate", issuer=ROOT, subject=CA.subject, slot=6)
    here = written(tmp_path, LEAF, against(sound), SUB.pem, _ca_by(SUB).pem, sound.pem, _of_sub("cACompromise"))
    assert verified(here)[0].code == 14


@pytest.mark.parametrize(("made", "code"), [(START + timedelta(days=2), 14), (AT, 15)])
def test_a_sub_ca_that_had_ended_when_it_was_made_proves_no_key_beyond_doubt(
    tmp_path: Path, made: datetime, code: int
) -> None:
    maker = issue("intermediate", issuer=ENDED, subject=CA.subject, slot=6, not_before=START)
    said = crl(maker, number=9, this_update=made, revoked=[entry(LEAF.serial, reason="keyCompromise", at=made)])
    assert verified(written(tmp_path, LEAF, said, ENDED.pem, maker.pem))[0].code == code


@pytest.mark.parametrize(("reason", "code"), [("none", 14), ("cACompromise", 15)])
def test_a_revoked_ca_that_certified_a_key_says_nothing_certain_of_it(tmp_path: Path, reason: str, code: int) -> None:
    """A thief of a CA's key can certify the key of any signer, and revoke that certificate."""
    twin = issue("leaf", issuer=SUB, key=LEAF.key)
    said = crl(SUB, revoked=[entry(twin.serial, reason="keyCompromise")])
    revoking = [] if reason == "none" else [_of_sub(reason)]
    ran, again = verified(written(tmp_path, LEAF, said, SUB.pem, twin.pem, *revoking))
    assert (ran.code, again.code) == (code, code)


def test_the_answer_for_a_revoked_sub_ca_is_no_pass_in_a_whole_run(tmp_path: Path) -> None:
    maker = _ca_by(SUB)
    here = written(tmp_path, LEAF, against(maker), SUB.pem, maker.pem, _of_sub("cACompromise"))
    ran = run_here(here.arguments())
    assert (ran.code, "revoked" in ran.out, "Sub" in ran.out) == (15, True, True)
