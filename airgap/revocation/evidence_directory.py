"""Reads the folders `crls` and `ocsp` of a trust directory (reference/trust-directory.md)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import FormatError, LimitError, TrustMaterialError
from airgap.files import is_temporary, list_folder, read_material, read_regular, reading_problem
from airgap.revocation.evidence_files import TRUST_DIRECTORY, EvidenceFile, UnreadableEvidence
from airgap.revocation.index import INDEX, EvidenceIndex
from airgap.revocation.misplaced import (
    EVIDENCE_ENDINGS,
    find_misplaced,
    has_ending,
    is_named_evidence,
    leads_to_evidence,
)
from airgap.revocation.pool import EvidencePool
from airgap.revocation.unsigned_evidence import UnsignedEvidence
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl
    from airgap.pki.crl_facts import CrlFacts

CRLS: Final = "crls"
OCSP: Final = "ocsp"

MAKE_ROOM: Final = "Remove what is superseded: airgap trust fetch --prune."


class EvidenceDirectory(EvidencePool):
    """The folders `crls` and `ocsp` of a trust directory; either may be absent."""

    @classmethod
    def open(cls, root: Path, origin: str = TRUST_DIRECTORY) -> EvidenceDirectory:
        """Lists the folders below `root` and their files; the files are read on demand.

        Every file is read, with any name and in any folder below: no CRL in there may be missed. Files with a wrong
        name or place are used; unreadable ones become `UnreadableEvidence`. Raises
        TrustMaterialError("evidence.malformed") if a folder cannot be listed, or an index or the record of unsigned
        evidence is malformed.
        """
        found = _EvidenceFiles(origin, UnsignedEvidence.read(root))
        found.folder(root / CRLS, limits.CRL_FILE_BYTES)
        found.folder(root / OCSP, limits.CRL_FILE_BYTES)
        misplaced = find_misplaced(root, origin, (CRLS, OCSP))
        return cls(
            [*found.pieces, *misplaced.pieces],
            index=EvidenceIndex(found.index),
            unread=[*found.unread, *misplaced.unread],
            notices=misplaced.notices,
            stored=misplaced.stored,
        )


def hidden_evidence(root: Path) -> tuple[str, ...]:
    """What is below `root` under hidden names or in hidden folders, and is evidence or may be."""
    found = _EvidenceFiles(TRUST_DIRECTORY, UnsignedEvidence())
    found.hidden(root / CRLS)
    found.hidden(root / OCSP)
    held = [item.path for item in found.unread]
    for piece in found.pieces:
        pool = EvidencePool([piece], unread=())
        if pool.all_crls() or pool.all_ocsp() or pool.all_unread():
            held.append(f"{piece.folder}/{piece.name}")
    return tuple(held)


class _EvidenceFiles:
    """The files in the folders of evidence."""

    def __init__(self, origin: str, unsigned: UnsignedEvidence) -> None:
        self._origin = origin
        self._unsigned = unsigned
        self._folder = ""
        self.pieces: list[EvidenceFile] = []
        self.unread: list[UnreadableEvidence] = []
        self.index: dict[str, tuple[str, ...]] = {}

    def folder(self, folder: Path, limit: int) -> None:
        self._folder = folder.name
        names = _list(folder)
        index = _read_index(folder / INDEX) if INDEX in names else EvidenceIndex()
        self._files(folder, "", {n: names[n] for n in names if n != INDEX}, index.claimed, limit)
        for url, claimed in sorted(index.files.items()):
            self.index[url] = claimed
            for name in claimed:
                if names.get(name, True):
                    self._not_there(name, names, url)

    def hidden(self, folder: Path) -> None:
        self._folder = folder.name
        names = {name: is_folder for name, is_folder in _list(folder).items() if name.startswith(".")}
        self._files(folder, "", names, frozenset(), limits.CRL_FILE_BYTES)

    def _not_there(self, name: str, names: Iterable[str], url: str) -> None:
        """A file that the index names, and that is absent or a folder."""
        twin = next((other for other in names if other.casefold() == name.casefold()), None)
        near = f"; {safe(twin)!r} is there, which differs in case" if twin else ""
        what = "it is a folder, not a file" if name in names else f"it is not there{near}"
        remedy = f"Put it there, or correct {self._folder}/{INDEX}, which names it for {safe(url, limit=128)}."
        self._cannot_read(name, f"the index names it, and {what}", urls=frozenset({url}), remedy=remedy)

    def _files(self, folder: Path, below: str, names: dict[str, bool], claimed: frozenset[str], limit: int) -> None:
        for name, is_folder in names.items():
            path, shown = folder / name, f"{below}{name}"
            if leads_to_evidence(path, [folder]):  # `openssl rehash` makes such links (`3ad48a91.r0`)
                continue
            if is_folder:
                self._inner(path, shown, limit, is_claimed=name in claimed)
            elif len(self.pieces) >= limits.EVIDENCE_FILES:
                raise _malformed(folder, f"has more than {limits.EVIDENCE_FILES} entries, with the folders in it")
            else:
                is_named = name in claimed or has_ending(name)
                read = partial(read_regular, path, limit)
                self.pieces.append(
                    EvidenceFile(
                        shown,
                        self._origin,
                        read,
                        trusted=True,
                        expected=name in claimed or is_named_evidence(shown),
                        ambiguous=not is_named,
                        unsigned=self._unsigned.files.get(f"{self._folder}/{shown}"),
                        leftover=is_temporary(name),
                        folder=self._folder,
                    )
                )

    def _inner(self, folder: Path, shown: str, limit: int, *, is_claimed: bool) -> None:
        if shown.count("/") >= limits.EVIDENCE_DEPTH:
            problem = f"it is a folder more than {limits.EVIDENCE_DEPTH} levels below {self._folder}/"
            self._cannot_read(shown, problem, remedy=f"Move the files in it into {self._folder}/ itself.")
            return
        try:
            names = _list(folder)
        except TrustMaterialError as error:
            self._cannot_read(shown, f"it {error.facts['problem']}", remedy=error.remedy)
            return
        if not (names or is_claimed) and folder.name.lower().endswith(EVIDENCE_ENDINGS):
            # a container's mount of a file that is not there leaves such a folder
            problem = "it is an empty folder with the name of a file"
            self._cannot_read(shown, problem, remedy="Put the file in its place, or remove the folder.")
            return
        self._files(folder, f"{shown}/", names, frozenset(), limit)

    def _cannot_read(self, name: str, problem: str, *, urls: frozenset[str] = frozenset(), remedy: str = "") -> None:
        self.unread.append(
            UnreadableEvidence(
                name=safe(name),
                origin=self._origin,
                problem=problem,
                trusted=True,
                folder=self._folder,
                urls=urls,
                remedy=remedy,
            )
        )


def _list(folder: Path) -> dict[str, bool]:
    try:
        return list_folder(folder, limits.EVIDENCE_FILES)
    except FileNotFoundError:
        if folder.is_symlink():  # the missing folder may hold a revocation
            raise _malformed(folder, "is a symbolic link that leads nowhere", remedy=_BRING_BACK) from None
        return {}
    except NotADirectoryError:
        raise _malformed(folder, "is a file, not a folder", remedy=_MAKE_FOLDER) from None
    except OSError as error:
        raise _malformed(folder, f"cannot be listed ({reading_problem(error)})", remedy=_LET_LIST) from None
    except LimitError as error:
        raise _malformed(folder, str(error), remedy=MAKE_ROOM) from None


_BRING_BACK: Final = "Bring back what it leads to (is a medium missing?), or put the folder itself in its place."
_MAKE_FOLDER: Final = "Make a folder of that name, and move the file into it."
_LET_LIST: Final = "Look at its owner and its mode: the user who runs this must be allowed to list it."


def _read_index(path: Path) -> EvidenceIndex:
    return EvidenceIndex.parse(read_material(path, limits.EVIDENCE_INDEX_BYTES, "evidence.malformed"), str(path))


def _malformed(path: Path, problem: str, *, remedy: str = "") -> TrustMaterialError:
    return TrustMaterialError(
        "evidence.malformed", f"{safe(path)} {problem}", remedy=remedy, source=safe(path), member="", problem=problem
    )


def file_names(folder: Path, ending: str, index: EvidenceIndex) -> list[str]:
    """The files of evidence in a folder: with the right ending, or named by the index. Raises TrustMaterialError."""
    names = _list(folder)
    return [n for n in names if n in index.claimed or (n.lower().endswith(ending) and not n.startswith("."))]


def read_evidence_index(folder: Path) -> EvidenceIndex:
    """The index of a folder; empty if there is none. Raises TrustMaterialError(evidence.malformed)."""
    return _read_index(folder / INDEX) if INDEX in _list(folder) else EvidenceIndex()


def read_crl(folder: Path, name: str) -> Crl:
    """The CRL in a file that holds nothing else: what is done to the file is done to all of it. Raises FormatError."""
    from airgap.pki.crl import Crl
    from airgap.pki.crl_pem import split_pem

    data = read_regular(folder / name, limits.CRL_FILE_BYTES)
    if len(split_pem(data)) > 1:
        raise FormatError("it holds more than a CRL")
    return Crl.parse(data)


def list_crls(folder: Path, names: Iterable[str]) -> dict[str, CrlFacts]:
    """The facts of all files that are one CRL each, by name; one is in memory at a time."""
    found: dict[str, CrlFacts] = {}
    for name in names:
        try:
            found[name] = read_crl(folder, name).facts
        except FormatError:
            continue
    return found
