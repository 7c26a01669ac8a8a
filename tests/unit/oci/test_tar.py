from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.archive import SharedFile
from airgap.oci.documents import open_regular
from airgap.oci.tar import Member, members
from airgap.oci.tar_header import MemberKind
from tests.support.layouts import (
    BLOCK,
    END,
    TarFormat,
    pad,
    tar_header,
    tar_member,
    tar_pax,
    write_sparse_tar,
)

HUGE = 9 * 2**30


def read(tmp_path: Path, data: bytes) -> list[Member]:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    return read_file(path)


def read_file(path: Path) -> list[Member]:
    shared = SharedFile(open_regular(str(path)))
    try:
        return list(members(shared))
    finally:
        shared.close()


@pytest.mark.parametrize("form", ["ustar", "pax", "gnu"])
def test_every_format_gives_name_offset_and_size(tmp_path: Path, form: TarFormat) -> None:
    data = tar_member("a", b"1" * 700, form) + tar_member("b/", b"", form, kind=b"5") + tar_member("b/c", b"22", form)
    found = read(tmp_path, data + END)
    assert [(member.name, member.kind, member.size) for member in found] == [
        ("a", MemberKind.FILE, 700),
        ("b/", MemberKind.DIRECTORY, 0),
        ("b/c", MemberKind.FILE, 2),
    ]
    raw = (tmp_path / "x.tar").read_bytes()
    assert raw[found[0].offset :][:700] == b"1" * 700
    assert raw[found[2].offset :][:2] == b"22"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reader_agrees_with_python_s_own(tmp_path: Path, form: int) -> None:
    path = tmp_path / "x.tar"
    long = "d" * 90 + "/" + "n" * 60
    with tarfile.open(path, "w", format=form) as tar:
        for name, size in (("a", 0), ("b", 511), ("c", 512), ("d", 513), (long, 5)):
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(b"x" * size))
    with tarfile.open(path) as tar:
        expected = [(info.name, info.offset_data, info.size) for info in tar]
    assert [(member.name, member.offset, member.size) for member in read_file(path)] == expected


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_member_beyond_8_gib_is_found_and_what_follows_it(tmp_path: Path, form: TarFormat) -> None:
    """Field note 9: readers lose PAX sizes there."""
    path = tmp_path / "x.tar"
    offset = write_sparse_tar(path, form, "huge", HUGE, [tar_member("after", b"here")])
    huge, after = read_file(path)
    assert (huge.offset, huge.size) == (offset, HUGE)
    assert (after.name, after.offset, after.size) == ("after", offset + HUGE + BLOCK, 4)


def test_long_name_of_gnu_is_applied_to_the_next_member_only(tmp_path: Path) -> None:
    name = "n" * 300
    data = tar_header("././@LongLink", 301, "gnu", kind=b"L") + pad(name.encode() + b"\0")
    found = read(tmp_path, data + tar_member("short", b"1", "gnu") + tar_member("other", b"2", "gnu") + END)
    assert [member.name for member in found] == [name, "other"]


def test_prefix_of_ustar_is_part_of_the_name(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tar_header("name", 0, prefix=b"a/b") + END)
    assert found.name == "a/b/name"


def test_ignores_a_global_header_with_a_comment(tmp_path: Path) -> None:
    """`git archive` writes one."""
    (found,) = read(tmp_path, tar_pax({"comment": "0" * 40}, kind=b"g") + tar_member("a", b"") + END)
    assert found.name == "a"


def test_zeros_up_to_a_whole_record_may_follow(tmp_path: Path) -> None:
    assert len(read(tmp_path, tar_member("a", b"1") + bytes(20 * BLOCK - 2 * BLOCK))) == 1
    assert len(read(tmp_path, tar_member("a", b"1") + END + bytes(100))) == 1


def test_a_member_starts_at_its_first_header(tmp_path: Path) -> None:
    data = tar_pax({"comment": "x"}, kind=b"g") + tar_member("a", b"1", "pax") + tar_member("b", b"", "gnu")
    found = read(tmp_path, data + END)
    assert [(member.start, member.offset, member.stop) for member in found] == [
        (2 * BLOCK, 5 * BLOCK, 6 * BLOCK),
        (6 * BLOCK, 7 * BLOCK, 7 * BLOCK),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "it has 0 bytes where", id="nothing"),
        pytest.param(tar_member("a", b"1"), "it has 0 bytes where", id="no-end"),
        pytest.param(tar_member("a", b"1" * 600)[:-BLOCK], "'a' needs 600 bytes from byte 512", id="data-cut"),
        pytest.param(tar_member("a", b"1")[:-1], "it has 0 bytes where", id="padding-cut"),
        pytest.param(tar_member("a", b"1") + tar_header("b", 0)[:100], "it has 100 bytes where", id="header-cut"),
        pytest.param(tar_header("a", HUGE, "gnu") + END, "is cut short", id="size-lies"),
        pytest.param(tar_member("a", b"") + bytes(BLOCK) + tar_member("b", b""), "trailing data", id="lone-zero-block"),
        pytest.param(tar_header("a", 0, checksum=1) + END, "checksum of the tar header at byte 0", id="checksum"),
        pytest.param(tar_header("a", 0, size_field=b"00000000009\0") + END, "which is no number", id="size-not-octal"),
        pytest.param(tar_header("a", 0, size_field=b"-0000000001\0") + END, "which is no number", id="size-negative"),
        pytest.param(tar_header("a", 0, size_field=b"\xff" * 12) + END, "which is no number", id="base-256-negative"),
        pytest.param(
            tar_header("a", 0, size_field=b"\x80" + b"\xff" * 11) + END, "which is no number", id="base-256-huge"
        ),
        pytest.param(
            tar_header("l", 5, kind=b"1") + pad(b"12345") + END, "is a hard link and states 5", id="link-data"
        ),
        pytest.param(tar_header("d/", 5, kind=b"5") + pad(b"12345") + END, "differently", id="directory-data"),
        pytest.param(tar_pax({"path": "a"}) + END, "where a member has to follow", id="pax-then-end"),
        pytest.param(tar_pax({"path": "a"}) * 2 + tar_member("x", b"") + END, "follows another one", id="pax-twice"),
        pytest.param(tar_pax({"path": "a"}, kind=b"g") + END, "sets 'path' for all", id="global-path"),
        pytest.param(tar_pax({"size": "5"}, kind=b"g") + END, "sets 'size' for all", id="global-size"),
        pytest.param(
            tar_pax({"size": "-1"}) + tar_member("x", b"") + END,
            "has the PAX record 'size' with the value '-1'",
            id="pax-size-negative",
        ),
        pytest.param(tar_pax({"size": "1e3"}) + tar_member("x", b"") + END, "with the value", id="pax-size-float"),
        pytest.param(tar_pax({"size": "9" * 25}) + tar_member("x", b"") + END, "with the value", id="pax-size-huge"),
        pytest.param(tar_pax(b"8 path=a\n8 path=b\n") + tar_member("x", b"") + END, "malformed", id="pax-length-wrong"),
        pytest.param(
            tar_pax(b"9 path=a\n9 path=b\n") + tar_member("x", b"") + END, "two records 'path'", id="pax-record-twice"
        ),
        pytest.param(tar_pax(b"0 path=a\n") + tar_member("x", b"") + END, "malformed", id="pax-length-zero"),
        pytest.param(tar_pax(b"99 path=a\n") + tar_member("x", b"") + END, "malformed", id="pax-length-beyond"),
        pytest.param(tar_pax(b"rubbish") + tar_member("x", b"") + END, "malformed", id="pax-rubbish"),
        pytest.param(tar_pax(b"5 pa\n") + tar_member("x", b"") + END, "malformed", id="pax-without-equals"),
        pytest.param(
            tar_pax({"path": "a"}) + tar_header("@", 2, kind=b"L") + pad(b"b\0") + tar_member("x", b"") + END,
            "follows another one",
            id="pax-and-gnu-name",
        ),
    ],
)
def test_damaged_or_ambiguous_archive_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(tmp_path, data)


def test_endless_extended_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="extended header"):
        read(tmp_path, tar_header("PaxHeader", limits.TAR_PAX_BYTES + 1, kind=b"x") + END)


def test_record_for_which_bsdtar_fails_is_refused(tmp_path: Path) -> None:
    """libarchive takes records below a megabyte."""
    data = tar_pax({"comment": "c" * 1_040_000}) + tar_member("a", b"") + END
    with pytest.raises(LimitError, match="extended header"):
        read(tmp_path, data)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TAR_MEMBERS", 3)
    with pytest.raises(LimitError, match="more than 3 members"):
        read(tmp_path, tar_member("a", b"") * 4 + END)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"1", MemberKind.HARD_LINK),
        (b"2", MemberKind.SYMBOLIC_LINK),
        (b"3", MemberKind.CHARACTER_DEVICE),
        (b"4", MemberKind.BLOCK_DEVICE),
        (b"5", MemberKind.DIRECTORY),
        (b"6", MemberKind.FIFO),
        (b"\0", MemberKind.FILE),
    ],
)
def test_distinguishes_kinds_of_members(tmp_path: Path, kind: bytes, expected: MemberKind) -> None:
    (found,) = read(tmp_path, tar_header("a", 0, kind=kind) + END)
    assert found.kind is expected


def test_endless_zeros_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TAR_END_BYTES", 100_000)
    assert read(tmp_path, tar_member("a", b"") + bytes(100_000))
    with pytest.raises(LimitError, match="zeros"):
        read(tmp_path, tar_member("a", b"") + bytes(200_000))
