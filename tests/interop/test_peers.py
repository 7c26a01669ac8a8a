"""The same signed image as other tools save it: every form is read, and what they lost is reported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from airgap.reasons import ExitCode
from tests.support.command import Ran, run_here

ROOT: Final = Path(os.environ.get("AIRGAP_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")
PEERS: Final = ROOT / "peers"

if not PEERS.is_dir():
    pytest.skip(f"no interop peers at {PEERS} (set AIRGAP_INTEROP)", allow_module_level=True)

IMAGE: Final = "sha256:b783b38eeebb1274f08b4e75b0a43f8f1fe326a2d18596e1fb3d0dc7bf4a28f9"
SAVED: Final = {
    "oras-cp-api": "oci",
    "oras-backup-api.tar": "oci-archive",
    "regctl-copy-tag": "oci",
}


def _verify(target: str) -> Ran:
    trust = str(PEERS / "config")
    return run_here(
        ["verify", target, "--trust", trust, "--scope", "registry.wabbit.test/net-monitor", "--format", "json"]
    )


@pytest.mark.parametrize("suffix", [f"@{IMAGE}", ":v1"], ids=["digest", "tag"])
@pytest.mark.parametrize("name", sorted(SAVED))
def test_saved_image_passes_with_both_signatures_and_all_content(name: str, suffix: str) -> None:
    ran = _verify(f"{SAVED[name]}:{PEERS / name}{suffix}")
    ran.check_sound()
    assert (ran.code, ran.document["verdict"]) == (0, "pass"), ran
    (artifact,) = ran.document["artifacts"]
    assert artifact["digest"] == IMAGE
    assert artifact["content"]["verdict"] == "pass"
    assert not artifact["content"]["problems"]
    envelopes = {signature["envelope"]["media_type"] for signature in artifact["signatures"]}
    assert envelopes == {"application/jose+json", "application/cose"}
    assert {signature["verdict"] for signature in artifact["signatures"]} == {"pass"}


@pytest.mark.parametrize("name", sorted(SAVED))
def test_sbom_is_found_with_its_own_signature(name: str) -> None:
    ran = _verify(f"{SAVED[name]}:{PEERS / name}@{IMAGE}")
    (artifact,) = ran.document["artifacts"]
    signed = [item for item in artifact["referrers"] if item["signatures"]]
    assert len(signed) == 1, artifact["referrers"]
    assert signed[0]["verdict"] == "pass"


@pytest.mark.parametrize("name", sorted(SAVED))
def test_an_unnamed_target_is_its_only_artifact(name: str) -> None:
    """Referrers and referrers tags are not artifacts of their own (decision 0025)."""
    ran = _verify(f"{SAVED[name]}:{PEERS / name}")
    assert ran.code == 0, ran
    assert IMAGE in {artifact["digest"] for artifact in ran.document["artifacts"]}
    assert not any(tag.startswith("sha256-") for item in ran.document["artifacts"] for tag in item.get("tags", ()))


def test_reports_that_skopeo_copied_no_signatures() -> None:
    ran = _verify(f"oci:{PEERS / 'skopeo-copy-api'}@{IMAGE}")
    ran.check_sound()
    assert ran.code == ExitCode.UNSIGNED
    assert ran.reasons == {"signature.none"}
    assert ran.document["artifacts"][0]["content"]["verdict"] == "pass"


def test_refuses_a_docker_archive_by_name() -> None:
    ran = _verify(f"oci-archive:{PEERS / 'docker-archive.tar'}")
    ran.check_sound()
    assert ran.code not in {ExitCode.OK, ExitCode.USAGE}
    assert ran.document["verdict"] == "fail"
    assert "docker" in ran.document["problems"][0]["message"].lower()
