"""Reads files as evidence: the content decides what a file is, not its name.

What cannot be read is `UnreadableEvidence`, or only a notice where it may be something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from airgap.errors import FormatError, LimitError
from airgap.files import is_temporary
from airgap.oci.digest import Digest
from airgap.once import Once
from airgap.problem import Problem
from airgap.revocation.evidence_files import CrlFile, EvidenceFile, HeldCertificate, OcspFile, UnreadableEvidence
from airgap.revocation.misplaced import POSSIBLE, is_placeholder, says_evidence
from airgap.text import safe

if TYPE_CHECKING:  # imported only when there is a file to read
    from airgap.pki.crl import Crl
    from airgap.pki.crl_facts import CrlFacts


def read_evidence(piece: EvidenceFile) -> Iterator[CrlFile | OcspFile | HeldCertificate | UnreadableEvidence | Problem]:
    """The content of a file: one OCSP response, one CRL or, as PEM blocks, several; and certificates of responders."""
    from airgap.pki.crl_pem import split_pem

    try:
        data = piece.read()
    except FormatError as error:
        if piece.trusted:
            yield _holding(piece)(certificate=None, problem=f"it {error}")
        if not _may_be_passed_over(piece, error):
            unread = _unread(piece, FormatError(f"it {error}", remedy=error.remedy))
            yield _beyond_bounds(piece, unread) if isinstance(error, LimitError) else unread
        return
    if piece.unsigned is not None and piece.unsigned == Digest.of(data):
        piece = replace(piece, trusted=False)
    try:
        blocks = split_pem(data)
    except LimitError as error:
        yield _beyond_bounds(piece, _unread(piece, FormatError(f"it {error}")))
        return
    names = [safe(piece.name) if len(blocks) == 1 else f"{safe(piece.name)}, CRL {n + 1}" for n in range(len(blocks))]
    split = _split_once if len(blocks) > 1 else _split
    pieces = [_identify(piece, names[number], block, number, split) for number, block in enumerate(blocks)]
    is_evidence = any(isinstance(found, CrlFile | OcspFile) for found in pieces)
    certificates = tuple(_certificates(piece, data, is_evidence=is_evidence))
    yield from certificates
    for found, block in zip(pieces, blocks, strict=True):
        if isinstance(found, CrlFile | OcspFile) or not (
            (isinstance(found, Problem) and any(map(_is_of_responder, certificates)))
            or _is_harmless(piece, found, block)
        ):
            yield found


def _may_be_passed_over(piece: EvidenceFile, error: FormatError) -> bool:
    """Whether a file that cannot be read needs no notice: by its name and place it is no evidence.

    One that is too large to be read, and begins as evidence does, may be some whatever its name is.
    """
    if piece.misplaced and piece.trusted and isinstance(error, LimitError):
        return False
    if not piece.leftover or is_temporary(piece.name.rpartition("/")[2]):
        return piece.leftover
    return piece.misplaced or not (piece.trusted or piece.called or says_evidence(piece.name))


def _certificates(
    piece: EvidenceFile, data: bytes, *, is_evidence: bool = False
) -> Iterator[HeldCertificate | UnreadableEvidence]:
    """The certificates in a file, whatever else it holds, and that there are more than are read."""
    from airgap.pki.file_kinds import holds_evidence
    from airgap.revocation.certificate_reader import certificates_in_target, certificates_in_trust_directory

    hold = _holding(piece)
    try:
        if piece.trusted:
            expected = piece.name.lower().endswith(POSSIBLE)
            is_evidence = is_evidence or holds_evidence(data)
            yield from certificates_in_trust_directory(data, hold, expected=expected, is_evidence=is_evidence)
        else:
            yield from certificates_in_target(data, hold)
    except LimitError as error:
        yield hold(certificate=None, problem=f"it {error}")
        unread = _unread(piece, FormatError(f"it {error}", remedy="Put the responder's into a file of its own."))
        yield replace(unread, trusted=piece.trusted and not piece.misplaced)


def _holding(piece: EvidenceFile) -> partial[HeldCertificate]:
    path = safe(f"{piece.folder}/{piece.name}" if piece.folder else piece.name)
    return partial(HeldCertificate, path=path, origin=piece.origin, trusted=piece.trusted)


def holds_responders_alone(data: bytes) -> bool:
    """Whether a file holds certificates and keys alone, and the certificate of an OCSP responder, or may hold it."""
    from airgap.pki.wrong_files import is_no_evidence

    found = _certificates(EvidenceFile("", "", bytes), data)
    return is_no_evidence(data) and any(_is_of_responder(item) or _is_unread(item) for item in found)


def _is_of_responder(found: HeldCertificate | UnreadableEvidence) -> bool:
    from airgap.pki.ocsp import OcspResponse

    held = found.certificate if isinstance(found, HeldCertificate) else None
    return held is not None and OcspResponse.may_sign(held)


def _is_unread(found: HeldCertificate | UnreadableEvidence) -> bool:
    return not isinstance(found, HeldCertificate) or found.certificate is None or bool(found.problem)


def _is_harmless(piece: EvidenceFile, found: UnreadableEvidence | Problem, data: bytes) -> bool:
    """Whether a file that is no evidence needs no notice."""
    from airgap.pki import wrong_files  # seldom needed
    from airgap.pki.file_kinds import holds_evidence

    if isinstance(found, Problem):
        is_hidden = any(part.startswith(".") for part in piece.name.split("/"))
        is_nothing = not data and is_placeholder(piece.name)
        return piece.leftover or piece.misplaced or is_hidden or is_nothing or wrong_files.is_about_file(data)
    if found.in_target or not piece.leftover:
        return False
    if piece.trusted and is_temporary(piece.name.rpartition("/")[2]):  # it may be one that is being written
        return True
    # what begins as evidence is damaged, or evidence in a form that is not read, whatever it is called
    begun = found.issuer is not None or holds_evidence(data)
    if piece.misplaced:
        return not begun
    is_called = piece.called or says_evidence(piece.name)
    is_packed = piece.name.lower().endswith(POSSIBLE) and wrong_files.may_be_packed(data)
    return wrong_files.is_no_evidence(data) or not (
        begun or is_packed or (is_called and wrong_files.may_hide_evidence(data))
    )


_ABOUT_ANOTHER: Final = "If it is only about another file, keep it outside of crls/ and ocsp/."


def _identify(
    piece: EvidenceFile, name: str, data: bytes, number: int, split: _Split
) -> CrlFile | OcspFile | UnreadableEvidence | Problem:
    from airgap.pki.crl import Crl
    from airgap.pki.crl_claims import claimed_issuer, claimed_key, whole_key
    from airgap.pki.ocsp import OcspResponse

    try:
        crl = Crl.parse(data)  # read it in the same way as for judging: a failure must be noticed here
    except FormatError as error:
        as_crl = error
    else:
        body = Once(partial(_load_crl, partial(split, piece.read), number, crl.facts))
        return CrlFile(name, piece.origin, piece.trusted, crl.facts, crl.may_list_others, body)
    try:
        return OcspFile(name, piece.origin, piece.trusted, OcspResponse.parse(data))
    except FormatError as error:
        as_response = error
    from airgap.pki import wrong_files  # most files do not need it
    from airgap.pki.file_kinds import OCSP_BEGUN

    wanted = wrong_files.needed_in(piece.folder, piece.name)
    issuer, key = claimed_issuer(data), claimed_key(data)
    begun = as_crl if issuer is not None else as_response if OCSP_BEGUN.match(data) else None
    problem = begun or (as_response if wanted is wrong_files.NeededFile.OCSP else as_crl)
    said = wrong_files.problem_of_evidence(data, wanted, problem, names_issuer=issuer is not None)
    if not data and is_placeholder(piece.name):
        is_other = True
    elif piece.ambiguous:
        is_emptied = not data and piece.trusted and not piece.leftover
        may_be = piece.expected or is_emptied or wrong_files.may_hide_evidence(data)
        is_other = wrong_files.is_no_evidence(data) or not may_be
    else:
        is_other = not piece.expected and wrong_files.is_about_file(data)
    if is_other:
        return unusable(name, said.problem, remedy=said.remedy, folder=piece.folder)
    if said.remedy and not (piece.expected or piece.ambiguous or piece.misplaced):
        said = FormatError(said.problem, remedy=f"{said.remedy} {_ABOUT_ANOTHER}")
    unread = replace(_unread(piece, said), issuer=issuer, key=key, whole_key=whole_key(data))
    return _beyond_bounds(piece, unread) if isinstance(begun, LimitError) else unread


def _beyond_bounds(piece: EvidenceFile, unread: UnreadableEvidence) -> UnreadableEvidence:
    """What is larger than what is read, which is not left out in a target, either: it may be genuine."""
    return unread if piece.trusted or piece.unsigned is not None else replace(unread, trusted=True, in_target=True)


def _unread(piece: EvidenceFile, error: FormatError) -> UnreadableEvidence:
    return UnreadableEvidence(
        name=safe(piece.name),
        origin=piece.origin,
        problem=f"{error}, and it is outside of crls/ and ocsp/" if piece.misplaced else str(error),
        trusted=piece.trusted,
        folder=piece.folder,
        remedy=f"{error.remedy} Evidence belongs into crls/ or ocsp/.".lstrip() if piece.misplaced else error.remedy,
    )


def _load_crl(split: Callable[[], tuple[bytes, ...]], number: int, facts: CrlFacts) -> Crl:
    from airgap.pki.crl import Crl

    blocks = split()
    crl = Crl.parse(blocks[number]) if number < len(blocks) else None
    if crl is None or crl.facts != facts:
        raise FormatError("it was exchanged while it was read")
    return crl


_Split = Callable[[Callable[[], bytes]], tuple[bytes, ...]]


def _split(read: Callable[[], bytes]) -> tuple[bytes, ...]:
    from airgap.pki.crl_pem import split_pem

    return split_pem(read())


_split_once: Final[_Split] = lru_cache(maxsize=1)(_split)
"""Keeps the blocks of the last file that has several: it may have thousands, and they are needed one by one."""


def unusable(name: str, problem: str, *, remedy: str = "", folder: str = "") -> Problem:
    """The notice about a file that is left out; `folder`: its folder in the trust directory."""
    shown = safe(f"{folder}/{name}" if folder else name)
    return Problem(
        reason="evidence.unusable",
        message=f"the evidence file {shown!r} is left out: {problem}",
        facts={"name": safe(name), "problem": problem},
        remedy=remedy,
    )
