"""The form of a snapshot: the same bytes for the same content, and one meaning for each byte."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.errors import AirgapError, FormatError
from airgap.oci.descriptor import IMAGE_MANIFEST
from airgap.oci.digest import Digest
from airgap.oci.manifest import parse_manifest
from airgap.trust.snapshots.material import MaterialFile, Part
from airgap.trust.snapshots.snapshot_coverage import snapshot_coverage
from airgap.trust.snapshots.snapshot_document import (
    LARGEST_NUMBER,
    SNAPSHOT_TYPE,
    Built,
    Snapshot,
    parse_number,
    parse_snapshot,
    parse_stream,
)
from tests.support.crls import NEXT_UPDATE, crl
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki

LEAF = Pki().code_chain()
CONTENT = {
    "crls/a.crl": crl(LEAF.chain[1], number=1 << 150),
    "trustpolicy.oci.json": b"{}",
    "truststore/x509/ca/a/r.pem": b"pem",
}


def files(content: dict[str, bytes]) -> list[MaterialFile]:
    parts = {"crls": Part.CRL, "ocsp": Part.OCSP, "truststore": Part.ANCHOR}
    return [
        MaterialFile(
            path=path, part=parts.get(path.partition("/")[0], Part.POLICY), digest=Digest.of(data), size=len(data)
        )
        for path, data in content.items()
    ]


def build(**changes: Any) -> Built:
    listed = files(CONTENT)
    coverage = snapshot_coverage(listed, lambda file: CONTENT[file.path])
    members: dict[str, Any] = {
        "stream": "default",
        "number": 7,
        "created": AT,
        "use_by": coverage.use_by,
        "coverage": coverage.pieces,
        **changes,
    }
    return Built.of(members.pop("files", listed), **members)


def parse(built: Built, manifest: bytes, config: bytes) -> Snapshot:
    return parse_snapshot(built.snapshot.descriptor, parse_manifest(manifest, IMAGE_MANIFEST), config)


def test_the_same_content_gives_the_same_bytes_in_any_order() -> None:
    one, other = build(), build(files=files(CONTENT)[::-1])
    assert (one.manifest, one.config) == (other.manifest, other.config)
    assert build(number=8).manifest != one.manifest
    assert build(created=AT + timedelta(seconds=1)).manifest != one.manifest


def test_reads_what_it_writes() -> None:
    snapshot = build().snapshot
    assert (snapshot.stream, snapshot.number, snapshot.created) == ("default", 7, AT)
    assert [file.path for file in snapshot.files] == sorted(CONTENT)
    assert snapshot.use_by == NEXT_UPDATE
    assert snapshot.coverage[0].number == 1 << 150
    assert not snapshot.evidence_only
    assert snapshot.tag == "default-7"


def test_distinguishes_evidence_alone() -> None:
    listed = [file for file in files(CONTENT) if file.path.startswith("crls/")]
    assert build(files=listed).snapshot.evidence_only


def _manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Built], Snapshot]:
    def run(built: Built) -> Snapshot:
        document = json.loads(built.manifest)
        change(document)
        return parse(built, json.dumps(document).encode(), built.config)

    return run


def _config(change: Callable[[dict[str, Any]], object]) -> Callable[[Built], Snapshot]:
    def run(built: Built) -> Snapshot:
        document = json.loads(built.config)
        change(document)
        return parse(built, built.manifest, json.dumps(document).encode())

    return run


TITLE = "org.opencontainers.image.title"
FLAWS = {
    "other artifact type": _manifest(lambda d: d.update(artifactType="application/other")),
    "no artifact type": _manifest(lambda d: d.pop("artifactType")),
    "config of another type": _manifest(lambda d: d["config"].update(mediaType=SNAPSHOT_TYPE)),
    "a subject": _manifest(lambda d: d.update(subject=d["config"])),
    "a layer without title": _manifest(lambda d: d["layers"][0].pop("annotations")),
    "a path that leads outside": _manifest(lambda d: d["layers"][0]["annotations"].update({TITLE: "../a.crl"})),
    "a layer of another type": _manifest(lambda d: d["layers"][0].update(mediaType="application/x")),
    "a layer that is elsewhere": _manifest(lambda d: d["layers"][0].update(urls=["http://a/"])),
    "embedded data": _manifest(lambda d: d["layers"][0].update(data="e30=")),
    "sha512": _manifest(lambda d: d["layers"][0].update(digest="sha512:" + "0" * 128)),
    "a layer that is too large": _manifest(lambda d: d["layers"][1].update(size=2**30)),
    "a doubled layer": _manifest(lambda d: d["layers"].append(d["layers"][2])),
    "layers out of order": _manifest(lambda d: d["layers"].reverse()),
    "no layers": _manifest(lambda d: d.update(layers=[])),
    "a layer that the config does not list": _manifest(lambda d: d["layers"].pop()),
    "another digest than the config's": _manifest(lambda d: d["layers"][0].update(digest="sha256:" + "0" * 64)),
    "another schema": _config(lambda d: d.update(schema="airgap.trust-snapshot/2")),
    "an unknown member": _config(lambda d: d.update(extra=1)),
    "a member in other case": _config(lambda d: d.update(Number=1)),
    "no stream": _config(lambda d: d.pop("stream")),
    "a stream that is no name": _config(lambda d: d.update(stream="../x")),
    "number zero": _config(lambda d: d.update(number=0)),
    "number true": _config(lambda d: d.update(number=True)),
    "a number as text": _config(lambda d: d.update(number="7")),
    "a moment that is none": _config(lambda d: d.update(created="yesterday")),
    "no use-by date": _config(lambda d: d.pop("useBy")),
    "coverage of a policy": _config(lambda d: d["coverage"][0].update(file="trustpolicy.oci.json")),
    "coverage of another kind": _config(lambda d: d["coverage"][0].update(kind="word")),
    "coverage number that is none": _config(lambda d: d["coverage"][0].update(number="-1")),
}


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=FLAWS)
def test_each_flaw_is_refused(flaw: Callable[[Built], Snapshot]) -> None:
    with pytest.raises(FormatError):
        flaw(build())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damaged_byte_gives_only_a_format_error(data: st.DataObject) -> None:
    built = build()
    which = data.draw(st.sampled_from(["manifest", "config"]))
    raw = bytearray(built.manifest if which == "manifest" else built.config)
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(raw)
    with contextlib.suppress(FormatError):
        if which == "manifest":
            parse(built, damaged, built.config)
        else:
            parse(built, built.manifest, damaged)


@pytest.mark.parametrize("name", ["default", "site-1", "a.b_c", "0"])
def test_accepts_names_of_streams(name: str) -> None:
    assert parse_stream(name) == name


@pytest.mark.parametrize("name", ["", "A", "a b", "a--b", "-a", "a/", "a" * 65, "ä"])
def test_refuses_malformed_names_of_streams(name: str) -> None:
    with pytest.raises(FormatError):
        parse_stream(name)


@pytest.mark.parametrize("number", [0, -1, LARGEST_NUMBER + 1])
def test_refuses_malformed_numbers(number: int) -> None:
    with pytest.raises(FormatError):
        parse_number(number)


class TestUseBy:
    def test_is_when_the_first_newest_piece_ends(self) -> None:
        """Older generations stay for questions about the past, and end nothing."""
        old = crl(LEAF.chain[1], number=1, this_update=AT - timedelta(days=40), next_update=AT - timedelta(days=10))
        new = crl(LEAF.chain[1], number=2, this_update=AT - timedelta(days=1), next_update=AT + timedelta(days=9))
        root = crl(LEAF.root, next_update=AT + timedelta(days=3))
        content = {"crls/old.crl": old, "crls/new.crl": new, "crls/root.crl": root}
        assert snapshot_coverage(files(content), lambda file: content[file.path]).use_by == AT + timedelta(days=3)

    def test_counts_ocsp_responses(self) -> None:
        content = {"ocsp/a.ors": ocsp_response(LEAF, next_update=AT + timedelta(days=2))}
        coverage = snapshot_coverage(files(content), lambda file: content[file.path])
        assert coverage.use_by == AT + timedelta(days=2)
        assert coverage.pieces[0].kind == "ocsp"

    def test_refuses_what_is_not_evidence(self) -> None:
        content = {"crls/a.crl": b"no CRL"}
        with pytest.raises(AirgapError, match=r"crls/a\.crl is no evidence"):
            snapshot_coverage(files(content), lambda file: content[file.path])
