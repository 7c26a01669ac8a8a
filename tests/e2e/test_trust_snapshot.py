"""Snapshots from the packer to the site: what is accepted, and every way in which something else is not."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import AirgapError, Rejected, TrustMaterialError, UsageError
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.stages.pin import add_pin, propose_pin
from airgap.stages.snapshot import create_snapshot
from airgap.trust.directory import TrustDirectory
from airgap.trust.fingerprint_words import groups
from airgap.trust.snapshots.opened import open_snapshot
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.swap import StagedSwap
from airgap.verifier.snapshot_judgement import SnapshotOutcome
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.evidence import spoilt
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import SIGNING_CRL, chain_with_crls, good_crls
from tests.support.snapshots import LATER, Ground, tree_of
from tests.support.tsa import token

ROOT = Path(__file__).resolve().parents[2]
SLOW = bool(os.environ.get("AIRGAP_SLOW"))


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def _digest(reference: str) -> str:
    with open_snapshot(reference) as opened:
        return str(opened.snapshot.descriptor.digest)


def reasons(outcome: SnapshotOutcome) -> list[str | None]:
    return [problem.reason for problem in outcome.problems]


class TestAccepted:
    @pytest.mark.parametrize("stick", ["stick", "stick.tar"], ids=["directory", "tar"])
    def test_a_signed_snapshot_of_a_pinned_signer_comes_into_force(self, ground: Ground, stick: str) -> None:
        ground.pin()
        outcome = ground.apply(ground.packed(stick))
        assert outcome.applied, outcome
        assert ground.policy_name() == "packer"
        assert not (ground.site / "truststore/x509/ca/old").exists()
        assert (ground.site / "crls/a.crl").read_bytes() == (ground.packer / "crls/a.crl").read_bytes()
        TrustDirectory.open(ground.site).policy()

    def test_keeps_files_of_the_machine(self, ground: Ground) -> None:
        ground.pin()
        (ground.packer / "airgap.toml").write_text('[freshness]\ncrl = "900d"\n')
        ground.apply(ground.packed())
        assert "3d" in (ground.site / "airgap.toml").read_text()
        assert (ground.site / "signingkeys.json").read_text() == "{}"
        assert Pins.read(ground.site).entries

    def test_keeps_local_evidence_that_is_newer(self, ground: Ground) -> None:
        """A CRL of the same name that is newer here stays, and answers as well."""
        ground.pin()
        (ground.site / "crls").mkdir()
        newer = crl(ground.leaf.chain[1], number=9)
        (ground.site / "crls" / "a.crl").write_bytes(newer)
        ground.apply(ground.packed())
        files = {path.read_bytes() for path in (ground.site / "crls").glob("*.crl")}
        assert files == {newer, (ground.packer / "crls/a.crl").read_bytes()}
        index = json.loads((ground.site / "crls/index.json").read_text())
        assert (ground.site / "crls" / index["http://crl.example/a.crl"]).read_bytes() != newer

    def test_the_number_follows_the_last_one_known(self, ground: Ground) -> None:
        numbers = []
        for name in ("one.tar", "two.tar", "stick"):
            with open_snapshot(ground.packed(name, signed=False)) as opened:
                numbers.append(opened.snapshot.number)
        assert numbers == [1, 2, 3]

    def test_the_same_trust_and_moment_give_the_same_tar(self, ground: Ground) -> None:
        for name in ("one.tar", "two.tar"):
            ground.packed(name, signed=False, number=4)
        one, two = (ground.folder / name for name in ("one.tar", "two.tar"))
        assert one.read_bytes() == two.read_bytes()

    def test_applying_again_changes_nothing_and_keeps_the_undo(self, ground: Ground) -> None:
        ground.pin()
        target = ground.packed()
        ground.apply(target)
        outcome = ground.apply(target)
        assert (outcome.applied, outcome.in_force, outcome.problems) == (False, True, ())
        ground.undo()
        assert ground.policy_name() == "site"

    def test_a_dry_run_changes_nothing(self, ground: Ground) -> None:
        ground.pin()
        before = tree_of(ground.site)
        outcome = ground.apply(ground.packed(), dry_run=True)
        assert not outcome.applied
        assert not outcome.problems
        assert tree_of(ground.site) == before

    def test_an_exact_certificate_can_be_pinned(self, ground: Ground) -> None:
        ground.pin(exact=True)
        assert ground.apply(ground.packed()).applied

    def test_keeps_a_link_to_the_trust_directory(self, ground: Ground) -> None:
        real = ground.folder / "real"
        ground.site.rename(real)
        ground.site.symlink_to(real)
        ground.pin()
        assert ground.apply(ground.packed()).applied
        assert ground.site.is_symlink()
        assert ground.policy_name() == "packer"


class TestEvidenceAlone:
    def test_needs_no_pin_and_changes_no_stores_or_policies(self, ground: Ground) -> None:
        outcome = ground.apply(ground.packed(evidence_only=True, signed=False))
        assert outcome.applied
        assert ground.policy_name() == "site"
        assert (ground.site / "crls/a.crl").exists()

    def test_an_unsigned_number_is_not_remembered(self, ground: Ground) -> None:
        """Else anyone could prevent genuine snapshots with a huge number."""
        ground.pin()
        ground.apply(ground.packed("evil", evidence_only=True, signed=False, number=10**9))
        assert ground.state().trust == {}
        assert ground.apply(ground.packed(number=1)).applied

    @pytest.mark.parametrize("killed", [False, True], ids=["whole", "killed"])
    def test_keeps_the_undo_of_a_full_snapshot(
        self, ground: Ground, killed: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may be unsigned: a medium could make a mistake in a policy final."""
        ground.pin()
        assert ground.apply(ground.packed()).applied
        (ground.packer / "crls/b.crl").write_bytes(crl(ground.leaf.chain[1], number=6))
        evidence = ground.packed(evidence_only=True, signed=False)
        if killed:
            with monkeypatch.context() as patch:
                patch.setattr(StagedSwap, "_finish", _interrupted)
                with pytest.raises(KeyboardInterrupt):
                    ground.apply(evidence)
        else:
            assert ground.apply(evidence).applied
        ground.undo()
        assert ground.policy_name() == "site"
        assert (ground.site / "crls/b.crl").exists()
        ground.undo()
        assert ground.policy_name() == "packer"

    def forged(self, folder: Path) -> tuple[Ground, str]:
        """A site with good evidence, to which a forged CRL came unsigned; a target that it seems to be about."""
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        ground = Ground(folder, leaf=leaf)
        ground.pin()
        (ground.site / "crls").mkdir()
        for number, data in enumerate(good_crls(leaf, SIGNING_CRL).values()):
            (ground.site / f"crls/{number}.crl").write_bytes(data)
        target = ground.packed()
        (ground.packer / "crls/forged.crl").write_bytes(crl(leaf.chain[1], revoked=[leaf], signed_by=key("p256", 6)))
        assert ground.apply(ground.packed("evidence", evidence_only=True, signed=False)).applied
        return ground, target

    def test_a_forged_piece_of_an_unsigned_snapshot_decides_nothing(self, tmp_path: Path) -> None:
        """Any carrier of media could keep a site undecided: it counts as one in a target, after an undo, too."""
        ground, target = self.forged(tmp_path)
        assert ground.verify(target).problems == ()
        ground.apply(target)
        ground.undo()
        assert (ground.site / "crls/forged.crl").is_file()
        assert ground.verify(target).problems == ()

    @pytest.mark.parametrize("how", ["changed since", "put there by hand", "signed for later"])
    def test_a_forged_piece_of_a_signed_snapshot_counts_as_damaged(self, tmp_path: Path, how: str) -> None:
        """It may have been a good one, and beside a newer one it counts, too."""
        ground, target = self.forged(tmp_path)
        came = ground.site / "crls/forged.crl"
        if how == "changed since":
            came.write_bytes(spoilt(came.read_bytes()))
        elif how == "put there by hand":
            (ground.site / "crls/mine.crl").write_bytes(came.read_bytes())
        else:
            assert ground.apply(ground.packed("signed", evidence_only=True, number=9)).applied
        (problem,) = ground.verify(target).problems
        assert (problem.reason, problem.exit_code) == ("revocation.crl.signature", 15)
        assert ("mine.crl" if how == "put there by hand" else "forged.crl") in problem.message

    def test_a_genuine_piece_of_an_unsigned_snapshot_revokes(self, tmp_path: Path) -> None:
        ground, target = self.forged(tmp_path)
        (ground.packer / "crls/forged.crl").unlink()
        (ground.packer / "crls/new.crl").write_bytes(crl(ground.leaf.chain[1], number=9, revoked=[ground.leaf]))
        assert ground.apply(ground.packed("more", evidence_only=True, signed=False)).applied
        (problem,) = ground.verify(target).problems
        assert problem.reason == "revocation.revoked"

    def test_an_unreadable_record_of_unsigned_evidence_is_an_error(self, tmp_path: Path) -> None:
        ground, target = self.forged(tmp_path)
        (ground.site / ".airgap/unsigned.json").write_text("{}")
        with pytest.raises(TrustMaterialError, match=r"unsigned\.json"):
            ground.verify(target)

    def test_evidence_alone_cannot_be_undone(self, ground: Ground) -> None:
        assert ground.apply(ground.packed(evidence_only=True, signed=False)).applied
        with pytest.raises(UsageError, match="no former state"):
            ground.undo()

    def test_an_unsigned_snapshot_of_the_future_is_refused(self, ground: Ground) -> None:
        """It would make every later verification say that the clock is wrong."""
        target = ground.packed(evidence_only=True, signed=False)
        assert reasons(ground.apply(target, at=AT - timedelta(days=3))) == ["revocation.crl.future"]

    def test_the_future_of_unsigned_evidence_begins_at_the_clock(self, ground: Ground) -> None:
        """A later moment that was named took it in, and so did an earlier thisUpdate beside producedAt."""
        later = LATER + timedelta(days=9)
        (ground.packer / "crls/b.crl").write_bytes(crl(ground.leaf.root, this_update=later))
        target = ground.packed(evidence_only=True, signed=False)
        assert reasons(ground.apply(target, at=later, clock=LATER)) == ["revocation.crl.future"]
        assert ground.apply(target, at=LATER, clock=later).applied
        (ground.packer / "crls/b.crl").unlink()
        (ground.packer / "ocsp").mkdir()
        (ground.packer / "ocsp/a.ors").write_bytes(ocsp_response(ground.leaf, this_update=AT, produced_at=later))
        target = ground.packed("other", evidence_only=True, signed=False)
        assert reasons(ground.apply(target)) == ["revocation.ocsp.future"]

    def test_a_config_that_lists_absent_evidence_is_malformed(
        self, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from airgap.stages import snapshot as stage
        from airgap.trust.snapshots.snapshot_coverage import Coverage, snapshot_coverage

        monkeypatch.setattr(
            stage,
            "snapshot_coverage",
            lambda *asked: Coverage(snapshot_coverage(*asked).pieces, AT + timedelta(days=9999)),
        )
        target = ground.packed(evidence_only=True, signed=False)
        assert reasons(ground.apply(target)) == ["snapshot.malformed"]

    def test_reports_a_lost_memory(self, ground: Ground) -> None:
        ground.pin()
        (ground.site / ".airgap/state.json").unlink()
        assert ground.apply(ground.packed("e", evidence_only=True, signed=False)).applied
        assert not (ground.site / ".airgap/state.json").exists()
        assert reasons(ground.apply(ground.packed())) == ["snapshot.state.lost"]

    def test_refuses_files_that_are_not_evidence(self, ground: Ground) -> None:
        target = ground.packed(evidence_only=True, signed=False)
        with open_snapshot(target) as opened:
            blob = opened.snapshot.layers["crls/a.crl"].digest
        path = ground.folder / "stick/blobs/sha256" / blob.encoded
        path.chmod(0o644)
        path.write_bytes(b"x" * path.stat().st_size)
        assert reasons(ground.apply(target)) == ["content.digest"]

    def test_applied_evidence_neither_replaces_nor_hides_local_evidence(self, ground: Ground) -> None:
        """Whatever is there, under any name and in any folder, and whatever the index that comes says of it."""
        folder = ground.site / "crls"
        (folder / "inner/more").mkdir(parents=True)
        (folder / "a.crl").write_bytes(crl(ground.leaf.chain[1], number=99))
        (folder / "inner/more/x.crl").write_bytes(crl(ground.leaf.chain[1], number=98))
        (folder / "r.crl.pem").write_bytes(crl(ground.leaf.chain[1], number=97))
        (folder / "garbage.crl").write_bytes(b"garbage")
        (folder / "index.json").write_text(json.dumps({"http://crl.example/a.crl": ["a.crl", "gone.crl"]}))
        (ground.packer / "crls/gone.crl").write_bytes(crl(Pki().code_chain("p384").root))
        before = tree_of(folder)
        assert ground.apply(ground.packed(evidence_only=True, signed=False)).applied
        after = tree_of(folder)
        index = json.loads(after.pop("index.json"))
        del before["index.json"]
        assert before.items() <= after.items()
        assert len(after) == len(before) + 2
        assert "gone.crl" not in after, "a missing file that the index names is not the file that came"
        assert index["http://crl.example/a.crl"][:2] == ["a.crl", "gone.crl"]


class TestRefused:
    def test_without_a_pin(self, ground: Ground) -> None:
        assert reasons(ground.apply(ground.packed())) == ["snapshot.unpinned"]

    def test_by_a_pin_of_another_stream(self, ground: Ground) -> None:
        ground.pin(stream="other")
        assert reasons(ground.apply(ground.packed())) == ["snapshot.unpinned"]

    def test_an_unsigned_full_snapshot(self, ground: Ground) -> None:
        ground.pin()
        assert reasons(ground.apply(ground.packed(signed=False))) == ["signature.none"]

    def test_signed_by_another_chain_with_the_same_names(self, ground: Ground) -> None:
        """Foreign keys below a root of the same name."""
        ground.pin()
        stranger = Pki().code_chain("p384", root={"key": "p521"}, intermediate={"key": "p384"})
        assert reasons(ground.apply(ground.packed(leaf=stranger))) == ["authenticity.no_anchor"]

    def test_signed_by_another_subject_below_the_pinned_root(self, ground: Ground) -> None:
        ground.pin()
        mine = _leaf_below(ground, "C=US,ST=WA,O=Harbour Works,CN=intern")
        assert reasons(ground.apply(ground.packed(leaf=mine))) == ["identity.mismatch"]

    def test_another_certificate_than_the_one_pinned_exactly(self, ground: Ground) -> None:
        ground.pin(exact=True)
        twin = _leaf_below(ground, "C=US,ST=WA,O=Harbour Works,CN=builder")
        assert reasons(ground.apply(ground.packed(leaf=twin))) == ["authenticity.no_anchor"]

    def test_the_pinned_certificate_below_other_issuers(self, ground: Ground) -> None:
        """Anyone can certify the genuine issuer's key below a root of theirs, and then make CRLs of it."""
        ground.pin(exact=True)
        genuine = ground.leaf.chain[1]
        stranger = issue("root", key="p384", subject="C=US,ST=WA,O=Stranger,CN=root")
        cross = issue("intermediate", issuer=stranger, key=genuine.key, subject=genuine.subject)
        assert reasons(ground.apply(ground.packed(leaf=replace(ground.leaf, issuer=cross)))) == [
            "authenticity.no_anchor"
        ]
        longer = replace(genuine, issuer=issue("root", key=genuine.root.key, subject=genuine.root.subject))
        assert reasons(ground.apply(ground.packed("b", leaf=replace(ground.leaf, issuer=longer)))) == [
            "authenticity.no_anchor"
        ]
        assert ground.policy_name() == "site"

    def test_a_pin_of_an_older_version_that_does_not_name_the_issuers(self, ground: Ground) -> None:
        pin = ground.pin(exact=True)
        Pins((replace(pin, issuers=None),)).write(ground.site)
        target = ground.packed()
        (problem,) = ground.apply(target).problems
        assert (problem.reason, problem.exit_code) == ("snapshot.pin.outdated", 13)
        assert reasons(ground.apply(ground.packed("x", leaf=_leaf_below(ground, "C=US,ST=WA,O=X,CN=other")))) == [
            "authenticity.no_anchor"
        ]
        ground.pin(exact=True)
        assert ground.apply(target).applied

    def test_an_older_pin_of_a_certificate_that_signed_itself_counts(self, tmp_path: Path) -> None:
        alone = issue("leaf", basic_constraints=None, subject="C=US,ST=WA,O=Harbour Works,CN=alone")
        ground = Ground(tmp_path)
        pin = ground.pin(leaf=alone)
        assert (pin.kind.value, pin.issuers, len(pin.compared)) == ("certificate", (), 1)
        Pins((replace(pin, issuers=None),)).write(ground.site)
        assert ground.apply(ground.packed(leaf=alone)).applied

    def test_a_snapshot_with_an_expired_signature(self, ground: Ground) -> None:
        """Freeze: to withhold newer snapshots helps no longer than the signature's expiry."""
        ground.pin()
        target = ground.packed(lifetime=timedelta(days=7))
        outcome = ground.apply(target, at=AT + timedelta(days=8))
        assert reasons(outcome) == ["expiry.passed"]
        assert ground.policy_name() == "site"

    def test_a_revoked_signer_by_known_evidence_or_in_the_snapshot(self, tmp_path: Path) -> None:
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        for where in ("site", "packer"):
            ground = Ground(tmp_path / where, leaf=leaf)
            ground.pin()
            good = good_crls(leaf, SIGNING_CRL)
            for number, (url, data) in enumerate(good.items()):
                (ground.packer / f"crls/{number}.crl").write_bytes(data)
                index = json.loads((ground.packer / "crls/index.json").read_text())
                (ground.packer / "crls/index.json").write_text(json.dumps({**index, url: f"{number}.crl"}))
            revoking = crl(leaf.chain[1], revoked=[leaf], number=7, this_update=AT - timedelta(hours=1))
            folder = (ground.site if where == "site" else ground.packer) / "crls"
            folder.mkdir(exist_ok=True)
            (folder / "r.crl").write_bytes(revoking)
            if where == "packer":
                index = json.loads((folder / "index.json").read_text())
                index[SIGNING_CRL.format(0)] = ["0.crl", "r.crl"]
                (folder / "index.json").write_text(json.dumps(index))
            assert reasons(ground.apply(ground.packed())) == ["revocation.revoked"], where

    def test_of_two_crls_of_one_moment_the_higher_number_counts(self, tmp_path: Path) -> None:
        """CRL numbers only grow (RFC 5280, 5.2.3): what is available must not keep what comes from being used."""
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        ground = Ground(tmp_path, leaf=leaf)
        ground.pin()
        folder = ground.site / "crls"
        folder.mkdir(exist_ok=True)
        for number, data in enumerate(good_crls(leaf, SIGNING_CRL).values()):
            (folder / f"{number}.crl").write_bytes(data)
        assert ground.verify(ground.packed("before")).problems == ()
        (ground.packer / "crls/r.crl").write_bytes(crl(leaf.chain[1], revoked=[leaf], number=7))
        assert reasons(ground.verify(ground.packed("after"))) == ["revocation.revoked"]

    def test_without_evidence_about_its_signer(self, tmp_path: Path) -> None:
        ground = Ground(tmp_path, leaf=chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL))
        ground.pin()
        assert reasons(ground.apply(ground.packed())) == ["revocation.crl.missing"]

    def test_a_policy_that_could_not_be_used(self, ground: Ground) -> None:
        ground.pin()
        (ground.packer / "trustpolicy.oci.json").write_text('{"version": "1.0", "trustPolicies": []}')
        before = tree_of(ground.site)
        assert reasons(ground.apply(ground.packed())) == ["policy.malformed"]
        assert tree_of(ground.site) == before

    def test_show_refuses_what_apply_refuses(self, ground: Ground) -> None:
        """Of a policy, of a store, and of an index that brings evidence alone; no message names a folder of here."""
        ground.pin()
        store = ground.packer / "truststore/x509/ca/harbour"
        store.rename(ground.packer / "away")
        targets = {"store.missing": ground.packed("one")}
        (ground.packer / "away").rename(store)
        (ground.packer / "crls/index.json").write_text("{")
        targets["evidence.malformed"] = ground.packed("two", evidence_only=True, signed=False)
        (ground.packer / "trustpolicy.oci.json").write_text('{"version": "1.0", "trustPolicies": []}')
        (ground.packer / "crls/index.json").unlink()
        targets["policy.malformed"] = ground.packed("three")
        for reason, target in targets.items():
            for outcome in (ground.verify(target), ground.apply(target, dry_run=True), ground.apply(target)):
                assert reasons(outcome) == [reason]
                assert outcome.problems[0].message.startswith("in the snapshot: ")
                assert "airgap-" not in outcome.problems[0].message
                assert "site" not in outcome.problems[0].message

    def test_a_policy_that_names_a_missing_store(self, ground: Ground) -> None:
        ground.pin()
        shutil.rmtree(ground.packer / "truststore")
        assert reasons(ground.apply(ground.packed())) == ["store.missing"]
        assert ground.policy_name() == "site"

    def test_refuses_to_pack_stores_without_a_policy(self, ground: Ground) -> None:
        (ground.packer / "trustpolicy.oci.json").unlink()
        with pytest.raises(UsageError, match="no policy"):
            ground.packed()

    def test_refuses_to_write_into_a_directory_of_notation(self, ground: Ground) -> None:
        from airgap.stages.snapshot_apply import undo_snapshot
        from airgap.trust.location import Location

        with pytest.raises(UsageError, match="belongs to notation"):
            undo_snapshot(Location(path=ground.site, origin="notation", read_only=True), at=AT)


def _interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def _leaf_below(ground: Ground, subject: str) -> Any:
    return issue("leaf", issuer=ground.leaf.chain[1], subject=subject, slot=4)


class TestTimestamps:
    """Where a pin names roots of timestamping authorities, a snapshot's signature carries a timestamp of one."""

    def _pin(self, ground: Ground, tsa: Issued) -> None:
        signer, root = ground.folder / "signer.pem", ground.folder / "tsa.pem"
        signer.write_bytes(b"".join(item.pem for item in ground.leaf.chain))
        root.write_bytes(tsa.root.pem)
        add_pin(ground.location, propose_pin(str(signer), stream="default", at=AT, tsa_roots=[root]), at=AT)

    def test_refuses_a_snapshot_without_a_timestamp(self, ground: Ground) -> None:
        self._pin(ground, Pki().tsa_chain())
        assert reasons(ground.apply(ground.packed())) == ["timestamp.missing"]

    def test_a_timestamp_of_the_pinned_authority_proves_an_expired_signer(self, tmp_path: Path) -> None:
        leaf = Pki().code_chain(leaf={"not_after": AT + timedelta(days=1)})
        ground, tsa = Ground(tmp_path, leaf=leaf), Pki().tsa_chain()
        stamper = _Stamper(tsa)
        target = ground.packed(timestamper=stamper)
        ground.pin()
        assert reasons(ground.apply(target, at=AT + timedelta(days=9))) == ["time.certificate.expired"]
        self._pin(ground, tsa)
        assert ground.apply(target, at=AT + timedelta(days=9)).applied

    def test_refuses_a_timestamp_of_another_authority(self, ground: Ground) -> None:
        self._pin(ground, Pki().tsa_chain("p384", root={"key": "p384"}))
        target = ground.packed(timestamper=_Stamper(Pki().tsa_chain()))
        assert reasons(ground.apply(target)) == ["timestamp.untrusted"]


class _Stamper:
    """A running timestamping authority."""

    def __init__(self, tsa: Issued) -> None:
        self._tsa = tsa
        self.anchors = Anchors.of({"test": [Certificate.parse(tsa.root.der)]})

    def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
        return token(self._tsa, signature_value, gen_time=AT, imprint_hash=hash_name)


class TestRollback:
    def test_refuses_an_older_number_and_records_the_reason_to_go_back(self, ground: Ground) -> None:
        ground.pin()
        first, second = ground.packed(), ground.packed()
        ground.apply(second)
        assert reasons(ground.apply(first)) == ["snapshot.rollback"]
        assert ground.apply(first, allow_rollback="the new policy locks us out").applied
        events = {event.action: event.reason for event in ground.state().history}
        assert events["allow-rollback"] == "the new policy locks us out"
        assert ground.state().trust["default"].number == 2

    def test_applies_a_full_snapshot_after_later_evidence_alone(self, ground: Ground) -> None:
        """Number 2 removes a root. A carrier that withholds it and delivers number 3 must not prevent it for ever."""
        ground.pin()
        first = ground.packed()
        shutil.move(ground.packer / "truststore/x509/ca/harbour", ground.packer / "truststore/x509/ca/newer")
        policy = ground.packer / "trustpolicy.oci.json"
        policy.write_text(policy.read_text().replace("ca:harbour", "ca:newer"))
        withheld = ground.packed()
        (ground.packer / "crls/b.crl").write_bytes(crl(ground.leaf.chain[1], number=6))
        evidence = ground.packed(evidence_only=True)
        assert ground.apply(first).applied
        assert ground.apply(evidence).applied
        assert ground.apply(evidence).in_force
        assert ground.apply(withheld).applied
        assert sorted(path.name for path in (ground.site / "truststore/x509/ca").iterdir()) == ["newer"]
        assert (ground.site / "crls/b.crl").exists()
        assert reasons(ground.apply(first)) == ["snapshot.rollback"]
        state = ground.state()
        assert (state.trust["default"].number, state.evidence["default"].number) == (2, 3)
        assert ground.undo() == f"default/1 {_digest(first)}"

    def test_the_same_snapshot_with_other_local_evidence_stays_the_same(self, ground: Ground) -> None:
        """To exchange the same for the same would lose what undo goes back to."""
        ground.pin()
        target = ground.packed()
        assert ground.apply(target).applied
        (ground.site / "crls/inner").mkdir()
        shutil.move(ground.site / "crls/a.crl", ground.site / "crls/inner/a.crl")
        assert ground.apply(target).in_force
        ground.undo()
        assert ground.policy_name() == "site"

    def test_the_memory_holds_the_time_of_the_clock(self, ground: Ground) -> None:
        ground.pin()
        assert ground.apply(ground.packed(), clock=LATER + timedelta(days=3)).applied
        assert ground.state().trust["default"].accepted == LATER + timedelta(days=3)
        assert ground.state().history[-1].at == LATER + timedelta(days=3)

    def test_always_refuses_another_snapshot_of_the_same_number(self, ground: Ground) -> None:
        ground.pin()
        ground.apply(ground.packed(number=5))
        fork = ground.packed("fork", number=5, created=AT + timedelta(minutes=1))
        assert reasons(ground.apply(fork)) == ["snapshot.fork"]
        assert reasons(ground.apply(fork, allow_rollback="please")) == ["snapshot.fork"]

    def test_accepts_a_lost_memory_only_with_a_reason(self, ground: Ground) -> None:
        ground.pin()
        first, second = ground.packed(), ground.packed()
        ground.apply(second)
        (ground.site / ".airgap/state.json").unlink()
        for target in (first, second):
            assert reasons(ground.apply(target)) == ["snapshot.state.lost"]
        assert ground.apply(second, accept_lost_state="disk died, number compared").applied
        assert "accept-lost-state" in [event.action for event in ground.state().history]

    def test_an_accepted_loss_is_remembered_where_nothing_else_changes(self, ground: Ground) -> None:
        ground.pin()
        first, state = ground.packed(), ground.site / ".airgap/state.json"
        ground.apply(first)
        begun = state.read_bytes()
        (ground.packer / "truststore/x509/ca/harbour/x.pem").write_bytes(Pki().code_chain("p384").root.pem)
        ground.apply(ground.packed())
        ground.undo()
        state.write_bytes(begun)
        assert reasons(ground.apply(first)) == ["snapshot.state.lost"]
        assert ground.apply(first, accept_lost_state="number compared").applied
        assert "accept-lost-state" in [event.action for event in ground.state().history]

    def test_detects_a_memory_restored_from_a_backup(self, ground: Ground) -> None:
        ground.pin()
        state = ground.site / ".airgap/state.json"
        begun = state.read_bytes()
        for _ in range(2):
            ground.apply(ground.packed())
        state.write_bytes(begun)
        assert reasons(ground.apply(ground.packed())) == ["snapshot.state.lost"]

    def test_adding_a_pin_does_not_replace_a_lost_memory(self, ground: Ground) -> None:
        ground.pin()
        ground.apply(ground.packed())
        shutil.rmtree(ground.site / ".airgap")
        with pytest.raises(Rejected) as caught:
            ground.pin()
        assert caught.value.reason == "snapshot.state.lost"
        ground.pin(accept_lost_state="machine was reinstalled")

    def test_undo_goes_back_and_forth_and_keeps_the_highest_number(self, ground: Ground) -> None:
        ground.pin()
        first, second = ground.packed(), ground.packed()
        ground.apply(first)
        (ground.packer / "truststore/x509/ca/harbour/x.pem").write_bytes(Pki().code_chain("p384").root.pem)
        third = ground.packed()
        ground.apply(third)
        extra = ground.site / "truststore/x509/ca/harbour/x.pem"
        assert extra.exists()
        in_force = ground.undo()
        assert not extra.exists()
        assert in_force is not None
        assert in_force.startswith("default/1 ")
        assert reasons(ground.apply(second)) == ["snapshot.rollback"]
        ground.undo()
        assert extra.exists()
        assert [event.action for event in ground.state().history][-2:] == ["undo", "undo"]

    def test_undo_keeps_new_evidence(self, ground: Ground) -> None:
        ground.pin()
        ground.apply(ground.packed())
        ground.undo()
        assert ground.policy_name() == "site"
        assert (ground.site / "crls/a.crl").exists()

    def test_there_is_nothing_to_undo_at_first(self, ground: Ground) -> None:
        with pytest.raises(UsageError, match="no former state"):
            ground.undo()


def test_no_changed_byte_of_it_is_accepted_as_another_snapshot(ground: Ground) -> None:
    """Every byte, one after the other (a choice of them unless AIRGAP_SLOW): refused, or the very same snapshot."""
    ground.pin()
    target = ground.packed()
    with open_snapshot(target) as opened:
        genuine = opened.snapshot.descriptor.digest
    stick = ground.folder / "stick"
    for path in sorted(path for path in stick.rglob("*") if path.is_file()):
        good = path.read_bytes()
        path.chmod(0o644)
        for place in range(0, len(good), 1 if SLOW else max(1, len(good) // 12)):
            path.write_bytes(good[:place] + bytes([good[place] ^ 0x21]) + good[place + 1 :])
            try:
                outcome = ground.verify(f"oci:{stick}")
            except AirgapError:
                continue
            if not outcome.problems:  # a tag of index.json, a space in oci-layout
                assert outcome.snapshot is not None
                assert outcome.snapshot.descriptor.digest == genuine
                assert path.name in {"index.json", "oci-layout"}, (path, place)
        path.write_bytes(good)


class Sender:
    """Reads the groups that are asked for over the telephone: what is on the screen is of no use."""

    def __init__(self, *fingerprints: str) -> None:
        self._fingerprints = list(fingerprints)

    def readline(self, size: int) -> str:
        assert size > 0
        assert isinstance(sys.stderr, io.StringIO)
        match = re.search(r"the groups ([0-9, ]+) ", sys.stderr.getvalue().splitlines()[-1])
        assert match
        digits = groups(self._fingerprints.pop(0)).split(" ")
        return " ".join(digits[int(place) - 1] for place in match[1].split(", ")) + "\n"


class TestCommand:
    def run(self, *arguments: object) -> Ran:
        ran = run_here(["trust", *map(str, arguments)])
        assert "Traceback" not in ran.err + ran.out, ran
        return ran

    def checked(self, ran: Ran) -> dict[str, Any]:
        return ran.held_to("snapshot")

    def test_packs_pins_and_applies_as_documented(self, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        key, chain = ground.write_key()
        stick = ground.folder / "trip.tar"
        trust = ["--trust", ground.site]
        output = ["--format", "json"]
        made = self.run("snapshot", "create", "-o", stick, "--trust", ground.packer, *output)
        assert self.checked(made)["snapshot"]["number"] == 1
        unsigned = self.checked(self.run("snapshot", "verify", stick, *trust, *output))
        assert (unsigned["exit_code"], unsigned["problems"][0]["reason"]) == (13, "snapshot.unpinned")
        signed = self.run("snapshot", "sign", stick, "--private-key", key, "--chain", chain, "--expiry", "2160h")
        assert signed.code == 0, signed
        root = ground.leaf.root.fingerprint
        monkeypatch.setattr("sys.stdin", Sender(root))
        pinned = self.run("pin", "add", stick, *trust)
        assert pinned.code == 0, pinned
        assert "root, SHA-256:" in pinned.err
        assert self.run("pin", "list", *trust, *output).document["pins"][0]["roots"] == [root]
        self.checked(self.run("snapshot", "show", stick, *output))
        changes = self.checked(self.run("snapshot", "diff", stick, *trust, *output))["changes"]
        assert changes["changed"] == ["trustpolicy.oci.json"]
        applied = self.checked(self.run("snapshot", "apply", stick, *trust, *output))
        assert (applied["applied"], applied["exit_code"]) == (True, 0)
        assert applied["signatures"][0]["verdict"] == "pass"
        assert "IN FORCE" in self.run("snapshot", "apply", stick, *trust).out
        assert "UNDONE" in self.run("snapshot", "undo", *trust, "--reason", "a test").out
        assert ground.policy_name() == "site"
        assert self.run("pin", "delete", Pins.read(ground.site).entries[0].id[:5], *trust).code == 0
        assert Pins.read(ground.site).entries == ()

    def test_an_incomplete_answer_pins_nothing(self, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
        stick, digits = ground.packed(), groups(ground.leaf.root.fingerprint)
        for typed in ("0000 0000", digits[-9:], digits[-24:], digits[:24], ""):
            monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
            ran = self.run("pin", "add", stick, "--trust", ground.site)
            assert (ran.code, "nothing was pinned" in ran.err) == (2, True), ran
            assert digits not in ran.err, "what is asked for is not to be copied from the screen"
        monkeypatch.setattr(
            "sys.stdin", io.StringIO()
        )  # no terminal: no sender is accused of having another fingerprint
        ran = self.run("pin", "add", stick, "--trust", ground.site)
        assert (ran.code, "there is no terminal to ask" in ran.err, "stranger" in ran.err) == (2, True, False), ran
        assert Pins.read(ground.site).entries == ()

    def test_a_script_names_the_whole_fingerprint(self, ground: Ground) -> None:
        stick, root = ground.packed(), ground.leaf.root.fingerprint
        for given in ("ab" * 32, root[:-2], root[:32]):
            ran = self.run("pin", "add", stick, "--trust", ground.site, "--yes-fingerprint", given)
            assert (ran.code, "of the root" in ran.err, root in ran.err) == (2, True, False), ran
        assert Pins.read(ground.site).entries == ()
        assert self.run("pin", "add", stick, "--trust", ground.site, "--yes-fingerprint", root).code == 0

    @pytest.mark.parametrize(
        ("spoil", "code", "reason"),
        [
            (lambda ground, stick: ground.apply(ground.packed("newer", number=9)), 17, "snapshot.rollback"),
            (lambda ground, stick: (ground.site / ".airgap/state.json").unlink(), 17, "snapshot.state.lost"),
            (
                lambda ground, stick: (ground.site / ".airgap/state.json").write_text("{"),
                18,
                "snapshot.state.malformed",
            ),
            (
                lambda ground, stick: (ground.site / ".airgap/pins.json").write_text("{}"),
                18,
                "snapshot.state.malformed",
            ),
            (lambda ground, stick: shutil.rmtree(stick), 11, None),
        ],
        ids=["rollback", "lost", "damaged memory", "damaged pins", "nothing there"],
    )
    def test_exit_codes_and_documents_of_failures(self, ground: Ground, spoil: Any, code: int, reason: str) -> None:
        ground.pin()
        ground.packed()
        spoil(ground, ground.folder / "stick")
        ran = self.run("snapshot", "apply", ground.folder / "stick", "--trust", ground.site, "--format", "json")
        document = self.checked(ran)
        assert (ran.code, document["problems"][0]["reason"]) == (code, reason)
        assert ground.policy_name() == ("packer" if reason == "snapshot.rollback" else "site")

    def test_refuses_what_is_not_a_snapshot(self, ground: Ground) -> None:
        ran = self.run("snapshot", "show", ROOT / "layouts/good:v1", "--format", "json")
        assert (ran.code, self.checked(ran)["problems"][0]["reason"]) == (18, "snapshot.malformed")

    def test_reports_a_past_use_by_date(self, ground: Ground) -> None:
        ground.pin()
        outcome = ground.apply(ground.packed(), at=AT + timedelta(days=100))
        assert [warning.reason for warning in outcome.warnings] == ["snapshot.stale"]
        assert outcome.applied

    def test_reports_a_clock_before_the_snapshot(self, ground: Ground) -> None:
        ground.pin()
        outcome = ground.verify(ground.packed(), at=AT - timedelta(days=2))
        assert "clock.behind" in [warning.reason for warning in outcome.warnings]


def test_does_not_pin_the_signer_of_another_artifact(ground: Ground) -> None:
    with pytest.raises(UsageError, match="shows no signer"):
        propose_pin(ground.packed(signed=False), stream="default", at=AT)


def test_detects_a_file_that_changes_while_it_is_packed(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    from airgap.stages import snapshot as stage
    from airgap.trust.snapshots.material import list_material as true_list

    def listed(root: Path, **options: Any) -> Any:
        files = true_list(root, **options)
        path = root / "trustpolicy.oci.json"
        path.write_bytes(path.read_bytes().replace(b"packer", b"hacker"))
        return files

    monkeypatch.setattr(stage, "list_material", listed)
    with pytest.raises(AirgapError, match="digest"):
        ground.packed()


def test_the_moment_of_a_snapshot_is_the_callers(ground: Ground) -> None:
    made = create_snapshot(ground.packer, str(ground.folder / "x"), stream="s", number=3, created=LATER)
    assert made.snapshot.created == LATER
    assert made.snapshot.tag == "s-3"
    assert StagedSwap(ground.packer).trust == ground.packer
    assert isinstance(made.snapshot.descriptor.digest, Digest)


def test_a_snapshot_that_cannot_be_packed_has_a_fitting_remedy(tmp_path: Path) -> None:
    ran = run_here(["trust", "snapshot", "create", "--trust", str(tmp_path / "none"), "-o", str(tmp_path / "stick")])
    assert ran.code
    assert "do not apply" not in ran.out + ran.err
