"""The document of a bundle: one meaning for each byte, and lists that fit each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from airgap.bundle.bundle_document import BundleDocument, blobs_of
from airgap.errors import AirgapError, FormatError
from airgap.oci.digest import Digest
from tests.support.bundles import IMAGE, build
from tests.support.command import REFERENCE
from tests.support.pki import AT


def test_reads_what_it_writes() -> None:
    document = build()
    assert BundleDocument.parse(document.dump()) == document
    assert document.total == IMAGE.size + 9 + 8 + 5
    assert document.artifacts[0].references == ("registry.example/app:v1",)
    plain = build(stream=None, number=None, use_by=None, artifacts=(), blobs=())
    assert BundleDocument.parse(plain.dump()) == plain


def test_the_same_content_gives_the_same_bytes() -> None:
    assert (
        build(blobs=blobs_of([(blob.digest, blob.size) for blob in reversed(build().blobs)])).dump() == build().dump()
    )
    assert build(created=AT + timedelta(seconds=1)).dump() != build().dump()


def test_follows_its_schema() -> None:
    schema = json.loads((REFERENCE / "bundle.schema.json").read_bytes())
    Draft202012Validator(schema).validate(json.loads(build().dump()))


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        place: Any = document
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        place[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_set("schema", "airgap.bundle/2"), "schema"),
        (_set("volumes", []), "volumes"),
        (_set("stream", "../up"), "stream"),
        (_set("number", 0), "number"),
        (_set("number", True), "number"),
        (lambda d: d.pop("number"), "stream"),
        (_set("created", "2026-13-01T00:00:00Z"), "created"),
        (_set("useBy", "2030-01-01T00:00:00Z"), "useBy"),
        (lambda d: d.pop("useBy"), "useBy"),
        (_set("artifacts.0.digest", "sha256:../../x"), "artifacts[0]"),
        (_set("artifacts.0.size", 1), "artifacts[0].size"),
        (_set("artifacts.0.bytes", -1), "artifacts[0].bytes"),
        (_set("artifacts.0.proven", True), "proven"),
        (_set("artifacts.0.signatures", [str(Digest.of(b"other"))]), "artifacts[0]"),
        (lambda d: d["blobs"].reverse(), "blobs"),
        (lambda d: d["blobs"].append(d["blobs"][-1]), "blobs"),
        (_set("blobs.0.size", -1), "blobs[0].size"),
        (_set("blobs.0.size", 1.5), "size"),
        (_set("blobs.0.volume", 1), "volume"),
    ],
)
def test_refuses(change: Callable[[dict[str, Any]], None], where: str) -> None:
    """Volumes and chunks are refused by this version: their content would be looked for in the wrong place."""
    document = json.loads(build().dump())
    change(document)
    with pytest.raises(FormatError) as caught:
        BundleDocument.parse(json.dumps(document).encode())
    assert where in str(caught.value)


def test_refuses_a_member_that_appears_twice() -> None:
    raw = build().dump().replace(b'"stream"', b'"stream":"other","stream"', 1)
    with pytest.raises(FormatError, match="twice"):
        BundleDocument.parse(raw)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b'{"schema":' * 100, b"null"])
def test_what_is_no_document(raw: bytes) -> None:
    with pytest.raises(AirgapError):
        BundleDocument.parse(raw)
