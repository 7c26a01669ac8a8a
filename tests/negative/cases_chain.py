"""NEG-50 to NEG-69: certificate chains that break a rule (requirements/chains.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.support import extensions, names
from tests.support.case import BOTH, Case
from tests.support.extensions import BasicConstraints, ExtendedKeyUsage, KeyUsage
from tests.support.keyring import key
from tests.support.pki import Issued, Pki, issue
from tests.support.scenario import Scene

_LEAF_BITS: Final = ("digitalSignature",)
_FORBIDDEN_BITS: Final = (
    "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
)  # fmt: skip
_FORBIDDEN_PURPOSES: Final = {
    "NEG-63-server-auth": extensions.SERVER_AUTH,
    "NEG-63-client-auth": extensions.CLIENT_AUTH,
    "NEG-63-email-protection": extensions.EMAIL_PROTECTION,
    "NEG-63-time-stamping": extensions.TIME_STAMPING,
    "NEG-64-any-purpose": extensions.ANY_USAGE,
    "NEG-65-ocsp-signing": extensions.OCSP_SIGNING,
}


def _chain(identifier: str, reason: str, depth: int = 3, **deviations: Any) -> Case:
    """A chain that is signed with as it is, and whose root is trusted."""

    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(depth=depth, **deviations))

    return Case(identifier, change, reason, forms=BOTH, fatal=True)


def _carried(identifier: str, reason: str, rearrange: Callable[[tuple[Issued, ...]], tuple[Issued, ...]]) -> Case:
    """A good chain that the envelope carries in another way."""

    def change(scene: Scene) -> None:
        scene.signature.chain = rearrange(scene.signature.leaf.chain)

    return Case(identifier, change, reason, forms=BOTH, fatal=True)


def _leaf(identifier: str, reason: str, **changes: Any) -> Case:
    return _chain(identifier, reason, leaf=changes)


def _weak_key(identifier: str, kind: str) -> Case:
    """A key that no algorithm is meant for, under the name of an algorithm that is allowed."""

    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(kind))
        if kind in {"ed25519", "dsa2048"}:
            scene.signature.options["protected"] = {"alg": "ES256"} if scene.form == "jws" else {1: -7}

    return Case(identifier, change, "chain.leaf.key", forms=BOTH, fatal=True)


def _stranger(chain: tuple[Issued, ...]) -> Issued:
    return issue("root", slot=5, subject=names.harbour("Stranger"))


def _wrong_leaf_first(chain: tuple[Issued, ...]) -> tuple[Issued, ...]:
    other = issue("leaf", issuer=chain[1], slot=6)
    return (other, *chain[1:])


_CA: Final = "chain.ca.basic_constraints"

CASES: Final = (
    _carried("NEG-50-root-missing", "chain.root", lambda chain: chain[:-1]),
    _carried("NEG-50-leaf-alone", "chain.", lambda chain: chain[:1]),
    _carried("NEG-51-reversed", "envelope.signature", lambda chain: chain[::-1]),
    _carried("NEG-51-two-swapped", "chain.order", lambda chain: (chain[0], chain[2], chain[1])),
    _carried("NEG-51-intermediate-missing", "chain.order", lambda chain: (chain[0], chain[2])),
    _carried("NEG-52-root-twice", "chain.self_signed", lambda chain: (*chain, chain[-1])),
    _carried("NEG-52-stranger-appended", "chain.", lambda chain: (*chain, _stranger(chain))),
    _carried("NEG-52-stranger-in-the-middle", "chain.order", lambda chain: (chain[0], _stranger(chain), *chain[1:])),
    _carried("NEG-53-wrong-leaf-first", "envelope.signature", _wrong_leaf_first),
    _leaf("NEG-54-issuer-name-differs", "chain.order", issuer_name=names.harbour("Intermediate")),
    _leaf("NEG-54-issuer-name-in-another-string-type", "chain.order",
          issuer_name=names.name(*(names.Attribute(kind, value, 0x13) for kind, value in (
              ("C", "US"), ("ST", "WA"), ("O", "Harbour Works"), ("CN", "Intermediate 1"))))),
    _leaf("NEG-54-signed-by-another-key", "chain.order", signed_by=key("p256", 6)),
    _chain("NEG-55-lone-ca", "chain.leaf.", depth=1,
           leaf={"basic_constraints": BasicConstraints(), "key_usage": KeyUsage(("keyCertSign", "digitalSignature"))}),
    _chain("NEG-56-intermediate-without-basic-constraints", _CA, intermediate={"basic_constraints": None}),
    _chain("NEG-56-intermediate-not-a-ca", _CA, intermediate={"basic_constraints": BasicConstraints(ca=False)}),
    _chain("NEG-56-root-not-a-ca", _CA, root={"basic_constraints": BasicConstraints(ca=False)}),
    _chain("NEG-57-intermediate-basic-constraints-not-critical", _CA,
           intermediate={"basic_constraints": BasicConstraints(critical=False)}),
    _chain("NEG-58-root-path-length-0", "chain.ca.path_length",
           root={"basic_constraints": BasicConstraints(path_length=0)}),
    _chain("NEG-58-root-path-length-1-of-2", "chain.ca.path_length", depth=4,
           root={"basic_constraints": BasicConstraints(path_length=1)}),
    _chain("NEG-59-ca-key-usage-missing", "chain.ca.key_usage", intermediate={"key_usage": None}),
    _chain("NEG-59-ca-key-usage-not-critical", "chain.ca.key_usage",
           intermediate={"key_usage": KeyUsage(("keyCertSign",), critical=False)}),
    _chain("NEG-59-ca-may-not-sign-certificates", "chain.ca.key_usage",
           intermediate={"key_usage": KeyUsage(("cRLSign", "digitalSignature"))}),
    _leaf("NEG-60-leaf-is-a-ca", "chain.leaf.basic_constraints", basic_constraints=BasicConstraints()),
    _leaf("NEG-61-key-usage-missing", "chain.leaf.key_usage", key_usage=None),
    _leaf("NEG-61-key-usage-not-critical", "chain.leaf.key_usage", key_usage=KeyUsage(_LEAF_BITS, critical=False)),
    _leaf("NEG-61-no-digital-signature", "chain.leaf.key_usage", key_usage=KeyUsage(("contentCommitment",))),
    *(
        _leaf(f"NEG-62-{bit}", "chain.leaf.key_usage", key_usage=KeyUsage((*_LEAF_BITS, bit)))
        for bit in _FORBIDDEN_BITS
    ),
    *(
        _leaf(identifier, "chain.leaf.extended_key_usage",
              extended_key_usage=ExtendedKeyUsage((extensions.CODE_SIGNING, oid)))
        for identifier, oid in _FORBIDDEN_PURPOSES.items()
    ),
    *(_weak_key(f"NEG-66-{kind}", kind) for kind in ("rsa1024", "rsa3584", "p224", "secp256k1", "ed25519", "dsa2048")),
    _weak_key("NEG-67-rsa2047", "rsa2047"),
    _leaf("NEG-68-leaf-signed-with-sha1", "chain.hash", hash_name="sha1"),
    _chain("NEG-68-intermediate-signed-with-sha1", "chain.hash", intermediate={"hash_name": "sha1"}),
    _chain("NEG-68-root-signed-with-sha1", "chain.hash", root={"hash_name": "sha1"}),
    _chain("NEG-69-lone-leaf-signed-with-sha1", "chain.hash", depth=1, leaf={"hash_name": "sha1"}),
    _chain("NEG-66-ca-with-rsa1024", "chain.ca.key", intermediate={"key": "rsa1024"}),
    _chain("NEG-66-ca-with-unknown-curve", "chain.ca.key", intermediate={"key": "secp256k1"}),
    _chain("NEG-52-eleven-certificates", "chain.length", depth=11),
)  # fmt: skip
