"""Laws about whole artifacts: every byte of what was accepted counts, and evidence alone adds no trust."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.reasons import ExitCode
from airgap.stages.verify import verify
from airgap.verdict import Verdict
from airgap.verifier.outcome import ArtifactOutcome, Outcome
from airgap.verifier.request import VerifyRequest
from tests.support import names
from tests.support.crls import crl
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import SIGNING_CRL, Scene, Signature, Written, good_crls, with_everything
from tests.support.tsa import token

UNCOVERED: Final = {
    "index.json": "names artifacts and tags; what it may not do is make another artifact, or an unsigned one, pass",
    "oci-layout": "states a version; blanks and further members mean nothing",
}
"""Files whose bytes no digest and no signature covers, each with what is demanded instead."""


def _verify(written: Written) -> Outcome:
    request = VerifyRequest(targets=[written.target], at=written.at, clock=written.at, scope=written.scope)
    outcome = verify(request, written.trust)
    # bytes are judged, whatever they are: "could not do it" is no answer to them
    assert outcome.exit_code not in {ExitCode.ERROR, ExitCode.USAGE}, outcome.problems
    return outcome


def _accepted(outcome: Outcome) -> bool:
    return outcome.exit_code == 0 or outcome.verdict in {Verdict.PASS, Verdict.SKIPPED}


@dataclass(frozen=True, slots=True)
class Change:
    """One byte of a file flipped, dropped or put in."""

    kind: str
    place: float
    """Where in the file, from 0 to 1."""
    byte: int
    """From 1 to 255: what is XORed, or put in."""

    def apply(self, data: bytes) -> bytes:
        at = min(int(self.place * len(data)), len(data) - 1)
        match self.kind:
            case "flip":
                return data[:at] + bytes([data[at] ^ self.byte]) + data[at + 1 :]
            case "drop":
                return data[:at] + data[at + 1 :]
            case _:
                return data[:at] + bytes([self.byte]) + data[at:]


CHANGES: Final = st.builds(
    Change,
    kind=st.sampled_from(["flip", "drop", "insert"]),
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(1, 255),
)


@contextmanager
def _changed(path: Path, data: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.fixture(scope="module", params=["jws", "cose"])
def accepted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    written = with_everything(request.param, index=True).write(tmp_path_factory.mktemp(request.param))
    assert _accepted(_verify(written))
    return written


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Written:
    written = with_everything(archive=True).write(tmp_path_factory.mktemp("archive"))
    assert _accepted(_verify(written))
    return written


def _blobs(written: Written) -> list[Path]:
    return sorted((written.layout / "blobs" / "sha256").iterdir())


@settings(max_examples=50)
@given(data=st.data())
def test_every_byte_of_every_blob_counts(accepted: Written, data: st.DataObject) -> None:
    """RULE-4: manifests, configs, layers, signatures and their manifests, all of them."""
    path = data.draw(st.sampled_from(_blobs(accepted)))
    original = path.read_bytes()
    changed = data.draw(CHANGES).apply(original)
    if changed != original:
        with _changed(path, changed):
            assert not _accepted(_verify(accepted))


@settings(max_examples=50)
@given(name=st.sampled_from(sorted(UNCOVERED)), change=CHANGES)
def test_uncovered_bytes_let_no_other_artifact_pass(accepted: Written, name: str, change: Change) -> None:
    path = accepted.layout / name
    with _changed(path, change.apply(path.read_bytes())):
        outcome = _verify(accepted)
    if _accepted(outcome):
        (artifact,) = outcome.artifacts
        assert str(artifact.descriptor.digest) == accepted.digest
        assert _passes(artifact)


def _passes(artifact: ArtifactOutcome) -> bool:
    """Whether one of its own signatures passes, and all of its content is intact."""
    whole = artifact.content is not None and not artifact.content.problems
    return whole and any(signature.verdict is Verdict.PASS for signature in artifact.signatures)


@settings(max_examples=50)
@given(change=CHANGES)
def test_a_changed_archive_is_refused_or_reads_the_same(archived: Written, change: Change) -> None:
    """A tar has bytes that mean nothing (padding, times, modes); none of them may change what is judged."""
    with _changed(archived.layout, change.apply(archived.layout.read_bytes())):
        outcome = _verify(archived)
    if _accepted(outcome):
        (artifact,) = outcome.artifacts
        assert str(artifact.descriptor.digest) == archived.digest
        assert _passes(artifact)


@pytest.mark.parametrize("keep", [0.0, 0.25, 0.5, 0.9, 0.999])
def test_a_cut_archive_is_never_accepted(archived: Written, keep: float) -> None:
    whole = archived.layout.read_bytes()
    end = len(whole.rstrip(b"\0"))
    with _changed(archived.layout, whole[: int(end * keep)]):
        assert not _accepted(_verify(archived))


# --- evidence ---


@pytest.fixture(scope="module")
def revoked(tmp_path_factory: pytest.TempPathFactory) -> Written:
    scene = with_everything()
    leaf = scene.signature.leaf
    scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], revoked=[leaf])})
    written = scene.write(tmp_path_factory.mktemp("revoked"))
    assert _verify(written).exit_code == 14
    return written


@settings(max_examples=80)
@given(data=st.data())
def test_no_changed_evidence_undoes_a_revocation(revoked: Written, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted((revoked.trust / "crls").iterdir())))
    with _changed(path, data.draw(CHANGES).apply(path.read_bytes())):
        assert not _accepted(_verify(revoked))


def _stranger_chain() -> Issued:
    """All names of a chain, other keys: what an attacker can make."""
    return Pki().code_chain(
        root={"slot": 5},
        intermediate={"slot": 6},
        leaf={"slot": 7, "crl_urls": [SIGNING_CRL.format(0)], "ocsp_urls": ["http://ocsp.example"]},
    )


def _offers(stranger: Issued) -> dict[str, bytes]:
    """Evidence of an unknown CA and of others, in the files in which it would be looked for."""
    issuer = stranger.chain[1]
    good = good_crls(stranger, SIGNING_CRL)
    return {
        "crls/stranger-0.crl": good[SIGNING_CRL.format(0)],
        "crls/stranger-1.crl": good[SIGNING_CRL.format(1)],
        "crls/newer.crl": crl(issuer, number=99, this_update=AT - timedelta(hours=1)),
        "ocsp/stranger.ors": ocsp_response(stranger, issuer=issuer),
        "ocsp/self.ors": ocsp_response(stranger, issuer=issuer, responder=stranger),
        "truststore/x509/ca/unnamed/root.pem": stranger.root.pem,
        "truststore/x509/signingAuthority/harbour/root.pem": stranger.root.pem,
        "truststore/x509/tsa/unnamed/root.pem": stranger.root.pem,
    }


OFFERS: Final = (
    "crls/stranger-0.crl",
    "crls/stranger-1.crl",
    "crls/newer.crl",
    "ocsp/stranger.ors",
    "ocsp/self.ors",
    "truststore/x509/ca/unnamed/root.pem",
    "truststore/x509/signingAuthority/harbour/root.pem",
    "truststore/x509/tsa/unnamed/root.pem",
)


@settings(max_examples=20)
@given(
    offered=st.sets(st.sampled_from(OFFERS)),
    signatures=st.integers(1, 3),
    stamped=st.booleans(),
    level=st.sampled_from(["strict", "permissive"]),
)
def test_more_evidence_never_turns_fail_into_pass_without_an_anchor(
    tmp_path_factory: pytest.TempPathFactory, offered: set[str], signatures: int, stamped: bool, level: str
) -> None:
    """RULE-1: what travels, and whatever is beside the named stores, proves nothing."""
    scene = Scene(level=level)
    stranger = _stranger_chain()
    authority = Pki().tsa_chain(root={"subject": names.harbour("Root")})
    scene.signatures = [
        Signature(form, stranger, token=(lambda value: token(authority, value)) if stamped else None)
        for form in ["jws", "cose", "jws"][:signatures]
    ]
    written = scene.write(tmp_path_factory.mktemp("offer"))
    for name, content in _offers(stranger).items():
        if name in offered:
            path = written.trust / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    outcome = _verify(written)
    assert not _accepted(outcome)
    assert outcome.exit_code == 13


@pytest.fixture
def revoked_again(tmp_path: Path) -> Written:
    """Apart from `revoked`, because files are added to it."""
    scene = with_everything()
    leaf = scene.signature.leaf
    scene.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], revoked=[leaf])})
    scene.crl_index = None
    return scene.write(tmp_path)


def test_older_and_foreign_evidence_does_not_undo_a_revocation(revoked_again: Written) -> None:
    """The newest CRL of the issuer decides; evidence of another CA of the same name does not count."""
    stranger = _stranger_chain()
    genuine = Pki().code_chain()
    issuer = genuine.chain[1]
    offers = {
        "crls/older.crl": crl(issuer, this_update=AT - timedelta(days=9), next_update=AT + timedelta(days=1)),
        "crls/foreign.crl": crl(stranger.chain[1], this_update=AT - timedelta(hours=1)),
        "ocsp/foreign.ors": ocsp_response(genuine, issuer=stranger.chain[1]),
    }
    for name, content in offers.items():
        path = revoked_again.trust / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert _verify(revoked_again).exit_code == 14


def test_uncovered_files_are_the_only_files_beside_blobs(accepted: Written) -> None:
    files = {path.relative_to(accepted.layout).as_posix() for path in accepted.layout.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("blobs/")} == set(UNCOVERED)
