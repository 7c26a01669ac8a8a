"""Signing and stamping where other tools signed: their signatures stay good, and so do their envelopes with a stamp."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.signature.results import Stamping
from airgap.stages.sign import SignRequest, sign
from airgap.stages.timestamp import TimestampRequest, add_timestamps
from tests.support.command import run_here
from tests.support.pki import AT, Pki
from tests.support.signing import local
from tests.support.tsa import token

ROOT: Final = Path(os.environ.get("AIRGAP_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")
PEERS: Final = ROOT / "peers"
IMAGE: Final = "sha256:b783b38eeebb1274f08b4e75b0a43f8f1fe326a2d18596e1fb3d0dc7bf4a28f9"
SCOPE: Final = "registry.wabbit.test/net-monitor"
TSA: Final = Pki().tsa_chain()

if not PEERS.is_dir():
    pytest.skip(f"no interop peers at {PEERS} (set AIRGAP_INTEROP)", allow_module_level=True)


class Authority:
    anchors = Anchors.of({"root": [Certificate.parse(TSA.root.der)]})

    def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
        return token(TSA, signature_value, imprint_hash=hash_name, gen_time=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(params=["oras-cp-api", "oras-backup-api.tar", "regctl-copy-tag"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An image with its signatures as another tool saved it, to write into."""
    source, target = PEERS / request.param, tmp_path / request.param
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        for item in (target, *target.rglob("*")):
            item.chmod(0o755 if item.is_dir() else 0o644)
    else:
        shutil.copyfile(source, target)
    return f"{target}@{IMAGE}"


def verdicts(target: str, trust: Path) -> dict[str, str]:
    ran = run_here(["verify", target, "--trust", str(trust), "--scope", SCOPE, "--format", "json"])
    (artifact,) = ran.document["artifacts"]
    assert artifact["content"]["verdict"] == "pass", ran
    return {item["digest"]: item["verdict"] for item in artifact["signatures"]}


def test_other_signatures_stay_valid_beside_ours(saved: str) -> None:
    before = verdicts(saved, PEERS / "config")
    assert set(before.values()) == {"pass"}
    (made,) = sign(SignRequest(targets=[saved], signer=local(Pki().code_chain()), at=AT))
    after = verdicts(saved, PEERS / "config")
    # our test key is not trusted there, and the other signatures still count
    assert after == {**before, str(made.signature.digest): "fail"}


def test_adds_timestamps_to_other_signatures(saved: str) -> None:
    """SCHEME-9: the stamped copy is good under a policy that knows nothing of timestamps, as the original is."""
    before = verdicts(saved, PEERS / "config")
    stamped = add_timestamps(TimestampRequest(target=saved, timestamper=Authority()))
    assert {item.state for item in stamped} <= {Stamping.STAMPED, Stamping.HAS_ONE}
    new = {str(item.after.digest) for item in stamped if item.after is not None}
    after = verdicts(saved, PEERS / "config")
    assert new
    assert after == {**before, **dict.fromkeys(new, "pass")}
