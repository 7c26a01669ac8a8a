"""airgap.verifier.planned: what a copy will write, judged before; of its blobs only what a judgement reads is read."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest

from airgap.errors import ContentError, NotFoundError
from airgap.oci.descriptor import ACQUISITION, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import parse_manifest
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from airgap.transfer.plan import CopyPlan, CopyRoot, Node, PlannedArtifact, key_of
from airgap.verifier.planned import PlannedStore, planned_target
from tests.support.layouts import LayoutBuilder

TITLE = "org.opencontainers.image.title"


class Blobs:
    """The source; counts what is opened."""

    def __init__(self, contents: dict[Digest, bytes]) -> None:
        self.contents = contents
        self.opened: Counter[bytes] = Counter()

    def open(self, descriptor: Descriptor) -> io.BytesIO:
        data = self.contents.get(descriptor.digest)
        if data is None:
            raise NotFoundError(f"{descriptor.digest} is not there")
        self.opened[data] += 1
        return io.BytesIO(data)

    def path(self, _: Descriptor) -> None:
        return None


CONFIG, LAYER, ENVELOPE, PIECE, PEM, RECORD, MODEL = (
    b"config",
    b"layer",
    b"env",
    b"piece",
    b"pem",
    b"record",
    b"model",
)


class Attached:
    """An image with all that may be attached to it, and an artifact of an unknown type; and the plan of its copy."""

    def __init__(self) -> None:
        builder = self.builder = LayoutBuilder()
        image = self.image = builder.add_image(LAYER, config=CONFIG)
        self.items = {data: builder.add_blob(data) for data in (CONFIG, LAYER, PIECE, PEM, RECORD, MODEL)}
        self.items[ENVELOPE] = builder.add_blob(ENVELOPE, "application/jose+json")
        self.items[MODEL] = builder.add_blob(MODEL, "application/x-model")
        signature = builder.add_referrer(image, [self.items[ENVELOPE]])
        again = builder.add_referrer(image, [self.items[ENVELOPE]], annotations={"a": "b"})
        evidence = builder.add_referrer(image, [builder.add_blob(PIECE, CRL_MEDIA_TYPE)], artifact_type=EVIDENCE_TYPE)
        pem = builder.add_blob(PEM, "text/plain", annotations={TITLE: "list.pem"})
        other = builder.add_referrer(image, [pem, builder.add_blob(LAYER)], artifact_type="application/x")
        record = builder.add_referrer(image, [builder.add_blob(RECORD, "application/json")], artifact_type=ACQUISITION)
        self.manifests = [image, signature, again, evidence, other, record]
        self.source = Blobs(dict(builder.blobs))

    def plan(self) -> CopyPlan:
        nodes = {}
        for item in self.manifests:
            manifest = parse_manifest(self.builder.blobs[item.digest], IMAGE_MANIFEST)
            nodes[key_of(item)] = Node(descriptor=item, source=self.source, manifest=manifest)
            for _, below in manifest.successors():
                nodes[key_of(below)] = Node(descriptor=below, source=self.source)
        model = self.items[MODEL]
        nodes[key_of(model)] = Node(descriptor=model, source=self.source)
        wanted = (CopyRoot(source=_unused(), descriptor=item, reference="x") for item in (self.image, model))
        return CopyPlan(artifacts=tuple(PlannedArtifact(wanted=item) for item in wanted), nodes=nodes)

    def store(self) -> PlannedStore:
        return PlannedStore(self.plan(), ())

    def read(self, store: PlannedStore, data: bytes) -> str:
        """`read`, or the reason of the error."""
        try:
            with store.open(self.items[data].digest) as stream:
                assert stream.read() == data
        except ContentError as error:
            return error.reason
        return "read"


def _unused() -> Any:
    return None


SMALL = (CONFIG, ENVELOPE, PIECE, PEM, RECORD, MODEL)


def test_reads_what_a_judgement_reads_and_layers_where_they_are_asked_for() -> None:
    """Each once, however many manifests name it."""
    builder = Attached()
    store = builder.store()
    for data in SMALL:
        assert builder.read(store, data) == "read"
    assert {data: builder.source.opened[data] for data in (*SMALL, LAYER)} == {**dict.fromkeys(SMALL, 1), LAYER: 0}
    assert store.size(builder.items[LAYER].digest) == len(LAYER)
    assert [builder.read(store, LAYER), builder.read(store, LAYER)] == ["read", "read"]
    assert builder.source.opened[LAYER] == 1
    unknown = Digest.of(b"unknown")
    assert store.size(unknown) is None
    with pytest.raises(ContentError) as caught:
        store.open(unknown)
    assert caught.value.reason == "content.missing"


@pytest.mark.parametrize(
    ("content", "reason"), [(b"ENV", "content.digest"), (b"en", "content.size"), (None, "content.missing")]
)
def test_wrong_content_spoils_only_what_reaches_it(content: bytes | None, reason: str) -> None:
    """It is read once, and told whenever it is asked for."""
    builder = Attached()
    digest = builder.items[ENVELOPE].digest
    if content is None:
        del builder.source.contents[digest]
    else:
        builder.source.contents[digest] = content
    store = builder.store()
    assert [builder.read(store, ENVELOPE), builder.read(store, ENVELOPE), builder.read(store, PIECE)] == [
        reason,
        reason,
        "read",
    ]
    assert builder.source.opened[content or b""] == (content is not None)


@pytest.mark.parametrize("less", [0, 1])
def test_what_is_held_in_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch, less: int) -> None:
    builder = Attached()
    held = sum(len(data) for data in SMALL) + len(b"{}")  # the config of what is attached
    monkeypatch.setattr("airgap.limits.TARGET_EVIDENCE_BYTES", held - less)
    if less:
        with pytest.raises(ContentError, match="more than"):
            builder.store()
    else:
        assert builder.read(builder.store(), ENVELOPE) == "read"


@pytest.mark.parametrize(("bound", "reason"), [(len(RECORD), "read"), (len(RECORD) - 1, "content.unreadable")])
def test_larger_pieces_are_not_read(monkeypatch: pytest.MonkeyPatch, bound: int, reason: str) -> None:
    for limit in ("CRL_FILE_BYTES", "MANIFEST_BYTES"):
        monkeypatch.setattr(f"airgap.limits.{limit}", bound)
    builder = Attached()
    assert builder.read(builder.store(), RECORD) == reason


def test_is_a_layout_with_the_names_of_the_copy() -> None:
    builder = Attached()
    target = planned_target(builder.plan(), [("v1", "v2"), ()])
    assert [(root.descriptor.digest, root.tags) for root in target.graph.roots()] == [
        (builder.image.digest, ("v1", "v2")),
        (builder.items[MODEL].digest, ()),
    ]
