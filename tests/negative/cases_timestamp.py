"""NEG-76 and NEG-81 to NEG-101: expiry, validity and timestamps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tests.support import extensions, names
from tests.support.case import BOTH, Case
from tests.support.crls import crl
from tests.support.envelopes import AUTHORITY, SIGNED_AT
from tests.support.extensions import UNKNOWN_CRITICAL, BasicConstraints, ExtendedKeyUsage, KeyUsage
from tests.support.keyring import key
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import TSA_CRL, Scene, chain_with_crls, good_crls
from tests.support.trust import oci_policy, statement
from tests.support.tsa import BASELINE_POLICY, SIGNING_CERTIFICATE_V2, response, token

DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)
LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=AT.tzinfo)
TIMESTAMP: Final = "authenticTimestamp"


def _chain_with(role: str, changes: Mapping[str, Any]) -> Issued:
    deviations: dict[str, Any] = {role: changes}
    return Pki().code_chain(**deviations)


def _token(identifier: str, reason: str, **deviations: Any) -> Case:
    """A deviation inside the token."""

    def change(scene: Scene) -> None:
        scene.timestamp(**deviations)

    return Case(identifier, change, reason, check=TIMESTAMP, forms=BOTH)


def _bytes(identifier: str, reason: str, make: Callable[[bytes], bytes]) -> Case:
    """The token's bytes are changed."""

    def change(scene: Scene) -> None:
        tsa = scene.timestamp()
        scene.signature.token = lambda value: make(token(tsa, value))

    return Case(identifier, change, reason, check=TIMESTAMP, forms=BOTH)


def _authority(identifier: str, reason: str, depth: int = 3, **deviations: Any) -> Case:
    """A deviation in the authority's chain."""

    def change(scene: Scene) -> None:
        scene.timestamp(Pki().tsa_chain(depth=depth, **deviations))

    return Case(identifier, change, reason, check=TIMESTAMP)


def _tsa(identifier: str, reason: str, **changes: Any) -> Case:
    return _authority(identifier, reason, tsa=changes)


def _purpose(identifier: str, *oids: str, critical: bool = True) -> Case:
    usage = ExtendedKeyUsage(oids, critical) if oids else None
    return _tsa(identifier, "timestamp.chain", extended_key_usage=usage)


def _store(identifier: str, reason: str, choose: Callable[[Issued], Any]) -> Case:
    """The tsa store holds something else than the authority's root."""

    def change(scene: Scene) -> None:
        tsa = scene.timestamp()
        scene.stores = {**scene.stores, "tsa:harbour": choose(tsa)}

    return Case(identifier, change, reason, check=TIMESTAMP)


def _validity(identifier: str, reason: str, *, role: str = "leaf", timestamped: bool = False, **changes: Any) -> Case:
    """A signing chain with other dates."""

    def change(scene: Scene) -> None:
        scene.sign_with(_chain_with(role, changes))
        if timestamped:
            scene.timestamp()

    return Case(identifier, change, reason, check=TIMESTAMP, forms=BOTH)


def _range(identifier: str, leaf: Mapping[str, datetime], **deviations: Any) -> Case:
    """The token's time is not within the leaf's validity."""

    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(leaf=leaf))
        scene.timestamp(**deviations)

    return Case(identifier, change, "timestamp.range", check=TIMESTAMP)


def _expiry(identifier: str, expiry: datetime) -> Case:
    def change(scene: Scene) -> None:
        scene.signature.expiry = expiry

    return Case(identifier, change, "expiry.passed", check="expiry", forms=BOTH)


def _authentic(identifier: str, role: str = "leaf", **changes: Any) -> Case:
    """A signing authority's time outside a certificate (SCHEME-3)."""

    def change(scene: Scene) -> None:
        scene.sign_with(_chain_with(role, changes))
        scene.signature.scheme = AUTHORITY
        scene.use_store("signingAuthority:harbour")

    return Case(identifier, change, "time.authentic", check=TIMESTAMP, forms=BOTH)


def _demand_timestamp(scene: Scene) -> None:
    scene.timestamp()
    scene.signature.token = None


def _revocation(identifier: str, reason: str, make: Callable[[Issued], Mapping[str, bytes]], action: str = "") -> Case:
    """CRLs for the authority's chain; `action` is what the policy says about revocation (TS-27: no matter)."""

    def change(scene: Scene) -> None:
        tsa = scene.timestamp(chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL))
        scene.put_crls(make(tsa))
        if action:
            verification = {"level": "strict", "override": {"revocation": action}}
            stores = ["ca:harbour", "tsa:harbour"]
            scene.policy = oci_policy(statement(trustStores=stores, signatureVerification=verification))

    return Case(identifier, change, reason, check=TIMESTAMP)


def _leaf_revoked(tsa: Issued) -> dict[str, bytes]:
    return {**good_crls(tsa, TSA_CRL), TSA_CRL.format(0): crl(tsa.chain[1], revoked=[tsa])}


def _intermediate_revoked(tsa: Issued) -> dict[str, bytes]:
    return {**good_crls(tsa, TSA_CRL), TSA_CRL.format(1): crl(tsa.root, revoked=[tsa.chain[1]])}


def _no_intermediate(scene: Scene) -> None:
    tsa = scene.timestamp()
    scene.signature.token = lambda value: token(tsa, value, embed=[tsa])


def _only_intermediate(scene: Scene) -> None:
    tsa = scene.timestamp()
    scene.signature.token = lambda value: token(tsa, value, embed=tsa.chain[1:])


def _made(identifier: str, reason: str, change: Callable[[Scene], None]) -> Case:
    return Case(identifier, change, reason, check=TIMESTAMP, forms=BOTH)


def _names_another_certificate(scene: Scene) -> None:
    """The token's own signer, but signing-certificate-v2 names the intermediate, which is in the token too."""
    tsa = scene.timestamp()
    scene.signature.token = lambda value: token(tsa, value, ess_certificate=tsa.chain[1])


_CHAIN: Final = "timestamp.chain"
_NOON: Final = AT

CASES: Final = (
    _store("NEG-76-intermediate-in-tsa-store", "store.malformed", lambda tsa: [tsa.chain[1]]),
    _store("NEG-76-self-signed-leaf-in-tsa-store", "store.malformed", lambda tsa: [issue("tsa")]),
    _store("NEG-76-tsa-certificate-in-tsa-store", "store.malformed", lambda tsa: [tsa]),
    _expiry("NEG-81-expired", AT - DAY),
    _expiry("NEG-82-expires-now", AT),
    _validity("NEG-83-leaf-expired", "time.certificate.expired", not_after=AT - SECOND),
    _validity("NEG-83-intermediate-expired", "time.certificate.expired", role="intermediate", not_after=AT - SECOND),
    _validity("NEG-83-root-expired", "time.certificate.expired", role="root", not_after=AT - SECOND),
    _validity("NEG-84-leaf-not-yet-valid", "time.certificate.not_yet", not_before=AT + SECOND),
    _validity("NEG-84-root-not-yet-valid", "time.certificate.not_yet", role="root", not_before=AT + SECOND),
    _authentic("NEG-85-before-leaf", not_before=SIGNED_AT + SECOND),
    _authentic("NEG-85-after-leaf", not_after=SIGNED_AT - SECOND),
    _authentic("NEG-85-after-intermediate", "intermediate", not_after=SIGNED_AT - SECOND),
    _authentic("NEG-85-before-root", "root", not_before=SIGNED_AT + SECOND),
    _made("NEG-86-no-token", "timestamp.missing", _demand_timestamp),
    _bytes("NEG-87-garbage", "timestamp.malformed", lambda _: b"no token"),
    _bytes("NEG-87-empty-sequence", "timestamp.malformed", lambda _: b"\x30\x00"),
    _bytes("NEG-87-truncated", "timestamp.malformed", lambda der: der[:-1]),
    _bytes("NEG-87-half", "timestamp.malformed", lambda der: der[: len(der) // 2]),
    _bytes("NEG-87-trailing-byte", "timestamp.malformed", lambda der: der + b"\x00"),
    _bytes("NEG-87-twice", "timestamp.malformed", lambda der: der + der),
    _bytes("NEG-88-whole-response", "timestamp.malformed", response),
    _token("NEG-89-about-other-bytes", "timestamp.imprint", imprint=bytes(32)),
    _token("NEG-89-imprint-too-short", "timestamp.", imprint=b""),
    _token("NEG-90-imprint-sha1", "timestamp.hash", imprint_hash="sha1"),
    _token("NEG-90-signer-digest-sha1", "timestamp.hash", digest="sha1"),
    _token("NEG-90-signature-sha1", "timestamp.signature", signature_hash="sha1"),
    _token("NEG-91-ess-version-1-only", "timestamp.signer", ess="v1"),
    _token("NEG-91-no-ess", "timestamp.signer", ess=None),
    _token("NEG-91-ess-sha1", "timestamp.hash", ess_hash="sha1"),
    _token("NEG-91-ess-serial-differs", "timestamp.signer", ess_serial=1),
    _made("NEG-91-ess-names-another-certificate", "timestamp.signer", _names_another_certificate),
    _token("NEG-92-no-certificates", "timestamp.signer", embed=[]),
    _made("NEG-92-signer-not-inside", "timestamp.signer", _only_intermediate),
    _made("NEG-93-intermediate-not-inside", "timestamp.untrusted", _no_intermediate),
    _store("NEG-94-root-not-in-tsa-store", "timestamp.untrusted",
           lambda tsa: [issue("root", slot=3, subject=names.harbour("Other TSA Root"))]),
    _store("NEG-94-root-with-the-same-name", "timestamp.untrusted",
           lambda tsa: [issue("root", slot=3, subject=tsa.root.subject)]),
    _purpose("NEG-95-purpose-not-critical", extensions.TIME_STAMPING, critical=False),
    _purpose("NEG-95-purpose-with-code-signing", extensions.TIME_STAMPING, extensions.CODE_SIGNING),
    _purpose("NEG-95-purpose-with-unknown", extensions.TIME_STAMPING, "1.3.6.1.4.1.55555.3"),
    _purpose("NEG-95-purpose-missing"),
    _purpose("NEG-95-purpose-any", extensions.ANY_USAGE),
    _purpose("NEG-95-purpose-code-signing", extensions.CODE_SIGNING),
    _tsa("NEG-95-key-usage-missing", _CHAIN, key_usage=None),
    _tsa("NEG-95-key-usage-wrong", _CHAIN, key_usage=KeyUsage(("keyEncipherment",))),
    _tsa("NEG-95-authority-is-a-ca", _CHAIN, basic_constraints=BasicConstraints()),
    _tsa("NEG-95-key-p224", _CHAIN, key="p224"),
    _authority("NEG-95-intermediate-not-a-ca", "timestamp.", intermediate={"basic_constraints": None}),
    _authority("NEG-95-path-length", "timestamp.", root={"basic_constraints": BasicConstraints(path_length=0)}),
    _tsa("NEG-95-unknown-critical-extension", "chain.extension", extra=[UNKNOWN_CRITICAL]),
    _tsa("NEG-95-signed-with-sha1", "timestamp.", hash_name="sha1"),
    _token("NEG-96-signature-corrupt", "timestamp.signature", corrupt_signature=True),
    _token("NEG-96-signed-by-another-key", "timestamp.signature", signed_by=key("p256", 7)),
    _token("NEG-96-message-digest-wrong", "timestamp.attributes", message_digest=bytes(32)),
    _token("NEG-96-content-type-wrong", "timestamp.attributes", content_type="1.2.840.113549.1.7.1"),
    _token("NEG-96-content-type-missing", "timestamp.attributes", content_type=None),
    _token("NEG-96-no-signed-attributes", "timestamp.attributes", signed_attributes=False),
    _token("NEG-96-signing-certificate-dropped", "timestamp.signer", drop=[SIGNING_CERTIFICATE_V2]),
    _range("NEG-97-accuracy-crosses-end", {"not_after": AT + SECOND}, accuracy=(2, None, None)),
    _range("NEG-97-accuracy-crosses-start", {"not_before": AT - SECOND}, accuracy=(1, 500, None)),
    _range("NEG-97-baseline-policy-means-one-second", {"not_after": AT}, policy=BASELINE_POLICY),
    _range("NEG-98-after-leaf-expired", {"not_after": AT - 2 * DAY}, gen_time=AT - DAY),
    _range("NEG-98-before-leaf-was-valid", {"not_before": AT - DAY}, gen_time=AT - 2 * DAY),
    _tsa("NEG-99-tsa-expired-at-its-time", "timestamp.validity", not_after=AT - SECOND),
    _tsa("NEG-99-tsa-not-yet-valid-at-its-time", "timestamp.validity", not_before=AT + SECOND),
    _authority("NEG-99-intermediate-expired-at-its-time", "timestamp.validity",
               intermediate={"not_after": AT - SECOND}),
    _authority("NEG-99-root-expired-at-its-time", "timestamp.validity", root={"not_after": AT - SECOND}),
    _token("NEG-99-signing-time-attribute-outside", "timestamp.validity", signing_time=LONG_AGO),
    _revocation("NEG-100-tsa-revoked", "revocation.revoked", _leaf_revoked),
    _revocation("NEG-100-tsa-intermediate-revoked", "revocation.revoked", _intermediate_revoked),
    _revocation("NEG-100-tsa-status-unknown", "revocation.crl.missing", lambda tsa: {}),
    _revocation("NEG-100-tsa-revoked-revocation-skipped", "revocation.revoked", _leaf_revoked, "skip"),
    _revocation("NEG-100-tsa-unknown-revocation-skipped", "revocation.crl.missing", lambda tsa: {}, "skip"),
    _revocation("NEG-100-tsa-unknown-revocation-logged", "revocation.crl.missing", lambda tsa: {}, "log"),
    _token("NEG-101-signed-data-version-1", "timestamp.malformed", version=1),
    _token("NEG-101-tst-version-2", "timestamp.malformed", tst_version=2),
    _token("NEG-101-content-not-tst", "timestamp.malformed", e_content_type="1.2.840.113549.1.7.1"),
    _token("NEG-101-signer-by-key-identifier", "timestamp.signer", key_identifier_sid=True),
)  # fmt: skip
