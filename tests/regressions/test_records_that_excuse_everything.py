"""An acquisition record is an unsigned claim on the medium; it excused whatever was missing, the image itself too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.records import declare
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement

Missing = Callable[[LayoutBuilder, Descriptor], list[str]]


def _below(member: str) -> Missing:
    def missing(box: LayoutBuilder, target: Descriptor) -> list[str]:
        listed = json.loads(box.blobs[target.digest])[member]
        return [item["digest"] for item in (listed if isinstance(listed, list) else [listed])]

    return missing


@pytest.mark.parametrize(
    ("index", "missing"),
    [
        pytest.param(False, lambda _, target: [str(target.digest)], id="the image itself"),
        pytest.param(False, _below("layers"), id="its layers"),
        pytest.param(False, _below("config"), id="its config"),
        pytest.param(True, lambda _, target: [str(target.digest)], id="the index itself"),
        pytest.param(True, _below("manifests"), id="all its platforms"),
    ],
)
def test_record_excused_what_no_choice_of_platforms_leaves_out(
    tmp_path: Path, *, index: bool, missing: Missing
) -> None:
    scene = Scene(index=index)

    def pack(box: LayoutBuilder, target: Descriptor) -> None:
        digests = [Digest.parse(digest) for digest in missing(box, target)]
        declare(box, target, digests)
        for digest in digests:
            del box.blobs[digest]

    scene.packing.append(pack)
    ran = run_here(scene.write(tmp_path).arguments())
    assert (ran.code, set(ran.reasons)) == (16, {"content.missing"}), ran


def test_record_chose_the_statement_that_verifies_nothing(tmp_path: Path) -> None:
    """The scope may come from the record (design 5), but whoever wrote it must not turn verification off by it."""
    lenient = statement(
        name="lab",
        registryScopes=["registry.example/lab"],
        signatureVerification={"level": "skip"},
        trustStores=None,
        trustedIdentities=None,
    )
    scene = Scene(scope=None, policy=oci_policy(statement(), lenient))
    scene.packing.append(lambda box, target: declare(box, target, [], name="registry.example/lab"))
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, set(ran.reasons)) == (13, {"policy.scope_needed"}), ran
    assert run_here(written.arguments("--scope", "registry.example/lab")).document["verdict"] == "skipped"


def test_record_of_one_repository_spoke_for_another_with_the_same_content(tmp_path: Path) -> None:
    """Content of two repositories has two records: the tag that is meant decides, or nothing does."""
    own, other = "registry.example/net-monitor", "registry.example/other"
    scene = Scene(scope=None, policy=oci_policy(statement(registryScopes=[own])))

    def pack(box: LayoutBuilder, target: Descriptor) -> None:
        box.tag(target, f"{own}:v1", f"{other}:v1")
        declare(box, target, [], name=own)
        declare(box, target, [], name=other)

    scene.packing.append(pack)
    scene.refer = lambda written: f"oci:{written.layout}:{own}:v1"
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, ran.document["artifacts"][0]["scope"]) == (0, own), ran
    ran = run_here(replace(written, refer=lambda written: f"oci:{written.layout}:{other}:v1").arguments())
    assert (ran.code, ran.document["artifacts"][0]["scope"]) == (13, other), ran
    ran = run_here(replace(written, refer=lambda written: f"oci:{written.layout}").arguments())
    assert (ran.code, ran.document["artifacts"][0]["scope"]) == (13, None), ran
    assert "several repositories" in ran.document["artifacts"][0]["warnings"][0]
