"""Doors of JSON documents and settings: policies, snapshots, records, configurations, reports."""

from __future__ import annotations

import json as reference
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from airgap.bundle.bundle_document import BundleDocument
from airgap.bundle.manifest_images import images_in
from airgap.net.credentials import Credentials
from airgap.oci.descriptor import TITLE, Descriptor
from airgap.oci.graph import Graph
from airgap.oci.manifest import parse_layout_index, parse_manifest
from airgap.oci.manifest_writer import write_manifest
from airgap.oci.record import Record
from airgap.oci.reference import parse_registry_reference
from airgap.parse import json
from airgap.plugin import protocol
from airgap.revocation.freshness import Freshness
from airgap.revocation.index import EvidenceIndex
from airgap.signature.key_config import parse_signing_keys
from airgap.trust.blob_policy import BlobPolicy
from airgap.trust.policy import OciPolicy
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.snapshot_document import Built, parse_snapshot
from airgap.trust.snapshots.state import State
from airgap.trust.snapshots.tuf_check import METADATA_TYPE, TUF_TYPE, check_root, check_tuf
from airgap.verifier.report_reader import parse_report
from fuzz import material
from fuzz.doors.content import Memory
from fuzz.doors.law import refusable, same

_SCOPES: Final = (None, "registry.example/net-monitor", "localhost:5000/a/b")
_HOSTS: Final = ("registry.example", "docker.io", "localhost:5000")


def json_value(data: bytes) -> None:
    """Any JSON in every way of reading it; Python's own reader reads the same value."""
    for reading in json.Reading:
        with refusable():
            value = json.load(data, reading)
            if reading not in {json.Reading.OPEN, json.Reading.WHOLE}:
                same(repr(value), repr(reference.loads(data)), "the value")
            else:  # null members are left out, and numbers stay as they were written
                same(json.load(json.dump(value), reading), value, "the value, written again")


def record(data: bytes) -> None:
    """An acquisition record; it is the same after it was written."""
    with refusable():
        found = Record.parse(data)
        found.left_behind(frozenset())
        found.found_none()
        same(Record.parse(reference.dumps(found.to_json()).encode()), found, "the record, written again")


def policy(data: bytes) -> None:
    """A trust policy of either kind, asked for some repositories."""
    with refusable():
        artifacts = OciPolicy.parse(data, "policy")
        for scope in _SCOPES:
            with refusable():
                artifacts.select(scope)
    with refusable():
        blobs = BlobPolicy.parse(data, "policy")
        for name in (None, "harbour"):
            with refusable():
                blobs.select(name)


def freshness(data: bytes) -> None:
    """`airgap.toml`."""
    with refusable():
        Freshness.parse(data, "airgap.toml").to_json()


def evidence_index(data: bytes) -> None:
    """`crls/index.json`."""
    with refusable():
        EvidenceIndex.parse(data, "index.json").find(["http://crl.example/signing-0.crl"])


def snapshot(data: bytes) -> None:
    """The config of a trust snapshot, under the manifest that the corpus has for one."""
    with refusable():
        built = material.snapshot()
        descriptor = built.snapshot.descriptor
        parse_snapshot(descriptor, parse_manifest(built.manifest, descriptor.media_type), data)


def bundle(data: bytes) -> None:
    """The document of a bundle; it is the same after it was written, and its names are safe to show."""
    with refusable():
        found = BundleDocument.parse(data)
        same(BundleDocument.parse(found.dump()), found, "the document of a bundle, written again")
        for item in found.artifacts:
            same([name for name in item.references if not name.isprintable()], [], "names that are not safe to show")


def yaml(data: bytes) -> None:
    """Rendered manifests: what is found in them is safe to show, and names an image."""
    with refusable():
        found = images_in(data, "manifest.yaml")
        for item in found.images:
            same(str(parse_registry_reference(item.reference)), item.reference, "the name of an image")
        same([item for item in found.suspicions if not item.text.isprintable()], [], "texts that are not safe to show")


def state(data: bytes) -> None:
    """`state.json`; it is the same after it was written."""
    with refusable():
        found = State.parse(data)
        same(State.parse(found.to_bytes()), found, "the state, written again")


def pins(data: bytes) -> None:
    """`pins.json`: who may sign snapshots."""
    with refusable():
        for pin in Pins.parse(data).entries:
            with refusable():
                pin.check()
            same(len(pin.id) > 0, True, "a pin has an id")  # noqa: FBT003


def tuf(data: bytes) -> None:
    """TUF metadata: a root that a person pins, or a file beside a snapshot, signed by its sender if it can be."""
    if find_spec("tuf") is None:
        return
    with refusable():
        check_root(data)
    sender = material.tuf_sender()
    role = _ROLE.search(data)
    name = sender.name_of(role[1].decode() if role else "timestamp")
    with refusable():
        store = _layout(material.snapshot(), {**sender.metadata, name: sender.signed(data)})
        check_tuf(store, Graph(store), material.snapshot().snapshot, sender.pin, {}, lambda _: None)


_ROLE: Final = re.compile(rb'"_type"\s*:\s*"([a-z]{1,9})"')


def _layout(built: Built, metadata: Mapping[str, bytes]) -> Memory:
    """The snapshot and an attachment with these files, all embedded in the index."""
    layers = [Descriptor.of(METADATA_TYPE, raw, annotations={TITLE: name}) for name, raw in metadata.items()]
    embedded = [replace(layer, data=raw) for layer, raw in zip(layers, metadata.values(), strict=True)]
    attached, manifest = write_manifest(TUF_TYPE, embedded, subject=built.snapshot.descriptor)
    entries = [replace(built.snapshot.descriptor, data=built.manifest), replace(attached, data=manifest)]
    document = {"schemaVersion": 2, "manifests": [entry.to_json() for entry in entries]}
    return Memory(parse_layout_index(reference.dumps(document).encode()), {})


@cache
def _file() -> Path:
    return Path(tempfile.mkdtemp(prefix="airgap-fuzz-")) / "config.json"


def docker_config(data: bytes) -> None:
    """The `config.json` of docker. Helpers that it names are looked for where none is, so that none is ever run."""
    _file().write_bytes(data)
    credentials = Credentials(environment={"PATH": os.devnull}, explicit_file=_file())
    for host in _HOSTS:
        with refusable():
            credentials.lookup(host, "team/app")


def signing_keys(data: bytes) -> None:
    """The `signingkeys.json` of notation."""
    with refusable():
        parse_signing_keys(data, source="signingkeys.json")


_ANSWERS: Final[tuple[Callable[[bytes], object], ...]] = (
    protocol.Metadata.parse,
    protocol.KeyDescription.parse,
    protocol.RawSignature.parse,
    protocol.GeneratedEnvelope.parse,
    protocol.VerifyAnswer.parse,
    protocol.PluginFailure.parse,
)


def plugin_answer(data: bytes) -> None:
    """What a plugin writes to its standard output."""
    for parse in _ANSWERS:
        with refusable():
            parse(data)


def report(data: bytes) -> None:
    """A verify report that recheck is given."""
    with refusable():
        parse_report(data, "report")
