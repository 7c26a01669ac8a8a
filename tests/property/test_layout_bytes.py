"""Laws about bytes: every change of a layout is reported, and any bytes give only project errors.

A change either makes a problem, or everything that was proven good before is proven good still. The second is so
for bytes that no rule covers: blanks between members of JSON, tags and other annotations of index.json, hints like its
artifactType and platform, the padding of a tar and data after its end marker.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.errors import AirgapError
from airgap.oci.archive import SharedFile
from airgap.oci.content import ContentChecker
from airgap.oci.descriptor import MANIFEST_TYPES, Platform
from airgap.oci.digest import Digest
from airgap.oci.documents import check_layout_file, open_regular
from airgap.oci.graph import Graph
from airgap.oci.manifest import parse_layout_index, parse_manifest
from airgap.oci.open import open_layout
from airgap.oci.reference import parse_reference
from airgap.oci.tar import members
from tests.support.layouts import END, LayoutBuilder, pad, tar_header, tar_of, tar_pax, write_tree

SETTINGS = settings(max_examples=60)


def sample() -> LayoutBuilder:
    """A signed two-platform artifact with every form of referrer, and an opaque blob beside it."""
    builder = LayoutBuilder()
    arm = builder.add_image(b"arm", platform=Platform(architecture="arm64", os="linux"))
    amd = builder.add_image(b"amd", platform=Platform(architecture="amd64", os="linux"), algorithm="sha512")
    index = builder.tag(builder.add_index(arm, amd), "v1")
    signature = builder.add_referrer(index, b"signature")
    builder.tag_referrers(index, signature, builder.add_referrer(index, b"sbom", artifact_type="a/sbom", listed=False))
    builder.tag(builder.add_cosign(), f"sha256-{index.digest.encoded}.sig")
    builder.tag(builder.add_blob(b"opaque", "application/x.unknown"), "blob")
    return builder


FILES = sample().files()
TAR = tar_of(FILES, "ustar", prefix="./")
NAMES = sorted(FILES)


def proven(path: Path) -> set[Digest] | None:
    """The blobs that a verification of the whole layout calls good; None where it reports a problem."""
    try:
        with open_layout(path) as store:
            graph, checker = Graph(store), ContentChecker(store)
            closures = [graph.closure(root.descriptor) for root in graph.roots()]
            if graph.problems or not closures:
                return None
            if any(checker.check(closure).verdict != "pass" for closure in closures):
                return None
            return {reached.descriptor.digest for closure in closures for reached in closure.reached}
    except AirgapError:
        return None


@contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def change(draw: st.DrawFn, data: bytes) -> bytes:
    """The data with one byte changed, dropped or put in, or with its end cut off."""
    position = draw(st.integers(0, len(data) - 1))
    kind = draw(st.sampled_from(["change", "drop", "insert", "cut"]))
    if kind == "change":
        value = draw(st.integers(1, 255))
        return data[:position] + bytes([data[position] ^ value]) + data[position + 1 :]
    if kind == "drop":
        return data[:position] + data[position + 1 :]
    return data[:position] if kind == "cut" else data[:position] + bytes([draw(st.integers(0, 255))]) + data[position:]


def expected() -> set[Digest]:
    with temporary() as place:
        found = proven(write_tree(place, FILES))
    assert found is not None
    return found


EXPECTED = expected()


def test_sample_is_good_in_both_carriers_and_all_of_it_is_reached() -> None:
    """Otherwise the laws below would say nothing."""
    referrers_indexes = 1  # the index of referrers is a means to find them, not content
    assert len(EXPECTED) == len(sample().blobs) - referrers_indexes
    with temporary() as place:
        (place / "x.tar").write_bytes(TAR)
        assert proven(place / "x.tar") == EXPECTED


@SETTINGS
@given(st.data())
def test_reports_any_changed_byte_of_a_directory(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    changed = data.draw(change(FILES[name]))
    with temporary() as place:
        found = proven(write_tree(place, FILES | {name: changed}))
    assert found is None or found >= EXPECTED


@SETTINGS
@given(st.data())
def test_reports_any_changed_byte_of_a_tar(data: st.DataObject) -> None:
    with temporary() as place:
        (place / "x.tar").write_bytes(data.draw(change(TAR)))
        found = proven(place / "x.tar")
    assert found is None or found >= EXPECTED


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("blobs/")])
def test_reports_every_lost_file(tmp_path: Path, name: str) -> None:
    assert proven(write_tree(tmp_path, {key: value for key, value in FILES.items() if key != name})) is None


def test_no_byte_of_index_json_hides_content(tmp_path: Path) -> None:
    """Every byte of it, not a sample: it is the one file that no digest covers. The flipped bit goes round."""
    place = write_tree(tmp_path, FILES)
    original = FILES["index.json"]
    for position in range(len(original)):
        changed = bytearray(original)
        changed[position] ^= 1 << position % 8
        (place / "index.json").write_bytes(changed)
        found = proven(place)
        assert found is None or found >= EXPECTED, original[max(0, position - 40) : position + 40]


# --- nothing but our own errors ---


@SETTINGS
@given(st.binary(max_size=2000), st.sampled_from(sorted(MANIFEST_TYPES)))
def test_any_bytes_as_manifest_give_only_project_errors(raw: bytes, media_type: str) -> None:
    only_ours(lambda: parse_manifest(raw, media_type))
    only_ours(lambda: parse_layout_index(raw))
    only_ours(lambda: check_layout_file(raw, "x"))


@SETTINGS
@given(st.data(), st.sampled_from(sorted(MANIFEST_TYPES)))
def test_any_change_of_a_manifest_gives_only_project_errors(data: st.DataObject, media_type: str) -> None:
    name = data.draw(st.sampled_from([name for name in NAMES if FILES[name].startswith(b"{")]))
    raw = data.draw(change(FILES[name]))
    only_ours(lambda: parse_manifest(raw, media_type))
    only_ours(lambda: parse_layout_index(raw))


@SETTINGS
@given(st.text(max_size=200))
def test_any_text_as_reference_gives_only_project_errors(text: str) -> None:
    only_ours(lambda: parse_reference(text, lambda path: len(path) % 7 == 0))
    only_ours(lambda: Digest.parse(text))


@st.composite
def tar_bytes(draw: st.DrawFn) -> bytes:
    """Headers with sound checksums and anything else in their fields: random bytes would not come past the first."""
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        data = draw(st.binary(max_size=600))
        if draw(st.booleans()):
            parts.append(tar_pax(data if draw(st.booleans()) else {"path": data.decode("latin-1"), "size": "5"}))
        header = tar_header(
            draw(st.binary(max_size=100)),
            len(data),
            draw(st.sampled_from(["ustar", "gnu"])),
            kind=draw(st.sampled_from([b"0", b"\0", b"1", b"2", b"5", b"L", b"K", b"x", b"g", b"S", b"7", b"\xff"])),
            size_field=draw(st.one_of(st.none(), st.binary(min_size=12, max_size=12))),
            prefix=draw(st.binary(max_size=155)),
        )
        parts.append(header + pad(data))
    return b"".join(parts) + draw(st.sampled_from([END, b"", bytes(512), b"x"]))


@SETTINGS
@given(st.one_of(tar_bytes(), st.binary(max_size=3000)))
def test_any_bytes_as_tar_give_only_project_errors(data: bytes) -> None:
    with temporary() as place:
        path = place / "x.tar"
        path.write_bytes(data)
        only_ours(lambda: open_layout(path).close())
        shared = SharedFile(open_regular(str(path)))
        only_ours(lambda: list(members(shared)))
        shared.close()


def only_ours(call: Callable[[], object]) -> None:
    with suppress(AirgapError):
        call()
