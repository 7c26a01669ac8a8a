"""Failures that were reported without a remedy."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from airgap import limits
from airgap.oci.descriptor import IMAGE_MANIFEST
from tests.support.blobs import BlobScene
from tests.support.command import run_here
from tests.support.pki import Pki
from tests.support.scenario import Scene, Written, with_everything
from tests.support.trust import oci_policy, statement


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Scene().write(tmp_path)


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b'{"schemaVersion":2,"manifests":[]}', "Name reports of airgap verify or import"),
        (b'{"schema":"airgap.verify/1","ver', "Name reports of airgap verify or import"),
        (b"PASS: signatures and content are good (1 artifact).\n", "airgap verify --report FILE"),
        (b"neither", "Check that it was copied whole"),
    ],
)
def test_the_remedy_for_a_file_that_is_not_a_report(
    written: Written, tmp_path: Path, content: bytes, remedy: str
) -> None:
    report = tmp_path / "report"
    report.write_bytes(content)
    ran = run_here(["recheck", str(report), "--trust", str(written.trust)])
    assert ran.code != 0
    assert f"  → {remedy}" in ran.out or f"  → A report is written by {remedy}" in ran.out


def test_the_remedy_for_missing_evidence_or_a_missing_store(tmp_path: Path, written: Written) -> None:
    ran = run_here(["trust", "status", "--trust", str(written.trust)])
    assert (ran.code, "→ Fetch it on the connected side (airgap trust fetch TARGET" in ran.out) == (15, True)
    scene = Scene(policy=oci_policy(statement(trustStores=["ca:other"])))
    ran = run_here(["trust", "status", "--trust", str(scene.write_trust(tmp_path / "trust"))])
    assert (ran.code, "→ Name one of them in the policy's trustStores" in ran.out) == (18, True)


def test_a_trust_directory_for_files_alone_is_valid(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path).write()
    ran = run_here(["trust", "status", "--trust", str(scene.trust)])
    assert (ran.code, ran.out.startswith("NO EVIDENCE")) == (15, True), ran.out
    (scene.trust / "truststore/x509/ca/harbour").rename(scene.trust / "truststore/x509/ca/other")
    ran = run_here(["trust", "status", "--trust", str(scene.trust)])
    assert (ran.code, "ca:harbour does not exist" in ran.out) == (18, True)


@pytest.mark.parametrize(
    ("at", "word", "remedy"),
    [
        ("2027-01-01", "STALE", "Fetch the current one"),
        ("2020-01-01", "later", "It was made after the time that --at names"),
    ],
)
def test_the_remedy_for_evidence_of_another_time(tmp_path: Path, at: str, word: str, remedy: str) -> None:
    written = with_everything().write(tmp_path)
    trust = ["--trust", str(written.trust)]
    ran = run_here(["trust", "status", *trust, "--at", at])
    assert (ran.code, f"\n{word}  crl " in ran.out, f"→ {remedy}" in ran.out) == (15, True, True), ran.out
    ran = run_here(["trust", "fetch", written.target, *trust, "--no-download", "--require-complete"])
    assert (ran.code, "→ No URL was asked" in ran.out) == (15, True), ran.out


def test_the_remedy_for_a_repository_without_a_statement(written: Written) -> None:
    policy = json.dumps(oci_policy(statement(registryScopes=["registry.example/app"])))
    (written.trust / "trustpolicy.oci.json").write_text(policy)
    ran = run_here(["trust", "policy", "check", "registry.example/other", "--trust", str(written.trust)])
    assert (ran.code, "→ Add it to the registryScopes" in ran.out) == (13, True)
    ran = run_here(["trust", "policy", "check", "--file", "nowhere.json", "--trust", str(written.trust)])
    assert (ran.code, "Check the path." in ran.err) == (18, True)


def test_the_remedy_for_an_index_given_as_snapshot(tmp_path: Path) -> None:
    written = Scene(index=True).write(tmp_path)
    ran = run_here(["trust", "snapshot", "show", written.target])
    assert (ran.code, "are judged by airgap verify" in ran.out) == (18, True)


def test_the_remedies_for_pins_and_snapshots(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trust = ["--trust", str(written.trust)]
    ran = run_here(["trust", "snapshot", "create", *trust, "-o", "nowhere/s.tar"])
    assert (ran.code, "Make the folder first: mkdir -p nowhere" in ran.err) == (2, True)
    assert run_here(["trust", "snapshot", "create", *trust, "-o", "s.tar"]).code == 0
    ran = run_here(["trust", "pin", "add", "s.tar", *trust])
    assert (ran.code, "shows no signer" in ran.err, "airgap trust snapshot sign" in ran.err) == (
        2,
        True,
        True,
    )
    ran = run_here(["trust", "pin", "add", "--tuf-root", "nowhere.json", *trust])
    assert (ran.code, "Check the path." in ran.err) == (2, True)


def test_a_pin_that_cannot_be_set_is_refused_before_people_compare_fingerprints(
    written: Written, tmp_path: Path
) -> None:
    """It was said after the telephone call, which was then for nothing."""
    chain = Pki().code_chain().chain
    signer = tmp_path / "signer.pem"
    signer.write_bytes(b"".join(item.pem for item in chain))
    pin = ["trust", "pin", "add", str(signer), "--trust"]
    ran = run_here([*pin, str(tmp_path / "nowhere")])
    assert (ran.code, "there is no trust directory at" in ran.err, "Have the sender" in ran.err) == (2, True, False)
    assert run_here([*pin, str(written.trust), "--yes-fingerprint", chain[-1].fingerprint]).code == 0
    (written.trust / ".airgap" / "state.json").unlink()
    ran = run_here([*pin, str(written.trust)])
    assert (ran.code, "Have the sender" in ran.err) == (17, False), ran


def test_the_remedy_for_a_layout_without_artifacts(written: Written) -> None:
    (written.layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": []}))
    ran = run_here(["verify", f"oci:{written.layout}", "--trust", str(written.trust)])
    assert (ran.code, "its index.json lists none" in ran.out, "→ Check that it is the right one" in ran.out) == (
        11,
        True,
        True,
    )


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e11", "60", "0s", "999999h"])
def test_refuses_a_timeout_beyond_what_the_system_takes(written: Written, seconds: str) -> None:
    """It was an unexpected OverflowError, as soon as a person was asked."""
    for option in ("--timeout", "--url-timeout"):
        ran = run_here(["trust", "fetch", written.target, "--trust", str(written.trust), option, seconds])
        assert (ran.code, option in ran.err, "30s, 300s, 2h" in ran.err) == (2, True, True)


def test_an_unreadable_entry_is_reported_with_its_facts(written: Written) -> None:
    """Facts and remedy of an entry were dropped; those of an artifact's blob were not."""
    digest = f"sha256:{'0' * 64}"
    index = json.loads((written.layout / "index.json").read_bytes())
    index["manifests"].append({"mediaType": IMAGE_MANIFEST, "digest": digest, "size": 2})
    (written.layout / "index.json").write_text(json.dumps(index))
    (written.layout / "blobs/sha256" / ("0" * 64)).symlink_to("0" * 64)
    ran = run_here(["verify", f"oci:{written.layout}", "--trust", str(written.trust), "--format", "json"])
    (problem,) = json.loads(ran.out)["problems"]
    assert (ran.code, problem["exit_code"], problem["reason"]) == (16, 16, "content.unreadable")
    assert problem["facts"] == {"digest": digest}


def test_the_remedy_for_a_file_that_cannot_be_read_is_not_to_remove_it(written: Written) -> None:
    (written.trust / ".airgap").mkdir()
    (written.trust / ".airgap/unsigned.json").symlink_to(written.trust / "elsewhere")
    ran = run_here(["trust", "status", "--trust", str(written.trust)])
    assert ran.code == 18
    assert "Bring back what it leads to" in ran.err
    assert "Remove it" not in ran.err


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"schemaVersion": 1}, "ask its maker to write it again"),
        ({"mediaType": 7}, "ask its maker to write it again"),
        ({"x": "a" * limits.MANIFEST_BYTES}, "ask its maker for a smaller one"),
        ({"config": {"mediaType": "a/b", "digest": "blake3:" + "a" * 64, "size": 2}}, "with digests of sha256"),
    ],
    ids=["malformed", "type", "limit", "algorithm"],
)
def test_content_with_the_right_digest_is_not_copied_again(
    tmp_path: Path, change: dict[str, object], remedy: str
) -> None:
    """Another copy has the same bytes; it was said that they were not those that were sent."""
    scene = Scene()
    document = json.loads(scene.builder.blobs[scene.target.digest]) | change
    scene.target = scene.builder.add_manifest(document)
    written = scene.write(tmp_path)
    ran = run_here([word for word in written.arguments() if word not in {"--format", "json"}])
    assert ran.code == 16, ran
    assert remedy in ran.out
    assert "what arrived here is not what was sent" not in ran.out


def test_the_remedy_for_a_damaged_blob_replaces_it(tmp_path: Path) -> None:
    """A copy into the same layout compares names and sizes: it said "current", and verify refused it as before."""
    written = Scene().write(tmp_path / "source")
    copied = tmp_path / "copied"
    into = ["copy", f"{written.layout}:v1", str(copied)]
    assert run_here(into).code == 0
    blob = next(
        path for path in (copied / "blobs/sha256").iterdir() if not path.read_bytes().startswith((b"{", b"\xd2"))
    )
    blob.chmod(0o644)
    blob.write_bytes(bytes(blob.stat().st_size))
    words = [word for word in written.arguments() if word not in {"--format", "json"}]
    arguments = [str(copied) if word == written.target else word for word in words]
    ran = run_here(arguments)
    assert (ran.code, "--verify-existing" in ran.out) == (16, True), ran
    assert run_here([*into, "--verify-existing"]).code == 0
    assert run_here(arguments).code == 0


def test_an_index_json_may_have_been_damaged(tmp_path: Path) -> None:
    """No digest proves what was sent."""
    scene = Scene()
    scene.builder.entries.append({"mediaType": 7})
    ran = run_here([word for word in scene.write(tmp_path).arguments() if word not in {"--format", "json"}])
    assert (ran.code, "index.json may have been damaged on its way" in ran.out) == (16, True), ran


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (b',"x":' + b"[" * 10_001 + b"]" * 10_001 + b"}", "less deeply nested"),
        (b"", "if it is the same there, ask its maker"),
    ],
    ids=["nested", "cut"],
)
def test_an_unreadable_index_json_may_be_what_was_sent(tmp_path: Path, change: bytes, remedy: str) -> None:
    """No digest proves another."""
    index = Scene().write(tmp_path).layout / "index.json"
    index.write_bytes(index.read_bytes().rstrip()[:-1] + change)
    ran = run_here(["ls", str(index.parent)])
    assert (ran.code, remedy in ran.err) == (16, True), ran
    assert ("nested more than 10000 deep" in ran.err) == bool(change)
    assert "what arrived here is not what was sent" not in ran.err


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.EACCES, "Look at owner and mode of {trust}: the user who runs this must be allowed to write there."),
        (errno.EROFS, "Mount it writable, or name another place."),
        (errno.ENOSPC, "Make room there, or name another place."),
    ],
)
def test_the_remedy_for_a_trust_directory_that_cannot_be_written(
    written: Written, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    place = written.trust / "truststore2" / "x509"

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(place))

    monkeypatch.setattr("airgap.trust.edit.make_folders", refuse)
    root = written.trust / "truststore/x509/ca/harbour/0.pem"
    ran = run_here(["trust", "cert", "add", str(root), "--type", "ca", "--store", "new", "--trust", str(written.trust)])
    assert (ran.code, ran.err.splitlines()) == (
        1,
        [f"Error: {place}: {os.strerror(code)}", f"       {remedy.format(trust=written.trust)}"],
    )


def test_a_folder_that_may_not_be_entered_is_named(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for the remedy failed as well, and the error was said to be of standard output."""
    place = tmp_path / "closed" / "copy.tar"
    place.parent.mkdir()
    look = os.stat

    def refuse(path: object, **options: bool) -> os.stat_result:
        if str(path).startswith(f"{place.parent}{os.sep}"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    ran = run_here(["copy", str(written.layout), str(place)])
    assert (ran.code, ran.err.splitlines()) == (
        1,
        [
            f"Error: {place}: Permission denied",
            f"       Look at owner and mode of {place.parent}: the user who runs this must be allowed to write there.",
        ],
    )
