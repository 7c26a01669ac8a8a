"""A line of a list means what the same reference means as an argument."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.copying import check_complete, family, write


@pytest.mark.parametrize("option", ["--file", "--lock"])
def test_lines_are_layouts_where_the_option_says_so(
    tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines were read as names in registries: `registry.example/app` was asked for over the network."""
    made = family(1)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "reg.example/app", made)  # as a line without `oci:` it could be in a registry
    (tmp_path / "list").write_text(f"reg.example/app:v1@{made.index.digest}\nreg.example/none@{made.index.digest}\n")
    ran = run_here(["copy", "--from-oci-layout", option, "list", "./stick"])
    assert ran.code == 11, ran
    assert "there is no file or directory reg.example/none" in ran.err
    (tmp_path / "list").write_text(f"reg.example/app:v1@{made.index.digest}\n")
    assert run_here(["copy", "--from-oci-layout", option, "list", "./stick"]).code == 0
    check_complete(tmp_path / "stick", made.index)
