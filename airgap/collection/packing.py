"""Chooses the evidence to attach to one artifact: what the issuers of its certificates made, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from airgap.collection.chains import CertificateToCheck
from airgap.collection.evidence_writer import crl_name
from airgap.errors import FormatError, Undecided
from airgap.oci.descriptor import EMPTY_CONFIG, NO_CONFIG, TITLE, Descriptor
from airgap.oci.manifest_writer import write_manifest
from airgap.parse.json import dump
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.revocation.artifact import (
    CRL_MEDIA_TYPE,
    EVIDENCE_TYPE,
    INDEX_MEDIA_TYPE,
    OCSP_MEDIA_TYPE,
    RESPONDER_MEDIA_TYPE,
)
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_directory import CRLS, OCSP
from airgap.revocation.evidence_files import CrlFile, Evidence, OcspFile
from airgap.revocation.index import INDEX
from airgap.revocation.known_certificates import KnownCertificates
from airgap.revocation.makers import EvidenceMakers, ResponseMaker
from airgap.revocation.pool import EvidencePool
from airgap.transfer.attach import Attachment


def pack_evidence(
    subject: Descriptor,
    to_check: Collection[CertificateToCheck],
    evidence: Evidence,
    beside: EvidencePool,
    *,
    offered: Evidence,
    stored: Collection[Certificate],
    replaced: Mapping[str, str],
) -> Attachment | None:
    """The artifact about `subject`; None where there is no evidence for any of its certificates.

    All available generations, scopes and deltas are taken: the newest answers for today, older ones for
    certificates that have expired since, and any of them may prove a revocation (decision 0009). Only evidence that
    the issuers signed is taken, if their certificates are available. Without those, evidence that names them and is
    `beside` the image already is taken. Responses about delegated responders are taken, too: a revoked one clears
    nothing.

    From `offered`, which is all else that is available, comes what revokes one of the certificates, and the indirect
    CRLs of other CAs that list one: the receiving site may have these CAs in a store.

    `stored`: certificates of the trust directory, which may be those of makers. One that proves evidence here, and is
    in no response and no chain, comes along in a file of its own: the receiving site may not have it.

    All that is `beside` the image stays, except what newer evidence in this artifact replaces (`replaced`, fingerprints
    of the older and the newer). The receiving site may be able to prove what is not proven here, or need it for other
    images, also for those of other layouts.
    """
    crls: dict[str, bytes] = {}
    ocsp: dict[str, bytes] = {}
    index: dict[str, dict[str, None]] = {}
    packed: set[str] = set()
    makers = EvidenceMakers(evidence, lambda: (*stored, *offered.responders()))
    every = KnownCertificates(lambda: stored, CombinedEvidence((evidence, offered, beside)))
    to_check = [item.with_makers(every) for item in to_check]
    certificates = dict.fromkeys(beside.lone_responders())
    for item in to_check:
        known = CombinedEvidence((evidence, beside)) if item.issuer is None else evidence
        for each in (item, *item.responders(known)):
            files = (*known.ocsp(each.certificate.serial), *_revoking_responses(offered, each))
            for response in _responses(each, files, makers, certificates):
                ocsp[_name(response)] = response.response.der
                packed.add(response.fingerprint)
        for file in known.crls(item.certificate.issuer):
            if (crl := _proven(file, item, certificates)) is None:
                continue
            crls[crl_name(crl)] = crl.der
            packed.add(crl.fingerprint)
            for point in item.certificate.distribution_points if not crl.is_delta else ():
                for url in point.uris:
                    index.setdefault(url, {})[crl_name(crl)] = None
    gone = {older for older, newer in replaced.items() if newer in packed}
    stays = (file.load() for file in beside.all_crls() if file.fingerprint not in gone)
    listing = _listing(CombinedEvidence((evidence, offered)), to_check)
    for crl in (*listing, *_revoking_crls(offered, to_check, certificates), *stays):
        crls.setdefault(crl_name(crl), crl.der)
    ocsp |= {_name(file): file.response.der for file in beside.all_ocsp() if file.fingerprint not in gone}
    if not crls and not ocsp:
        return None
    return pack(
        subject,
        crls=crls,
        ocsp=ocsp,
        crl_index={url: sorted(names) for url, names in index.items()},
        responders={f"{item.fingerprint[:24]}.cer": item.der for item in certificates},
    )


def pack(
    subject: Descriptor,
    *,
    crls: Mapping[str, bytes],
    ocsp: Mapping[str, bytes],
    crl_index: Mapping[str, Sequence[str]],
    responders: Mapping[str, bytes],
) -> Attachment:
    """The artifact about `subject`: file names to content, URLs to the names of CRLs.

    `responders`: certificates of OCSP responders that are in none of the responses.
    """
    files = {f"{CRLS}/{name}": (CRL_MEDIA_TYPE, data) for name, data in crls.items()}
    files |= {f"{OCSP}/{name}": (OCSP_MEDIA_TYPE, data) for name, data in ocsp.items()}
    files |= {f"{OCSP}/{name}": (RESPONDER_MEDIA_TYPE, data) for name, data in responders.items()}
    mapped = {url: [name for name in names if name in crls] for url, names in sorted(crl_index.items())}
    if index := {url: names for url, names in mapped.items() if names}:
        files[f"{CRLS}/{INDEX}"] = (INDEX_MEDIA_TYPE, dump(index))
    layers = {
        Descriptor.of(media_type, data, annotations={TITLE: name}): data
        for name, (media_type, data) in sorted(files.items())
    }
    manifest, raw = write_manifest(EVIDENCE_TYPE, layers, subject=subject)
    return Attachment(
        subject=subject.bare, manifest=manifest, raw=raw, blobs=((EMPTY_CONFIG, NO_CONFIG), *layers.items())
    )


def count_evidence_files(packed: Attachment) -> int:
    """How many files of evidence it holds."""
    return sum(blob.media_type in {CRL_MEDIA_TYPE, OCSP_MEDIA_TYPE} for blob, _ in packed.blobs)


def _proven(file: CrlFile, item: CertificateToCheck, certificates: dict[Certificate, None]) -> Crl | None:
    """The CRL, if its issuer made it; where that has no available certificate, the CRL that names it.

    Where another certificate than one of the chain proves it, that is added to `certificates`.
    """
    try:
        crl = file.load()
        maker = crl.verify_made_by(*item.issuers) if item.issuers else None
    except (FormatError, Undecided):
        return None
    if maker and maker not in {item.issuer, *item.above}:
        certificates[maker] = None
    return crl


def _listing(evidence: Evidence, to_check: Collection[CertificateToCheck]) -> Iterator[Crl]:
    """The indirect CRLs that list one of the certificates."""
    for file in evidence.indirect():
        with suppress(FormatError):
            crl = file.load()
            if any(item.is_listed_by(crl) for item in to_check):
                yield crl


def _revoking_responses(evidence: Evidence, item: CertificateToCheck) -> Iterator[OcspFile]:
    """Those that say that it is revoked, not proven; none where its issuer is not known."""
    for file in evidence.ocsp(item.certificate.serial) if item.issuer else ():
        if any(single.status == "revoked" for single in file.response.statements(item.certificate, *item.issuers)):
            yield file


def _revoking_crls(
    evidence: Evidence, to_check: Collection[CertificateToCheck], certificates: dict[Certificate, None]
) -> Iterator[Crl]:
    """The CRLs of the issuers that list one of the certificates."""
    for item in to_check:
        for file in evidence.crls(item.certificate.issuer) if item.issuer else ():
            if (crl := _proven(file, item, certificates)) is not None and item.is_listed_by(crl):
                yield crl


def _responses(
    item: CertificateToCheck,
    files: Iterable[OcspFile],
    makers: EvidenceMakers,
    certificates: dict[Certificate, None],
) -> Iterator[OcspFile]:
    """Responses of the issuer; where its certificate is not available, all that may be about this serial number.

    With one that does not hold the certificate of its responder comes one that does; where none does, the certificate
    is added to `certificates`.
    """
    for file in files:
        maker: ResponseMaker | None = None
        if item.issuer is not None:
            if not file.response.statements(item.certificate, *item.issuers):
                continue
            try:
                maker = makers.verify(file.response, item.issuers)
            except Undecided:
                continue
        if maker and maker.holder is None:
            certificates[maker.delegate] = None
        yield from (file, maker.holder) if maker and maker.holder else (file,)


def _name(file: OcspFile) -> str:
    return f"{file.fingerprint[:24]}.ors"
