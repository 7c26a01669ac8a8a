"""Named trust stores: NEG-71 to NEG-76."""

from __future__ import annotations

import base64
import gzip
import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7, pkcs12

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.report.evidence_status import StatusReport
from airgap.report.policies import PolicyReport
from airgap.report.store_certificates import CertificatesReport
from airgap.report.style import Style
from airgap.trust.directory import TrustDirectory
from airgap.trust.edit import add_certificates, list_certificates
from airgap.trust.location import Location
from airgap.trust.policy_edit import check_policy
from airgap.trust.status import trust_status
from airgap.trust.store_types import StoreType
from airgap.trust.stores import LoadedStore, StoreRef, load_store
from tests.support.crls import crl
from tests.support.extensions import BasicConstraints, KeyUsage
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, foreign_info, issue
from tests.support.trust import store_folder, write_trust

ROOT = issue("root")
INTERMEDIATE = issue("intermediate", issuer=ROOT)
LEAF = issue("leaf", issuer=ROOT)
SELF_SIGNED_LEAF = issue("leaf")


def store(path: Path, content: dict[str, bytes], ref: str = "ca:harbour") -> LoadedStore:
    write_trust(path, stores={ref: content})
    return load_store(path, StoreRef.parse(ref))


def refusal(path: Path, ref: str = "ca:harbour") -> TrustMaterialError:
    with pytest.raises(TrustMaterialError) as caught:
        load_store(path, StoreRef.parse(ref))
    assert caught.value.facts["store"] == ref
    assert str(store_folder(path, ref)) in str(caught.value.facts["path"])
    return caught.value


def refused(path: Path, content: dict[str, bytes], ref: str = "ca:harbour") -> TrustMaterialError:
    write_trust(path, stores={ref: content})
    return refusal(path, ref)


@pytest.mark.parametrize(
    "text",
    [
        "ca",
        "CA:x",
        "foo:x",
        "ca:",
        ":x",
        "ca:a/b",
        "ca:a\\b",
        "ca:a:b",
        "ca:.",
        "ca:..",
        "ca:a\n",
        "ca:\u00e4",
        "tsa :x",
    ],
)
def test_neg_134_references_that_are_refused(text: str) -> None:
    """STORE-1, STORE-2, D23."""
    with pytest.raises(FormatError):
        StoreRef.parse(text)


@pytest.mark.parametrize("kind", list(StoreType))
def test_store_1_the_path_of_a_store(kind: StoreType, tmp_path: Path) -> None:
    """D20"""
    ref = StoreRef.parse(f"{kind}:a.B_c-9")
    assert ref == StoreRef(kind, "a.B_c-9")
    assert ref.folder(tmp_path) == tmp_path / "truststore" / "x509" / kind.value / "a.B_c-9"


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.pem", ROOT.pem), ("a.crt", ROOT.der), ("a.cer", ROOT.der), ("A.CER", ROOT.pem), ("a.b.pem", ROOT.der)],
)
def test_store_5_pem_and_der_in_files_of_three_endings(tmp_path: Path, name: str, data: bytes) -> None:
    assert [item.der for item in store(tmp_path, {name: data}).certificates] == [ROOT.der]


def test_store_6_several_certificates_in_one_file_and_each_once(tmp_path: Path) -> None:
    other = issue("root", slot=3, subject="C=US,ST=WA,O=Other")
    loaded = store(tmp_path, {"a.pem": b"text\n" + ROOT.pem + other.pem, "b.crt": other.der + ROOT.der})
    assert [item.der for item in loaded.certificates] == [ROOT.der, other.der]
    assert loaded.notices == ()


def test_neg_73_an_absent_store(tmp_path: Path) -> None:
    write_trust(tmp_path)
    assert refusal(tmp_path).reason == "store.missing"


def test_neg_73_an_empty_store(tmp_path: Path) -> None:
    assert refused(tmp_path, {}).reason == "store.empty"


def test_neg_73_a_store_with_nothing_but_directories_is_empty(tmp_path: Path) -> None:
    (store_folder(tmp_path, "ca:harbour") / "inner").mkdir(parents=True)
    assert refusal(tmp_path).reason == "store.empty"


def test_neg_73_store_3_a_store_that_is_a_symbolic_link(tmp_path: Path) -> None:
    write_trust(tmp_path, stores={"ca:real": {"a.pem": ROOT.pem}})
    store_folder(tmp_path, "ca:harbour").symlink_to(store_folder(tmp_path, "ca:real"))
    error = refusal(tmp_path)
    assert error.reason == "store.malformed"
    assert "symbolic link" in str(error)


def test_store_3_a_store_that_is_a_file(tmp_path: Path) -> None:
    folder = store_folder(tmp_path, "ca:harbour")
    folder.parent.mkdir(parents=True)
    folder.write_bytes(ROOT.pem)
    assert refusal(tmp_path).reason == "store.malformed"


def test_neg_74_d18_a_directory_is_ignored_with_a_notice(tmp_path: Path) -> None:
    inner = store_folder(tmp_path, "ca:harbour") / "old\x1b"
    inner.mkdir(parents=True)
    (inner / "b.pem").write_bytes(issue("root", slot=3).pem)
    loaded = store(tmp_path, {"a.pem": ROOT.pem})
    assert [item.der for item in loaded.certificates] == [ROOT.der]
    (notice,) = loaded.notices
    assert notice.reason == "store.ignored"
    assert notice.facts == {"store": "ca:harbour", "file": "old\\x1b"}


def test_neg_74_d18_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.pem").write_bytes(ROOT.pem)
    write_trust(tmp_path, stores={"ca:harbour": {"a.pem": ROOT.pem}})
    (store_folder(tmp_path, "ca:harbour") / "b.pem").symlink_to(tmp_path / "elsewhere.pem")
    error = refusal(tmp_path)
    assert error.facts["file"] == "b.pem"
    assert "symbolic link" in str(error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_nothing_waits_for_it(tmp_path: Path) -> None:
    write_trust(tmp_path, stores={"ca:harbour": {"a.pem": ROOT.pem}})
    os.mkfifo(store_folder(tmp_path, "ca:harbour") / "b.pem")
    assert "not a regular file" in str(refusal(tmp_path))


@pytest.mark.parametrize("name", ["README", "README.txt", "a.key", "a.pem.bak", "apem", "index.json"])
def test_neg_74_d19_a_file_of_another_ending_is_refused_by_name(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, {"a.pem": ROOT.pem, name: ROOT.pem})
    assert error.reason == "store.malformed"
    assert error.facts["file"] == name


@pytest.mark.parametrize("name", [".DS_Store", "._a.pem", ".pem", ".hidden.crt"])
def test_neg_74_d19_a_hidden_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, {"a.pem": ROOT.pem, name: ROOT.pem})
    assert error.facts["file"] == name
    assert "hidden" in str(error)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        ROOT.pem[:-30],
        ROOT.der[:-1],
        ROOT.pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
    ids=["empty", "garbage", "cut PEM", "cut DER", "a key behind"],
)
def test_d19_a_file_that_does_not_parse_fails_its_store(tmp_path: Path, data: bytes) -> None:
    error = refused(tmp_path, {"a.pem": ROOT.pem, "b.pem": data})
    assert error.reason == "store.malformed"
    assert error.facts["file"] == "b.pem"
    assert "again" in error.remedy or "Take the key out" in error.remedy


def test_neg_75_store_7_a_certificate_that_is_neither_a_ca_nor_self_signed(tmp_path: Path) -> None:
    error = refused(tmp_path, {"a.pem": ROOT.pem, "b.pem": LEAF.pem})
    assert error.facts["file"] == "b.pem"
    assert "neither a CA nor self-signed" in str(error)
    assert error.remedy.startswith("Take this certificate out.")  # the root beside it is good


def test_store_7_a_certificate_that_only_names_itself_as_issuer_is_not_self_signed(tmp_path: Path) -> None:
    forged = issue("leaf", signed_by=ROOT.key)
    assert refused(tmp_path, {"a.pem": forged.pem}).reason == "store.malformed"


@pytest.mark.parametrize("kind", ["ca", "signingAuthority"])
def test_store_7_a_self_signed_leaf_is_an_anchor(tmp_path: Path, kind: str) -> None:
    loaded = store(tmp_path, {"a.pem": SELF_SIGNED_LEAF.pem}, f"{kind}:harbour")
    assert [item.der for item in loaded.certificates] == [SELF_SIGNED_LEAF.der]
    assert loaded.notices == ()


@pytest.mark.parametrize("kind", ["ca", "signingAuthority"])
def test_d21_an_intermediate_is_an_anchor_with_a_notice(tmp_path: Path, kind: str) -> None:
    loaded = store(tmp_path, {"a.pem": INTERMEDIATE.pem, "b.pem": INTERMEDIATE.pem}, f"{kind}:harbour")
    (notice,) = loaded.notices
    assert notice.reason == "store.intermediate"
    assert notice.facts["file"] == "a.pem"


def test_store_8_an_expired_root_loads(tmp_path: Path) -> None:
    expired = issue("root", not_before=ROOT_TIMES[0], not_after=ROOT_TIMES[1])
    assert len(store(tmp_path, {"a.pem": expired.pem}).certificates) == 1


ROOT_TIMES = (Certificate.parse(ROOT.der).not_before, Certificate.parse(ROOT.der).not_before)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: INTERMEDIATE, "not a root"),
        (lambda: SELF_SIGNED_LEAF, "not a CA"),
        (lambda: issue("root", key_usage=KeyUsage(("cRLSign",))), "not a CA"),
        (lambda: issue("root", basic_constraints=BasicConstraints(ca=False)), "not a CA"),
        (lambda: issue("root", basic_constraints=None), "not a CA"),
        (lambda: issue("root", signed_by=SELF_SIGNED_LEAF.key), "its signature does not verify"),
    ],
    ids=["intermediate", "leaf", "no keyCertSign", "no cA", "no basicConstraints", "not its own signature"],
)
def test_neg_76_store_12_tsa_stores_hold_roots_alone(tmp_path: Path, make: Callable[[], Issued], said: str) -> None:
    error = refused(tmp_path, {"a.pem": make().pem}, "tsa:harbour")
    assert error.reason == "store.malformed"
    assert said in str(error)


def test_store_12_a_root_without_key_usage_is_a_root(tmp_path: Path) -> None:
    root = issue("root", key_usage=None)
    assert len(store(tmp_path, {"a.pem": root.pem}, "tsa:harbour").certificates) == 1


def test_neg_71_an_anchor_is_all_of_its_bytes(tmp_path: Path) -> None:
    """CHAIN-21: the same name and key in another certificate is another certificate."""
    twin = issue("root", serial=ROOT.serial + 1)
    loaded = store(tmp_path, {"a.pem": twin.pem})
    anchors = Anchors.of({"ca:harbour": loaded.certificates})
    assert Certificate.parse(twin.der) in anchors
    assert Certificate.parse(ROOT.der) not in anchors


def test_a_file_over_its_bound_is_refused(tmp_path: Path) -> None:
    padded = ROOT.pem + b" " * limits.STORE_FILE_BYTES
    assert "more than" in str(refused(tmp_path, {"a.pem": padded}))


def test_a_store_over_its_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_CERTIFICATES", 1)
    content = {"a.pem": ROOT.pem, "b.pem": issue("root", slot=3).pem}
    assert "more than 1 certificates" in str(refused(tmp_path / "a", content))
    monkeypatch.setattr(limits, "STORE_FILES", 1)
    assert "more than 1 entries" in str(refused(tmp_path / "b", content))


def test_names_are_shown_escaped(tmp_path: Path) -> None:
    error = refused(tmp_path, {"\x1b[2J.txt": b""})
    assert "\x1b" not in str(error)
    assert error.facts["file"] == "\\x1b[2J.txt"


SHA_1 = issue("root", key="rsa2048", hash_name="sha1", subject="C=US,ST=WA,O=Old root")
GOST = issue("root", public=foreign_info("1.2.643.7.1.1.1.1"), subject="C=RU,O=GOST root")


@pytest.mark.parametrize("kind", ["ed25519", "dsa2048"])
@pytest.mark.parametrize("ref", ["ca:harbour", "signingAuthority:harbour", "tsa:harbour"])
def test_a_root_of_a_kind_that_is_known_and_not_accepted_spoils_no_store(tmp_path: Path, ref: str, kind: str) -> None:
    odd = issue("root", key=kind, subject="C=US,O=Other root")
    loaded = store(tmp_path, {"a.pem": odd.pem, "b.pem": ROOT.pem}, ref)
    assert [item.der for item in loaded.certificates] == [odd.der, ROOT.der]
    (notice,) = loaded.notices
    assert notice.reason == "store.unusable"
    assert str(notice.facts["key"]) in notice.message


@pytest.mark.parametrize("ref", ["ca:harbour", "signingAuthority:harbour", "tsa:harbour"])
def test_accepts_a_store_with_a_certificate_of_an_unknown_key_kind(tmp_path: Path, ref: str) -> None:
    loaded = store(tmp_path, {"a.pem": GOST.pem + ROOT.pem, "b.pem": GOST.pem}, ref)
    assert [item.der for item in loaded.certificates] == [GOST.der, ROOT.der]
    (notice,) = loaded.notices
    assert notice.reason == "store.unusable"
    assert "GOST R 34.10-2012" in notice.message
    assert [item.der for item in Anchors.of({ref: loaded.certificates})] == [ROOT.der]


def test_a_store_of_nothing_but_such_certificates_is_empty(tmp_path: Path) -> None:
    """STORE-9."""
    error = refused(tmp_path, {"a.pem": GOST.pem})
    assert error.reason == "store.empty"
    assert "with a key of a kind that is known here" in str(error)


def test_reports_a_root_signed_with_sha_1(tmp_path: Path) -> None:
    (notice,) = store(tmp_path, {"a.pem": SHA_1.pem}).notices
    assert notice.reason == "store.unusable"
    assert "SHA-1 with RSA" in notice.message
    assert "not a root" not in notice.message
    error = refused(tmp_path, {"a.pem": SHA_1.pem}, "tsa:harbour")
    assert "its signature is made with SHA-1 with RSA" in str(error)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        ("trust-store/x509/ca/harbour", "'trust-store' in"),
        ("truststores/x509/ca/harbour", "'truststores' in"),
        ("TrustStore/x509/ca/harbour", "'TrustStore' in"),
        ("truststore/x.509/ca/harbour", "'x.509' in"),
        ("truststore/x509/CA/harbour", "'CA' in"),
        ("truststore/x509/ca/Harbour", "'Harbour' in"),
        ("truststore/x509/ca/other", "the stores of this type are: other"),
        ("truststore/x509/tsa/harbour", "does not exist"),
        ("truststore/ca/harbour", "ca/harbour must be in a folder 'x509'"),
        ("x509/ca/harbour", "x509/ca/harbour must be in a folder 'truststore'"),
        ("truststore/x509/ca", "'a.pem' is outside of every store"),
    ],
)
def test_store_1_reports_a_folder_of_similar_name(tmp_path: Path, made: str, wanted: str) -> None:
    folder = tmp_path / made
    folder.mkdir(parents=True)
    (folder / "a.pem").write_bytes(ROOT.pem)
    error = refusal(tmp_path)
    assert error.reason == "store.missing"
    assert wanted in str(error)


def test_gives_no_hint_where_nothing_is_similar(tmp_path: Path) -> None:
    (tmp_path / "crls").mkdir()
    assert str(refusal(tmp_path)).endswith("ca/harbour)")


def test_names_a_file_of_another_kind_with_a_remedy(tmp_path: Path) -> None:
    error = refused(tmp_path, {"a.pem": b"ssh-ed25519 AAAA me@here"})
    assert "the file 'a.pem' of the trust store ca:harbour is an SSH key" in str(error)
    assert "bare key" in error.remedy


def test_names_the_kind_of_a_file_that_is_added(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    path.write_bytes(b"ssh-ed25519 AAAA me@here")
    with pytest.raises(TrustMaterialError) as caught:
        add_certificates(tmp_path / "trust", StoreRef.parse("ca:harbour"), [path])
    assert "in the trust store ca:harbour: it is an SSH key" in str(caught.value)
    assert "bare key" in caught.value.remedy


@pytest.mark.parametrize(
    ("made", "wanted", "remedy"),
    [
        ("trust-store/x509/ca/harbour", "'trust-store' in", "Rename the folder to truststore"),
        ("truststore/x509/CA/harbour", "'CA' in", "Rename the folder to ca: upper and lower case count"),
        ("truststore/x509/ca/Harbour", "'Harbour' in", "or write ca:Harbour in the policy's trustStores"),
        ("truststore/x509/ca/other", "stores of this type are: other", "--type ca --store harbour"),
        ("truststore/ca/harbour", "truststore/ca/harbour", "Make the folder x509"),
        ("x509/ca/harbour", "x509/ca/harbour", "Make the folder truststore"),
        ("truststore/x509/ca", "'a.pem' is outside of every store", "Make a folder harbour there"),
        ("harbour", "a folder harbour", "Move harbour to truststore/x509/ca/harbour"),
        ("trust/truststore/x509/ca/harbour", "trust/truststore/x509/ca/harbour", "Move trust/truststore"),
        ("truststore/x509/tsa/harbour", "a store of type tsa, and the policy names one of type ca", "tsa:harbour"),
    ],
)
def test_reports_a_misplaced_store_with_its_right_place(tmp_path: Path, made: str, wanted: str, remedy: str) -> None:
    folder = tmp_path / made
    folder.mkdir(parents=True)
    (folder / "a.pem").write_bytes(ROOT.pem)
    error = refusal(tmp_path)
    assert error.reason == "store.missing"
    assert wanted in str(error)
    assert remedy in error.remedy


def test_an_empty_folder_on_the_way_hides_no_hint(tmp_path: Path) -> None:
    (tmp_path / "truststore/x509").mkdir(parents=True)
    (tmp_path / "truststore/ca/harbour").mkdir(parents=True)
    (tmp_path / "truststore/ca/harbour/a.pem").write_bytes(ROOT.pem)
    assert "Move truststore/ca/harbour to truststore/x509/ca/harbour" in refusal(tmp_path).remedy


def test_reports_certificates_one_folder_too_deep(tmp_path: Path) -> None:
    folder = tmp_path / "truststore/x509/ca/harbour/certs"
    folder.mkdir(parents=True)
    (folder / "a.pem").write_bytes(ROOT.pem)
    error = refusal(tmp_path)
    assert error.reason == "store.empty"
    assert "'certs' in it is not looked into" in str(error)
    assert "Move the certificates from certs" in error.remedy


P12 = pkcs12.serialize_key_and_certificates(b"a", ROOT.key, ROOT.x509, None, NoEncryption())
NAMED = [
    ("root.der", ROOT.der, "it holds a certificate", "root.der to root.cer"),
    ("root.cert", ROOT.pem, "it holds a certificate", "root.cert to root.pem"),
    ("root.pem.bak", ROOT.pem, "it holds a certificate", "root.pem.bak to root.pem"),
    ("all.txt", ROOT.pem + INTERMEDIATE.pem, "it holds 2 certificates", "all.txt to all.pem"),
    ("root.p12", P12, "PKCS#12", "openssl pkcs12"),
    ("root.pfx", P12, "PKCS#12", "openssl pkcs12"),
    ("root.p7b", pkcs7.serialize_certificates([ROOT.x509], Encoding.DER), "PKCS#7", "openssl pkcs7"),
    ("ca.key", ROOT.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "a private key", "Take"),
    ("a.crl", crl(ROOT), "a CRL", "crls/"),
    ("a.ors", ocsp_response(INTERMEDIATE), "an OCSP response", "ocsp/"),
    ("root.pem.gz", gzip.compress(ROOT.pem), "compressed", "Unpack"),
    ("README.md", b"ours", "not named as a certificate file", "Remove it"),
    (".DS_Store", bytes(9), "hidden file", "Remove it"),
    (
        ".root.pem",
        ROOT.pem,
        "hidden file; a trust store holds certificate files alone; it holds",
        ".root.pem to root.pem",
    ),
]


@pytest.mark.parametrize(("name", "data", "words", "remedy"), NAMED, ids=[case[0] for case in NAMED])
def test_a_refused_file_is_reported_with_its_kind(
    tmp_path: Path, name: str, data: bytes, words: str, remedy: str
) -> None:
    """STORE-5, D19."""
    error = refused(tmp_path / "trust", {"good.pem": ROOT.pem, name: data})
    assert error.reason == "store.malformed"
    assert words in str(error)
    assert remedy in error.remedy
    (tmp_path / name).write_bytes(data)
    if remedy.startswith(f"{name} to ") and not name.startswith("."):  # any name may be chosen
        (added,) = add_certificates(tmp_path / "other", StoreRef.parse("ca:harbour"), [tmp_path / name])
        assert remedy == f"{name} to {added.name}"
        assert load_store(tmp_path / "other", StoreRef.parse("ca:harbour")).certificates
        return
    with pytest.raises(TrustMaterialError) as caught:
        add_certificates(tmp_path / "other", StoreRef.parse("ca:harbour"), [tmp_path / name])
    assert words in str(caught.value)
    wanted = "Choose the certificate" if remedy == "Remove it" else remedy  # it does not are in the store
    assert wanted in caught.value.remedy


@pytest.mark.parametrize("name", ["root.pem~", "root.pem.bak", ".root.pem", "root"])
def test_never_advises_to_rename_a_copy_over_a_file(tmp_path: Path, name: str) -> None:
    """What an editor leaves behind is an older state: `mv root.pem~ root.pem` would have brought that back."""
    error = refused(tmp_path / "trust", {"root.pem": ROOT.pem, name: INTERMEDIATE.pem})
    assert "it holds a certificate" in str(error)
    assert error.remedy.startswith("Remove it, unless it is to be trusted beside root.pem")


@pytest.mark.parametrize(
    ("data", "words", "remedy"),
    [
        (ROOT.pem.replace(b"\n", b""), "on one line", "each on a line"),
        (ROOT.pem[:-40], "has no end", "broken off"),
        (ROOT.der[:-20], "is cut short, damaged", "broken off"),
        (ROOT.der + b"\n", "trailing data", "broken off"),
        (base64.b64encode(ROOT.pem), "is base64 of PEM", "base64 -d"),
        (b"404 page not found\n", "it begins with '404 page not found'", ""),
        (b"apiVersion: v1\nkind: Secret\ndata:\n  ca.crt: LS0t\n", "is a resource of Kubernetes", "below data"),
        (ROOT.pem.replace(b"\n", b"\\n"), "whose line ends are written as", "printf"),
        (ROOT.pem.replace(b"-----", b"----"), "do not begin and end with five dashes", "again"),
        (ROOT.pem.replace(b"-----", "\u2014".encode()), "do not begin and end with five dashes", "again"),
        (
            b"ca: |\n" + textwrap.indent(ROOT.pem.decode(), "  ").encode(),
            "are not on lines of their own",
            "on a line of its own",
        ),
        (b'"' + ROOT.pem + b'"', "are not on lines of their own", "on a line of its own"),
        (ROOT.pem.replace(b"BEGIN CERTIFICATE", b"BEGIN X509 CERTIFICATE"), "ends with '-----END CERT", "again"),
    ],
)
def test_reports_a_damaged_file_with_a_remedy(tmp_path: Path, data: bytes, words: str, remedy: str) -> None:
    error = refused(tmp_path, {"a.pem": data})
    assert words in str(error)
    assert remedy in error.remedy


WEAK = {
    "of RSA 1024": issue("root", key="rsa1024"),
    "of P-224": issue("root", key="p224"),
    "of version 1": issue("root", version=1),
    "without keyCertSign": issue("root", key_usage=KeyUsage(("cRLSign",))),
    "with constraints that are not critical": issue(
        "root", basic_constraints=BasicConstraints(ca=True, critical=False)
    ),
    "an intermediate of RSA 1024": issue("intermediate", issuer=ROOT, key="rsa1024"),
}


@pytest.mark.parametrize("weak", WEAK.values(), ids=WEAK)
def test_reports_a_certificate_that_no_chain_can_end_in(tmp_path: Path, weak: Issued) -> None:
    """D17, CHAIN-6, CHAIN-8: each verify refused the chain, and nothing that looks at stores said so before."""
    (notice,) = store(tmp_path, {"a.pem": weak.pem, "b.pem": ROOT.pem}).notices
    assert notice.reason == "store.unusable"
    assert "a chain that ends in it is refused: it " in notice.message
    policy = check_policy(tmp_path, "oci")
    assert [item.message for item in policy.notices] == [notice.message]
    assert notice.message in "\n".join(PolicyReport(policy).lines(Style()))
    listed = CertificatesReport(list_certificates(Location(path=tmp_path, origin="--trust")))
    assert notice.message in "\n".join(listed.lines(Style()))
    assert listed.exit_code == 0
    status = trust_status(TrustDirectory.open(tmp_path), at=AT, clock=AT)
    assert [item.message for item in status.notices] == [notice.message]
    assert not status.problems
    assert notice.message in "\n".join(StatusReport(status).lines(Style()))


@pytest.mark.parametrize("good", [ROOT, SELF_SIGNED_LEAF], ids=["root", "self-signed leaf"])
def test_says_nothing_of_what_a_chain_can_end_in(tmp_path: Path, good: Issued) -> None:
    assert store(tmp_path, {"a.pem": good.pem}).notices == ()
