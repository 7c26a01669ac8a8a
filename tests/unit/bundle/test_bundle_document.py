"""The document of a bundle: one meaning for each byte, and lists that fit each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from airgap.bundle.bundle_document import BaseSource, BundleDocument, DeltaBase, blobs_of
from airgap.errors import AirgapError, FormatError
from airgap.oci.digest import Digest
from tests.support.bundles import IMAGE, build
from tests.support.command import SCHEMAS
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


def delta() -> BundleDocument:
    since = BaseSource(kind="receipt", digest=Digest.of(b"receipt"), created=AT, name="harbour")
    return build(base=DeltaBase(since=(since,), held=blobs_of([(Digest.of(b"a"), 7), (Digest.of(b"b"), 9)])))


def test_follows_its_schema() -> None:
    schema = json.loads((SCHEMAS / "bundle.schema.json").read_bytes())
    for document in (build(), delta()):
        Draft202012Validator(schema).validate(json.loads(document.dump()))


def test_a_delta_says_what_is_held_elsewhere() -> None:
    document = delta()
    assert BundleDocument.parse(document.dump()) == document
    assert document.base is not None
    assert (document.base.total, document.total) == (16, build().total)
    assert document.name.startswith("the delta monthly/4, made ")
    assert document.base.text == "the receipt harbour made 2026-06-01T12:00:00Z"


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


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (_set("base.since", []), "base.since"),
        (_set("base.since.0.kind", "rumour"), "kind"),
        (_set("base.since.0.digest", "sha256:x"), "since[0]"),
        (_set("base.since.0.proven", True), "proven"),
        (_set("base.more", 1), "more"),
        (lambda d: d["base"]["held"].reverse(), "base.held"),
        (lambda d: d["base"]["held"].append(d["base"]["held"][-1]), "base.held"),
        (lambda d: d["base"].update(held=[d["blobs"][0]]), "base.held"),
        (_set("base.held.0.size", -1), "size"),
        (_set("base", None), ""),
    ],
)
def test_refuses_of_a_delta(change: Callable[[dict[str, Any]], None], where: str) -> None:
    """What is here and held elsewhere at once, too: one of the two is wrong."""
    document = json.loads(delta().dump())
    change(document)
    with pytest.raises(FormatError) as refused:
        BundleDocument.parse(json.dumps(document).encode())
    assert where in str(refused.value)
