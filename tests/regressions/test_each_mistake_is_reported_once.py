"""Mistakes that were reported twice or together, and remedies that named the wrong file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airgap.trust.policy import OciPolicy
from airgap.trust.policy_document import PolicyError
from tests.support.blobs import BlobScene
from tests.support.command import run_here
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement


def refusals(**changes: Any) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        OciPolicy.parse(json.dumps(oci_policy(statement(**changes))).encode(), "policy")
    return [refusal.sentence for refusal in caught.value.refusals]


@pytest.mark.parametrize(
    ("member", "misspelt", "value"),
    [
        ("registryScopes", "registryScope", ["*"]),
        ("registryScopes", "scopes", ["*"]),
        ("registryScopes", "RegistryScopes", ["*"]),
        ("trustStores", "trustStore", ["ca:harbour"]),
        ("trustedIdentities", "trustedIdentites", ["*"]),
        ("signatureVerification", "signatureVerfication", {"level": "strict"}),
    ],
)
def test_a_misspelt_member_is_reported_once_with_the_right_name(member: str, misspelt: str, value: object) -> None:
    """verify tells the first refusal alone: "registryScopes: is missing" hid that it was there as registryScope."""
    (sentence,) = refusals(**{member: None, misspelt: value})
    assert f".{misspelt} " in sentence
    assert member in sentence.partition("of this object")[2]


@pytest.mark.parametrize(("typed", "hint"), [("ignore", ""), ("enforced", "enforce"), ("Skip", "skip"), ("none", "")])
def test_suggests_no_member_of_the_opposite_meaning(typed: str, hint: str) -> None:
    """`ignore` was answered with "did you mean enforce?"."""
    (sentence,) = refusals(signatureVerification={"level": "strict", "override": {"revocation": typed}})
    assert sentence.endswith("enforce, log, skip") is (not hint)
    assert hint in sentence.partition("enforce, log, skip")[2]


def test_a_blob_statement_in_the_policy_for_artifacts_is_reported_once() -> None:
    """verify said "registryScopes: is missing", and not that the statement belongs into the other policy."""
    (sentence,) = refusals(registryScopes=None, globalPolicy=True)
    assert "belongs into trustpolicy.blob.json" in sentence


def test_every_member_that_appears_twice_is_reported() -> None:
    """The parser stops at the first, and so did the list. What is in the other value of one is no mistake."""
    text = json.dumps(oci_policy(statement(), statement(name="b", registryScopes=["localhost:5000/b"])), indent=1)
    text = text.replace('"name": "b"', '"name": "b", "name": "c"').replace('"version"', '"version": "1.0", "version"')
    text = text.replace('"level"', '"level": "audit", "level"')
    text = text.replace('"registryScopes"', '"registryScopes": ["*"], "registryScopes"', 1)
    with pytest.raises(PolicyError) as caught:
        OciPolicy.parse(text.encode(), "policy")
    assert [(refusal.member, refusal.problem.split("'")[1]) for refusal in caught.value.refusals] == [
        ("", "version"),
        ("trustPolicies[0]", "registryScopes"),
        ("trustPolicies[0].signatureVerification", "level"),
        ("trustPolicies[1]", "name"),
        ("trustPolicies[1].signatureVerification", "level"),
    ]
    assert all(refusal.line for refusal in caught.value.refusals)


def test_a_misspelt_member_does_not_hide_the_right_one() -> None:
    assert len(refusals(registryScope=["*"], registryScopes=[])) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verifyTimestamp": "always"}, "belongs into signatureVerification"),
        ({"level": "strict"}, "belongs into signatureVerification"),
        ({"override": {}}, "belongs into signatureVerification"),
        ({"signatureVerification": {"level": "strict", "revocation": "skip"}}, "belongs into override"),
        ({"signatureVerification": {"level": "strict", "integrity": "log"}}, "nothing overrides it"),
        ({"signatureVerification": {"level": "strict", "trustStores": ["ca:a"]}}, "into the statement"),
        (
            {"signatureVerification": {"level": "strict", "override": {"verifyTimestamp": "always"}}},
            "belongs into signatureVerification, beside override",
        ),
    ],
)
def test_a_misplaced_member_is_reported_with_its_right_place(changes: dict[str, Any], words: str) -> None:
    (sentence,) = refusals(**changes)
    assert words in sentence


@pytest.mark.parametrize("value", ["always", "afterCertExpiry"])
@pytest.mark.parametrize("command", ["check", "verify"])
def test_warns_where_timestamps_are_verified_without_a_tsa_store(tmp_path: Path, value: str, command: str) -> None:
    """Without a tsa store no timestamp is ever looked at, whatever verifyTimestamp says (TS-1)."""
    scene = Scene()
    scene.policy = oci_policy(statement(signatureVerification={"level": "strict", "verifyTimestamp": value}))
    written = scene.write(tmp_path)
    checked = ["trust", "policy", "check", "--trust", str(written.trust)]
    ran = run_here(checked if command == "check" else written.arguments()[:-2])
    assert ran.code == 0
    assert "sets verifyTimestamp and names no trust store of type tsa" in ran.out + ran.err


def test_does_not_warn_where_the_policy_does_not_mention_timestamps(tmp_path: Path) -> None:
    scene = Scene()
    scene.policy = oci_policy(statement(signatureVerification={"level": "strict", "verifyTimestamp": ""}))
    assert "verifyTimestamp" not in run_here(scene.write(tmp_path).arguments()[:-2]).out


def test_reports_a_missing_trust_directory_and_an_unreadable_target(tmp_path: Path) -> None:
    """One attempt names all that is wrong; the exit code is the most severe (reference/exit-codes.md)."""
    good = Scene().write(tmp_path / "good")
    (tmp_path / "cut.tar").write_bytes(b"rubbish")
    targets = [str(good.layout), str(tmp_path / "cut.tar"), str(tmp_path / "gone.tar")]
    ran = run_here(["verify", *targets, "--trust", str(tmp_path / "none"), "--format", "json"])
    assert ran.code == 18
    told = [(problem["exit_code"], problem["message"]) for problem in ran.document["problems"]]
    assert [code for code, _ in told] == [18, 16, 11]
    assert "there is no trust directory" in told[0][1]
    assert "cut.tar is neither a layout directory nor a tar" in told[1][1]
    assert "gone.tar" in told[2][1]


def test_reports_a_missing_trust_directory_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "fw.bin").write_bytes(b"x")
    for name, codes in (("fw.bin", [18]), ("gone.bin", [18, 11])):
        arguments = ["blob", "verify", str(tmp_path / name), "--trust", str(tmp_path / "none"), "--format", "json"]
        ran = run_here(arguments)
        assert ran.code == 18
        assert [problem["exit_code"] for problem in ran.document["problems"]] == codes
        assert "trustpolicy.blob.json for files" in ran.document["problems"][0]["remedy"]


def test_reports_a_missing_signature_file_as_missing(tmp_path: Path) -> None:
    """It was said that its name does not say its format: say it, and then it was not there."""
    scene = BlobScene(tmp_path).write()
    gone = str(tmp_path / "gone.sig")
    for command in (scene.verify("--signature", gone)[:-2], ["blob", "inspect", gone]):
        ran = run_here(command)
        assert ran.code == 11
        assert "there is no signature" in ran.out + ran.err
        assert "--signature-format" not in ran.out + ran.err


def test_numbers_an_unparsable_certificate_like_all_others(tmp_path: Path) -> None:
    """The intermediate was "certificate 1", and the next sentence called the leaf that."""
    from tests.support import asn1, extensions
    from tests.support.extensions import Extension
    from tests.support.pki import Pki

    scene = Scene()
    empty = Extension(extensions.NAME_CONSTRAINTS, asn1.sequence(), critical=True)
    scene.sign_with(Pki().code_chain(intermediate={"extra": [empty]}))
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 12
    assert "certificate 2 of 3 cannot be parsed: nameConstraints: is empty" in ran.out


def test_an_image_given_as_snapshot_has_its_own_remedy(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    ran = run_here(["trust", "snapshot", "show", str(written.layout)])
    assert ran.code == 18
    assert "judged by airgap verify" in ran.out + ran.err
    assert "Ask the sender" not in ran.out + ran.err


def test_a_pin_of_a_certificate_alone_names_the_missing_option(tmp_path: Path) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    (tmp_path / "leaf.pem").write_bytes(scene.signature.leaf.pem)
    ran = run_here(["trust", "pin", "add", str(tmp_path / "leaf.pem"), "--trust", str(written.trust)])
    assert ran.code == 2
    assert "the signer's whole chain in one file" in ran.err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--at", "2026-06-01T12:00:00"], "2026-06-01T12:00:00Z (UTC)"),
        (["--at", "2026-06-01 12:00"], "2026-06-01T12:00:00Z (UTC)"),
        (["--at", "01.06.2026"], "Write 2026-12-24"),
        (["--allow-plugin", "../../bin/sh"], "no name of a plugin"),
    ],
)
def test_a_malformed_option_is_a_usage_error(tmp_path: Path, option: list[str], words: str) -> None:
    written = Scene().write(tmp_path)
    ran = run_here(["verify", str(written.layout), "--trust", str(written.trust), *option])
    assert ran.code == 2
    assert words in ran.err


def test_reports_a_missing_file_that_is_added_to_a_store(tmp_path: Path) -> None:
    trust = Scene().write(tmp_path).trust
    (tmp_path / "README.md").write_text("ours")
    for name, code, words in (
        ("gone.pem", 11, "there is no file"),
        ("layout", 2, "Name the certificate files in it"),
        ("README.md", 18, "Choose the certificate"),
    ):
        adding = ["trust", "cert", "add", "--type", "ca", "--store", "new", "--trust", str(trust)]
        ran = run_here([*adding, str(tmp_path / name)])
        assert (ran.code, words in ran.err) == (code, True), ran
        assert "Remove it from the store" not in ran.err


def test_fetch_reports_evidence_only_where_it_exists(tmp_path: Path) -> None:
    """It printed "none: , was there" for a certificate that names no way to ask."""
    written = Scene().write(tmp_path)
    ran = run_here(["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download"])
    assert ran.code == 0
    assert "names no way to ask about its revocation" in " ".join(ran.out.split())
    assert "none:" not in ran.out
