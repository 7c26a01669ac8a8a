"""What must not be refused, continued: CRLs and OCSP responses that answer, and what policies make of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from tests.negative.cases_accepted import Accepted
from tests.support.crls import REVOKED_AT, crl, entry
from tests.support.envelopes import AUTHORITY
from tests.support.extensions import UNKNOWN_CRITICAL, Point
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement

URL: Final = "http://crl.example/leaf.crl"
MIRROR: Final = "http://mirror.example/leaf.crl"
DELTA: Final = "http://crl.example/delta.crl"
RESPONDER: Final = "http://ocsp.example"
DAY: Final = timedelta(days=1)


def _nothing(_scene: Scene) -> None:
    """The scene as it is."""


def _evidence(
    identifier: str,
    make: Callable[[Issued], Mapping[str, bytes]],
    *,
    ocsp: Callable[[Issued], bytes] | None = None,
    leaf: Mapping[str, Any] | None = None,
    prepare: Callable[[Scene], None] = _nothing,
    **more: Any,
) -> Accepted:
    """A leaf directly under its root, with CRLs by URL and an OCSP response."""

    def change(scene: Scene) -> None:
        chain = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], **(leaf or {})})
        scene.sign_with(chain)
        scene.put_crls(make(chain))
        if ocsp:
            scene.ocsp = {"answer.ors": ocsp(chain)}
        prepare(scene)

    return Accepted(identifier, change, **more)


def _good(leaf: Issued) -> dict[str, bytes]:
    return {URL: crl(leaf.root)}


def _hold_lifted(leaf: Issued) -> dict[str, bytes]:
    return {
        URL: crl(leaf.root, number=5, freshest=[DELTA], revoked=[entry(leaf.serial, reason="certificateHold")]),
        DELTA: crl(
            leaf.root, number=6, delta_base=5,
            revoked=[entry(leaf.serial, reason="removeFromCRL", at=REVOKED_AT + DAY)],
        ),
    }  # fmt: skip


def _stale(leaf: Issued) -> dict[str, bytes]:
    return {URL: crl(leaf.root, this_update=AT - 9 * DAY, next_update=AT - 2 * DAY)}


def _invalid_later(leaf: Issued) -> dict[str, bytes]:
    """The key became invalid only after the signature was made (D31)."""
    return {URL: crl(leaf.root, revoked=[entry(leaf.serial, reason="keyCompromise", invalidity=AT - DAY)])}


def _invalid_after_authentic_time(scene: Scene) -> None:
    scene.signature.scheme = AUTHORITY
    scene.use_store("signingAuthority:harbour")


def _invalid_after_timestamp(scene: Scene) -> None:
    scene.timestamp(gen_time=AT - 3 * DAY)


def _tolerant(scene: Scene) -> None:
    scene.options += ["--max-age", "crl=7d"]


def _level(level: str, **override: str) -> Callable[[Scene], None]:
    def prepare(scene: Scene) -> None:
        verification: dict[str, Any] = {"level": level, **({"override": override} if override else {})}
        scene.policy = oci_policy(statement(signatureVerification=verification))

    return prepare


_MISSING: Final = (("revocation", "revocation.crl.missing"),)

CASES: Final = (
    _evidence("CRL-good", _good),
    _evidence("CRL-6-made-now", lambda leaf: {URL: crl(leaf.root, this_update=AT)}),
    _evidence("CRL-5-last-moment", lambda leaf: {URL: crl(leaf.root, next_update=AT)}),
    _evidence("CRL-9-others-revoked", lambda leaf: {URL: crl(leaf.root, revoked=[7, 8, leaf.serial + 1])}),
    _evidence("CRL-9-unknown-critical-extension-of-another-entry",
              lambda leaf: {URL: crl(leaf.root, revoked=[entry(7, extra=[UNKNOWN_CRITICAL])])}),
    _evidence("D32-any-one-address-of-a-point", lambda leaf: {MIRROR: crl(leaf.root)},
              leaf={"crl_urls": [], "points": [Point((URL, MIRROR))]}),
    _evidence("D32-one-of-two-points-answers-for-all-reasons", lambda leaf: {URL: crl(leaf.root)},
              leaf={"crl_urls": [URL, MIRROR]}),
    _evidence("D32-two-points-answered", lambda leaf: {URL: crl(leaf.root), MIRROR: crl(leaf.root)},
              leaf={"crl_urls": [URL, MIRROR]}),
    _evidence("CRL-10-hold-lifted", _hold_lifted),
    _evidence("CRL-14-delta", lambda leaf: {URL: crl(leaf.root, number=5, freshest=[DELTA]),
                                            DELTA: crl(leaf.root, number=6, delta_base=4)}),
    _evidence("CRL-12-invalid-after-authentic-time", _invalid_later, prepare=_invalid_after_authentic_time),
    _evidence("D31-invalid-after-timestamp", _invalid_later, prepare=_invalid_after_timestamp),
    _evidence("DESIGN-9-stale-but-tolerated", _stale, prepare=_tolerant),
    _evidence("REV-3-ocsp-good", lambda _: {}, ocsp=ocsp_response, leaf={"crl_urls": [], "ocsp_urls": [RESPONDER]}),
    _evidence("REV-3-ocsp-unknown-crl-good", _good, ocsp=lambda leaf: ocsp_response(leaf, status="unknown"),
              leaf={"ocsp_urls": [RESPONDER]}),
    _evidence("OCSP-4-delegate", lambda _: {},
              ocsp=lambda leaf: ocsp_response(leaf, responder=issue("ocsp", issuer=leaf.root)),
              leaf={"crl_urls": [], "ocsp_urls": [RESPONDER]}),
    _evidence("OCSP-2-hash-sha256", lambda _: {}, ocsp=lambda leaf: ocsp_response(leaf, cert_hash="sha256"),
              leaf={"crl_urls": [], "ocsp_urls": [RESPONDER]}),
    _evidence("POLICY-permissive-logs-revocation", lambda _: {}, prepare=_level("permissive"), logged=_MISSING),
    _evidence("POLICY-12-override-logs-revocation", lambda _: {}, prepare=_level("strict", revocation="log"),
              logged=_MISSING),
    _evidence("REV-7-override-skips-revocation", lambda leaf: {URL: crl(leaf.root, revoked=[leaf])},
              prepare=_level("strict", revocation="skip")),
)  # fmt: skip
