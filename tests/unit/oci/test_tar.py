from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.documents import open_regular
from airgap.oci.sections import SharedFile
from airgap.oci.tar import Kind, Member, members
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
        ("a", Kind.FILE, 700),
        ("b/", Kind.DIRECTORY, 0),
        ("b/c", Kind.FILE, 2),
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


def test_long_link_target_of_gnu_is_passed_over(tmp_path: Path) -> None:
    data = tar_header("././@LongLink", 5, "gnu", kind=b"K") + pad(b"long\0")
    (found,) = read(tmp_path, data + tar_header("link", 0, "gnu", kind=b"2") + END)
    assert (found.name, found.kind) == ("link", Kind.SYMBOLIC_LINK)


def test_prefix_of_ustar_is_part_of_the_name(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tar_header("name", 0, prefix=b"a/b") + END)
    assert found.name == "a/b/name"


def test_prefix_means_something_else_in_gnu_headers(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tar_header("name", 0, "gnu", prefix=b"14000000000\0") + END)
    assert found.name == "name"


def test_global_header_with_a_comment_is_passed_over(tmp_path: Path) -> None:
    """`git archive` writes one."""
    (found,) = read(tmp_path, tar_pax({"comment": "0" * 40}, kind=b"g") + tar_member("a", b"") + END)
    assert found.name == "a"


def test_empty_pax_value_takes_nothing_over(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tar_pax({"path": ""}) + tar_member("a", b"") + END)
    assert found.name == "a"


def test_one_zero_block_at_the_very_end_is_enough(tmp_path: Path) -> None:
    assert len(read(tmp_path, tar_member("a", b"1") + bytes(BLOCK))) == 1


def test_what_stands_behind_the_end_marker_is_not_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, tar_member("a", b"1") + END + tar_member("b", b"2") + b"rubbish")) == 1


def test_archive_from_before_ustar_is_read(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tar_header("a", 0, kind=b"\0", magic=bytes(8)) + END)
    assert found == Member("a", Kind.FILE, BLOCK, 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "no end marker", id="nothing"),
        pytest.param(tar_member("a", b"1"), "no end marker", id="no-end"),
        pytest.param(tar_member("a", b"1" * 600)[:-BLOCK], "'a' needs 600 bytes from byte 512", id="data-cut"),
        pytest.param(tar_member("a", b"1")[:-1], "no end marker", id="padding-cut"),
        pytest.param(tar_member("a", b"1") + tar_header("b", 0)[:100], "last 100 bytes", id="header-cut"),
        pytest.param(tar_header("a", HUGE, "gnu") + END, "is cut short", id="size-lies"),
        pytest.param(tar_member("a", b"") + bytes(BLOCK) + tar_member("b", b""), "stands data", id="lone-zero-block"),
        pytest.param(tar_header("a", 0, checksum=1) + END, "checksum of the tar header at byte 0", id="checksum"),
        pytest.param(tar_header("a", 0, size_field=b"00000000009\0") + END, "no octal number", id="size-not-octal"),
        pytest.param(tar_header("a", 0, size_field=b"-0000000001\0") + END, "no octal number", id="size-negative"),
        pytest.param(tar_header("a", 0, size_field=b"\xff" * 12) + END, "out of range", id="base-256-negative"),
        pytest.param(tar_header("a", 0, size_field=b"\x80" + b"\xff" * 11) + END, "out of range", id="base-256-huge"),
        pytest.param(
            tar_header("l", 5, kind=b"1") + pad(b"12345") + END, "is a hard link and states 5", id="link-data"
        ),
        pytest.param(tar_header("d/", 5, kind=b"5") + pad(b"12345") + END, "differently", id="directory-data"),
        pytest.param(tar_pax({"path": "a"}) + END, "where a member has to follow", id="pax-then-end"),
        pytest.param(tar_pax({"path": "a"}) * 2 + tar_member("x", b"") + END, "of one kind", id="pax-twice"),
        pytest.param(tar_pax({"path": "a"}, kind=b"g") + END, "sets 'path' for all", id="global-path"),
        pytest.param(tar_pax({"size": "5"}, kind=b"g") + END, "sets 'size' for all", id="global-size"),
        pytest.param(tar_pax({"size": "-1"}) + tar_member("x", b"") + END, "is no size", id="pax-size-negative"),
        pytest.param(tar_pax({"size": "1e3"}) + tar_member("x", b"") + END, "is no size", id="pax-size-float"),
        pytest.param(tar_pax({"size": "9" * 25}) + tar_member("x", b"") + END, "is no size", id="pax-size-huge"),
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
            "two names",
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


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TAR_MEMBERS", 3)
    with pytest.raises(LimitError, match="more than 3 members"):
        read(tmp_path, tar_member("a", b"") * 4 + END)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"1", Kind.HARD_LINK),
        (b"2", Kind.SYMBOLIC_LINK),
        (b"3", Kind.CHARACTER_DEVICE),
        (b"4", Kind.BLOCK_DEVICE),
        (b"6", Kind.FIFO),
        (b"S", Kind.SPARSE),
        (b"Z", Kind.UNKNOWN),
    ],
)
def test_kinds_are_told_apart(tmp_path: Path, kind: bytes, expected: Kind) -> None:
    (found,) = read(tmp_path, tar_header("a", 0, kind=kind) + END)
    assert found.kind is expected


def test_sparse_file_of_pax_is_told(tmp_path: Path) -> None:
    (found,) = read(tmp_path, tar_pax({"GNU.sparse.major": "1"}) + tar_member("a", b"1") + END)
    assert found.kind is Kind.SPARSE
