"""The last line is all that many people read, and all that `-q` prints: it names the worst verdict."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from airgap.parse.time import iso
from tests.support.blobs import BlobScene, blob_statement
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import SIGNING_CRL, Signature, chain_with_crls
from tests.support.trust import oci_policy, statement, write_trust

HOST = "registry.example"
STRANGER = ["x509.subject: C=US, ST=WA, O=Stranger"]


class Stick:
    """One layout: `good` and `soft` are signed, `unsure` has no CRL, `bad` is not signed, `skip` is not verified."""

    def __init__(self, folder: Path) -> None:
        builder = LayoutBuilder()
        self.leaf = Pki().code_chain()
        self.unsure = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        signers = {"good": self.leaf, "soft": self.leaf, "unsure": self.unsure, "bad": None, "skip": None}
        for name, leaf in signers.items():
            image = builder.tag(builder.add_image(name.encode()), f"{HOST}/{name}:v1")
            if leaf:
                Signature("jws", leaf).attach(builder, image)
        self.layout = builder.write_directory(folder / "layout")
        logged = {"level": "strict", "override": {"authenticity": "log"}}
        self.trust = write_trust(
            folder / "trust",
            policy=oci_policy(
                statement(registryScopes=[f"{HOST}/{name}" for name in ("good", "unsure", "bad")]),
                statement(
                    name="soft",
                    registryScopes=[f"{HOST}/soft"],
                    signatureVerification=logged,
                    trustedIdentities=STRANGER,
                ),
                _skipping([f"{HOST}/skip"]),
            ),
            stores={"ca:harbour": [self.leaf.root, self.unsure.root]},
        )

    def verify(self, *names: str) -> Ran:
        """Quietly; a name that is no artifact here is taken for a path."""
        known = ("good", "soft", "unsure", "bad", "skip")
        targets = [f"{self.layout}:{HOST}/{name}:v1" if name in known else name for name in names]
        return run_here(["verify", *targets, "--trust", str(self.trust), "--at", iso(AT), "-q"])


def _skipping(scopes: Sequence[str]) -> dict[str, Any]:
    skip = {"level": "skip"}
    return statement(
        name="skip", registryScopes=scopes, signatureVerification=skip, trustStores=None, trustedIdentities=None
    )


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path)


class TestVerify:
    def test_names_skipped_artifacts_beside_a_pass_with_reservations(self, stick: Stick) -> None:
        ran = stick.verify("soft", "skip")
        assert (ran.code, ran.out) == (
            0,
            (
                "PASS, WITH RESERVATIONS: the policy does not enforce every check of 1 of 2 artifacts; the notes say "
                "which. The policy skips 1 artifact: NOTHING proves who made it. Exit code 0.\n"
            ),
        )

    def test_names_reservations_and_skipped_artifacts_beside_a_failure(self, stick: Stick) -> None:
        ran = stick.verify("good", "unsure", "bad", "skip")
        assert (ran.code, ran.out) == (
            10,
            (
                f"FAIL: do not use {stick.layout}:{HOST}/bad:v1: the artifact has no signature. "
                f"Do not use {stick.layout}:{HOST}/unsure:v1 yet: a CRL that is needed is not available. "
                "The other artifact is good. The policy skips 1 artifact: NOTHING proves who made it. Exit code 10.\n"
            ),
        )

    def test_names_an_unjudged_target_where_nothing_follows(self, stick: Stick) -> None:
        ran = stick.verify("good", "./nowhere")
        assert (ran.code, ran.out) == (
            11,
            (
                "problem there is no file or directory ./nowhere\n"
                "FAIL: there is no file or directory ./nowhere. "
                "Signatures and content are good (1 artifact). Exit code 11.\n"
            ),
        )

    def test_names_an_unjudged_target_beside_a_failure(self, stick: Stick) -> None:
        ran = stick.verify("bad", "./nowhere")
        assert (ran.code, ran.out) == (
            10,
            (
                "problem there is no file or directory ./nowhere\n"
                "FAIL: there is no file or directory ./nowhere. "
                f"Do not use {stick.layout}:{HOST}/bad:v1: the artifact has no signature. Exit code 10.\n"
            ),
        )

    def test_adds_nothing_where_all_artifacts_have_one_verdict(self, stick: Stick) -> None:
        assert stick.verify("good").out == "PASS: signatures and content are good (1 artifact). Exit code 0.\n"
        assert stick.verify("unsure").out.count("\n") == 1

    def test_names_the_target_although_its_letters_are_in_the_message(self, stick: Stick) -> None:
        """Whatever has an `a` in it passed for a sentence that names the target `a`."""
        for name in ("a", "b"):
            shutil.copytree(stick.layout, stick.layout.parent / name)
            layout = stick.layout.parent / name
            entries = json.loads((layout / "index.json").read_bytes())["manifests"]
            signature = next(entry["digest"] for entry in entries if "artifactType" in entry)
            (layout / "blobs" / signature.replace(":", "/")).write_bytes(b"{}")
        with contextlib.chdir(stick.layout.parent):
            ran = run_here(["verify", "a", "b", "--trust", str(stick.trust), "-q"])
        problems = [line for line in ran.out.splitlines() if line.startswith("problem ")]
        assert [line.split()[1] for line in problems] == ["a:", "b:"], ran


class TestFetch:
    def test_names_a_revocation_first(self, tmp_path: Path) -> None:
        """It said that a target could not be read, once for each thing in it, and nothing of the other one."""
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        builder = LayoutBuilder()
        Signature("jws", leaf).attach(builder, builder.tag(builder.add_image(b"image"), "v1"))
        layout = builder.write_directory(tmp_path / "layout")
        broken = LayoutBuilder()
        broken.drop(Signature("jws", leaf).attach(broken, broken.tag(broken.add_image(b"other"), "v1")))
        other = broken.write_directory(tmp_path / "broken")
        crls = {"new.crl": crl(leaf.chain[1], revoked=[leaf], number=2)}
        trust = write_trust(tmp_path / "trust", stores={"ca:harbour": [leaf.root]}, crls=crls)
        options = ["--trust", str(trust), "--no-download", "-q"]
        ran = run_here(["trust", "fetch", str(layout), str(other), *options])
        last = ran.out.splitlines()[-1]
        assert last.startswith("REVOKED: 1 of 2 certificates of 1 signature, by the available evidence; "), ran
        assert "1 target could not be read" in last
        ran = run_here(["trust", "fetch", str(other), *options])
        *problems, last = ran.out.splitlines()
        assert last == f"INCOMPLETE: 1 target could not be read. Exit code {ran.code}.", ran
        assert problems
        assert all(line.startswith("problem ") for line in problems)


class TestBlob:
    def test_a_missing_file_is_not_called_skipped(self, tmp_path: Path) -> None:
        """It was exit code 0 for a path that was typed wrong."""
        skip = blob_statement(
            name="loose",
            globalPolicy=None,
            signatureVerification={"level": "skip"},
            trustStores=None,
            trustedIdentities=None,
        )
        scene = BlobScene(tmp_path, policy=oci_policy(skip)).write()
        scene.path.unlink()
        ran = run_here(scene.verify("--policy-name", "loose"))
        assert (ran.code, ran.document["verdict"]) == (11, "fail"), ran
        scene.path.mkdir()
        assert run_here(scene.verify("--policy-name", "loose")).code == 1

    def test_a_softened_check_is_a_reservation(self, tmp_path: Path) -> None:
        """It said that the signature is good, and of an untrusted signer."""
        logged = {"level": "strict", "override": {"authenticity": "log"}}
        policy = oci_policy(blob_statement(signatureVerification=logged, trustedIdentities=STRANGER))
        scene = BlobScene(tmp_path, policy=policy).write()
        ran = run_here(scene.verify()[:-2])
        assert (ran.code, "PASS, WITH RESERVATIONS: " in ran.out.splitlines()[-1]) == (0, True), ran
        assert "signature claims to be by" in ran.out
        assert run_here([*scene.verify()[:-2], "-q"]).out.startswith("PASS, WITH RESERVATIONS: ")


class TestRecheck:
    def test_reports_a_revocation_that_is_only_logged(self, tmp_path: Path) -> None:
        """It said that all are still good, and nothing else."""
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        layout, report = self._accepted(tmp_path, leaf)
        policy = oci_policy(statement(signatureVerification={"level": "permissive"}))
        crls = {"new.crl": crl(leaf.chain[1], revoked=[leaf], number=2)}
        trust = write_trust(tmp_path / "trust", policy=policy, stores={"ca:harbour": [leaf.root]}, crls=crls)
        for source in (layout, report):
            ran = run_here(["recheck", str(source), "--trust", str(trust), "--at", iso(AT)])
            assert (ran.code, ran.out.startswith("GOOD, WITH RESERVATIONS ")) == (0, True), ran
            assert "note    revocation is only logged" in ran.out
            assert "[revocation.revoked]" in ran.out

    def test_recheck_counts_accepted_artifacts_that_are_skipped_now(self, tmp_path: Path) -> None:
        """The text said nothing of what JSON counts as worse."""
        leaf = Pki().code_chain()
        _, report = self._accepted(tmp_path, leaf)
        trust = write_trust(tmp_path / "trust", policy=oci_policy(_skipping(["*"])))
        arguments = ["recheck", str(report), "--trust", str(trust), "--at", iso(AT)]
        ran = run_here(arguments)
        assert ran.code == 0
        said = "NOTHING proves who made them. 1 of them had been accepted earlier. Exit code 0."
        assert ran.out.splitlines()[-1].endswith(said)
        assert json.loads(run_here([*arguments, "--format", "json"]).out)["worse"] == 1

    def test_quiet_recheck_names_what_became_worse(self, tmp_path: Path) -> None:
        """It was called by its digest alone, twice, and there was no -q."""
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        layout, report = self._accepted(tmp_path, leaf)
        crls = {"new.crl": crl(leaf.chain[1], revoked=[leaf], number=2)}
        trust = write_trust(tmp_path / "trust", stores={"ca:harbour": [leaf.root]}, crls=crls)
        missing = tmp_path / "missing"
        ran = run_here(["recheck", str(report), str(missing), "--trust", str(trust), "--at", iso(AT), "-q"])
        lines = ran.out.splitlines()
        assert (ran.code, len(lines)) == (14, 2), ran
        assert lines[0] == f"problem there is no file or directory {missing}"
        assert lines[1] == (
            f"CHANGED: pull out {layout}:v1: a certificate has been revoked. "
            f"There is no file or directory {missing}. Exit code 14."
        )

    def test_a_folder_of_reports_is_each_of_them(self, tmp_path: Path) -> None:
        leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
        _, report = self._accepted(tmp_path, leaf)
        folder = tmp_path / "reports"
        folder.mkdir()
        shutil.copy(report, folder / "a.json")
        (folder / "b.json").write_text("{")
        trust = write_trust(tmp_path / "other", stores={"ca:harbour": [leaf.root]})
        ran = run_here(["recheck", str(folder), "--trust", str(trust), "--at", iso(AT), "--format", "json"])
        assert [artifact["was"]["report"] for artifact in ran.document["artifacts"]] == [str(folder / "a.json")]
        assert [problem["target"] for problem in ran.document["problems"]] == [str(folder / "b.json")]

    def _accepted(self, folder: Path, leaf: Issued) -> tuple[Path, Path]:
        """A layout, and the report that accepted it."""
        builder = LayoutBuilder()
        image = builder.tag(builder.add_image(b"image"), "v1")
        Signature("jws", leaf).attach(builder, image)
        layout, report = builder.write_directory(folder / "layout"), folder / "report.json"
        crls = {f"{number}.crl": crl(issuer) for number, issuer in enumerate(leaf.chain[1:])}
        trust = write_trust(folder / "trust", stores={"ca:harbour": [leaf.root]}, crls=crls)
        ran = run_here(["verify", str(layout), "--trust", str(trust), "--at", iso(AT), "-q", "--report", str(report)])
        assert ran.code == 0, ran
        return layout, report
