"""Layouts for tests, valid by default, with any defect on demand; and tars of them, made header by header.

`LayoutBuilder` collects blobs and entries and hands out descriptors. `write_directory` and `write_tar` put it on disk;
`files()` gives the tree as a mapping, to be damaged before `write_tree` or `tar_of` writes it. The tar functions take
every field of a header, so that a test can make what no tar tool writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from airgap.oci.descriptor import (
    ARTIFACT_MANIFEST,
    EMPTY,
    IMAGE_CONFIG,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    NOTARY_SIGNATURE,
    REF_NAME,
    Descriptor,
    Platform,
)
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout

Json = dict[str, Any]
TarFormat = Literal["ustar", "pax", "gnu"]
LAYOUT_FILE = b'{"imageLayoutVersion":"1.0.0"}'
BLOCK = 512
NAME = 100
"""Bytes of a name in a header."""
END = bytes(2 * BLOCK)

IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def dump(document: Any) -> bytes:
    """JSON as most tools write it."""
    return json.dumps(document, separators=(",", ":")).encode()


class LayoutBuilder:
    """Collects a layout.

    Every `add_*` stores blobs and returns a descriptor; `tag` and `list` put it into index.json.
    """

    def __init__(self) -> None:
        self.blobs: dict[Digest, bytes] = {}
        self.entries: list[Json] = []
        self.layout_file: bytes = LAYOUT_FILE
        self.extra_files: dict[str, bytes] = {}

    def add_blob(
        self, data: bytes, media_type: str = IMAGE_LAYER, *, algorithm: str = "sha256", embed: bool = False, **more: Any
    ) -> Descriptor:
        """A blob; `embed` puts it into the descriptor too, `more` are further members of Descriptor."""
        digest = Digest.of(data, algorithm)
        self.blobs[digest] = data
        return Descriptor(media_type=media_type, digest=digest, size=len(data), data=data if embed else None, **more)

    def add_manifest(
        self, document: Json | bytes, media_type: str = IMAGE_MANIFEST, *, algorithm: str = "sha256", **more: Any
    ) -> Descriptor:
        """Any document as a manifest, well-formed or not."""
        raw = document if isinstance(document, bytes) else dump(document)
        return self.add_blob(raw, media_type, algorithm=algorithm, **more)

    def add_image(
        self,
        *layers: bytes | Descriptor,
        config: bytes = b'{"architecture":"amd64","os":"linux"}',
        media_type: str = IMAGE_MANIFEST,
        subject: Descriptor | None = None,
        platform: Platform | None = None,
        algorithm: str = "sha256",
        **members: Any,
    ) -> Descriptor:
        """An image of these layers; `members` are further members of its manifest."""
        document: Json = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": self.add_blob(config, IMAGE_CONFIG, algorithm=algorithm).to_json(),
            "layers": [self._layer(layer, algorithm).to_json() for layer in layers or (b"a layer",)],
        }
        if subject is not None:
            document["subject"] = subject.to_json()
        return self.add_manifest(document | members, media_type, algorithm=algorithm, platform=platform)

    def add_index(
        self, *children: Descriptor, media_type: str = IMAGE_INDEX, algorithm: str = "sha256", **members: Any
    ) -> Descriptor:
        """An index of manifests that were added before."""
        document: Json = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [child.to_json() for child in children],
        }
        return self.add_manifest(document | members, media_type, algorithm=algorithm)

    def add_referrer(
        self,
        subject: Descriptor,
        content: bytes | Sequence[Descriptor],
        *,
        artifact_type: str = NOTARY_SIGNATURE,
        layer_type: str = "application/jose+json",
        listed: bool = True,
        form: Literal["image", "config", "artifact"] = "image",
        **members: Any,
    ) -> Descriptor:
        """What refers to `subject`, with one layer (or those given).

        `form` is the shape: `image` has artifactType (MAN-2), `config` states its type as the config's media type
        (MAN-3), `artifact` is the withdrawn artifact manifest (MAN-11). `listed` puts it into index.json untagged, as
        oras and notation do (MAN-36).
        """
        layers = [self.add_blob(content, layer_type)] if isinstance(content, bytes) else list(content)
        target = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size).to_json()
        document: Json = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "artifactType": artifact_type}
        if form == "artifact":
            document = {"mediaType": ARTIFACT_MANIFEST, "artifactType": artifact_type}
            document["blobs"] = [layer.to_json() for layer in layers]
        else:
            config = EMPTY if form == "image" else artifact_type
            document["config"] = self.add_blob(b"{}", config).to_json()
            document["layers"] = [layer.to_json() for layer in layers]
            if form == "config":
                del document["artifactType"]
        document["subject"] = target
        media_type = ARTIFACT_MANIFEST if form == "artifact" else IMAGE_MANIFEST
        descriptor = self.add_manifest(document | members, media_type, artifact_type=artifact_type)
        if listed:
            self.list(descriptor)
        return descriptor

    def add_cosign(
        self, content: bytes = b'{"critical":{}}', layer_type: str = "application/vnd.dev.cosign.simplesigning.v1+json"
    ) -> Descriptor:
        """As cosign makes a signature: its config says that it is an image."""
        return self.add_image(self.add_blob(content, layer_type), config=b"{}")

    def list(self, descriptor: Descriptor, **annotations: str) -> None:
        """An untagged entry of index.json."""
        self.entries.append(replace(descriptor, annotations={**descriptor.annotations, **annotations}).to_json())

    def tag(self, descriptor: Descriptor, *names: str) -> Descriptor:
        """An entry of index.json for every name."""
        for name in names:
            self.entries.append(replace(descriptor, annotations={**descriptor.annotations, REF_NAME: name}).to_json())
        return descriptor

    def tag_referrers(self, subject: Descriptor, *referrers: Descriptor) -> Descriptor:
        """The referrers as a registry without the referrers API keeps them (DIST-8), as regctl writes."""
        name = f"{subject.digest.algorithm[:32]}-{subject.digest.encoded[:64]}"
        return self.tag(self.add_index(*referrers), name)

    def drop(self, descriptor: Descriptor) -> None:
        """Loses a blob."""
        del self.blobs[descriptor.digest]

    def damage(self, descriptor: Descriptor, data: bytes) -> None:
        """Puts other bytes in place of the blob."""
        self.blobs[descriptor.digest] = data

    def index_json(self) -> bytes:
        """The bytes of index.json."""
        return dump({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": self.entries})

    def files(self) -> dict[str, bytes]:
        """The whole tree: path to content."""
        tree = {"oci-layout": self.layout_file, "index.json": self.index_json()}
        for digest, data in self.blobs.items():
            tree[f"blobs/{digest.algorithm}/{digest.encoded}"] = data
        return tree | self.extra_files

    def write_directory(self, path: Path) -> Path:
        """The layout as a directory."""
        (path / "blobs").mkdir(parents=True, exist_ok=True)
        return write_tree(path, self.files())

    def write_tar(self, path: Path, form: TarFormat = "ustar", *, prefix: str = "") -> Path:
        """The layout as a tar; `prefix` is before every name (`./`)."""
        path.write_bytes(tar_of(self.files(), form, prefix=prefix))
        return path

    def _layer(self, layer: bytes | Descriptor, algorithm: str) -> Descriptor:
        return layer if isinstance(layer, Descriptor) else self.add_blob(layer, algorithm=algorithm)


def write_tree(path: Path, files: Mapping[str, bytes]) -> Path:
    """Files below `path`."""
    for folder in {name.rpartition("/")[0] for name in files}:
        (path / folder).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def tar_of(files: Mapping[str, bytes], form: TarFormat = "ustar", *, prefix: str = "") -> bytes:
    """A tar of these files, with their directories, as the usual tools write it."""
    folders = sorted(
        {"/".join(parts[:depth]) for name in files for parts in [name.split("/")] for depth in range(1, len(parts))}
    )
    members = [tar_member(f"{prefix}{folder}/", b"", form, kind=b"5") for folder in folders]
    members += [tar_member(f"{prefix}{name}", data, form) for name, data in files.items()]
    return b"".join(members) + END


def tar_member(name: str, data: bytes, form: TarFormat = "ustar", *, kind: bytes = b"0", **fields: Any) -> bytes:
    """One member with its data; for PAX with an extended header that states its path and size.

    Names that a header cannot hold (those of sha512 blobs) are stated as GNU tar or PAX do.
    """
    raw = name.encode()
    extended = b""
    if form == "gnu" and len(raw) > NAME:
        extended = tar_header("././@LongLink", len(raw) + 1, form, kind=b"L") + pad(raw + b"\0")
    elif form == "pax" or len(raw) > NAME:
        extended = tar_pax({"path": name, "size": str(len(data))})
    return extended + tar_header(name, len(data), form, kind=kind, **fields) + pad(data)


def tar_pax(records: Mapping[str, str] | bytes, *, kind: bytes = b"x", name: str = "") -> bytes:
    """A PAX extended header (`x`, or `g` for all members); as bytes, exactly those."""
    data = records if isinstance(records, bytes) else b"".join(map(_record, records.items()))
    name = name or ("pax_global_header" if kind == b"g" else "PaxHeader")
    return tar_header(name, len(data), kind=kind) + pad(data)


def tar_header(
    name: str | bytes,
    size: int,
    form: TarFormat = "ustar",
    *,
    kind: bytes = b"0",
    size_field: bytes | None = None,
    link: str = "",
    prefix: bytes = b"",
    magic: bytes | None = None,
    checksum: int | None = None,
) -> bytes:
    """One header block. Sizes that octal digits cannot hold are base-256 (GNU), or 0 (PAX has them in its record)."""
    raw = name if isinstance(name, bytes) else name.encode()
    if size_field is None:
        size_field = _size_field(size, form)
    if magic is None:
        magic = b"ustar  \0" if form == "gnu" else b"ustar\x0000"
    block = bytearray(BLOCK)
    for offset, value in (
        (0, raw[:NAME]),
        (100, b"0000644\0" + b"0000000\0" * 2),
        (124, size_field),
        (136, b"14000000000\0"),
        (148, b" " * 8),
        (156, kind),
        (157, link.encode()[:100]),
        (257, magic),
        (345, prefix),
    ):
        block[offset : offset + len(value)] = value
    block[148:156] = b"%06o\0 " % (sum(block) if checksum is None else checksum)
    return bytes(block)


def pad(data: bytes) -> bytes:
    """Data up to the next whole block."""
    return data + bytes(-len(data) % BLOCK)


def write_sparse_tar(path: Path, form: TarFormat, name: str, size: int, after: Iterable[bytes]) -> int:
    """A tar that starts with one huge member of zeros, without writing them; returns where that member's data starts.

    The disk holds a hole, so that a test of sizes beyond 8 GiB takes no time.
    """
    head = (tar_pax({"path": name, "size": str(size)}) if form == "pax" else b"") + tar_header(name, size, form)
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + size + -size % BLOCK)
        file.write(b"".join(after) + END)
    return len(head)


def _size_field(size: int, form: TarFormat) -> bytes:
    if size < 8**11:
        return b"%011o\0" % size
    return b"\x80" + size.to_bytes(11, "big") if form == "gnu" else b"00000000000\0"


def _record(item: tuple[str, str]) -> bytes:
    body = f" {item[0]}={item[1]}\n".encode()
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def graph_of(builder: LayoutBuilder, place: Path) -> Graph:
    """The layout, written to `place`, as a graph."""
    return Graph(open_layout(builder.write_directory(place)))
