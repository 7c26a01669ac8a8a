"""Evidence that leaves an answer open: what is available, what is missing, and a remedy that helps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.crls import crl, scope
from tests.support.extensions import FRESHEST_CRL, UNKNOWN_CRITICAL, KeyUsage, Point, points
from tests.support.names import harbour
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene, Written

CRL = "http://crl.example/a.crl"
DELTA = "http://crl.example/delta.crl"
OCSP = "http://ocsp.example/"


def scene_with(**leaf: Any) -> Scene:
    scene = Scene()
    scene.sign_with(issue("leaf", issuer=issue("root"), **leaf))
    return scene


def judged(written: Written, *options: str) -> tuple[int, str]:
    """Exit code and text."""
    arguments = written.arguments(*options)
    assert run_here(arguments).code == run_here(arguments[:-2]).code
    ran = run_here(arguments[:-2])
    return ran.code, ran.out


def test_names_the_missing_base_of_a_delta(tmp_path: Path) -> None:
    scene = scene_with(crl_urls=[CRL])
    root = scene.signature.leaf.root
    scene.crls["d.crl"] = crl(root, number=14, delta_base=13)
    code, text = judged(scene.write(tmp_path))
    assert code == 15
    assert "no base CRL for" in text
    assert "only a delta CRL (d.crl), which says what changed since base CRL number 13" in text
    assert f"it comes from {CRL}" in text
    assert "[revocation.crl.missing]" in text
    assert "no CRL for" not in text


def test_does_not_name_a_delta_of_another_issuer(tmp_path: Path) -> None:
    scene = scene_with(crl_urls=[CRL])
    stranger = issue("root", slot=5)
    scene.crls["d.crl"] = crl(stranger, issuer_name=scene.signature.leaf.root.subject, number=14, delta_base=13)
    code, text = judged(scene.write(tmp_path))
    assert code == 15
    assert "delta CRL" not in text.partition("[revocation")[0]


def test_names_the_source_of_a_missing_delta(tmp_path: Path) -> None:
    scene = scene_with(crl_urls=[CRL])
    scene.crls["base.crl"] = crl(scene.signature.leaf.root, number=13, freshest=[DELTA])
    code, text = judged(scene.write(tmp_path))
    assert code == 15
    assert f"names a delta CRL, and none is available; it comes from {DELTA} [revocation.crl.delta]" in text


def _names_a_crl_issuer() -> Scene:
    scene = scene_with(points=[Point((CRL,), crl_issuer=harbour("CRL signer"))])
    scene.crls["a.crl"] = crl(scene.signature.leaf.root)
    return scene


def _names_a_delta_alone() -> Scene:
    scene = scene_with(crl_urls=[CRL], freshest=[Point((DELTA,))])
    scene.crls["a.crl"] = crl(scene.signature.leaf.root)
    return scene


def _is_indirect() -> Scene:
    scene = scene_with(crl_urls=[CRL])
    scene.crls["a.crl"] = crl(scene.signature.leaf.root, scope=scope(indirect=True))
    return scene


def _has_an_unknown_critical_extension() -> Scene:
    scene = scene_with(crl_urls=[CRL])
    scene.crls["a.crl"] = crl(scene.signature.leaf.root, extra=[UNKNOWN_CRITICAL])
    return scene


def _has_a_responder_without_its_usage() -> Scene:
    scene = scene_with(ocsp_urls=[OCSP])
    responder = issue("ocsp", issuer=scene.signature.leaf.root, extended_key_usage=None)
    scene.ocsp = {"a.ors": ocsp_response(scene.signature.leaf, responder=responder)}
    return scene


def _crl_is_signed_with_sha1() -> Scene:
    scene = scene_with(crl_urls=[CRL])
    scene.crls["a.crl"] = crl(scene.signature.leaf.root, hash_name="sha1")
    return scene


def _crl_has_version_1() -> Scene:
    scene = scene_with(crl_urls=[CRL])
    scene.crls["a.crl"] = crl(scene.signature.leaf.root, version=None)
    return scene


def _ca_may_not_sign_crls() -> Scene:
    scene = Scene()
    scene.sign_with(issue("leaf", issuer=issue("root", key_usage=KeyUsage(("keyCertSign",))), crl_urls=[CRL]))
    scene.crls["a.crl"] = crl(scene.signature.leaf.root)
    return scene


def _base_has_no_number() -> Scene:
    scene = scene_with(crl_urls=[CRL])
    root = scene.signature.leaf.root
    scene.crls = {"a.crl": crl(root, number=None, freshest=[DELTA]), "d.crl": crl(root, number=2, delta_base=1)}
    return scene


def _response_is_signed_with_sha1() -> Scene:
    scene = scene_with(ocsp_urls=[OCSP])
    scene.ocsp = {"a.ors": ocsp_response(scene.signature.leaf, hash_name="sha1")}
    return scene


def _response_has_an_unknown_critical_extension() -> Scene:
    scene = scene_with(ocsp_urls=[OCSP])
    scene.ocsp = {"a.ors": ocsp_response(scene.signature.leaf, response_extensions=[UNKNOWN_CRITICAL])}
    return scene


@pytest.mark.parametrize(
    "made",
    [
        _crl_is_signed_with_sha1,
        _crl_has_version_1,
        _ca_may_not_sign_crls,
        _base_has_no_number,
        _response_is_signed_with_sha1,
        _response_has_an_unknown_critical_extension,
        _names_a_crl_issuer,
        _names_a_delta_alone,
        _is_indirect,
        _has_an_unknown_critical_extension,
        _has_a_responder_without_its_usage,
    ],
)
def test_does_not_advise_to_fetch_unusable_evidence_again(tmp_path: Path, made: Callable[[], Scene]) -> None:
    """The advice was to fetch the current one, or to remove it as damaged."""
    code, text = judged(made().write(tmp_path))
    assert code == 15
    assert "To fetch it again does not help" in text
    assert "Fetch" not in text
    assert "damaged" not in text


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_explains_how_evidence_without_next_update_is_accepted(tmp_path: Path, kind: str) -> None:
    scene = scene_with(**({"crl_urls": [CRL]} if kind == "crl" else {"ocsp_urls": [OCSP]}))
    leaf, made = scene.signature.leaf, AT - timedelta(days=3)
    if kind == "crl":
        scene.crls["a.crl"] = crl(leaf.root, this_update=made, next_update=None)
    else:
        scene.ocsp = {"a.ors": ocsp_response(leaf, this_update=made, next_update=None)}
    written = scene.write(tmp_path)
    code, text = judged(written)
    assert code == 15
    assert f"[revocation.{kind}.stale]" in text
    assert f'--max-age {kind}=7d, or for good in airgap.toml, in the table [freshness]: {kind} = "7d".' in text
    assert "etch the current" not in text
    assert "etch a current" not in text
    code, text = judged(written, "--max-age", f"{kind}=2d")
    assert code == 15
    assert "it is 3 days old, more than the 2 that are accepted" in text
    assert judged(written, "--max-age", f"{kind}=7d")[0] == 0
    (written.trust / "airgap.toml").write_text(f'[freshness]\n{kind} = "7d"\n')
    assert judged(written)[0] == 0


def test_names_both_remedies_where_ocsp_and_crl_are_open(tmp_path: Path) -> None:
    scene = scene_with(crl_urls=[CRL], ocsp_urls=[OCSP])
    leaf = scene.signature.leaf
    scene.ocsp = {"a.ors": ocsp_response(leaf, next_update=None)}
    scene.crls["d.crl"] = crl(leaf.root, number=14, delta_base=13)
    code, text = judged(scene.write(tmp_path))
    assert code == 15
    assert "no base CRL" in text
    assert "--max-age ocsp=7d" in text
    assert "Fetch the current CRL" in text


def test_a_timestamping_chain_has_an_option_of_its_own(tmp_path: Path) -> None:
    scene = Scene()
    tsa = scene.timestamp(Pki().tsa_chain(tsa={"crl_urls": [CRL]}))
    scene.put_crls({CRL: crl(tsa.chain[1], next_update=None)})
    code, text = judged(scene.write(tmp_path))
    assert code == 15
    assert "--max-age tsa-crl=7d" in text
    assert 'tsa-crl = "7d"' in text
    assert iso(AT) in text


def test_checks_a_certificate_that_names_only_delta_crls(tmp_path: Path) -> None:
    """RFC 5280, 6.3.3: any complete CRL of the issuer is asked, with a delta CRL. It was taken as good, unasked."""
    scene = scene_with(extensions=[points(FRESHEST_CRL, [Point((DELTA,))])])
    root = scene.signature.leaf.root
    written = scene.write(tmp_path)
    code, text = judged(written)
    assert code == 15
    assert "it names where delta CRLs are, and not where the complete CRL is" in text
    (written.trust / "crls").mkdir(exist_ok=True)
    (written.trust / "crls/base.crl").write_bytes(crl(root, number=1, freshest=[DELTA]))
    assert judged(written)[0] == 15
    (written.trust / "crls/delta.crl").write_bytes(crl(root, number=2, delta_base=1))
    assert judged(written)[0] == 0


def _trust_command(written: Written, *command: str) -> tuple[int, str]:
    ran = run_here(["trust", *command, "--trust", str(written.trust)])
    return ran.code, ran.out


class TestWithoutNextUpdate:
    """verify said how to accept it; recheck, fetch and status said to fetch it again, which gives the same."""

    WAY: ClassVar = "To fetch it again does not help where its issuer never states a nextUpdate."

    def written(self, folder: Path, **scene: Any) -> Written:
        made = scene_with(ocsp_urls=[OCSP])
        made.ocsp = {"o.ors": ocsp_response(made.signature.leaf, next_update=None)}
        made.freshness = scene.get("freshness")
        return made.write(folder)

    def test_recheck_names_the_fitting_remedy(self, tmp_path: Path) -> None:
        written, report = self.written(tmp_path), str(tmp_path / "report.json")
        assert run_here(written.arguments("--max-age", "7d", "--report", report)).code == 0
        ran = run_here(["recheck", report, "--trust", str(written.trust), "--at", iso(AT)])
        assert ran.code == 15
        assert self.WAY in ran.out
        assert "Fetch a current response" not in ran.out

    def test_status_names_the_fitting_remedy(self, tmp_path: Path) -> None:
        code, text = _trust_command(self.written(tmp_path), "status", "--at", iso(AT))
        assert code == 15
        assert self.WAY in text
        assert 'ocsp = "7d" and tsa-ocsp = "7d"' in text
        assert "Fetch the current one" not in text

    @pytest.mark.parametrize("accepted", [False, True])
    def test_fetch_accepts_stale_evidence_as_configured(self, tmp_path: Path, *, accepted: bool) -> None:
        """What it says to write into airgap.toml counts for it, too."""
        made = scene_with(ocsp_urls=[OCSP])
        made.freshness = '[freshness]\nocsp = "36500d"\n' if accepted else None
        written = made.write(tmp_path)
        offered = tmp_path / "o.ors"
        offered.write_bytes(ocsp_response(made.signature.leaf, next_update=None))
        command = ["fetch", str(written.layout), "--no-download", "--from", str(offered), "--require-complete"]
        code, text = _trust_command(written, *command)
        assert code == (0 if accepted else 15), text
        assert (self.WAY in text) is not accepted
        assert text.startswith("COMPLETE" if accepted else "INCOMPLETE")

    def test_fetch_accepts_nothing_past_its_next_update(self, tmp_path: Path) -> None:
        made = scene_with(crl_urls=[CRL])
        made.freshness = '[freshness]\ncrl = "36500d"\n'
        made.crls["a.crl"] = crl(made.signature.leaf.root, next_update=AT)
        code, text = _trust_command(made.write(tmp_path), "fetch", str(tmp_path / "layout"), "--no-download")
        assert (code, text.split()[0]) == (0, "INCOMPLETE")


def test_does_not_advise_to_repair_intact_evidence(tmp_path: Path) -> None:
    scene = scene_with(crl_urls=[CRL], ocsp_urls=[OCSP])
    leaf = scene.signature.leaf
    scene.crls["a.crl"] = crl(leaf.root, extra=[UNKNOWN_CRITICAL])
    scene.ocsp = {"unknown.ors": ocsp_response(leaf, status="unknown")}
    code, text = _trust_command(scene.write(tmp_path), "status", "--at", iso(AT))
    assert code == 15
    assert "Repair the named file" not in text
    assert "as long as the CA makes it so" in text
    assert "Ask the CA why" in text
