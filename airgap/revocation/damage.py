"""Damaged pieces in the trust directory, whomever they seem to be about (design 8).

A changed byte may stand in the issuer's name, in a serial number or in a delegate's certificate. Then the piece names
somebody else, and whoever looks for pieces by name would not see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airgap.errors import FormatError, Undecided
from airgap.pki.names import same_name
from airgap.revocation.nearness import nearly_same
from airgap.revocation.pool import CrlFile, OcspFile
from airgap.revocation.query import RevocationQuery, about_file


def damage_of(query: RevocationQuery, file: OcspFile) -> Iterator[Undecided]:
    """What is wrong with a response about the certificate that nobody who may answer has made.

    Nothing where it is whole: then it is the word of a stranger.
    """
    try:
        file.response.verify_whole(query.issuer)
    except Undecided as error:
        yield about_file(query, file, error)


def find_damaged(query: RevocationQuery, files: Iterable[CrlFile | OcspFile]) -> Iterator[Undecided]:
    """Pieces that do not name the issuer or the certificate, and may have before bytes of them changed."""
    for file in files:
        try:
            if isinstance(file, CrlFile):
                if _may_have_named(query, file):
                    file.load().verify_intact(query.issuer)
            elif file.response.bears(query.issuer) and not file.response.statements(query.certificate, query.issuer):
                file.response.verify_made_for(query.issuer)
        except FormatError as error:
            yield _unread(query, file, error)
        except Undecided as error:
            if error.reason in {"revocation.crl.signature", "revocation.ocsp.signature"}:
                yield _unread(query, file, error)


def _unread(query: RevocationQuery, file: CrlFile | OcspFile, error: FormatError | Undecided) -> Undecided:
    text = f"{file.name} in the {file.origin} may be damaged and about {query.who}, though it names another: {error}"
    return Undecided("evidence.unread", text, **query.facts(evidence=file.name))


def _may_have_named(query: RevocationQuery, file: CrlFile) -> bool:
    """By the identifier of its key; a CRL that has none by nearly the same name and an entry for the serial number."""
    issuer, facts = query.issuer, file.facts
    keys = facts.authority_key, issuer.subject_key
    one, other = keys if all(keys) else (facts.issuer, issuer.subject)
    if not nearly_same(one or b"", other or b"") or same_name(facts.issuer, issuer.subject):
        return False
    if all(keys):
        return True
    try:
        return bool(file.load().entries_for(query.certificate.serial, facts.issuer))
    except Undecided:
        return True
