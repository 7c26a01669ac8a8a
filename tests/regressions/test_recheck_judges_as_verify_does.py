"""A recheck had rules of its own: it ignored required metadata, content, plugins and moved names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import CONTAINERD_NAME, IMAGE_INDEX, REF_NAME, Descriptor
from airgap.oci.scan import Scan, scan
from airgap.oci.store import Store
from airgap.parse.time import iso
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support import envelopes
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry
from tests.support.evidence import evidence_artifact, rewrite_signature_manifests, take_evidence_out
from tests.support.layouts import LayoutBuilder, write_tree
from tests.support.pki import AT, Pki
from tests.support.plugins import IDENTITY, REVOCATION, Behaviour, write_plugin
from tests.support.records import declare
from tests.support.scenario import SIGNING_CRL, Scene, Signature, Written, add_image, bare, good_crls
from tests.support.trust import oci_policy, statement

FORMS = pytest.mark.parametrize("gone", [False, True], ids=["layout", "report"])


class Kept:
    """A verified image and its report."""

    def __init__(self, folder: Path, scene: Scene, *options: str, code: int = 0) -> None:
        self.folder = folder
        self.leaf = scene.signature.leaf
        self.written: Written = scene.write(folder)
        self.report = folder / "report.json"
        made = run_here(self.written.arguments(*options, "--report", str(self.report)))
        assert made.code == code, made

    def again(self, *options: str, gone: bool = False) -> Ran:
        """The recheck of the report; `gone`: without the layout."""
        if gone and self.written.layout.is_dir():
            shutil.rmtree(self.written.layout)
        at = iso(self.written.at)
        arguments = ["recheck", str(self.report), "--trust", str(self.written.trust), "--at", at, "--format", "json"]
        ran = run_here([*arguments, *options])
        ran.check_sound()
        return ran

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads(self.report.read_text())
        change(document)
        self.report.write_text(json.dumps(document))


def said(ran: Ran) -> set[str]:
    """Reasons of what is not accepted, and of problems."""
    document = ran.document
    found = {item["reason"] for artifact in document["artifacts"] for item in artifact["because"]}
    return found | {problem["reason"] for problem in document["problems"]}


def blob(kept: Kept, digest: str) -> Path:
    return kept.written.layout / "blobs/sha256" / digest.removeprefix("sha256:")


def a_layer(kept: Kept) -> Path:
    manifest = json.loads(blob(kept, kept.written.digest).read_text())
    return blob(kept, manifest["layers"][0]["digest"])


class TestContent:
    """The default read manifests alone, whatever the report had read."""

    @pytest.mark.parametrize("name", ["manifest.json", "repositories"])
    def test_reports_the_problems_that_verify_reports(self, tmp_path: Path, name: str) -> None:
        """Problems of the layout that verify tells of an artifact that it judged were dropped."""
        kept = Kept(tmp_path, Scene())
        (kept.written.layout / name).write_text("{{")
        assert run_here(kept.written.arguments()).code == 16
        ran = kept.again()
        assert (ran.code, ran.document["verdict"], said(ran)) == (16, "fail", {"layout.disagrees"})

    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            pytest.param(lambda layer: layer.write_bytes(b"x" * layer.stat().st_size), "content.digest", id="changed"),
            pytest.param(lambda layer: layer.unlink(), "content.missing", id="deleted"),
            pytest.param(lambda layer: layer.write_bytes(b""), "content.size", id="cut"),
        ],
    )
    def test_a_changed_layer_fails(self, tmp_path: Path, spoil: Callable[[Path], Any], reason: str) -> None:
        kept = Kept(tmp_path, Scene())
        spoil(a_layer(kept))
        ran = kept.again()
        assert (ran.code, ran.document["verdict"], said(ran)) == (16, "fail", {reason})

    def test_a_missing_manifest_fails(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        blob(kept, kept.written.digest).unlink()
        ran = kept.again()
        assert (ran.code, ran.document["verdict"]) == (16, "fail")

    def test_an_unreadable_layout_fails(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        (kept.written.layout / "index.json").write_text("{")
        ran = kept.again()
        assert (ran.code, ran.document["artifacts"][0]["now"]) == (16, "fail"), ran


class TestNames:
    def test_finds_the_layout_from_another_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A relative path led nowhere from elsewhere, so that the changed layout was "gone" and the image good."""
        scene = Scene(refer=lambda _: "layout:v1")
        (tmp_path / "else").mkdir()
        monkeypatch.chdir(tmp_path)
        kept = Kept(tmp_path, scene)
        a_layer(kept).unlink()
        monkeypatch.chdir(tmp_path / "else")
        assert kept.again().code == 16

    @pytest.mark.parametrize("stays", [True, False], ids=["digest-stays", "digest-gone"])
    def test_a_name_with_other_content_fails(self, tmp_path: Path, *, stays: bool) -> None:
        scene = Scene(refer=lambda written: f"oci:{written.layout}:v1")
        kept = Kept(tmp_path, scene)
        shutil.rmtree(kept.written.layout)
        now = LayoutBuilder()
        if stays:
            same = Scene(builder=now, signatures=scene.signatures)
            same.signature.attach(now, same.target)
            now.tag(same.target, "old")
        now.tag(add_image(now, "arm64"), "v1")
        now.write_directory(kept.written.layout)
        ran = kept.again()
        if stays:
            assert (ran.code, ran.document["artifacts"][0]["basis"]) == (0, "layout"), ran
            assert "recheck.replaced" in {warning["reason"] for warning in ran.document["warnings"]}
        else:
            assert (ran.code, ran.document["verdict"], said(ran)) == (15, "indeterminate", {"recheck.replaced"}), ran

    def test_a_containerd_name_with_other_content_fails(self, tmp_path: Path) -> None:
        """Reports held the other name alone, so that it was not noticed that this one names other content."""
        name = "registry.example/net-monitor:v1"
        scene = Scene(refer=lambda written: f"oci:{written.layout}:{name}", scope=None)

        def rename(builder: LayoutBuilder, _: Descriptor) -> None:
            builder.entries[0]["annotations"] = {REF_NAME: "v1", CONTAINERD_NAME: name}

        scene.packing.append(rename)
        kept = Kept(tmp_path, scene)
        shutil.rmtree(kept.written.layout)
        now = LayoutBuilder()
        now.list(add_image(now, "arm64"), **{CONTAINERD_NAME: name})
        now.write_directory(kept.written.layout)
        ran = kept.again()
        assert (ran.code, said(ran)) == (15, {"recheck.replaced"}), ran

    @pytest.mark.parametrize("tag", ["v\u202e1", "a\tb", "x" * 3000], ids=["bidi", "tab", "long"])
    def test_finds_a_name_that_reports_show_escaped(self, tmp_path: Path, tag: str) -> None:
        """It was looked for as the report shows it, and found to lead to nothing."""
        scene = Scene(refer=lambda written: f"oci:{written.layout}")

        def rename(builder: LayoutBuilder, _: Descriptor) -> None:
            builder.entries[0]["annotations"] = {REF_NAME: tag}

        scene.packing.append(rename)
        kept = Kept(tmp_path, scene)
        shutil.rmtree(kept.written.layout)
        now = LayoutBuilder()
        now.tag(add_image(now, "arm64"), tag)
        now.write_directory(kept.written.layout)
        ran = kept.again()
        assert (ran.code, said(ran)) == (15, {"recheck.replaced"}), ran

    @pytest.mark.parametrize("first", [True, False])
    def test_an_ambiguous_name_fails(self, tmp_path: Path, *, first: bool) -> None:
        """Another entry got the name, too: tools differ in which of them they take."""
        kept = Kept(tmp_path, Scene(refer=lambda written: f"oci:{written.layout}:v1"))
        other = LayoutBuilder()
        other.tag(add_image(other, "arm64"), "v1")
        path = kept.written.layout / "index.json"
        index = json.loads(path.read_bytes())
        index["manifests"].insert(0 if first else len(index["manifests"]), other.entries[0])
        write_tree(kept.written.layout, other.files() | {"index.json": json.dumps(index).encode()})
        ran = kept.again()
        assert "recheck.replaced" in {warning["reason"] for warning in ran.document["warnings"]}, ran

    @pytest.mark.parametrize("change", [{"mediaType": "application/x"}, {"size": 5}], ids=["type", "size"])
    def test_an_ambiguous_digest_is_not_absent(self, tmp_path: Path, change: dict[str, Any]) -> None:
        """Verify refused the digest as ambiguous (11), which a recheck took for "gone", and trusted the report."""
        kept = Kept(tmp_path, Scene())
        path = kept.written.layout / "index.json"
        index = json.loads(path.read_bytes())
        (genuine,) = (item for item in index["manifests"] if item["digest"] == kept.written.digest)
        twin = {**genuine, **change, "annotations": {REF_NAME: "v2"}}
        path.write_text(json.dumps({**index, "manifests": [*index["manifests"], twin]}))
        a_layer(kept).unlink()
        ran = kept.again()
        assert (ran.code, ran.document["verdict"]) == (11, "fail"), ran

    def test_an_unreadable_entry_is_not_absent(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        path = kept.written.layout / "index.json"
        index = json.loads(path.read_bytes())
        path.write_text(json.dumps({**index, "manifests": [{**item, "size": -1} for item in index["manifests"]]}))
        ran = kept.again()
        assert (ran.code, ran.document["verdict"]) == (16, "fail"), ran

    def test_an_empty_mount_point_is_an_absent_layout(self, tmp_path: Path) -> None:
        """An empty folder is where a stick is mounted."""
        kept = Kept(tmp_path, Scene())
        shutil.rmtree(kept.written.layout)
        kept.written.layout.mkdir()
        ran = kept.again()
        assert (ran.code, ran.document["artifacts"][0]["basis"]) == (0, "report"), ran
        assert "recheck.report_alone" in {warning["reason"] for warning in ran.document["warnings"]}


class TestDemands:
    @FORMS
    def test_metadata_is_demanded_again(self, tmp_path: Path, *, gone: bool) -> None:
        kept = Kept(tmp_path, Scene(), "-m", "build=7", code=13)
        assert said(kept.again(gone=gone)) == {"metadata.missing"}

    @FORMS
    def test_more_metadata_can_be_demanded(self, tmp_path: Path, *, gone: bool) -> None:
        scene = Scene()
        scene.signature.target = {"annotations": {"build": "7"}}
        kept = Kept(tmp_path, scene, "-m", "build=7")
        assert kept.again(gone=gone).code == 0
        assert said(kept.again("-m", "build=8", gone=gone)) == {"metadata.different"}
        assert said(kept.again("-m", "stage=prod", gone=gone)) == {"metadata.missing"}

    @FORMS
    @pytest.mark.parametrize("says", [True, False], ids=["a finding tells", "no finding tells"])
    def test_metadata_is_unproven_by_an_older_report(self, tmp_path: Path, *, says: bool, gone: bool) -> None:
        scene = Scene()
        scene.signature.target = {"annotations": {"build": "7"}}
        kept = Kept(tmp_path, scene, "-m", "build=7")

        def older(document: dict[str, Any]) -> None:
            document.pop("request")
            findings = document["artifacts"][0]["signatures"][0]["findings"]
            if not says:
                findings[:] = [finding for finding in findings if finding["check"] != "metadata"]

        kept.edit(older)
        ran = kept.again(gone=gone)
        assert (ran.code, said(ran)) == (15, {"recheck.unproven"})

    @FORMS
    def test_a_record_does_not_select_a_weaker_statement(self, tmp_path: Path, *, gone: bool) -> None:
        """A statement of level skip that the layout's record selects, since the policy has one."""
        scene = Scene(scope=None, policy=oci_policy(statement()))
        scene.packing.append(lambda builder, target: declare(builder, target, [], name="registry.example/lab"))
        kept = Kept(tmp_path, scene)
        skipping = statement(
            name="lab", registryScopes=["registry.example/lab"], signatureVerification={"level": "skip"},
            trustStores=None, trustedIdentities=None,
        )  # fmt: skip
        (kept.written.trust / "trustpolicy.oci.json").write_text(json.dumps(oci_policy(statement(), skipping)))
        ran = kept.again(gone=gone)
        assert (ran.code, said(ran)) == (13, {"policy.scope_needed"})
        assert kept.again("--scope", "registry.example/lab", gone=gone).document["verdict"] == "skipped"

    @FORMS
    def test_conflicting_names_fail_again(self, tmp_path: Path, *, gone: bool) -> None:
        scene = Scene(scope=None)

        def pack(builder: LayoutBuilder, target: Descriptor) -> None:
            builder.tag(target, "registry.example/other:v1")
            declare(builder, target, [], name="registry.example/lab")

        scene.packing.append(pack)
        scene.refer = lambda written: f"oci:{written.layout}:registry.example/other:v1"
        kept = Kept(tmp_path, scene, code=13)
        ran = kept.again(gone=gone)
        assert (ran.code, said(ran)) == (13, {"policy.name_conflict"}), ran

    def test_judges_no_more_signatures_than_the_report(self, tmp_path: Path) -> None:
        """Which one is the first follows from digests, so it is made until that is the untrusted one."""
        for number in range(20):
            scene = Scene()
            scene.signatures.append(Signature("jws", Pki().code_chain(root={"slot": 3})))
            folder = tmp_path / str(number)
            written = scene.write(folder)
            report = folder / "report.json"
            made = run_here(written.arguments("--max-signatures", "1", "--report", str(report)))
            if made.code == 0:
                continue
            trust = ["--trust", str(written.trust), "--at", iso(AT)]
            assert run_here(["recheck", str(report), *trust]).code == made.code == 13
            return
        pytest.fail("the good signature came first each time")

    def test_a_skipped_artifact_is_unproven(self, tmp_path: Path) -> None:
        """The signature had not been judged; it is neither missing nor good."""
        skipping = statement(signatureVerification={"level": "skip"}, trustStores=None, trustedIdentities=None)
        kept = Kept(tmp_path, Scene(policy=oci_policy(skipping)))
        (kept.written.trust / "trustpolicy.oci.json").write_text(json.dumps(oci_policy(statement())))
        assert (kept.again().code, kept.again().document["verdict"]) == (0, "pass")
        ran = kept.again(gone=True)
        assert (ran.code, said(ran)) == (15, {"recheck.unproven"})


class TestTimes:
    @FORMS
    @pytest.mark.parametrize(("seconds", "code"), [(-1, 0), (0, 13), (1, 13)])
    def test_a_signature_is_expired_at_its_expiry(self, tmp_path: Path, seconds: int, code: int, *, gone: bool) -> None:
        """D24."""
        scene = Scene()
        scene.signature.expiry = AT + timedelta(days=1)
        kept = Kept(tmp_path, scene)
        ran = kept.again("--at", iso(AT + timedelta(days=1, seconds=seconds)), gone=gone)
        assert (ran.code, said(ran)) == (code, {"expiry.passed"} if code else set())

    @FORMS
    @pytest.mark.parametrize(("before", "after", "code"), [(0, 0, 0), (1, 0, 13), (0, 1, 13)])
    def test_a_signing_authority_states_a_time_within_validity(
        self, tmp_path: Path, before: int, after: int, code: int, *, gone: bool
    ) -> None:
        """SCHEME-3, bounds included: a report alone took any time."""
        at = envelopes.SIGNED_AT
        leaf = Pki().code_chain(
            leaf={"not_before": at + timedelta(seconds=before), "not_after": at + timedelta(days=9)}
        )
        if after:
            leaf = Pki().code_chain(leaf={"not_after": at - timedelta(seconds=after)})
        scene = Scene()
        scene.sign_with(leaf)
        scene.signature.scheme = envelopes.AUTHORITY
        scene.use_store("signingAuthority:harbour")
        kept = Kept(tmp_path, scene, code=code)
        ran = kept.again(gone=gone)
        assert (ran.code, said(ran)) == (code, {"time.authentic"} if code else set())

    def test_verifies_an_unused_timestamp_when_it_is_needed(self, tmp_path: Path) -> None:
        """The report holds the token, so that it can be verified when certificates have expired since."""
        scene = Scene()
        scene.sign_with(Pki().code_chain(leaf={"not_after": AT + timedelta(days=3)}))
        scene.timestamp(verify="afterCertExpiry", imprint=b"\0" * 32)
        kept = Kept(tmp_path, scene)
        for gone in (False, True):
            assert kept.again("--at", iso(AT + timedelta(days=3)), gone=gone).code == 0  # TS-1
            after = kept.again("--at", iso(AT + timedelta(days=3, seconds=1)), gone=gone)
            assert said(after) == {"timestamp.imprint"}


class TestRevocation:
    @FORMS
    @pytest.mark.parametrize(("scheme", "code"), [(envelopes.X509, 14), (envelopes.AUTHORITY, 0)])
    def test_a_claimed_time_does_not_predate_a_revocation(
        self, tmp_path: Path, scheme: str, code: int, *, gone: bool
    ) -> None:
        """SCHEME-2, D31: only what a signing authority states, or a timestamp proves, comes before a compromise."""
        leaf = Pki().code_chain(leaf={"crl_urls": [SIGNING_CRL.format(0)]})
        scene = Scene()
        scene.sign_with(leaf)
        scene.signature.scheme = scheme
        scene.use_store("ca:harbour" if scheme == envelopes.X509 else "signingAuthority:harbour")
        later = entry(leaf.serial, reason="keyCompromise", invalidity=envelopes.SIGNED_AT + timedelta(days=1))
        scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], revoked=[later])})
        assert Kept(tmp_path, scene, code=code).again(gone=gone).code == code

    def test_a_revocation_proven_by_the_layout_stays(self, tmp_path: Path) -> None:
        """Evidence in the layout revoked the signer; the layout is gone, and only an older CRL is available."""
        scene = Scene()
        leaf = Pki().code_chain(leaf={"crl_urls": [SIGNING_CRL.format(0)]})
        scene.sign_with(leaf)
        good = good_crls(leaf, SIGNING_CRL)
        scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], revoked=[leaf], number=2)})
        kept = Kept(tmp_path, scene, code=14)
        for name in list(scene.crls):
            (kept.written.trust / "crls" / name).write_bytes(good[SIGNING_CRL.format(0)])
        ran = kept.again(gone=True)
        assert (ran.code, said(ran)) == (14, {"revocation.revoked"})


def test_refuses_a_report_that_names_a_check_twice(tmp_path: Path) -> None:
    kept = Kept(tmp_path, Scene())

    def twice(document: dict[str, Any]) -> None:
        findings = document["artifacts"][0]["signatures"][0]["findings"]
        findings[1] = {**findings[0], "verdict": "fail"}

    kept.edit(twice)
    ran = kept.again(gone=True)
    assert (ran.code, "names a check twice" in ran.document["problems"][0]["message"]) == (1, True)


def test_the_rules_on_chains_are_checked_again(tmp_path: Path) -> None:
    """What certificates alone prove is not taken from the report."""
    kept = Kept(tmp_path, Scene())

    def cut(document: dict[str, Any]) -> None:
        signer = document["artifacts"][0]["signatures"][0]["signer"]
        signer["chain"] = [signer["chain"][0], signer["chain"][-1]]

    kept.edit(cut)
    ran = kept.again(gone=True)
    assert (ran.code, said(ran)) == (12, {"chain.order"})


@FORMS
def test_a_lifted_hold_no_longer_counts(tmp_path: Path, *, gone: bool) -> None:
    """Only what is revoked for good stays so."""
    leaf = Pki().code_chain(leaf={"crl_urls": [SIGNING_CRL.format(0)]})
    scene = Scene()
    scene.sign_with(leaf)
    held = entry(leaf.serial, reason="certificateHold")
    scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], revoked=[held])})
    kept = Kept(tmp_path, scene, code=14)
    later = crl(leaf.chain[1], number=2, this_update=AT - timedelta(hours=1))
    for name in scene.crls:
        (kept.written.trust / "crls" / name).write_bytes(later)
    ran = kept.again(gone=gone)
    assert (ran.code, ran.document["artifacts"][0]["change"]) == (0, "better"), ran


class TestPlugins:
    """What a plugin accepted was a false alarm with the layout, and good without a message when it was gone."""

    @pytest.fixture(autouse=True)
    def libexec(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path / "libexec"))
        return tmp_path / "libexec"

    def _kept(self, folder: Path, behaviour: Behaviour, code: int = 0, *, offers: str = "") -> Kept:
        write_plugin(folder / "libexec", behaviour)
        scene = Scene(policy=oci_policy(statement(trustedIdentities=["com.example.id: job/*"])))
        if offers:
            leaf = scene.signature.leaf
            listed = crl(leaf.chain[1], revoked=[entry(leaf.serial, reason=offers)])
            scene.packing = [
                lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, listed)))
            ]
        crit = [envelopes.SCHEME, envelopes.PLUGIN, "com.example.job"]
        scene.signature.options["protected"] = {"crit": crit, envelopes.PLUGIN: "good", "com.example.job": "7"}
        return Kept(folder, scene, "--allow-plugin", "good", code=code)

    def test_asks_the_plugin_again_with_the_layout(self, tmp_path: Path) -> None:
        kept = self._kept(tmp_path, Behaviour())
        assert kept.again("--allow-plugin", "good").code == 0
        write_plugin(tmp_path / "libexec", Behaviour(refuse={REVOCATION: "revoked"}))
        ran = kept.again("--allow-plugin", "good")
        assert (ran.code, said(ran)) == (14, {"revocation.plugin"})

    @pytest.mark.parametrize(
        ("options", "gone"),
        [((), False), ((), True), (("--allow-plugin", "good"), True)],
        ids=["not-allowed", "not-allowed-gone", "gone"],
    )
    def test_an_answer_of_the_plugin_is_unproven_without_it(
        self, tmp_path: Path, options: tuple[str, ...], *, gone: bool
    ) -> None:
        kept = self._kept(tmp_path, Behaviour())
        ran = kept.again(*options, gone=gone)
        assert (ran.code, ran.document["verdict"], said(ran)) == (15, "indeterminate", {"recheck.unproven"}), ran

    def test_a_plugin_that_was_not_asked_then_can_only_be_asked_with_the_layout(self, tmp_path: Path) -> None:
        write_plugin(tmp_path / "libexec", Behaviour())
        scene = Scene()
        crit = [envelopes.SCHEME, envelopes.PLUGIN, "com.example.job"]
        scene.signature.options["protected"] = {"crit": crit, envelopes.PLUGIN: "good", "com.example.job": "7"}
        kept = Kept(tmp_path, scene, code=13)
        ran = kept.again("--allow-plugin", "good")
        assert (ran.code, said(ran)) == (0, set()), ran
        ran = kept.again("--allow-plugin", "good", gone=True)
        assert (ran.code, said(ran)) == (15, {"recheck.unproven"}), ran

    @FORMS
    def test_a_later_revocation_counts_without_the_plugin(self, tmp_path: Path, *, gone: bool) -> None:
        """What it would say now is open; that the certificate is listed is not."""
        kept = self._kept(tmp_path, Behaviour())
        leaf = kept.leaf
        (kept.written.trust / "crls").mkdir()
        (kept.written.trust / "crls" / "new.crl").write_bytes(crl(leaf.chain[1], revoked=[leaf]))
        ran = kept.again(gone=gone)
        assert (ran.code, ran.document["verdict"]) == (14, "fail"), ran
        assert "revocation.revoked" in said(ran)

    @pytest.mark.parametrize(
        ("offers", "reason"), [("keyCompromise", "revocation.revoked"), ("certificateHold", "revocation.on_hold")]
    )
    def test_removed_revoking_evidence_of_the_layout_counts(self, tmp_path: Path, offers: str, reason: str) -> None:
        """The plugin clears; evidence of then that condemned was forgotten."""
        kept = self._kept(tmp_path, Behaviour(), 14, offers=offers)
        take_evidence_out(kept.written.layout)
        assert run_here(kept.written.arguments("--allow-plugin", "good")).code == 0
        ran = kept.again("--allow-plugin", "good")
        assert (ran.code, said(ran)) == (14, {reason}), ran

    @FORMS
    def test_an_older_report_does_not_name_the_checks_of_a_plugin(self, tmp_path: Path, *, gone: bool) -> None:
        """So it may have been all that a plugin can decide: open, and no false alarm."""
        kept = self._kept(tmp_path, Behaviour())
        kept.edit(lambda document: document["artifacts"][0]["signatures"][0].pop("plugin_use"))
        ran = kept.again(gone=gone)
        assert (ran.code, ran.document["verdict"], said(ran)) == (15, "indeterminate", {"recheck.unproven"}), ran

    @FORMS
    @pytest.mark.parametrize(
        ("behaviour", "code"),
        [
            (Behaviour(refuse={IDENTITY: "no"}), 13),
            (Behaviour(refuse={REVOCATION: "no"}), 14),
            (Behaviour(code={"verify-signature": 1}), 13),
            (Behaviour(process=False), 12),
        ],
        ids=["identity", "revocation", "fails", "does-not-process"],
    )
    def test_a_refusal_of_the_plugin_stays(
        self, tmp_path: Path, behaviour: Behaviour, code: int, *, gone: bool
    ) -> None:
        kept = self._kept(tmp_path, behaviour, code=code)
        ran = kept.again(gone=gone)
        assert (ran.code, ran.document["verdict"]) == (code, "fail"), ran

    def test_the_report_names_the_checks_of_a_plugin(self, tmp_path: Path) -> None:
        kept = self._kept(tmp_path, Behaviour(capabilities=[IDENTITY]))
        (signature,) = json.loads(kept.report.read_text())["artifacts"][0]["signatures"]
        assert signature["plugin_use"] == {"version": "1.2.3", "decided": ["authenticity", "plugin"]}


class TestNothing:
    """Of nothing, nothing is known: 15, and never good."""

    def _recheck(self, source: Path, written: Written) -> Ran:
        return run_here(["recheck", str(source), "--trust", str(written.trust), "--format", "json"])

    def test_a_report_without_artifacts_is_not_good(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        kept.edit(lambda document: document.update(artifacts=[]))
        ran = kept.again()
        assert (ran.code, ran.document["verdict"], said(ran)) == (15, "indeterminate", {"recheck.nothing"})

    def test_an_empty_folder_is_not_good(self, tmp_path: Path) -> None:
        written = Scene().write(tmp_path)
        (tmp_path / "empty").mkdir()
        ran = self._recheck(tmp_path / "empty", written)
        assert (ran.code, ran.document["verdict"], said(ran)) == (15, "indeterminate", {"recheck.nothing"})

    def test_an_unsigned_artifact_fails_again(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        kept.edit(lambda document: document["artifacts"][0].update(signatures=[]))
        assert kept.again(gone=True).document["verdict"] == "fail"

    def test_an_empty_folder_beside_a_good_report_is_not_good(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        (tmp_path / "empty").mkdir()
        assert kept.again(str(tmp_path / "empty")).code == 15

    def test_an_unjudged_target_of_the_report_fails(self, tmp_path: Path) -> None:
        written = Scene().write(tmp_path)
        report = tmp_path / "report.json"
        missing = f"oci:{written.layout}:v9"
        made = run_here([*written.arguments("--report", str(report)), missing])
        assert made.code == 11
        ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT), "--format", "json"])
        assert (ran.code, ran.document["verdict"]) == (11, "fail")


def test_reports_of_older_versions_are_read_and_never_pass(tmp_path: Path) -> None:
    """Reports of version 0.1 hold chain and times; a CRL that revokes is used, and nothing else is more than open."""
    scene = Scene()
    leaf = Pki().code_chain(leaf={"crl_urls": [SIGNING_CRL.format(0)]})
    scene.sign_with(leaf)
    scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1])})
    kept = Kept(tmp_path, scene)

    def older(document: dict[str, Any]) -> None:
        document.pop("request")
        (artifact,) = document["artifacts"]
        for member in ("path", "tags", "aliases"):
            artifact.pop(member)
        for signature in artifact["signatures"]:
            signature.pop("for_recheck")
            signature.pop("plugin_use")

    kept.edit(older)
    ran = kept.again(gone=True)
    assert (ran.code, said(ran)) == (15, {"recheck.unproven"})
    for name in scene.crls:
        (kept.written.trust / "crls" / name).write_bytes(crl(leaf.chain[1], revoked=[leaf], number=2))
    ran = kept.again(gone=True)
    assert (ran.code, ran.document["verdict"]) == (14, "fail")


class TestLastLine:
    """It said "UNSURE" or "NOT GOOD" with exit code 0, and "still good" of what had not been."""

    @pytest.mark.parametrize(
        ("then", "now", "line"),
        [
            ("strict", "skip", "SKIPPED: the policy verifies no signature of 1 of 1."),
            ("skip", "skip", "SKIPPED: the policy verifies no signature of 1 of 1."),
            ("skip", "strict", "GOOD: the artifact is good now."),
            ("strict", "strict", "UNCHANGED: the artifact is still good."),
        ],
    )
    def test_the_last_line_agrees_with_the_exit_code(self, tmp_path: Path, then: str, now: str, line: str) -> None:
        scene = Scene(policy=self._policy(then))
        kept = Kept(tmp_path, scene)
        path = next(kept.written.trust.glob("trustpolicy*.json"))
        path.write_text(json.dumps(self._policy(now)))
        arguments = ["recheck", str(kept.report), "--trust", str(kept.written.trust), "--at", iso(AT)]
        ran = run_here(arguments)
        assert (ran.code, ran.out.splitlines()[-1].startswith(line)) == (0, True), ran

    def test_the_last_line_for_a_layout_without_a_report(self, tmp_path: Path) -> None:
        kept = Kept(tmp_path, Scene())
        ran = run_here(["recheck", str(kept.written.layout), "--trust", str(kept.written.trust), "--at", iso(AT)])
        assert (ran.code, ran.out.splitlines()[-1]) == (0, "GOOD: the artifact is good now. Exit code 0."), ran

    def _policy(self, level: str) -> dict[str, Any]:
        if level == "skip":
            return oci_policy({"name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}})
        return oci_policy(statement())


def test_reads_the_layout_once_for_all_artifacts_of_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred images took half a minute, a thousand a quarter of an hour."""
    scans: list[Store] = []

    def counted(store: Store, *given: Any) -> Scan:
        scans.append(store)
        return scan(store, *given)

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        for number in range(5):
            scene.signature.attach(builder, builder.tag(add_image(builder, f"a{number}"), f"w{number}"))

    scene = Scene(refer=lambda written: f"oci:{written.layout}")
    scene.packing.append(pack)
    kept = Kept(tmp_path, scene)
    monkeypatch.setattr("airgap.oci.graph.scan", counted)
    ran = kept.again()
    assert (ran.code, len(ran.document["artifacts"]), len(scans)) == (0, 6, 2), ran  # verdicts, names
    scans.clear()
    names = [f"oci:{kept.written.layout}:w{number}" for number in range(5)]
    verified = run_here([*kept.written.arguments(), *names])
    assert (verified.code, len(verified.document["artifacts"]), len(scans)) == (0, 11, 1), verified


def revoked_by_the_layout() -> Scene:
    """A newer CRL in an evidence artifact of the layout revokes; the one of the trust directory is clean."""
    scene = Scene()
    leaf = Pki().code_chain(leaf={"crl_urls": [SIGNING_CRL.format(0)]})
    scene.sign_with(leaf)
    scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1])})
    revoking = crl(leaf.chain[1], revoked=[entry(leaf.serial, reason="keyCompromise")], number=2)

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        artifact = builder.add_manifest(evidence_artifact(builder, target, revoking), artifact_type=EVIDENCE_TYPE)
        builder.list(artifact)

    scene.packing.append(attach)
    return scene


@pytest.mark.parametrize("change", [{"size": 1}, {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}])
@pytest.mark.parametrize("first", [False, True])
def test_another_descriptor_of_the_same_digest_hides_no_revocation(
    tmp_path: Path, change: dict[str, Any], first: bool
) -> None:
    """Its signatures (none) took the place of those of the artifact: the report said 14, the recheck "good"."""
    scene = revoked_by_the_layout()

    def list_twin(builder: LayoutBuilder, target: Descriptor) -> None:
        twin = {**target.to_json(), **change, "annotations": {REF_NAME: "twin"}}
        builder.entries.insert(0 if first else len(builder.entries), twin)

    scene.packing.append(list_twin)
    scene.refer = lambda written: str(written.layout)
    kept = Kept(tmp_path, scene, code=16)
    take_evidence_out(kept.written.layout)
    index = kept.written.layout / "index.json"
    document = json.loads(index.read_text())
    document["manifests"] = [
        item for item in document["manifests"] if item.get("annotations", {}).get(REF_NAME) != "twin"
    ]
    index.write_text(json.dumps(document))
    ran = kept.again()
    assert ran.code == 14, ran
    assert "revocation.revoked" in said(ran)


OLDER: dict[str, Callable[[dict[str, Any]], object]] = {
    "older version": lambda signature: signature["for_recheck"].update(version=1),
    "no evidence": lambda signature: signature.pop("for_recheck"),
    "no chain": lambda signature: signature["signer"].update(chain=[]),
}


@pytest.mark.parametrize("rewrapped", [False, True])
@pytest.mark.parametrize("older", OLDER)
def test_a_revocation_in_an_older_report_stays_where_the_layout_is_there(
    tmp_path: Path, older: str, rewrapped: bool
) -> None:
    """With the layout gone it was 14 or 15; with the layout there, and its CRL taken out, it was "good"."""
    scene = revoked_by_the_layout()
    kept = Kept(tmp_path, scene, code=14)
    kept.edit(lambda document: [OLDER[older](item) for found in document["artifacts"] for item in found["signatures"]])
    take_evidence_out(kept.written.layout)
    if rewrapped:
        rewrite_signature_manifests(kept.written.layout)
    ran = kept.again()
    assert (ran.code, said(ran)) == ((15, {"recheck.unproven"}) if rewrapped else (14, {"revocation.revoked"})), ran


def test_a_revocation_in_an_older_report_is_about_its_signer_alone(tmp_path: Path) -> None:
    """Another signature of the artifact, by another signer, was good then, and is."""
    scene = revoked_by_the_layout()
    other = Pki().code_chain(leaf={"slot": 7})
    scene.signatures.append(Signature("cose", other))
    scene.stores = {"ca:harbour": [*scene.stores["ca:harbour"], other.root]}
    kept = Kept(tmp_path, scene)
    kept.edit(lambda document: [item.pop("for_recheck") for item in document["artifacts"][0]["signatures"]])
    take_evidence_out(kept.written.layout)
    ran = kept.again()
    assert ran.code == 0, ran


def _list_again(change: dict[str, Any], position: int) -> Callable[[LayoutBuilder, Descriptor], None]:
    """One more named entry of the image, which contradicts its manifest."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries.insert(position, {**bare(target), **change, "annotations": {REF_NAME: "v2"}})

    return pack


@pytest.mark.parametrize("position", [0, 9])
@pytest.mark.parametrize(
    "change",
    [{"size": 5}, {"mediaType": IMAGE_INDEX}, {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}],
    ids=["size", "index", "docker"],
)
def test_an_entry_that_contradicts_the_manifest_is_judged_as_verify_does(
    tmp_path: Path, change: dict[str, Any], position: int
) -> None:
    """Verify took the entry of the typed tag, and recheck refused the digest, of which two entries disagree (11)."""
    scene = Scene(packing=[_list_again(change, position)])
    scene.refer = lambda written: f"oci:{written.layout}:v1"
    kept = Kept(tmp_path, scene)
    ran = kept.again()
    assert (ran.code, ran.document["artifacts"][0]["basis"]) == (0, "layout"), ran
    by_digest = kept.written.arguments()
    by_digest[1] = f"oci:{kept.written.layout}@{kept.written.digest}"
    assert run_here(by_digest).code == 11
