"""Named trust stores on disk: the certificates that the operator trusts (requirements/trust.md).

`truststore/x509/<type>/<name>/` holds certificate files and nothing else. Sub-directories are ignored with a notice
(D18); anything else that is not a readable certificate file fails its store, because a store that is read in part
is not the store that the operator meant (D18, D19). Being here gives no trust unless a statement of the policy
names the store (STORE-13). Whether an anchor has expired is judged as part of the chain (STORE-8).
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path, PurePath
from typing import Final, NamedTuple, NoReturn, Self

from airgap import limits
from airgap.errors import FormatError, LimitError, TrustMaterialError
from airgap.files import list_folder, read_regular, reading_problem
from airgap.parse.json_members import as_choice
from airgap.pki.algorithms import signs_certificates
from airgap.pki.certificate import Certificate
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import anchor_flaw
from airgap.problem import Problem
from airgap.text import safe, strange
from airgap.trust.store_types import FOLDER, StoreType

EXTENSIONS: Final = (".pem", ".crt", ".cer")
"""File name endings of certificates, in any case (STORE-5)."""

_NAME = re.compile(r"[a-zA-Z0-9_.-]+", re.ASCII)
_NO_ANCHOR: Final = (
    "Take this certificate out. The root of its CA belongs into the store, if it is not there yet.",
    "Take this certificate out. The self-signed root of its authority belongs into the store, if it is not there yet.",
)
"""The remedies for a certificate that cannot be an anchor of signatures, and of timestamps."""


_OTHER_ROOT: Final = (
    "Put another root of this authority into the store in its place, one that is signed with SHA-256 or better, if it "
    "has one."
)


class StoreRef(NamedTuple):
    """A named store, as a policy writes it: `ca:acme`."""

    type: StoreType
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`type:name`, split at the first ":" (POLICY-11). Raises FormatError."""
        kind, colon, name = text.partition(":")
        if not colon:
            raise FormatError(f"{safe(text, limit=64)!r} has no ':'; write {_meant(text)}")
        if "/" not in kind:
            as_choice(kind, tuple(StoreType), "")
        if "/" in kind or not _NAME.fullmatch(name):
            how = f" ({strange(name)})" if strange(name) else f"; write {_meant(text)}"
            raise FormatError(
                f"{safe(text, limit=64)!r} has no store name of letters, digits, '_', '.' and '-': the name is that of "
                f"a folder, without blanks, and no path or file{how}"
            )
        if name in (".", ".."):  # STORE-2, D23: the reference's expression lets them through
            raise FormatError(f"{safe(text, limit=64)!r} names no store but a directory above it")
        return cls(StoreType(kind), name)

    def __str__(self) -> str:
        return f"{self.type}:{self.name}"

    def folder(self, root: Path) -> Path:
        """Where the store is below the trust directory `root`."""
        return root.joinpath(*FOLDER, self.type, self.name)


def _meant(text: str) -> str:
    """How to write a store that was named by its path, or without its type."""
    parts = "".join(text.split()).replace(":", "/").strip("/").split("/")
    at = next((at for at, part in enumerate(parts[:-1]) if part in tuple(StoreType)), None)
    name = parts[-1 if at is None else at + 1]
    if not _NAME.fullmatch(name):
        return "a type and a name, as ca:acme"
    return (
        f"{StoreType.CA}:{name}, or with another type ({', '.join(StoreType)})" if at is None else f"{parts[at]}:{name}"
    )


class LoadedStore(NamedTuple):
    """A store whose every file was read."""

    ref: StoreRef
    certificates: tuple[Certificate, ...]
    """Each once, in the order of the file names."""
    notices: tuple[Problem, ...] = ()


def list_stores(root: Path, kind: StoreType | None = None) -> tuple[StoreRef, ...]:
    """The stores that are in a trust directory, of one type or of all, in the order of types and names.

    What can be no store by its name is left out, as no policy can name it. Raises TrustMaterialError(store.malformed)
    if they cannot be listed: a store that cannot be seen is not absent.
    """
    found: list[StoreRef] = []
    for wanted in StoreType if kind is None else (kind,):
        folder = root.joinpath(*FOLDER, wanted)
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in entries if _NAME.fullmatch(entry.name))
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not _leads_nowhere(root, folder):
                continue
            raise TrustMaterialError(
                "store.malformed",
                f"the trust stores in {safe(folder)} cannot be listed ({reading_problem(error)})",
                remedy=f"Make {safe(folder)} a folder that may be read and entered, or remove it.",
                path=safe(folder),
            ) from None
        found += [StoreRef(wanted, name) for name in names]
    return tuple(found)


def _leads_nowhere(root: Path, folder: Path) -> bool:
    """Whether a folder is absent because of a link that leads nowhere: its medium is not there."""
    above = (path for path in (folder, *folder.parents) if root in path.parents)
    return any(path.is_symlink() and not path.exists() for path in above)


def load_store(root: Path, ref: StoreRef) -> LoadedStore:
    """The store `ref` of the trust directory `root`.

    Raises TrustMaterialError: store.missing, store.empty or store.malformed, with the facts `store`, `path` and, where
    a file is to blame, `file`.
    """
    folder = ref.folder(root)
    files, ignored = _list(root, ref)
    notices = [
        Problem(
            reason="store.ignored",
            message=f"the trust store {ref} holds the directory {safe(name)!r}, which is ignored",
            facts={"store": str(ref), "file": safe(name)},
        )
        for name in ignored
    ]
    found: dict[Certificate, None] = {}
    for name in files:
        for certificate in _load_file(folder, ref, name):
            usable = signs_certificates(certificate.public_key)  # of another kind, it spoils nothing beside it
            if usable and (problem := certificate_problem(ref.type, certificate)):
                other = certificate.self_issued and not certificate.self_signed
                _refuse(
                    folder, ref, problem, name, remedy=_OTHER_ROOT if other else _NO_ANCHOR[ref.type is StoreType.TSA]
                )
            if certificate not in found and (notice := certificate_doubt(ref, name, certificate)):
                notices.append(notice)
            found[certificate] = None
        if len(found) > limits.STORE_CERTIFICATES:
            _refuse(folder, ref, f"holds more than {limits.STORE_CERTIFICATES} certificates")
    if all(certificate.unusable_key for certificate in found):  # STORE-9: an empty store is an error
        from airgap.trust.misplaced_stores import add_command

        add = f"Put the certificate of the CA into it: {add_command(ref)}."
        which = " with a key of a kind that is known here" if found else ""
        inner = f"; the directory {safe(ignored[0])!r} in it is not looked into" if ignored else ""
        raise TrustMaterialError(
            "store.empty",
            f"the trust store {ref} holds no certificate{which} ({safe(folder)}){inner}",
            remedy=f"Move the certificates from {safe(ignored[0])} into {safe(folder)} itself." if ignored else add,
            store=str(ref),
            path=safe(folder),
        )
    return LoadedStore(ref=ref, certificates=tuple(found), notices=tuple(notices))


def _list(root: Path, ref: StoreRef) -> tuple[list[str], list[str]]:
    """Names of the files, and of the directories that are ignored."""
    folder = ref.folder(root)
    try:
        mode = folder.lstat().st_mode
        if not stat.S_ISDIR(mode):  # STORE-3: a real directory
            kind, remedy = ("a symbolic link", _NO_LINK) if stat.S_ISLNK(mode) else ("a file", _NO_FILE)
            _refuse(folder, ref, f"is {kind}, not a directory", remedy=remedy)
        found = list_folder(folder, limits.STORE_FILES)
    except (FileNotFoundError, NotADirectoryError):
        from airgap.trust.misplaced_stores import add_command, near_store

        near = near_store(root, ref)
        raise TrustMaterialError(
            "store.missing",
            f"the trust store {ref} does not exist ({safe(folder)}){near.message}",
            remedy=near.remedy
            or f"Add its certificates ({add_command(ref)}), or correct the name in the policy's trustStores.",
            store=str(ref),
            path=safe(folder),
        ) from None
    except OSError as error:
        _refuse(folder, ref, f"cannot be read ({reading_problem(error)})")
    except LimitError as error:
        _refuse(folder, ref, str(error))
    return [n for n, is_folder in found.items() if not is_folder], [n for n, is_folder in found.items() if is_folder]


def _load_file(folder: Path, ref: StoreRef, name: str) -> tuple[Certificate, ...]:
    try:
        check_file_name(name)
    except FormatError as error:
        found = explain_name(error, folder / name)
        _refuse(folder, ref, found.problem, name, remedy=found.remedy)
    try:
        data = read_regular(folder / name, limits.STORE_FILE_BYTES)
    except FormatError as error:
        _refuse(folder, ref, error.problem, name, remedy=error.remedy)
    try:
        return load_certificates(data)
    except FormatError as error:
        _refuse(folder, ref, reading_refusal(error), name, remedy=error.remedy or _GET_AGAIN)


def reading_refusal(error: FormatError) -> str:
    """Why a file has no certificates, to complete "FILE ..."."""
    return f"cannot be used: {error}" if error.where else error.problem


def check_file_name(name: str) -> None:
    """Raises FormatError for a name that no file of a trust store may have (STORE-5)."""
    if name.startswith("."):  # D19; what macOS and editors leave on a medium
        raise FormatError("is a hidden file; a trust store holds certificate files alone", remedy=_REMOVE)
    if not name.lower().endswith(EXTENSIONS):
        raise FormatError(f"is not named as a certificate file ({', '.join(EXTENSIONS)})", remedy=_REMOVE)


_NO_LINK: Final = "Put the folder itself in the place of the link."
_NO_FILE: Final = "Make a folder of that name, and put the file into it, with a name that ends in .pem, .crt or .cer."
_REMOVE: Final = "Remove it from the store."
_GET_AGAIN: Final = "Get the certificate again, as PEM or DER; if this file is none, remove it from the store."
_DER: Final = b"\x30"


def proper_name(name: str, data: bytes) -> str:
    """The name that a file of certificates has in a store: its own, or one that says its form.

    `root.der` is `root.cer`, and a PEM file `.root.pem` is `root.pem`.
    """
    if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
        return name
    stem, ending = PurePath(name).stem.lstrip(".") or "root", ".cer" if data[:1] == _DER else ".pem"
    return stem if stem.lower().endswith(EXTENSIONS) else f"{stem}{ending}"


def explain_name(error: FormatError, path: Path) -> FormatError:
    """The refusal of a file for its name, with what the file is and what to do about it."""
    try:
        data = read_regular(path, limits.STORE_FILE_BYTES)
        certificates = load_certificates(data)
    except FormatError as unread:  # it is refused anyway; its kind decides the remedy
        if not unread.remedy or path.name.startswith("."):
            return error
        return FormatError(f"{error.problem}; it {reading_refusal(unread)}", remedy=unread.remedy)
    named = proper_name(path.name, data)
    what = "a certificate" if len(certificates) == 1 else f"{len(certificates)} certificates"
    if path.with_name(named).exists():  # a copy that an editor left behind must not take the place of the file
        remedy = f"Remove it, unless it is to be trusted beside {safe(named)}: then give it a name of its own."
    else:
        remedy = f"Rename it, if it is to be trusted: {safe(path.name)} to {safe(named)}; else remove it."
    return FormatError(f"{error.problem}; it holds {what}", remedy=remedy)


def certificate_problem(kind: StoreType, certificate: Certificate) -> str | None:
    """Why a certificate cannot be in a store: STORE-7 for every type, and STORE-12 for timestamping roots."""
    shown = f"the certificate {safe(certificate.subject_text)!r}, which"
    if certificate.unusable_key:
        return f"holds {shown} has a key of no kind that is known here ({certificate.key_name})"
    if not certificate.is_ca and not certificate.self_signed:
        return f"holds {shown} is neither a CA nor self-signed"
    if kind is not StoreType.TSA:
        return None
    if certificate.self_issued and not certificate.self_signed:
        return f"holds {shown} names itself as its issuer: its signature {certificate.own_signature_problem}"
    if not certificate.self_signed:
        return f"holds {shown} is not a root; tsa stores hold self-signed root CAs alone"
    usage = certificate.key_usage
    if not certificate.is_ca or (usage is not None and "keyCertSign" not in usage.bits):
        return f"holds {shown} is not a CA; tsa stores hold self-signed root CAs alone"
    return None


def certificate_doubt(ref: StoreRef, name: str, certificate: Certificate) -> Problem | None:
    """A warning about a certificate in a store that is hardly useful there."""
    if not signs_certificates(certificate.public_key):
        reason = "store.unusable"
        what = f"with a key of no kind that is accepted here ({certificate.key_name}): nothing is verified with it"
    elif certificate.self_issued and not certificate.self_signed:
        problem = certificate.own_signature_problem
        reason, what = "store.unusable", f"whose own signature {problem}: a chain that ends in it is refused"
    elif flaw := anchor_flaw(certificate, stamping=ref.type is StoreType.TSA):
        reason, what = "store.unusable", f"and a chain that ends in it is refused: it {flaw}"
    elif certificate.self_signed:
        return None
    else:
        reason, what = "store.intermediate", "a CA that is not a root"
    subject = safe(certificate.subject_text)
    return Problem(
        reason=reason,
        message=f"the trust store {ref} holds {subject!r} ({safe(name)}), {what}",
        facts={"store": str(ref), "file": safe(name), "certificate": subject, "key": certificate.key_name},
    )


def _refuse(folder: Path, ref: StoreRef, problem: str, name: str | None = None, *, remedy: str = "") -> NoReturn:
    place = f"the file {safe(name)!r} of the trust store {ref}" if name is not None else f"the trust store {ref}"
    path = safe(folder if name is None else folder / name)
    raise TrustMaterialError(
        "store.malformed",
        f"{place} {problem}",
        remedy=remedy,
        store=str(ref),
        path=path,
        file=None if name is None else safe(name),
        problem=problem,
    )
