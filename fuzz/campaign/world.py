"""One public key infrastructure that several cases share, so that what is spliced between them is genuine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from tests.support import names
from tests.support.crls import crl
from tests.support.keyring import generate
from tests.support.pki import AT, Issued, issue
from tests.support.scenario import SIGNING_CRL, TSA_CRL

OCSP_URL: Final = "http://ocsp.example/"


@dataclass(frozen=True, slots=True)
class World:
    """A signing CA and a timestamping authority, each a root with an intermediate; each with a key of its own."""

    name: str
    root: Issued = field(init=False)
    issuer: Issued = field(init=False)
    tsa_root: Issued = field(init=False)
    tsa_issuer: Issued = field(init=False)
    tsa: Issued = field(init=False)

    def __post_init__(self) -> None:
        def set_to(member: str, value: Issued) -> None:
            object.__setattr__(self, member, value)

        set_to("root", issue("root", subject=self._subject("Root"), key=generate("p256")))
        set_to("issuer", self._intermediate("Issuer", self.root, SIGNING_CRL))
        set_to("tsa_root", issue("root", subject=self._subject("TSA Root"), key=generate("p256")))
        set_to("tsa_issuer", self._intermediate("TSA Issuer", self.tsa_root, TSA_CRL))
        set_to("tsa", self.stamper())

    def _subject(self, role: str) -> bytes:
        return names.harbour(f"{self.name} {role}")

    def _intermediate(self, role: str, parent: Issued, pattern: str) -> Issued:
        subject = self._subject(role)
        return issue("intermediate", issuer=parent, subject=subject, key=generate("p256"), crl_urls=[pattern.format(1)])

    def other_issuer(self) -> Issued:
        """Another intermediate of the same root, which a case revokes."""
        return self._intermediate("Other Issuer", self.root, SIGNING_CRL)

    def leaf(self, role: str = "builder", **deviations: Any) -> Issued:
        """A signing certificate, which names the CRL of its issuer by default."""
        members: dict[str, Any] = {
            "issuer": self.issuer,
            "key": generate("p256"),
            "crl_urls": [SIGNING_CRL.format(0)],
            **deviations,
        }
        return issue("leaf", subject=self._subject(role), **members)

    def stamper(self, role: str = "TSA") -> Issued:
        """A timestamping certificate."""
        return issue(
            "tsa",
            issuer=self.tsa_issuer,
            subject=self._subject(role),
            key=generate("p256"),
            crl_urls=[TSA_CRL.format(0)],
        )

    def delegate(self, **deviations: Any) -> Issued:
        """A certificate that answers OCSP for the issuer."""
        return issue("ocsp", issuer=self.issuer, subject=self._subject("OCSP"), key=generate("p256"), **deviations)

    def crls(self) -> dict[str, bytes]:
        """A clean CRL of every issuer, by URL."""
        return {
            SIGNING_CRL.format(0): crl(self.issuer, number=10),
            SIGNING_CRL.format(1): crl(self.root, number=10),
            TSA_CRL.format(0): crl(self.tsa_issuer, number=10),
            TSA_CRL.format(1): crl(self.tsa_root, number=10),
        }

    def clean(self) -> list[bytes]:
        """Genuine CRLs without entries, older and newer than all others, which an attacker would like to be used."""
        dates = (AT - timedelta(days=20), AT - timedelta(hours=2), AT - timedelta(minutes=1))
        issuers = (self.issuer, self.root, self.tsa_issuer)
        return [
            crl(issuer, number=number, this_update=made)
            for issuer in issuers
            for number, made in zip((2, 90, 99), dates, strict=True)
        ]
