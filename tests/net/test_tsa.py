"""Timestamping authorities over HTTP: requests, deadlines and redirects."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from airgap.errors import AirgapError, UsageError
from airgap.net.options import TransportOptions
from airgap.net.transport_errors import TransportError
from airgap.net.tsa import HttpTsa
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.pki.tsp import TimestampingError, TimestampQuery, read_response
from airgap.signature.signer import SigningError
from airgap.signature.timestamper import Rfc3161Timestamper, token_about
from tests.support.pki import Issued, Pki
from tests.support.registry import refusing_port, silent_port
from tests.support.tls import TlsFiles
from tests.support.tsa import token
from tests.support.tsa_server import LoopbackTsa

VALUE = b"a signature value"
CHAIN = tuple(Certificate.parse(item.der) for item in Pki().code_chain().chain)
QUERY = TimestampQuery.about(VALUE, "sha256", nonce=7)


def http(url: str, *, seconds: float = 5.0, **options: Any) -> HttpTsa:
    chosen = {"proxies": {}, "sleep": lambda _: None, **options}
    return HttpTsa(url, TransportOptions(**chosen), seconds)


def stamp(tsa: LoopbackTsa, hash_name: str = "sha256", policy: str | None = None, root: Issued | None = None) -> bytes:
    anchor = Certificate.parse((root or tsa.issued.root).der)
    timestamper = Rfc3161Timestamper(http(tsa.url), Anchors.of({"root": [anchor]}), policy)
    return token_about(timestamper, VALUE, hash_name, CHAIN)[0]


class TestGood:
    @pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
    def test_returns_a_verified_token(self, hash_name: str) -> None:
        with LoopbackTsa() as tsa:
            assert stamp(tsa, hash_name)
            (query,) = tsa.queries
        assert (query.hash_name, query.wants_certificate) == (hash_name, True)
        assert query.content_type == "application/timestamp-query"

    def test_every_query_has_a_nonce_of_its_own(self) -> None:
        """TS-12."""
        with LoopbackTsa() as tsa:
            for _ in range(3):
                stamp(tsa)
            nonces = {query.nonce for query in tsa.queries}
        assert len(nonces) == 3
        assert all(nonce and nonce.bit_length() == 64 for nonce in nonces)

    def test_asks_for_a_policy_where_one_is_named(self) -> None:
        with LoopbackTsa() as tsa:
            stamp(tsa, policy="1.2.3.9")
            assert tsa.queries[0].policy == "1.2.3.9"

    def test_follows_a_redirect_with_the_query(self) -> None:
        with LoopbackTsa() as tsa:
            tsa.mischief = "redirect_once"
            assert stamp(tsa)
            assert [query.path for query in tsa.queries] == ["/tsa", "/elsewhere"]

    def test_asks_again_where_the_authority_is_busy(self) -> None:
        with LoopbackTsa() as tsa:
            tsa.mischief = "http_503_once"
            assert stamp(tsa)
            assert len(tsa.queries) == 2

    def test_goes_through_the_proxy(self) -> None:
        with LoopbackTsa() as proxy:
            tsa = http("http://tsa.example/stamp", proxies={"http": f"http://127.0.0.1:{proxy.port}"})
            assert read_response(tsa(QUERY.der), QUERY)
            assert proxy.queries[0].path == "http://tsa.example/stamp"


class TestTls:
    def test_accepts_an_own_tls_authority(self, tls: TlsFiles) -> None:
        with LoopbackTsa(tls=tls.server_context()) as tsa:
            assert read_response(http(tsa.url, ca_file=tls.authority)(QUERY.der), QUERY)

    def test_a_certificate_of_an_unknown_issuer_is_refused(self, tls: TlsFiles) -> None:
        with LoopbackTsa(tls=tls.server_context()) as tsa, pytest.raises(TransportError) as caught:
            http(tsa.url)(QUERY.der)
        assert caught.value.facts["cause"] == "tls"
        assert not tsa.queries

    def test_the_registrys_client_certificate_is_not_shown(self, tls: TlsFiles) -> None:
        with LoopbackTsa(tls=tls.server_context(ask_client=True)) as tsa, pytest.raises(TransportError):
            http(tsa.url, ca_file=tls.authority, cert_file=tls.client)(QUERY.der)
        assert not tsa.queries

    def test_refuses_a_redirect_from_https_to_http(self, tls: TlsFiles) -> None:
        with LoopbackTsa(tls=tls.server_context()) as tsa:
            tsa.mischief = "redirect_to_http"
            with pytest.raises(TimestampingError, match="from https to http"):
                http(tsa.url, ca_file=tls.authority)(QUERY.der)
            assert len(tsa.queries) == 1


REFUSED = {
    "wrong_nonce": "replayed",
    "no_nonce": "no nonce",
    "wrong_imprint": "other bytes",
    "wrong_hash": "other bytes",
    "rejection": "no such\\x1b[31m customer",
    "no_token": "cannot be read",
    "bare_token": "cannot be read",
    "garbage": "cannot be read",
    "empty": "cannot be read",
    "oversize": "1048576 bytes or more",
    "page": "text/html",
    "http_500": "status 500",
    "http_404": "status 404",
    "redirect_loop": "more than 5 times",
    "redirect_file": "cannot be followed",
}


@pytest.mark.parametrize(("mischief", "words"), REFUSED.items(), ids=REFUSED)
def test_refuses_a_malformed_answer(mischief: str, words: str) -> None:
    with LoopbackTsa() as tsa:
        tsa.mischief = mischief
        with pytest.raises(TimestampingError) as caught:
            stamp(tsa)
    assert words in str(caught.value)


UNTRUSTED = {
    "other_root": "timestamp.untrusted",
    "no_certificates": "timestamp.signer",
    "broken_signature": "timestamp.signature",
    "ess_v1": "timestamp.signer",
}


@pytest.mark.parametrize(("mischief", "reason"), UNTRUSTED.items(), ids=UNTRUSTED)
def test_a_token_that_no_verifier_would_take_is_refused(mischief: str, reason: str) -> None:
    """Section 9.3, before the token gets into an envelope."""
    with LoopbackTsa() as tsa:
        tsa.mischief = mischief
        with pytest.raises(SigningError) as caught:
            stamp(tsa)
    assert caught.value.reason == reason


def test_a_policy_that_was_not_asked_for_is_refused() -> None:
    with LoopbackTsa() as tsa:
        tsa.mischief = "wrong_policy"
        assert stamp(tsa)
        with pytest.raises(TimestampingError, match=r"1\.2\.3\.4"):
            stamp(tsa, policy="1.2.3.9")


def test_a_token_outside_of_the_signing_chain_is_refused() -> None:
    """TS-26."""
    short = Pki().code_chain(leaf={"not_after": datetime(2024, 1, 1, tzinfo=UTC)})
    chain = tuple(Certificate.parse(item.der) for item in short.chain)
    with LoopbackTsa() as tsa:
        anchors = Anchors.of({"root": [Certificate.parse(tsa.issued.root.der)]})
        with pytest.raises(SigningError) as caught:
            token_about(Rfc3161Timestamper(http(tsa.url), anchors), VALUE, "sha256", chain)
    assert caught.value.reason == "timestamp.range"


def test_an_imprint_of_another_hash_than_the_keys_is_refused() -> None:
    """TS-12: a verifier takes any of SHA-2 (D30), a signer must not write it."""

    class Careless:
        anchors = Anchors.of({"root": [Certificate.parse(Pki().tsa_chain().root.der)]})

        def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
            return token(Pki().tsa_chain(), signature_value, imprint_hash="sha512")

    with pytest.raises(SigningError) as caught:
        token_about(Careless(), VALUE, "sha256", CHAIN)
    assert caught.value.reason == "timestamp.hash"


class TestWaiting:
    def test_stops_after_a_timeout(self) -> None:
        with LoopbackTsa() as tsa:
            tsa.mischief = "slow"
            start = time.monotonic()
            with pytest.raises(TransportError) as caught:
                http(tsa.url, seconds=0.2)(QUERY.der)
        assert caught.value.facts["cause"] == "timeout"
        assert time.monotonic() - start < 30
        assert len(tsa.queries) == 1  # what was slow once is not asked again

    def test_stops_a_slow_answer(self) -> None:
        """LIM-12: the time is that of the whole answer."""
        with LoopbackTsa() as tsa:
            tsa.drip = 0.05
            start = time.monotonic()
            with pytest.raises(TimestampingError, match=r"more than 0\.3 s"):
                http(tsa.url, seconds=0.3)(QUERY.der)
        assert time.monotonic() - start < 30

    def test_reports_an_unreachable_authority(self) -> None:
        with refusing_port() as port, pytest.raises(TransportError) as caught:
            http(f"http://127.0.0.1:{port}/")(QUERY.der)
        assert caught.value.facts["cause"] == "refused"

    def test_reports_a_port_without_an_answer(self) -> None:
        with silent_port() as port, pytest.raises(TransportError) as caught:
            http(f"http://127.0.0.1:{port}/", seconds=0.2)(QUERY.der)
        assert caught.value.facts["cause"] == "timeout"


@pytest.mark.parametrize(
    "url", ["", "tsa.example", "ftp://tsa.example/", "http://user:word@tsa.example/", "http://a b/"]
)
def test_a_malformed_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        HttpTsa(url)
    assert "word" not in str(caught.value)


def test_sends_no_credentials_to_the_authority() -> None:
    """Neither credentials of a registry nor cookies, and no certificate."""
    with LoopbackTsa() as tsa:
        stamp(tsa)
        assert not tsa.queries[0].headers.keys() & {"authorization", "cookie", "proxy-authorization"}


def test_raises_only_project_errors() -> None:
    with LoopbackTsa() as tsa:
        for mischief in ("garbage", "http_500", "redirect_file", "other_root"):
            tsa.mischief = mischief
            with pytest.raises(AirgapError):
                stamp(tsa)
