"""Says what a file or directory is that is no OCI image layout, and what to do.

"Not a layout" alone does not help a field engineer who named the wrong thing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap.errors import ContentError
from airgap.files import is_there
from airgap.near_names import CARRY_NAMES
from airgap.oci.documents import BLOBS, DOCKER_SAVE_FILES, LAYOUT_FILE, LAYOUT_INDEX, malformed
from airgap.oci.tar_header import COPY_AGAIN
from airgap.text import safe, some

_SKOPEO: Final = "skopeo copy --all"
_COPY_AGAIN: Final = f"Make one on the connected side: airgap copy REGISTRY/REPOSITORY:TAG oci:DIRECTORY, or {_SKOPEO}."
STANDARD_INPUT: Final = "standard input"
"""The name in messages of a tar that comes through a pipe."""
_SHOWN_NAMES: Final = 3
_BLOCK: Final = 512
_SIGNATURE: Final = re.compile(rb'\s*\{\s*"(?:payload|protected|signature|header)"\s*:\s*["{]')
"""How a JWS in JSON begins."""
_ZSTD_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
"""A frame that zstd skips (RFC 8878, 3.1.2); the compressed frame follows it."""
_AS_ON_CD: Final = re.compile(r"(INDEX\.JSO?N?|OCI[-_]LAYO(UT)?\.?)(;1)?", re.IGNORECASE)
"""The names of a layout's files on media that keep only capitals, eight characters, or three after the dot."""
_OF_IMGPKG: Final = re.compile(r"sha256-[0-9a-f]{64}\.tar\.gz")
"""How imgpkg names layers."""
_OCTAL: Final = re.compile(rb"[ \0]*([0-7]*)")
_PIECE: Final = re.compile(r".+\.(part-?)?([0-9]{1,3}|a[a-z]|a[a-z][a-z])")
_JOIN: Final = "Join the pieces in their order, from the first to the last (cat PIECES > NEW.tar), and name that."


@dataclass(frozen=True, slots=True)
class _Kind:
    """Files that people often name in place of a tar."""

    begins: re.Pattern[bytes]
    what: str
    remedy: str
    """`{file}` is replaced with the name of the file."""
    why: str = ""
    """Why it cannot be read, as the end of a sentence."""
    pieces: str = ""
    """The remedy if its name is that of a piece of such a file."""


def _compressed(magic: bytes, name: str, tool: str) -> _Kind:
    return _Kind(
        re.compile(re.escape(magic)),
        f"is {name}",
        f"Decompress it first ({tool} {{file}}), then name the tar that comes out.",
        "; layouts are read in place, at any offset, and so must not be compressed",
        "Join the pieces in their order, from the first to the last (cat PIECES > WHOLE), decompress that "
        f"({tool} WHOLE), and name the tar that comes out.",
    )


def _packed(magic: bytes, name: str, tool: str) -> _Kind:
    return _Kind(
        re.compile(re.escape(magic)),
        f"is {name}",
        f"Unpack it into a new directory ({tool} {{file}}), then name that directory.",
        "; a layout is a directory or a tar",
    )


GZIP: Final = b"\x1f\x8b"
XZ: Final = b"\xfd7zXZ\x00"
_PACKED: Final = (
    _compressed(GZIP, "a gzip file", "gunzip"),
    _compressed(b"\x28\xb5\x2f\xfd", "a zstd file", "zstd -d"),
    _compressed(XZ, "an xz file", "unxz"),
    _compressed(b"BZh", "a bzip2 file", "bunzip2"),
    _compressed(b"\x04\x22\x4d\x18", "an lz4 file", "lz4 -d"),
    _packed(b"PK\x03\x04", "a zip file", "unzip"),
    _packed(b"PK\x05\x06", "an empty zip file", "unzip"),
    _packed(b"7z\xbc\xaf\x27\x1c", "a 7z file", "7z x"),
)
_OTHERS: Final = (
    _Kind(
        re.compile(rb"(\xef\xbb\xbf)?\s*<[!?A-Za-z]"),
        "is a web page (HTML) or XML",
        "The download gave a page instead of the file (of a proxy, or to log in?): get it again.",
    ),
    _Kind(
        re.compile(rb"(PASS|FAIL|UNSURE|SKIPPED): "),
        "is the text that airgap verify prints, not its report",
        "A report is written by airgap verify --report FILE; airgap recheck takes these, and layouts.",
    ),
    _Kind(
        re.compile(rb"version https://git-lfs"),
        "is a pointer of Git LFS, not the file",
        "Get the file that it points to: git lfs pull.",
    ),
    _Kind(
        re.compile(rb"age-encryption\.org/|-----BEGIN (PGP MESSAGE|AGE ENCRYPTED FILE)-----|Salted__|LUKS\xba\xbe"),
        "is encrypted",
        "Decrypt it first, with the tool that it was encrypted with, and name what comes out.",
    ),
    _Kind(
        re.compile(rb"\0{512}"),
        "begins with zeros, so that it is an empty tar at best",
        "Nothing was packed, or the copy broke off: make it again. If it is the image of a disk or CD, mount it first.",
    ),
)


def check_head(path: str, head: bytes, size: int) -> None:
    """Refuses a file that is no tar, by its first bytes `head`. Raises ContentError that says what it is instead."""
    if size == 0:
        raise malformed(
            f"{safe(path)} is empty (0 bytes)", remedy="The copy did not happen or broke off; copy it again."
        )
    _refuse(path, head, _PACKED)
    is_json = head.lstrip()[:1] in {b"{", b"["}
    if not is_json and size >= _BLOCK and (head[257:262] == b"ustar" or is_tar_header(head)):
        return
    _refuse_signatures(path, head)
    if is_json:
        raise malformed(
            f"{safe(path)} is a JSON file, not a layout",
            remedy="Name the directory that holds oci-layout and index.json, or a tar of it.",
        )
    _refuse(path, head, _OTHERS)
    raise _other(path)


def _refuse(path: str, head: bytes, kinds: Iterable[_Kind]) -> None:
    for kind in kinds:
        if not kind.begins.match(head):
            continue
        if kind.pieces and is_piece(path):
            raise malformed(f"{safe(path)} {kind.what}, and by its name a piece of one", remedy=kind.pieces)
        raise malformed(f"{safe(path)} {kind.what}{kind.why}", remedy=kind.remedy.replace("{file}", _file(path)))


def remedy_for_damaged(path: str, remedy: str) -> str:
    """`remedy`, unless the name of the file is that of a piece of a tar: the first piece begins as a tar does."""
    return _JOIN if remedy == COPY_AGAIN and is_piece(path) else remedy


def is_piece(path: str) -> bool:
    """Whether a file has the name that `split` and the like give to a piece."""
    return _PIECE.fullmatch(Path(path).name) is not None


def _other(path: str) -> ContentError:
    """The error for a file of an unknown kind."""
    if is_piece(path):
        return malformed(
            f"{safe(path)} is neither a layout directory nor a tar of one; by its name it may be a piece of one",
            remedy=_JOIN,
        )
    return malformed(
        f"{safe(path)} is neither a layout directory nor a tar of one",
        remedy=f"Check that it was copied whole and is the right file. {_COPY_AGAIN}",
    )


def _refuse_signatures(path: str, head: bytes) -> None:
    """Refuses a detached signature, and a file that has one: `airgap blob` is for these."""
    if head.startswith(b"\xd2\x84") or _SIGNATURE.match(head):
        raise malformed(
            f"{safe(path)} is a signature, not a layout",
            remedy="The signature of a file is judged beside it: airgap blob verify FILE. That of an artifact is "
            "judged in the layout that holds the artifact.",
        )
    if any(is_there(f"{path}.{form}.sig") for form in ("jws", "cose")):
        raise malformed(
            f"{safe(path)} is a file, not a layout, and its signature is beside it",
            remedy=f"A file with a signature of its own is judged by airgap blob verify {_file(path)}.",
        )


def is_packed(head: bytes) -> bool:
    """Whether these are the first bytes of a compressed file or an archive."""
    return any(kind.begins.match(head) for kind in _PACKED) or _ZSTD_SKIPPABLE.match(head) is not None


def explain_tar(path: str, names: Collection[str]) -> ContentError:
    """The error for a tar without a layout: what it is by the names of its members."""
    shown = safe(path)
    nested = sorted(name for name in names if name.endswith(f"/{LAYOUT_FILE}"))
    if not names:
        return malformed(f"{shown} is an empty tar", remedy=_COPY_AGAIN)
    if any(map(_OF_IMGPKG.fullmatch, names)):
        return malformed(
            f"{shown} is a tar of imgpkg, not an OCI image layout",
            remedy=f"Bring it into a registry first: imgpkg copy --tar {_file(path)} --to-repo REGISTRY/REPOSITORY",
        )
    if DOCKER_SAVE_FILES & set(names):
        return malformed(
            f"{shown} is a docker save archive (crane, kaniko and Bazel write these, too), not an OCI image layout; it "
            "holds no signatures, and its digests are not those that were signed",
            remedy="Copy the image again from its registry, so that its signatures come along (airgap copy). Without "
            f"signatures it can be converted: skopeo copy docker-archive:{_file(path)} oci-archive:NEW.tar",
        )
    if nested:
        folder = safe(nested[0].removesuffix(f"/{LAYOUT_FILE}"), limit=160)
        return malformed(
            f"{shown} holds a layout in its folder {folder!r}, not at its top",
            remedy=f"Unpack it, and pack what is inside of the folder: tar -xf {_file(path)}, then "
            f"tar -C {folder} -cf NEW.tar oci-layout index.json blobs",
        )
    if LAYOUT_FILE in names or LAYOUT_INDEX in names or any(name.startswith(f"{BLOBS}/") for name in names):
        return malformed(f"{shown} is an incomplete layout: it has no {_absent(names)}", remedy=_COPY_AGAIN)
    return malformed(f"{shown} is a tar, but not of an OCI image layout; it holds {_some(names)}", remedy=_COPY_AGAIN)


def explain_directory(path: str) -> ContentError:
    """The error for a directory without a layout: what it is instead. Raises OSError if it cannot be listed."""
    shown = safe(path)
    names = {entry.name for entry in Path(path).iterdir()}
    if not names:
        return malformed(
            f"{shown} is an empty directory", remedy=f"Check that the medium is mounted, and the path. {_COPY_AGAIN}"
        )
    if _has(path, "docker/registry/v2") or _has(path, "registry/v2") or {"repositories", BLOBS} <= names:
        return malformed(
            f"{shown} is the storage directory of a registry, not an OCI image layout",
            remedy="Start a registry on it and copy out of that: airgap copy REGISTRY/REPOSITORY:TAG oci:DIRECTORY",
        )
    if changed := [name for name in names - {LAYOUT_FILE, LAYOUT_INDEX} if _AS_ON_CD.fullmatch(name)]:
        return malformed(
            f"{shown} may be a layout whose names the medium has changed: it holds {_some(changed)}", remedy=CARRY_NAMES
        )
    if LAYOUT_FILE in names or LAYOUT_INDEX in names:
        return malformed(f"{shown} is an incomplete layout: it has no {_absent(names)}", remedy=_COPY_AGAIN)
    if "manifest.json" in names and "version" in names:
        return malformed(
            f"{shown} is a directory of skopeo's dir: transport, not an OCI image layout",
            remedy=f"Better copy again from the registry, with signatures. To convert: {_SKOPEO} dir:{shown} oci:NEW",
        )
    if "manifest.json" in names:
        return malformed(
            f"{shown} is an unpacked docker save archive, not an OCI image layout",
            remedy="Copy the image again from its registry, so that its signatures come along (airgap copy).",
        )
    inside = Path(path).resolve().parent.name == BLOBS
    if inside or Path(path).name == BLOBS or names <= {"sha256", "sha384", "sha512"}:
        return malformed(
            f"{shown} is {'in ' if inside else ''}the {BLOBS}/ directory of a layout, without the layout",
            remedy="Name the directory above it, the one that holds oci-layout and index.json.",
        )
    if BLOBS in names:
        return malformed(f"{shown} is an incomplete layout: it has no {_absent(names)}", remedy=_COPY_AGAIN)
    nested = sorted(name for name in names if _has(path, f"{name}/{LAYOUT_FILE}"))
    tars = sorted(name for name in names if name.lower().endswith(".tar") and Path(path, name).is_file())
    if nested or tars:  # the medium itself was named: show the layouts on it
        found = [_some(some, what) for some, what in ((nested, "layout"), (tars, "tar")) if some]
        all_of_them = " ".join(safe(Path(path, name)) for name in (*nested, *tars)[:_SHOWN_NAMES])
        return malformed(
            f"{shown} is not a layout itself, but holds {' and '.join(found)}", remedy=f"Name the layout: {all_of_them}"
        )
    return malformed(f"{shown} is not an OCI image layout; it holds {_some(names)}", remedy=_COPY_AGAIN)


def _has(path: str, inner: str) -> bool:
    return Path(path, inner).exists()


def _file(path: str) -> str:
    """The name of the file in a suggested command."""
    return "FILE" if path == STANDARD_INPUT else safe(path)


def _absent(names: Collection[str]) -> str:
    parts = [part for part in (LAYOUT_FILE, LAYOUT_INDEX) if part not in names]
    if not any(name == BLOBS or name.startswith(f"{BLOBS}/") for name in names):
        parts.append(f"{BLOBS}/")
    return " and no ".join(parts)


def _some(names: Collection[str], what: str = "") -> str:
    listed = some(sorted(names), _SHOWN_NAMES, lambda name: repr(safe(name, limit=64)))
    return f"the {what}{'s' if len(names) > 1 else ''} {listed}" if what else listed


def is_tar_header(head: bytes) -> bool:
    """Whether some reader accepts these first bytes as a tar. Only the checksum decides: some check nothing else.

    It is read as the most lenient reader does: octal digits after blanks and NULs, with anything after them. The sum
    of signed bytes, as some old tools wrote it, counts too.
    """
    if len(head) < _BLOCK:
        return False
    digits = _OCTAL.match(head[148:156])
    stated = int(digits[1] or b"0", 8) if digits else 0
    blank = head[:148] + b" " * 8 + head[156:_BLOCK]
    return stated in {sum(blank), sum(memoryview(blank).cast("b"))}
