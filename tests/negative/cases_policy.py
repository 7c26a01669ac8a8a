"""NEG-128 to NEG-141: policies that break a rule. Nothing is judged by them (POLICY-14)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.support.case import Case
from tests.support.scenario import Scene, Written
from tests.support.trust import oci_policy, statement

HARBOUR: Final = "x509.subject: C=US, ST=WA, O=Harbour Works"


def _policy(identifier: str, document: dict[str, Any] | bytes, reason: str = "policy.malformed") -> Case:
    def change(scene: Scene) -> None:
        scene.policy = document

    return Case(identifier, change, reason, check="run" if reason == "policy.malformed" else "policy")


def _statement(identifier: str, **members: Any) -> Case:
    return _policy(identifier, oci_policy(statement(**members)))


def _level(identifier: str, **members: Any) -> Case:
    return _statement(identifier, signatureVerification=members)


def _override(identifier: str, level: str = "strict", **override: str) -> Case:
    return _level(identifier, level=level, override=override)


def _identities(identifier: str, *values: str) -> Case:
    return _statement(identifier, trustedIdentities=list(values))


def _scopes(identifier: str, *values: str) -> Case:
    return _statement(identifier, registryScopes=list(values))


def _with_version(version: Any) -> dict[str, Any]:
    return {"version": version, "trustPolicies": [statement()]}


def _two(**second: Any) -> dict[str, Any]:
    first = statement(registryScopes=["registry.example/a"])
    return oci_policy(first, statement(**{"name": "second", "registryScopes": ["registry.example/b"], **second}))


def _after(identifier: str, act: Callable[[Path], None], reason: str) -> Case:
    """A policy file that is spoilt after the directory is written."""

    def change(scene: Scene) -> None:
        def spoil(written: Written) -> None:
            act(written.trust / "trustpolicy.oci.json")

        scene.afterwards.append(spoil)

    return Case(identifier, change, reason, check="run")


def _make_symlink(path: Path) -> None:
    real = path.with_name("elsewhere.json")
    path.rename(real)
    path.symlink_to(real)


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


_SKIP: Final = {"level": "skip"}
_DEFAULT: Final = json.dumps(oci_policy()).encode()

CASES: Final = (
    _policy("NEG-128-version-2.0", _with_version("2.0")),
    _policy("NEG-128-version-number", _with_version(1.0)),
    _policy("NEG-128-version-missing", {"trustPolicies": [statement()]}),
    _policy("NEG-129-no-statements", {"version": "1.0", "trustPolicies": []}),
    _policy("NEG-129-statements-missing", {"version": "1.0"}),
    _statement("NEG-129-name-empty", name=""),
    _statement("NEG-129-name-missing", name=None),
    _policy("NEG-129-names-twice", _two(name="harbour")),
    _level("NEG-130-level-missing"),
    _level("NEG-130-level-capital", level="Strict"),
    _level("NEG-130-level-unknown", level="lenient"),
    _statement("NEG-130-verification-missing", signatureVerification=None),
    _override("NEG-131-override-integrity", integrity="log"),
    _override("NEG-131-override-authenticity-skip", authenticity="skip"),
    _override("NEG-131-override-timestamp-skip", authenticTimestamp="skip"),
    _override("NEG-131-override-expiry-skip", expiry="skip"),
    _override("NEG-131-override-unknown-key", colour="log"),
    _override("NEG-131-override-unknown-value", expiry="warn"),
    _statement(
        "NEG-131-override-on-skip",
        signatureVerification={"level": "skip", "override": {"expiry": "log"}},
        trustStores=None,
        trustedIdentities=None,
    ),
    _level("NEG-132-verify-timestamp-unknown", level="strict", verifyTimestamp="never"),
    _statement("NEG-133-skip-with-stores", signatureVerification=_SKIP, trustedIdentities=None),
    _statement("NEG-133-skip-with-identities", signatureVerification=_SKIP, trustStores=None),
    _statement("NEG-133-no-stores", trustStores=[]),
    _statement("NEG-133-no-identities", trustedIdentities=[]),
    *(
        _statement(f"NEG-134-store-{label}", trustStores=[reference])
        for label, reference in {
            "no-name": "ca",
            "capital": "CA:x",
            "unknown-type": "foo:x",
            "empty-name": "ca:",
            "slash": "ca:a/b",
            "colon": "ca:a:b",
            "dot": "ca:.",
            "dots": "ca:..",
        }.items()
    ),
    _scopes("NEG-135-no-scopes"),
    _statement("NEG-135-scopes-missing", registryScopes=None),
    *(
        _scopes(f"NEG-135-scope-{label}", *values)
        for label, values in {
            "star-and-other": ("*", "registry.example/a"),
            "partial-wildcard": ("registry.example/*",),
            "tag": ("registry.example/a:v1",),
            "digest": (f"registry.example/a@sha256:{'0' * 64}",),
            "scheme": ("https://registry.example/a",),
            "upper-case": ("registry.example/App",),
            "trailing-slash": ("registry.example/a/",),
            "ipv6": ("[::1]:5000/a",),
            "no-repository": ("registry.example",),
        }.items()
    ),
    _scopes("NEG-136-scope-twice-in-one", "registry.example/a", "registry.example/a"),
    _policy("NEG-136-scope-in-two", _two(registryScopes=["registry.example/a"])),
    _policy("NEG-136-two-stars", oci_policy(statement(), statement(name="second"))),
    _identities("NEG-137-star-and-other", "*", HARBOUR),
    _identities("NEG-137-two-stars", "*", "*"),
    _identities("NEG-137-empty", ""),
    _identities("NEG-137-no-colon", "C=US, ST=WA, O=Harbour Works"),
    _identities("NEG-137-no-value", "x509.subject:"),
    *(
        _identities(f"NEG-137-{label}", f"x509.subject: {subject}")
        for label, subject in {
            "lower-case-type": "c=US, ST=WA, O=Harbour Works",
            "no-country": "ST=WA, O=Harbour Works",
            "no-state": "C=US, O=Harbour Works",
            "no-organisation": "C=US, ST=WA",
            "empty-organisation": "C=US, ST=WA, O=",
            "st-and-s": "C=US, ST=WA, S=WA, O=Harbour Works",
            "repeated-type": "C=US, ST=WA, O=Harbour Works, O=Other",
            "multi-valued": "C=US, ST=WA+O=Harbour Works",
            "hash-value": "C=US, ST=WA, O=#0c02",
            "dangling-escape": "C=US, ST=WA, O=Harbour Works\\",
        }.items()
    ),
    _identities("NEG-138-same-identity-twice", HARBOUR, HARBOUR),
    _identities("NEG-138-identity-within-another", HARBOUR, f"{HARBOUR}, CN=builder"),
    _policy(
        "NEG-139-host-case-differs",
        oci_policy(statement(registryScopes=["Registry.example/net-monitor"])),
        "policy.no_statement",
    ),
    _policy(
        "NEG-139-port-differs",
        oci_policy(statement(registryScopes=["registry.example:5000/net-monitor"])),
        "policy.no_statement",
    ),
    _policy(
        "NEG-139-longer-name", oci_policy(statement(registryScopes=["registry.example/net"])), "policy.no_statement"
    ),
    _after("NEG-140-symlink", _make_symlink, "policy.malformed"),
    _after("NEG-140-directory", _make_directory, "policy.malformed"),
    _after("NEG-140-absent", Path.unlink, "policy.missing"),
    _policy("NEG-140-byte-order-mark", b"\xef\xbb\xbf" + _DEFAULT),
    _policy("NEG-140-comment", b"// ours\n" + _DEFAULT),
    _policy("NEG-140-trailing-bytes", _DEFAULT + b"{}"),
    _policy("NEG-140-cut", _DEFAULT[:-1]),
    _policy("NEG-140-empty-file", b" "),
    _policy("NEG-140-duplicate-member", b'{"version":"1.0",' + _DEFAULT[1:]),
    _policy("NEG-140-unknown-member", {**oci_policy(), "comment": "ours"}),
)
