"""Tars as honest and as dishonest tools write them: a layout, its members in every format, and what may be odd in them.

Each has none, one or some odd things; what is odd is noted, so that a failure says what it is about. There are two
images: the one that the layout's `index.json` names, and another one that a trick may put in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from tests.support.layouts import BLOCK, END, LayoutBuilder, TarFormat, pad, tar_header, tar_pax


def _image(layer: bytes) -> dict[str, bytes]:
    builder = LayoutBuilder()
    builder.tag(builder.add_image(layer), "v1")
    return builder.files()


GOOD: Final = _image(b"good")
EVIL: Final = _image(b"evil")
FORMS: Final[tuple[TarFormat, ...]] = ("ustar", "gnu", "pax")
BLOB: Final = next(name for name in GOOD if name.startswith("blobs/"))
OURS: Final = ("index.json", "oci-layout", BLOB, "blobs", "blobs/sha256")

Records = dict[str, str]

HONEST_RECORDS: Final[tuple[tuple[str, str], ...]] = (
    ("mtime", "1795917110.457845399"),
    ("mtime", "-1.5"),
    ("atime", "1795917110"),
    ("ctime", "1.25"),
    ("uid", "3000000"),
    ("gid", "4294967294"),
    ("uname", "jörg"),
    ("gname", "staff"),
    ("comment", "made by hand"),
    ("SCHILY.dev", "66306"),
    ("SCHILY.ino", "131077"),
    ("SCHILY.nlink", "1"),
    ("SCHILY.fflags", "nodump"),
    ("SCHILY.xattr.user.a", "b=c\n"),
    ("LIBARCHIVE.xattr.user.a", "Yg"),
    ("LIBARCHIVE.creationtime", "1795917110.5"),
)
ODD_RECORDS: Final[tuple[tuple[str, str], ...]] = (
    ("path", "index.json"),
    ("path", "index.json/"),
    ("path", "./index.json"),
    ("path", "index.json\0x"),
    ("path", "x\0index.json"),
    ("path", ""),
    ("path", BLOB),
    ("path", "a"),
    ("path", "cafe\u0301"),
    ("linkpath", "index.json"),
    ("linkpath", "a"),
    ("size", "0"),
    ("size", "1"),
    ("size", "+4"),
    ("size", " 4"),
    ("size", "1_0"),
    ("size", "0x10"),
    ("size", "512"),
    ("size", "-1"),
    ("size", "99999999999999999999"),
    ("uid", "0x1"),
    ("uid", "-1"),
    ("uid", "99999999999"),
    ("gid", "1_0"),
    ("mtime", "1e3"),
    ("mtime", "."),
    ("mtime", "1."),
    ("mtime", "9" * 30),
    ("mtime", "nan"),
    ("mtime", ""),
    ("uname", "a\0b"),
    ("uname", ""),
    ("hdrcharset", "BINARY"),
    ("hdrcharset", "ISO-IR 10646 2000 UTF-8"),
    ("charset", "BINARY"),
    ("GNU.sparse.name", "index.json"),
    ("GNU.sparse.major", "1"),
    ("GNU.sparse.minor", "0"),
    ("GNU.sparse.realsize", "3"),
    ("GNU.sparse.size", "3"),
    ("GNU.sparse.map", "0,1"),
    ("GNU.sparse.numblocks", "1"),
    ("GNU.sparse.offset", "0"),
    ("GNU.sparse.numbytes", "3"),
    ("GNU.dumpdir", "Yindex.json\0\0"),
    ("GNU.volume.label", "index.json"),
    ("GNU.volume.filename", "index.json"),
    ("GNU.volume.offset", "0"),
    ("GNU.volume.size", "3"),
    ("SCHILY.realsize", "3"),
    ("SCHILY.devmajor", "x"),
    ("SCHILY.acl.access", "user::rw-,group::r--,other::r--"),
    ("SCHILY.fflags", "schg,uappnd"),
    ("SCHILY.filetype", "sparse"),
    ("LIBARCHIVE.symlinktype", "dir"),
    ("LIBARCHIVE.xattr.", "!"),
    ("SCHILY.xattr.", "x"),
    ("SUN.holesdata", " 0 1"),
    ("RHT.security.selinux", "unconfined_u:object_r:user_home_t:s0"),
    ("MSWINDOWS.mountpoint", "index.json"),
    ("realtime.any", "x"),
    ("VENDOR.key", "value"),
    ("a=b", "c"),
    ("", "c"),
    ("path ", "index.json"),
    ("PATH", "index.json"),
    ("pathx", "index.json"),
)
FOREIGN: Final = (
    "manifest.json",
    "repositories",
    "README",
    "a",
    "a/b",
    "d/e/f",
    "._index.json",
    "./._index.json",
    "blobs/._sha256",
    "blobs/sha256/._x",
    "blobs/README",
    "blobs/sha256/short",
    f"blobs/md5/{'0' * 32}",
    "PaxHeaders.0/index.json",
    "PaxHeader/index.json",
    "@PaxHeader",
    "././@LongLink",
    "GNUSparseFile.0/index.json",
    "café",
    "cafe\u0301",
    "index.json~",
    "index.json.bak",
    "x" * 100,
    "p" * 60 + "/" + "q" * 60,
    "y" * 200,
    "-rf",
    "@index.json",
    "*",
    "a b",
    " a",
    "#mtree",
    "WARC/1.0",
    "070707000000",
)
ODD_NAMES: Final = (
    "INDEX.JSON",
    "Index.json",
    "index.json.",
    "index.json ",
    "index.json::$DATA",
    "index.json:x",
    "INDEX~1.JSO",
    "ind\u200cex.json",
    "\uff49ndex.json",
    "index.json/",
    "index.json/.",
    "./index.json/",
    ".//index.json",
    "/",
    "./.",
    "/index.json",
    "//index.json",
    "../index.json",
    "x/../index.json",
    "blobs/../index.json",
    "blobs//sha256/x",
    "blobs/./x",
    "./",
    ".",
    "",
    "a/",
    "A",
    "a.",
    "A/b",
    "a/b/c",
    "index.json/x",
    "oci-layout/x",
    f"{BLOB}/x",
    "blobs\\x",
    "index.json\\",
    ".\\index.json",
    "C:index.json",
    "C:/index.json",
    "BLOBS/sha256/x",
    "blobs/SHA256/x",
    "index.json\n",
    "\tindex.json",
    "\x7f",
    "begin 644 index.json\n",
    "BZh91AY",
    "PK\x03\x04",
)
ODD_NUMBERS: Final = (
    b"",
    b" ",
    b"0",
    b"7",
    b"00000000000",
    b"00000000001\0",
    b" 1",
    b"1 ",
    b"\0001",
    b"1\0" + b"7",
    b"1 7",
    b"0x1",
    b"0o1",
    b"1_0",
    b"+1",
    b"-1",
    b"8",
    b"12345678",
    b"\t1",
    b"\x80\0\0\0\0\0\0\1",
    b"\x80\0\0\0\0\0\0\0\0\0\0\1",
    b"\x80\0\0\0\0\0\0\0\0\0\2\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xff" * 12,
    b"\x81\0\0\0\0\0\0\1",
    b"\xc0\0\0\0\0\0\0\1",
    b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"AA==",
    b"+AAAAAAB",
    b"777777777777",
)
NUMBERS: Final = {
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "devmajor": (329, 8),
    "devminor": (337, 8),
}
MAGICS: Final = (
    b"ustar\x0000",
    b"ustar  \0",
    b"ustar\0\0\0",
    b"ustar\0 \0",
    b"ustar\x0001",
    b"ustar  0",
    b"ustar 00",
    b"ustar00\0",
    bytes(8),
    b"USTAR\x0000",
    b"tar\0\0\0\0\0",
)
PREFIXES: Final = (b"d", b"blobs/sha256", b".", b"./", b"/", b"..", b"d\0e", b"14000000000\0" * 2, b"x" * 155, b"\0x")
KINDS: Final = tuple(bytes([letter]) for letter in b"\x001234567ABDEIKLMNSVXZgx89 \xff")
MODES: Final = (b"0000644\0", b"000644 \0", b"0100644\0", b"0000444\0", b"  644 \0 ")
CHECKSUMS: Final = (b"%06o\0 ", b"%07o\0", b"%06o  ", b"%06o\0\0", b"%6o\0 ", b"%o\0 ", b" %06o\0")


@dataclass(frozen=True, slots=True)
class Forged:
    """A tar and what is odd in it."""

    data: bytes
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Block:
    """A member or a meta header before it is bytes."""

    name: bytes
    data: bytes
    form: TarFormat
    kind: bytes = b"0"
    prefix: bytes = b""
    mode: bytes = MODES[0]
    checksum: bytes = CHECKSUMS[0]
    magic: bytes | None = None
    size: bytes | None = None
    link: str = ""
    patches: tuple[tuple[int, bytes], ...] = ()
    signed: bool = False
    decoy: bool = False
    behind: bytes = b""
    """Behind the data, where the last block is filled up."""

    def raw(self) -> bytes:
        block = bytearray(
            tar_header(
                self.name, len(self.data), self.form, kind=self.kind, magic=self.magic, link=self.link,
                size_field=self.size, prefix=self.prefix,
            )
        )  # fmt: skip
        block[100:108] = self.mode
        for offset, value in self.patches:
            block[offset : offset + len(value)] = value
        if not any(offset <= 148 < offset + len(value) for offset, value in self.patches):
            block[148:156] = b" " * 8
            total = sum(byte - 256 if self.signed and byte > 127 else byte for byte in block)
            block[148:156] = (self.checksum % (total & 0o777777)).ljust(8, b"\0")[:8]
        return bytes(block[:BLOCK]) + pad(self.data + self.behind[: -len(self.data) % BLOCK])


@st.composite
def forged(draw: st.DrawFn) -> Forged:
    """A tar with at most three odd things."""
    notes: list[str] = []
    prefix = draw(st.sampled_from(["", "", "./", "././"]))
    form: TarFormat = draw(st.sampled_from(FORMS))
    files = list(GOOD.items())
    if draw(st.booleans()):
        files += [(name, data) for name, data in EVIL.items() if name not in GOOD]
    content = st.sampled_from([b"", b"foreign", EVIL["index.json"]])
    files += draw(st.lists(st.tuples(st.sampled_from(FOREIGN), content), max_size=2))
    files = draw(st.permutations(files)) if draw(st.booleans()) else files
    groups: list[list[_Block]] = []
    if draw(st.booleans()):
        groups += [_member(draw, f"{prefix}{name}/", b"", form, b"5") for name in ("blobs", "blobs/sha256")]
        if prefix:
            groups.insert(0, _member(draw, prefix, b"", form, b"5"))
    mixed = draw(st.integers(0, 9)) == 0
    for name, data in files:
        one = draw(st.sampled_from(FORMS)) if mixed else form
        spelt = name if name.startswith("./") else prefix + name
        groups.append(_member(draw, spelt, data, one, b"0"))
    name = prefix + draw(st.sampled_from(["decoy", "dir/decoy"]))
    decoy = _member(draw, name, draw(st.sampled_from([b"decoy", EVIL["index.json"]])), form, b"0")
    decoy[-1].decoy = True
    _put(draw, groups, decoy)
    if draw(st.integers(0, 9)) == 0:
        called = draw(
            st.sampled_from([b"pax_global_header", b"././@PaxHeader", b"index.json", BLOB.encode(), b"blobs"])
        )
        _put(draw, groups, [_Block(called, _records({"comment": "0" * 40}), "pax", b"g")])
    oddities = draw(st.lists(st.sampled_from(_ODDITIES), min_size=draw(st.integers(0, 1)), max_size=2))
    notes += [oddity(draw, groups) for oddity in oddities]
    data = b"".join(block.raw() for group in groups for block in group) + END
    tail = draw(st.integers(0, 39))
    if tail in _TAILS:
        note, change = _TAILS[tail]
        notes.append(note)
        data = change(data)
    return Forged(data, tuple(notes))


Group = list[_Block]


def _member(draw: st.DrawFn, name: str, data: bytes, form: TarFormat, kind: bytes) -> Group:
    """As the tools of that format write it."""
    raw = name.encode("utf-8", "surrogatepass")
    mode = draw(st.sampled_from(MODES))
    block = _Block(raw[:100], data, form, kind, mode=mode)
    if form == "gnu" and len(raw) > 100:
        return [_Block(b"././@LongLink", raw + b"\0", "gnu", b"L"), block]
    records: Records = {}
    if form == "pax":
        for key, value in draw(st.lists(st.sampled_from(HONEST_RECORDS), max_size=2)):
            records[key] = value
    if len(raw) > 100:
        front, _, last = name.rpartition("/")
        if form == "ustar" and front and len(last) <= 100 and len(front) <= 155 and draw(st.booleans()):
            block.name, block.prefix = last.encode(), front.encode()
        else:
            records["path"] = name
    if not records:
        return [block]
    return [_Block(draw(st.sampled_from([b"PaxHeaders/x", b"././@PaxHeader"])), _records(records), "pax", b"x"), block]


def _records(records: Records | list[tuple[str, str]]) -> bytes:
    pairs = records.items() if isinstance(records, dict) else records
    return b"".join(_data_of(tar_pax({key: value})) for key, value in pairs)


def _data_of(pax: bytes) -> bytes:
    return pax[BLOCK : BLOCK + int(pax[124:135], 8)]


# --- what may be odd ---


def _any_group(draw: st.DrawFn, groups: list[Group]) -> Group:
    """Mostly the decoy: without one of its own files a layout is refused for that, whatever was done to the file."""
    decoys = [group for group in groups if group[-1].decoy]
    number = draw(st.integers(0, 3 * len(groups) - 1))
    return decoys[0] if decoys and number >= len(groups) else groups[number % len(groups)]


def _put(draw: st.DrawFn, groups: list[Group], group: Group) -> None:
    groups.insert(draw(st.integers(0, len(groups))), group)


def _odd_kind(draw: st.DrawFn, groups: list[Group]) -> str:
    block = _any_group(draw, groups)[-1]
    block.kind = draw(st.sampled_from(KINDS))
    return f"type {block.kind!r} of {block.name!r}"


def _odd_magic(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    block.magic = draw(st.sampled_from(MAGICS))
    return f"magic {block.magic!r} of {block.name!r}"


def _odd_prefix(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    block.prefix = draw(st.sampled_from(PREFIXES))
    if draw(st.booleans()):
        block.magic = draw(st.sampled_from(MAGICS))
    if draw(st.integers(0, 3)) == 0:
        block.patches += ((508, b"tar\0"),)
    return f"prefix {block.prefix[:20]!r} and magic {block.magic!r} of {block.name!r}"


def _odd_number(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    what = draw(st.sampled_from(sorted(NUMBERS)))
    offset, width = NUMBERS[what]
    value = draw(st.sampled_from(ODD_NUMBERS))[:width]
    filled = value.ljust(width, b"\0") if draw(st.booleans()) else value.rjust(width, b" ")
    block.patches += ((offset, filled),)
    return f"{what} {filled!r} of {block.name!r}"


def _odd_name(draw: st.DrawFn, groups: list[Group]) -> str:
    name = draw(st.one_of(st.sampled_from(ODD_NAMES), st.sampled_from(OURS), st.sampled_from(FOREIGN)))
    data = draw(st.sampled_from([b"", b"odd", EVIL["index.json"]]))
    kind = draw(st.sampled_from([b"0", b"0", b"5", b"\0", b"7", b"2"]))
    form = draw(st.sampled_from(FORMS))
    group = _member(draw, name, b"" if kind in b"52" else data, form, kind)
    if draw(st.integers(0, 4)) == 0:
        group[-1].name += b"\0" + draw(st.sampled_from([b"x", b"index.json"]))
    _put(draw, groups, group)
    return f"member {name!r} of type {kind!r}"


def _rename(draw: st.DrawFn, groups: list[Group]) -> str:
    block = _any_group(draw, groups)[-1]
    old = block.name
    block.name = draw(st.one_of(st.sampled_from(ODD_NAMES), st.sampled_from(OURS))).encode()[:100]
    return f"{old!r} is called {block.name!r}"


def _odd_link(draw: st.DrawFn, groups: list[Group]) -> str:
    name, target = draw(
        st.sampled_from(
            [("d", "."), ("d", "blobs/sha256"), ("index.json", "d/x"), ("l", "index.json"), (BLOB, "x"), ("x", "/etc")]
        )
    )
    kind = draw(st.sampled_from([b"1", b"2", b"3", b"4", b"6"]))
    _put(draw, groups, [_Block(name.encode(), b"", draw(st.sampled_from(FORMS)), kind, link=target)])
    if draw(st.booleans()):
        below = f"{name}/index.json" if draw(st.booleans()) else f"{name}"
        _put(draw, groups, [_Block(below.encode(), EVIL["index.json"], "ustar")])
    return f"link {name!r} to {target!r} of type {kind!r}"


def _link_field(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    block.link = draw(st.sampled_from(["index.json", "x", "/"]))
    return f"link field of {block.name!r}"


def _odd_records(draw: st.DrawFn, groups: list[Group]) -> str:
    group = _any_group(draw, groups)
    records = draw(st.lists(st.sampled_from(ODD_RECORDS + HONEST_RECORDS), min_size=1, max_size=3))
    kind = draw(st.sampled_from([b"x", b"x", b"x", b"x", b"g", b"X"]))
    data = _records(records)
    if draw(st.integers(0, 4)) == 0:
        position = draw(st.integers(0, len(data) - 1))
        data = data[:position] + bytes([draw(st.integers(0, 255))]) + data[position + draw(st.integers(0, 1)) :]
    meta = _Block(b"PaxHeaders/y", data, draw(st.sampled_from(FORMS)), kind)
    if draw(st.booleans()):
        group.insert(0, meta)
    else:
        group[:-1] = [meta]
    return f"records {records!r} of type {kind!r} before {group[-1].name!r}"


def _odd_long_name(draw: st.DrawFn, groups: list[Group]) -> str:
    group = _any_group(draw, groups)
    own = group[-1].name
    name = draw(
        st.sampled_from(
            [b"index.json", b"index.json\0x", b"index.json/", b"", b"\0", b"a\0\0", own, own + b"\0", b"./"]
        )
    ) + draw(st.sampled_from([b"", b"\0"]))
    kind = draw(st.sampled_from([b"L", b"L", b"L", b"K", b"N"]))
    group.insert(draw(st.integers(0, len(group) - 1)), _Block(b"././@LongLink", name, "gnu", kind))
    return f"{kind!r} {name!r} before {own!r}"


def _sparse(draw: st.DrawFn, groups: list[Group]) -> str:
    """Old GNU sparse, with its map in the header and in further blocks; and sparse 1.0, with it in the data."""
    evil = EVIL["index.json"]
    if draw(st.booleans()):
        extended = draw(st.booleans())
        entry = b"00000000000\0%011o\0" % len(evil)
        more = (entry.ljust(BLOCK, b"\0")) if extended else b""
        block = _Block(b"index.json", more + evil, "gnu", b"S", size=b"%011o\0" % len(evil))
        block.patches = ((386, b"" if extended else entry), (482, b"\1" if extended else b"\0"), (483, entry[12:]))
        _put(draw, groups, [block])
        return f"old GNU sparse index.json, extended: {extended}"
    body = pad(b"1\n0\n%d\n" % len(evil)) + evil
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "index.json"}
    meta = _Block(b"x", _records(records | {"GNU.sparse.realsize": str(len(evil))}), "pax", b"x")
    _put(draw, groups, [meta, _Block(draw(st.sampled_from([b"a", b"index.json"])), body, "pax")])
    return "PAX sparse 1.0 index.json"


def _again(draw: st.DrawFn, groups: list[Group]) -> str:
    group = _any_group(draw, groups)
    _put(draw, groups, group)
    return f"twice {group[-1].name!r}"


def _meta_alone(draw: st.DrawFn, groups: list[Group]) -> str:
    group = _any_group(draw, groups)
    if len(group) == 1:
        return "nothing"
    _put(draw, groups, group[:-1])
    return "a meta header elsewhere"


def _lose(draw: st.DrawFn, groups: list[Group]) -> str:
    if len(groups) == 1:
        return "nothing"
    group = groups.pop(draw(st.integers(0, len(groups) - 1)))
    return f"without {group[-1].name!r}"


def _odd_checksum(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    block.checksum = draw(st.sampled_from(CHECKSUMS))
    block.signed = draw(st.booleans())
    return f"checksum {block.checksum!r}, signed: {block.signed}, of {block.name!r}"


def _raw_byte(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    offset = draw(st.integers(0, BLOCK - 1))
    value = draw(st.one_of(st.sampled_from(b"\0 0127/x.\xff\x80"), st.integers(0, 255)))
    block.patches += ((offset, bytes([value])),)
    return f"byte {offset} is {value} in the header of {block.name!r}"


def _raw_field(draw: st.DrawFn, groups: list[Group]) -> str:
    block = draw(st.sampled_from(_any_group(draw, groups)))
    offset = draw(st.sampled_from([345, 357, 369, 381, 385, 386, 476, 482, 483, 495, 500, 508, 265, 297]))
    value = draw(
        st.sampled_from([b"\1", b"14000000000\0", b"14000000000 ", b"tar\0", b"index.json", b"00000000003\0", b"\0\0x"])
    )
    block.patches += ((offset, value),)
    return f"{value!r} at {offset} in the header of {block.name!r}"


def _empty_block(draw: st.DrawFn, groups: list[Group]) -> str:
    block = _any_group(draw, groups)[-1]
    before = block.data
    block.data = before + bytes(-len(before) % BLOCK) + bytes(BLOCK * draw(st.integers(1, 2)))
    block.size = b"%011o\0" % len(before)
    return f"zero blocks behind {block.name!r}"


def _filled_up(draw: st.DrawFn, groups: list[Group]) -> str:
    """Something behind the data of a member or meta header, where zeros belong."""
    metas = [block for group in groups for block in group[:-1]]
    block = draw(st.sampled_from(metas)) if metas else _any_group(draw, groups)[-1]
    records = _records(draw(st.lists(st.sampled_from(ODD_RECORDS), min_size=1, max_size=2)))
    block.behind = draw(st.sampled_from([records, b"x", b"\0x", b"/index.json", b" "]))
    if block.kind == b"L" and draw(st.booleans()):
        block.data, block.behind = b"index", b".json"
    return f"{block.behind!r} behind the data of {block.name!r}"


_ODDITIES: Final = (
    _odd_kind,
    _odd_magic,
    _odd_prefix,
    _odd_number,
    _odd_name,
    _odd_name,
    _rename,
    _odd_link,
    _link_field,
    _odd_records,
    _odd_records,
    _odd_records,
    _odd_long_name,
    _sparse,
    _again,
    _meta_alone,
    _lose,
    _odd_checksum,
    _raw_byte,
    _raw_byte,
    _raw_byte,
    _raw_field,
    _empty_block,
    _filled_up,
)

_SECOND: Final = b"".join(_Block(name.encode(), data, "ustar").raw() for name, data in EVIL.items()) + END
_TAILS: Final[dict[int, tuple[str, Callable[[bytes], bytes]]]] = {
    0: ("filled up to a record", lambda data: data + bytes(-len(data) % 10240)),
    1: ("filled up to a record", lambda data: data + bytes(-len(data) % 10240)),
    2: ("one zero block", lambda data: data[:-BLOCK]),
    3: ("no end marker", lambda data: data[: -2 * BLOCK]),
    4: ("another tar behind it", lambda data: data + _SECOND),
    5: ("another tar behind one zero block", lambda data: data[:-BLOCK] + _SECOND),
    6: ("some bytes behind it", lambda data: data + b"some bytes"),
    7: ("part of a zero block behind it", lambda data: data + bytes(100)),
}
