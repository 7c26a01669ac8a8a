"""Beyond the negative cases: documents, certificates, evidence and layouts that are made to attack.

Ids name the rule of the requirements or of the design that each breaks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from airgap import limits
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.reasons import ExitCode
from tests.support import asn1
from tests.support.case import BOTH, Case
from tests.support.envelopes import EXPIRY, SCHEME, SIGNING_TIME, b64, epoch
from tests.support.extensions import Extension
from tests.support.layouts import END, LayoutBuilder, tar_member, tar_of
from tests.support.pki import Issued, Pki
from tests.support.scenario import Scene, Written, bare
from tests.support.tsa import MESSAGE_DIGEST, TST_INFO, attribute, token

Disk = Callable[[Written], None]


def _chain(identifier: str, **deviations: Any) -> Case:
    """A certificate that cannot be parsed; in JWS and COSE alike."""

    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(**deviations))

    return Case(identifier, change, "chain.malformed", forms=BOTH, fatal=True)


def _carried(identifier: str, spoil: Callable[[bytes], bytes]) -> Case:
    """The leaf's bytes are spoilt inside the envelope."""

    def change(scene: Scene) -> None:
        leaf, *issuers = [item.der for item in scene.signature.leaf.chain]
        chain = [spoil(leaf), *issuers]
        if scene.form == "jws":
            scene.signature.options["header"] = {"x5c": [b64(item) for item in chain]}
        else:
            scene.signature.options["unprotected"] = {33: chain}

    return Case(identifier, change, "chain.malformed", forms=BOTH, fatal=True)


def _options(identifier: str, form: str, reason: str, **options: Any) -> Case:
    return Case(identifier, lambda scene: scene.signature.options.update(options), reason, forms=(form,), fatal=True)


def _token(
    identifier: str, reason: str, make: Callable[[Issued, bytes], bytes], also: tuple[tuple[str, str], ...] = ()
) -> Case:
    def change(scene: Scene) -> None:
        tsa = scene.timestamp()
        scene.signature.token = lambda value: make(tsa, value)

    return Case(identifier, change, reason, check="authenticTimestamp", forms=BOTH, also=also)


def _trust(identifier: str, reason: str, name: str, data: bytes) -> Case:
    """A file of the trust directory."""

    def change(scene: Scene) -> None:
        def act(written: Written) -> None:
            path = written.trust / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)

        scene.afterwards.append(act)

    return Case(identifier, change, reason, check="run")


def _disk(identifier: str, reason: str, act: Disk, check: str = "content", **more: Any) -> Case:
    return Case(identifier, lambda scene: scene.afterwards.append(act), reason, check=check, **more)


def _target(identifier: str, reason: str, make: Callable[[LayoutBuilder], Descriptor], check: str = "content") -> Case:
    """Another artifact, rightly signed: what is wrong with it is wrong for everybody."""

    def change(scene: Scene) -> None:
        scene.target = make(scene.builder)

    return Case(identifier, change, reason, check=check)


def _archive(identifier: str, reason: str, make: Callable[[dict[str, bytes]], bytes], code: int | None = None) -> Case:
    """A tar that is no layout."""

    def change(scene: Scene) -> None:
        def act(written: Written) -> None:
            written.layout.with_suffix(".tar").write_bytes(make(scene.builder.files()))

        scene.afterwards.append(act)
        scene.refer = lambda written: f"oci-archive:{written.layout.with_suffix('.tar')}@{written.digest}"

    return Case(identifier, change, reason, check="run", code=code)


# --- certificates and tokens ---


def _no_signers(tsa: Issued, value: bytes) -> bytes:
    return token(tsa, value, signers=[])


def _attribute_twice(tsa: Issued, value: bytes) -> bytes:
    again = attribute(MESSAGE_DIGEST, asn1.octet_string(bytes(32)))
    return token(tsa, value, extra_attributes=[again])


def _many_certificates(tsa: Issued, value: bytes) -> bytes:
    return token(tsa, value, embed=[*tsa.chain] * (limits.TOKEN_CERTIFICATES // 2))


def _large(tsa: Issued, value: bytes) -> bytes:
    return token(tsa, value) + bytes(limits.TOKEN_BYTES)


def _other_signer_first(tsa: Issued, value: bytes) -> bytes:
    """A token whose only signer is the code-signing leaf."""
    return token(Pki().code_chain(), value)


# --- layouts ---


def _layer_path(written: Written) -> Path:
    blobs = written.layout / "blobs" / "sha256"
    manifest = json.loads((blobs / written.digest.partition(":")[2]).read_bytes())
    digest: str = manifest["layers"][0]["digest"]
    return blobs / digest.partition(":")[2]


def _layer_is_a_directory(written: Written) -> None:
    path = _layer_path(written)
    path.unlink()
    path.mkdir()


def _layer_is_a_pipe(written: Written) -> None:
    """Opening it would wait for ever."""
    path = _layer_path(written)
    path.unlink()
    os.mkfifo(path)


def _index(edit: Callable[[dict[str, Any]], None]) -> Disk:
    def act(written: Written) -> None:
        path = written.layout / "index.json"
        document = json.loads(path.read_bytes())
        edit(document)
        path.write_bytes(json.dumps(document).encode())

    return act


def _index_bytes(change: Callable[[bytes], bytes]) -> Disk:
    def act(written: Written) -> None:
        path = written.layout / "index.json"
        path.write_bytes(change(path.read_bytes()))

    return act


def _nested(builder: LayoutBuilder) -> Descriptor:
    """Indexes in indexes, one more than is followed."""
    inner = builder.add_image(b"deep")
    for _ in range(limits.GRAPH_DEPTH + 2):
        inner = builder.add_index(inner)
    return inner


def _two_readings(builder: LayoutBuilder) -> Descriptor:
    """CVE-2021-41190: a document that is a manifest and an index."""
    return builder.add_image(b"a", manifests=[])


def _other_type_inside(builder: LayoutBuilder) -> Descriptor:
    image = builder.add_image(b"a")
    return builder.add_manifest(builder.blobs[image.digest], IMAGE_INDEX)


def _child_with(**changes: Any) -> Callable[[LayoutBuilder], Descriptor]:
    """An index with one wrong descriptor of a child."""

    def make(builder: LayoutBuilder) -> Descriptor:
        child = {**bare(builder.add_image(b"a")), **changes}
        return builder.add_manifest({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [child]}, IMAGE_INDEX)

    return make


def _layer_with(**changes: Any) -> Callable[[LayoutBuilder], Descriptor]:
    """An image with one wrong descriptor of a layer."""

    def make(builder: LayoutBuilder) -> Descriptor:
        layer = {**bare(builder.add_blob(b"a layer")), **changes}
        return builder.add_image(b"a", layers=[layer])

    return make


def _member(name: str, kind: bytes = b"0", link: str = "") -> Callable[[dict[str, bytes]], bytes]:
    """A good layout tar with one member more."""

    def make(files: dict[str, bytes]) -> bytes:
        whole = tar_of(files)
        return whole[: -len(END)] + tar_member(name, b"", kind=kind, link=link) + END

    return make


def _gzip(files: dict[str, bytes]) -> bytes:
    import gzip

    return gzip.compress(tar_of(files))


def _docker_save(files: dict[str, bytes]) -> bytes:
    return tar_of({"manifest.json": b"[]", "repositories": b"{}", "0/layer.tar": b""})


_SERIAL: Final = {"serial": -5}
_KEY_USAGE_TWICE: Final = Extension("2.5.29.15", asn1.named_bits({0}), critical=True)

CASES: Final = (
    _chain("CHAIN-20-negative-serial", leaf=_SERIAL),
    _chain("CHAIN-20-extension-twice", leaf={"extra": [_KEY_USAGE_TWICE]}),
    _chain("CHAIN-20-extension-twice-in-root", root={"extra": [_KEY_USAGE_TWICE]}),
    _chain("CHAIN-20-algorithms-differ", leaf={"outer_hash_name": "sha384"}),
    _carried("CHAIN-20-trailing-byte", lambda der: der + b"\0"),
    _carried("CHAIN-20-cut", lambda der: der[:-1]),
    _carried("CHAIN-20-garbage", lambda _: b"no certificate"),
    _carried("CHAIN-20-empty", lambda _: b""),
    _options("JWS-16-year-1", "jws", "envelope.time",
             protected={EXPIRY: "0001-01-01T00:00:00Z", "crit": [SCHEME, EXPIRY]}),
    _options("COSE-11-crit-lists-bytes", "cose", "envelope.", protected={2: [SCHEME, b"x"]}),
    _options("COSE-15-time-beyond-all-calendars", "cose", "envelope.time", protected={SIGNING_TIME: epoch(1 << 62)}),
    _options("JWS-23-crit-lists-number", "jws", "envelope.critical", protected={"crit": [SCHEME, 1]}),
    _options("JWS-3-deep-header", "jws", "envelope.malformed",
             protected_raw=b'{"alg":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    _options("COSE-3-deep-header", "cose", "envelope.malformed", unprotected_raw=b"\x81" * 5000 + b"\xa0"),
    _options("COSE-3-length-beyond-end", "cose", "envelope.malformed", unprotected_raw=b"\xbb" + b"\xff" * 8),
    _token("TS-19-no-signer", "timestamp.", _no_signers),
    _token("TS-19-attribute-twice", "timestamp.", _attribute_twice),
    _token("LIMIT-token-certificates", "timestamp.malformed", _many_certificates),
    # it may hold evidence against the signer, too
    _token("LIMIT-token-bytes", "timestamp.malformed", _large, also=(("revocation", "evidence.unread"),)),
    _token("TS-22-signer-is-no-authority", "timestamp.", _other_signer_first),
    _token("TS-10-certificate-as-token", "timestamp.malformed", lambda tsa, _: tsa.der),
    _token("TS-17-type-only", "timestamp.malformed", lambda _tsa, _: asn1.sequence(asn1.oid(TST_INFO))),
    _trust("DESIGN-4-crl-index-no-json", "evidence.malformed", "crls/index.json", b"{"),
    _trust("DESIGN-4-crl-index-list", "evidence.malformed", "crls/index.json", b"[]"),
    _trust("DESIGN-4-crl-index-leads-outside", "evidence.malformed", "crls/index.json",
           b'{"http://crl.example/0.crl":"../trustpolicy.oci.json"}'),
    _trust("DESIGN-4-crl-index-absolute", "evidence.malformed", "crls/index.json",
           b'{"http://crl.example/0.crl":"/etc/passwd"}'),
    _trust("DESIGN-4-crl-index-duplicate", "evidence.malformed", "crls/index.json", b'{"a":"x.crl","a":"y.crl"}'),
    _trust("DESIGN-4-ocsp-index-no-json", "evidence.malformed", "ocsp/index.json", b"[1]"),
    _trust("DESIGN-9-freshness-no-toml", "evidence.malformed", "airgap.toml", b"crl ="),
    _trust("DESIGN-9-freshness-unknown-member", "evidence.malformed", "airgap.toml", b"[freshness]\ncolour = '7d'\n"),
    _disk("LAYOUT-3-layer-is-a-directory", "content.", _layer_is_a_directory),
    _disk("LAYOUT-3-layer-is-a-pipe", "content.", _layer_is_a_pipe),
    _disk("LAYOUT-2-schema-version-1", "layout.malformed",
          _index(lambda document: document.update(schemaVersion=1)), "run"),
    _disk("LAYOUT-2-no-manifests", "layout.malformed", _index(lambda document: document.pop("manifests")), "run"),
    _disk("LAYOUT-2-of-another-type", "layout.malformed",
          _index(lambda document: document.update(mediaType="application/json")), "run"),
    _disk("LAYOUT-11-duplicate-member", "layout.malformed",
          _index_bytes(lambda raw: raw.replace(b"{", b'{"schemaVersion":2,', 1)), "run"),
    _disk("LAYOUT-11-not-utf-8", "layout.malformed", _index_bytes(lambda raw: raw + b"\xff"), "run"),
    _disk("LAYOUT-11-deep", "layout.malformed", _index_bytes(lambda _: b"[" * 100_000), "run"),
    _target("LIMIT-graph-depth", "content.limit", _nested),
    _target("CVE-2021-41190-two-readings", "content.malformed", _two_readings),
    _target("CVE-2021-41190-another-type-inside", "content.malformed", _other_type_inside),
    _target("LAYOUT-3-child-missing", "content.missing", _child_with(digest="sha256:" + "0" * 64)),
    _target("LAYOUT-5-child-of-another-size", "content.size", _child_with(size=1)),
    _target("LAYOUT-5-child-of-negative-size", "content.malformed", _child_with(size=-1)),
    _target("LAYOUT-4-child-digest-leads-outside", "content.malformed",
            _child_with(digest="sha256:../../../trust/trustpolicy.oci.json")),
    _target("LAYOUT-4-child-digest-upper-case", "content.malformed", _child_with(digest="sha256:" + "A" * 64)),
    _target("LAYOUT-4-layer-digest-of-unknown-kind", "content.algorithm", _layer_with(digest="blake3:" + "0" * 64)),
    _target("LAYOUT-5-layer-of-another-size", "content.size", _layer_with(size=8)),
    _target("LAYOUT-5-layer-with-other-data", "content.data", _layer_with(data="b3RoZXI=")),
    _archive("LAYOUT-9-member-leads-outside", "layout.malformed", _member("../outside")),
    _archive("LAYOUT-9-absolute-member", "layout.malformed", _member("/outside")),
    _archive("LAYOUT-9-link", "layout.malformed", _member("blobs/sha256/link", b"2", "../../index.json")),
    _archive("LAYOUT-9-hard-link", "layout.malformed", _member("blobs/sha256/" + "0" * 64, b"1", "index.json")),
    _archive("LAYOUT-9-member-twice", "layout.malformed", _member("index.json")),
    _archive("LAYOUT-9-cut", "layout.malformed", lambda files: tar_of(files)[:-2048]),
    _archive("LAYOUT-9-compressed", "layout.malformed", _gzip),
    _archive("LAYOUT-9-docker-save", "layout.malformed", _docker_save),
    _archive("LAYOUT-9-empty", "layout.malformed", lambda _: b""),
    _archive("LAYOUT-9-garbage", "layout.malformed", lambda _: b"no tar at all" * 100),
    Case("DESIGN-5-no-such-path", lambda scene: setattr(scene, "refer", lambda _: "oci:nowhere/at/all:v1"), "",
         check="run", code=ExitCode.NOT_FOUND),
    Case("DESIGN-5-registry-named", lambda scene: setattr(scene, "refer", lambda _: "registry.example/a:v1"), "",
         check="run", code=ExitCode.USAGE),
)  # fmt: skip
