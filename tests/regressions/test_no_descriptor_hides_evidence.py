"""A revoking CRL in a layout counts whatever lists it (decision 0020).

A wrong descriptor before it, or a place in an index of referrers of another artifact, changed exit 14 to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import DOCKER_MANIFEST, Descriptor
from airgap.parse.time import iso
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Issued, Pki
from tests.support.scenario import Scene, Signature
from tests.support.trust import REPOSITORY
from tests.support.tsa import token

URL = "http://crl.example/leaf.crl"
TITLE = "org.opencontainers.image.title"
Pack = Callable[[LayoutBuilder, Descriptor, Descriptor, Issued], None]
"""Puts a CRL, the blob of which is in the builder, into the layout of a signed image."""


def wrong(item: Descriptor) -> Descriptor:
    return replace(item, data=b"x" * item.size)


def alone(builder: LayoutBuilder, evidence: Descriptor) -> Descriptor:
    """An evidence artifact without a subject."""
    return builder.add_image(evidence, config=b"{}", artifactType=EVIDENCE_TYPE)


def first(builder: LayoutBuilder, item: Descriptor, tag: str = "first") -> None:
    builder.tag(item, tag)
    builder.entries.insert(0, builder.entries.pop())


def under_referrers_tag(*, of_another: bool) -> Pack:
    def pack(builder: LayoutBuilder, target: Descriptor, evidence: Descriptor, _: Issued) -> None:
        other = builder.add_image(b"other")
        listed = (
            builder.add_referrer(other, [evidence], artifact_type=EVIDENCE_TYPE, listed=False)
            if of_another
            else alone(builder, evidence)
        )
        sbom = builder.add_referrer(target, b"sbom", artifact_type="application/spdx", listed=False)
        builder.tag_referrers(target, listed, sbom)

    return pack


def after_wrong_data(builder: LayoutBuilder, target: Descriptor, evidence: Descriptor, _: Issued) -> None:
    builder.add_referrer(builder.add_image(b"other"), [wrong(evidence)], artifact_type=EVIDENCE_TYPE)
    builder.add_referrer(target, [evidence], artifact_type=EVIDENCE_TYPE)


def embedded_after_missing(builder: LayoutBuilder, _: Descriptor, evidence: Descriptor, __: Issued) -> None:
    data = builder.blobs[evidence.digest]
    builder.drop(evidence)
    first(builder, builder.add_image(evidence))
    builder.tag(builder.add_image(replace(evidence, data=data)), "second")


def embedded_after_huge(builder: LayoutBuilder, _: Descriptor, evidence: Descriptor, __: Issued) -> None:
    data = builder.blobs[evidence.digest]
    builder.drop(evidence)
    named = replace(evidence, media_type="application/octet-stream", annotations={TITLE: "ca.pem"})
    builder.list(replace(named, size=2**40))
    builder.tag(builder.add_image(replace(named, data=data)), "second")


def in_token_after_missing(builder: LayoutBuilder, _: Descriptor, evidence: Descriptor, leaf: Issued) -> None:
    data = builder.blobs[evidence.digest]
    builder.drop(evidence)
    second = builder.add_image(b"second")
    builder.tag(second, "second")
    authority = Pki().tsa_chain()
    Signature("jws", leaf, token=lambda value: token(authority, value, crls=[data])).attach(builder, second)
    first(builder, builder.add_image(evidence))


def child_after(change: Callable[[Descriptor], Descriptor]) -> Pack:
    def pack(builder: LayoutBuilder, _: Descriptor, evidence: Descriptor, __: Issued) -> None:
        listed = alone(builder, evidence)
        first(builder, builder.add_index(change(listed), builder.add_image(b"image")))
        builder.tag(builder.add_index(listed), "second")

    return pack


def only_wrongly(change: Callable[[Descriptor], Descriptor]) -> Pack:
    def pack(builder: LayoutBuilder, _: Descriptor, evidence: Descriptor, __: Issued) -> None:
        builder.tag(change(alone(builder, evidence)), "other")

    return pack


def entry_after_neutral_one(builder: LayoutBuilder, _: Descriptor, evidence: Descriptor, __: Issued) -> None:
    builder.list(replace(evidence, media_type="application/octet-stream", annotations={}))
    builder.list(evidence)


def larger(item: Descriptor) -> Descriptor:
    return replace(item, size=item.size + 1)


PLACES: dict[str, Pack] = {
    "under a referrers tag, without a subject": under_referrers_tag(of_another=False),
    "under a referrers tag, about another image": under_referrers_tag(of_another=True),
    "after a layer with wrong data": after_wrong_data,
    "embedded, after a layer that is missing": embedded_after_missing,
    "embedded, after an entry of huge size": embedded_after_huge,
    "in a timestamp token, after a layer that is missing": in_token_after_missing,
    "in a child, after one with a wrong size": child_after(larger),
    "in a child, after one with wrong data": child_after(wrong),
    "as an entry, after one with a neutral type": entry_after_neutral_one,
    "with a wrong size alone": only_wrongly(larger),
    "with wrong data alone": only_wrongly(wrong),
    "with another type alone": only_wrongly(lambda item: replace(item, media_type=DOCKER_MANIFEST)),
    "with an unknown type alone": only_wrongly(lambda item: replace(item, media_type="application/octet-stream")),
}


@pytest.mark.parametrize("pack", PLACES.values(), ids=PLACES)
def test_a_revoking_crl_counts_whatever_lists_it(tmp_path: Path, pack: Pack) -> None:
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
    scene = Scene()
    scene.sign_with(chain)
    scene.crls["old.crl"] = crl(chain.root, number=1)
    revoking = crl(chain.root, number=2, this_update=scene.at, revoked=[entry(chain.serial, reason="keyCompromise")])

    def put(builder: LayoutBuilder, target: Descriptor) -> None:
        evidence = builder.add_blob(revoking, CRL_MEDIA_TYPE, annotations={TITLE: "crls/x.crl"})
        pack(builder, target, evidence, chain)

    scene.packing.append(put)
    written = scene.write(tmp_path)
    report, trust = tmp_path / "report.json", ["--trust", str(written.trust), "--at", iso(written.at)]
    ran = run_here(written.arguments("--report", str(report)))
    assert (ran.code, "revocation.revoked" in ran.reasons) == (14, True), ran
    assert run_here(["recheck", str(report), *trust]).code == 14
    copied = run_here(
        ["copy", written.target, f"{tmp_path / 'copy'}:v1", "--trust", str(written.trust), "--scope", REPOSITORY]
    )
    assert copied.code == 14, copied
    fetch = ["trust", "fetch", written.target, "--trust", str(written.trust), "--no-download"]
    assert "REVOKED" in run_here(fetch).out
    written.layout.rename(tmp_path / "gone")
    assert run_here(written.arguments()).code == 11
    assert run_here(["recheck", str(report), *trust]).code == 14
