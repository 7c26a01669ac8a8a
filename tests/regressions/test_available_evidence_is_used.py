"""Available evidence that was not used, and absent evidence that was taken for good evidence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from airgap.cli.judging_options import parse_moment
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem, scope
from tests.support.extensions import BasicConstraints, KeyUsage
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, END, Issued, Pki, issue
from tests.support.scenario import Scene
from tests.support.trust import REPOSITORY

OCSP_SIGNING = bytes.fromhex("2b06010505070309")
URL = "http://crl.example/leaf.crl"
DAY = timedelta(days=1)


def scene(**leaf: object) -> tuple[Scene, Issued]:
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], **leaf})
    made = Scene()
    made.sign_with(chain)
    made.crls = {"old.crl": crl(chain.root, number=1)}
    return made, chain


def revoking(chain: Issued) -> bytes:
    return crl(chain.root, number=2, this_update=AT, revoked=[entry(chain.serial, reason="keyCompromise")])


def _in_folder(folder: Path, data: bytes) -> None:
    (folder / "june").mkdir()
    (folder / "june/new.crl").write_bytes(data)


def _mapped(folder: Path, data: bytes) -> None:
    (folder / "new.crl").write_bytes(data)
    (folder / "index.json").write_text(f'{{"{URL}": "old.crl", "http://elsewhere.example/": "new.crl"}}')


def _cut_beside_another(folder: Path, data: bytes) -> None:
    (folder / "all.crl").write_bytes(pem((folder / "old.crl").read_bytes()) + pem(data)[:-80])


def _emptied_in_ocsp(folder: Path, _: bytes) -> None:
    (folder.parent / "ocsp").mkdir()
    (folder.parent / "ocsp/new.crl").write_bytes(b"")


HIDDEN: dict[str, tuple[Callable[[Path, bytes], object], int]] = {
    "cut by ten bytes": (lambda folder, data: (folder / "new.crl").write_bytes(data[:-10]), 15),
    "one bit changed": (lambda folder, data: (folder / "new.crl").write_bytes(data[:-1] + bytes([data[-1] ^ 1])), 15),
    "a link": (lambda folder, data: (folder / "new.crl").symlink_to(folder / "elsewhere"), 15),
    "called .crl.pem": (lambda folder, data: (folder / "new.crl.pem").write_bytes(data), 14),
    "called .der": (lambda folder, data: (folder / "new.der").write_bytes(data), 14),
    "in a folder": (_in_folder, 14),
    "of another URL, says the index": (_mapped, 14),
    "called .new.crl.pem": (lambda folder, data: (folder / ".new.crl.pem").write_bytes(pem(data)), 14),
    "cut, in a file with others": (_cut_beside_another, 15),
    "cut to nothing": (lambda folder, data: (folder / "new.crl").write_bytes(b""), 15),
    "cut to nothing, in the folder of responses": (_emptied_in_ocsp, 15),
}


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("name", HIDDEN)
def test_uses_the_newer_revoking_crl_of_the_trust_directory(tmp_path: Path, name: str, quiet: bool) -> None:
    """It was a pass with a line of text, with -q without one."""
    hide, code = HIDDEN[name]
    made, chain = scene()
    written = made.write(tmp_path)
    assert run_here(written.arguments()).code == 0
    hide(written.trust / "crls", revoking(chain))
    ran = run_here(written.arguments(*(["-q"] if quiet else [])))
    assert ran.code == code, ran


def test_a_trust_directory_without_evidence_is_not_good(tmp_path: Path) -> None:
    made, _ = scene()
    made.crls = {}
    written = made.write(tmp_path)
    ran = run_here(["trust", "status", "--trust", str(written.trust)])
    assert ran.code == 15, ran
    assert "GOOD" not in ran.out


def test_a_fetch_for_unsigned_artifacts_says_that_nothing_is_signed(tmp_path: Path) -> None:
    made, _ = scene()
    made.signatures = []
    written = made.write(tmp_path)
    arguments = ["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download"]
    assert run_here([*arguments, "--require-complete"]).code == 15


def test_a_date_is_the_end_of_its_day() -> None:
    """It was midnight, so that the CRL of this morning was not used."""
    assert parse_moment("2026-06-01") == datetime(2026, 6, 1, 23, 59, 59, tzinfo=UTC)
    assert parse_moment("2026-06-01T08:00:00Z") == datetime(2026, 6, 1, 8, tzinfo=UTC)
    assert parse_moment("2026-06-01", whole_day=False) == datetime(2026, 6, 1, tzinfo=UTC)


def test_quiet_reports_a_newer_crl_that_does_not_count(tmp_path: Path) -> None:
    made, chain = scene()
    shard = scope(uris=["http://elsewhere.example/"])
    made.crls["shard.crl"] = crl(chain.root, number=9, this_update=AT, scope=shard)
    written = made.write(tmp_path)
    arguments = [item for item in written.arguments("-q") if item not in {"--format", "json"}]
    ran = run_here(arguments)
    assert ran.code == 0
    assert "shard.crl" in ran.err
    assert "another distribution point" in ran.err


@pytest.mark.parametrize("lost", ["base.crl", "delta.crl"])
def test_a_lost_file_that_the_index_names_is_not_treated_as_absent(tmp_path: Path, lost: str) -> None:
    """The newest delta CRL was lost: an older one cleared what it had revoked, with a line of text."""
    made, chain = scene()
    deltas = "http://crl.example/delta.crl"
    newest = crl(chain.root, number=14, delta_base=10, revoked=[entry(chain.serial, reason="keyCompromise")])
    made.crls = {
        "old.crl": crl(chain.root, number=10, this_update=AT - 3 * DAY, freshest=[deltas]),
        "base.crl": crl(chain.root, number=10, this_update=AT - 3 * DAY, freshest=[deltas], freshest_critical=True),
        "old-delta.crl": crl(chain.root, number=13, delta_base=10, this_update=AT - 2 * DAY),
        "delta.crl": newest,
    }
    made.crl_index = {URL: ["base.crl", "old.crl"], deltas: ["delta.crl", "old-delta.crl"]}  # type: ignore[dict-item]
    written = made.write(tmp_path)
    assert run_here(written.arguments()).code == 14
    (written.trust / "crls/delta.crl").unlink()
    (written.trust / "crls" / lost).unlink(missing_ok=True)
    ran = run_here(written.arguments())
    assert ran.code == 15, ran
    assert ran.reasons == {"evidence.unread"}


@pytest.mark.parametrize(
    ("known", "headline", "code"), [("good", "COMPLETE", 0), ("revoking", "REVOKED", 0), ("cut", "INCOMPLETE", 15)]
)
def test_evidence_older_than_that_of_the_trust_directory_is_not_reported_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, headline: str, code: int
) -> None:
    """Fetching into a layout was COMPLETE, by what was offered alone."""
    made, chain = scene()
    good, bad = crl(chain.root, number=1, next_update=END), revoking(chain)
    made.crls = {"known.crl": {"good": good, "revoking": bad, "cut": bad[:-10]}[known]}
    written = made.write(tmp_path)
    (tmp_path / "offered.crl").write_bytes(good)
    monkeypatch.setenv("AIRGAP_TRUST", str(written.trust))
    options = ["--from", str(tmp_path / "offered.crl"), "--no-download", "--require-complete"]
    ran = run_here(["trust", "fetch", "--into", str(written.layout), *options])
    assert ran.code == code
    assert ran.out.startswith(headline)


def test_copies_a_response_with_the_one_that_holds_its_responders_certificate(tmp_path: Path) -> None:
    """fetch said REVOKED, and what it put beside the image did not have the revocation: the far side passed it."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    made.ocsp = {
        "bare.ors": ocsp_response(chain, responder=delegate, embed=[], status="revoked"),
        "other.ors": ocsp_response(other, responder=delegate),
    }
    written = made.write(tmp_path / "here")
    layout = str(written.layout)
    ran = run_here(["trust", "fetch", layout, "--into", layout, "--no-download", "--trust", str(written.trust)])
    assert ran.out.startswith("REVOKED"), ran
    made.ocsp = None
    there = made.write_trust(tmp_path / "there")
    ran = run_here(["verify", written.target, "--trust", str(there), "--at", iso(AT), "--scope", REPOSITORY])
    assert ran.code == 14, ran


def test_keeps_a_response_whose_responders_certificate_is_in_another(tmp_path: Path) -> None:
    """fetch refused a revocation because it did not hold its responder's certificate, and verify passed."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    made.ocsp = {"other.ors": ocsp_response(other, responder=delegate)}
    written = made.write(tmp_path)
    offered = tmp_path / "bare.ors"
    offered.write_bytes(ocsp_response(chain, responder=delegate, embed=[], status="revoked"))
    trust = ["--trust", str(written.trust)]
    ran = run_here(["trust", "fetch", str(written.layout), "--from", str(offered), "--no-download", *trust])
    assert ran.out.startswith("REVOKED"), ran
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize(
    "about", ["another certificate", "this certificate", "this certificate, and older than a good one"]
)
@pytest.mark.parametrize("into", [False, True], ids=["into the trust directory", "into the layout"])
def test_keeps_a_response_of_a_layout_with_the_one_that_holds_its_responders_certificate(
    tmp_path: Path, about: str, *, into: bool
) -> None:
    """verify said REVOKED. fetch took the good one alone, and without the layout's evidence verify passed."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    if about != "this certificate":
        made.ocsp = {"good.ors": ocsp_response(chain, this_update=AT)}
    subject = other if about == "another certificate" else chain
    holder = ocsp_response(subject, responder=delegate, this_update=AT - timedelta(days=2))
    bare = ocsp_response(chain, responder=delegate, embed=[], status="revoked")
    made.builder.extra_files |= {"holder.ors": holder, "bare.ors": bare}
    written = made.write(tmp_path)
    assert run_here(written.arguments()).code == 14
    place = ["--into", str(written.layout)] if into else ["--trust", str(written.trust), str(written.layout)]
    ran = run_here(["trust", "fetch", "--no-download", *place])
    assert ran.out.startswith("REVOKED"), ran
    for name in ("holder.ors", "bare.ors"):
        (written.layout / name).unlink()
    assert run_here(written.arguments()).code == 14


def test_does_not_keep_a_forged_response_that_holds_a_responders_certificate(tmp_path: Path) -> None:
    """In the trust directory it would be damaged evidence, which leaves answers open. The certificate alone is kept."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    forged = ocsp_response(other, responder=delegate, signed_by=other.key)
    bare = ocsp_response(chain, responder=delegate, embed=[], status="revoked")
    made.builder.extra_files |= {"forged.ors": forged, "bare.ors": bare}
    written = made.write(tmp_path)
    ran = run_here(["trust", "fetch", "--no-download", "--trust", str(written.trust), str(written.layout)])
    assert ran.code == 0, ran
    assert {path.read_bytes() for path in (written.trust / "ocsp").iterdir()} == {bare, delegate.der}


@pytest.mark.parametrize("order", list(permutations(["forged", "holder", "bare"])), ids="-".join)
@pytest.mark.parametrize("into", [False, True], ids=["into the trust directory", "into the layout"])
def test_a_forged_response_hides_no_genuine_one_with_the_same_certificate(
    tmp_path: Path, order: tuple[str, ...], *, into: bool
) -> None:
    """The last one by name was taken, and where that was forged, none was kept: the revocation was not proven."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    pieces = {
        "forged": ocsp_response(other, responder=delegate, signed_by=other.key),
        "holder": ocsp_response(other, responder=delegate),
        "bare": ocsp_response(chain, responder=delegate, embed=[], status="revoked"),
    }
    written = made.write(tmp_path)
    offered = tmp_path / "offered"
    offered.mkdir()
    for number, name in enumerate(order):
        (offered / f"{number}.ors").write_bytes(pieces[name])
    place = ["--into", str(written.layout)] if into else ["--trust", str(written.trust), str(written.layout)]
    ran = run_here(["trust", "fetch", "--no-download", "--from", str(offered), *place])
    assert ran.out.startswith("REVOKED"), ran
    assert run_here(written.arguments()).code == 14


CERTIFICATE_FILES: dict[str, Callable[[Issued], bytes]] = {
    "d.crt": lambda made: made.der,
    "d.pem": lambda made: made.pem,
    "chain.pem": lambda made: b"".join(item.pem for item in made.chain),
    "with a CRL before it.pem": lambda made: pem(crl(made.root, number=1)) + made.pem,
    "with a CRL after it.pem": lambda made: made.pem + pem(crl(issue("root", slot=5), number=1)),
    "with a damaged one after it.pem": lambda made: made.pem + made.pem[:-40],
}


@pytest.mark.parametrize("name", CERTIFICATE_FILES)
@pytest.mark.parametrize("kept", ["trust", "layout"])
@pytest.mark.parametrize("response", ["trust", "layout"])
def test_the_certificate_of_a_responder_may_be_in_a_file_of_its_own(
    tmp_path: Path, response: str, kept: str, name: str
) -> None:
    """The response lacked it, was proven by nothing, and a revoked certificate passed."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, stranger = (issue("ocsp", issuer=item) for item in (chain.root, issue("root", slot=4)))
    revoked = ocsp_response(chain, responder=delegate, embed=[], status="revoked")
    written = made.write(tmp_path)
    places = {"trust": written.trust / "ocsp", "layout": written.layout / "ocsp"}
    for place in places.values():
        place.mkdir(exist_ok=True)
    (places[response] / "r.ors").write_bytes(revoked)
    (places[kept] / name).write_bytes(CERTIFICATE_FILES[name](stranger))
    is_open = response == "trust" or (kept == "trust" and "damaged" in name)  # that one may be the responder's
    assert run_here(written.arguments()).code == (15 if is_open else 0)
    (places[kept] / name).write_bytes(CERTIFICATE_FILES[name](delegate))
    assert run_here(written.arguments()).code == 14
    ran = run_here(["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download"])
    assert ran.out.startswith("REVOKED"), ran
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 14
    shutil.rmtree(written.layout)
    assert run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]).code == 14


@pytest.mark.parametrize("place", ["trust/ocsp", "layout", "trust/other"])
def test_says_that_a_file_holds_more_certificates_than_are_read(tmp_path: Path, place: str) -> None:
    """The certificate of a responder was behind a bound: the file counted as one without it, in a layout longer."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root)
    written = made.write(tmp_path)
    (written.layout / "r.ors").write_bytes(ocsp_response(chain, responder=delegate, embed=[], status="revoked"))
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    (folder / "many.pem").write_bytes(chain.pem * 1000 + delegate.pem)
    ran = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    assert (ran.code, "many.pem" in ran.out) == (15, True), ran
    (folder / "many.pem").write_bytes(delegate.pem + chain.pem * 1000)
    assert run_here(written.arguments()).code == 14
    (folder / "many.pem").write_bytes(chain.pem * 999 + delegate.pem)
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize("name", ["d.crt", "d.pem", "holder.ors"])
@pytest.mark.parametrize("part", ["signature", "subject", "issuer", "key", "outline"])
def test_a_damaged_certificate_that_may_prove_a_revocation_leaves_the_answer_open(
    tmp_path: Path, name: str, part: str
) -> None:
    """A changed bit in it in the trust directory, and nothing followed from the "revoked" in the target."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    at = {
        "signature": len(delegate.der) - 1,
        "subject": delegate.der.index(delegate.subject) + len(delegate.subject) - 1,
        "issuer": delegate.der.index(chain.root.subject) + len(chain.root.subject) - 1,
        "key": delegate.der.index(OCSP_SIGNING) - 100,
        "outline": delegate.der.index(delegate.subject) + 2,
    }[part]
    bad = delegate.der[:at] + bytes([delegate.der[at] ^ 1]) + delegate.der[at + 1 :]
    holder = ocsp_response(other, responder=delegate)
    files = {
        "d.crt": bad,
        "d.pem": pem(bad).replace(b"X509 CRL", b"CERTIFICATE"),
        "holder.ors": holder.replace(delegate.der, bad),
    }
    written = made.write(tmp_path)
    (written.trust / "ocsp").mkdir()
    (written.trust / "ocsp" / name).write_bytes(files[name])
    assert name == "holder.ors" or run_here(written.arguments()).code == 0
    (written.layout / "bare.ors").write_bytes(ocsp_response(chain, responder=delegate, embed=[], status="revoked"))
    report = tmp_path / "report.json"
    ran = run_here(written.arguments("--report", str(report)))
    assert (ran.code, set(ran.reasons)) == (15, {"evidence.unread"}), ran
    assert all(text in ran.out for text in ("bare.ors", name)), ran
    shutil.rmtree(written.layout)
    assert run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]).code == 15


@pytest.mark.parametrize("kind", ["no certificate", "a damaged certificate", "CRL"])
@pytest.mark.parametrize("quiet", [True, False])
def test_says_that_a_revocation_in_a_target_is_not_proven(tmp_path: Path, kind: str, *, quiet: bool) -> None:
    """Nothing was said of what revokes exactly this certificate."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root)
    damaged = delegate.der[:-1] + bytes([delegate.der[-1] ^ 1])
    other = issue("root", slot=5, subject=chain.root.subject)
    files = {
        "no certificate": ocsp_response(chain, responder=delegate, embed=[], status="revoked"),
        "a damaged certificate": ocsp_response(chain, responder=delegate, embed=[damaged], status="revoked"),
    }
    written = made.write(tmp_path)
    arguments = [item for item in written.arguments(*["-q"] * quiet) if item not in {"--format", "json"}]
    ending = ".crl" if kind == "CRL" else ".ors"
    others = ocsp_response(issue("leaf", issuer=chain.root), responder=delegate, embed=[], status="revoked")
    (written.layout / "other.ors").write_bytes(others)
    assert "not proven" not in run_here(arguments).out
    for number in range(5 if ending == ".crl" else 1):
        piece = crl(other, number=number, revoked=[entry(chain.serial)]) if ending == ".crl" else files[kind]
        (written.layout / f"x{number}{ending}").write_bytes(piece)
    ran = run_here(arguments)
    assert ran.code == 0, ran
    said = ran.err if quiet else ran.out
    assert f"{4 if ending == '.crl' else 0}{ending} in" in said, ran
    assert "it is not proven that its issuer says so" in said, ran
    assert ("2 more pieces" in said) == (ending == ".crl"), ran


@pytest.mark.parametrize("expired", [False, True])
def test_a_response_clears_only_with_the_certificate_of_its_responder_in_it(tmp_path: Path, expired: bool) -> None:
    """A certificate beside it only proves who made it (decision 0009)."""
    made, chain = scene(crl_urls=[], ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root, not_after=AT - DAY if expired else END)
    made.ocsp = {"r.ors": ocsp_response(chain, responder=delegate, embed=[])}
    written = made.write(tmp_path)
    (written.trust / "ocsp/d.pem").write_bytes(delegate.pem)
    assert run_here(written.arguments()).code == 15
    (written.trust / "ocsp/r.ors").write_bytes(ocsp_response(chain, responder=delegate))
    assert run_here(written.arguments()).code == (15 if expired else 0)


@pytest.mark.parametrize("titled", [False, True])
def test_the_certificate_of_a_responder_may_be_attached(tmp_path: Path, titled: bool) -> None:
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root)
    made.builder.extra_files["r.ors"] = ocsp_response(chain, responder=delegate, embed=[], status="revoked")

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        title = {"org.opencontainers.image.title": "d.crt"} if titled else {}
        kind = "application/octet-stream" if titled else "application/pkix-cert"
        blob = builder.add_blob(delegate.der, kind, annotations=title)
        builder.add_referrer(target, [blob], artifact_type="application/vnd.example")

    made.packing.append(attach)
    assert run_here(made.write(tmp_path).arguments()).code == 14


@pytest.mark.parametrize(("url", "code"), [("http://ocsp.example/", 15), ("http://other.example/", 0)])
def test_a_missing_response_of_the_responder_of_a_certificate_leaves_its_answer_open(
    tmp_path: Path, url: str, code: int
) -> None:
    made, _ = scene(ocsp_urls=["http://ocsp.example/"])
    written = made.write(tmp_path)
    folder = written.trust / "ocsp"
    folder.mkdir()
    (folder / "index.json").write_text(json.dumps({url: "gone.ors"}))
    ran = run_here(written.arguments())
    assert (ran.code, set(ran.reasons)) == (code, {"evidence.unread"} if code else set()), ran


@pytest.mark.parametrize(("status", "code"), [("revoked", 14), ("good", 15)])
@pytest.mark.parametrize("place", ["trust", "layout"])
def test_a_responder_in_a_trust_store_condemns_and_does_not_clear(
    tmp_path: Path, place: str, status: Any, code: int
) -> None:
    """In a layout its "revoked" was not used: its certificate, that of a CA, is in a trust store alone."""
    made, chain = scene(crl_urls=[], ocsp_urls=["http://ocsp.example/"])
    usage = KeyUsage(("digitalSignature", "keyCertSign"))
    delegate = issue("ocsp", issuer=chain.root, basic_constraints=BasicConstraints(), key_usage=usage)
    bare = ocsp_response(chain, responder=delegate, embed=[], status=status)
    made.stores = {**made.stores, "ca:responders": [delegate]}
    made.ocsp = {"r.ors": bare} if place == "trust" else {}
    made.builder.extra_files |= {"ocsp/r.ors": bare} if place == "layout" else {}
    assert run_here(made.write(tmp_path).arguments()).code == code


@pytest.mark.parametrize("name", ["d.cer", "with a CRL.pem"])
@pytest.mark.parametrize("single", [True, False])
def test_fetch_takes_the_certificate_of_a_responder_from_files(tmp_path: Path, name: str, *, single: bool) -> None:
    """The artifact that a fetch attaches makes a folder that can be handed to another fetch, with its certificates."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root)
    written = made.write(tmp_path)
    folder = tmp_path / "pulled/ocsp"
    folder.mkdir(parents=True)
    (folder / "r.ors").write_bytes(ocsp_response(chain, responder=delegate, embed=[], status="revoked"))
    beside = pem(crl(issue("root", slot=5), number=1)) if name.endswith(".pem") else b""
    (folder / name).write_bytes(delegate.pem + beside)
    (folder / "other.cer").write_bytes(chain.der)
    named = [folder / "r.ors", folder / name] if single else [folder.parent]
    options = [option for path in named for option in ("--from", str(path))]
    fetch = ["trust", "fetch", "--no-download", "--into", str(written.layout), str(written.layout), *options]
    assert run_here(fetch).out.startswith("REVOKED")
    assert run_here(written.arguments()).code == 14


def test_fetch_attaches_the_certificate_of_a_responder_that_no_response_holds(tmp_path: Path) -> None:
    """It attached the response alone: where that went, nothing proved it, and a revoked image passed."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root)
    made.builder.extra_files["r.ors"] = ocsp_response(chain, responder=delegate, embed=[], status="revoked")
    made.builder.extra_files["d.crt"] = delegate.pem
    written = made.write(tmp_path)
    copied = str(tmp_path / "copied")
    assert run_here(["copy", f"{written.layout}:v1", copied]).code == 0
    fetch = ["trust", "fetch", "--no-download", "--into", copied, copied, str(written.layout)]
    arguments = [f"{copied}:v1" if text == written.target else text for text in written.arguments()]
    assert "REVOKED" in run_here(fetch).out
    shutil.rmtree(written.layout)
    assert run_here(arguments).code == 14
    assert "REVOKED" in run_here(fetch[:-1]).out  # what is beside the image stays
    assert run_here(arguments).code == 14


@pytest.mark.parametrize("holds", ["a response", "a file of certificates", "a forged response"])
@pytest.mark.parametrize("place", ["layout", "offered"])
@pytest.mark.parametrize("named", [True, False], ids=["the trust directory is named", "it is the default"])
def test_fetch_attaches_what_revokes_with_what_proves_it_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, holds: str, *, named: bool
) -> None:
    """It said REVOKED, and attached neither: the receiving site passed the image."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    made.ocsp = {"bare.ors": ocsp_response(chain, responder=delegate, embed=[], status="revoked")}
    written = made.write(tmp_path)
    made.ocsp = {}
    (tmp_path / "far").mkdir()
    far = made.write_trust(tmp_path / "far")
    holder = {
        "a response": ocsp_response(other, responder=delegate),
        "a file of certificates": delegate.pem,
        "a forged response": ocsp_response(other, responder=delegate, signed_by=other.key),
    }
    (tmp_path / "offered").mkdir()
    (tmp_path / place / "holder.pem").write_bytes(holder[holds])
    copied = str(tmp_path / "copied")
    assert run_here(["copy", f"{written.layout}:v1", f"{copied}:v1"]).code == 0
    monkeypatch.setenv("AIRGAP_TRUST", str(written.trust))
    fetch = [
        "trust",
        "fetch",
        "--no-download",
        "--into",
        copied,
        str(written.layout),
        "--from",
        str(tmp_path / "offered"),
    ]
    assert run_here([*fetch, *(["--trust", str(written.trust)] if named else [])]).out.startswith("REVOKED")
    replaced = {written.target: f"{copied}:v1", str(written.trust): str(far)}
    assert run_here([replaced.get(text, text) for text in written.arguments()]).code == 14


def test_fetch_attaches_a_crl_of_the_default_trust_directory_that_revokes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, chain = scene()
    made.crls["new.crl"] = revoking(chain)
    written = made.write(tmp_path)
    monkeypatch.setenv("AIRGAP_TRUST", str(written.trust))
    fetch = ["trust", "fetch", "--no-download", "--into", str(written.layout), str(written.layout)]
    assert run_here(fetch).out.startswith("REVOKED")
    (written.trust / "crls/new.crl").unlink()
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize("beside", [False, True])
def test_the_certificate_of_a_responder_proves_when_a_person_puts_it_into_the_trust_directory(
    tmp_path: Path, *, beside: bool
) -> None:
    """Decision 0021, and docs/how-to/refresh-a-site.md."""
    made, chain = scene(ocsp_urls=["http://ocsp.example/"])
    delegate = issue("ocsp", issuer=chain.root)
    made.ocsp = {"r.ors": ocsp_response(chain, responder=delegate, embed=[], status="revoked")}
    written = made.write(tmp_path)
    if beside:
        (written.trust / "ocsp" / "responder.cer").write_bytes(delegate.der)
    assert run_here(written.arguments()).code == (14 if beside else 15)
