"""The folders `crls` and `ocsp` of a trust directory, read (design 4)."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.files import read_regular, reading_problem
from airgap.notice import Notice
from airgap.revocation.index import INDEX, EvidenceIndex
from airgap.revocation.pool import EvidencePool, Piece, unusable
from airgap.text import safe

CRLS: Final = "crls"
OCSP: Final = "ocsp"
MAKE_ROOM: Final = "Remove what is superseded: airgap trust fetch --prune."


class EvidenceDirectory(EvidencePool):
    """The folders `crls` and `ocsp` of a trust directory; either may be absent."""

    @classmethod
    def open(cls, root: Path, origin: str = "trust directory") -> EvidenceDirectory:
        """Lists the folders below `root` and reads their indexes; what the files hold is read when it is asked for.

        Raises TrustMaterialError("evidence.malformed") where a folder can not be listed or an index is malformed.
        """
        crls, crl_index, crl_notices = _folder(root / "crls", ".crl", limits.CRL_FILE_BYTES, origin)
        ocsp, ocsp_index, ocsp_notices = _folder(root / "ocsp", ".ors", limits.OCSP_BYTES, origin)
        return cls(
            crls=crls, ocsp=ocsp, crl_index=crl_index, ocsp_index=ocsp_index, notices=(*crl_notices, *ocsp_notices)
        )


def _folder(folder: Path, ending: str, limit: int, origin: str) -> tuple[list[Piece], EvidenceIndex, list[Notice]]:
    """The pieces of a folder in the order of their names: all with the right ending, and all that the index names."""
    names = _list(folder)
    index = _read_index(folder / INDEX) if INDEX in names else EvidenceIndex()
    pieces: list[Piece] = []
    notices: list[Notice] = []
    for name in names:
        if name in index.claimed or (name.lower().endswith(ending) and not name.startswith(".")):
            pieces.append(Piece(name, origin, partial(read_regular, folder / name, limit)))
        elif name != INDEX and not name.startswith("."):  # what file managers leave behind is no evidence
            notices.append(unusable(name, f"its name does not end in {ending}, and the index does not name it"))
    return pieces, index, notices


def _list(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _malformed(folder, f"can not be listed ({reading_problem(error)})") from None
    if len(names) > limits.EVIDENCE_FILES:
        raise _malformed(folder, f"has {len(names)} entries, more than {limits.EVIDENCE_FILES}")
    return names


def _read_index(path: Path) -> EvidenceIndex:
    try:
        data = read_regular(path, limits.EVIDENCE_INDEX_BYTES)
    except FormatError as error:
        raise _malformed(path, error.problem) from None
    return EvidenceIndex.parse(data, str(path))


def _malformed(path: Path, problem: str) -> TrustMaterialError:
    return TrustMaterialError(
        "evidence.malformed", f"{safe(path)} {problem}", source=safe(path), member="", problem=problem
    )


def file_names(folder: Path, ending: str, index: EvidenceIndex) -> list[str]:
    """The files of evidence in a folder: with the right ending, or named by the index. Raises TrustMaterialError."""
    with os.scandir(folder) as entries:
        names = {entry.name for entry in entries}
    if len(names) > limits.EVIDENCE_FILES:
        raise TrustMaterialError(
            "evidence.malformed",
            f"{safe(folder)} has {len(names)} entries, more than {limits.EVIDENCE_FILES}",
            remedy=MAKE_ROOM,
            source=safe(folder),
        )
    return sorted(n for n in names if n in index.claimed or (n.lower().endswith(ending) and not n.startswith(".")))


def read_index(folder: Path) -> EvidenceIndex:
    """A folder's index; an empty one where there is none. Raises TrustMaterialError(evidence.malformed)."""
    path = folder / INDEX
    if not path.exists():
        return EvidenceIndex()
    try:
        data = read_regular(path, limits.EVIDENCE_INDEX_BYTES)
    except FormatError as error:
        raise TrustMaterialError(
            "evidence.malformed", f"{safe(path)} {error.problem}", source=safe(path), member="", problem=error.problem
        ) from None
    return EvidenceIndex.parse(data, str(path))
