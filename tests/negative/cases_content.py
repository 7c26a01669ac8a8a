"""NEG-141 and NEG-145 to NEG-160: what is in the layout, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from airgap import limits
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.reasons import ExitCode
from tests.support.case import BOTH, Case
from tests.support.envelopes import REMOVED
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import NOTARY, Scene, Signature, Written, add_image, bare

Pack = Callable[[LayoutBuilder, Descriptor], None]


def _pack(identifier: str, reason: str, pack: Pack, check: str = "content") -> Case:
    """The finished layout is changed before it is written."""

    def change(scene: Scene) -> None:
        scene.packing.append(pack)

    return Case(identifier, change, reason, check=check)


def _disk(identifier: str, reason: str, act: Callable[[Path], None], check: str = "run") -> Case:
    """The layout is changed on disk."""

    def change(scene: Scene) -> None:
        def spoil(written: Written) -> None:
            act(written.layout)

        scene.afterwards.append(spoil)

    return Case(identifier, change, reason, check=check)


def _manifest(identifier: str, reason: str, check: str = "integrity", **changes: Any) -> Case:
    """A signature manifest with a deviation."""

    def change(scene: Scene) -> None:
        scene.signature.manifest = changes

    return Case(identifier, change, reason, check=check, forms=BOTH, fatal=True)


def _subject(identifier: str, reason: str, check: str, **changes: Any) -> Case:
    def change(scene: Scene) -> None:
        scene.signature.manifest = {"subject": {**bare(scene.target), **changes}}

    return Case(identifier, change, reason, check=check)


def _manifest_of(builder: LayoutBuilder) -> Descriptor:
    """The signature manifest: the last entry of index.json."""
    return Descriptor.from_json(builder.entries[-1])


def _envelope_of(builder: LayoutBuilder) -> Descriptor:
    raw = builder.blobs[_manifest_of(builder).digest]
    return Descriptor.from_json(_json(raw)["layers"][0])


def _json(raw: bytes) -> Any:
    import json

    return json.loads(raw)


def _layer_of(builder: LayoutBuilder, target: Descriptor) -> Descriptor:
    return Descriptor.from_json(_json(builder.blobs[target.digest])["layers"][0])


def _config_of(builder: LayoutBuilder, target: Descriptor) -> Descriptor:
    return Descriptor.from_json(_json(builder.blobs[target.digest])["config"])


def _other(data: bytes) -> bytes:
    """Other bytes of the same length."""
    return bytes([data[0] ^ 1]) + data[1:]


def _damage(find: Callable[[LayoutBuilder, Descriptor], Descriptor], change: Callable[[bytes], bytes]) -> Pack:
    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        found = find(builder, target)
        builder.damage(found, change(builder.blobs[found.digest]))

    return pack


def _lose(find: Callable[[LayoutBuilder, Descriptor], Descriptor]) -> Pack:
    return lambda builder, target: builder.drop(find(builder, target))


def _envelope(identifier: str, content: str, pack: Pack) -> Case:
    """The envelope's blob is spoilt: the signature cannot be read, and the artifact is not whole."""

    def change(scene: Scene) -> None:
        scene.packing.append(pack)

    return Case(identifier, change, "signature.unreadable", also=(("content", content),))


def _unlist(builder: LayoutBuilder, _target: Descriptor) -> None:
    builder.entries.pop()


def _unsigned(level: str) -> Case:
    def change(scene: Scene) -> None:
        scene.level = level
        scene.packing.append(_unlist)

    return Case(f"NEG-145-unsigned-at-{level}", change, "signature.none", check="signature")


def _two_layers(scene: Scene) -> None:
    envelope = scene.builder.add_blob(b"first", "application/jose+json")
    scene.signature.manifest = {"layers": [bare(envelope), bare(envelope)]}


def _large_envelope(scene: Scene) -> None:
    blob = scene.builder.add_blob(bytes(limits.ENVELOPE_BYTES + 1), "application/jose+json")
    scene.signature.manifest = {"layers": [bare(blob)]}


def _bad_then_good_and_one_allowed(scene: Scene) -> None:
    """Whichever of two signatures comes first by digest is the one that is looked at: both are bad but one."""
    leaf = scene.signature.leaf
    bad = [Signature(scene.form, leaf, target={"size": number}) for number in range(1, 8)]
    scene.signatures = bad
    scene.options += ["--max-signatures", "1"]


def _signature_is_an_index(scene: Scene) -> None:
    """MAN-12: a referrer of the Notary Project's type that is an index."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries.pop()
        index = builder.add_index(_manifest_of_blob(builder), subject=bare(target), artifactType=NOTARY)
        builder.list(index)

    scene.packing.append(pack)


def _manifest_of_blob(builder: LayoutBuilder) -> Descriptor:
    return add_image(builder, "riscv64")


def _ask_for(reference: Callable[[Written], str]) -> Callable[[Scene], None]:
    """Another reference is asked for."""

    def change(scene: Scene) -> None:
        scene.refer = reference

    return change


def _file(name: str, data: bytes | None) -> Callable[[Path], None]:
    def act(layout: Path) -> None:
        if data is None:
            (layout / name).unlink()
        else:
            (layout / name).write_bytes(data)

    return act


_NO_CONFIG_TYPE: Final = {
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    "size": 2,
}
_NOTARY_CONFIG: Final = {**_NO_CONFIG_TYPE, "mediaType": NOTARY}
_OCI_LAYOUT: Final = b'{"imageLayoutVersion":"%s"}'

CASES: Final = (
    *(_unsigned(level) for level in ("strict", "permissive", "audit")),
    Case("NEG-146-two-layers", _two_layers, "signature.manifest", fatal=True),
    _manifest("NEG-146-no-layers", "signature.manifest", layers=[]),
    _envelope("NEG-147-envelope-missing", "content.missing", _lose(lambda builder, _: _envelope_of(builder))),
    _envelope("NEG-147-envelope-corrupt", "content.digest", _damage(lambda builder, _: _envelope_of(builder), _other)),
    _envelope("NEG-147-envelope-longer", "content.size",
              _damage(lambda builder, _: _envelope_of(builder), lambda data: data + b"\n")),
    Case("NEG-147-envelope-too-large", _large_envelope, "signature.manifest"),
    Case("NEG-148-only-one-of-several-looked-at", _bad_then_good_and_one_allowed, "payload.mismatch"),
    _manifest("NEG-149-config-of-another-type", "signature.manifest", config=_NO_CONFIG_TYPE),
    _pack("NEG-150-not-reachable-from-index", "signature.none", _unlist, "signature"),
    _subject("NEG-151-subject-of-another-size", "signature.none", "signature", size=1),
    _subject("NEG-151-subject-of-another-type", "signature.none", "signature", mediaType=IMAGE_INDEX),
    _subject("NEG-151-subject-of-another-digest", "signature.none", "signature", digest="sha256:" + "0" * 64),
    _manifest("NEG-151-no-subject", "signature.none", "signature", subject=REMOVED),
    _disk("NEG-152-version-1.1.0", "layout.malformed", _file("oci-layout", _OCI_LAYOUT % b"1.1.0")),
    _disk("NEG-152-version-missing", "layout.malformed", _file("oci-layout", b"{}")),
    _disk("NEG-152-oci-layout-missing", "layout.malformed", _file("oci-layout", None)),
    _disk("NEG-152-oci-layout-garbage", "layout.malformed", _file("oci-layout", b"layout")),
    _disk("NEG-152-index-missing", "layout.malformed", _file("index.json", None)),
    _disk("NEG-152-index-cut", "layout.malformed", lambda path: _cut(path / "index.json")),
    _pack("NEG-153-layer-changed", "content.digest", _damage(_layer_of, _other)),
    _pack("NEG-153-layer-longer", "content.size", _damage(_layer_of, lambda data: data + b"\0")),
    _pack("NEG-153-layer-shorter", "content.size", _damage(_layer_of, lambda data: data[:-1])),
    _pack("NEG-153-layer-empty", "content.size", _damage(_layer_of, lambda _: b"")),
    _pack("NEG-153-layer-missing", "content.missing", _lose(_layer_of)),
    _pack("NEG-153-config-changed", "content.digest", _damage(_config_of, _other)),
    _pack("NEG-153-config-missing", "content.missing", _lose(_config_of)),
    _pack("NEG-153-manifest-changed", "content.digest", _damage(lambda _, target: target, _other)),
    _pack("NEG-153-manifest-missing", "content.missing", _lose(lambda _, target: target)),
    replace(
        _manifest("NEG-157-signature-manifest-of-a-docker-type", "signature.left_behind", "signature",
                  mediaType="application/vnd.docker.distribution.manifest.v2+json"),
        also=(("content", "content.malformed"),),
    ),
    Case("NEG-157-signature-is-an-index", _signature_is_an_index, "signature.manifest"),
    _manifest("NEG-159-artifact-type-other-config-notary", "signature.none", "signature",
              artifactType="application/x-other", config=_NOTARY_CONFIG),
    Case("NEG-154-upper-case-digest", _ask_for(lambda written: f"oci:{written.layout}@{written.digest.upper()}"),
         "", check="run", code=ExitCode.USAGE),
    Case("NEG-154-traversal", _ask_for(lambda written: f"oci:{written.layout}@sha256:../../oci-layout"),
         "", check="run", code=ExitCode.USAGE),
    Case("NEG-155-digest-not-there", _ask_for(lambda written: f"oci:{written.layout}@sha256:{'0' * 64}"),
         "", check="run", code=ExitCode.NOT_FOUND),
    Case("NEG-155-tag-not-there", _ask_for(lambda written: f"oci:{written.layout}:v2"),
         "", check="run", code=ExitCode.NOT_FOUND),
)  # fmt: skip


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
