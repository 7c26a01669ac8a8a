"""Choosing the evidence that goes into the box with one artifact: what answers for its certificates, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airgap.collection.chains import Asked
from airgap.errors import FormatError, Undecided
from airgap.oci.descriptor import Descriptor
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.crl import Crl
from airgap.revocation.artifact import EvidenceArtifact, pack
from airgap.revocation.kept import CrlFacts
from airgap.revocation.pool import CrlFile, Evidence


def pack_evidence(subject: Descriptor, asked: Iterable[Asked], evidence: Evidence) -> EvidenceArtifact | None:
    """The artifact about `subject`; None where there is no evidence for any of its certificates.

    All generations that are at hand go along: the newest answers for today, older ones for certificates that have
    expired since. Only what the issuers signed is taken, as far as their certificates are at hand.
    """
    crls: dict[str, bytes] = {}
    ocsp: dict[str, bytes] = {}
    index: dict[str, dict[str, None]] = {}
    for item in asked:
        if item.issuer is not None:
            ocsp |= dict(_responses(item.certificate, item.issuer, evidence))
        for point in item.certificate.distribution_points:
            for place, crl in _crls(item, point, evidence):
                name = CrlFacts.of("", crl).file_name
                crls[name] = crl.der
                for url in place.uris:
                    index.setdefault(url, {})[name] = None
    if not crls and not ocsp:
        return None
    return pack(subject, crls=crls, ocsp=ocsp, crl_index={url: sorted(names) for url, names in index.items()})


def _crls(asked: Asked, point: DistributionPoint, evidence: Evidence) -> Iterator[tuple[DistributionPoint, Crl]]:
    deltas: dict[DistributionPoint, None] = {}
    issuer = asked.certificate.issuer
    for file in evidence.crls(issuer, point):
        crl = _proven(file, asked.issuer)
        if crl is not None:
            yield point, crl
            deltas |= dict.fromkeys(crl.freshest)
    for freshest in deltas:
        for file in evidence.crls(issuer, freshest):
            crl = _proven(file, asked.issuer) if file.is_delta else None
            if crl is not None:
                yield freshest, crl


def _proven(file: CrlFile, issuer: Certificate | None) -> Crl | None:
    """The CRL, if `issuer` signed it; where that certificate is not at hand, the CRL that names it."""
    try:
        crl = file.load()
        if issuer is not None:
            crl.verify_signed_by(issuer)
    except (FormatError, Undecided):
        return None
    return crl


def _responses(certificate: Certificate, issuer: Certificate, evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    for file in evidence.ocsp(certificate, issuer):
        try:
            response = file.load()
            single = response.find(certificate, issuer)
            if single is None:
                continue
            response.verify_signed_for(issuer, at=single.this_update)
        except (FormatError, Undecided):
            continue
        yield f"{response.fingerprint[:24]}.ors", response.der
