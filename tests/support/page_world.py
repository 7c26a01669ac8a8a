"""The world in which a page is played: hosts with registries, a publisher whose CRLs can be fetched, a trust directory.

    with World(folder, clock=NOON) as world:
        world.push("registry.example", "team/web", "v1")
        world.write_trust("etc/airgap")

Everything is below `folder`; `folder`/work is where the commands run, and `folder`/home is HOME. The hosts are reached
by their names, over TLS, through the proxy of the world.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cryptography.hazmat.primitives import serialization

from airgap.oci.descriptor import REF_NAME, Descriptor, Platform
from airgap.oci.digest import Digest
from tests.support import names
from tests.support.crls import crl
from tests.support.endpoints import Endpoints
from tests.support.keyring import pem
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Issued, Pki
from tests.support.proxy import LoopbackProxy
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Signature
from tests.support.tls import make_tls_files
from tests.support.trust import oci_policy, statement, write_trust
from tests.support.tsa_server import LoopbackTsa

REGISTRIES: Final = (
    "registry.example",
    "mirror.example",
    "other.example",
    "registry.site",
    "registry.site.local",
    "registry.site.example",
)
LIFE: Final = timedelta(days=40)
"""How long the CRLs are good."""


class World:
    """Hosts and folders."""

    def __init__(self, folder: Path, clock: datetime) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.clock = clock
        self.publisher = Pki().code_chain(
            leaf={"crl_urls": ["http://crl.example/leaf.crl"], "subject": names.parse("C=US,ST=WA,O=Acme,CN=builder")},
            intermediate={"crl_urls": ["http://crl.example/ca.crl"]},
        )
        self.authority = Pki().tsa_chain(
            tsa={"crl_urls": ["http://crl.example/tsa.crl"]},
            intermediate={"crl_urls": ["http://crl.example/tsa-ca.crl"]},
        )
        for path in ("work", "home", "media/stick", "var/log/airgap", "var/lib/airgap", "srv", "run/secrets"):
            (folder / path).mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        tls = make_tls_files(self.folder, names=REGISTRIES)
        start = self._stack.enter_context
        self.registries = {name: start(LoopbackRegistry(tls=tls.server_context())) for name in REGISTRIES}
        self.web = start(Endpoints())
        self.tsa = start(LoopbackTsa(self.authority))
        self.tsa.gen_time = self.clock
        routes = {name: registry.host for name, registry in self.registries.items()}
        self.proxy = start(LoopbackProxy({**routes, "crl.example": self.web.host, "tsa.example": self.tsa.host}))
        self.authorities = tls.authority
        for name, data in self.crls().items():
            self.web.put(f"/{name}", data)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def environment(self, tools: Path) -> dict[str, str]:
        """Of the shell. Nothing of the machine's own is in it but the programs."""
        return {
            **self.proxy.environment,
            "SSL_CERT_FILE": str(self.authorities),
            "PATH": f"{tools}:{self.folder}/programs:/usr/bin:/bin",
            "HOME": str(self.folder / "home"),
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PLAYED_CLOCK": self.clock.isoformat(),
        }

    def crls(self, **changes: Any) -> dict[str, bytes]:
        """A CRL of every issuer, by file name."""
        issuers = {
            "leaf.crl": self.publisher.chain[1],
            "ca.crl": self.publisher.root,
            "tsa.crl": self.authority.chain[1],
            "tsa-ca.crl": self.authority.root,
        }
        dates = {"this_update": self.clock - timedelta(days=1), "next_update": self.clock + LIFE}
        return {name: crl(issuer, **{**dates, **changes}) for name, issuer in issuers.items()}

    def write_trust(self, path: str, *, evidence: bool = True, **members: Any) -> Path:
        """A trust directory that trusts the publisher for everything; with a current CRL of each issuer."""
        crls = self.crls() if evidence else {}
        stores = {"ca:acme": [self.publisher.root], "tsa:acme": [self.authority.root]}
        policy = oci_policy(statement(name="acme", trustStores=["ca:acme"]))
        index = {f"http://crl.example/{name}": name for name in crls}
        chosen = {"policy": policy, "stores": stores, "crls": crls, "crl_index": index, **members}
        return write_trust(self.folder / path, **chosen)

    def push(self, host: str, repository: str, *tags: str, index: bool = False, signed: bool = True) -> str:
        """An image with a signature of the publisher; its digest. Each has layers of its own."""
        builder = LayoutBuilder()
        word = f"{repository}:{tags[0]}"
        image = (
            builder.add_index(*(_image(builder, word, name) for name in ("amd64", "arm64")))
            if index
            else _image(builder, word, "amd64")
        )
        if signed:
            Signature("jws", self.publisher).attach(builder, image)
        registry = self.registries[host]
        for data in builder.blobs.values():
            if data.startswith(b"{") and "mediaType" in json.loads(data):
                registry.put_manifest(repository, data)
            else:
                registry.put_blob(repository, data)
        for tag in tags:
            registry.repositories[repository].tags[tag] = str(image.digest)
        return str(image.digest)

    def write_layout(self, path: str, signers: Mapping[str, Issued]) -> Path:
        """A tar with an image for each reference, with a signature of its signer."""
        builder = LayoutBuilder()
        for name, signer in signers.items():
            image = _image(builder, name, "amd64")
            builder.list(image, **{REF_NAME: name})
            Signature("jws", signer).attach(builder, image)
        return builder.write_tar(self.folder / path)

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        """A file below the folder of the world."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        return file

    def write_program(self, name: str, script: str) -> None:
        """A program of another machine or maker, in place of which the shell runs these lines."""
        self.write(f"programs/{name}", f"#!/bin/sh\n{script}\n", 0o755)

    def write_key(self, key: str, chain: str, leaf: Issued | None = None, *, word: str | None = None) -> None:
        """A private key, encrypted where there is a word, and its chain as files."""
        issued = leaf or self.publisher
        text = pem(issued.key)
        if word is not None:
            sealed = serialization.BestAvailableEncryption(word.encode())
            text = issued.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
        self.write(key, text, 0o600)
        self.write(chain, b"".join(item.pem for item in issued.chain))


def _image(builder: LayoutBuilder, word: str, architecture: str) -> Descriptor:
    layers = [f"{word} {architecture} layer {number}\n".encode() * 8 for number in range(2)]
    digests = [str(Digest.of(layer)) for layer in layers]
    config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}}
    platform = Platform(architecture=architecture, os="linux")
    return builder.add_image(*layers, config=json.dumps(config).encode(), platform=platform)
