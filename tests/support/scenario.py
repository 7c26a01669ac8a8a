"""A signed image in a layout and the trust directory that accepts it; each change makes one deviation.

    scene = Scene()                                   # accepted: exit 0
    scene.signature.options["protected"] = {"alg": "none"}
    written = scene.write(tmp_path)
    run_here(written.arguments())                     # exit 12, envelope.algorithm

Everything is judged for the moment `scene.at`, so that it holds whatever the clock says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor, Platform
from airgap.parse.time import iso
from tests.support import envelopes
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Issued, Pki, raw_signature
from tests.support.trust import REPOSITORY, oci_policy, statement, write_trust
from tests.support.tsa import token

NOTARY: Final = "application/vnd.cncf.notary.signature"
THUMBPRINTS: Final = "io.cncf.notary.x509chain.thumbprint#S256"
CREATED: Final = "org.opencontainers.image.created"
MEDIA_TYPES: Final = {"jws": envelopes.JWS, "cose": envelopes.COSE}
SIGNING_CRL: Final = "http://crl.example/signing-{}.crl"
TSA_CRL: Final = "http://crl.example/tsa-{}.crl"


@dataclass(slots=True)
class Signature:
    """How one signature is made."""

    form: str
    leaf: Issued
    chain: Sequence[Issued] | None = None
    """What the envelope carries instead of the leaf's own chain."""
    scheme: str = envelopes.X509
    expiry: datetime | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """Deviations for the forger: see tests.support.envelopes."""
    target: dict[str, Any] = field(default_factory=dict)
    """Changes to the signed descriptor."""
    payload: bytes | None = None
    """Instead of the payload that names the image."""
    token: Callable[[bytes], bytes] | None = None
    """From the signature value to a timestamp token."""
    edit: Callable[[bytes], bytes] | None = None
    """Changes the finished envelope."""
    layer_type: str | None = None
    """Another media type for the envelope than its own."""
    manifest: dict[str, Any] = field(default_factory=dict)
    """Changes to the signature manifest; REMOVED takes a member out."""

    def envelope(self, target: Descriptor) -> bytes:
        """The envelope about `target`."""
        signed = envelopes.changed(bare(target), self.target)
        payload = json.dumps({"targetArtifact": signed}).encode() if self.payload is None else self.payload
        options: dict[str, Any] = {"scheme": self.scheme, "expiry": self.expiry, "payload": payload, **self.options}
        options.setdefault("sign", self._signer())
        if self.chain is not None:
            self._unsigned(options, {"x5c": [envelopes.b64(item.der) for item in self.chain]},
                           {33: [item.der for item in self.chain]})  # fmt: skip
        if self.token is not None:
            value = self._signature_value(options)
            stamp = self.token(value)
            self._unsigned(options, {envelopes.TIMESTAMP: envelopes.b64(stamp)}, {envelopes.TIMESTAMP: stamp})
            options["sign"] = lambda _: value
        made = self._forge(options)
        return made if self.edit is None else self.edit(made)

    def _forge(self, options: Mapping[str, Any]) -> bytes:
        return (envelopes.jws if self.form == "jws" else envelopes.cose)(self.leaf, **options)

    def _signer(self) -> Callable[[bytes], bytes]:
        key = self.leaf.key
        if hasattr(key, "curve") or hasattr(key, "decrypt"):
            return envelopes.signer(key)
        return lambda message: raw_signature(key, message)

    def _signature_value(self, options: Mapping[str, Any]) -> bytes:
        """ECDSA and PSS differ each time, so the value that the token is about is caught on its way."""
        caught: list[bytes] = []

        def catch(message: bytes) -> bytes:
            caught.append(options["sign"](message))
            return caught[0]

        self._forge({**options, "sign": catch})
        return caught[0]

    def _unsigned(self, options: dict[str, Any], header: Mapping[str, Any], unprotected: Mapping[Any, Any]) -> None:
        """Defaults of the unsigned header; what a case asks for wins."""
        name = "header" if self.form == "jws" else "unprotected"
        members = header if self.form == "jws" else unprotected
        options[name] = {**members, **options.get(name, {})}

    def attach(self, builder: LayoutBuilder, target: Descriptor, *, listed: bool = True) -> Descriptor:
        """Put the envelope and its manifest into the layout; the manifest's descriptor."""
        envelope = builder.add_blob(self.envelope(target), self.layer_type or MEDIA_TYPES[self.form])
        thumbprints = json.dumps([item.fingerprint for item in self.chain or self.leaf.chain])
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": NOTARY,
            "config": bare(builder.add_blob(b"{}", EMPTY)),
            "layers": [bare(envelope)],
            "subject": bare(target),
            "annotations": {THUMBPRINTS: thumbprints, CREATED: iso(envelopes.SIGNED_AT)},
        }
        descriptor = builder.add_manifest(envelopes.changed(document, self.manifest), artifact_type=NOTARY)
        if listed:
            builder.list(descriptor)
        return descriptor


@dataclass(frozen=True, slots=True)
class Written:
    """A scene on disk."""

    layout: Path
    trust: Path
    digest: str
    at: datetime
    scope: str | None
    options: Sequence[str] = ()
    archive: bool = False
    refer: Callable[[Written], str] | None = None

    @property
    def target(self) -> str:
        """The reference to the image."""
        if self.refer:
            return self.refer(self)
        return f"{'oci-archive' if self.archive else 'oci'}:{self.layout}@{self.digest}"

    def arguments(self, *more: str) -> list[str]:
        """`verify` and what follows it."""
        scope = [] if self.scope is None else ["--scope", self.scope]
        trust = ["--trust", str(self.trust), "--at", iso(self.at)]
        return ["verify", self.target, *trust, *scope, *self.options, *more, "--format", "json"]


@dataclass(slots=True)
class Scene:
    """A signed image, accepted under strict, and every handle to spoil it by.

    `index` makes a two-platform index of it; `archive` a tar instead of a directory.
    """

    form: str = "jws"
    at: datetime = AT
    scope: str | None = REPOSITORY
    index: bool = False
    archive: bool = False
    signatures: list[Signature] = field(default_factory=list)
    policy: Mapping[str, Any] | bytes | None = None
    level: str | None = None
    stores: Mapping[str, Any] = field(default_factory=dict)
    crls: dict[str, bytes] = field(default_factory=dict)
    crl_index: Mapping[str, str] | bytes | None = None
    ocsp: Mapping[str, bytes] | None = None
    freshness: str | None = None
    options: list[str] = field(default_factory=list)
    """Further options of the command."""
    refer: Callable[[Written], str] | None = None
    """Makes another reference than the image's digest."""
    builder: LayoutBuilder = field(default_factory=LayoutBuilder)
    target: Descriptor = field(init=False)
    packing: list[Callable[[LayoutBuilder, Descriptor], None]] = field(default_factory=list)
    """Run on the finished layout and the image's descriptor, before anything is written."""
    afterwards: list[Callable[[Written], None]] = field(default_factory=list)
    """Run on what is on disk."""

    def __post_init__(self) -> None:
        self.target = add_index(self.builder, "amd64", "arm64") if self.index else add_image(self.builder)
        if not self.signatures:
            self.signatures = [Signature(self.form, _default_leaf())]
        if not self.stores:
            self.stores = {"ca:harbour": [self.signature.leaf.root]}

    @property
    def signature(self) -> Signature:
        """The first signature."""
        return self.signatures[0]

    def sign_with(self, leaf: Issued) -> None:
        """Another signing chain, whose root is trusted."""
        self.signature.leaf = leaf
        self.stores = {**self.stores, "ca:harbour": [leaf.root]}

    def use_store(self, reference: str) -> None:
        """Trust the signing root in this store, and in no other."""
        self.stores = {reference: [self.signature.leaf.root]}
        self.policy = oci_policy(statement(trustStores=[reference], signatureVerification=self.verification))

    @property
    def verification(self) -> dict[str, Any]:
        return {"level": self.level or "strict"}

    def timestamp(self, tsa: Issued | None = None, *, verify: str = "always", **deviations: Any) -> Issued:
        """A timestamp token by `tsa`, whose root is trusted; deviations are those of tests.support.tsa."""
        authority = tsa or Pki().tsa_chain()
        self.signature.token = lambda value: token(authority, value, **deviations)
        self.stores = {**self.stores, "tsa:harbour": [authority.root]}
        verification = {**self.verification, "verifyTimestamp": verify}
        self.policy = oci_policy(
            statement(trustStores=["ca:harbour", "tsa:harbour"], signatureVerification=verification)
        )
        return authority

    def put_crls(self, by_url: Mapping[str, bytes]) -> None:
        """CRLs with the URL that each was fetched from; one for a URL that has one already replaces it."""
        index = dict(self.crl_index) if isinstance(self.crl_index, Mapping) else {}
        for url, data in by_url.items():
            name = index.setdefault(url, f"{len(self.crls)}.crl")
            self.crls[name] = data
        self.crl_index = index

    def write(self, folder: Path) -> Written:
        """Write the layout to `folder`/layout and the trust directory to `folder`/trust."""
        self.builder.tag(self.target, "v1")
        for signature in self.signatures:
            signature.attach(self.builder, self.target)
        for pack in self.packing:
            pack(self.builder, self.target)
        layout = folder / "layout"
        written = Written(
            layout=self.builder.write_tar(layout.with_suffix(".tar"))
            if self.archive
            else self.builder.write_directory(layout),
            trust=self.write_trust(folder / "trust"),
            digest=str(self.target.digest),
            at=self.at,
            scope=self.scope,
            options=tuple(self.options),
            archive=self.archive,
            refer=self.refer,
        )
        for act in self.afterwards:
            act(written)
        return written

    def write_trust(self, path: Path) -> Path:
        policy = self.policy
        if policy is None and self.level is not None:
            policy = oci_policy(statement(signatureVerification=self.verification))
        return write_trust(
            path,
            policy=policy,
            stores=self.stores,
            crls=self.crls or None,
            crl_index=self.crl_index,
            ocsp=self.ocsp,
            freshness=self.freshness,
        )


def with_everything(form: str = "jws", **members: Any) -> Scene:
    """A scene that uses every kind of evidence: timestamped, CRLs for both chains."""
    scene = Scene(form=form, **members)
    scene.sign_with(chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL))
    tsa = chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL)
    scene.timestamp(tsa)
    for leaf, pattern in ((scene.signature.leaf, SIGNING_CRL), (tsa, TSA_CRL)):
        scene.put_crls(good_crls(leaf, pattern))
    return scene


def chain_with_crls(make: Callable[..., Issued], role: str, pattern: str) -> Issued:
    """A chain of three whose leaf and intermediate name a CRL each."""
    return make(**{role: {"crl_urls": [pattern.format(0)]}, "intermediate": {"crl_urls": [pattern.format(1)]}})


def good_crls(leaf: Issued, pattern: str, **changes: Any) -> dict[str, bytes]:
    """A CRL for every certificate of the chain but the root, by URL."""
    return {pattern.format(number): crl(issuer, **changes) for number, issuer in enumerate(leaf.chain[1:])}


def add_image(builder: LayoutBuilder, architecture: str = "amd64") -> Descriptor:
    """A small image with two layers for a platform."""
    layers = [f"{architecture} layer {number}\n".encode() * 8 for number in range(2)]
    digests = [str(builder.add_blob(layer).digest) for layer in layers]
    config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}}
    return builder.add_image(
        *layers, config=json.dumps(config).encode(), platform=Platform(architecture=architecture, os="linux")
    )


def add_index(builder: LayoutBuilder, *architectures: str) -> Descriptor:
    """An image index over an image for each architecture."""
    return builder.add_index(*(add_image(builder, architecture) for architecture in architectures))


def bare(descriptor: Descriptor) -> dict[str, Any]:
    """Media type, digest and size alone."""
    return {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}


def _default_leaf() -> Issued:
    return Pki().code_chain()
