"""NEG-70 to NEG-80: anchors, trust stores and identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tests.support import names
from tests.support.case import BOTH, Case
from tests.support.names import Attribute
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene, Written
from tests.support.trust import oci_policy, statement, store_folder

_STORE: Final = "ca:harbour"
_IDENTITY: Final = "x509.subject: C=US, ST=WA, O=Harbour Works"


def _stores(identifier: str, reason: str, make: Callable[[Issued], Mapping[str, Any]]) -> Case:
    def change(scene: Scene) -> None:
        scene.stores = make(scene.signature.leaf)

    return Case(identifier, change, reason, check="authenticity", forms=BOTH)


def _files(identifier: str, reason: str, files: Mapping[str, bytes]) -> Case:
    """Files beside the good root."""

    def change(scene: Scene) -> None:
        scene.stores = {_STORE: {"root.pem": scene.signature.leaf.root.pem, **files}}

    return Case(identifier, change, reason, check="authenticity")


def _spoilt(identifier: str, reason: str, act: Callable[[Path], None]) -> Case:
    """A store folder that is changed after the directory is written."""

    def change(scene: Scene) -> None:
        def spoil(written: Written) -> None:
            act(store_folder(written.trust, _STORE))

        scene.afterwards.append(spoil)

    return Case(identifier, change, reason, check="authenticity")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _remove(folder: Path) -> None:
    _empty(folder)
    folder.rmdir()


def _link_folder(folder: Path) -> None:
    real = folder.with_name("real")
    folder.rename(real)
    folder.symlink_to(real, target_is_directory=True)


def _link_file(folder: Path) -> None:
    (folder / "linked.pem").symlink_to(folder / "0.pem")


def _bury(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (folder / "0.pem").rename(inner / "0.pem")


def _stranger(leaf: Issued) -> Issued:
    return issue("root", slot=5, subject=names.harbour("Stranger"))


def _twin(leaf: Issued) -> Issued:
    """The root again: same name, same key, one second longer."""
    return issue("root", key=leaf.root.key, subject=leaf.root.subject, not_after=AT + timedelta(days=1))


def _identity(identifier: str, reason: str, *identities: str, leaf: Mapping[str, Any] | None = None) -> Case:
    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(leaf=leaf))
        scene.policy = oci_policy(statement(trustedIdentities=list(identities)))

    return Case(identifier, change, reason, check="authenticity", forms=BOTH)


def _scheme(identifier: str, scheme: str, store: str) -> Case:
    """The root is trusted, but in a store of the other type (SCHEME-4)."""

    def change(scene: Scene) -> None:
        scene.signature.scheme = scheme
        scene.stores = {store: [scene.signature.leaf.root]}
        scene.policy = oci_policy(statement(trustStores=[store]))

    return Case(identifier, change, "authenticity.no_store", check="authenticity", forms=BOTH)


def _both_schemes(identifier: str, scheme: str, good: str, other: str) -> Case:
    """Both types of store are named, and only the wrong one holds the root."""

    def change(scene: Scene) -> None:
        leaf = scene.signature.leaf
        scene.signature.scheme = scheme
        scene.stores = {good: [_stranger(leaf)], other: [leaf.root]}
        scene.policy = oci_policy(statement(trustStores=[good, other]))

    return Case(identifier, change, "authenticity.no_anchor", check="authenticity", forms=BOTH)


def _only_a_tsa_store(scene: Scene) -> None:
    verification = {"level": "strict", "verifyTimestamp": "afterCertExpiry"}
    scene.stores = {"tsa:harbour": [scene.signature.leaf.root]}
    scene.policy = oci_policy(statement(trustStores=["tsa:harbour"], signatureVerification=verification))


def _subject(*parts: Any) -> dict[str, Any]:
    return {"subject": names.name(*parts)}


_NOTARY: Final = "notary.x509"
_AUTHORITY: Final = "notary.x509.signingAuthority"
_US, _WA, _O = ("C", "US"), ("ST", "WA"), ("O", "Harbour Works")

CASES: Final = (
    _stores("NEG-70-root-not-in-store", "authenticity.no_anchor", lambda leaf: {_STORE: [_stranger(leaf)]}),
    _stores("NEG-70-root-in-another-store", "authenticity.no_anchor",
            lambda leaf: {_STORE: [_stranger(leaf)], "ca:unnamed": [leaf.root]}),
    _stores("NEG-71-same-key-and-name-other-certificate", "authenticity.no_anchor",
            lambda leaf: {_STORE: [_twin(leaf)]}),
    _scheme("NEG-72-authority-signature-ca-store", _AUTHORITY, _STORE),
    _scheme("NEG-72-x509-signature-authority-store", _NOTARY, "signingAuthority:harbour"),
    _both_schemes("NEG-72-authority-root-only-in-ca-store", _AUTHORITY, "signingAuthority:harbour", _STORE),
    _both_schemes("NEG-72-x509-root-only-in-authority-store", _NOTARY, _STORE, "signingAuthority:harbour"),
    Case("NEG-72-only-a-tsa-store", _only_a_tsa_store, "authenticity.no_store", check="authenticity", forms=BOTH),
    _stores("NEG-73-store-absent", "store.missing", lambda leaf: {"ca:elsewhere": [leaf.root]}),
    _spoilt("NEG-73-store-removed", "store.missing", _remove),
    _spoilt("NEG-73-store-empty", "store.empty", _empty),
    _spoilt("NEG-73-store-is-a-link", "store.malformed", _link_folder),
    _spoilt("NEG-74-linked-file", "store.malformed", _link_file),
    _files("NEG-74-read-me", "store.malformed", {"README.md": b"ours"}),
    _files("NEG-74-dot-file", "store.malformed", {".DS_Store": b"\x00"}),
    _files("NEG-74-other-extension", "store.malformed", {"root.txt": issue("root").pem}),
    _files("NEG-74-garbage", "store.malformed", {"garbage.pem": b"no certificate"}),
    _files("NEG-74-empty-file", "store.malformed", {"empty.pem": b""}),
    _files("NEG-74-private-key", "store.malformed", {
        "key.pem": b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"}),
    _stores("NEG-75-leaf-of-another-ca", "store.malformed", lambda leaf: {_STORE: [leaf.root, leaf]}),
    _stores("NEG-75-only-the-signing-leaf", "store.malformed", lambda leaf: {_STORE: [leaf]}),
    _identity("NEG-77-case-of-organisation", "identity.mismatch", "x509.subject: C=US, ST=WA, O=harbour works"),
    _identity("NEG-77-another-organisation", "identity.mismatch", "x509.subject: C=US, ST=WA, O=Harbour"),
    _identity("NEG-77-one-attribute-more", "identity.mismatch", f"{_IDENTITY}, OU=Release"),
    _identity("NEG-78-leaf-without-state", "identity.", _IDENTITY, leaf=_subject(_US, _O, ("CN", "builder"))),
    _identity("NEG-78-leaf-without-country", "identity.", _IDENTITY, leaf=_subject(_WA, _O, ("CN", "builder"))),
    _identity("NEG-79-two-organisational-units", "identity.subject", f"{_IDENTITY}, OU=a",
              leaf=_subject(_US, _WA, _O, ("OU", "a"), ("OU", "b"))),
    _identity("NEG-79-two-organisations", "identity.subject", _IDENTITY, leaf=_subject(_US, _WA, ("O", "Other"), _O)),
    _identity("NEG-79-injected-into-common-name", "identity.mismatch", _IDENTITY,
              leaf=_subject(_US, _WA, ("O", "Other"), ("CN", "x,O=Harbour Works"))),
    _identity("NEG-79-null-character", "identity.", _IDENTITY,
              leaf=_subject(_US, _WA, Attribute("O", "Harbour Works\0Other"))),
    _identity("NEG-80-only-unknown-kinds", "identity.none", "acme.user: builder"),
    _spoilt("NEG-74-certificate-in-a-folder-only", "store.empty", _bury),
)  # fmt: skip
