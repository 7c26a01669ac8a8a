"""NEG-102 to NEG-121: CRLs and OCSP responses that revoke, are no answer, or are missing.

A leaf directly under its root, so that one piece of evidence decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from tests.support import extensions, names
from tests.support.asn1 import null
from tests.support.case import Case
from tests.support.crls import REVOKED_AT, crl, entry, scope
from tests.support.extensions import UNKNOWN_CRITICAL, ExtendedKeyUsage, Extension, KeyUsage, Point
from tests.support.keyring import key
from tests.support.ocsp import ocsp_error, ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene

URL: Final = "http://crl.example/leaf.crl"
SECOND_URL: Final = "http://mirror.example/second.crl"
DELTA_URL: Final = "http://crl.example/delta.crl"
RESPONDER: Final = "http://ocsp.example"
DAY: Final = timedelta(days=1)

Evidence = Callable[[Issued], Mapping[str, bytes]]


def _crls(
    identifier: str,
    reason: str,
    make: Evidence,
    *,
    leaf: Mapping[str, Any] | None = None,
    root: Mapping[str, Any] | None = None,
) -> Case:
    """CRLs by the URL that they were fetched from."""

    def change(scene: Scene) -> None:
        chain = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], **(leaf or {})}, root=root)
        scene.sign_with(chain)
        scene.put_crls(make(chain))

    return Case(identifier, change, reason, check="revocation")


def _ocsp(
    identifier: str, reason: str, make: Callable[[Issued], bytes | None], *, leaf: Mapping[str, Any] | None = None
) -> Case:
    def change(scene: Scene) -> None:
        chain = Pki().code_chain(depth=2, leaf={"ocsp_urls": [RESPONDER], **(leaf or {})})
        scene.sign_with(chain)
        response = make(chain)
        scene.ocsp = {} if response is None else {"answer.ors": response}

    return Case(identifier, change, reason, check="revocation")


def _revoking(identifier: str, outcome: str = "revocation.revoked", **members: Any) -> Case:
    return _crls(identifier, outcome, lambda leaf: {URL: crl(leaf.root, revoked=[entry(leaf.serial, **members)])})


def _one(identifier: str, reason: str, **members: Any) -> Case:
    """The one CRL has a defect."""
    return _crls(identifier, reason, lambda leaf: {URL: crl(leaf.root, **members)})


def _delta(identifier: str, base: Mapping[str, Any], delta: Mapping[str, Any] | None) -> Case:
    """A base CRL of number 5 that names a delta of number 6 over base 5, with a deviation in one of them."""

    def make(leaf: Issued) -> Mapping[str, bytes]:
        files = {URL: crl(leaf.root, **{"number": 5, "freshest": [DELTA_URL], **base})}
        if delta is not None:
            files[DELTA_URL] = crl(leaf.root, **{"number": 6, "delta_base": 5, **delta})
        return files

    return _crls(identifier, "revocation.crl.delta", make)


def _delta_revokes(leaf: Issued) -> Mapping[str, bytes]:
    return {
        URL: crl(leaf.root, number=5, freshest=[DELTA_URL]),
        DELTA_URL: crl(leaf.root, number=6, delta_base=5, revoked=[leaf]),
    }


def _hold_and_removal_of_one_date(leaf: Issued) -> Mapping[str, bytes]:
    hold = entry(leaf.serial, reason="certificateHold", at=REVOKED_AT)
    removal = entry(leaf.serial, reason="removeFromCRL", at=REVOKED_AT)
    return {
        URL: crl(leaf.root, number=5, freshest=[DELTA_URL], revoked=[hold]),
        DELTA_URL: crl(leaf.root, number=6, delta_base=5, revoked=[removal]),
    }


def _two_of_one_moment(names_in_order: str) -> Callable[[Scene], None]:
    """Issued in an emergency within the same second: the number says which is newer, not the file's name."""

    def change(scene: Scene) -> None:
        chain = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
        scene.sign_with(chain)
        good, bad = names_in_order[0], names_in_order[1]
        scene.crls = {
            f"{good}.crl": crl(chain.root, number=1),
            f"{bad}.crl": crl(chain.root, number=2, revoked=[chain]),
        }

    return change


def _stale_but_listed(leaf: Issued) -> Mapping[str, bytes]:
    old = crl(leaf.root, revoked=[leaf], this_update=AT - 9 * DAY, next_update=AT - 2 * DAY)
    return {URL: old}


def _other_root(leaf: Issued) -> Issued:
    return issue("root", slot=5, subject=names.harbour("Other Root"))


def _delegate(leaf: Issued, **changes: Any) -> Issued:
    return issue("ocsp", issuer=leaf.root, **changes)


_STALE: Final[dict[str, Any]] = {"this_update": AT - 9 * DAY, "next_update": AT - 2 * DAY}
_REASONS: Final = (
    None, "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
    "cessationOfOperation", "privilegeWithdrawn", "aACompromise",
)  # fmt: skip
_NO_CRL_SIGN: Final = {"key_usage": KeyUsage(("keyCertSign",))}
_TWO_POINTS: Final = {"crl_urls": [URL, SECOND_URL]}

CASES: Final = (
    *(_revoking(f"NEG-102-{reason or 'no-reason'}", reason=reason) for reason in _REASONS),
    _revoking("NEG-102-revoked-in-the-future", reason="keyCompromise", at=AT + 30 * DAY),
    _revoking("NEG-102-invalidity-date-without-proven-time", invalidity=AT - 5 * DAY),
    *(
        Case(f"NEG-102-newest-of-one-moment-{order}", _two_of_one_moment(order), "revocation.revoked", "revocation")
        for order in ("ab", "ba")
    ),
    _crls("NEG-102-listed-in-stale-crl", "revocation.revoked", _stale_but_listed),
    _revoking("NEG-103-on-hold", "revocation.on_hold", reason="certificateHold"),
    _crls("NEG-103-hold-and-removal-of-one-date", "revocation.on_hold", _hold_and_removal_of_one_date),
    _one("NEG-104-expired", "revocation.crl.stale", **_STALE),
    _one("NEG-104-no-next-update", "revocation.crl.stale", next_update=None),
    _one("NEG-105-signed-by-another-key", "revocation.crl.signature", signed_by=key("p256", 6)),
    _crls("NEG-106-issuer-may-not-sign-crls", "revocation.crl.issuer", lambda leaf: {URL: crl(leaf.root)},
          root=_NO_CRL_SIGN),
    _one("NEG-107-issuer-name-differs", "revocation.crl.issuer", issuer_name=names.harbour("Someone Else")),
    _crls("NEG-107-crl-of-another-ca", "revocation.crl.issuer", lambda leaf: {URL: crl(_other_root(leaf))}),
    _one("NEG-108-only-ca-certificates", "revocation.crl.scope", scope=scope(only_ca=True)),
    _one("NEG-108-only-attribute-certificates", "revocation.crl.scope", scope=scope(only_attribute=True)),
    _one("NEG-108-indirect", "revocation.crl.scope", scope=scope(indirect=True)),
    _one("NEG-108-only-some-reasons", "revocation.crl.scope", scope=scope(reasons=("superseded",))),
    _one("NEG-108-another-point", "revocation.crl.scope", scope=scope(uris=[SECOND_URL])),
    _one("NEG-109-unknown-critical-extension", "revocation.crl.extension", extra=[UNKNOWN_CRITICAL]),
    _revoking("NEG-109-unknown-critical-entry-extension", "revocation.crl.extension", extra=[UNKNOWN_CRITICAL]),
    _one("NEG-110-from-the-future", "revocation.crl.future", this_update=AT + 5 * DAY, next_update=AT + 30 * DAY),
    _delta("NEG-111-delta-number-not-above-base", {}, {"number": 5, "delta_base": 4}),
    _delta("NEG-111-delta-builds-on-newer-base", {}, {"number": 7, "delta_base": 6}),
    _delta("NEG-111-delta-indicator-absent", {}, {"delta_base": None, "this_update": AT - 9 * DAY}),
    _delta("NEG-111-delta-absent", {}, None),
    _delta("NEG-111-delta-number-absent", {}, {"number": None}),
    _crls("NEG-111-delta-expired", "revocation.crl.stale", lambda leaf: {
        URL: crl(leaf.root, number=5, freshest=[DELTA_URL]),
        DELTA_URL: crl(leaf.root, number=6, delta_base=5, **_STALE),
    }),
    _crls("NEG-111-delta-of-another-key", "revocation.crl.signature", lambda leaf: {
        URL: crl(leaf.root, number=5, freshest=[DELTA_URL]),
        DELTA_URL: crl(leaf.root, number=6, delta_base=5, signed_by=key("p256", 6)),
    }),
    _crls("NEG-112-delta-revokes", "revocation.revoked", _delta_revokes),
    _delta("NEG-113-base-without-number", {"number": None}, {}),
    _one("NEG-114-base-is-a-delta", "revocation.crl.missing", delta_base=1),
    _crls("NEG-115-freshest-only-in-certificate", "revocation.crl.delta", lambda leaf: {URL: crl(leaf.root)},
          leaf={"freshest": [Point((DELTA_URL,))]}),
    _crls("NEG-116-no-point-available", "revocation.crl.missing", lambda leaf: {}, leaf=_TWO_POINTS),
    _crls("NEG-116-points-that-leave-out-reasons", "revocation.crl.scope", lambda leaf: {URL: crl(leaf.root)},
          leaf={"crl_urls": [], "points": [Point((URL,), reasons=("keyCompromise",))]}),
    _crls("NEG-116-first-unavailable-second-revokes", "revocation.revoked",
          lambda leaf: {SECOND_URL: crl(leaf.root, revoked=[leaf])}, leaf=_TWO_POINTS),
    _crls("NEG-117-https-point-nothing-available", "revocation.crl.missing", lambda leaf: {},
          leaf={"crl_urls": ["https://crl.example/leaf.crl"]}),
    _crls("NEG-117-ldap-point-nothing-available", "revocation.crl.missing", lambda leaf: {},
          leaf={"crl_urls": ["ldap://crl.example/cn=leaf"]}),
    _crls("NEG-117-http-point-nothing-available", "revocation.crl.missing", lambda leaf: {}),
    _ocsp("NEG-117-https-responder-nothing-available", "revocation.ocsp.missing", lambda leaf: None,
          leaf={"ocsp_urls": ["https://ocsp.example"]}),
    _ocsp("NEG-118-revoked", "revocation.revoked", lambda leaf: ocsp_response(leaf, status="revoked")),
    _ocsp("NEG-118-on-hold", "revocation.on_hold",
          lambda leaf: ocsp_response(leaf, status="revoked", reason="certificateHold")),
    _ocsp("NEG-119-unknown", "revocation.ocsp.unknown", lambda leaf: ocsp_response(leaf, status="unknown")),
    _ocsp("NEG-119-expired", "revocation.ocsp.stale", lambda leaf: ocsp_response(leaf, **_STALE)),
    _ocsp("NEG-119-no-next-update", "revocation.ocsp.stale", lambda leaf: ocsp_response(leaf, next_update=None)),
    _ocsp("NEG-119-from-the-future", "revocation.ocsp.future",
          lambda leaf: ocsp_response(leaf, this_update=AT + 3 * DAY)),
    _ocsp("NEG-119-wrong-serial", "revocation.ocsp.missing", lambda leaf: ocsp_response(leaf, serial=1)),
    _ocsp("NEG-119-wrong-issuer-key", "revocation.ocsp.missing",
          lambda leaf: ocsp_response(leaf, key_hash=bytes(20))),
    _ocsp("NEG-119-wrong-issuer-name", "revocation.ocsp.missing",
          lambda leaf: ocsp_response(leaf, name_hash=bytes(20))),
    _ocsp("NEG-119-nothing-available", "revocation.ocsp.missing", lambda leaf: None),
    _ocsp("NEG-119-unauthorized", "revocation.ocsp.", lambda leaf: ocsp_error(6)),
    _ocsp("NEG-119-garbage", "revocation.ocsp.", lambda leaf: b"nonsense"),
    _ocsp("NEG-120-signed-by-another-key", "revocation.ocsp.signature",
          lambda leaf: ocsp_response(leaf, signed_by=key("p256", 6))),
    _ocsp("NEG-120-signed-by-another-ca", "revocation.ocsp.responder",
          lambda leaf: ocsp_response(leaf, responder=_other_root(leaf))),
    _ocsp("NEG-120-signed-by-another-cas-delegate", "revocation.ocsp.responder",
          lambda leaf: ocsp_response(leaf, responder=issue("ocsp", issuer=_other_root(leaf)))),
    _ocsp("NEG-121-delegate-without-purpose", "revocation.ocsp.responder",
          lambda leaf: ocsp_response(leaf, responder=_delegate(leaf, extended_key_usage=None))),
    _ocsp("NEG-121-delegate-with-any-purpose", "revocation.ocsp.responder",
          lambda leaf: ocsp_response(
              leaf, responder=_delegate(leaf, extended_key_usage=ExtendedKeyUsage((extensions.ANY_USAGE,))))),
    _ocsp("NEG-121-delegate-expired", "revocation.ocsp.responder",
          lambda leaf: ocsp_response(leaf, responder=_delegate(leaf, not_after=AT - 5 * DAY))),
    _ocsp("NEG-121-leaf-answers-for-itself", "revocation.ocsp.responder",
          lambda leaf: ocsp_response(leaf, responder=leaf)),
    _ocsp("NEG-121-critical-response-extension", "revocation.ocsp.",
          lambda leaf: ocsp_response(leaf, extra=[Extension("1.3.6.1.4.1.55555.2", null(), critical=True)])),
)  # fmt: skip
