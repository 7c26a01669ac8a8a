"""How stale evidence may be (decision 0013): airgap.toml and --max-age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from airgap import limits
from airgap.errors import TrustMaterialError, UsageError
from airgap.revocation.freshness import Freshness, by_age, parse_ages
from tests.support.pki import AT

DAY = timedelta(days=1)


def test_by_default_nothing_stale_is_accepted() -> None:
    for kind, chain in product(("crl", "ocsp"), ("signing", "tsa")):
        assert Freshness().allowed(kind, chain) == timedelta(0)  # type: ignore[arg-type]
    assert Freshness.parse(b"", "airgap.toml").allowed("crl", "signing") == timedelta(0)


def test_every_limit_is_separate() -> None:
    text = b'[freshness]\ncrl = "1d"\nocsp = "2d"\ntsa-crl = "3d"\ntsa-ocsp = "4d"\n'
    found = Freshness.parse(text, "airgap.toml")
    assert found.allowed("crl", "signing") == DAY
    assert found.allowed("ocsp", "signing") == 2 * DAY
    assert found.allowed("crl", "tsa") == 3 * DAY
    assert found.allowed("ocsp", "tsa") == 4 * DAY
    assert found.origin == "airgap.toml"
    assert found.to_json() == {"crl": "1d", "ocsp": "2d", "tsa-crl": "3d", "tsa-ocsp": "4d"}


@pytest.mark.parametrize(
    ("text", "member"),
    [
        (b'[freshness]\ncrls = "1d"\n', "freshness.crls"),
        (b'[freshness]\nCRL = "1d"\n', "freshness.CRL"),
        (b'[fresh]\ncrl = "1d"\n', "fresh"),
        (b'crl = "1d"\n', "crl"),
        (b"freshness = 7\n", "freshness"),
        (b"[freshness]\ncrl = 7\n", "freshness.crl"),
        (b'[freshness]\ncrl = "7"\n', "freshness.crl"),
        (b'[freshness]\ncrl = "-7d"\n', "freshness.crl"),
        (b"[[freshness]]\n", "freshness"),
        (b"[freshness\n", ""),
        (b'[freshness]\ncrl = "1d"\ncrl = "2d"\n', ""),
        (b"\xff", ""),
        (b"a = " + b"[" * 5000, ""),
        (b"#" * (limits.CONFIG_BYTES + 1), ""),
    ],
)
def test_what_is_not_understood_is_refused_with_its_key(text: bytes, member: str) -> None:
    with pytest.raises(TrustMaterialError) as caught:
        Freshness.parse(text, "airgap.toml")
    assert caught.value.reason == "evidence.malformed"
    assert caught.value.facts["member"] == member
    assert "airgap.toml" in str(caught.value)


def test_max_age_for_all_evidence_and_for_one_kind() -> None:
    assert parse_ages([]) == {}
    assert parse_ages(["7d", "tsa-crl=90d"]) == {
        "crl": 7 * DAY,
        "ocsp": 7 * DAY,
        "tsa-crl": 90 * DAY,
        "tsa-ocsp": 7 * DAY,
    }
    assert parse_ages(["crl=1d", "crl=2d"]) == {"crl": 2 * DAY}


@pytest.mark.parametrize("text", ["", "7", "crl=", "crl=x", "=7d", "CRL=7d", "x=7d", "crl=ocsp=7d"])
def test_an_empty_max_age_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ages([text])


def test_max_age_replaces_the_limit_of_the_file_also_where_stricter() -> None:
    found = Freshness.parse(b'[freshness]\ncrl = "7d"\nocsp = "7d"\n', "airgap.toml").accepting(parse_ages(["crl=1d"]))
    assert found.allowed("crl", "signing") == DAY
    assert found.allowed("ocsp", "signing") == 7 * DAY
    assert found.origin == "--max-age"
    assert found.accepting({}) is found


def test_evidence_that_has_no_end_is_accepted_until_the_end_of_time() -> None:
    """RFC 5280, 4.1.2.5: 99991231235959Z means no well-defined end; no age can be added to it."""
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    accepting = Freshness().accepting(parse_ages(["7d"]))
    assert accepting.use_by("crl", "signing", end - timedelta(days=9), end) == end
    assert accepting.use_by("ocsp", "tsa", end, None) == end
    assert Freshness().use_by("crl", "signing", end, None) is None


def test_the_remedy_for_evidence_without_an_end_names_its_kind_and_chains() -> None:
    assert "with --max-age crl=7d, or" in by_age("crl", "signing")
    assert by_age("crl", "signing").endswith('crl = "7d".')
    assert "with --max-age ocsp=7d --max-age tsa-ocsp=7d, or" in by_age("ocsp", "tsa", "signing")
    assert by_age("ocsp", "tsa").endswith('[freshness]: tsa-ocsp = "7d".')


def test_limits_for_evidence_without_an_end_leave_all_other_evidence_as_fresh_as_it_says() -> None:
    endless = Freshness({("crl", "signing"): 7 * DAY}).for_endless()
    made, ends = AT - 9 * DAY, AT - DAY
    assert endless.use_by("crl", "signing", made, None) == made + 7 * DAY
    assert endless.use_by("crl", "signing", made, ends) == ends
    assert endless.use_by("ocsp", "signing", made, None) is None
    assert endless.use_by("ocsp", "signing", made, ends) == ends
