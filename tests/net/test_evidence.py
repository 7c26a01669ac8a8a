"""CRLs and OCSP responses over HTTP: each kind of failure ends with its own reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airgap import limits
from airgap.collection.asking import ocsp_request
from airgap.errors import Undecided
from airgap.net import evidence
from airgap.net.evidence import LEAST_RATE, EvidenceClient, EvidenceOptions
from airgap.net.http import Request
from airgap.net.options import TransportOptions
from airgap.pki.certificate import Certificate
from tests.support.endpoints import Endpoints, requested
from tests.support.pki import Pki

LEAF, CA, _ = Pki().code_chain().chain
QUESTION = ocsp_request(Certificate.parse(LEAF.der), Certificate.parse(CA.der))


@pytest.fixture
def web() -> Iterator[Endpoints]:
    with Endpoints() as running:
        yield running


def client(**options: Any) -> EvidenceClient:
    transport = TransportOptions(retries=1, sleep=lambda _: None, proxies=options.pop("proxies", {}))
    return EvidenceClient(EvidenceOptions(transport=transport, **options))


def refused(url: str, path: Path, **options: Any) -> Undecided:
    """Why the CRL at `url` did not come."""
    with client(**options) as asking, pytest.raises(Undecided) as caught:
        asking.crl(url, path / "x")
    return caught.value


class TestCrl:
    def test_returns_the_bytes_as_served(self, web: Endpoints, tmp_path: Path) -> None:
        with client() as asking:
            assert asking.crl(web.put("/a.crl", b"content"), tmp_path / "x") == 7
        assert (tmp_path / "x").read_bytes() == b"content"

    def test_redirects_are_followed_within_bounds(self, web: Endpoints, tmp_path: Path) -> None:
        web.put("/a.crl", b"content")
        for number in range(5):
            web.redirect(f"/{number}", "/a.crl" if number == 0 else web.url(f"/{number - 1}"))
        with client() as asking:
            assert asking.crl(web.url("/4"), tmp_path / "x") == 7

    def test_follows_a_redirect_with_blanks(self, web: Endpoints, tmp_path: Path) -> None:
        web.put("/Cert%20Enroll/a.crl", b"content")
        web.redirect("/a.crl", web.url("/Cert Enroll/a.crl"))
        with client() as asking:
            assert asking.crl(web.url("/a.crl"), tmp_path / "x") == 7

    def test_uses_a_proxy(self, web: Endpoints, tmp_path: Path) -> None:
        """A proxy is sent the whole URL."""
        web.prefixes["http://crl.example"] = lambda handler: handler.answer(200, b"through")
        with client(proxies={"http": web.url("")}) as asking:
            asking.crl("http://crl.example/a.crl", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == b"through"

    def test_requests_again_after_one_server_error(self, web: Endpoints, tmp_path: Path) -> None:
        answers = iter([(503, b""), (200, b"content")])
        web.pages["/a.crl"] = lambda handler: handler.answer(*next(answers))
        with client() as asking:
            assert asking.crl(web.url("/a.crl"), tmp_path / "x") == 7


class TestRefused:
    def test_a_dead_endpoint(self, web: Endpoints, tmp_path: Path) -> None:
        error = refused(web.dead(), tmp_path)
        assert (error.reason, error.facts["cause"]) == ("fetch.unreachable", "refused")

    def test_an_unknown_host(self, tmp_path: Path) -> None:
        assert refused("http://nowhere.invalid/a.crl", tmp_path).reason == "fetch.unreachable"

    def test_an_error_status(self, web: Endpoints, tmp_path: Path) -> None:
        error = refused(web.fail("/a.crl", 404), tmp_path)
        assert (error.reason, error.facts["status"]) == ("fetch.status", 404)

    def test_no_answer_in_time(self, web: Endpoints, tmp_path: Path) -> None:
        assert refused(web.silent("/a.crl"), tmp_path, crl_seconds=0.2).reason == "fetch.timeout"

    def test_a_slow_answer(self, web: Endpoints, tmp_path: Path) -> None:
        """Each byte comes in time, and the whole never would."""
        error = refused(web.drip("/a.crl"), tmp_path, crl_seconds=0.3)
        assert error.reason == "fetch.timeout"
        assert "too slow" in str(error)

    def test_a_large_crl_has_a_longer_deadline(self, web: Endpoints, tmp_path: Path) -> None:
        """The clock jumps far beyond the patience, and the server has been fast enough by then."""
        ticks = iter([0.0, *[40.0] * 1000])
        content = bytes(int(LEAST_RATE) * 20)
        with client(crl_seconds=30, clock=lambda: next(ticks)) as asking, pytest.raises(Undecided, match="too slow"):
            asking.crl(web.put("/small.crl", b"0"), tmp_path / "small")
        ticks = iter([0.0, *[30.1] * 1000])
        with client(crl_seconds=30, clock=lambda: next(ticks)) as asking:
            assert asking.crl(web.put("/large.crl", content), tmp_path / "large") == len(content)

    def test_a_redirect_loop(self, web: Endpoints, tmp_path: Path) -> None:
        error = refused(web.redirect("/a.crl", "/a.crl"), tmp_path)
        assert error.reason == "fetch.redirect"
        assert len(web.seen) == 6

    @pytest.mark.parametrize("target", ["", "ftp://crl.example/a", "http://u:p@crl.example/a", "file:///etc/passwd"])
    def test_a_redirect_to_a_forbidden_address(self, web: Endpoints, tmp_path: Path, target: str) -> None:
        assert refused(web.redirect("/a.crl", target), tmp_path).reason == "fetch.redirect"

    def test_a_redirect_from_https_to_http(self) -> None:
        class Reply:
            request = Request(method="GET", url="https://crl.example/a")
            headers: ClassVar[dict[str, str]] = {"Location": "http://crl.example/a"}

            def close(self) -> None: ...

        with pytest.raises(Undecided, match="from https to http"):
            evidence._target(Reply(), "https://crl.example/a")  # type: ignore[arg-type]

    def test_a_redirect_to_https_without_permission(self, web: Endpoints, tmp_path: Path) -> None:
        assert refused(web.redirect("/a.crl", "https://127.0.0.1:1/a"), tmp_path).reason == "fetch.scheme"

    @pytest.mark.parametrize("scheme", ["https", "ldap", "ftp", "file", "javascript"])
    def test_another_scheme_than_http(self, tmp_path: Path, scheme: str) -> None:
        """CRL-2: http alone, unless it was asked for."""
        error = refused(f"{scheme}://crl.example/a.crl", tmp_path)
        assert error.reason == "fetch.scheme"
        assert ("--allow-https" in str(error)) is (scheme == "https")

    def test_https_is_used_where_permitted(self, web: Endpoints, tmp_path: Path) -> None:
        url = web.dead().replace("http:", "https:")
        assert refused(url, tmp_path, allow_https=True).reason == "fetch.unreachable"

    @pytest.mark.parametrize("url", ["http://", "http://crl.example:99999/", "http://a b/", "http://u@crl.example/x"])
    def test_a_malformed_url(self, tmp_path: Path, url: str) -> None:
        assert refused(url, tmp_path).reason == "fetch.scheme"

    @pytest.mark.parametrize("size", [None, limits.CRL_BYTES * 2], ids=["of unknown length", "of stated length"])
    def test_an_oversize_answer(
        self, web: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
    ) -> None:
        monkeypatch.setattr("airgap.net.evidence._PEM_CRL_BYTES", 1 << 20)
        assert refused(web.endless("/a.crl", size), tmp_path).reason == "fetch.limit"

    def test_a_truncated_answer(self, web: Endpoints, tmp_path: Path) -> None:
        error = refused(web.cut("/a.crl", bytes(1000), after=10), tmp_path)
        assert (error.reason, error.facts["cause"]) == ("fetch.unreachable", "reset")

    def test_queries_are_not_printed(self, web: Endpoints, tmp_path: Path) -> None:
        assert "secret" not in str(refused(web.fail("/a?key=secret", 404), tmp_path))


class TestOcsp:
    def test_sends_a_short_query_by_get(self, web: Endpoints) -> None:
        """OCSP-2."""
        url = web.ocsp("/ocsp", lambda question: b"answer to %d" % requested(question)[1])
        with client() as asking:
            assert asking.ocsp(url, QUESTION) == b"answer to %d" % LEAF.serial
        assert [method for method, _ in web.seen] == ["GET"]

    def test_sends_a_long_query_by_post(self, web: Endpoints) -> None:
        url = web.ocsp("/ocsp", lambda question: b"%d" % len(question))
        with client() as asking:
            assert asking.ocsp(url, bytes(200)) == b"200"
        assert [method for method, _ in web.seen] == ["POST"]

    def test_uses_post_where_get_is_refused(self, web: Endpoints) -> None:
        url = web.ocsp("/ocsp", lambda question: b"%d" % requested(question)[1], get=False)
        with client() as asking:
            assert asking.ocsp(url, QUESTION) == b"%d" % LEAF.serial
        assert [method for method, _ in web.seen] == ["GET", "POST"]

    @pytest.mark.parametrize("seconds", [0.2])
    def test_stops_after_a_timeout(self, web: Endpoints, seconds: float) -> None:
        web.prefixes["/ocsp"] = lambda _: web.wait(60)
        with client(ocsp_seconds=seconds) as asking, pytest.raises(Undecided) as caught:
            asking.ocsp(web.url("/ocsp"), QUESTION)
        assert caught.value.reason == "fetch.timeout"

    def test_an_oversize_answer(self, web: Endpoints) -> None:
        url = web.ocsp("/ocsp", lambda _: bytes(limits.OCSP_BYTES + 1))
        with client() as asking, pytest.raises(Undecided) as caught:
            asking.ocsp(url, QUESTION)
        assert caught.value.reason == "fetch.limit"

    def test_refuses_ldap(self) -> None:
        with client() as asking, pytest.raises(Undecided) as caught:
            asking.ocsp("ldap://ocsp.example", QUESTION)
        assert caught.value.reason == "fetch.scheme"
