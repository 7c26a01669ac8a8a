"""Whatever a registry puts into a header, only the documented errors come out, and bounds hold."""

from __future__ import annotations

import string
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.net.auth import parse_challenges
from airgap.net.http import retry_after
from airgap.net.options import RETRY_AFTER_SECONDS, backoff
from airgap.net.url import Origin, follow, origin_of, with_query, without_query
from airgap.net.wire import content_range, next_page, upload_offset

HOME = Origin("https", "registry.example", 443)
BASE = "https://registry.example/v2/app/blobs/x"
ANY_TEXT = st.text(max_size=200) | st.text(alphabet=string.printable, max_size=200)
URLISH = st.lists(
    st.sampled_from(
        [
            "https:",
            "http:",
            "//",
            "/",
            "@",
            "\\",
            "registry.example",
            "evil.example",
            ":",
            "443",
            "?",
            "#",
            "[::1]",
            "..",
            "%2f",
            ";",
            "a",
            " ",
            "\t",
            "\n",
            "é",
        ]
    ),
    max_size=8,
).map("".join)


@given(ANY_TEXT | URLISH)
def test_a_location_is_a_plain_url_or_an_error(location: str) -> None:
    try:
        target = follow(BASE, location, home=HOME)
    except FormatError:
        return
    origin = origin_of(target)
    assert origin.scheme == "https"  # never down to http
    assert "@" not in urlsplit(target).netloc
    assert "\\" not in target


@given(URLISH)
def test_an_origin_is_what_requests_connects_to(url: str) -> None:
    """Two parsers that read one URL differently are how credentials get lost."""
    from urllib3.util import parse_url

    try:
        origin = origin_of(url)
    except FormatError:
        return
    parsed = parse_url(url)
    assert parsed.scheme == origin.scheme
    assert (parsed.host or "").lower() == origin.host
    assert (parsed.port or {"http": 80, "https": 443}[origin.scheme]) == origin.port


@given(ANY_TEXT)
def test_any_challenge_is_parsed(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


@given(ANY_TEXT, ANY_TEXT)
def test_waiting_is_bounded(asked: str, date: str) -> None:
    seconds = retry_after({"Retry-After": asked, "Date": date})
    assert 0 <= backoff(3, seconds) <= RETRY_AFTER_SECONDS


@given(ANY_TEXT)
def test_any_header_is_parsed(text: str) -> None:
    headers = {"Link": text, "Content-Range": text, "Range": text}
    with suppress(FormatError):
        assert next_page(headers) is None or text
    span = content_range(headers)
    assert span is None or all(number is None or number >= 0 for number in span)
    offset = upload_offset(headers)
    assert offset is None or offset >= 0


@pytest.mark.parametrize(
    ("asked", "date", "seconds"),
    [
        ("7", "", 7),
        (" 7 ", "", 7),
        ("Mon, 02 Jan 2023 10:00:09 GMT", "Mon, 02 Jan 2023 10:00:00 GMT", 9),
        ("Mon, 02 Jan 2023 09:00:00 GMT", "Mon, 02 Jan 2023 10:00:00 GMT", 0),
        ("Mon, 02 Jan 2023 10:00:09 GMT", "", None),
        ("-1", "", None),
        ("", "", None),
    ],
)
def test_parses_retry_after(asked: str, date: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": asked, "Date": date}) == seconds


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('</v2/a?n=1>; rel="next"', "/v2/a?n=1"),
        ("</v2/a>; rel=next", "/v2/a"),
        ('</first>; rel="first", </next>; rel="next"', "/next"),
        ('</a>; title="x"; rel="next"', "/a"),
        ('</a>; rel="prev"', None),
        ('</a>; rel="next last"', "/a"),
        ('</a?x=1,2>; rel="next"', "/a?x=1,2"),
        ('</a>; rel="prev", </b>', None),
        ("/a; rel=next", "/a"),
        ('/v2/a?last=v1&n=1; rel="next"', "/v2/a?last=v1&n=1"),
        ("</a>", "/a"),
        ("", None),
    ],
)
def test_parses_links(header: str, target: str | None) -> None:
    """DIST-7"""
    assert next_page({"Link": header}) == target


@pytest.mark.parametrize(
    "header",
    [
        "/a",
        "next",
        '</a; rel="next"',
        '</a>; rel="next',
        '</a>; rel="x" </b>; rel="next"',
        "<",
        f"<{'a' * 20_000}>",
    ],
)
def test_malformed_links_are_errors(header: str) -> None:
    """RULE-6: the list may go on."""
    with pytest.raises(FormatError, match="no link to a page"):
        next_page({"Link": header})


def test_sends_queries_and_does_not_print_them() -> None:
    assert with_query("https://h/u?_state=a%3D", "digest=x") == "https://h/u?_state=a%3D&digest=x"
    assert with_query("https://h/u", "digest=x") == "https://h/u?digest=x"
    assert without_query("https://user:pw@h/u?secret#x") == "https://h/u"


@pytest.mark.parametrize(
    ("text", "offset"), [("0-1023", 1024), ("bytes=0-9", 10), ("0-0", 0), ("5-9", None), ("", None), ("x", None)]
)
def test_parses_upload_offsets(text: str, offset: int | None) -> None:
    assert upload_offset({"Range": text}) == offset
