"""Tars that airgap passed while GNU tar, bsdtar, Python or skopeo unpack another image from them (decision 0024).

Each is refused in place and through a pipe, in the same words: they name the member and say what to do.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

import airgap
from airgap.errors import ContentError
from airgap.oci.open import open_layout
from tests.support.layouts import (
    BLOCK,
    END,
    LayoutBuilder,
    pad,
    tar_header,
    tar_member,
    tar_of,
    tar_pax,
)


def _files(layer: bytes) -> dict[str, bytes]:
    builder = LayoutBuilder()
    builder.tag(builder.add_image(layer), "v1")
    return builder.files()


TRUST: Final = Path(__file__).parents[2] / "layouts" / "trust"
AT: Final = datetime(2026, 7, 1, tzinfo=UTC)
GOOD: Final = _files(b"good")
INDEX: Final = _files(b"evil")["index.json"]
"""What another reader is to see under that name."""
BLOB: Final = next(name for name in GOOD if name.startswith("blobs/"))
HEX: Final = BLOB.rpartition("/")[2]
FINE: Final = tar_of(GOOD).removesuffix(END)


@dataclass(frozen=True, slots=True)
class Trick:
    """Members beside an honest layout; `words` are in what is reported."""

    id: str
    members: bytes
    words: str
    first: bool = False
    """Before the layout's members instead of behind them."""
    end: bytes = END

    def tar(self) -> bytes:
        return (self.members + FINE if self.first else FINE + self.members) + self.end


def _pax(records: dict[str, str] | bytes, name: str = "a", kind: bytes = b"x", data: bytes = INDEX) -> bytes:
    return tar_pax(records, kind=kind) + tar_member(name, data)


def _long(payload: bytes, kind: bytes = b"L", *, size: int | None = None) -> bytes:
    return tar_header("././@LongLink", len(payload) if size is None else size, "gnu", kind=kind) + pad(payload)


def _filled(records: bytes, behind: bytes, kind: bytes) -> bytes:
    """An extended header with more records behind the size that it states."""
    return tar_header("pax_global_header", len(records), kind=kind) + pad(records + behind)


def _records(records: dict[str, str]) -> bytes:
    return tar_pax(records)[BLOCK:].rstrip(b"\0")


def _patched(header: bytes, *patches: tuple[int, bytes], signed: bool = False) -> bytes:
    block = bytearray(header[:BLOCK])
    for offset, value in patches:
        block[offset : offset + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(byte - 256 if signed and byte > 127 else byte for byte in block)
    return bytes(block) + header[BLOCK:]


def _checksum(header: bytes, form: bytes) -> bytes:
    """The header with its right checksum in another form."""
    return header[:148] + form % int(header[148:154], 8) + header[156:]


def _link(name: str, target: str, kind: bytes = b"2") -> bytes:
    return tar_header(name, 0, kind=kind, link=target)


_SPARSE_1_0: Final = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(len(INDEX))}
_MAP: Final = b"00000000000\0%011o\0" % len(INDEX)
_OLD_SPARSE: Final = _patched(
    tar_header("index.json", len(INDEX), "gnu", kind=b"S"), (386, _MAP), (483, b"%011o\0" % len(INDEX))
)
_EXTENDED_SPARSE: Final = _patched(_OLD_SPARSE, (386, bytes(24)), (482, b"\1"))

TRICKS: Final = (
    Trick("pax sparse name", _pax({"GNU.sparse.name": "index.json"}), "'a' in the tar .*'GNU.sparse.name'"),
    Trick(
        "pax sparse 1.0",
        _pax(_SPARSE_1_0 | {"GNU.sparse.name": "index.json"}, data=pad(b"1\n0\n%d\n" % len(INDEX)) + INDEX),
        "'a' in the tar .*is a sparse file",
    ),
    Trick("pax sparse 0.1", _pax({"GNU.sparse.map": "0,3", "GNU.sparse.size": "3"}), "'a' in the tar .*is a sparse"),
    Trick("pax sparse 0.0", _pax({"GNU.sparse.numblocks": "1"}), "'a' in the tar .*is a sparse file"),
    Trick("pax size of star", _pax({"SCHILY.realsize": "3"}), "'a' in the tar .*'SCHILY.realsize'"),
    Trick("pax holes of Solaris", _pax({"SUN.holesdata": " 0 3"}), "'a' in the tar .*'SUN.holesdata'"),
    Trick("pax link type", _pax({"LIBARCHIVE.symlinktype": "dir"}), "'a' in the tar .*'LIBARCHIVE.symlinktype'"),
    Trick("pax charset", _pax({"hdrcharset": "BINARY"}), "'a' in the tar .*'hdrcharset'"),
    Trick("pax dumpdir", _pax({"GNU.dumpdir": "Yx\0\0"}), "'a' in the tar .*'GNU.dumpdir'"),
    Trick("pax volume", _pax({"GNU.volume.filename": "index.json"}), "'a' in the tar .*'GNU.volume.filename'"),
    Trick("pax link path", _pax({"linkpath": "index.json"}), "'a' in the tar .*'linkpath'"),
    Trick("pax unknown", _pax({"VENDOR.path": "index.json"}), "'a' in the tar .*'VENDOR.path'"),
    Trick("pax path with NUL", _pax({"path": "index.json\0.txt"}), r"'index.json.*x00.txt' in the tar"),
    Trick("pax path with slash", _pax({"path": "index.json/"}), "'index.json/' is a file and has the name of a dir"),
    Trick("pax path empty", _pax({"path": ""}), "has the PAX record 'path' with the value ''"),
    Trick(
        "pax size other",
        tar_pax({"size": "3"}) + tar_member("a", INDEX),
        "'a' in the tar has [0-9]+ bytes in its header and 3",
    ),
    Trick("pax size underscore", _pax({"size": "2_90"}), "'a' in the tar has the PAX record 'size'"),
    Trick("pax owner", _pax({"uid": "0x1"}), "'a' in the tar has the PAX record 'uid'"),
    Trick("pax time", _pax({"mtime": "1e3"}), "'a' in the tar has the PAX record 'mtime'"),
    Trick("pax twice", tar_pax({"path": "b"}) + _pax({"path": "index.json"}), "follows another one"),
    Trick("pax record twice", _pax(b"10 path=a\n10 path=b\n"), "two records 'path'"),
    Trick("pax length", _pax(b"010 path=ab\n"), "malformed"),
    Trick("pax with nothing", tar_header("x", 0, kind=b"x") + tar_member("a", INDEX), "has no records"),
    Trick("pax and long name", _long(b"index.json\0") + _pax({"path": "b"}), "follows another one"),
    Trick("global path", _pax({"path": "index.json"}, kind=b"g"), "sets 'path' for all members"),
    Trick("global size", _pax({"size": "3"}, kind=b"g"), "sets 'size' for all members"),
    Trick("global sparse", _pax({"GNU.sparse.name": "index.json"}, kind=b"g"), "'GNU.sparse.name' for all members"),
    Trick(
        "global called index.json",
        tar_pax({"comment": "x"}, kind=b"g", name="index.json") + tar_member("a", b"1"),
        "'index.json'.* has a name that no tool gives it",
    ),
    Trick(
        "global called blobs",
        tar_pax({"comment": "x"}, kind=b"g", name="./blobs") + tar_member("a", b"1"),
        "'./blobs'.* has a name that no tool gives it",
    ),
    Trick(
        "global that leaves",
        tar_pax({"comment": "x"}, kind=b"g", name="../pax_global_header") + tar_member("a", b"1"),
        "has a name that no tool gives it",
    ),
    Trick("global between", tar_pax({"path": "b"}) + _pax({"comment": "x"}, kind=b"g"), "follows another one"),
    Trick("global twice", tar_pax({"comment": "x"}, kind=b"g") * 2 + tar_member("a", INDEX), "another global one"),
    Trick("header of Solaris", _pax({"path": "index.json"}, kind=b"X"), "'PaxHeader', .*Solaris"),
    Trick("old GNU sparse", _OLD_SPARSE + pad(INDEX), "'index.json'"),
    Trick("old GNU sparse, map in more blocks", _EXTENDED_SPARSE + pad(_MAP) + pad(INDEX), "'index.json'"),
    Trick("long name with NUL", _long(b"index.json\0.txt\0") + tar_member("a", INDEX, "gnu"), "holds a NUL inside"),
    Trick(
        "long name that goes on behind its size",
        _long(b"index.json", size=5) + tar_member("a", INDEX, "gnu"),
        "filled up with other bytes than zeros",
    ),
    Trick(
        "records behind the size",
        _filled(_records({"mtime": "1"}), _records({"path": "index.json"}), b"x") + tar_member("a", INDEX),
        "filled up with other bytes than zeros",
    ),
    Trick(
        "global records behind the size",
        _filled(_records({"comment": "x"}), _records({"path": "index.json"}), b"g") + tar_member("a", INDEX),
        "filled up with other bytes than zeros",
    ),
    Trick("long name of nothing", _long(b"\0") + tar_member("a", INDEX, "gnu"), "holds no name"),
    Trick(
        "long name with slash", _long(b"index.json/\0") + tar_member("a", INDEX, "gnu"), "'index.json/' is a file and"
    ),
    Trick("long name twice", _long(b"b\0") + _long(b"index.json\0") + tar_member("a", INDEX, "gnu"), "follows another"),
    Trick(
        "long link", _long(b"index.json\0", b"K") + tar_member("a", INDEX, "gnu"), "'././@LongLink', .*target of a link"
    ),
    Trick("old long name", _long(b"index.json\0", b"N") + tar_member("a", INDEX, "gnu"), "'././@LongLink', .*old form"),
    Trick("prefix under GNU magic", tar_member("x", INDEX, "gnu", prefix=b"blobs"), "'x', .*GNU magic"),
    Trick("times of GNU", tar_member("x", INDEX, "gnu", prefix=b"14000000000\0"), "'x', .*GNU magic"),
    Trick("another version", tar_member("x", INDEX, magic=b"ustar\0\0\0", prefix=b"d"), "'x', .*magic"),
    Trick("magic of no format", tar_member("x", INDEX, magic=b"ustar 00", prefix=b"d"), "'x', .*magic"),
    Trick("before POSIX", tar_member("x", INDEX, magic=bytes(8)), "'x', .*no magic"),
    Trick("star trailer", _patched(tar_member("x", INDEX, prefix=b"p" * 131), (508, b"tar\0")), "'x', .*star"),
    Trick("name behind NUL", tar_member("a\0index.json", INDEX), r"'a.*x00index.json', "),
    Trick("prefix behind NUL", tar_member("a", INDEX, prefix=b"d\0e"), "'a', .*NUL"),
    Trick("no name", tar_member("", INDEX), "has no name"),
    Trick("link to the top", _link("d", ".") + tar_member("d/index.json", INDEX), "'d' is a symbolic link", first=True),
    Trick("link to blobs", _link("d", "blobs/sha256") + tar_member(f"d/{HEX}", b"x"), "'d' is a symbolic link"),
    Trick("link to index.json", _link("x", "index.json") + tar_member("x", INDEX), "'x' is a symbolic link"),
    Trick("hard link to a blob", _link("x", BLOB, b"1") + tar_member("x", b"x"), "'x' is a hard link"),
    Trick("link beside", _link("latest", "/etc"), "'latest' is a symbolic link", first=True),
    Trick("device", _link("x", "", b"3"), "'x' is a character device"),
    Trick("pipe", _link("x", "", b"6"), "'x' is a pipe"),
    Trick("link target of a file", tar_member("x", INDEX, link="index.json"), "'x', .*names the target"),
    Trick("directory index.json", tar_header("index.json/", 0, kind=b"5"), "'index.json' in the tar is a directory"),
    Trick("directory of a blob", tar_header(f"{BLOB}/", 0, kind=b"5"), "is a directory with the name of a file"),
    Trick("below index.json", tar_member("index.json/x", b"x"), "'index.json' in the tar is a directory"),
    Trick("below a file", tar_member("a", b"x") + tar_member("a/b", b"y"), "'a' in the tar is or needs a directory"),
    Trick("file over a directory", tar_member("a/b", b"x") + tar_member("a", b"y"), "'a' in the tar is a file, where"),
    Trick("twice", tar_member("index.json", INDEX), "'index.json' is in the tar twice"),
    Trick("twice, foreign", tar_member("a", b"1") + tar_member("./a", b"2"), "'a' is in the tar twice"),
    Trick("case", tar_member("INDEX.json", INDEX), "'INDEX.json' in the tar is another spelling of 'index.json'"),
    Trick("case, foreign", tar_member("a", b"1") + tar_member("A", b"2"), "'A' is in the tar twice"),
    Trick("case of a directory", tar_member("Blobs/x", b"1"), "'Blobs' in the tar is another spelling of 'blobs'"),
    Trick("case of a blob", tar_member(f"blobs/sha256/{HEX.upper()}", b"x"), "is another spelling of"),
    Trick("normal form", tar_member("café", b"1") + tar_member("cafe\u0301", b"2"), "is in the tar twice"),
    Trick("normal form in PAX", _pax({"path": "cafe\u0301"}), "'path' with accents as characters of their own"),
    Trick("wide letters", tar_member("\uff49ndex.json", INDEX), "another spelling of 'index.json'"),
    *(
        Trick(f"unseen letter {letter!a}", tar_member(name, INDEX), "another spelling of 'index.json'")
        for letter in "\u200d\u034f\u115f\u17b4\u180b\u2065\u3164\ufe0f\uffa0\ufff0\U000e0100"
        for name in (f"index.json{letter}", f"in{letter}dex.json")
    ),
    *(
        Trick(
            f"for old readers {stated}",
            before + tar_member(stated, INDEX),
            "'readme' in the tar is '.*extended headers",
        )
        for before in (tar_pax({"path": "readme"}), _long(b"readme\0"))
        for stated in ("index.json", "./Index.json", "manifest.json", "blobs/sha256/" + "0" * 64)
    ),
    Trick(
        "directory for old readers",
        tar_pax({"path": "d"}) + tar_header("index.json/", 0, kind=b"5"),
        "'d' in the tar is 'index.json' for readers",
    ),
    Trick("unseen letters in a directory", tar_member("blobs\ufe0f/x", INDEX), "another spelling of 'blobs'"),
    Trick("nothing but unseen letters", tar_member("d\ufe0f/\ufe0f", INDEX), "that systems read differently"),
    Trick("dot", tar_member("index.json.", INDEX), "'index.json.' in the tar is another spelling"),
    Trick("blank", tar_member("index.json ", INDEX), "'index.json ' in the tar is another spelling"),
    Trick("stream", tar_member("index.json::$DATA", INDEX), "'index.json::.DATA' in the tar is another spelling"),
    Trick("short name", tar_member("INDEX~1.JSO", INDEX), "'INDEX~1.JSO' has a name that systems read differently"),
    Trick("backslash", tar_member("blobs\\x", INDEX), "has a name that systems read differently"),
    Trick("drive", tar_member("C:index.json", INDEX), "'C:index.json' leaves the directory"),
    Trick("attribute of no name", _pax({"SCHILY.xattr.": "x"}), "'a' in the tar has the PAX record 'SCHILY.xattr.'"),
    Trick("two slashes alone", tar_header("//", 0, kind=b"5"), "'//' leaves the directory"),
    Trick("slash in the top", tar_header(".//", 0, kind=b"5"), "'.//' has a name that systems read differently"),
    Trick("the top as a file", _pax({"path": "./"}), "'./' has a name that systems read differently"),
    Trick("the top as a file, dot", _pax({"path": "."}), "'.' has a name that systems read differently"),
    Trick("two slashes", tar_member("d//x", INDEX), "'d//x' has a name that systems read differently"),
    Trick("control character", tar_member("a\nb", INDEX), "control character"),
    Trick("control character in PAX", _pax({"path": "a\nb"}), "has a name that systems read differently"),
    Trick(
        "control character in a long name", _long(b"a\x1bb\0") + tar_member("a", b"x"), "that systems read differently"
    ),
    Trick("flags", _pax({"SCHILY.fflags": "schg"}), "'a' in the tar has the PAX record 'SCHILY.fflags'"),
    Trick("no UTF-8", tar_header(b"caf\xe9", 0), "has a name that systems read differently"),
    Trick("size negative", tar_header("a", 0, size_field=b"\xff" * 12), "'a', .*size"),
    Trick("size base-256, odd", tar_header("a", 0, size_field=b"\x81" + bytes(11)), "'a', .*size"),
    Trick("size with NUL", tar_header("a", 0, size_field=b"0000\0000001\0"), "'a', .*size"),
    Trick("size of nothing", tar_header("a", 0, size_field=bytes(12)), "'a', .*size"),
    Trick("size base-64", tar_header("a", 0, size_field=b"+AAAAAAAAAA "), "'a', .*size"),
    Trick("mode", _patched(tar_header("a", 0), (100, b"0o644\0\0\0")), "'a', .*number"),
    Trick("mode with a sign", _patched(tar_header("a", 0), (100, b"-000644\0")), "'a', .*number"),
    Trick("late time", _patched(tar_header("a", 0), (136, b"\x80" + (8**12).to_bytes(11, "big"))), "'a', .*number"),
    Trick("checksum in Python's digits", _checksum(tar_header("a", 0), b"0_%04o\0 "), "checksum"),
    Trick("owner", _patched(tar_header("a", 0), (108, b"1_0\0\0\0\0\0")), "'a', .*number"),
    Trick("signed checksum", _patched(tar_header("é", 0), signed=True), "checksum"),
    Trick("type 0 and slash", tar_header("index.json/", 0), "'index.json/' is a file and has the name of a directory"),
    Trick("type NUL and slash", tar_header("d/", 0, kind=b"\0"), "'d/', .*name of a directory"),
    Trick(
        "type NUL, slash and PAX",
        tar_pax({"path": "b"}) + tar_header("d/", 0, kind=b"\0"),
        "'d/', .*name of a directory",
    ),
    Trick("contiguous", tar_member("a", INDEX, kind=b"7"), "'a', .*contiguous"),
    Trick("dump directory", tar_member("a", b"Yx\0\0", "gnu", kind=b"D"), "'a', .*list of names"),
    Trick("multi-volume", tar_member("a", INDEX, "gnu", kind=b"M"), "'a', .*continuation"),
    Trick("volume label", tar_header("index.json", 0, "gnu", kind=b"V"), "'index.json', .*volume label"),
    Trick("unknown type", tar_member("a", INDEX, kind=b"A"), "'a', .*type 'A', which is unknown"),
    Trick("directory with data", tar_header("d/", 9, kind=b"5") + pad(b"x" * 9), "'d/' in the tar is a directory and"),
    Trick("one zero block, then more", b"", "trailing data", end=bytes(BLOCK) + tar_member("index.json", INDEX) + END),
    Trick("two tars", b"", "trailing data", end=END + tar_of(_files(b"evil"))),
    Trick("data behind the end", b"", "trailing data", end=END + bytes(9000) + b"x"),
    Trick("one zero block", b"", "cut short", end=bytes(BLOCK)),
    Trick("extended header at the end", tar_pax({"path": "index.json"}), "a member has to follow"),
)


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.id)
def test_refuses_a_tar_that_readers_read_differently(tmp_path: Path, trick: Trick) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(trick.tar())
    with pytest.raises(ContentError, match=f"(?s){trick.words}") as in_place, open_layout(path):
        pass
    assert in_place.value.reason == "layout.malformed"
    assert in_place.value.remedy
    request = airgap.CopyRequest(sources=["-"], destination=str(tmp_path / "to"), at=AT)
    with pytest.raises(airgap.AirgapError) as piped:
        airgap.copy(request, source=io.BytesIO(trick.tar()))
    assert str(piped.value) == str(in_place.value).replace(str(path), "standard input")
    assert piped.value.remedy == in_place.value.remedy
    assert json.loads((tmp_path / "to" / "index.json").read_bytes())["manifests"] == []


@pytest.mark.parametrize(
    "number", [0, next(number for number, trick in enumerate(TRICKS) if trick.id == "link beside")]
)
def test_names_the_member_and_the_remedy(tmp_path: Path, number: int) -> None:
    trick = TRICKS[number]
    path = tmp_path / "x.tar"
    path.write_bytes(trick.tar())
    command = [sys.executable, "-m", "airgap"]
    verified = subprocess.run(
        [*command, "verify", str(path), "--trust", str(TRUST), "--scope", "registry.example/app"],
        check=False,
        capture_output=True,
        text=True,
    )
    with path.open("rb") as pipe:
        sender = subprocess.Popen(["cat"], stdin=pipe, stdout=subprocess.PIPE)
        copied = subprocess.run(
            [*command, "copy", "-", str(tmp_path / "to")],
            check=False, stdin=sender.stdout, capture_output=True, text=True,
        )  # fmt: skip
        assert sender.stdout is not None
        sender.stdout.close()
        sender.wait(timeout=60)
    member = "'latest' is a symbolic link" if number else "'a' in the tar"
    for ran in (verified, copied):
        said = " ".join((ran.stdout + ran.stderr).split())
        assert ran.returncode not in {0, 2}, said
        assert member in said
        assert "cp -rL" in said


def _go(name: str, data: bytes = b"", kind: bytes = b"0", mode: bytes = b"0100644\0") -> bytes:
    """As docker's archiver writes it: with the type in the mode."""
    return _patched(tar_member(name, data, kind=kind), (100, mode), (329, b"0000000\0" * 2))


HONEST: Final[dict[str, Callable[[], bytes]]] = {
    **{
        f"global comment, called {name}": lambda name=name: (  # type: ignore[misc]
            tar_pax({"comment": "0" * 40}, kind=b"g", name=name) + FINE + END
        )
        for name in ("pax_global_header", "././@PaxHeader", "/tmp/GlobalHead.17.1", "GlobalHead.0.0", "PaxHeader/")  # noqa: S108
    },
    "accents in a header": lambda: tar_member("cafe\u0301", b"x") + FINE + END,
    "times and owners in PAX": lambda: (
        _pax({"mtime": "1795917110.457845399", "atime": "1", "uid": "3000000", "uname": "jörg"}, "README") + FINE + END
    ),
    "attributes of macOS": lambda: (
        _pax({"LIBARCHIVE.xattr.com.apple.quarantine": "MDA4", "SCHILY.xattr.com.apple.provenance": "\1\2"}, "._x")
        + FINE + END
    ),
    "docker save of today": lambda: (
        _go("blobs/", kind=b"5", mode=b"0040755\0")
        + b"".join(_go(name, data) for name, data in GOOD.items())
        + _go("manifest.json", b"[]") + _go("repositories", b"{}") + END
    ),
    "folders of PAX headers": lambda: FINE + tar_member("PaxHeaders.0/index.json", b"x=y") + END,
    "whole records": lambda: FINE + bytes(20 * BLOCK),
    "the directory twice": lambda: tar_header("blobs/", 0, kind=b"5") + FINE + END,
    "the latest time": lambda: (
        _patched(tar_header("a", 0), (136, b"\x80" + (8**12 - 1).to_bytes(11, "big"))) + FINE + END
    ),
    "letters with a variant": lambda: tar_member("\u2764\ufe0f.txt", b"x") + FINE + END,
    "type NUL": lambda: tar_member("a", b"x", kind=b"\0") + FINE + END,
    "long name without NUL": lambda: _long(b"n" * 150) + tar_member("n", b"x", "gnu") + FINE + END,
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_reads_a_valid_tar(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(HONEST[name]())
    with open_layout(path) as layout:
        assert len(layout.index().manifests) == 1
    request = airgap.CopyRequest(sources=["-"], destination=str(tmp_path / "to"), at=AT)
    result = airgap.copy(request, source=io.BytesIO(HONEST[name]()))
    assert [item.status for item in result.artifacts] == ["copied"]
