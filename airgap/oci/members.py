"""The members of a tar that are files of the layout: one rule for a tar read in place and for a stream."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.digest import SUPPORTED, Digest
from airgap.oci.documents import BLOBS, DOCKER_SAVE_FILES, LAYOUT_FILE, LAYOUT_INDEX, OWN_NAMES
from airgap.oci.recognise import explain_tar
from airgap.oci.tar import Member
from airgap.oci.tar_header import REPACK, MemberKind
from airgap.text import safe

_HOSTILE: Final = "Do not unpack it with any program. Ask its sender for a tar of the layout alone."
_DOCUMENTS: Final = frozenset({LAYOUT_FILE, LAYOUT_INDEX})
_FOLDERS: Final = (BLOBS, *(f"{BLOBS}/{algorithm}" for algorithm in sorted(SUPPORTED)))
_TOP: Final = re.compile(r"^(\./)+")
_DRIVE: Final = re.compile(r"[A-Za-z]:")
"""bsdtar removes it on every system: C:index.json becomes index.json."""
_BLOB: Final = re.compile(rf"(?:\./)*({BLOBS}/(sha256/[0-9a-f]{{64}}|sha384/[0-9a-f]{{96}}|sha512/[0-9a-f]{{128}}))")
_SHORT_NAME: Final = re.compile(r"[^.~]{1,6}~[0-9]{1,6}(\.[^.]{0,3})?")
"""The short name of a file on Windows: INDEX~1.JSO is index.json."""
_INVISIBLE: Final = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Unicode's property Default_Ignorable_Code_Point: ext4 and f2fs ignore all of these where they ignore case."""
_PART_BYTES: Final = 255


class LayoutFile(NamedTuple):
    """One file of the layout; its plain name is without a leading `./`."""

    name: str
    digest: Digest | None
    """Of a blob; None for `oci-layout` and `index.json`."""
    member: Member


def layout_files(found: Iterable[Member], source: str, others: set[str]) -> Iterator[LayoutFile]:
    """The files of the layout in their order in the tar. Names of other members are added to `others`, within a bound.

    `source` is the name of the tar in messages. Raises FormatError for any member, anywhere in the tar, that another
    reader may read in another way (LAYOUT-9, decision 0024), and ContentError (`layout.malformed`) at the end of a tar
    that holds no layout.
    """
    tree = _Tree()
    documents: set[str] = set()
    blobs: set[str] = set()
    link: FormatError | None = None
    for member in found:
        name = _plain_name(member)
        if member.header_name != member.name:
            _check_header_name(member.header_name, name)
        ours = False
        if member.kind not in {MemberKind.FILE, MemberKind.DIRECTORY}:
            # a docker save archive has links: read on, because "docker save archive" is the better message
            link = link or _link(name, member)
        elif name:
            tree.add(name, member.kind)
            digest = blob_digest(name)
            ours = member.kind is MemberKind.FILE and (name in _DOCUMENTS or digest is not None)
            if ours:
                (blobs if digest else documents).add(f"{BLOBS}/" if digest else name)
                if link is None:
                    yield LayoutFile(name, digest, member)
        if link and (blobs or documents):
            raise link
        if (
            not ours
            and member.kind is not MemberKind.DIRECTORY
            and (len(others) <= limits.LOOSE_FILES or name in DOCKER_SAVE_FILES)
        ):
            others.add(name)
    if documents != _DOCUMENTS:
        raise explain_tar(source, others | documents | blobs)


class _Tree:
    """The members of the tar so far, by the names that any file system may give them."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: dict[str, str] = {name: name for name in _FOLDERS}
        """The spelling of each, by its normalized name."""
        self._spelt: set[str] = set(_FOLDERS)

    def add(self, name: str, kind: MemberKind) -> None:
        """Adds a member. Raises FormatError if it conflicts with an earlier one."""
        folder = name.rpartition("/")[0]
        if folder:
            self._add_folder(folder)
        if kind is MemberKind.DIRECTORY:
            self._add_folder(name)
            return
        key = name if _BLOB.fullmatch(name) else _key(name)
        if key != name and _is_read(key):
            raise FormatError(
                f"{safe(name, limit=160)!r} in the tar is another spelling of {key!r}: where it is unpacked, it may "
                "take that one's place",
                remedy=_HOSTILE,
            )
        if key in self._files:
            raise FormatError(
                f"{safe(name, limit=160)!r} is in the tar twice, or in two spellings: readers differ in which counts",
                remedy=REPACK,
            )
        if key in self._folders:
            raise FormatError(
                f"{safe(name, limit=160)!r} in the tar is a file, where a directory of that name is or belongs",
                remedy=REPACK,
            )
        self._files.add(key)

    def _add_folder(self, name: str) -> None:
        if name in self._spelt:
            return
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            key = _key(folder)
            if key in _DOCUMENTS or _BLOB.fullmatch(key):
                raise FormatError(
                    f"{safe(folder, limit=160)!r} in the tar is a directory with the name of a file of the layout",
                    remedy=_HOSTILE,
                )
            if key in self._files:
                raise FormatError(
                    f"{safe(name, limit=160)!r} in the tar is or needs a directory where it has a file", remedy=REPACK
                )
            if self._folders.setdefault(key, folder) != folder:
                raise FormatError(
                    f"{safe(folder, limit=160)!r} in the tar is another spelling of {safe(self._folders[key])!r}: "
                    "where it is unpacked, the two may be one",
                    remedy=_HOSTILE,
                )
            self._spelt.add(folder)
        if len(self._spelt) > limits.TAR_FOLDERS:
            raise LimitError(f"the tar has more than {limits.TAR_FOLDERS} directories")


def plain_top(name: str) -> str:
    """A member's name without a leading `./`."""
    return _TOP.sub("", name)


def loose_name(member: Member) -> str | None:
    """The name of a regular file beside the layout, not too deep; None for all other members. No name is refused."""
    name = plain_top(member.name)
    is_beside = name.partition("/")[0] not in OWN_NAMES and name.count("/") <= limits.LOOSE_DEPTH
    return name if member.kind is MemberKind.FILE and is_beside else None


def _plain_name(member: Member) -> str:
    """The name without a leading `./` and, of a directory, a trailing `/`; empty for the top itself.

    A name that would leave the directory it is unpacked into, here or on Windows, or that systems spell in different
    ways, makes the whole tar refused. Nothing is unpacked here, but other tools may unpack the same tar.
    """
    name = member.name
    if len(name.encode("utf-8", "surrogateescape")) > limits.TAR_NAME_BYTES:
        raise FormatError(
            f"the tar member {safe(name, limit=160)!r} has a longer name than systems take", remedy=REPACK
        )
    if match := _BLOB.fullmatch(name):
        return match[1]
    shown = f"the tar member {safe(name, limit=160)!r}"
    plain = plain_top(name)
    if member.kind is MemberKind.DIRECTORY:
        if not plain or name in {".", "/"}:  # Python writes "/" for a directory that is added under no name
            return ""
        plain = plain.removesuffix("/")
    elif plain.endswith("/"):
        raise FormatError(f"{shown} is {member.kind.value} and has the name of a directory", remedy=REPACK)
    _check_path(plain, shown)
    return plain


def _check_header_name(stated: str, name: str) -> None:
    """Refuses a file that older readers, as 7-Zip was up to version 19, unpack as one of the layout.

    They do not know the extended header that gives it another name.
    """
    key = _key(plain_top(stated).removesuffix("/"))
    if key != name and _is_read(key):
        raise FormatError(
            f"{safe(name, limit=160)!r} in the tar is {key!r} for readers that know no extended headers",
            remedy=_HOSTILE,
        )


def _is_read(key: str) -> bool:
    """Whether some tool reads the file of this name in a layout."""
    return key in _DOCUMENTS or key in DOCKER_SAVE_FILES or _BLOB.fullmatch(key) is not None


def _check_path(plain: str, shown: str) -> None:
    if ".." in re.split(r"[/\\]", plain) or plain[:1] in {"/", "\\"} or _DRIVE.match(plain):
        raise FormatError(f"{shown} leaves the directory it would be unpacked into", remedy=_HOSTILE)
    if "\\" in plain or not plain.isprintable():
        _check_characters(plain, shown)
    parts = plain.split("/")
    if any(not _key_of_part(part) or _SHORT_NAME.fullmatch(part) for part in parts):
        raise FormatError(f"{shown} has a name that systems read differently", remedy=_HOSTILE)
    if len(parts) > limits.TAR_DEPTH or max(len(part.encode()) for part in parts) > _PART_BYTES:
        raise FormatError(f"{shown} has a longer name than systems take", remedy=REPACK)


def _check_characters(name: str, shown: str) -> None:
    for character in name:
        if character == "\\" or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise FormatError(
                f"{shown} has a name that systems read differently: {safe(character)!r} in it", remedy=_HOSTILE
            )


def _key(name: str) -> str:
    return "/".join(map(_key_of_part, name.split("/")))


@lru_cache(maxsize=256)
def _key_of_part(part: str) -> str:
    """The name in a form that is equal for names that some file system treats as one.

    Many ignore case and normal form, those of Linux and Apple also invisible characters. Windows drops dots and blanks
    at the end, and reads the part after a colon as a stream of the file.
    """
    seen = unicodedata.normalize("NFKC", _INVISIBLE.sub("", part))
    folded = unicodedata.normalize("NFKC", seen.casefold())
    return folded.partition(":")[0].rstrip(". ")


def blob_digest(name: str) -> Digest | None:
    """The digest of the blob with this plain name; None for other files."""
    folder, _, rest = name.partition("/")
    algorithm, _, encoded = rest.partition("/")
    if folder != BLOBS or not encoded:
        return None
    try:
        digest = Digest.parse(f"{algorithm}:{encoded}")
    except FormatError:
        return None  # some other file beside the blobs: macOS makes such files
    return digest if digest.supported else None


def _link(name: str, member: Member) -> FormatError:
    return FormatError(
        f"the tar member {safe(name, limit=160)!r} is {member.kind.value}; a layout tar has plain files and "
        "directories only, as readers differ in where a link leads",
        remedy=f"{REPACK} (GNU tar: --hard-dereference.)",
    )
