"""Random layouts with one CRL in them: whatever else they list, and whatever their descriptors state, it is found.

Decision 0020: evidence proves itself wherever it is. Only the digests on the way to it have to be right.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.oci.descriptor import DOCKER_MANIFEST, IMAGE_MANIFEST, Descriptor, Platform
from airgap.oci.target import open_target
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from airgap.signature.stamped_evidence import evidence_of_target
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki

CRL = crl(Pki().code_chain(depth=2).root)
ABSENT = Descriptor.of(IMAGE_MANIFEST, b"absent")
NAMED = {"org.opencontainers.image.title": "crls/x.crl"}

LIES: dict[str, Callable[[Descriptor], Descriptor]] = {
    "size": lambda item: replace(item, size=item.size + 1),
    "no size": lambda item: replace(item, size=0),
    "huge": lambda item: replace(item, size=2**40),
    "data": lambda item: replace(item, data=b"x" * item.size),
    "type": lambda item: replace(item, media_type=DOCKER_MANIFEST),
    "unknown type": lambda item: replace(item, media_type="application/octet-stream"),
    "platform": lambda item: replace(item, platform=Platform(architecture="amd64", os="linux")),
    "none": lambda item: item,
}


def _attached(made: LayoutBuilder, subject: Descriptor, item: Descriptor) -> Descriptor:
    return made.add_referrer(subject, [item], artifact_type=EVIDENCE_TYPE, listed=False)


HOLDERS: dict[str, Callable[[LayoutBuilder, Descriptor, Descriptor], Descriptor]] = {
    "evidence of the image": _attached,
    "evidence of what is absent": lambda made, _, item: _attached(made, ABSENT, item),
    "evidence of nothing": lambda made, _, item: made.add_image(item, config=b"{}", artifactType=EVIDENCE_TYPE),
    "an image": lambda made, _, item: made.add_image(b"first", item),
    "an index": lambda made, _, item: made.add_index(item),
    "another attachment": lambda made, image, item: made.add_referrer(
        image, [item], artifact_type="example/files", listed=False
    ),
}
lies = st.sampled_from(sorted(LIES))


def _put(made: LayoutBuilder, image: Descriptor, item: Descriptor, way: str) -> None:
    if way == "tag":
        made.tag(item, "other")
    elif way == "entry":
        made.list(item)
    elif way == "cosign":
        made.tag(item, f"sha256-{image.digest.encoded}.sig")
    elif way == "referrers tag":
        made.tag_referrers(image, item)
    else:
        made.tag_referrers(image, made.add_referrer(image, b"sbom", artifact_type="a/b", listed=False), item)


@settings(max_examples=150)
@given(st.data())
def test_a_crl_is_found_in_every_graph(data: st.DataObject) -> None:
    made = LayoutBuilder()
    image = made.add_image(b"image")
    made.tag(image, "v1")
    evidence = made.add_blob(CRL, CRL_MEDIA_TYPE, annotations=NAMED)
    held = LIES[data.draw(lies)](evidence)
    item = HOLDERS[data.draw(st.sampled_from(sorted(HOLDERS)))](made, image, held)
    for _ in range(data.draw(st.integers(0, 3))):
        before = [LIES[data.draw(lies)](item) for _ in range(data.draw(st.integers(0, 2)))]
        subject = data.draw(st.sampled_from([None, image, ABSENT]))
        members: dict[str, Any] = {"subject": subject.bare.to_json()} if subject else {}
        item = made.add_index(*before, LIES[data.draw(lies)](item), **members)
    ways = st.sampled_from(["tag", "entry", "cosign", "referrers tag", "after a referrer"])
    for _ in range(data.draw(st.integers(0, 2))):
        _put(made, image, LIES[data.draw(lies)](data.draw(st.sampled_from([item, evidence]))), data.draw(ways))
    _put(made, image, LIES[data.draw(lies)](item), data.draw(ways))
    if data.draw(st.booleans()):
        made.entries.reverse()
    with tempfile.TemporaryDirectory() as folder:
        made.write_directory(Path(folder))
        with open_target(f"oci:{folder}") as target:
            assert evidence_of_target(target.store, target.graph, "here").fingerprints()
