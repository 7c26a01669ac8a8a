"""Tars of a layout that two readers might read differently: members twice, renamed, of another type, behind headers."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from random import Random
from typing import Final

from tests.support.layouts import BLOCK, END, pad, tar_header, tar_member, tar_pax

Member = tuple[str, bytes]
_KINDS: Final = (b"1", b"2", b"3", b"5", b"6", b"7", b"S", b"X", b"\0", b"D", b"x", b"g", b"L")
_MAGICS: Final = (b"ustar  \0", b"ustar\x0000", b"ustar\x0001", b"\0" * 8)
_PAX: Final = ("path", "size", "linkpath", "GNU.sparse.name", "GNU.sparse.major", "GNU.sparse.realsize", "hdrcharset")


def changed_tar(random: Random, tree: Mapping[str, bytes]) -> bytes:
    """A tar of the layout after one or two changes of its members."""
    members = list(tree.items())
    if random.random() < 0.3:  # noqa: PLR2004
        random.shuffle(members)
    pieces = [tar_member(name, data, random.choice(("ustar", "pax", "gnu"))) for name, data in members]
    for _ in range(random.choice((1, 1, 2))):
        number = random.randrange(len(pieces))
        pieces[number] = random.choice(_ACTS)(random, members[number % len(members)], members, pieces[number])
    data = b"".join(pieces) + END
    return data[: random.randrange(len(data))] if random.random() < 0.03 else data  # noqa: PLR2004


_Act = Callable[[Random, Member, Sequence[Member], bytes], bytes]


def _twice(random: Random, member: Member, members: Sequence[Member], piece: bytes) -> bytes:
    """The name appears twice, with other bytes."""
    other = tar_member(member[0], random.choice(members)[1])
    return random.choice((piece + other, other + piece, piece + piece))


def _renamed(random: Random, member: Member, members: Sequence[Member], piece: bytes) -> bytes:
    """Another spelling, in place of the member or beside it."""
    name = random.choice((member[0], random.choice(members)[0]))
    spelt = random.choice(
        (
            f"./{name}",
            f"{name}/",
            f"/{name}",
            f"../{name}",
            name.upper(),
            f"{name}\0x",
            name.replace("/", "//"),
            name.replace("/", "\\"),
            f"x/../{name}",
            f"{name}.",
            f"{name} ",
        )
    )
    other = tar_member(spelt, random.choice((member[1], random.choice(members)[1])))
    return random.choice((other, piece + other, other + piece))


def _of_another_type(random: Random, member: Member, members: Sequence[Member], piece: bytes) -> bytes:
    """A link, a directory, a sparse file, or nothing that is known."""
    link = random.choice(members)[0]
    header = tar_header(member[0], len(member[1]), kind=random.choice(_KINDS), link=random.choice(("", link, ".")))
    return random.choice((header + pad(member[1]), piece + header + pad(member[1])))


def _behind_pax(random: Random, member: Member, members: Sequence[Member], piece: bytes) -> bytes:
    """An extended header that gives the next member another name, size or form."""
    value = random.choice((member[0], random.choice(members)[0], str(len(member[1])), "1", "0", "x", ""))
    return tar_pax({random.choice(_PAX): value}, kind=random.choice((b"x", b"g"))) + piece


def _another_header(random: Random, member: Member, members: Sequence[Member], piece: bytes) -> bytes:
    """A byte of the header, with its checksum put right; or another magic with a prefix."""
    if random.random() < 0.4:  # noqa: PLR2004
        prefix = random.choice((b"", b"x", b"blobs", b"a" * 131))
        name, data = random.choice((member, (random.choice(members)[0], member[1])))
        return tar_header(name, len(data), magic=random.choice(_MAGICS), prefix=prefix) + pad(data)
    block = bytearray(piece[:BLOCK])
    at = random.randrange(BLOCK)
    if not 148 <= at < 156:  # noqa: PLR2004 - the checksum itself
        block[at] = random.choice((0, block[at] ^ 1 << random.randrange(8), ord("/"), ord("7")))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + piece[BLOCK:]


_ACTS: Final[Sequence[_Act]] = (_twice, _renamed, _of_another_type, _behind_pax, _another_header, _another_header)


def as_python_reads_it(data: bytes) -> dict[str, bytes]:
    """The files that Python's tarfile would unpack: of two with one name, the later one."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=BytesIO(data)) as archive:
            for member in archive:
                if member.isfile() and (stream := archive.extractfile(member)):
                    found[posixpath.normpath(member.name)] = stream.read()
    except (tarfile.TarError, OSError, ValueError, EOFError):
        pass  # what was read until then is what would be there
    return found
