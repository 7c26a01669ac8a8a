"""Snapshots as TUF targets: thresholds, rollback and freeze under a pinned root, with no network."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tuf", reason="the extra tuf is not installed: pip install 'airgap-oci[tuf]'")

from airgap.errors import TrustMaterialError, UsageError
from airgap.guard import no_network
from airgap.oci.descriptor import EMPTY_CONFIG, NO_CONFIG, TITLE, Descriptor
from airgap.oci.manifest_writer import write_manifest
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.stages.pin import add_pin, propose_tuf_pin
from airgap.stages.snapshot import create_snapshot
from airgap.stages.snapshot_apply import apply_snapshot, verify_snapshot
from airgap.stages.snapshot_tuf import add_tuf_metadata, prepare_tuf_keys
from airgap.transfer.attach import Attachment
from airgap.trust.snapshots.opened import open_snapshot
from airgap.trust.snapshots.tuf_check import METADATA_TYPE, TUF_TYPE, check_root, import_tuf
from airgap.verifier.snapshot_judgement import ApplyRequest, SnapshotOutcome
from tests.support.command import run_here
from tests.support.places import open_layout_place
from tests.support.snapshots import Ground, tree_of

NOW = datetime.now(UTC)
"""TUF's client asks the clock itself, so these tests do, too."""


class TufGround(Ground):
    """A ground whose packer has TUF keys, and whose site has pinned their root."""

    def __post_init__(self) -> None:
        super().__post_init__()
        import_tuf()
        self.keys = self.folder / "keys"
        prepare_tuf_keys(self.keys, init=True, at=NOW)
        self.root = self.keys / "1.root.json"

    def pin_root(self) -> None:
        add_pin(self.location, propose_tuf_pin(self.root, stream="default", at=NOW), at=NOW)

    def stick(self, name: str, keys: Path | None = None, *, at: datetime = NOW, **options: Any) -> str:
        members: dict[str, Any] = {"stream": "default", "number": None, "created": NOW, **options}
        made = create_snapshot(self.packer, str(self.folder / name), **members)
        add_tuf_metadata(made.reference, keys or self.keys, at=at)
        return made.reference

    def tuf(self, reference: str, *, dry: bool = False) -> SnapshotOutcome:
        with no_network() as guard, open_snapshot(reference) as opened:
            request = ApplyRequest(at=NOW, clock=NOW)
            if dry:
                outcome = verify_snapshot(opened, self.site, request)
            else:
                outcome = apply_snapshot(opened, self.location, request)
        assert guard.attempts == 0
        return outcome


@pytest.fixture
def ground(tmp_path: Path) -> TufGround:
    made = TufGround(tmp_path)
    made.pin_root()
    return made


def reasons(outcome: SnapshotOutcome) -> list[str | None]:
    return [problem.reason for problem in outcome.problems]


def test_accepts_metadata_of_the_pinned_root(ground: TufGround) -> None:
    for name in ("one", "two.tar"):
        assert ground.tuf(ground.stick(name)).applied
    assert ground.policy_name() == "packer"
    assert ground.state().trust["default"].number == 2


def test_metadata_are_attached_as_one_oci_artifact(ground: TufGround) -> None:
    with open_snapshot(ground.stick("one")) as opened:
        (referrer,) = opened.graph.referrers(opened.snapshot.descriptor).all()
        document = json.loads(referrer.manifest.raw)
    assert (document["schemaVersion"], document["config"]["size"]) == (2, 2)
    titles = [item["annotations"]["org.opencontainers.image.title"] for item in document["layers"]]
    assert titles == ["1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"]


def test_metadata_that_were_signed_again_count(ground: TufGround) -> None:
    """Beside those that have expired: the last one by its digest counted, in every second case the old one."""
    for number in range(1, 5):
        target = ground.stick(f"stick{number}", at=NOW - timedelta(days=60 + number))
        assert reasons(ground.tuf(target, dry=True)) == ["snapshot.tuf.expired"]
        add_tuf_metadata(target, ground.keys, at=NOW - timedelta(hours=number))
        assert ground.tuf(target, dry=True).problems == ()


def test_metadata_of_others_hide_none(ground: TufGround) -> None:
    """Any person may attach some to a snapshot that travels."""
    stranger = ground.folder / "stranger"
    prepare_tuf_keys(stranger, init=True, at=NOW)
    for number in range(1, 5):
        target = ground.stick(f"stick{number}")
        add_tuf_metadata(target, stranger, at=NOW + timedelta(days=number))
        assert ground.tuf(target).applied


def test_show_changes_no_memory(ground: TufGround) -> None:
    target = ground.stick("one")
    before = tree_of(ground.site)
    assert not ground.tuf(target, dry=True).problems
    assert tree_of(ground.site) == before


def test_older_metadata_are_a_rollback(ground: TufGround) -> None:
    old, new = ground.stick("old"), ground.stick("new", number=2)
    ground.tuf(new)
    (problem,) = ground.tuf(old).problems
    assert problem.reason == "snapshot.rollback"
    assert "--allow-rollback does not change what TUF accepts" in problem.remedy


def test_detects_a_rollback_by_number_where_the_tuf_memory_is_lost(ground: TufGround) -> None:
    old, new = ground.stick("old"), ground.stick("new", number=2)
    ground.tuf(new)
    shutil.rmtree(ground.site / ".airgap/tuf")
    assert reasons(ground.tuf(old)) == ["snapshot.rollback"]


def test_remembers_roles_verified_before_a_later_one_failed(ground: TufGround) -> None:
    """TUF 5.4.5: a timestamp is kept once it is verified, whatever the snapshot's metadata turn out to be."""
    assert ground.tuf(ground.stick("one")).applied
    whole = ground.stick("whole", number=3)
    broken = ground.packed("whole", signed=False, stream="default", number=5, remember=False)
    _move_metadata(ground.folder / "whole", whole, broken, without="3.snapshot.json")
    before = tree_of(ground.site)
    assert reasons(ground.tuf(broken, dry=True)) == ["snapshot.tuf.malformed"]
    assert tree_of(ground.site) == before, "a look changes nothing"
    assert reasons(ground.tuf(broken)) == ["snapshot.tuf.malformed"]
    assert ground.policy_name() == "packer"
    (kept,) = (ground.site / ".airgap/tuf").iterdir()
    assert json.loads((kept / "timestamp.json").read_text())["signed"]["version"] == 3
    assert reasons(ground.tuf(ground.stick("older", number=2))) == ["snapshot.rollback"]
    assert ground.tuf(ground.stick("newer", number=4)).applied


def test_remembers_a_new_root_where_the_rest_is_refused(ground: TufGround) -> None:
    """TUF 5.3.8: who was thrown out by the second root stays out, also where that root came with nothing else."""
    stolen = _rotated(ground)
    refused = ground.stick("expired", at=NOW - timedelta(days=60))
    assert reasons(ground.tuf(refused)) == ["snapshot.tuf.expired"]
    assert reasons(ground.tuf(ground.stick("thief", stolen, number=9))) == ["snapshot.tuf.signature"]
    assert ground.policy_name() == "site"


@pytest.mark.parametrize("days", [-100, 100], ids=["an earlier end", "a later end"])
def test_metadata_of_others_hide_no_new_root(ground: TufGround, days: int) -> None:
    """TUF 5.3.8: only the progress of the first refused set was kept, also where that was a stranger's."""
    stolen = _rotated(ground)
    refused = ground.stick("expired", at=NOW - timedelta(days=60))
    stranger = _stranger(ground, "stranger")
    shutil.copy(stranger / "1.root.json", stranger / "2.root.json")
    add_tuf_metadata(refused, stranger, at=NOW + timedelta(days=days))
    assert reasons(ground.tuf(refused)) == ["snapshot.tuf.expired"]
    assert reasons(ground.tuf(ground.stick("thief", stolen, number=9))) == ["snapshot.tuf.signature"]


def test_a_new_root_counts_wherever_it_is(ground: TufGround) -> None:
    """In an attachment of its own, in any order, beside metadata that the new keys signed."""
    _rotated(ground)
    without = shutil.copytree(ground.keys, ground.folder / "without")
    (without / "2.root.json").unlink()
    target = ground.stick("stick", without)
    assert reasons(ground.tuf(target, dry=True)) == ["snapshot.tuf.signature"]
    _attach(target, {"2.root.json": (ground.keys / "2.root.json").read_bytes()})
    assert ground.tuf(target).applied


def test_metadata_of_others_spoil_none(ground: TufGround) -> None:
    """However many, and whatever names their files have."""
    target = ground.stick("stick")
    for name in ("2.root.json", "1.root.json", "timestamp.json", "1.snapshot.json"):
        _attach(target, {name: b"{}"})
    for number in range(17):
        add_tuf_metadata(target, _stranger(ground, f"stranger{number}"), at=NOW + timedelta(days=1))
    assert ground.tuf(target).applied


def _stranger(ground: TufGround, name: str) -> Path:
    keys = ground.folder / name
    prepare_tuf_keys(keys, init=True, at=NOW)
    return keys


def _attach(target: str, metadata: dict[str, bytes]) -> None:
    reference = parse_reference(target)
    assert isinstance(reference, LayoutReference)
    layers = {Descriptor.of(METADATA_TYPE, data, annotations={TITLE: name}): data for name, data in metadata.items()}
    with open_layout_place(reference) as place:
        manifest, raw = write_manifest(TUF_TYPE, layers, subject=place.subject)
        blobs = ((EMPTY_CONFIG, NO_CONFIG), *layers.items())
        place.holder.attach([Attachment(subject=place.subject, manifest=manifest, raw=raw, blobs=blobs)])


def test_evidence_alone_moves_no_version_of_tuf(ground: TufGround) -> None:
    """Else a full snapshot that was withheld meanwhile would be a rollback for ever."""
    assert ground.tuf(ground.stick("one")).applied
    withheld = ground.stick("two")
    assert ground.tuf(ground.stick("three", evidence_only=True)).in_force
    assert ground.tuf(withheld).applied


def test_expired_metadata_are_a_freeze(ground: TufGround) -> None:
    target = ground.stick("stale", at=NOW - timedelta(days=60))
    assert reasons(ground.tuf(target)) == ["snapshot.tuf.expired"]
    assert ground.policy_name() == "site"


def test_refuses_signatures_of_foreign_keys(ground: TufGround) -> None:
    foreign = ground.folder / "foreign"
    prepare_tuf_keys(foreign, init=True, at=NOW)
    assert reasons(ground.tuf(ground.stick("evil", foreign))) == ["snapshot.tuf.signature"]


def test_refuses_another_snapshot_than_the_signed_one(ground: TufGround) -> None:
    """Metadata are moved over to a snapshot that the keys never saw."""
    genuine = ground.stick("stick", number=3)
    policy = ground.packer / "trustpolicy.oci.json"
    policy.write_text(policy.read_text().replace("packer", "hacker"))
    other = create_snapshot(
        ground.packer, str(ground.folder / "stick"), stream="default", number=4, created=NOW, remember=False
    )
    _move_metadata(ground.folder / "stick", genuine, other.reference)
    assert reasons(ground.tuf(other.reference)) == ["snapshot.tuf.content"]


def _move_metadata(stick: Path, genuine: str, other: str, *, without: str = "") -> None:
    from airgap.oci.descriptor import IMAGE_MANIFEST
    from airgap.oci.digest import Digest

    with open_snapshot(genuine) as opened:
        (referrer,) = opened.graph.referrers(opened.snapshot.descriptor).all()
        document = json.loads(referrer.manifest.raw)
    reference = parse_reference(other)
    assert isinstance(reference, LayoutReference)
    with open_layout_place(reference) as place:
        document["subject"] = place.subject.to_json()
        document["layers"] = [item for item in document["layers"] if without not in item["annotations"].values()]
        raw = json.dumps(document).encode()
        manifest = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(raw), size=len(raw), artifact_type=TUF_TYPE)
        place.holder.attach([Attachment(subject=place.subject, manifest=manifest, raw=raw, blobs=())])
    assert stick.exists()


def test_refuses_a_snapshot_without_metadata(ground: TufGround) -> None:
    assert reasons(ground.tuf(ground.packed("plain", signed=False))) == ["snapshot.tuf.malformed"]


def test_either_kind_of_pin_is_enough(ground: TufGround) -> None:
    ground.pin()
    assert ground.tuf(ground.packed("signed")).applied


@pytest.mark.parametrize("what", ["signature", "version", "truncated"])
def test_tampered_metadata_are_refused(ground: TufGround, what: str) -> None:
    target = ground.stick("stick")
    with open_snapshot(target) as opened:
        (referrer,) = opened.graph.referrers(opened.snapshot.descriptor).all()
    document = json.loads(referrer.manifest.raw)
    layer = next(item for item in document["layers"] if "timestamp" in item["annotations"].popitem()[1])
    path = ground.folder / "stick/blobs/sha256" / layer["digest"].removeprefix("sha256:")
    metadata = json.loads(path.read_text())
    path.chmod(0o644)
    if what == "signature":
        metadata["signatures"][0]["sig"] = "00" * 64
    elif what == "version":
        metadata["signed"]["version"] = 99
    path.write_text(json.dumps(metadata)[: -20 if what == "truncated" else None])
    assert reasons(ground.tuf(target))[0] in {"content.size", "content.digest"}
    assert ground.policy_name() == "site"


def _rotated(ground: TufGround) -> Path:
    """Give the timestamp role another key by a second root; returns the folder of the former keys."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Metadata, Root

    stolen = shutil.copytree(ground.keys, ground.folder / "stolen")
    root = Metadata[Root].from_file(str(ground.root))
    fresh = CryptoSigner.generate_ed25519()
    for keyid in list(root.signed.roles["timestamp"].keyids):
        root.signed.revoke_key(keyid, "timestamp")
    root.signed.add_key(fresh.public_key, "timestamp")
    root.signed.version = 2
    root.sign(CryptoSigner(load_pem_private_key((ground.keys / "root.pem").read_bytes(), None)))
    root.to_file(str(ground.keys / "2.root.json"))
    (ground.keys / "timestamp.pem").write_bytes(fresh.private_bytes)
    return stolen


def test_a_rotated_key_is_followed_from_the_pinned_root(ground: TufGround) -> None:
    assert ground.tuf(ground.stick("one")).applied
    stolen = _rotated(ground)
    assert ground.tuf(ground.stick("two")).applied
    # the site knows the second root now, also where a thief does not send it along
    assert reasons(ground.tuf(ground.stick("three", stolen))) == ["snapshot.tuf.signature"]


def test_keys_are_never_replaced(ground: TufGround) -> None:
    with pytest.raises(UsageError, match="not empty"):
        prepare_tuf_keys(ground.keys, init=True, at=NOW)


def test_keys_are_for_their_owner(ground: TufGround) -> None:
    assert {path.stat().st_mode & 0o077 for path in ground.keys.glob("*.pem")} == {0}


def test_signs_without_the_root_key(ground: TufGround) -> None:
    (ground.keys / "root.pem").unlink()
    assert ground.tuf(ground.stick("stick")).applied


@pytest.mark.parametrize("data", [b"", b"{}", b'{"signed":{"_type":"root"}}'])
def test_refuses_to_pin_what_is_not_a_root(data: bytes) -> None:
    with pytest.raises(TrustMaterialError) as caught:
        check_root(data)
    assert caught.value.reason == "snapshot.tuf.malformed"


def test_refuses_a_root_that_its_own_keys_did_not_sign(ground: TufGround) -> None:
    document = json.loads(ground.root.read_text())
    document["signatures"] = []
    with pytest.raises(TrustMaterialError):
        check_root(json.dumps(document).encode())


def test_signs_pins_and_applies_as_documented(ground: TufGround, tmp_path: Path) -> None:
    keys = tmp_path / "more"
    stick = str(tmp_path / "t.tar")
    create = ["trust", "snapshot", "create", "-o", stick, "--trust", str(ground.packer), "--stream", "tuf"]
    assert run_here([*create, "--tuf", str(keys), "--tuf-init"]).code == 0
    assert run_here([*create, "--tuf", str(tmp_path / "nothing"), "--overwrite"]).code == 2
    from hashlib import sha256

    fingerprint = sha256((keys / "1.root.json").read_bytes()).hexdigest()
    site = ["--trust", str(ground.site)]
    pin = ["trust", "pin", "add", "--tuf-root", str(keys / "1.root.json"), "--stream", "tuf"]
    assert run_here([*pin, *site, "--yes-fingerprint", fingerprint]).code == 0
    applied = run_here(["trust", "snapshot", "apply", stick, *site, "--format", "json"])
    assert applied.code == 0, applied.document["problems"]
    assert applied.document["accepted_by"]["kind"] == "tuf"
