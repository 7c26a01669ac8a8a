"""CRLs and OCSP responses that came inside a timestamp token (D51), whose revocations were ignored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from airgap import limits
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.parse import der
from airgap.parse.time import iso
from tests.support import asn1
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, END, Issued, Pki
from tests.support.scenario import NOTARY, Scene, Signature, Written
from tests.support.snapshots import Ground
from tests.support.trust import REPOSITORY, oci_policy, statement
from tests.support.tsa import attribute, token

URL = "http://crl.example/tsa.crl"
OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"
"""RFC 5940."""


def scene(inside: Callable[[Issued, Issued], Sequence[bytes]], **tsa: object) -> Scene:
    """A signature whose timestamp is needed, with evidence about the authority and the signer in its token."""
    made = Scene()
    made.sign_with(Pki().code_chain(leaf={"not_after": AT - timedelta(days=100)}))
    authority = Pki().tsa_chain(tsa=tsa)
    made.timestamp(authority, gen_time=AT - timedelta(days=400), crls=inside(authority, made.signature.leaf))
    return made


def by_ocsp(authority: Issued, _: Issued) -> Sequence[bytes]:
    answer = ocsp_response(authority, status="revoked", reason="keyCompromise")
    return [asn1.explicit(1, asn1.oid(OCSP_RESPONSE), answer)]


def of(certificate: Issued) -> bytes:
    assert certificate.issuer
    entries = [entry(certificate.serial, reason="keyCompromise", at=AT - timedelta(days=500))]
    return crl(certificate.issuer, revoked=entries, number=2)


REVOKING: dict[str, Callable[[Issued, Issued], Sequence[bytes]]] = {
    "a CRL lists the authority": lambda authority, _: [of(authority)],
    "a CRL lists the authority's issuer": lambda authority, _: [of(authority.chain[1])],
    "an OCSP response is about the authority": by_ocsp,
    "a CRL lists the signer": lambda _, signer: [of(signer)],
}


VALUES = "1.2.840.113549.1.9.16.2.24"
"""revocation-values: where archives of signatures (CAdES) keep evidence."""
ARCHIVAL = "1.2.840.113583.1.1.8"
"""revocationInfoArchival: where signatures of PDF documents, and their timestamps, keep it."""


@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("by_crl", [True, False])
@pytest.mark.parametrize("kind", [VALUES, ARCHIVAL])
def test_a_revocation_in_attributes_of_a_token_counts(tmp_path: Path, kind: str, by_crl: bool, is_signed: bool) -> None:
    """Those of PDF documents, and signed ones, were not looked into."""
    authority = Pki().tsa_chain()
    answer = ocsp_response(authority, status="revoked", reason="keyCompromise")
    if kind == VALUES:
        answer = der.read(answer).children()[1].only().children()[1].octets()
    values = asn1.explicit(0, asn1.sequence(of(authority))) if by_crl else asn1.explicit(1, asn1.sequence(answer))
    written = attribute(kind, asn1.sequence(values))
    made = scene(lambda *_: [])
    made.timestamp(
        authority,
        gen_time=AT - timedelta(days=400),
        unsigned_attributes=b"" if is_signed else written,
        extra_attributes=[written] if is_signed else [],
    )
    ran = run_here(made.write(tmp_path).arguments())
    assert ran.code == 14, ran


@pytest.mark.parametrize(
    "value", [asn1.null(), asn1.sequence(asn1.explicit(0)), asn1.sequence(asn1.explicit(1, b"\x02\x01\x00"))]
)
def test_unreadable_unsigned_attributes_of_a_token_are_ignored(tmp_path: Path, value: bytes) -> None:
    made = scene(lambda *_: [])
    odd = attribute(VALUES, value)
    made.timestamp(gen_time=AT - timedelta(days=400), unsigned_attributes=odd)
    ran = run_here(made.write(tmp_path).arguments())
    assert ran.code == 0, ran


@pytest.mark.parametrize("odd", [asn1.null(), asn1.sequence(asn1.explicit(0)), asn1.sequence(asn1.integer(1))])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_revocation_beside_an_unreadable_attribute_counts(tmp_path: Path, odd: bytes, is_first: bool) -> None:
    """It was not looked for behind the unreadable one."""
    authority = Pki().tsa_chain()
    good = asn1.sequence(asn1.explicit(0, asn1.sequence(of(authority))))
    written = [attribute(VALUES, odd), attribute(VALUES, good)]
    made = scene(lambda *_: [])
    made.timestamp(
        authority,
        gen_time=AT - timedelta(days=400),
        unsigned_attributes=b"".join(written if is_first else reversed(written)),
    )
    ran = run_here(made.write(tmp_path).arguments())
    assert ran.code == 14, ran


@pytest.mark.parametrize("names_a_point", [False, True])
@pytest.mark.parametrize("name", REVOKING)
def test_a_revocation_in_a_token_counts(tmp_path: Path, name: str, names_a_point: bool) -> None:
    """It was a pass without a message, also beside a clean CRL of the trust directory."""
    made = scene(REVOKING[name], **({"crl_urls": [URL]} if names_a_point else {}))
    written = made.write(tmp_path)
    ran = run_here(written.arguments())
    assert ran.code == 14, ran
    assert "of the timestamp token" in ran.out


@pytest.mark.parametrize("gone", [False, True])
def test_uses_evidence_in_the_token_of_another_signature(tmp_path: Path, gone: bool) -> None:
    """It was used for the signature with the token alone, and the image passed by the other one."""
    made, leaf = Scene(), Pki().code_chain()
    made.sign_with(leaf)
    inside = [crl(leaf.chain[1], revoked=[entry(leaf.serial, reason="keyCompromise")])]
    made.timestamp(verify="afterCertExpiry", gen_time=AT, crls=inside)
    made.signatures.append(Signature("cose", leaf))
    written, report = made.write(tmp_path), tmp_path / "report.json"
    ran = run_here(written.arguments("--report", str(report)))
    assert ran.code == 14, ran
    if gone:
        shutil.rmtree(written.layout)
        ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)])
        assert ran.code == 14, ran


def two_images(folder: Path, *, apart: bool) -> tuple[list[str], Written]:
    """Two images, in one layout or in two, and the references to them.

    The token of the second one holds a CRL that revokes the signer of the first one. No policy needs the token.
    """
    signer, other = Pki().code_chain(), Pki().code_chain("p384", root={"slot": 4})
    revoking = crl(signer.chain[1], revoked=[entry(signer.serial, reason="keyCompromise")])
    made = Scene()
    made.sign_with(signer)
    made.timestamp(verify="afterCertExpiry")
    made.signature.token = None
    made.stores = {**made.stores, "ca:harbour": [signer.root, other.root]}
    stamped = Signature("cose", other, token=lambda value: token(Pki().tsa_chain(), value, crls=[revoking]))
    second = Scene(builder=LayoutBuilder() if apart else made.builder, signatures=[stamped])
    second.target = second.builder.add_image(b"another layer")
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    if apart:
        first = made.write(folder / "a")
        return [first.target, second.write(folder / "b").target], first
    made.packing = [
        lambda builder, _: builder.list(stamped.attach(builder, builder.tag(second.target, "other"), listed=False))
    ]
    written = made.write(folder / "a")
    return [written.target, f"oci:{written.layout}@{second.target.digest}"], written


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_uses_evidence_in_the_token_of_another_image(tmp_path: Path, apart: bool, reverse: bool) -> None:
    """It was used for the image with the token alone, and the image of the revoked signer passed beside it."""
    targets, written = two_images(tmp_path, apart=apart)
    ordered = targets[::-1] if reverse else targets
    common = ["--trust", str(written.trust), "--at", iso(AT)]
    scope = ["--scope", REPOSITORY]
    report = tmp_path / "report.json"
    ran = run_here(["verify", *ordered, *common, *scope, "--report", str(report)])
    assert ran.code == 14, ran
    assert run_here(["verify", targets[0], *common, *scope]).code == (0 if apart else 14)
    again = run_here(["recheck", str(report), *common])
    assert again.code == 14, again


class EscapedSignature(Signature):
    """The name of the token in its JWS is written with an escape: the same name to every reader of JSON."""

    def envelope(self, target: Descriptor) -> bytes:
        made = super().envelope(target)
        assert made.count(b'"io.cncf.notary.timestampSignature"') == 1
        return made.replace(b'"io.cncf.notary.timestampSignature"', b'"io.cncf.notary.timestamp\\u0053ignature"')


@pytest.mark.parametrize("kind", [Signature, EscapedSignature])
def test_uses_evidence_in_the_token_of_another_jws(tmp_path: Path, kind: type[Signature]) -> None:
    """Envelopes without a token are not parsed for it, which the bytes alone tell."""
    made, leaf = Scene(), Pki().code_chain()
    made.sign_with(leaf)
    made.timestamp(verify="afterCertExpiry")
    made.signature.token = None
    revoking = crl(leaf.chain[1], revoked=[entry(leaf.serial, reason="keyCompromise")])
    other = made.builder.tag(made.builder.add_image(b"another layer"), "other")
    stamped = kind("jws", leaf, token=lambda value: token(Pki().tsa_chain(), value, crls=[revoking]))
    stamped.attach(made.builder, other)
    ran = run_here(made.write(tmp_path).arguments())
    assert ran.code == 14, ran


@pytest.mark.parametrize("reverse", [False, True])
def test_a_recheck_uses_evidence_in_the_tokens_of_another_report(tmp_path: Path, reverse: bool) -> None:
    """The layouts are gone, and each report is of one image."""
    targets, written = two_images(tmp_path, apart=True)
    common = ["--trust", str(written.trust), "--at", iso(AT)]
    reports = [str(tmp_path / f"{number}.json") for number in range(2)]
    for target, report in zip(targets, reports, strict=True):
        assert run_here(["verify", target, *common, "--scope", REPOSITORY, "--report", report]).code == 0
    layout = shutil.move(written.layout, tmp_path / "gone")
    assert run_here(["recheck", reports[0], *common]).code == 0
    ordered = reports[::-1] if reverse else reports
    ran = run_here(["recheck", *ordered, *common])
    assert ran.code == 14, ran
    shutil.rmtree(tmp_path / "b")
    assert run_here(["recheck", *ordered, *common]).code == 14
    shutil.move(layout, written.layout)
    assert run_here(["recheck", *ordered, *common]).code == 14


def test_a_recheck_without_the_layout_uses_evidence_in_tokens(tmp_path: Path) -> None:
    """The timestamp was not needed when the report was made."""
    made = scene(REVOKING["a CRL lists the authority"])
    made.policy = oci_policy(
        statement(
            trustStores=["ca:harbour", "tsa:harbour"],
            signatureVerification={"level": "strict", "verifyTimestamp": "afterCertExpiry"},
        )
    )
    made.at = AT - timedelta(days=150)
    written, report = made.write(tmp_path), tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    shutil.rmtree(written.layout)
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)])
    assert ran.code == 14, ran


def test_a_fetch_keeps_evidence_in_tokens(tmp_path: Path) -> None:
    """It was COMPLETE by the clean CRL that was there."""
    made = scene(REVOKING["a CRL lists the authority"], crl_urls=[URL])
    issuer = Pki().tsa_chain().chain[1]
    made.crls = {"old.crl": crl(issuer, this_update=AT - timedelta(days=9), next_update=END)}
    written = made.write(tmp_path)
    ran = run_here(["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download"])
    assert ran.out.startswith("REVOKED"), ran
    assert len(list((written.trust / "crls").glob("*.crl"))) == 2


def test_a_crl_in_a_token_clears_as_evidence_of_a_target_does(tmp_path: Path) -> None:
    made = scene(lambda authority, _: [crl(authority.chain[1])], crl_urls=[URL])
    ran = run_here(made.write(tmp_path).arguments())
    assert ran.code == 0, ran


def test_a_stale_crl_in_a_token_does_not_clear(tmp_path: Path) -> None:
    old = AT - timedelta(days=400)
    made = scene(
        lambda authority, _: [crl(authority.chain[1], this_update=old, next_update=old + timedelta(days=7))],
        crl_urls=[URL],
    )
    ran = run_here(made.write(tmp_path).arguments())
    assert ran.code == 15, ran


def test_reports_unreadable_evidence_in_a_token_and_accepts_the_signature(tmp_path: Path) -> None:
    ran = run_here(scene(lambda *_: [asn1.sequence(asn1.null())]).write(tmp_path).arguments())
    assert ran.code == 0, ran
    assert "of the timestamp token" in ran.out


@pytest.mark.parametrize("exact", [True, False])
def test_uses_evidence_in_the_token_of_another_signature_of_a_snapshot(tmp_path: Path, exact: bool) -> None:
    """Each was judged with the evidence in its own token alone, and the snapshot of a revoked signer was applied."""
    ground = Ground(tmp_path)
    ground.pin(exact=exact)
    builder = ground.folder / "stick"
    ground.packed("stick")
    index = json.loads((builder / "index.json").read_text())
    about = next(item for item in index["manifests"] if item.get("artifactType") != NOTARY)
    target = Descriptor(media_type=about["mediaType"], digest=Digest.parse(about["digest"]), size=about["size"])
    revoking = crl(ground.leaf.chain[1], revoked=[entry(ground.leaf.serial, reason="keyCompromise")], number=9)
    other = Signature(
        "cose", Pki().code_chain("p384", 2), token=lambda value: token(Pki().tsa_chain(), value, crls=[revoking])
    )
    added = LayoutBuilder()
    other.attach(added, target)
    for digest, data in added.blobs.items():
        (builder / "blobs" / digest.algorithm / digest.encoded).write_bytes(data)
    assert not ground.verify(str(builder)).problems
    index["manifests"] += added.entries
    (builder / "index.json").write_text(json.dumps(index))
    outcome = ground.verify(str(builder))
    assert 14 in {problem.exit_code for problem in outcome.problems}, outcome.problems


@pytest.mark.parametrize("verify", ["always", "afterCertExpiry"])
def test_reports_an_unreadable_token_also_where_no_policy_asks_for_it(tmp_path: Path, verify: str) -> None:
    """Evidence in it was ignored, without a message."""
    made = Scene()
    made.timestamp(verify=verify)
    made.signature.token = lambda _: b"\x30\x03\x02\x01\x01"
    ran = run_here(made.write(tmp_path).arguments())
    (signature,) = ran.document["artifacts"][0]["signatures"]
    told = [text for text in signature["warnings"] if "timestamp token cannot be read" in text]
    assert (ran.code, len(told)) == ((13, 0) if verify == "always" else (0, 1)), ran


@pytest.mark.parametrize("is_own", [True, False], ids=["own token", "token of another image"])
@pytest.mark.parametrize("count", [limits.TOKEN_EVIDENCE - 1, limits.TOKEN_EVIDENCE])
def test_a_token_with_more_evidence_than_is_read_leaves_the_answer_open(
    tmp_path: Path, count: int, *, is_own: bool
) -> None:
    """One more genuine CRL hid all others, and 14 became 0."""
    made = Scene()
    made.sign_with(Pki().code_chain())
    signer, authority = made.signature.leaf, Pki().tsa_chain()
    assert signer.issuer
    inside = [*(crl(signer.issuer, number=100 + number) for number in range(count)), of(signer)]
    made.timestamp(authority, verify="afterCertExpiry")

    def stamped(value: bytes) -> bytes:
        return token(authority, value, crls=inside)

    if is_own:
        made.signature.token = stamped
    else:
        made.signature.token = None

        def pack(builder: LayoutBuilder, _: Descriptor) -> None:
            other = Signature("jws", signer)
            other.token = stamped
            other.attach(builder, builder.tag(builder.add_image(b"other"), "other"))

        made.packing.append(pack)
    written = made.write(tmp_path)
    ran = run_here(written.arguments("--report", str(tmp_path / "report.json")))
    code = 14 if count < limits.TOKEN_EVIDENCE else 15
    assert ran.code == code, ran
    assert ("evidence.unread" in ran.reasons) is (code == 15)
    recheck = ["recheck", str(tmp_path / "report.json"), "--trust", str(written.trust), "--at", iso(AT)]
    assert run_here(recheck).code == code
    shutil.rmtree(written.layout)
    assert run_here(recheck).code == code
