"""Evidence beside the images: fetched, carried as a tar, and used without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airgap.collection.coverage import Status
from airgap.errors import UsageError
from airgap.oci.descriptor import EMPTY, IMAGE_INDEX, REF_NAME, TITLE, Descriptor
from airgap.oci.open import open_layout
from airgap.oci.store import read_verified
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.crls import many
from tests.support.fetching import DAY, Site, about, site
from tests.support.keyring import key
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT

ROOT = Path(__file__).resolve().parents[2]
SLOW = bool(os.environ.get("AIRGAP_SLOW"))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as running:
        yield running


def attach(here: Site, **request: Any) -> Any:
    return here.fetch(targets=[], directory=None, into=str(here.written.layout), **request)


def entries(layout: Path) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((layout / "index.json").read_text())
    found: list[dict[str, Any]] = [item for item in document["manifests"] if item.get("artifactType") == EVIDENCE_TYPE]
    return found


def evidence_used(ran: Any) -> list[dict[str, Any]]:
    used: list[dict[str, Any]] = ran.document["artifacts"][0]["signatures"][0]["evidence"]
    return used


class TestInto:
    def test_a_layout_with_evidence_verifies_without_any_in_the_trust_directory(self, here: Site) -> None:
        here.sign(timestamp=True)
        here.serve()
        outcome = attach(here)
        assert outcome.complete
        assert [written.files for written in outcome.written] == [4]
        assert not (here.trust / "crls").exists()
        assert here.verify().code == 0

    def test_the_report_names_the_origin_of_each_deciding_piece(self, here: Site) -> None:
        here.sign()
        here.serve()
        attach(here)
        assert {use["origin"] for use in evidence_used(here.verify())} == {f"oci:{here.written.layout}"}
        here.fetch(download=False)
        assert {use["origin"] for use in evidence_used(here.verify())} == {"trust directory"}

    def test_the_evidence_is_one_untagged_artifact_that_refers_to_the_image(self, here: Site) -> None:
        """So that tools which carry referrers carry it, and none takes it for an image."""
        here.sign()
        here.serve()
        attach(here)
        (entry,) = entries(here.written.layout)
        assert "annotations" not in entry
        manifest = json.loads((here.written.layout / "blobs/sha256" / entry["digest"][7:]).read_text())
        assert manifest["subject"]["digest"] == here.written.digest
        assert manifest["config"]["mediaType"] == EMPTY
        titles = [layer["annotations"][TITLE] for layer in manifest["layers"]]
        assert titles == sorted(titles)
        assert {title.partition("/")[0] for title in titles} == {"crls"}

    def test_the_same_evidence_makes_the_same_bytes(self, here: Site, tmp_path: Path) -> None:
        here.sign()
        here.serve()
        copy = shutil.copytree(here.written.layout, tmp_path / "copy")
        first = attach(here).written[0].digest
        assert here.fetch(targets=[], directory=None, into=str(copy)).written[0].digest == first
        again = attach(here)
        assert (again.written[0].digest, again.written[0].changed) == (first, False)

    def test_new_evidence_replaces_older_evidence_only(self, here: Site) -> None:
        here.sign()
        here.serve()
        attach(here)
        here.web.put("/leaf.crl", here.crl(here.ca, number=2))
        attach(here)
        assert len(entries(here.written.layout)) == 1
        here.web.put("/leaf.crl", here.crl(here.ca, number=0, this_update=AT - 5 * DAY))
        outcome = attach(here)
        assert about(outcome, "builder").attempts[-1].reason == "evidence.older"
        assert evidence_used(here.verify())[0]["number"] == 2

    def test_a_failed_download_removes_no_evidence(self, here: Site) -> None:
        here.sign()
        here.serve()
        attach(here)
        here.web.fail("/leaf.crl")
        assert attach(here).complete
        assert here.verify().code == 0

    def test_rewrites_a_tar(self, here: Site) -> None:
        here.sign(archive=True)
        here.serve()
        before = here.written.layout.read_bytes()
        assert attach(here).complete
        assert here.written.layout.read_bytes() != before
        assert here.verify().code == 0

    def test_includes_evidence_that_only_the_far_side_can_prove(self, here: Site) -> None:
        """The packer often has not the authority's root; the guard has."""
        here.sign(timestamp=True)
        here.serve()
        with_root = here.trust / "truststore/x509/tsa/harbour"
        aside = with_root.rename(here.folder / "aside")
        outcome = attach(here, required=True)
        assert about(outcome, "TSA Intermediate").status is Status.UNPROVEN
        assert outcome.exit_code == 15
        aside.rename(with_root)
        assert here.verify().code == 0

    def test_keeps_evidence_that_cannot_be_proven_here(self, here: Site, tmp_path: Path) -> None:
        """A second fetch with a trust directory that lacks a root lost what revoked below it."""
        here.sign(timestamp=True)
        here.serve()
        here.web.put("/tsa-ca.crl", here.crl(here.tsa.root, revoked=[here.tsa.chain[1]]))
        attach(here)
        assert here.verify().code == 14
        for file in (here.trust / "truststore/x509/tsa/harbour").iterdir():
            file.rename(tmp_path / file.name)
        outcome = here.fetch(into=str(here.written.layout), directory=here.trust)
        assert about(outcome, "TSA Intermediate").reason == "fetch.issuer"
        for file in tmp_path.glob("*.[pc][er][mr]"):
            file.rename(here.trust / "truststore/x509/tsa/harbour" / file.name)
        assert here.verify().code == 14

    def test_each_image_of_a_layout_has_its_own_evidence(self, here: Site) -> None:
        here.sign()
        here.serve()
        other = here.scene.builder.add_image(b"another")
        here.scene.signature.attach(here.scene.builder, here.scene.builder.tag(other, "other"))
        here.scene.builder.write_directory(here.written.layout)
        assert len(attach(here).written) == 2
        assert here.verify(target=str(here.written.layout)).code == 0

    def test_evidence_of_an_index_counts_for_its_children(self, here: Site) -> None:
        here.sign()
        builder = here.scene.builder
        child = builder.add_image(b"a child")
        index = builder.tag(builder.add_index(child), "index")
        for target in (index, child):
            here.scene.signature.attach(builder, target)
        builder.write_directory(here.written.layout)
        here.serve()
        attach(here)
        assert here.verify(target=f"oci:{here.written.layout}@{child.digest}").code == 0

    @pytest.mark.parametrize("archive", [False, True])
    def test_lists_the_evidence_under_an_existing_referrers_tag(self, here: Site, archive: bool) -> None:
        """As regctl keeps referrers, and finds none without."""
        here.sign(archive=archive)
        builder, target = here.scene.builder, here.scene.target
        signature = here.scene.signature.attach(builder, target, listed=False)
        builder.tag_referrers(target, signature)
        write = builder.write_tar if archive else builder.write_directory
        write(here.written.layout)
        here.serve()
        for number in (1, 2):
            here.web.put("/leaf.crl", here.crl(here.ca, number=number))
            attach(here)
        with open_layout(here.written.layout) as layout:
            (tag,) = [item for item in layout.index().manifests if REF_NAME in item.annotations and item.is_manifest
                      and item.media_type == IMAGE_INDEX]  # fmt: skip
            listed = json.loads(read_verified(layout, tag))["manifests"]
        assert [item.get("artifactType") for item in listed].count(EVIDENCE_TYPE) == 1
        assert str(signature.digest) in {item["digest"] for item in listed}
        assert here.verify().code == 0

    def test_refuses_forged_evidence(self, here: Site) -> None:
        """A trust directory may hold files that no verification would use."""
        here.sign()
        here.serve()
        (here.trust / "crls").mkdir()
        (here.trust / "crls/forged.crl").write_bytes(here.crl(here.ca, number=9, signed_by=key("p256", 4)))
        (here.trust / "crls/index.json").write_text(json.dumps({here.web.url("/leaf.crl"): "forged.crl"}))
        outcome = here.fetch(into=str(here.written.layout))
        assert [written.files for written in outcome.written] == [2]

    def test_an_unsigned_image_gets_no_evidence(self, here: Site) -> None:
        here.sign()
        here.scene.builder.tag(here.scene.builder.add_image(b"unsigned"), "other")
        here.scene.builder.write_directory(here.written.layout)
        here.serve()
        assert len(attach(here).written) == 1

    def test_refuses_a_fetch_without_a_destination(self, here: Site) -> None:
        here.sign()
        with pytest.raises(UsageError, match="nowhere"):
            here.fetch(directory=None)


class TestFromTheLayout:
    def test_evidence_that_arrives_with_a_target_joins_the_trust_directory(self, here: Site) -> None:
        here.sign()
        here.serve()
        attach(here)
        asked = len(here.web.seen)
        assert here.fetch(download=False).complete
        assert len(here.web.seen) == asked
        for name in entries(here.written.layout):
            (here.written.layout / "blobs/sha256" / name["digest"][7:]).unlink()
        assert (here.trust / "crls/index.json").exists()

    def test_a_newer_revocation_of_the_target_counts_before_the_trust_directory(self, here: Site) -> None:
        leaf = here.sign()
        here.serve()
        here.fetch()
        assert here.verify().code == 0
        here.web.put("/leaf.crl", here.crl(here.ca, number=2, this_update=AT - DAY / 2, revoked=[leaf]))
        attach(here)
        assert here.verify().code == 14


def _planted(here: Site, files: dict[str, bytes], artifact_type: str = EVIDENCE_TYPE) -> None:
    """Put an artifact with these files beside the image, as anyone who touches the medium can."""
    builder: LayoutBuilder = here.scene.builder
    layers = [
        Descriptor(media_type=blob.media_type, digest=blob.digest, size=blob.size, annotations={TITLE: name})
        for name, data in files.items()
        for blob in [builder.add_blob(data, "application/octet-stream")]
    ]
    builder.add_referrer(here.scene.target, layers, artifact_type=artifact_type)
    builder.write_directory(here.written.layout)


class TestHostile:
    def test_forged_evidence_is_never_trusted(self, here: Site) -> None:
        here.sign()
        _planted(here, {
            "crls/a.crl": here.crl(here.ca, signed_by=key("p256", 4)), "crls/b.crl": here.crl(here.leaf.root),
        })  # fmt: skip
        ran = here.verify()
        assert ran.code == 15
        assert ran.reasons == {"revocation.crl.signature"}

    def test_forged_evidence_does_not_hide_good_evidence(self, here: Site) -> None:
        here.sign()
        here.serve()
        here.fetch()
        _planted(here, {"crls/a.crl": here.crl(here.ca, number=99, this_update=AT, signed_by=key("p256", 4))})
        assert here.verify().code == 0

    def test_reports_evidence_that_is_not_a_crl_and_continues(self, here: Site) -> None:
        here.sign()
        here.serve()
        here.fetch()
        _planted(here, {"crls/a.crl": b"0", "ocsp/b.ors": b"1", "crls/index.json": b"["})
        ran = here.verify()
        assert ran.code == 0
        assert {warning["reason"] for warning in ran.document["warnings"]} == {"evidence.unusable"}

    @pytest.mark.parametrize("name", ["../../x.crl", "crls/../x.crl", "crls/a/b.crl", "x.crl.pem", "crls/a.exe", ""])
    def test_file_names_decide_nothing(self, here: Site, name: str) -> None:
        """A revoking CRL whose title was not just `crls/*.crl` was left out, and the image passed."""
        leaf = here.sign()
        here.serve()
        here.fetch()
        _planted(here, {name: here.crl(here.ca, revoked=[leaf])})
        ran = here.verify()
        assert ran.code == 14
        assert not ran.document["warnings"]

    @pytest.mark.parametrize("bound", ["TARGET_EVIDENCE_FILES", "TARGET_EVIDENCE_BYTES"])
    def test_more_evidence_than_the_bound_does_not_pass(
        self, here: Site, monkeypatch: pytest.MonkeyPatch, bound: str
    ) -> None:
        here.sign()
        here.serve()
        here.fetch()
        _planted(here, {f"crls/{number}.crl": here.crl(here.ca, number=number) for number in range(4)})
        monkeypatch.setattr(f"airgap.limits.{bound}", 2)
        ran = here.verify()
        assert ran.code == 15
        assert ran.reasons == {"evidence.unread"}
        assert "more evidence than is read" in ran.document["warnings"][0]["message"]

    def test_possible_evidence_over_the_bound_does_not_pass(self, here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        """Just as many files as are read made one that is under another name unused, without a message."""
        leaf = here.sign()
        here.serve()
        here.fetch()
        _planted(here, {f"crls/{number}.crl": here.crl(here.ca, number=number) for number in range(2)})
        _planted(here, {"list.pem": here.crl(here.ca, revoked=[leaf])}, "application/vnd.example")
        assert here.verify().code == 14
        monkeypatch.setattr("airgap.limits.TARGET_EVIDENCE_FILES", 2)
        ran = here.verify()
        assert ran.code == 15
        assert ran.reasons == {"evidence.unread"}

    @pytest.mark.parametrize(
        ("files", "kind"),
        [
            ({"truststore/x509/ca/harbour/evil.pem": b"x"}, EVIDENCE_TYPE),
            ({"trustpolicy.oci.json": b"{}"}, "application/vnd.example"),
            ({"anything": b"{}"}, "application/vnd.airgap.trust.snapshot.v1"),
        ],
        ids=["a store among evidence", "a policy", "a snapshot"],
    )
    def test_names_stores_and_policies_of_a_target_and_does_not_use_them(
        self, here: Site, files: dict[str, bytes], kind: str
    ) -> None:
        """RULE-1: what travels proves nothing."""
        here.sign()
        here.serve()
        here.fetch()
        for file in (here.trust / "truststore/x509/ca/harbour").iterdir():
            file.unlink()
        _planted(here, {name: here.leaf.root.pem if data == b"x" else data for name, data in files.items()}, kind)
        ran = here.verify()
        assert ran.code == 13 or ran.reasons == {"store.empty"}
        assert "trust.proposal" in {warning["reason"] for warning in ran.document["warnings"]}


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class TestJourney:
    def test_verifies_a_carried_tar_with_its_evidence_offline(self, tmp_path: Path) -> None:
        with site(tmp_path, at=_now()) as here:
            here.sign(timestamp=True)
            here.serve()
            tar = tmp_path / "trip.tar"
            ran = run_here(["copy", here.written.target, f"oci-archive:{tar}", "--with-evidence", "--format", "json"])
            assert ran.code == 0, ran
            assert ran.document["evidence"]["schema"] == "airgap.fetch/1"
        carried = shutil.move(tar, tmp_path / "carried.tar")
        verify = ["verify", str(carried), "--trust", str(here.trust), "--scope", str(here.written.scope)]
        prefix = ["unshare", "-n"] if _can_unshare() else []
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "airgap", *verify, "--format", "json"],
            capture_output=True, encoding="utf-8", check=False, cwd=ROOT, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        document = json.loads(done.stdout)
        assert document["network"]["attempts"] == 0
        assert document["evidence_expires"] is not None

    @pytest.mark.parametrize(("options", "code"), [((), 15), (("--allow-incomplete",), 0)])
    def test_missing_evidence_fails_the_copy(self, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
        with site(tmp_path, at=_now()) as here:
            here.sign()
            ran = run_here(["copy", here.written.target, str(tmp_path / "stick"), "--with-evidence", *options])
        assert ran.code == code, ran
        assert (tmp_path / "stick" / "index.json").exists()

    def test_a_revoked_signer_fails_the_copy(self, tmp_path: Path) -> None:
        with site(tmp_path, at=_now()) as here:
            here.sign()
            here.serve()
            here.web.put("/leaf.crl", here.crl(here.ca, revoked=[here.leaf]))
            ran = run_here(["copy", here.written.target, str(tmp_path / "stick"), "--with-evidence"])
        assert ran.code == 14, ran
        assert (tmp_path / "stick" / "index.json").exists()

    @pytest.mark.parametrize(("options", "code"), [((), 10), (("--allow-unsigned",), 0)])
    def test_an_unsigned_artifact_fails_the_copy(self, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
        builder = LayoutBuilder()
        builder.tag(builder.add_image(b"data"), "v1")
        source = builder.write_directory(tmp_path / "source")
        ran = run_here(["copy", str(source), str(tmp_path / "stick"), "--with-evidence", *options])
        assert ran.code == code, ran
        assert (f"UNSIGNED {source}:v1 came without a signature" in ran.out) is (code == 10)
        quiet = run_here(["copy", str(source), str(tmp_path / "stick"), "--with-evidence", "-q", *options])
        assert (quiet.code, "UNSIGNED" in quiet.out) == (code, code == 10)
        ran = run_here(["copy", str(source), str(tmp_path / "stick"), "--with-evidence", "--format", "json", *options])
        unsigned = [f"{source}:v1"] if code else []
        assert (ran.code, ran.document["exit_code"], ran.document["unsigned"]) == (code, code, unsigned)

    def test_copied_artifacts_get_evidence_where_others_failed(self, tmp_path: Path) -> None:
        """It went without any, and nothing said so; with -q nothing said what did not arrive either."""
        with site(tmp_path, at=_now()) as here:
            here.sign()
            here.serve()
            sources = [here.written.target, f"{here.written.layout}:absent"]
            options = ["--with-evidence", "--keep-going", "-q"]
            ran = run_here(["copy", *sources, str(tmp_path / "stick"), *options])
            assert (ran.code, "COMPLETE: evidence for 2 certificates" in ran.out) == (20, True), ran
            assert f"FAILED  {here.written.layout}:absent\n" in ran.out
            here.web.put("/leaf.crl", here.crl(here.ca, revoked=[here.leaf]))
            ran = run_here(["copy", *sources, str(tmp_path / "second"), *options])
            assert (ran.code, "REVOKED: " in ran.out) == (14, True), ran

    @pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=["copy", "dry-run"])
    def test_evidence_needs_a_layout_or_a_tar(self, options: list[str]) -> None:
        ran = run_here(["copy", str(ROOT / "layouts/good"), "registry.example/app", "--with-evidence", *options])
        assert ran.code == 2
        assert "--with-evidence" in ran.err

    def test_a_copy_keeps_the_evidence(self, here: Site, tmp_path: Path) -> None:
        here.sign()
        here.serve()
        attach(here)
        assert run_here(["copy", here.written.target, f"oci:{tmp_path / 'second'}", "--quiet"]).code == 0
        assert here.verify(target=f"oci:{tmp_path / 'second'}@{here.written.digest}").code == 0


class TestRehearsal:
    """`verify --at` on the connected side says whether a bundle will verify on the day it arrives."""

    @pytest.mark.parametrize(("days", "code"), [(0, 0), (8, 0), (9.5, 15)])
    def test_the_given_day_decides(self, here: Site, days: float, code: int) -> None:
        here.sign()
        here.serve()
        attach(here)
        here.written = here.written.__class__(**{
            **{name: getattr(here.written, name) for name in here.written.__slots__}, "at": AT + days * DAY,
        })  # fmt: skip
        ran = here.verify()
        assert ran.code == code
        if code:
            assert ran.reasons == {"revocation.crl.stale"}
        else:
            assert ran.document["evidence_expires"]["at"] == "2026-06-10T12:00:00Z"

    def test_names_the_evidence_that_ends_first(self, here: Site) -> None:
        """Evidence here, then a signature, then a certificate that nothing stamps."""
        here.sign()
        here.serve()
        attach(here)
        first = here.verify().document["expires_first"]
        assert (first["at"], first["what"].split()[0]) == ("2026-06-10T12:00:00Z", "evidence")

    @pytest.mark.parametrize(
        ("change", "word"), [({"expiry": AT + DAY}, "signature"), ({}, "certificate")], ids=["signature", "certificate"]
    )
    def test_names_a_certificate_that_ends_before_all_evidence(
        self, here: Site, change: dict[str, Any], word: str
    ) -> None:
        here.sign(crl_urls=[here.web.url("/leaf.crl")], not_after=AT + 2 * DAY)
        for name, value in change.items():
            setattr(here.scene.signature, name, value)
        here.scene.builder.entries.clear()
        here.written = here.scene.write(here.folder / "again")
        here.serve()
        attach(here)
        ran = here.verify()
        assert ran.document["expires_first"]["what"].startswith(word)
        arguments = [item for item in here.written.arguments() if item not in ("--format", "json")]
        assert f"first to run out on 2026-06-0{2 if change else 3}T12:00:00Z: {word}" in run_here(arguments).out

    def test_with_a_timestamp_the_end_of_the_certificate_does_not_count(self, here: Site) -> None:
        here.sign(timestamp=True, crl_urls=[here.web.url("/leaf.crl")], not_after=AT + 2 * DAY)
        here.serve()
        attach(here)
        assert here.verify().document["expires_first"]["what"].startswith("evidence")

    def test_reports_stale_evidence_accepted_up_to_a_stated_age(self, here: Site) -> None:
        here.sign()
        here.serve()
        attach(here)
        late = ["--at", "2026-06-12", "--max-age", "crl=7d"]
        ran = run_here(
            [*[item for item in here.written.arguments() if item not in ("--at", "2026-06-01T12:00:00Z")], *late]
        )
        assert ran.code == 0
        assert all(use["accepted_stale"] for use in evidence_used(ran))


_MEASURE = """
import resource, sys
from tests.support.command import run_here
from tests.support.crls import many
fetch, verify = eval(sys.argv[1])
for arguments in (fetch, verify):
    ran = run_here(arguments)
    assert ran.code == 0, ran
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def _peak(here: Site) -> int:
    """MB that a fetch and a verify take together at most, in a process that does nothing else."""
    fetch = ["trust", "fetch", here.written.target, "--trust", str(here.trust), "--require-complete"]
    verify = ["verify", here.written.target, "--trust", str(here.trust), "--scope", str(here.written.scope)]
    command = [sys.executable, "-c", _MEASURE, repr((fetch, verify))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_crl_of_many_entries_is_fetched_kept_and_used_in_bounded_memory(tmp_path: Path) -> None:
    """50,000 entries; with AIRGAP_SLOW=1 the whole million, which is 47 MB."""
    with site(tmp_path, at=datetime.now(UTC).replace(microsecond=0)) as here:
        here.sign()
        here.serve()
        usual = _peak(here)
        large = here.crl(here.ca, number=2, entries=many(1_000_000 if SLOW else 50_000))
        here.web.put("/leaf.crl", large)
        grown = _peak(here) - usual
    assert grown < 16 + 6 * (len(large) >> 20), grown


def _can_unshare() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run(["unshare", "-n", "true"], check=False).returncode == 0
