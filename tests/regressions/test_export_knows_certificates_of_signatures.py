"""A cross certificate that only a timestamp token holds is known to an export for notation, if the layout is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.regressions.test_a_revoked_key_counts_for_each_certificate import CA, TWINS, UNIT, URL, stamped
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.pki import AT


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("reason", ["cACompromise", None, "superseded"])
def test_a_crl_of_a_key_that_only_a_token_shows_as_revoked_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str | None, is_named: bool
) -> None:
    set_clock(monkeypatch, AT)
    twin = TWINS["its CA"](None)
    scene = stamped(twin, reason, [UNIT, CA, twin])
    scene.crl_index = {URL.format("unit"): "unit.crl"}
    scene.crls["unit.crl"] = crl(CA)
    here = scene.write(tmp_path)
    place = tmp_path / "export"
    more = ["--with", f"oci:{here.layout}"] if is_named else []
    ran = run_here(["trust", "export", str(place), "--for", "notation", "--trust", str(here.trust), *more])
    is_refused = run_here(here.arguments()).code == 14
    assert is_refused == (reason != "superseded")
    cached = list((place / "cache/crl").iterdir()) if (place / "cache/crl").is_dir() else []
    assert bool(cached) == (not is_named or not is_refused), ran


def test_only_notation_has_use_for_layouts(tmp_path: Path) -> None:
    here = stamped(TWINS["its CA"](None), None, [UNIT, CA]).write(tmp_path)
    arguments = ["trust", "export", str(tmp_path / "export"), "--for", "containers-policy", "--trust", str(here.trust)]
    ran = run_here([*arguments, "--with", f"oci:{here.layout}"])
    assert (ran.code, "--with is for notation" in ran.err) == (2, True)
