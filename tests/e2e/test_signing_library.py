"""The library's signing half as a service would use it; the example is the one of docs/reference/library.md."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

import airgap
from airgap import signature
from airgap.values import Anchors, SignedArtifact
from tests.support.command import run_here
from tests.support.examples import example
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki
from tests.support.signing import local, tree
from tests.support.trust import oci_policy, statement, write_trust

ROOT = Path(__file__).resolve().parents[2]
LEAF = Pki().code_chain()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    builder = LayoutBuilder()
    builder.tag(builder.add_image(b"one layer"), "v1")
    return builder.write_directory(tmp_path / "layout")


def verify(image: Path, tmp_path: Path, store: str = "ca:harbour") -> dict[str, Any]:
    policy = oci_policy(statement(trustStores=[store]))
    trust = write_trust(tmp_path / "trust", policy=policy, stores={store: [LEAF.root]})
    return run_here(["verify", str(image), "--trust", str(trust), "--format", "json"]).document


class TestExample:
    def test_signs_and_verifies(self, image: Path, tmp_path: Path) -> None:
        names = example("sign_release")
        key = LEAF.key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        chain = tmp_path / "chain.crt"
        chain.write_bytes(b"".join(item.pem for item in LEAF.chain))
        signer = names["ServiceSigner"](lambda digest: key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))), chain)
        digest = names["sign_release"](f"{image}:v1", signer, "1234")
        (artifact,) = verify(image, tmp_path)["artifacts"]
        (signature,) = artifact["signatures"]
        assert (signature["digest"], signature["verdict"]) == (digest, "pass")
        assert signature["metadata"] == {"build": "1234"}

    def test_a_wrong_answer_of_the_service_attaches_nothing(self, image: Path, tmp_path: Path) -> None:
        names = example("sign_release")
        other = ec.generate_private_key(ec.SECP256R1())
        chain = tmp_path / "chain.crt"
        chain.write_bytes(b"".join(item.pem for item in LEAF.chain))
        signer = names["ServiceSigner"](lambda digest: other.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))), chain)
        before = tree(image)
        with pytest.raises(signature.SigningError) as caught:
            names["sign_release"](f"{image}:v1", signer, "1234")
        assert caught.value.reason == "envelope.signature"
        assert tree(image) == before


def request(image: Path, **changes: Any) -> airgap.SignRequest:
    return airgap.SignRequest(**{"targets": [f"{image}:v1"], "signer": local(LEAF), "at": AT, **changes})


@pytest.mark.parametrize("form", ["jws", "cose"])
def test_a_signing_authority_states_the_time(image: Path, tmp_path: Path, form: str) -> None:
    """SCHEME-3: in the library only."""
    airgap.sign(request(image, scheme=signature.Scheme.SIGNING_AUTHORITY, envelope=form))
    document = verify(image, tmp_path, "signingAuthority:harbour")
    assert document["verdict"] == "pass"
    assert document["artifacts"][0]["signatures"][0]["signer"]["scheme"] == "notary.x509.signingAuthority"


def test_an_equal_signature_may_end_slightly_earlier(image: Path) -> None:
    hour = timedelta(hours=1)
    moments = {AT: False, AT + hour / 20: True, AT + hour / 2: False}
    for at, existed in moments.items():
        (artifact,) = airgap.sign(request(image, at=at, lifetime=hour))
        assert artifact.existed is existed


@pytest.mark.parametrize(
    "change",
    [
        {"scheme": signature.Scheme.SIGNING_AUTHORITY},
        {"extended": {"com.example": signature.ExtendedAttribute("x", critical=False)}},
        {"plugin": signature.PluginDemand("acme", None)},
    ],
    ids=["scheme", "attribute", "plugin"],
)
def test_a_signature_with_other_attributes_is_not_equal(image: Path, change: dict[str, Any]) -> None:
    airgap.sign(request(image))
    assert [airgap.sign(request(image, **change))[0].existed for _ in range(2)] == [False, True]


def test_a_signing_authoritys_signature_is_not_stamped(image: Path) -> None:
    """Section 5."""

    class Stranger:
        anchors = Anchors.of({"root": signature.load_certificates(LEAF.root.der)})

        def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
            raise AssertionError("asked")

    airgap.sign(request(image, scheme=signature.Scheme.SIGNING_AUTHORITY))
    (stamped,) = airgap.add_timestamps(airgap.TimestampRequest(target=f"{image}:v1", timestamper=Stranger()))
    assert "signing authority" in stamped.state


def test_reports_each_attachment_as_it_happens(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    for tag in ("v1", "v2"):
        builder.tag(builder.add_image(tag.encode()), tag)
    image = builder.write_directory(tmp_path / "layout")
    told: list[str] = []

    def fail_after_one(item: SignedArtifact) -> None:
        told.append(item.name)
        raise RuntimeError("defect of the program")

    with pytest.raises(RuntimeError):
        airgap.sign(request(image, targets=[f"{image}:v1", f"{image}:v2"]), attached=fail_after_one)
    assert len(told) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": []},
        {"envelope": "pgp"},
        {"lifetime": timedelta(seconds=-1)},
        {"lifetime": timedelta(milliseconds=1500)},
        {"scheme": signature.Scheme.SIGNING_AUTHORITY, "timestamper": object()},
    ],
    ids=["nothing", "format", "negative", "fraction", "authority with timestamp"],
)
def test_refuses_contradictory_requests(tmp_path: Path, changes: dict[str, Any]) -> None:
    """CLI-3: a signing authority's signature has no timestamp."""
    with pytest.raises(airgap.AirgapError) as caught:
        request(tmp_path, **changes)
    assert caught.value.exit_code == 2


def test_shipped_classes_implement_the_protocols(tmp_path: Path) -> None:
    """Held by mypy; the assignments are the test."""
    signer: signature.Signer = local(LEAF)
    exchange: Callable[[bytes], bytes] = airgap.HttpTsa("http://tsa.example/")
    (tmp_path / "root.pem").write_bytes(LEAF.root.pem)
    anchors = signature.load_timestamp_anchors([tmp_path / "root.pem"])
    timestamper: signature.Timestamper = signature.Rfc3161Timestamper(exchange, anchors)
    assert signer.chain[-1] in timestamper.anchors
