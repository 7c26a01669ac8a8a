"""Misplaced evidence: in the trust directory, but outside of `crls` and `ocsp` (decision 0033).

Folders are misspelt, copied one level too deep, or left beside a store. Misplaced evidence clears no certificate. But a
revocation in it is not ignored, and the message says where the file belongs.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Container, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.files import is_temporary, list_folder, open_plain, read_regular, reading_problem
from airgap.problem import Problem
from airgap.revocation.evidence_files import EvidenceFile, HeldCertificate, UnreadableEvidence
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe

_LIKELY: Final = re.compile(r"crl|ocsp|revo[ck]|evidence|^ors$", re.IGNORECASE)
"""Parts of names that people give to folders of evidence, to copies and to archives of them."""
EVIDENCE_ENDINGS: Final = (".crl", ".ors")
POSSIBLE: Final = (".pem", ".der", ".cer", ".crt")
"""Other endings of evidence files."""
_LONG_SEQUENCE: Final = re.compile(rb"\x30[\x80-\x84]|\s*MI[GHIM][A-Za-z0-9+/]{24}")
"""The first bytes of DER with more than a few bytes, and of the same in base64."""
_HEAD_BYTES: Final = 4 * limits.KIB
_STORES: Final = "truststore"
"""Most files in there begin as evidence does, and are certificates. Others are refused in stores that the policy names,
and nowhere else."""
_STORE_DEPTH: Final = 3
"""The depth of the folders that are stores, below the trust directory (`truststore/x509/ca/`)."""
_PROGRAMS: Final = "plugins"
"""What is called as evidence there is a program that deals with it."""
_PRIVATE: Final = frozenset({"localkeys", "lost+found"})
"""Folders of notation, whose directory may be the trust directory, and of file systems that others may not enter."""


class MisplacedFiles(NamedTuple):
    """Files that may be evidence, and folders that could not be searched."""

    pieces: tuple[EvidenceFile, ...]
    unread: tuple[UnreadableEvidence, ...]
    """Folders that could not be looked through: they may hold anything."""
    notices: tuple[Problem, ...]
    stored: tuple[HeldCertificate, ...]
    """The certificates below `truststore`, in a store or not."""


def find_misplaced(root: Path, origin: str, known: tuple[str, ...]) -> MisplacedFiles:
    """Every file below `root`, outside of the folders `known`, that may be evidence by its name, folder or beginning.

    Or may hold certificates; below `truststore` every file is read for these. Hidden folders and those of other tools
    are looked through last. Bounded in depth and number, as a trust directory may be in a folder with much else; never
    raises.
    """
    search = _Search(root, origin, known)
    search.folder(root, "", likely=False)
    return MisplacedFiles(tuple(search.pieces), tuple(search.unread), tuple(search.notices), tuple(search.stored))


class _Search:
    def __init__(self, root: Path, origin: str, known: tuple[str, ...]) -> None:
        self._root, self._origin, self._known = root, origin, known
        self._left = limits.MISPLACED_FILES
        self._has_ended = False
        self.pieces: list[EvidenceFile] = []
        self.unread: list[UnreadableEvidence] = []
        self.notices: list[Problem] = []
        self.stored: list[HeldCertificate] = []

    def folder(self, folder: Path, below: str, *, likely: bool) -> None:
        if below.count("/") > limits.MISPLACED_DEPTH:
            self._not_looked(below, f"is more than {limits.MISPLACED_DEPTH} levels deep")
            return
        try:
            found = list_folder(folder, limits.FOLDER_NAMES)
        except FileNotFoundError:
            return
        except OSError as error:
            self._closed(below, f"cannot be looked into ({reading_problem(error)})")
            return
        except LimitError as error:
            self._not_looked(below, str(error))
            return
        names = [n for n in found if not (_is_former_state(n, found) or self._is_read_elsewhere(folder / n, below))]
        for name in sorted(names, key=lambda name: name.startswith(".") or (not below and name == _PROGRAMS)):
            if not self._left or len(self.pieces) >= limits.EVIDENCE_FILES:
                self._ended(below)
                return
            self._left -= 1
            self._entry(folder / name, below, is_folder=found[name], likely=likely)

    def _entry(self, path: Path, below: str, *, is_folder: bool, likely: bool) -> None:
        name, shown = path.name, f"{below}{path.name}"
        if leads_to_evidence(path, (self._root / known for known in self._known)):
            return
        in_store, is_program = below.startswith(f"{_STORES}/"), below.startswith(f"{_PROGRAMS}/")
        is_called_so = says_evidence(name) and not is_program
        is_store = in_store and below.count("/") == _STORE_DEPTH
        may_be_store = shown == _STORES or (in_store and below.count("/") <= _STORE_DEPTH)
        if is_folder or ((may_be_store or (not below and is_called_so)) and _leads_to(path, stat.S_IFDIR)):
            self.folder(path, f"{shown}/", likely=likely or is_called_so)
            return
        if is_store and not _leads_to(path, stat.S_IFREG):
            self._not_looked(shown, "is no folder that can be looked into")
            return
        named = has_ending(name) or likely or (is_called_so and not in_store)
        stored = tuple(self._stored_in(path, safe(shown))) if in_store else ()
        self.stored += stored
        holds_more = not stored or any(held.problem for held in stored)
        if named or (holds_more and _may_be_read(path)):
            # links are followed only for files that are recognised by their first bytes
            read = partial(read_regular if named else _read_through, path, limits.CRL_FILE_BYTES)
            self.pieces.append(
                EvidenceFile(
                    name,
                    self._origin,
                    read,
                    trusted=True,
                    expected=has_ending(name) and is_named_evidence(shown),
                    ambiguous=not has_ending(name),
                    leftover=not named or is_temporary(name),
                    folder=below.rstrip("/"),
                    misplaced=True,
                )
            )

    def _stored_in(self, path: Path, shown: str) -> Iterator[HeldCertificate]:
        """What a file below `truststore` holds. Whatever its name is, it may be that of a CA that made evidence."""
        from airgap.revocation.certificate_reader import certificates_in_trust_directory

        hold = partial(HeldCertificate, path=shown, origin=self._origin, trusted=True)
        try:
            data = _read_through(path, limits.STORE_FILE_BYTES)
            yield from certificates_in_trust_directory(data, hold, expected=path.name.lower().endswith(POSSIBLE))
        except FormatError as error:
            yield hold(certificate=None, problem=f"it {error}")

    def _is_read_elsewhere(self, path: Path, below: str) -> bool:
        """Whether it is one of the right folders, also under another case on such file systems."""
        if below:
            return False
        if path.name in self._known:
            return True
        try:
            return any((self._root / name).samefile(path) for name in self._known if (self._root / name).exists())
        except OSError:
            return False

    def _ended(self, below: str) -> None:
        """Told once: what is above it ends here, too."""
        if not self._has_ended:
            self._not_looked(below, "is not looked through to its end: it holds more files than are looked at")
        self._has_ended = True

    def _closed(self, below: str, problem: str) -> None:
        """A folder that cannot be listed; some are closed on purpose, and no place where evidence is put."""
        if below.rstrip("/") not in _PRIVATE:
            self._not_looked(below, problem)
            return
        shown = safe(below.rstrip("/"))
        self.notices.append(
            Problem(
                reason="evidence.astray",
                message=f"the folder {shown!r} of the trust directory {problem}: evidence in it would not be used",
                facts={"name": shown, "problem": problem},
            )
        )

    def _not_looked(self, below: str, problem: str) -> None:
        """A folder that was not searched: it may hold anything and must not be ignored."""
        shown = safe(below.rstrip("/")) or "."
        right = " or ".join(f"{name}/" for name in self._known)
        self.unread.append(
            UnreadableEvidence(
                name=shown,
                origin=self._origin,
                problem=f"it {problem}, and evidence in it would not be used",
                trusted=True,
                remedy=f"Make it readable, or move it out of the trust directory; evidence in it belongs into {right}.",
            )
        )


def _is_former_state(name: str, beside: Container[str]) -> bool:
    """Whether this is the folder beside a trust directory where its next and its former tree are.

    The next one is not in force, and all evidence of the former one is in the one that is.
    """
    return name.startswith(".") and name.endswith(LOCAL) and name[1 : -len(LOCAL)] in beside


def _may_be_read(path: Path) -> bool:
    """Whether a file begins like DER, has a PEM line near its start, or is called as files of certificates are."""
    if path.name.lower().endswith(POSSIBLE):
        return True
    try:
        with open_plain(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    if _LONG_SEQUENCE.match(head) or b"-----BEGIN" in head:
        return True
    if not (head.startswith(b"\x30") or b" X509 CRL" in head):
        return False
    from airgap.pki.file_kinds import holds_evidence  # seldom needed

    return holds_evidence(head)


def _read_through(path: Path, limit: int) -> bytes:
    """As `read_regular`, with links followed."""
    try:
        with open_plain(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise FormatError(f"cannot be read ({reading_problem(error)})") from None
    if len(data) > limit:
        raise LimitError(f"has more than {limit} bytes")
    return data


def _leads_to(path: Path, *kinds: int) -> bool:
    """Whether it is a file of one of these kinds, with links followed."""
    try:
        return stat.S_IFMT(path.stat().st_mode) in kinds
    except OSError:  # a link to itself, to nothing, or into a folder that may not be entered
        return False


def leads_to_evidence(path: Path, folders: Iterable[Path]) -> bool:
    """Whether it is a link to a file in one of `folders` that is called as evidence, and so is read under that name.

    An absolute link is none: on another machine it leads elsewhere.
    """
    try:
        if path.readlink().is_absolute():
            return False
        target = path.resolve(strict=True)
        if target.parent not in {folder.resolve() for folder in folders} or not target.is_file():
            return False
        if is_named_evidence(target.name):
            return True
        if not has_ending(target.name) or is_temporary(target.name):
            return False
        from airgap.pki.wrong_files import is_about_file  # seldom needed

        return not is_about_file(_read_through(target, limits.CRL_FILE_BYTES))
    except (OSError, RuntimeError, FormatError):  # no link, or one that leads nowhere
        return False


def has_ending(name: str) -> bool:
    """Whether one of the endings of evidence is in it, as in `root.crl.2026` and `root.crl.sha256`."""
    return any(ending in name.lower() for ending in EVIDENCE_ENDINGS)


def is_named_evidence(name: str) -> bool:
    """Whether a path is that of a file of evidence, and not of a file about one (`x.crl.sha256`, `._x.crl`)."""
    return name.lower().endswith((*EVIDENCE_ENDINGS, *POSSIBLE)) and _OF_MACOS.search(name) is None


_OF_MACOS: Final = re.compile(r"(?:^|/)\.(?:_|AppleDouble/)")
"""Where macOS, and servers for it, keep what they know about a file, under the name of that file."""


def is_placeholder(name: str) -> bool:
    """Whether it is the name of files that are always empty: one that keeps a folder in git, or a lock."""
    return name.endswith((".gitkeep", ".keep", ".lock"))


def says_evidence(name: str) -> bool:
    """Whether it is a usual name of files, folders and archives of evidence, or has an ending of this."""
    return bool(name) and (
        name.lower().endswith(EVIDENCE_ENDINGS) or _LIKELY.search(re.sub(r"[^A-Za-z0-9]", "", name)) is not None
    )
