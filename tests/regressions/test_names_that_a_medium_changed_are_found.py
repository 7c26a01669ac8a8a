"""Layouts on media that cut names, or keep capitals alone: content that is there was called missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.scenario import Scene, Written


def verified(written: Written) -> tuple[int, str]:
    ran = run_here(written.arguments()[:-2])
    return ran.code, ran.out


@pytest.mark.parametrize(
    "change", [str.upper, lambda name: name[:31], lambda name: f"{name};1", lambda name: f"{name[:6].upper()}~1"]
)
def test_reports_blobs_with_changed_names(tmp_path: Path, change: Callable[[str], str]) -> None:
    written = Scene().write(tmp_path)
    folder = written.layout / "blobs" / "sha256"
    name = written.digest.removeprefix("sha256:")
    (folder / name).rename(folder / change(name))
    code, text = verified(written)
    assert (code, f"{change(name)!r} is there, and may be it" in text) == (16, True), text
    assert "→ Carry the layout as a tar" in text


def test_a_platform_with_a_changed_name_is_not_called_left_out(tmp_path: Path) -> None:
    scene = Scene(index=True)
    written = scene.write(tmp_path)
    folder = written.layout / "blobs" / "sha256"
    name = json.loads((folder / written.digest.removeprefix("sha256:")).read_bytes())["manifests"][0]["digest"][7:]
    (folder / name).rename(folder / name.upper())
    code, text = verified(written)
    assert (code, "→ Carry the layout as a tar" in text, "docker save" in text) == (16, True, False), text


def test_an_absent_blob_is_missing(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    (written.layout / "blobs" / "sha256" / written.digest.removeprefix("sha256:")).unlink()
    code, text = verified(written)
    assert (code, "is there" in text) == (16, False)


@pytest.mark.parametrize(
    "names", [{"index.json": "INDEX.JSO;1", "oci-layout": "OCI_LAYO", "blobs": "BLOBS"}, {"index.json": "Index.json"}]
)
def test_recognises_a_layout_in_capital_letters(tmp_path: Path, names: dict[str, str]) -> None:
    written = Scene().write(tmp_path)
    for old, new in names.items():
        (written.layout / old).rename(written.layout / new)
    code, text = verified(written)
    assert (code, "a layout whose names the medium has changed" in text) == (16, True), text
