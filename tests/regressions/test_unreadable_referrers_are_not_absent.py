"""What cannot be read may be the signature: it was taken for "no referrers", "no signature", "nothing left behind"."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.layout import LayoutDirectory
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.scenario import Scene, Signature, Written, add_image
from tests.support.signing import key_options

Harm = Callable[[Path, pytest.MonkeyPatch], None]


def _blob(layout: Path, digest: Digest) -> Path:
    return layout / "blobs" / digest.algorithm / digest.encoded


def _cut(path: Path, _: pytest.MonkeyPatch) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flipped(path: Path, _: pytest.MonkeyPatch) -> None:
    path.write_bytes(path.read_bytes().swapcase())


def _gone(path: Path, _: pytest.MonkeyPatch) -> None:
    path.unlink()


def _folder(path: Path, _: pytest.MonkeyPatch) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path, _: pytest.MonkeyPatch) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


class _Failing(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise OSError(errno.EIO, "Input/output error")


def _failing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = LayoutDirectory.open

    def opened(self: LayoutDirectory, digest: Digest) -> io.RawIOBase:
        return _Failing() if digest.encoded == path.name else genuine(self, digest)

    monkeypatch.setattr(LayoutDirectory, "open", opened)


def _retyped(path: Path, _: pytest.MonkeyPatch) -> None:
    """An unknown type, so that the manifest is not read."""
    index = path.parents[2] / "index.json"
    document = json.loads(index.read_bytes())
    (entry,) = (item for item in document["manifests"] if item["digest"].endswith(path.name))
    entry["mediaType"] = "application/vnd.example.unknown"
    index.write_text(json.dumps(document))


def _retyped_and_gone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _retyped(path, monkeypatch)
    path.unlink()


HARMS = {
    "cut": _cut,
    "flipped": _flipped,
    "gone": _gone,
    "folder": _folder,
    "link": _link,
    "eio": _failing,
    "retyped": _retyped,
    "retyped and gone": _retyped_and_gone,
}


class Stick:
    """Two signed images; the signature of the second is there in one of the known forms, and is harmed."""

    def __init__(self, folder: Path, form: str = "entry") -> None:
        self.scene = Scene()
        self.folder = folder
        self.lost: Descriptor
        self.image: Descriptor
        self._form = form
        self.scene.packing.append(self._pack)
        self.written = self.scene.write(folder)
        self.layout = self.written.layout

    def _pack(self, builder: LayoutBuilder, _: Descriptor) -> None:
        self.image = builder.tag(add_image(builder, "riscv64"), "v2")
        signature = Signature("jws", self.scene.signature.leaf)
        sealed = signature.attach(builder, self.image, listed=self._form == "entry")
        self.lost = sealed
        if self._form == "tag-entry":
            builder.tag_referrers(self.image, sealed)
        elif self._form == "tag-index":
            self.lost = builder.tag_referrers(self.image, sealed)
        elif self._form == "nested":
            builder.list(builder.add_index(sealed))
        elif self._form == "nested-index":
            self.lost = builder.add_index(sealed)
            builder.list(builder.add_index(self.lost))
        elif self._form == "cosign":
            self.lost = builder.tag(builder.add_cosign(b"simple signing"), f"sha256-{self.image.digest.encoded}.sig")

    def run(self, command: str, *arguments: object) -> Ran:
        ran = run_here([command, *map(str, arguments)])
        assert "Traceback" not in ran.out + ran.err, ran
        return ran

    def verify(self, target: str, *more: str) -> Ran:
        first, _, *options = self.written.arguments()
        return self.run(first, target, *options, *more)


def _named(path: Path, _: pytest.MonkeyPatch) -> None:
    """As `skopeo copy` writes the signature of an image by its digest: a name, and no artifact type."""
    index = path.parents[2] / "index.json"
    document = json.loads(index.read_bytes())
    (entry,) = (item for item in document["manifests"] if item["digest"].endswith(path.name))
    del entry["artifactType"]
    entry["annotations"] = {REF_NAME: "signature"}
    index.write_text(json.dumps(document))
    path.unlink()


HARMS["named"] = _named
FORMS = ["entry", "tag-entry", "tag-index", "nested", "nested-index", "cosign"]


@pytest.mark.parametrize(
    ("form", "harm"), [*(("entry", harm) for harm in HARMS), *((form, "gone") for form in FORMS[1:])]
)
def test_every_command_reports_unreadable_referrers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, harm: str
) -> None:
    stick = Stick(tmp_path, form)
    HARMS[harm](_blob(stick.layout, stick.lost.digest), monkeypatch)
    lost = str(stick.lost.digest)
    for target in (f"oci:{stick.layout}:v2", f"oci:{stick.layout}@{stick.image.digest}", f"oci:{stick.layout}"):
        for more in ((), ("--content", "none"), ("--content", "manifests")):
            ran = stick.verify(target, *more)
            assert (ran.code, ran.document["verdict"]) == (16, "fail"), ran
            assert lost in ran.out
        for command in ("discover", "inspect"):
            ran = stick.run(command, target)
            assert ran.code == 16, ran
            assert lost[:19] in ran.out
            assert "no signature\n" not in ran.out.split(str(stick.image.digest))[-1].partition(f"@{lost[:19]}")[0]
            document = stick.run(command, target, "--format", "json").document
            assert lost in {item["digest"] for artifact in document["artifacts"] for item in artifact["unread"]}
        ran = stick.run("recheck", target, "--trust", stick.written.trust, "--at", "2026-06-01")
        assert ran.code == 16, ran
        assert lost in ran.out
        ran = stick.run("copy", target, tmp_path / "new")
        assert ran.code == 16, ran
        assert lost in ran.err
        assert not (tmp_path / "new").exists()
        ran = stick.run("trust", "fetch", target, "--trust", tmp_path / "fetched", "--no-download")
        assert ran.code == 16, ran
    one = f"oci:{stick.layout}:v2"
    (tmp_path / "root.crt").write_bytes(stick.scene.signature.leaf.root.pem)
    stamp = ["--timestamp-url", "http://127.0.0.1:9/", "--timestamp-root-cert", tmp_path / "root.crt"]
    sign = ["sign", one, *key_options(tmp_path, stick.scene.signature.leaf)]
    listing = [*sign, "--force", "--force-referrers-tag"] if form == "entry" else sign  # lists what is there already
    for arguments in (sign, listing, ["timestamp", "add", one, *stamp]):
        ran = stick.run(*map(str, arguments))
        assert ran.code == 16, ran
        assert lost in ran.err


def test_the_record_names_what_a_copy_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that was carried on said that the signature came along; the new layout had none."""
    stick = Stick(tmp_path)
    stick.run("copy", f"oci:{stick.layout}:v2", tmp_path / "first")
    _gone(_blob(tmp_path / "first", stick.lost.digest), monkeypatch)
    ran = stick.run("copy", f"oci:{tmp_path / 'first'}:v2", tmp_path / "second", "--keep-going", "--format", "json")
    assert ran.code == 20, ran
    (artifact,) = ran.document["artifacts"]
    assert str(stick.lost.digest) in json.dumps(artifact["left_behind"])
    ran = stick.verify(f"oci:{tmp_path / 'second'}:v2")
    assert (ran.code, ran.document["artifacts"][0]["unsigned"]["reason"]) == (10, "signature.left_behind")


def test_judges_readable_images_beside_an_unreadable_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D27, MAN-34: what has a name is an image of its own, and so is a platform of an index."""
    stick = Stick(tmp_path)
    _gone(_blob(stick.layout, stick.image.digest), monkeypatch)
    assert stick.verify(f"oci:{stick.layout}:v1").code == 0
    assert stick.run("copy", f"oci:{stick.layout}:v1", tmp_path / "new").code == 0
    assert stick.run("inspect", f"oci:{stick.layout}:v1").code == 0
    assert stick.verify(f"oci:{stick.layout}:v2").code == 16
    assert stick.verify(f"oci:{stick.layout}").code == 16


@pytest.mark.parametrize(
    ("signed", "other", "code"),
    [
        ("no", {}, 16),
        ("no", {"artifactType": "application/vnd.oci.image.config.v1+json"}, 0),
        ("no", {"platform": {"os": "linux", "architecture": "arm64"}}, 0),
        ("other", {}, 0),
        ("this", {}, 0),
    ],
    ids=["neither", "config type", "platform", "other is signed", "this is signed"],
)
def test_what_has_a_name_and_cannot_be_read_may_be_the_signature_of_an_unsigned_image(
    tmp_path: Path, signed: str, other: dict[str, object], code: int
) -> None:
    """Decision 0020: unless it is certain that it is an image of its own."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"image"), "v1")
    lost = builder.tag(builder.add_image(b"lost"), "v2")
    if signed != "no":
        Signature("jws", Pki().code_chain("p256")).attach(builder, lost if signed == "other" else image)
    next(item for item in builder.entries if item["digest"] == str(lost.digest)).update(other)
    builder.drop(lost)
    layout = builder.write_directory(tmp_path / "layout")
    for command in (["copy", f"{layout}:v1", f"{tmp_path / 'to'}"], *([name, f"{layout}:v1"] for name in LOOKING)):
        ran = run_here(command)
        assert (ran.code, "its name is 'v2', and it may be" in ran.out + ran.err) == (code, code != 0), (command, ran)
    assert run_here(["inspect", f"{layout}@{image.digest}"]).code == code


LOOKING = ["discover", "inspect", "ls"]


def test_an_unreadable_entry_under_the_name_of_an_image_may_be_its_signature(tmp_path: Path) -> None:
    """One name for two entries: the one that cannot be read may be what is attached to the other."""
    builder = LayoutBuilder()
    image = builder.tag(add_image(builder), "reg.example/app:v1")
    lost = builder.tag(builder.add_image(b"attached", platform=None), "reg.example/app:v1")
    builder.drop(lost)
    layout = builder.write_directory(tmp_path / "layout")
    ran = run_here(["inspect", f"oci:{layout}@{image.digest}"])
    assert (ran.code, str(lost.digest)[:19] in ran.out) == (16, True), ran


def test_counts_many_unreadable_entries(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    image = builder.tag(add_image(builder), "v1")
    for number in range(200):
        builder.drop(builder.add_referrer(image, b"%d" % number))
    layout = builder.write_directory(tmp_path / "layout")
    ran = run_here(["inspect", f"oci:{layout}:v1"])
    assert ran.code == 16
    assert ran.out.count("NOT READ") == 1
    assert "200 manifests or entries cannot be read; each may be a signature" in ran.out


@pytest.mark.parametrize("options", [[], ["--format", "json"]], ids=["text", "json"])
@pytest.mark.parametrize("command", ["discover", "inspect", "ls", "verify", "copy"])
def test_each_artifact_says_only_how_many_entries_are_unreadable(
    tmp_path: Path, command: str, options: list[str]
) -> None:
    """Each repeated them: 60 of them and a thousand images gave eleven megabytes."""
    builder = LayoutBuilder()
    for number in range(30):
        builder.tag(builder.add_image(b"%d" % number), f"t{number}")
    lost = [f"sha256:{number:012x}{0:052x}" for number in range(90)]
    builder.entries += [{"mediaType": IMAGE_MANIFEST, "digest": digest, "size": 5} for digest in lost]
    layout = builder.write_directory(tmp_path / "layout")
    more: dict[str, list[object]] = {
        "verify": ["--trust", Scene().write(tmp_path / "trusted").trust, "--scope", "reg.example/app"],
        "copy": [f"oci:{tmp_path / 'copy'}", "--keep-going"],
    }
    ran = run_here([command, f"oci:{layout}", *map(str, more.get(command, [])), *options])
    assert ran.code in {16, 20}, ran
    said = [line for line in ran.out.splitlines() if "90 manifests or entries cannot be read; each may be a" in line]
    assert said  # in text once for all
    rest = "\n".join(line for line in ran.out.splitlines() if line not in said)
    assert 1 <= rest.count(lost[49][:19]) <= 6
    assert (rest.count(lost[50][:19]), "40 more cannot be read" in ran.out) == (0, True)


def test_reports_a_blobs_folder_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who is root may enter everything, so the system's answer is made here."""
    stick = Stick(tmp_path)

    def denied(_: LayoutDirectory, digest: Digest) -> int:
        from airgap.oci.store import unreadable

        raise unreadable(digest, "cannot be read: Permission denied")

    monkeypatch.setattr(LayoutDirectory, "size", denied)
    target = f"oci:{stick.layout}:v2"
    assert stick.verify(target).code == 16
    for command in ("discover", "inspect"):
        assert stick.run(command, target).code == 16
    assert stick.run("copy", target, tmp_path / "new").code == 16


@pytest.mark.parametrize("lost", [b"", None], ids=["cut", "missing"])
def test_fetch_is_incomplete_without_the_manifest_of_the_image(tmp_path: Path, lost: bytes | None) -> None:
    """Its entry states a platform, and was taken for a platform of an index that was left out."""
    scene = Scene()
    scene.packing.append(lambda builder, target: builder.drop(target) if lost is None else builder.damage(target, lost))
    written = scene.write(tmp_path)
    ran = run_here(["trust", "fetch", f"oci:{written.layout}:v1", "--trust", str(written.trust)])
    assert (ran.code, ran.out.split()[0]) == (16, "INCOMPLETE"), ran


ENTRIES = {
    "digest": {"digest": "sha256:zz"},
    "size": {"size": -1},
    "type": {"mediaType": 7},
    "annotations": {"annotations": "x"},
}


@pytest.mark.parametrize("change", ENTRIES.values(), ids=ENTRIES)
def test_reports_a_malformed_entry(tmp_path: Path, change: dict[str, object]) -> None:
    """It may be what was asked for: `discover`, `inspect` and `trust fetch` of the whole said nothing, with exit 0."""
    written = Scene().write(tmp_path)
    path = written.layout / "index.json"
    index = json.loads(path.read_bytes())
    path.write_text(json.dumps({**index, "manifests": [{**item, **change} for item in index["manifests"]]}))
    for target in (f"oci:{written.layout}", f"oci:{written.layout}:v1", f"oci:{written.layout}@{written.digest}"):
        _check_all(target, written, 16)


@pytest.mark.parametrize(("entry", "says"), [("x", "manifests[1]: is not a descriptor object"), ({"size": -1}, "")])
def test_reports_the_place_of_a_malformed_entry_once(tmp_path: Path, entry: object, says: str) -> None:
    written = Scene().write(tmp_path)
    path = written.layout / "index.json"
    index = json.loads(path.read_bytes())
    index["manifests"][1:] = [entry]
    path.write_text(json.dumps(index))
    ran = run_here(["copy", str(written.layout), str(tmp_path / "to")])
    (line,) = [line for line in ran.err.splitlines() if "manifests[1]" in line]
    assert line.count("manifests[1]") == 1
    assert f"index.json > {says}" in line


def test_an_unreadable_index_may_list_the_named_artifact(tmp_path: Path) -> None:
    scene = Scene(index=True)
    written = scene.write(tmp_path)
    child = json.loads(scene.builder.blobs[scene.target.digest])["manifests"][0]["digest"]
    target = f"oci:{written.layout}@{child}"
    assert run_here(["discover", target]).code == 0
    _blob(written.layout, scene.target.digest).write_bytes(b"{")
    _check_all(target, written, 16)


@pytest.mark.parametrize(
    ("kind", "members"),
    [(IMAGE_MANIFEST, {"platform": {"os": "linux", "architecture": "arm64"}}), (IMAGE_INDEX, {"annotations": {}})],
    ids=["platform", "referrers-tag"],
)
def test_reports_an_unreadable_entry_for_the_whole_layout(
    tmp_path: Path, kind: str, members: dict[str, object]
) -> None:
    scene = Scene()
    lost = {"mediaType": kind, "digest": f"sha256:{'a' * 64}", "size": 7, **members}
    if "annotations" in members:
        lost["annotations"] = {REF_NAME: f"sha256-{'b' * 64}"}
    scene.builder.entries.append(lost)
    written = scene.write(tmp_path)
    _check_all(f"oci:{written.layout}:v1", written, 0)
    _check_all(f"oci:{written.layout}", written, 16)


def test_a_lost_signature_with_a_platform_is_not_a_left_out_platform(tmp_path: Path) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    path = written.layout / "index.json"
    index = json.loads(path.read_bytes())
    (entry,) = (item for item in index["manifests"] if "artifactType" in item)
    entry["platform"] = {"os": "linux", "architecture": "amd64"}
    path.write_text(json.dumps(index))
    _check_all(f"oci:{written.layout}:v1", written, 0)
    _blob(written.layout, Digest.parse(entry["digest"])).unlink()
    written.layout.with_name("copy0").rename(tmp_path / "before")
    _check_all(f"oci:{written.layout}:v1", written, 16)
    _check_all(f"oci:{written.layout}", written, 16)


def _check_all(target: str, written: Written, code: int) -> None:
    """Every command that looks at a layout gives the same answer."""
    first, _, *options = written.arguments()
    copied = ["copy", target, f"oci:{written.layout.with_name(f'copy{code}')}"]
    if target.endswith(":v1"):
        copied[-1] += ":v1"
    looking = [["discover", target], ["inspect", target], ["trust", "fetch", target, "--trust", str(written.trust)]]
    for arguments in ([first, target, *options], copied, *looking):
        ran = run_here(arguments)
        assert ran.code == code, (arguments, ran)


@pytest.mark.parametrize("option", [["--exclude-referrers"], ["--depth", "0"]], ids=" ".join)
def test_a_signature_of_another_media_type_is_no_artifact_of_its_own(tmp_path: Path, option: list[str]) -> None:
    """A copy without referrers brought it as one, and could not be verified then."""
    scene = Scene(refer=lambda written: f"oci:{written.layout}")

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries[-1]["mediaType"] = "application/octet-stream"

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, len(ran.document["artifacts"])) == (16, 1), ran
    ran = run_here(["copy", *option, str(written.layout), str(tmp_path / "to")])
    assert (ran.code, "1 artifact:" in ran.err) == (0, True), ran
    ran = run_here([word.replace(str(written.layout), str(tmp_path / "to")) for word in written.arguments()])
    assert (ran.code, set(ran.reasons)) == (10, {"signature.left_behind"}), ran
    index = json.loads((written.layout / "index.json").read_bytes())
    index["manifests"].pop(0)
    (written.layout / "index.json").write_text(json.dumps(index))
    assert run_here(written.arguments()).code == 16, "it is there, and not what it says"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),  # this one is signed
        ({"annotations": {"io.cncf.notary.x509chain.thumbprint#S256": "[]", REF_NAME: "other"}}, 16),
        ({"artifactType": "application/vnd.airgap.evidence.v1"}, 16),
        ({"mediaType": "application/vnd.oci.artifact.manifest.v1+json"}, 16),
    ],
    ids=["image", "annotation", "artifact type", "artifact manifest"],
)
def test_an_entry_with_a_name_may_be_a_referrer_if_its_descriptor_says_so(
    tmp_path: Path, changes: dict[str, object], code: int
) -> None:
    """It was taken for an image because of its name."""
    scene = Scene()
    other = add_image(scene.builder, "arm64")
    scene.builder.tag(other, "other")
    written = scene.write(tmp_path)
    _blob(written.layout, other.digest).unlink()
    index = written.layout / "index.json"
    document = json.loads(index.read_text())
    (entry,) = (item for item in document["manifests"] if item["digest"] == str(other.digest))
    entry.pop("platform", None)
    entry.update(changes)
    index.write_text(json.dumps(document))
    assert run_here(written.arguments()).code == code
