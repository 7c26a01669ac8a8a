"""A verify that ran while a snapshot was applied read the policy of one tree and the stores of another.

Here neither tree accepts the image: one trusts its root and asks for another signer, the other asks for any signer
below another root. The policy of the second with the stores of the first would accept it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from airgap.errors import TrustMaterialError
from airgap.stages.snapshot import create_snapshot
from airgap.stages.snapshot_apply import changing
from airgap.stages.verify import verify
from airgap.trust import export as exporting
from airgap.trust.directory import TrustDirectory
from airgap.trust.edit import add_certificates
from airgap.trust.policy_edit import put_policy
from airgap.trust.snapshots import material
from airgap.trust.snapshots import swap as swapping
from airgap.trust.snapshots.opened import open_snapshot
from airgap.trust.snapshots.swap import StagedSwap
from airgap.trust.stores import StoreRef, load_store
from airgap.verifier.request import VerifyRequest
from tests.support.crls import crl
from tests.support.evidence import evidence_artifact
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene, Written
from tests.support.trust import oci_policy, statement, write_trust

ROOT = Path(__file__).resolve().parents[2]
NEITHER = {"authenticity.no_anchor", "identity.mismatch"}

EXCHANGING = """
import os, shutil, sys, time
from pathlib import Path
from airgap.trust.snapshots import swap as swapping
os.fsync = lambda _: None
if sys.argv[2] == "renames":
    swapping.exchange = lambda *_: False
swap = swapping.StagedSwap(Path(sys.argv[1]))
end = time.monotonic() + float(sys.argv[3])
print("ready", flush=True)
while time.monotonic() < end:
    with swap.locked():
        shutil.copytree(swap.previous, swap.begin(), dirs_exist_ok=True)
        swap.commit()
"""


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A signed image; `trust` asks for another signer, and what undo goes back to trusts another root."""
    scene = Scene()
    trusting = {"ca:harbour": [scene.signature.leaf.root]}
    scene.policy = oci_policy(statement(trustedIdentities=["x509.subject: C=US, ST=WA, O=Another"]))
    scene.stores = trusting
    made = scene.write(tmp_path)
    other = write_trust(
        tmp_path / "other",
        policy=oci_policy(statement(trustedIdentities=["*"])),
        stores={"ca:harbour": [issue("root", key="p384", subject="C=US,ST=WA,O=Elsewhere,CN=root")]},
    )
    put(other, made.trust)
    exchange(made.trust)
    return made


def reason(written: Written) -> str:
    """Why the image is refused; an AssertionError where it is accepted."""
    request = VerifyRequest(targets=[written.target], at=AT, clock=AT, scope=written.scope)
    outcome = verify(request, written.trust)
    assert 0 not in outcome.exit_codes or outcome.exit_codes != frozenset({0}), "the image was accepted"
    if outcome.problems:
        return str(outcome.problems[0].reason)
    (artifact,) = outcome.artifacts
    (signature,) = artifact.signatures
    return str(next(finding.reason for finding in signature.findings if finding.blocks))


def test_each_tree_refuses_the_image(written: Written) -> None:
    assert reason(written) == "identity.mismatch"
    exchange(written.trust)
    assert reason(written) == "authenticity.no_anchor"


def test_an_export_reads_one_state_during_an_exchange(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """notation was given the policy of one tree and the stores of another."""
    trees = [stores_and_policy(written.trust), stores_and_policy(StagedSwap(written.trust).previous)]
    reading, exchanges = exporting._stores, Counter[str]()

    def stores(directory: TrustDirectory) -> dict[str, bytes]:
        exchanges["now"] += 1
        if exchanges["now"] == 1:
            exchange(written.trust)
        return reading(directory)

    monkeypatch.setattr(exporting, "_stores", stores)
    exporting.export_notation(TrustDirectory.open(written.trust), tmp_path / "out", at=AT)
    assert exchanges["now"] == 2
    assert stores_and_policy(tmp_path / "out" / "config") in trees


def test_a_snapshot_holds_one_state_during_an_exchange(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees = [stores_and_policy(written.trust), stores_and_policy(StagedSwap(written.trust).previous)]
    reading, read = material._hashed, Counter[str]()

    def hashed(root: Path, path: str) -> material.MaterialFile:
        read["now"] += 1
        if read["now"] == 2:
            exchange(written.trust)
        return reading(root, path)

    monkeypatch.setattr(material, "_hashed", hashed)
    made = create_snapshot(
        written.trust, str(tmp_path / "s.tar"), stream="default", number=1, created=AT, remember=False
    )
    with open_snapshot(made.reference) as opened:
        packed = {file.path: str(file.digest) for file in opened.snapshot.files}
    assert packed in [
        {path: f"sha256:{hashlib.sha256(data).hexdigest()}" for path, data in tree.items()} for tree in trees
    ]


@pytest.mark.parametrize("what", ["certificate", "policy"])
def test_evidence_written_during_an_exchange_is_kept(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It went into the tree that had been copied already, and away with it."""
    added = tmp_path / "added.pem"
    added.write_bytes(issue("root", key="p384", subject="C=US,ST=WA,O=Added,CN=root").pem)
    policy = json.dumps(oci_policy(statement(trustedIdentities=["*"]))).encode()

    def write() -> None:
        if what == "policy":
            put_policy(written.trust, policy, "oci")
        else:
            add_certificates(written.trust, StoreRef.parse("ca:harbour"), [added])

    writers = [Thread(target=write)]
    flush = swapping.flush_tree

    def while_it_is_made(tree: Path) -> None:
        flush(tree)
        writers[0].start()
        writers[0].join(timeout=0.5)

    monkeypatch.setattr(swapping, "flush_tree", while_it_is_made)
    swap = StagedSwap(written.trust)
    with changing(swap):
        shutil.copytree(swap.trust, swap.begin(), dirs_exist_ok=True)
        swap.commit()
    writers[0].join(timeout=60)
    here = stores_and_policy(written.trust)
    assert added.read_bytes() in here.values() if what == "certificate" else policy in here.values()


def stores_and_policy(tree: Path) -> dict[str, bytes]:
    found = (*tree.glob("*.json"), *tree.glob("truststore/**/*.pem"))
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in found}


def exchange(trust: Path) -> None:
    put(StagedSwap(trust).previous, trust)


def put(tree: Path, trust: Path) -> None:
    """A copy of `tree` comes into force."""
    swap = StagedSwap(trust)
    with swap.locked():
        shutil.copytree(tree, swap.begin(), dirs_exist_ok=True)
        swap.commit()


@pytest.mark.parametrize("times", [1, 2, 3])
def test_reads_policy_and_stores_of_one_state(written: Written, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one back and forth, after which the directory is the one of before, and its generation is not."""
    exchange(written.trust)  # "any signer below another root" is in force
    left = [times]

    def load_late(*arguments: Any) -> Any:
        while left[0]:
            left[0] -= 1
            exchange(written.trust)
        return load_store(*arguments)

    monkeypatch.setattr("airgap.trust.directory.load_store", load_late)
    assert reason(written) == ("authenticity.no_anchor" if times == 2 else "identity.mismatch")
    assert left == [0]


def test_stops_where_the_directory_always_changes(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_late(*arguments: Any) -> Any:
        (written.trust / ".airgap/generation").write_bytes(os.urandom(8))
        return load_store(*arguments)

    monkeypatch.setattr("airgap.trust.directory.load_store", load_late)
    assert reason(written) == "trust.exchanged"


def test_reports_an_exchange_that_was_interrupted(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between two renames: readers wait for a moment, then say so; where nothing is begun they do not wait."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    written.trust.rename(written.trust.with_name("away"))
    with pytest.raises(TrustMaterialError) as caught:
        TrustDirectory.open(written.trust)
    assert (caught.value.reason, waited) == ("policy.missing", [])
    (StagedSwap(written.trust).side / "journal.json").write_text("{}")
    with pytest.raises(TrustMaterialError) as caught:
        TrustDirectory.open(written.trust)
    assert caught.value.reason == "trust.exchanged"
    assert 0.5 < sum(waited) < 5


def test_uses_a_store_that_is_removed_after_opening(tmp_path: Path) -> None:
    """No policy names it, and it proves that the issuer made a CRL with its new key. It was read when it was gone."""
    leaf = Pki().code_chain(depth=2)
    renewed = issue("root", slot=3, subject=leaf.root.subject)
    scene = Scene(stores={"ca:harbour": [leaf.root], "ca:renewed": [renewed]})
    scene.signature.leaf = leaf
    revoking = crl(renewed, revoked=[leaf])
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, revoking)))
    ]
    written = scene.write(tmp_path)
    directory = TrustDirectory.open(written.trust)
    shutil.rmtree(written.trust / "truststore/x509/ca/renewed")
    request = VerifyRequest(targets=[written.target], at=AT, clock=AT, scope=written.scope)
    assert verify(request, directory).exit_code == 14
    assert verify(request, written.trust).exit_code == 0


@pytest.mark.parametrize("way", ["exchange", "renames"])
def test_a_concurrent_exchange_never_gives_a_pass(written: Written, way: str) -> None:
    """Real processes: one exchanges as fast as it can, the other verifies. Never a mixture, never a pass."""
    seen: Counter[str] = Counter()
    child = subprocess.Popen(
        [sys.executable, "-c", EXCHANGING, str(written.trust), way, "120"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        end = time.monotonic() + 100
        while child.poll() is None and (seen.total() < 200 or (set(seen) < NEITHER and time.monotonic() < end)):
            seen[reason(written)] += 1
        assert child.poll() is None, "the other process has ended"
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()
    assert set(seen) <= NEITHER | {"trust.exchanged"}, seen
    assert set(seen) >= NEITHER, "both trees were seen"
