"""What must not be refused: the rules' other side, and each decision that accepts (requirements/negative-cases.md).

Without these, a verifier that refuses everything would pass every negative case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from airgap.oci.descriptor import ARTIFACT_MANIFEST, Descriptor
from tests.support.case import BOTH
from tests.support.crls import crl
from tests.support.envelopes import AUTHORITY, REMOVED, SIGNED_AT, SIGNING_TIME, epoch
from tests.support.extensions import UNKNOWN_CRITICAL, BasicConstraints, ExtendedKeyUsage, KeyUsage
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import NOTARY, Scene, Signature, Written, bare
from tests.support.trust import oci_policy, statement, store_folder
from tests.support.tsa import BASELINE_POLICY, token

URL: Final = "http://crl.example/leaf.crl"
DAY: Final = timedelta(days=1)
SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A scene that passes, with what is only logged on the way as (check, reason)."""

    id: str
    change: Callable[[Scene], None]
    forms: tuple[str, ...] = ("jws",)
    logged: tuple[tuple[str, str], ...] = ()
    verdict: str = "pass"
    warns: tuple[str, ...] = ()
    """Reason codes of warnings that must be reported."""


def _nothing(_scene: Scene) -> None:
    """The scene as it is."""


def _chain(identifier: str, kind: str = "p256", depth: int = 3, **deviations: Any) -> Accepted:
    return Accepted(identifier, lambda scene: scene.sign_with(Pki().code_chain(kind, depth, **deviations)), BOTH)


def _leaf(identifier: str, **changes: Any) -> Accepted:
    return _chain(identifier, leaf=changes)


def _options(identifier: str, form: str, **options: Any) -> Accepted:
    return Accepted(identifier, lambda scene: scene.signature.options.update(options), (form,))


def _policy(identifier: str, *statements: dict[str, Any]) -> Accepted:
    def change(scene: Scene) -> None:
        scene.policy = oci_policy(*statements)

    return Accepted(identifier, change)


def _authority(role: str = "leaf", **changes: Any) -> Callable[[Scene], None]:
    """A signing authority's signature, by a chain with other dates."""

    def change(scene: Scene) -> None:
        deviations: dict[str, Any] = {role: changes}
        scene.sign_with(Pki().code_chain(**deviations))
        scene.signature.scheme = AUTHORITY
        scene.use_store("signingAuthority:harbour")

    return change


def _timestamped(leaf: Mapping[str, Any] | None = None, verify: str = "always", **deviations: Any) -> Any:
    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(leaf=leaf))
        scene.timestamp(verify=verify, **deviations)

    return change


def _tsa(**deviations: Any) -> Callable[[Scene], None]:
    return lambda scene: _ignore(scene.timestamp(Pki().tsa_chain(**deviations)))


def _ignore(_value: object) -> None:
    """For lambdas that must return None."""


def _garbage_token(scene: Scene) -> None:
    """TS-2: without a tsa store a token is not looked at."""
    scene.signature.token = lambda _value: b"no token"


def _root_inside_token(scene: Scene) -> None:
    tsa = scene.timestamp()
    scene.signature.token = lambda value: token(tsa, value, embed=tsa.chain)


def _not_demanded_yet(scene: Scene) -> None:
    scene.timestamp(verify="afterCertExpiry")
    scene.signature.token = None


def _expired_signature(scene: Scene) -> None:
    scene.signature.expiry = AT - DAY
    scene.level = "permissive"


def _expired_certificate(scene: Scene) -> None:
    scene.sign_with(Pki().code_chain(leaf={"not_after": AT - DAY}))
    scene.level = "permissive"


def _untrusted_at_audit(scene: Scene) -> None:
    scene.stores = {"ca:harbour": [issue("root", slot=5)]}
    scene.level = "audit"


def _second_is_good(scene: Scene) -> None:
    """D27: one bad signature never stops a good one, whichever comes first."""
    bad = [Signature(scene.form, scene.signature.leaf, target={"size": number}) for number in range(1, 6)]
    scene.signatures = [*bad, *scene.signatures]


def _others_cannot_be_read(scene: Scene) -> None:
    """D27: nor does one whose manifest or envelope is broken, as long as the artifact is whole."""
    leaf = scene.signature.leaf
    broken = [
        Signature(scene.form, leaf, edit=lambda raw: raw[:-1]),
        Signature(scene.form, leaf, layer_type="application/octet-stream"),
        Signature(scene.form, leaf, manifest={"layers": []}),
    ]
    scene.signatures = [*broken, *scene.signatures]


def _manifest(identifier: str, **changes: Any) -> Accepted:
    def change(scene: Scene) -> None:
        scene.signature.manifest = changes

    return Accepted(identifier, change, BOTH)


def _config_form(scene: Scene) -> None:
    """MAN-3: the form of registries that do not know artifactType."""
    config = scene.builder.add_blob(b"{}", NOTARY)
    scene.signature.manifest = {"artifactType": REMOVED, "config": bare(config)}


def _artifact_manifest(scene: Scene) -> None:
    """MAN-11: the withdrawn manifest type."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        manifest = Descriptor.from_json(builder.entries.pop())
        envelope = Descriptor.from_json(_json(builder.blobs[manifest.digest])["layers"][0])
        document = {
            "mediaType": ARTIFACT_MANIFEST,
            "artifactType": NOTARY,
            "blobs": [bare(envelope)],
            "subject": bare(target),
        }
        builder.list(builder.add_manifest(document, ARTIFACT_MANIFEST, artifact_type=NOTARY))
        builder.drop(manifest)

    scene.packing.append(pack)


def _json(raw: bytes) -> Any:
    import json

    return json.loads(raw)


def _referrers_tag(scene: Scene) -> None:
    """MAN-33: referrers under a `sha256-<hex>` tag alone."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag_referrers(target, Descriptor.from_json(builder.entries.pop()))

    scene.packing.append(pack)


def _no_hint_in_index(scene: Scene) -> None:
    """An untagged entry of index.json without artifactType: the manifest itself says what it is."""
    scene.packing.append(lambda builder, _: _ignore(builder.entries[-1].pop("artifactType")))


def _folder_in_store(scene: Scene) -> None:
    def act(written: Written) -> None:
        (store_folder(written.trust, "ca:harbour") / "old").mkdir()

    scene.afterwards.append(act)


def _der_store(scene: Scene) -> None:
    scene.stores = {"ca:harbour": {"root.cer": scene.signature.leaf.root.der}}


def _several_in_one_file(scene: Scene) -> None:
    pem = issue("root", slot=5).pem + b"the next one is ours\n" + scene.signature.leaf.root.pem
    scene.stores = {"ca:harbour": {"roots.crt": pem}}


def _intermediate_as_anchor(scene: Scene) -> None:
    scene.stores = {"ca:harbour": [scene.signature.leaf.chain[1]]}


def _legacy_policy_name(scene: Scene) -> None:
    def act(written: Written) -> None:
        (written.trust / "trustpolicy.oci.json").rename(written.trust / "trustpolicy.json")

    scene.afterwards.append(act)


def _skip(scope: str) -> dict[str, Any]:
    return statement(
        registryScopes=[scope],
        signatureVerification={"level": "skip"},
        trustStores=None,
        trustedIdentities=None,
    )


def _skipped(scene: Scene) -> None:
    scene.policy = oci_policy(_skip("*"))


def _metadata(scene: Scene) -> None:
    scene.signature.target["annotations"] = {"build": "1", "branch": "main"}
    scene.options += ["-m", "build=1"]


def _as_archive(prefix: str, form: Any) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        def act(written: Written) -> None:
            scene.builder.write_tar(written.layout.with_suffix(".tar"), form, prefix=prefix)

        scene.afterwards.append(act)
        scene.refer = lambda written: f"oci-archive:{written.layout.with_suffix('.tar')}@{written.digest}"

    return change


def _child_of_index(scene: Scene) -> None:
    """D3: a child that is not listed in index.json has its real media type, and its own signature holds."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        child = Descriptor.from_json(_json(builder.blobs[target.digest])["manifests"][0])
        scene.signature.attach(builder, child)
        scene.refer = lambda written: f"oci:{written.layout}@{child.digest}"

    scene.packing.append(pack)


def _become_index(scene: Scene) -> None:
    scene.target = _index(scene.builder)
    _child_of_index(scene)


def _index(builder: LayoutBuilder) -> Descriptor:
    from tests.support.scenario import add_index

    return add_index(builder, "arm64", "riscv64")


def _identity(identifier: str, *identities: str) -> Accepted:
    return _policy(identifier, statement(trustedIdentities=list(identities)))


CASES: Final = (
    Accepted("PLAIN", _nothing, BOTH),
    *(_chain(f"ALG-{kind}", kind) for kind in ("rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521")),
    _chain("CHAIN-4-self-signed-leaf", depth=1),
    _chain("CHAIN-1-two-certificates", depth=2),
    _chain("LIM-13-ten-certificates", depth=10),
    _chain("CHAIN-7-path-length-met", root={"basic_constraints": BasicConstraints(path_length=1)}),
    _chain("CHAIN-16-unknown-critical-extension", intermediate={"extra": [UNKNOWN_CRITICAL]}),
    _chain("CHAIN-18-leaf-outlives-its-issuers", intermediate={"not_after": AT + DAY}),
    _leaf("CHAIN-9-no-basic-constraints", basic_constraints=None),
    _leaf("CHAIN-11-content-commitment", key_usage=KeyUsage(("digitalSignature", "contentCommitment"))),
    _leaf("CHAIN-12-no-extended-key-usage", extended_key_usage=None),
    _leaf("CHAIN-13-unknown-purpose", extended_key_usage=ExtendedKeyUsage(("1.3.6.1.4.1.55555.9",))),
    _leaf("CHAIN-15-signed-with-sha384", hash_name="sha384"),
    _chain("CHAIN-15-rsa-pss-issuer", root={"key": "rsa2048", "pss": True},
           intermediate={"key": "rsa2048", "slot": 1, "pss": True}, leaf={"pss": True}),
    _options("JWS-21-unknown-attribute", "jws", protected={"com.example.note": {"a": [1]}}),
    _options("JWS-18-offset-and-fraction", "jws", protected={SIGNING_TIME: "2026-01-02T05:04:05.25+02:00"}),
    _options("JWS-34-unknown-unprotected", "jws", header={"kid": "7"}),
    _options("JWS-32-agent", "jws", header={"io.cncf.notary.signingAgent": "tool/1"}),
    _options("COSE-18-unknown-attribute", "cose", protected={"com.example.note": "x", 4711: b"y"}),
    _options("COSE-20-no-agent", "cose", unprotected={"x": "y"}),
    _options("SCHEME-2-far-future-signing-time", "cose", protected={SIGNING_TIME: epoch(1 << 32)}),
    Accepted("JWS-16-expiry-ahead", lambda scene: setattr(scene.signature, "expiry", AT + SECOND), BOTH),
    Accepted("SCHEME-3-signing-authority", _authority(), BOTH),
    Accepted("SCHEME-6-authority-certificate-expired-since", _authority(not_after=AT - DAY), BOTH),
    Accepted("SCHEME-7-authority-at-first-moment", _authority(not_before=SIGNED_AT), BOTH),
    Accepted("SCHEME-7-authority-at-last-moment", _authority(not_after=SIGNED_AT), BOTH),
    Accepted("TS-2-last-moment", lambda scene: scene.sign_with(Pki().code_chain(leaf={"not_after": AT}))),
    Accepted("TS-2-first-moment", lambda scene: scene.sign_with(Pki().code_chain(leaf={"not_before": AT}))),
    Accepted("TS-2-token-not-looked-at", _garbage_token, BOTH),
    Accepted("TS-22-timestamped", _timestamped(), BOTH),
    Accepted("TS-4-certificate-expired-since", _timestamped({"not_after": AT - DAY}, gen_time=AT - 2 * DAY), BOTH),
    Accepted("TS-1-after-expiry-not-expired", _not_demanded_yet),
    Accepted("TS-1-after-expiry-expired",
             _timestamped({"not_after": AT - DAY}, verify="afterCertExpiry", gen_time=AT - 2 * DAY)),
    Accepted("TS-26-accuracy-touches-end", _timestamped({"not_after": AT + SECOND}, accuracy=(1, None, None))),
    Accepted("TS-25-baseline-policy-touches-end", _timestamped({"not_after": AT + SECOND}, policy=BASELINE_POLICY)),
    Accepted("TS-25-other-policy-has-no-accuracy", _timestamped({"not_after": AT})),
    Accepted("TS-22-tsa-expired-since", _tsa(tsa={"not_after": AT})),
    Accepted("TS-22-root-inside-token", _root_inside_token),
    Accepted("TS-22-two-certificates", _tsa(depth=2)),
    Accepted("TS-12-imprint-sha512", _timestamped(imprint_hash="sha512")),
    Accepted("TS-20-ess-sha512", _timestamped(ess_hash="sha512")),
    Accepted("TS-20-both-ess", _timestamped(ess="both")),
    Accepted("TS-21-rsa-pkcs1", _tsa(kind="rsa2048")),
    Accepted("TSACH-2-key-usage-not-critical",
             _tsa(tsa={"key_usage": KeyUsage(("digitalSignature",), critical=False)})),
    Accepted("D51-token-carries-crls", _timestamped(crls=[crl(issue("root"))])),
    Accepted("REV-2-root-is-not-asked-about",
             lambda scene: scene.sign_with(Pki().code_chain(root={"crl_urls": [URL]}))),
    Accepted("POLICY-permissive-logs-expiry", _expired_signature, logged=(("expiry", "expiry.passed"),)),
    Accepted("POLICY-permissive-logs-validity", _expired_certificate,
             logged=(("authenticTimestamp", "time.certificate.expired"),)),
    Accepted("POLICY-audit-logs-authenticity", _untrusted_at_audit,
             logged=(("authenticity", "authenticity.no_anchor"),)),
    Accepted("D27-second-signature-is-good", _second_is_good, BOTH),
    Accepted("D27-others-can-not-be-read", _others_cannot_be_read, BOTH),
    Accepted("MAN-3-config-form", _config_form, BOTH),
    Accepted("MAN-11-artifact-manifest", _artifact_manifest, BOTH),
    Accepted("MAN-33-referrers-tag", _referrers_tag, BOTH),
    Accepted("LAYOUT-13-no-hint-in-index", _no_hint_in_index),
    _manifest("MAN-10-no-thumbprints", annotations=REMOVED),
    _manifest("MAN-10-wrong-thumbprints", annotations={"io.cncf.notary.x509chain.thumbprint#S256": '["00"]'}),
    Accepted("D3-child-of-an-index", _become_index, BOTH),
    Accepted("D18-folder-in-store", _folder_in_store, warns=("store.ignored",)),
    Accepted("STORE-6-der", _der_store),
    Accepted("STORE-6-several-in-one-file", _several_in_one_file),
    Accepted("STORE-7-intermediate-as-anchor", _intermediate_as_anchor),
    Accepted("POLICY-1-older-name", _legacy_policy_name),
    _policy("SCOPE-4-exact-beats-star", statement(registryScopes=["registry.example/net-monitor"]),
            statement(name="others", registryScopes=["*"], trustStores=["ca:absent"])),
    _policy("STORE-11-unneeded-store-absent", statement(trustStores=["ca:harbour", "signingAuthority:absent"])),
    _identity("ID-8-subset", "x509.subject: C=US, ST=WA, O=Harbour Works"),
    _identity("ID-4-other-order", "x509.subject: O=Harbour Works; CN=builder; ST=WA; C=US"),
    _identity("ID-6-s-is-st", "x509.subject: C=US, S=WA, O=Harbour Works"),
    _identity("ID-5-escaped", "x509.subject: C=US, ST=WA, O=Harbour\\20Works"),
    _identity("ID-3-beside-an-unknown-kind", "acme.user: x", "x509.subject: C=US, ST=WA, O=Harbour Works"),
    Accepted("VERIFY-2-skip", _skipped, verdict="skipped"),
    Accepted("PAY-9-metadata", _metadata, BOTH),
    Accepted("NEG-160-tar", _as_archive("", "ustar")),
    Accepted("NEG-160-tar-with-dots", _as_archive("./", "gnu")),
    Accepted("NEG-160-tar-pax", _as_archive("", "pax")),
)  # fmt: skip
