"""What exceeds a bound of the readers is not written: it was, with exit code 0, and then nothing verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import LimitError
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import parse_layout_index
from airgap.transfer.endpoint import Entry
from airgap.transfer.index_writer import EMPTY_INDEX, index_document, merged_index
from tests.support.command import run_here
from tests.support.pki import Pki, issue
from tests.support.scenario import Scene
from tests.support.signing import key_options


def entries(count: int) -> list[Entry]:
    contents = [b"%d" % number for number in range(count)]
    return [
        Entry(descriptor=Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(raw), size=len(raw)))
        for raw in contents
    ]


@pytest.mark.parametrize("bound", ["INDEX_ENTRIES", "LAYOUT_INDEX_BYTES"])
def test_refuses_to_write_an_index_over_the_bound(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    raw = index_document(entries(5))
    monkeypatch.setattr(limits, bound, 5 if bound == "INDEX_ENTRIES" else len(raw))
    assert len(parse_layout_index(index_document(entries(5))).manifests) == 5
    for write in (index_document, lambda all_of_them: merged_index(EMPTY_INDEX, all_of_them, drop=(), source="x")):
        with pytest.raises(LimitError, match="would list 6 entries"):
            write(entries(6))


@pytest.mark.parametrize("more", [0, 1])
def test_refuses_to_add_store_files_over_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(limits, "STORE_FILES", 3)
    files = []
    for number in range(3 + more):
        files.append(tmp_path / f"{number}.cer")
        files[-1].write_bytes(issue("root", slot=number).der)
    trust = tmp_path / "trust"
    assert run_here(["trust", "init", "--trust", str(trust)]).code in {0, 2}
    add = ["trust", "cert", "add", "--trust", str(trust), "--type", "ca", "--store", "site"]
    ran = run_here([*add, *map(str, files[:2])])
    assert ran.code == 0, ran
    ran = run_here([*add, *map(str, files[2:])])
    assert ran.code == more, ran
    assert ("more than 3 files" in ran.err) == bool(more)
    assert run_here(["trust", "cert", "list", "--trust", str(trust)]).code == 0


def test_refuses_to_add_keys_over_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SIGNING_KEYS", 2)
    given = key_options(tmp_path / "k", Pki().code_chain("p256"))
    config = ["--key-config", str(tmp_path / "keys")]
    codes = [run_here(["key", "add", f"k{number}", *given, *config]).code for number in range(3)]
    assert codes == [0, 0, 1]
    listed = run_here(["key", "list", *config])
    assert (listed.code, "k1" in listed.out, "k2" in listed.out) == (0, True, False)


def test_refuses_to_write_a_report_over_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPORT_BYTES", 100)
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2))
    ran = run_here(scene.write(tmp_path).arguments("--report", str(tmp_path / "report.json")))
    assert ran.code == 1
    assert "was not written" in ran.err
    assert not (tmp_path / "report.json").exists()
