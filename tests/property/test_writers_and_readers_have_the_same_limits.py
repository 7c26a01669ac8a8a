"""Below and at a limit a writer writes what readers read; above it, it refuses and leaves everything as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from airgap import limits
from airgap.collection.evidence_writer import EvidenceWriter
from airgap.errors import AirgapError, LimitError
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.open import open_layout
from airgap.oci.record import listed_records
from airgap.oci.referrers_index import ReferrersIndex
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.transfer.lists import read_list
from airgap.trust.snapshots.pins import Pin, PinKind, Pins
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki
from tests.support.registry import LoopbackRegistry


@dataclass(frozen=True)
class Case:
    """Something that is bounded."""

    limit: str
    write: Callable[[Path, int], Path]
    """Writes so many items below the folder; returns what holds them. Raises AirgapError where it refuses."""
    read: Callable[[Path], int]
    """How many items its reader finds. Raises where it refuses."""


def done(arguments: list[object]) -> None:
    """Raises AirgapError where a command ends with an error."""
    ran = run_here(list(map(str, arguments)))
    if ran.code:
        raise AirgapError(ran.err)


def _layout(folder: Path, content: bytes = b"one") -> Path:
    if not folder.exists():
        builder = LayoutBuilder()
        builder.tag(builder.add_image(content), content.decode())
        builder.write_directory(folder)
    return folder


def _copied(name: str) -> Callable[[Path, int], Path]:
    def write(folder: Path, count: int) -> Path:
        sources = [_layout(folder / "sources" / str(number), b"v%d" % number) for number in range(count)]
        done(["copy", *sources, folder / name, "--no-record", "-q"])
        return folder / name

    return write


def _entries(path: Path) -> int:
    with open_layout(str(path)) as layout:
        return len(layout.index().manifests)


def _attached(archive: bool) -> Callable[[Path, int], Path]:
    def write(folder: Path, count: int) -> Path:
        target = folder / ("all.tar" if archive else "all")
        if not target.exists():
            done(["copy", _layout(folder / "source"), target, "--no-record", "-q"])
        for number in range(count):
            file = folder / f"{number}.txt"
            file.write_text(f"{number}")
            done(["attach", file, f"{target}:one", "--artifact-type", "text/plain"])
        return target

    return write


def _referrers(path: Path) -> int:
    with open_layout(str(path)) as layout:
        graph = Graph(layout)
        (root,) = (root for root in graph.roots() if root.tags)
        return len(list(graph.referrers(root.descriptor).all()))


def _files(folder: Path, count: int) -> Path:
    files = [folder / f"{number}.txt" for number in range(count)]
    for number, file in enumerate(files):
        file.write_text(f"{number}")
    done(["attach", *files, f"{_layout(folder / 'all')}:one", "--artifact-type", "text/plain"])
    return folder / "all"


def _layers(path: Path) -> int:
    with open_layout(str(path)) as layout:
        graph = Graph(layout)
        (root,) = (root for root in graph.roots() if root.tags)
        (attached,) = graph.referrers(root.descriptor).all()
        assert isinstance(attached.manifest, Manifest)
        return len(attached.manifest.layers)


def _pins(folder: Path, count: int) -> Path:
    pin = Pin(stream="default", kind=PinKind.TUF, added=AT, tuf_root=b"{}")
    Pins(tuple(replace(pin, tuf_root=b"{%d}" % number) for number in range(count))).write(folder)
    return folder


def _listed(folder: Path, count: int) -> Path:
    contents = [b"%d" % number for number in range(count)]
    added = [Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(raw), size=len(raw)) for raw in contents]
    (folder / "index").write_bytes(ReferrersIndex.empty().listing(added).encode()[1])
    return folder / "index"


CASES = {
    "index.json of a directory": Case("INDEX_ENTRIES", _copied("made"), _entries),
    "index.json of a tar": Case("INDEX_ENTRIES", _copied("made.tar"), _entries),
    "referrers in a directory": Case("REFERRERS", _attached(archive=False), _referrers),
    "referrers in a tar": Case("REFERRERS", _attached(archive=True), _referrers),
    "files of one referrer": Case("LAYERS", _files, _layers),
    "pins": Case("PINS", _pins, lambda folder: len(Pins.read(folder).entries)),
    "index of a referrers tag": Case(
        "REFERRERS", _listed, lambda path: len(ReferrersIndex.parse(path.read_bytes()).digests)
    ),
}


@pytest.mark.parametrize("limit", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_what_is_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int) -> None:
    case = CASES[name]
    for count in (limit - 1, limit):
        folder = tmp_path / str(count)
        folder.mkdir()
        with monkeypatch.context() as patched:
            patched.setattr(limits, case.limit, limit)
            assert case.read(case.write(folder, count)) == count


@pytest.mark.parametrize("limit", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_what_would_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    case = CASES[name]
    folder = tmp_path / "above"
    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(limits, case.limit, limit)
        with pytest.raises(AirgapError):
            case.write(folder, limit + 1)
    kept = [path for path in folder.iterdir() if path.name in {"made", "made.tar", "all", "all.tar"}]
    blobs = sum(len(list(path.rglob("blobs/*/*"))) for path in kept if path.is_dir())
    if name == "index.json of a directory":  # nothing was transferred, either
        assert blobs == 0
    if name.startswith("referrers in"):
        assert [case.read(path) for path in kept] == [limit]


def test_files_of_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--lock-output` and `--lock`."""
    source = _layout(tmp_path / "source")
    copy: list[object] = ["copy", f"{source}:one", tmp_path / "made", "--no-record", "-q", "--lock-output"]
    done([*copy, tmp_path / "lock"])
    size = (tmp_path / "lock").stat().st_size
    for limit, is_written in ((size + 1, True), (size, True), (size - 1, False)):
        monkeypatch.setattr(limits, "LIST_BYTES", limit)
        path = tmp_path / f"lock-{limit}"
        if is_written:
            done([*copy, path])
            assert len(read_list(path)) == 1
        else:
            with pytest.raises(AirgapError, match="was not written"):
                done([*copy, path])
            assert not path.exists()


def test_evidence_of_a_trust_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some room is kept for the index and a temporary file."""
    monkeypatch.setattr(limits, "EVIDENCE_FILES", 8)
    issuer = Pki().code_chain().chain[1]
    writer = EvidenceWriter(tmp_path)

    def keep_all() -> None:
        for number in range(1, 10):
            made = Crl.parse(crl(issuer, number=number))
            writer.keep_crl(made, Certificate.parse(issuer.der), [f"http://crl.example/{number}"])

    with pytest.raises(LimitError, match="no more than 8 are read"):
        keep_all()
    kept = len(list((tmp_path / "crls").glob("*.crl")))
    assert kept >= 8 - 3
    assert len(EvidenceDirectory.open(tmp_path).all_crls()) == kept


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


@pytest.mark.parametrize("api", [True, False], ids=["API", "referrers tag"])
def test_referrers_in_a_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: LoopbackRegistry, api: bool
) -> None:
    registry.referrers_api = api
    monkeypatch.setattr(limits, "REFERRERS", 2)
    done(["copy", _layout(tmp_path / "source"), f"{registry.host}/app:v1", "-q"])
    for number in range(3):
        file = tmp_path / f"{number}.txt"
        file.write_text(f"{number}")
        attach: list[object] = ["attach", file, f"{registry.host}/app:v1", "--artifact-type", "text/plain"]
        if number < 2:
            done(attach)
        else:
            before = dict(registry.repositories["app"].manifests)
            with pytest.raises(AirgapError, match="3 referrers, and no more than 2"):
                done(attach)
            assert registry.repositories["app"].manifests == before
    done(["discover", f"{registry.host}/app:v1"])


@pytest.mark.parametrize("children", [1, 2])
def test_acquisition_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: LoopbackRegistry, children: int
) -> None:
    """It tells of each child how its referrers were looked for."""
    builder = LayoutBuilder()
    builder.tag(builder.add_index(*(builder.add_image(b"%d" % number) for number in range(children))), "v1")
    builder.write_directory(tmp_path / "source")
    done(["copy", tmp_path / "source", f"{registry.host}/app", "-q"])
    monkeypatch.setattr(limits, "REFERRERS", 2)
    copy: list[object] = ["copy", f"{registry.host}/app:v1", tmp_path / "made", "-q"]
    if children == 1:
        done(copy)
        with open_layout(str(tmp_path / "made")) as layout:
            assert len(listed_records(layout)) == 1
    else:
        with pytest.raises(AirgapError, match="record would not be read"):
            done(copy)
        done([*copy, "--no-record"])
