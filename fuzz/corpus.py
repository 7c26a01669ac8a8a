"""The corpus: good and odd bytes for every door, made here by the forgers of tests/support and of layouts/.

Nothing of it is committed. `write` puts it into a folder for each door; a fuzzer adds to that what it finds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from airgap.ledger.entries import canonical
from airgap.ledger.exported import export_lines
from airgap.ledger.ledger_file import Ledger
from airgap.ledger.receipt import Receipt
from airgap.parse import cbor
from fuzz import material
from fuzz.doors import DOORS
from tests.support import asn1, envelopes, extensions
from tests.support.bundles import build as bundle
from tests.support.crls import crl, entry, pem, scope
from tests.support.layouts import LayoutBuilder, dump, tar_of
from tests.support.ledgers import DAY, every_kind, make
from tests.support.ocsp import ocsp_error, ocsp_response
from tests.support.pki import Pki, issue
from tests.support.scenario import SIGNING_CRL, Scene, with_everything
from tests.support.snapshots import Ground
from tests.support.trust import oci_policy, statement
from tests.support.tsa import token

_LAYOUTS: Final = Path(__file__).parent.parent / "layouts"


def seeds() -> Mapping[str, tuple[bytes, ...]]:
    """For every door what it takes, and some that it refuses."""
    made = {name: tuple(maker()) for name, maker in _MAKERS.items()}
    if made.keys() != DOORS.keys():
        raise LookupError(f"doors without a corpus: {made.keys() ^ DOORS.keys()}")
    return made


def write(folder: Path) -> Mapping[str, Path]:
    """The corpus below `folder`, one folder for each door; files of an earlier run stay."""
    folders = {}
    for name, samples in seeds().items():
        folders[name] = folder / name
        folders[name].mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(samples):
            (folders[name] / f"seed-{number:02}").write_bytes(data)
    return folders


def _certificates() -> Iterator[bytes]:
    for item in (*material.leaf().chain, *material.authority().chain):
        yield item.der
    yield Pki().code_chain("rsa2048").der
    yield Pki().code_chain("p384").der
    names = extensions.permitted_names(extensions.uri("http://harbour.example/"))
    yield issue("root", extra=[names, extensions.policies("1.2.3.4")]).der


def _crls() -> Iterator[bytes]:
    leaf, issuer = material.leaf(), material.leaf().chain[1]
    listed: list[bytes | int] = [
        entry(leaf.serial, reason="keyCompromise", invalidity=material.AT),
        5,
        entry(6, reason="removeFromCRL"),
    ]
    yield crl(issuer)
    yield crl(issuer, revoked=listed, scope=scope(uris=[SIGNING_CRL.format(0)], only_user=True), freshest=["http://a/"])
    yield crl(issuer, revoked=[entry(7, certificate_issuer=issuer.subject)], scope=scope(indirect=True))
    yield crl(issuer, revoked=[leaf], delta_base=1, number=2, scope=scope(reasons=("keyCompromise",)))
    yield crl(material.leaf().root, next_update=None, version=None, number=None)
    yield pem(crl(issuer, revoked=[leaf]))


def _responses() -> Iterator[bytes]:
    leaf, issuer = material.leaf(), material.leaf().chain[1]
    yield ocsp_response(leaf)
    yield ocsp_response(leaf, status="revoked", reason="keyCompromise", by_key=True, invalidity=material.AT)
    yield ocsp_response(leaf, responder=issue("ocsp", issuer=issuer), next_update=None, cert_hash="sha256")
    yield ocsp_response(leaf, status="unknown", version=1)
    yield ocsp_error(6)


def _tokens() -> Iterator[bytes]:
    tsa = material.authority()
    yield token(tsa, material.SIGNATURE_VALUE, nonce=material.NONCE)
    yield token(tsa, material.SIGNATURE_VALUE, digest="sha384", ess="v1")
    yield token(Pki().tsa_chain("rsa2048"), material.SIGNATURE_VALUE)


def _answers() -> Iterator[bytes]:
    for data in _tokens():
        yield asn1.sequence(asn1.sequence(asn1.integer(0)), data)
    yield asn1.sequence(asn1.sequence(asn1.integer(2), asn1.sequence(asn1.tlv(0x0C, b"no"))))


def _envelopes(make: Callable[..., bytes]) -> Iterator[bytes]:
    side = "header" if make is envelopes.jws else "unprotected"
    stamp = token(material.authority(), material.SIGNATURE_VALUE)
    value: Any = envelopes.b64(stamp) if make is envelopes.jws else stamp
    leaf = material.leaf()
    yield make(leaf, expiry=envelopes.EXPIRES_AT)
    yield make(leaf, **{side: {envelopes.TIMESTAMP: value, envelopes.AGENT: "tool/1"}})
    yield make(leaf, scheme=envelopes.AUTHORITY)
    yield make(Pki().code_chain("rsa2048"), payload=b'{"targetArtifact":{}}')


def _manifests() -> Iterator[bytes]:
    for raw in _blobs():
        if raw.startswith(b"{") and b'"layers"' in raw:
            yield raw
    yield dump({"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "artifactType": "a/b", "blobs": []})


def _indexes() -> Iterator[bytes]:
    for raw in _blobs():
        if raw.startswith(b"{") and b'"manifests"' in raw:
            yield raw


def _blobs() -> list[bytes]:
    folder = _LAYOUTS / "good" / "blobs" / "sha256"
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def _layout_indexes() -> Iterator[bytes]:
    for name in ("good", "revoked", "unsigned"):
        yield (_LAYOUTS / name / "index.json").read_bytes()


def _tars() -> Iterator[bytes]:
    yield (_LAYOUTS / "good.tar").read_bytes()
    builder = LayoutBuilder()
    builder.tag(builder.add_image(b"a layer", algorithm="sha512"), "v1")
    for form in ("ustar", "pax", "gnu"):
        yield tar_of(builder.files(), form, prefix="./")
    yield tar_of({**builder.files(), "manifest.json": b"[]", "._index.json": b"x"})


def _references() -> Iterator[bytes]:
    digest = "sha256:" + "5c" * 32
    texts = ("registry.example/team/app:v1", f"localhost:5000/app@{digest}", f"docker://docker.io/a/b:c@{digest}",
             "oci:layout:v1", f"oci-archive:lay.tar@{digest}", "C:\\stick\\layout:v1", "./layout:registry.example/a:v1",
             digest, "sha512:" + "5c" * 64, "docker-daemon:app:v1", "stick:registry.example/app:v1")  # fmt: skip
    yield from (text.encode() for text in texts)


def _records() -> Iterator[bytes]:
    image = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + "5c" * 32, "size": 9}
    answer = {"subject": image["digest"], "mechanism": "api", "apiStatus": 200, "listed": 1, "copied": 1}
    yield dump(
        {
            "schema": "airgap.acquisition/1",
            "tool": {"name": "airgap", "version": "0.1.0"},
            "time": "2026-06-01T12:00:00Z",
            "source": {"kind": "registry", "name": "registry.example/app", "reference": "registry.example/app:v1"},
            "artifact": image,
            "referrers": {"mode": "all", "artifactTypes": [], "depth": None, "digestTags": False, "answers": [answer]},
            "platforms": {"chosen": ["linux/amd64"], "absent": []},
        }
    )


def _policies() -> Iterator[bytes]:
    strict = {"level": "strict", "override": {"expiry": "log"}, "verifyTimestamp": "always"}
    people = ["x509.subject: C=US, ST=WA, O=Acme", "x509.subject: C=US, ST=WA, O=Other"]
    yield dump(oci_policy())
    yield dump(
        oci_policy(
            statement(trustStores=["ca:a", "tsa:b"], signatureVerification=strict, trustedIdentities=people),
            statement(name="b", registryScopes=["registry.example/net-monitor"]),
        )
    )
    blob = statement(registryScopes=None, globalPolicy=True)
    yield dump(oci_policy(blob))


def _tuf() -> Iterator[bytes]:
    yield b'{"signed":{"_type":"root"},"signatures":[]}'
    if find_spec("tuf") is not None:
        yield from material.tuf_sender().metadata.values()


def _sites() -> Iterator[tuple[bytes, bytes]]:
    """state.json and pins.json of a site that has pinned a signer and applied a snapshot."""
    with tempfile.TemporaryDirectory() as folder:
        ground = Ground(Path(folder))
        reference = ground.packed()
        ground.pin(exact=True)
        ground.apply(reference)
        yield (ground.site / ".airgap/state.json").read_bytes(), (ground.site / ".airgap/pins.json").read_bytes()


def _docker_configs() -> Iterator[bytes]:
    login = envelopes.b64(b"user:password")
    yield dump({"auths": {"registry.example": {"auth": login}, "https://index.docker.io/v1/": {"auth": login}}})
    yield dump({"credsStore": "desktop", "credHelpers": {"registry.example": "pass"}, "auths": {"localhost:5000": {}}})
    yield dump({"auths": {"registry.example/team": {"identitytoken": "t"}, "localhost:5000": {"registrytoken": "t"}}})
    yield dump({"auths": {"docker.io": {"username": "u", "password": "p"}, "registry.example": {"auth": "dTo="}}})
    yield dump({"auths": None, "credHelpers": {"docker.io": ""}, "HttpHeaders": {"a": "b"}, "detachKeys": "ctrl-e,e"})


def _evidence_indexes() -> Iterator[bytes]:
    yield dump({SIGNING_CRL.format(0): "0.crl"})
    yield dump({"http://a/": ["1.crl", "2.crl"], "ldap:///CN=a?certificateRevocationList": ["a b.crl"]})
    yield dump({})
    yield dump({"http://a/": [], "http://b/": "../b.crl", "http://c/": "c/d.crl"})


def _snapshots() -> Iterator[bytes]:
    yield material.snapshot().config
    document = json.loads(material.snapshot().config)
    yield dump({**document, "useBy": None, "coverage": []})
    yield dump({**document, "stream": "site-7", "number": 2**63, "files": {"crls/index.json": "sha256:" + "5c" * 32}})


def _signing_keys() -> Iterator[bytes]:
    files = {"name": "a", "keyPath": "/k", "certPath": "/c"}
    remote = {"name": "b", "id": "arn:a", "pluginName": "com.example", "pluginConfig": {"region": "a"}}
    yield dump({"default": "a", "keys": [files]})
    yield dump({"default": "b", "keys": [remote, files, {"name": "c", "unknown": [1]}]})
    yield dump({"signingKeys": {"keys": [{"name": "b", "id": "1", "plugin": "p"}]}, "verificationCertificates": {}})
    yield dump({"keys": [{**files, "keyPath": "pkcs11:token=t;object=o?module-name=m&pin-source=file:/p"}]})


def _plugin_answers() -> Iterator[bytes]:
    capability = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY"
    yield dump({"name": "p", "description": "d", "version": "1.0.0", "url": "u", "supportedContractVersions": ["1.0"],
                "capabilities": [capability]})  # fmt: skip
    yield dump({"keyId": "k", "keySpec": "EC-256"})
    chain = [envelopes.b64(item.der) for item in material.leaf().chain]
    yield dump({"keyId": "k", "signature": "AAAA", "signingAlgorithm": "ECDSA-SHA-256", "certificateChain": chain})
    yield dump({"verificationResults": {capability: {"success": True, "reason": "r"}}, "processedAttributes": ["a"]})
    yield dump({"errorCode": "ERROR", "errorMessage": "m", "errorMetadata": {}})


def _reports() -> Iterator[bytes]:
    from airgap.report.verify_text import VerifyReport
    from airgap.stages.verify import verify
    from airgap.verifier.request import VerifyRequest

    revoked = with_everything()
    revoked.crls["r.crl"] = crl(revoked.signature.leaf.chain[1], revoked=[revoked.signature.leaf])
    unsigned = Scene()
    unsigned.signatures.clear()
    in_cose = with_everything("cose")
    in_cose.builder.extra_files["crls/damaged.crl"] = crl(in_cose.signature.leaf.root)[:-10]
    for scene in (with_everything(), revoked, unsigned, in_cose):
        with tempfile.TemporaryDirectory() as folder:
            written = scene.write(Path(folder))
            request = VerifyRequest(targets=[written.target], at=written.at, clock=written.at, scope=written.scope)
            yield json.dumps(VerifyReport(verify(request, written.trust)).document()).encode()
    time = {"judged": "2026-06-01T12:00:00Z"}
    yield dump({"schema": "airgap.verify/1", "time": time, "artifacts": [], "problems": []})


def _ledger(read: Callable[[Ledger], Iterable[bytes]]) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        make(path)
        with Ledger.open(path) as ledger:
            yield from read(ledger)


def _ledger_rows() -> Iterator[bytes]:
    return (canonical(record.entry, 1) for record in every_kind())


def _export(ledger: Ledger) -> Iterator[bytes]:
    yield "".join(export_lines(ledger)).encode()


_POD: Final = b"""kind: List
apiVersion: v1
items:
- kind: Pod
  spec:
    initContainers: [{image: "a.example/x:1", args: ["--y=a.example/y:2"]}]
    volumes: [{image: {reference: a.example/z@sha256:%s}}]
---
# a comment
""" % (b"a" * 64)
_COMPOSE: Final = b"""x-common: &common {image: nginx, environment: {HELPER_IMAGE: helper:1}}
services:
  web: {<<: [*common], build: .}
  text: {image: "${REGISTRY}/app", command: |
    a.example/b:1
  }
"""


def _receipt(ledger: Ledger) -> Iterator[bytes]:
    made = Receipt.of(ledger, at=DAY, site="north", snapshot="default/7 sha256:ab")
    yield "".join(made.pieces()).encode()


_MAKERS: Final[Mapping[str, Callable[[], Iterator[bytes]]]] = {
    "der": lambda: iter((*_certificates(), *_crls(), *_responses(), *_tokens())),
    "certificate": _certificates,
    "store-file": lambda: iter((*(item.pem for item in material.leaf().chain), material.leaf().der)),
    "crl": _crls,
    "ocsp": _responses,
    "token": _tokens,
    "tsa-answer": _answers,
    "jws": lambda: _envelopes(envelopes.jws),
    "cose": lambda: _envelopes(envelopes.cose),
    "cbor": lambda: iter((*_envelopes(envelopes.cose), cbor.encode({1: [2, b"3", "4", None, True]}))),
    "json": lambda: iter((*_policies(), *_indexes(), *_manifests(), b'[1.5,-2,"\\u00e9",1e3,true,null]')),
    "manifest": _manifests,
    "index": _indexes,
    "layout-index": _layout_indexes,
    "tar": _tars,
    "reference": _references,
    "record": _records,
    "policy": _policies,
    "freshness": lambda: iter((b'[freshness]\ncrl = "3d"\ntsa-ocsp = "1w2d12h"\n', b"")),
    "evidence-index": _evidence_indexes,
    "snapshot": _snapshots,
    "state": lambda: (state for state, _ in _sites()),
    "pins": lambda: (pins for _, pins in _sites()),
    "tuf": _tuf,
    "docker-config": _docker_configs,
    "signing-keys": _signing_keys,
    "plugin-answer": _plugin_answers,
    "report": _reports,
    "yaml": lambda: iter((_POD, _COMPOSE)),
    "bundle": lambda: iter((bundle().dump(), bundle(artifacts=(), blobs=(), use_by=None).dump())),
    "receipt": lambda: _ledger(_receipt),
    "ledger-row": _ledger_rows,
    "ledger-export": lambda: _ledger(_export),
    "ledger": lambda: _ledger(lambda ledger: (ledger.path.read_bytes(),)),
}
