"""A layout of many images, good and bad in every way that a report tells apart, judged by one process or by several."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import airgap
import airgap.report
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, Signature, Written, add_image, with_everything


def many_images(folder: Path, count: int = 100, *, archive: bool = False) -> Written:
    """Signed images; some unsigned, damaged, incomplete, forged or with attachments, and one entry is unreadable."""
    scene = with_everything(archive=archive)
    builder = scene.builder
    for number in range(1, count):
        image = add_image(builder, f"arch{number}")
        builder.tag(image, f"v{number + 1}")
        _KINDS[number % len(_KINDS)](scene, image)
    builder.damage(builder.tag(add_image(builder, "unreadable"), "unreadable"), b"{")
    return scene.write(folder)


def _signed(scene: Scene, image: Descriptor) -> None:
    Signature("jws", scene.signature.leaf, token=scene.signature.token).attach(scene.builder, image)


def _unsigned(scene: Scene, image: Descriptor) -> None:
    pass


def _forged(scene: Scene, image: Descriptor) -> None:
    Signature("cose", scene.signature.leaf, target={"size": 1}).attach(scene.builder, image)


def _with_attachment(scene: Scene, image: Descriptor) -> None:
    _signed(scene, image)
    _signed(scene, scene.builder.add_referrer(image, b"{}", artifact_type="application/spdx+json"))


def _damaged(scene: Scene, image: Descriptor) -> None:
    _signed(scene, image)
    scene.builder.damage(last_layer(scene.builder, image), b"damaged")


def _incomplete(scene: Scene, image: Descriptor) -> None:
    _signed(scene, image)
    scene.builder.drop(last_layer(scene.builder, image))


def last_layer(builder: LayoutBuilder, image: Descriptor) -> Descriptor:
    """The second layer of an image with two."""
    last = json.loads(builder.blobs[image.digest])["layers"][1]
    return Descriptor(media_type=last["mediaType"], digest=Digest.parse(last["digest"]), size=last["size"])


_KINDS: tuple[Callable[[Scene, Descriptor], None], ...] = (
    _signed,
    _signed,
    _unsigned,
    _signed,
    _forged,
    _with_attachment,
    _damaged,
    _signed,
    _incomplete,
)


def report_of(written: Written, file: Path, target: str | None = None, **workers: Any) -> bytes:
    """The JSON report of a verify of the whole layout."""
    at, whole = written.at, f"{'oci-archive' if written.archive else 'oci'}:{written.layout}"
    request = airgap.VerifyRequest(targets=[target or whole], at=at, clock=at, scope=written.scope)
    outcome = airgap.verify(request, written.trust, **workers)
    airgap.report.write_report(file, airgap.report.VerifyReport(outcome, 0))
    return file.read_bytes()
