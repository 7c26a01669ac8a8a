"""Files with detached signatures: signed, verified, shown (PAY-4, PAY-8 to PAY-10, BLOB-1 to BLOB-6)."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from airgap.signature.blob_payload import measure
from tests.support import envelopes
from tests.support.blobs import CONTENT, BlobScene, blob_statement, key_files
from tests.support.command import Ran, run_here, run_process
from tests.support.pki import Issued, Pki
from tests.support.plugins import ENVELOPE, IDENTITY, RAW, calls, signing, write_plugin
from tests.support.trust import oci_policy

SCHEMA = json.loads((Path(__file__).parents[2] / "airgap/schemas/blob-verify.schema.json").read_text(encoding="utf-8"))
HASHES = {
    "rsa2048": "sha256",
    "rsa3072": "sha384",
    "rsa4096": "sha512",
    "p256": "sha256",
    "p384": "sha384",
    "p521": "sha512",
}
FORMS = pytest.mark.parametrize("form", ["jws", "cose"])


def judged(scene: BlobScene, *more: str) -> Ran:
    ran = run_here(scene.write().verify(*more))
    ran.check_sound()
    ran.held_to("blob-verify")
    return ran


def blocking(ran: Ran) -> set[str]:
    document = ran.document
    findings = (document["signature"] or {"findings": []})["findings"]
    found = {
        finding["reason"]
        for finding in findings
        if finding["action"] == "enforce" and finding["verdict"] in {"fail", "indeterminate"}
    }
    found |= {problem["reason"] for problem in document["problems"]}
    if document["policy"]["reason"] not in (None, "policy.skip"):
        found.add(document["policy"]["reason"])
    return found


def refused(scene: BlobScene, code: int, reason: str | None, *more: str) -> Ran:
    ran = judged(scene, *more)
    assert (ran.code, blocking(ran), ran.document["verdict"]) == (code, {reason}, "fail"), ran
    return ran


# Verifying


@FORMS
@pytest.mark.parametrize("kind", HASHES)
def test_a_good_file_is_accepted(tmp_path: Path, form: str, kind: str) -> None:
    """PAY-4: the digest is by the hash of the key."""
    scene = BlobScene(tmp_path, form=form, leaf=Pki().code_chain(kind), hash_name=HASHES[kind])
    ran = judged(scene)
    assert (ran.code, ran.document["verdict"]) == (0, "pass"), ran
    assert ran.document["digest"] == f"{HASHES[kind]}:{hashlib.new(HASHES[kind], CONTENT).hexdigest()}"
    assert ran.document["network"] == {"guard": True, "attempts": 0, "plugins": []}


@FORMS
@pytest.mark.parametrize(
    "content", [CONTENT[:-1] + b"!", CONTENT + b"!", CONTENT[1:], b""], ids=["bit", "more", "less", "none"]
)
def test_a_changed_file_is_refused(tmp_path: Path, form: str, content: bytes) -> None:
    """NEG-143, PAY-8."""
    scene = BlobScene(tmp_path, form=form).write()
    scene.path.write_bytes(content)
    ran = run_here(scene.verify())
    assert (ran.code, blocking(ran)) == (12, {"payload.mismatch"}), ran


@pytest.mark.parametrize("level", ["permissive", "audit"])
def test_a_changed_file_is_refused_at_every_level(tmp_path: Path, level: str) -> None:
    """NEG-143: fatal."""
    policy = oci_policy(blob_statement(signatureVerification={"level": level}))
    scene = BlobScene(tmp_path, policy=policy, target={"size": 1})
    refused(scene, 12, "payload.mismatch")


@pytest.mark.parametrize(("kind", "hash_name"), [("rsa3072", "sha256"), ("p256", "sha512"), ("p521", "sha384")])
def test_a_digest_by_another_hash_than_the_keys_is_refused(tmp_path: Path, kind: str, hash_name: str) -> None:
    """NEG-143, PAY-8: though it is the file's digest."""
    scene = BlobScene(tmp_path, leaf=Pki().code_chain(kind), hash_name=hash_name)
    ran = refused(scene, 12, "payload.mismatch")
    assert f"key demands {HASHES[kind]}" in ran.out
    assert "attached to the wrong" not in ran.out


def test_compares_the_media_type_on_request(tmp_path: Path) -> None:
    """NEG-143, PAY-8."""
    scene = BlobScene(tmp_path, target={"mediaType": "text/plain"})
    assert judged(scene).code == 0
    assert judged(scene, "--media-type", "text/plain").code == 0
    refused(scene, 12, "payload.mismatch", "--media-type", "application/octet-stream")


def test_demands_metadata_of_the_signature(tmp_path: Path) -> None:
    """PAY-9, PAY-10."""
    scene = BlobScene(tmp_path, target={"annotations": {"build": "7", "team": "blue"}})
    assert judged(scene, "-m", "build=7").code == 0
    refused(scene, 13, "metadata.different", "-m", "build=8")
    refused(scene, 13, "metadata.missing", "-m", "stage=a")
    ran = run_here(scene.verify("-m", "io.cncf.notary.x=1"))
    assert (ran.code, ran.document["exit_code"], ran.document["digest"]) == (2, 2, None), ran


def test_a_statement_is_chosen_by_name_or_is_the_global_one(tmp_path: Path) -> None:
    """BLOB-1, BLOB-2, NEG-142."""
    other = blob_statement(name="other", globalPolicy=None, trustedIdentities=["x509.subject: C=US, ST=WA, O=Stranger"])
    scene = BlobScene(tmp_path, policy=oci_policy(blob_statement(), other))
    assert judged(scene).document["policy"]["statement"] == "files"
    assert judged(scene, "--policy-name", "files").code == 0
    refused(scene, 13, "identity.mismatch", "--policy-name", "other")
    refused(scene, 13, "policy.no_statement", "--policy-name", "nothing")
    assert run_here(scene.verify("--policy-name", " ")).code == 2


def test_needs_a_name_without_a_global_statement(tmp_path: Path) -> None:
    """NEG-142, BLOB-2."""
    scene = BlobScene(tmp_path, policy=oci_policy(blob_statement(globalPolicy=None)))
    refused(scene, 13, "policy.no_statement")
    assert judged(scene, "--policy-name", "files").code == 0


def test_skip_succeeds_with_a_warning(tmp_path: Path) -> None:
    """D45: the reference crashes. Nothing is read."""
    skipping = blob_statement(
        name="loose",
        globalPolicy=None,
        signatureVerification={"level": "skip"},
        trustStores=None,
        trustedIdentities=None,
    )
    scene = BlobScene(tmp_path, policy=oci_policy(skipping)).write()
    scene.signature.unlink()
    arguments = scene.verify("--policy-name", "loose")
    ran = run_here(arguments)
    assert (ran.code, ran.document["verdict"], ran.document["signature"]) == (0, "skipped", None), ran
    text = run_here(arguments[:-2])
    assert text.out.startswith("SKIPPED")
    assert "NOTHING proves who made it" in text.out


def test_a_global_skip_is_refused(tmp_path: Path) -> None:
    """NEG-141, BLOB-3."""
    statement = blob_statement(signatureVerification={"level": "skip"}, trustStores=None, trustedIdentities=None)
    refused(BlobScene(tmp_path, policy=oci_policy(statement)), 18, "policy.malformed")


def test_does_not_use_the_policy_for_artifacts(tmp_path: Path) -> None:
    """POLICY-2."""
    scene = BlobScene(tmp_path).write()
    (scene.trust / "trustpolicy.blob.json").rename(scene.trust / "trustpolicy.oci.json")
    ran = run_here(scene.verify())
    assert (ran.code, blocking(ran)) == (18, {"policy.missing"})


@pytest.mark.parametrize(
    "name",
    ["x.sig", "jws.sig", "firmware.jws", "firmware.jws.txt", "firmware.jws.sig.txt", "firmware.xml.sig", "signature"],
)
def test_a_name_that_does_not_say_the_format_is_refused(tmp_path: Path, name: str) -> None:
    """NEG-144, BLOB-4, D44: unless the format is given."""
    scene = BlobScene(tmp_path).write()
    path = tmp_path / name
    path.write_bytes(scene.signature.read_bytes())
    ran = run_here(scene.verify("-s", str(path)))
    assert (ran.code, ran.document["exit_code"], ran.document["digest"]) == (2, 2, None), ran
    assert "--signature-format" in ran.err
    assert run_here(scene.verify("-s", str(path), "--signature-format", "jws")).code == 0


@pytest.mark.parametrize("name", ["a.JWS.SIG", "a.b.c.Jws.Sig", "a.jws.sig"])
def test_ignores_the_case_of_the_file_name(tmp_path: Path, name: str) -> None:
    """BLOB-4."""
    scene = BlobScene(tmp_path).write()
    (tmp_path / name).write_bytes(scene.signature.read_bytes())
    assert run_here(scene.verify("-s", str(tmp_path / name))).code == 0


@FORMS
def test_a_signature_under_the_other_formats_name_is_refused(tmp_path: Path, form: str) -> None:
    """NEG-144: integrity, at every level."""
    other = "cose" if form == "jws" else "jws"
    scene = BlobScene(tmp_path, form=form).write()
    path = tmp_path / f"firmware.bin.{other}.sig"
    path.write_bytes(scene.signature.read_bytes())
    ran = run_here(scene.verify("-s", str(path)))
    assert (ran.code, blocking(ran)) == (12, {"envelope.malformed"}), ran
    assert ran.document["digest"] is None


def test_reports_missing_files(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path).write()
    ran = run_here(scene.verify("-s", str(tmp_path / "gone.jws.sig")))
    assert (ran.code, ran.document["verdict"]) == (11, "fail")
    scene.signature.unlink()
    ran = run_here(scene.verify())
    assert (ran.code, blocking(ran)) == (10, {"signature.none"})
    words = run_here([item for item in scene.verify() if item not in {"--format", "json"}]).out
    assert "FILE.jws.sig" in words
    assert "referrers" not in words
    scene.write()
    scene.path.unlink()
    ran = run_here(scene.verify())
    assert (ran.code, ran.document["verdict"]) == (11, "fail")
    assert "there is no file" in ran.document["problems"][0]["message"]
    scene.signature.unlink()
    assert run_here(scene.verify()).code == 11


@pytest.mark.parametrize("what", ["path", "signature"])
def test_a_link_that_leads_nowhere_is_there_and_cannot_be_read(tmp_path: Path, what: str) -> None:
    """The file, or its signature, may be on a medium that is not there: "there is no signature" sent to the signer."""
    scene = BlobScene(tmp_path).write()
    path: Path = getattr(scene, what)
    path.unlink()
    path.symlink_to(tmp_path / "medium" / path.name)
    (problem,) = run_here(scene.verify()).document["problems"]
    assert (problem["exit_code"], problem["message"]) == (
        1, f"{path}: is a link that leads nowhere: is its medium there?"
    )  # fmt: skip


def test_one_of_two_signatures_must_be_named(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path).write()
    BlobScene(tmp_path, form="cose", leaf=scene.leaf).write()
    ran = run_here(scene.verify())
    assert (ran.code, "--signature" in ran.err) == (2, True)
    assert run_here(scene.verify("--signature-format", "cose")).document["signature_path"].endswith("cose.sig")
    assert run_here(scene.verify("-s", str(scene.signature))).code == 0


def test_an_oversized_signature_is_refused(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path).write()
    scene.signature.write_bytes(b"{" + b" " * (5 << 20))
    ran = run_here(scene.verify())
    assert (ran.code, blocking(ran)) == (12, {"envelope.malformed"})


def test_untrusted_revoked_and_expired_are_as_for_artifacts(tmp_path: Path) -> None:
    """BLOB-6: the same checks."""
    scene = BlobScene(tmp_path, leaf=Pki().code_chain(leaf={"crl_urls": ["http://crl.example/a.crl"]})).write()
    ran = run_here(scene.verify())
    assert (ran.code, blocking(ran), ran.document["verdict"]) == (15, {"revocation.crl.missing"}, "indeterminate")
    refused(BlobScene(tmp_path, options={"expiry": envelopes.SIGNED_AT.replace(month=2)}), 13, "expiry.passed")
    refused(BlobScene(tmp_path, options={"protected": {"alg": "none"}}), 12, "envelope.algorithm")


def test_a_plugin_may_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VERIFY-25, D26."""
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path))
    log = tmp_path / "log"
    write_plugin(tmp_path, signing(Pki().code_chain(), capabilities=[IDENTITY], log=str(log)))
    protected = {"crit": [envelopes.SCHEME, envelopes.PLUGIN], envelopes.PLUGIN: "good"}
    scene = BlobScene(tmp_path, options={"protected": protected})
    refused(scene, 13, "plugin.required")
    assert calls(log) == []
    ran = judged(scene, "--allow-plugin", "good")
    assert (ran.code, ran.document["network"]["plugins"]) == (0, ["good"])


def test_verifies_any_size_in_constant_memory(tmp_path: Path) -> None:
    """LIM-3: the reference reads the whole file."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            digest, size = measure(file, "sha256")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (digest.encoded, size) == ("3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351", 64 << 20)
    assert peak < 8 << 20


# Signing


def sign(folder: Path, leaf: Issued, *more: str, content: bytes = CONTENT) -> Ran:
    path = folder / "firmware.bin"
    path.write_bytes(content)
    return run_here(["blob", "sign", str(path), *key_files(folder, leaf), *more])


@FORMS
@pytest.mark.parametrize("kind", HASHES)
def test_verifies_its_own_signatures(tmp_path: Path, form: str, kind: str) -> None:
    """BLOB-5: beside the file, under its name."""
    scene = BlobScene(tmp_path, form=form, leaf=Pki().code_chain(kind)).write()
    scene.signature.unlink()
    ran = sign(
        tmp_path, scene.leaf, "--signature-format", form, "-m", "build=7", "--media-type", "text/plain", "-e", "24h"
    )
    assert (ran.code, "Successfully signed" in ran.out) == (0, True), ran
    scene.arguments = ["--user-metadata", "build=7", "--media-type", "text/plain"]
    arguments = [item for item in scene.verify() if item not in {"--at", "2026-06-01T12:00:00Z"}]
    verified = run_process(arguments) if kind == "p256" else run_here(arguments)
    assert (verified.code, verified.document["verdict"]) == (0, "pass"), verified
    assert verified.document["signature"]["signer"]["expiry"] is not None


def test_prints_a_document_of_signing(tmp_path: Path) -> None:
    ran = sign(tmp_path, Pki().code_chain(), "--format", "json")
    document = ran.document
    assert (document["schema"], document["blob"]["size"]) == ("airgap.blob.sign/1", len(CONTENT))
    assert document["signature"] == str(tmp_path / "firmware.bin.jws.sig")
    raw = Path(document["signature"]).read_bytes()
    assert document["envelope"]["digest"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_writes_into_another_directory(tmp_path: Path) -> None:
    """BLOB-5."""
    (tmp_path / "signatures").mkdir()
    assert sign(tmp_path, Pki().code_chain(), "--signature-directory", str(tmp_path / "signatures")).code == 0
    assert [path.name for path in (tmp_path / "signatures").iterdir()] == ["firmware.bin.jws.sig"]
    assert not (tmp_path / "firmware.bin.jws.sig").exists()


def test_a_signature_that_is_there_is_replaced_only_with_force(tmp_path: Path) -> None:
    leaf = Pki().code_chain()
    target = tmp_path / "firmware.bin.jws.sig"
    target.write_bytes(b"mine")
    ran = sign(tmp_path, leaf)
    assert (ran.code, target.read_bytes()) == (2, b"mine")
    assert sign(tmp_path, leaf, "--force").code == 0
    assert target.read_bytes() != b"mine"


BAD_LEAVES: dict[str, dict[str, Any]] = {
    "no key usage": {"key_usage": None},
    "not code signing": {"extended_key_usage": None, "not_after": envelopes.SIGNED_AT},
}


@pytest.mark.parametrize("leaf", BAD_LEAVES.values(), ids=BAD_LEAVES)
def test_writes_nothing_where_the_chain_may_not_sign(tmp_path: Path, leaf: dict[str, Any]) -> None:
    ran = sign(tmp_path, Pki().code_chain(leaf=leaf))
    assert ran.code == 1, ran
    assert sorted(path.name for path in tmp_path.iterdir()) == ["firmware.bin", "signing.crt", "signing.key"]


@pytest.mark.parametrize(
    "arguments", [("--media-type", "no type"), ("-m", "io.cncf.notary.a=b"), ("-e", "1x"), ("-e", "-1h")]
)
def test_refuses_what_cannot_be_signed(tmp_path: Path, arguments: tuple[str, str]) -> None:
    """PAY-5, CLI-3."""
    assert sign(tmp_path, Pki().code_chain(), *arguments).code == 2
    assert not (tmp_path / "firmware.bin.jws.sig").exists()


def test_refuses_a_missing_output_folder(tmp_path: Path) -> None:
    ran = sign(tmp_path, Pki().code_chain(), "--signature-directory", str(tmp_path / "out"))
    assert (ran.code, "No such file" in ran.err) == (1, True)


def test_a_plugin_signs_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PLUGIN-25: one that signs bytes; one that makes envelopes does not say the hash of its key."""
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path))
    scene = BlobScene(tmp_path).write()
    scene.signature.unlink()
    write_plugin(tmp_path, signing(scene.leaf, capabilities=[RAW]))
    arguments = ["blob", "sign", str(scene.path), "--plugin", "good", "--id", "k"]
    assert run_here(arguments).code == 0
    assert [run_here([item for item in scene.verify() if item not in {"--at", "2026-06-01T12:00:00Z"}]).code] == [0]
    write_plugin(tmp_path, signing(scene.leaf, capabilities=[ENVELOPE]))
    ran = run_here([*arguments, "--force"])
    assert (ran.code, "SIGNATURE_GENERATOR.RAW" in ran.err) == (2, True), ran


# Showing


@FORMS
def test_inspect_shows_and_does_not_judge(tmp_path: Path, form: str) -> None:
    scene = BlobScene(tmp_path, form=form, target={"annotations": {"build": "7"}}).write()
    scene.path.unlink()
    ran = run_here(["blob", "inspect", str(scene.signature), "--format", "json"])
    document = ran.document
    assert (ran.code, document["schema"], document["judged"]) == (0, "airgap.blob.inspect/1", False)
    assert document["signature"]["metadata"] == {"build": "7"}
    text = run_here(["blob", "inspect", str(scene.signature)]).out
    assert "Nothing here was judged" in text
    assert "build: 7" in text


def test_inspect_shows_attributes_of_a_plugin(tmp_path: Path) -> None:
    protected = {
        "crit": [envelopes.SCHEME, envelopes.PLUGIN, "com.example.job"],
        envelopes.PLUGIN: "com.example.verify",
        "com.example.job": "7",
    }
    scene = BlobScene(tmp_path, options={"protected": protected}).write()
    ran = run_here(["blob", "inspect", str(scene.signature)])
    assert ran.code == 0, ran
    assert "verification plugin: com.example.verify" in ran.out
    assert "attribute com.example.job: 7, critical" in ran.out


def test_inspect_refuses_malformed_envelopes(tmp_path: Path) -> None:
    path = tmp_path / "a.jws.sig"
    path.write_bytes(b"rubbish")
    assert run_here(["blob", "inspect", str(path)]).code == 12
    assert run_here(["blob", "inspect", str(tmp_path / "gone.jws.sig")]).code == 11
    assert run_here(["blob", "inspect", str(tmp_path / "gone")]).code == 11


def test_the_schema_has_the_same_signatures_as_that_of_verify() -> None:
    whole = json.loads((Path(__file__).parents[2] / "airgap/schemas/verify.schema.json").read_text(encoding="utf-8"))
    assert {name: whole["$defs"][name] for name in SCHEMA["$defs"]} == SCHEMA["$defs"]
    assert all(SCHEMA["properties"][name] == whole["properties"][name] for name in ("network", "time", "trust"))
