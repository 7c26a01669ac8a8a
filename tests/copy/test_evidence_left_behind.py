"""A copy names the evidence of its source that it does not have."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from airgap import limits
from airgap.oci.descriptor import IMAGE_MANIFEST, NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.open import open_layout
from airgap.oci.record import FoundRecord, listed_records
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.copy.test_trust import stamp_another
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING, attach
from tests.support.command import run_here
from tests.support.crls import crl, pem
from tests.support.evidence import evidence_artifact
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Written, add_image

ABOUT = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"absent"), size=6)


def scene(*, archive: bool = False) -> Scene:
    made = Scene(archive=archive)
    made.sign_with(LEAF)
    made.crls = {"good.crl": crl(LEAF.root, number=1)}
    return made


def left(source: Path | str, destination: Path, *options: str) -> list[dict[str, object]]:
    ran = run_here(["copy", str(source), str(destination), "--format", "json", *options])
    assert ran.code == 0, ran
    found: list[dict[str, object]] = ran.document["evidence_left"]
    return found


def verify(written: Written, layout: Path) -> int:
    return run_here([str(layout) if text == written.target else text for text in written.arguments()]).code


@pytest.mark.parametrize("archive", [False, True])
def test_names_loose_evidence_and_copies_it_on_request(tmp_path: Path, *, archive: bool) -> None:
    made = scene(archive=archive)
    made.builder.extra_files |= {"crls/r.crl": REVOKING, "notes.txt": b"notes", "ca.pem": b"none"}
    written = made.write(tmp_path)
    copied = tmp_path / "copied"
    assert left(written.layout, copied) == [{"source": str(written.layout), "names": ["r.crl"]}]
    assert (verify(written, written.layout), verify(written, copied)) == (14, 0)
    text = run_here(["copy", "--quiet", str(written.layout), str(copied)]).out
    assert f"note    evidence about revocation in {written.layout} was not copied: r.crl" in text
    assert "airgap trust fetch --no-download --into COPY COPY SOURCE" in text
    fetch = ["trust", "fetch", "--no-download", "--into", str(copied), str(copied), str(written.layout)]
    run_here([*fetch, "--trust", str(written.trust)])
    assert verify(written, copied) == 14


def test_advises_to_attach_loose_evidence_before_a_copy_to_a_registry(tmp_path: Path) -> None:
    """Nothing can be fetched into a registry: the command that was named ended with exit code 2."""
    made = scene()
    made.builder.extra_files["crls/r.crl"] = REVOKING
    written = made.write(tmp_path)
    with LoopbackRegistry() as registry:
        planned = run_here(["copy", "--dry-run", str(written.layout), f"{registry.host}/app"])
        assert f"note    evidence about revocation in {written.layout} would not be copied: r.crl" in planned.out
        ran = run_here(["copy", str(written.layout), f"{registry.host}/app"])
        assert "airgap trust fetch --no-download --into SOURCE SOURCE" in ran.out
        source = str(written.layout)
        run_here(["trust", "fetch", "--no-download", "--into", source, source, "--trust", str(written.trust)])
        again = run_here(["copy", source, f"{registry.host}/app", "--format", "json"])
        assert (again.code, again.document["evidence_left"]) == (0, []), again


@pytest.mark.parametrize("attached", [REVOKING, pem(REVOKING)], ids=["DER", "PEM"])
@pytest.mark.parametrize("more", [b"", pem(crl(LEAF.root, number=3)), pem(REVOKING)[:90]], ids=["", "more", "damaged"])
def test_names_no_evidence_that_was_copied_in_another_form(tmp_path: Path, attached: bytes, more: bytes) -> None:
    """A loose CRL in PEM was said to be left behind, though its DER was attached, and went along."""
    made = scene()
    made.builder.extra_files["p.crl"] = pem(REVOKING) + more
    made.builder.extra_files["r.crl"] = REVOKING

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(builder.add_manifest(evidence_artifact(builder, target, attached)))

    made.packing = [pack]
    found = left(made.write(tmp_path).layout, tmp_path / "copied")
    assert [item["names"] for item in found] == ([["p.crl"]] if more else [])


def other_image(builder: LayoutBuilder, _: Descriptor) -> None:
    other = add_image(builder, "s390x")
    builder.tag(other, "other")
    builder.list(attach(builder, other))


def test_names_evidence_of_an_image_that_is_not_copied(tmp_path: Path) -> None:
    made = scene()
    made.packing = [other_image]
    written = made.write(tmp_path)
    assert left(f"{written.layout}:v1", tmp_path / "one") == [{"source": str(written.layout), "names": ["r.crl"]}]
    assert left(written.layout, tmp_path / "all") == []


def test_names_evidence_in_the_timestamp_token_of_an_image_that_is_not_copied(tmp_path: Path) -> None:
    """A verifier of the source uses it; nothing was said, and the copy passed."""
    made = scene()
    made.packing = [stamp_another]
    written = made.write(tmp_path)
    (named,) = left(f"{written.layout}:v1", tmp_path / "one")
    assert named["names"] == ["evidence 1 of the timestamp token"]
    assert (verify(written, written.layout), verify(written, tmp_path / "one")) == (14, 0)
    fetch = ["trust", "fetch", "--no-download", "--into", str(tmp_path / "one")]
    run_here([*fetch, str(tmp_path / "one"), str(written.layout)])
    assert verify(written, tmp_path / "one") == 14
    assert left(written.layout, tmp_path / "all") == []


def test_copies_evidence_about_absent_images(tmp_path: Path) -> None:
    made = scene()
    made.packing = [lambda builder, _: builder.list(attach(builder, ABOUT))]
    written = made.write(tmp_path)
    assert left(written.layout, tmp_path / "all") == []
    assert verify(written, tmp_path / "all") == 14


def test_a_new_tag_in_the_same_layout_leaves_no_evidence_behind(tmp_path: Path) -> None:
    made = scene()
    made.builder.extra_files["r.crl"] = REVOKING
    written = made.write(tmp_path)
    ran = run_here(["copy", f"{written.layout}:v1", f"{written.layout}:v2", "--format", "json"])
    assert json.loads(ran.out)["evidence_left"] == []


LOOSE = {
    "crls/r.crl": REVOKING,
    "crls/plain": crl(LEAF.root, number=3),
    "ca.pem": pem(crl(LEAF.root, number=4)),
    "root.cer": LEAF.root.pem,
    "revocation.txt": b"notes",
    "notes.txt": crl(LEAF.root, number=5),
    "deep/er/than/is/looked/x.crl": crl(LEAF.root, number=6),
    "huge.crl": bytes(2000),
}


@pytest.mark.parametrize("name", [*LOOSE, "all"])
def test_names_the_same_loose_evidence_of_a_file_and_of_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Of a stream the names decided: a CRL called ca.pem was not named, and notes about revocation were."""
    monkeypatch.setattr(limits, "CRL_FILE_BYTES", 1500)
    made = scene(archive=True)
    made.builder.extra_files |= LOOSE if name == "all" else {name: LOOSE[name]}
    written = made.write(tmp_path)
    of_file = left(written.layout, tmp_path / "of file")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(written.layout.read_bytes())))
    of_stream = left("-", tmp_path / "of stream")
    assert [item["names"] for item in of_stream] == [item["names"] for item in of_file]
    assert bool(of_stream) is (name not in {"root.cer", "revocation.txt", "notes.txt", "deep/er/than/is/looked/x.crl"})


def test_names_loose_evidence_in_a_stream_to_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene(archive=True)
    made.builder.extra_files |= {"ca.pem": pem(REVOKING)}
    written = made.write(tmp_path)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(written.layout.read_bytes())))
    with LoopbackRegistry() as registry:
        ran = run_here(["copy", "-", f"{registry.host}/app", "--format", "json"])
        assert ran.document["evidence_left"] == [{"source": "standard input", "names": ["ca.pem"]}], ran


def test_names_the_other_loose_files_beside_an_unreadable_one(tmp_path: Path) -> None:
    """It was the last one that was looked at: 15 where the next one revokes."""
    made = scene()
    made.builder.extra_files["r.crl"] = REVOKING
    written = made.write(tmp_path)
    (written.layout / "a.crl").symlink_to("a.crl")
    assert verify(written, written.layout) == 14
    (written.layout / "r.crl").unlink()
    assert verify(written, written.layout) == 15


@pytest.mark.parametrize("filters", [True, False])
def test_names_what_is_not_chosen_of_an_image_in_a_registry(tmp_path: Path, *, filters: bool) -> None:
    """A registry that filters by itself hid it, and nothing was said."""
    with LoopbackRegistry() as registry:
        registry.filters = filters
        subject = registry.put_image("app", tag="v1")
        evidence = registry.put_image("app", subject=subject, artifact_type=EVIDENCE_TYPE, layers=(REVOKING,))
        registry.put_image("app", subject=subject, artifact_type="a/sbom")
        name = f"{registry.host}/app:v1"
        copied = tmp_path / "copied"
        arguments = ["copy", name, str(copied), "--artifact-type", NOTARY_SIGNATURE]
        document = run_here([*arguments, "--format", "json"]).document
        (artifact,) = document["artifacts"]
        assert document["evidence_left"] == [{"source": name, "names": [evidence]}]
        assert sorted(item["artifact_type"] for item in artifact["not_chosen"]) == ["a/sbom", EVIDENCE_TYPE]
        assert artifact["looked"][0]["listed"] == 2
        assert f"note    evidence about revocation in {name} was not copied" in run_here([*arguments, "--quiet"]).out
        text = run_here(arguments).out
        assert f"2 referrers not chosen and left behind: 1 a/sbom, 1 {EVIDENCE_TYPE}" in text
        answers = [record.record.lookups[0] for record in _records(copied)]
        assert [(answer.lookup.listed, answer.copied) for answer in answers] == [(2, 0)]


def test_names_no_evidence_that_is_copied_by_its_digest(tmp_path: Path) -> None:
    with LoopbackRegistry() as registry:
        subject = registry.put_image("app", tag="v1")
        evidence = registry.put_image("app", subject=subject, artifact_type=EVIDENCE_TYPE, layers=(REVOKING,))
        sources = [f"{registry.host}/app:v1", f"{registry.host}/app@{evidence}"]
        ran = run_here(
            ["copy", *sources, str(tmp_path / "to"), "--artifact-type", NOTARY_SIGNATURE, "--format", "json"]
        )
        assert (ran.code, ran.document["evidence_left"]) == (0, []), ran


def test_names_what_is_not_chosen_of_a_layout_once(tmp_path: Path) -> None:
    made = scene()
    made.packing = [lambda builder, target: builder.list(attach(builder, target))]
    written = made.write(tmp_path)
    found = left(written.layout, tmp_path / "copied", "--artifact-type", NOTARY_SIGNATURE)
    assert found == [{"source": str(written.layout), "names": ["r.crl"]}]


def test_says_what_was_not_looked_for(tmp_path: Path) -> None:
    with LoopbackRegistry() as registry:
        subject = registry.put_image("app", tag="v1")
        sbom = registry.put_image("app", subject=subject, artifact_type="a/sbom")
        registry.put_image("app", subject=sbom, artifact_type=NOTARY_SIGNATURE)
        arguments = ["copy", f"{registry.host}/app:v1", str(tmp_path / "copied")]
        assert "the referrers of 1 attachment were not looked for (--depth)" in run_here([*arguments, "--depth=1"]).out
        for options, number in [(["--depth=1"], 1), (["--depth=0"], 1), (["--exclude-referrers"], 1), ([], 0)]:
            document = run_here([*arguments, *options, "--format", "json"]).document
            assert document["artifacts"][0]["not_asked"] == number


def _records(layout: Path) -> list[FoundRecord]:
    with open_layout(str(layout)) as opened:
        return [found[0] for found in listed_records(opened).values()]
