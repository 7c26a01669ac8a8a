"""A signed image whose certificates name real endpoints on loopback, and a fetch of what they give.

with site() as here:
    here.serve()
    outcome = here.fetch()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airgap.collection.coverage import CertificateCoverage, FetchOutcome
from airgap.net.evidence import EvidenceClient, EvidenceOptions
from airgap.net.options import TransportOptions
from airgap.stages.fetch import FetchRequest, fetch
from airgap.trust.directory import TrustDirectory
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.endpoints import Endpoints
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import Scene, Written

DAY = timedelta(days=1)


def asking(**options: Any) -> EvidenceOptions:
    """No waiting, no proxy."""
    return EvidenceOptions(transport=TransportOptions(retries=0, sleep=lambda _: None, proxies={}), **options)


def client(**options: Any) -> EvidenceClient:
    """The same, connected."""
    return EvidenceClient(asking(**options))


@dataclass
class Site:
    """The endpoints, the image in its layout, and its trust directory."""

    web: Endpoints
    folder: Path
    at: datetime = AT
    scene: Scene = field(init=False)
    written: Written = field(init=False)

    def sign(self, *, timestamp: bool = False, archive: bool = False, **leaf: Any) -> Issued:
        """A chain whose certificates name `/leaf.crl` and `/ca.crl`, or what `leaf` says for the leaf."""
        self.scene = Scene(at=self.at, archive=archive)
        roles: dict[str, Any] = {"leaf": leaf or {"crl_urls": [self.web.url("/leaf.crl")]}}
        roles["intermediate"] = {"crl_urls": [self.web.url("/ca.crl")]}
        self.scene.sign_with(Pki().code_chain(**roles))
        if timestamp:
            tsa = Pki().tsa_chain(
                tsa={"crl_urls": [self.web.url("/tsa.crl")]}, intermediate={"crl_urls": [self.web.url("/tsa-ca.crl")]}
            )
            self.scene.timestamp(tsa, gen_time=AT)
            self.tsa = tsa
        self.written = self.scene.write(self.folder)
        return self.leaf

    @property
    def leaf(self) -> Issued:
        return self.scene.signature.leaf

    @property
    def ca(self) -> Issued:
        return self.leaf.chain[1]

    @property
    def trust(self) -> Path:
        return self.written.trust

    def crl(self, issuer: Issued, **changes: Any) -> bytes:
        """A CRL of now."""
        dates = {"this_update": self.at - DAY, "next_update": self.at + 9 * DAY}
        return crl(issuer, **{**dates, **changes})

    def serve(self) -> None:
        """Good CRLs at every endpoint."""
        pairs = [("/leaf.crl", self.ca), ("/ca.crl", self.leaf.root)]
        if self.scene.signature.token is not None:
            pairs += [("/tsa.crl", self.tsa.chain[1]), ("/tsa-ca.crl", self.tsa.root)]
        for path, issuer in pairs:
            self.web.put(path, self.crl(issuer))

    def fetch(self, *, ask: dict[str, Any] | None = None, **request: Any) -> FetchOutcome:
        """Into the trust directory, unless the request says otherwise."""
        wanted: dict[str, Any] = {"targets": [self.written.target], "at": self.at, "directory": self.trust, **request}
        return fetch(FetchRequest(**wanted), trust=TrustDirectory.open(self.trust), evidence=asking(**(ask or {})))

    def verify(self, *more: str, target: str | None = None) -> Ran:
        """In this process, for the moment of the site."""
        arguments = self.written.arguments(*more)
        if target is not None:
            arguments[1] = target
        return run_here(arguments)


@contextmanager
def site(folder: Path, at: datetime = AT) -> Iterator[Site]:
    """A site with running endpoints."""
    with Endpoints() as web:
        yield Site(web, folder, at)


def about(outcome: FetchOutcome, name: str) -> CertificateCoverage:
    """The coverage of the certificate whose subject begins with this common name."""
    return next(item for item in outcome.certificates if item.subject.startswith(f"CN={name}"))
