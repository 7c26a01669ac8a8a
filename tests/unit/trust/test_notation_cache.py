"""Nothing goes into notation's cache by which notation would accept what is refused here."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airgap.errors import Rejected, Undecided
from airgap.hashing import digest
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.freshness import Freshness
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.judge import RevocationJudge
from airgap.trust.directory import TrustDirectory
from airgap.trust.export import export_notation
from airgap.trust.notation_cache import NotationCache, notation_cache
from tests.support import asn1
from tests.support.crls import crl, entry, pem, scope
from tests.support.evidence import spoilt
from tests.support.extensions import UNKNOWN_CRITICAL, Extension
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue, key_identifier
from tests.support.scenario import SIGNING_CRL, TSA_CRL, with_everything

URL = "http://crl.example/ca.crl"
DELTA_URL = "http://crl.example/delta.crl"
NAME = hashlib.sha256(URL.encode()).hexdigest()
DAY = timedelta(days=1)
LEAF = Pki().code_chain(leaf={"crl_urls": [URL]})
CA = LEAF.chain[1]
NEAR = CA.subject[:-1] + b"x"
HELD = entry(7, reason="certificateHold", at=AT - 3 * DAY)
SINCE = entry(7, invalidity=AT - 2 * DAY)
STRANGER = issue("root", key="p384", subject="C=US,ST=WA,O=Stranger,CN=root")


def made(issuer: Issued = CA, **changes: Any) -> bytes:
    return crl(issuer, **{"this_update": AT - DAY, "next_update": AT + 9 * DAY, "number": 5, **changes})


GOOD = made()


def cache_of(
    root: Path,
    files: Mapping[str, bytes],
    index: Mapping[str, list[str]] | None = None,
    known: Sequence[Issued] = (CA,),
    stamping: Sequence[Issued] = (),
) -> NotationCache:
    for name, data in files.items():
        folder = root / ("ocsp" if name.endswith(".ors") else "crls")
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    mapped = EvidenceIndex({url: tuple(names) for url, names in (index or {URL: ["a.crl"]}).items()})
    certificates, roots = ([Certificate.parse(item.der) for item in items] for items in (known, stamping))
    return notation_cache(EvidenceDirectory.open(root), mapped, certificates, stamping=roots, seen=(), at=AT)


def test_exports_a_valid_crl(tmp_path: Path) -> None:
    for number, files in enumerate(
        [
            {"a.crl": GOOD},
            {"a.crl": pem(GOOD)},
            {"a.crl": made(revoked=[7, LEAF])},
            {"a.crl": made(scope=scope(uris=["http://other.example", URL]))},
            {"a.crl": made(number=6, revoked=[7]), "old.crl": made(number=4, revoked=[7], this_update=AT - 5 * DAY)},
            {"a.crl": made(), "held.crl": made(number=4, revoked=[entry(7, reason="certificateHold")])},
            {"a.crl": made(revoked=[LEAF]), "r.ors": ocsp_response(LEAF, status="revoked")},
            {
                "a.crl": made(revoked=[SINCE]),
                "old.crl": made(number=4, revoked=[entry(7, invalidity=AT - DAY)], this_update=AT - 3 * DAY),
            },
            {
                "a.crl": made(freshest=[DELTA_URL], revoked=[HELD]),
                "d.crl": made(number=6, delta_base=5, revoked=[entry(7, reason="removeFromCRL", at=AT - 2 * DAY)]),
                "old.crl": made(number=4, this_update=AT - 5 * DAY, revoked=[HELD]),
            },
            {"a.crl": made(scope=scope(uris=[URL])), "c.crl": made(number=6, this_update=AT - DAY / 2)},
            {
                "a.crl": made(scope=scope(uris=[URL])),
                "c.crl": made(number=6, this_update=AT - DAY / 2, freshest=[DELTA_URL]),
                "d.crl": made(number=7, delta_base=6, this_update=AT - DAY / 2),
            },
            {
                "a.crl": made(scope=scope(uris=[URL])),
                "c.crl": made(number=4, this_update=AT - 2 * DAY, next_update=AT - DAY),
            },
            {
                "a.crl": made(scope=scope(uris=[URL])),
                "c.crl": made(
                    number=6, this_update=AT - DAY / 2, next_update=AT - DAY / 4, scope=scope(uris=["http://x.example"])
                ),
            },
            {
                "a.crl": made(scope=scope(uris=[URL])),
                "c.crl": made(
                    issue("root", slot=4, subject=CA.subject), this_update=AT - DAY / 2, next_update=AT - DAY / 4
                ),
            },
            {"a.crl": GOOD, "b.crl": made(STRANGER, revoked=[7])},
        ]
    ):
        root = tmp_path / str(number)
        root.mkdir()
        found = cache_of(root, files)
        assert NAME in found.files, files.keys()
        assert [item.file for item in found.omissions] == (["b.crl"] if "b.crl" in files else [])
        assert found.use_by == AT + 9 * DAY


INDIRECT = made(STRANGER, scope=scope(indirect=True), revoked=[entry(7, certificate_issuer=CA.subject)])

MILDER: dict[str, dict[str, bytes]] = {
    "for CAs alone": {"a.crl": made(scope=scope(only_ca=True))},
    "for no CA alone": {"a.crl": made(scope=scope(only_user=True))},
    "for attribute certificates": {"a.crl": made(scope=scope(only_attribute=True))},
    "of some reasons": {"a.crl": made(scope=scope(reasons=("keyCompromise",)))},
    "indirect": {"a.crl": made(scope=scope(indirect=True))},
    "of another name, with the key of a CA": {"a.crl": made(issuer_name=NEAR)},
    "of another point": {"a.crl": made(scope=scope(uris=["http://crl.example/other.crl"]))},
    "signed with SHA-1": {"a.crl": made(hash_name="sha1")},
    "its number cannot be read": {"a.crl": made(number=-5)},
    "its places of deltas cannot be read": {"a.crl": made(extra=[Extension("2.5.29.46", b"\x04\x00")])},
    "made in the future": {"a.crl": made(this_update=AT + DAY)},
    "beside a response of the future": {
        "a.crl": GOOD,
        "r.ors": ocsp_response(LEAF, this_update=AT + DAY, next_update=AT + 2 * DAY),
    },
    "delta is not here": {"a.crl": made(freshest=[DELTA_URL])},
    "delta is stale": {
        "a.crl": made(freshest=[DELTA_URL]),
        "d.crl": made(number=6, delta_base=5, next_update=AT - DAY / 2),
    },
    "delta builds on a newer base": {"a.crl": made(freshest=[DELTA_URL]), "d.crl": made(number=8, delta_base=7)},
    "a delta that it does not name revokes": {"a.crl": GOOD, "d.crl": made(number=6, delta_base=5, revoked=[7])},
    "a newer one that no URL leads to revokes": {
        "a.crl": GOOD,
        "b.crl": made(number=6, revoked=[7], this_update=AT - DAY / 2, scope=scope(only_ca=True)),
    },
    "an older one revokes": {"a.crl": GOOD, "b.crl": made(number=4, revoked=[7], this_update=AT - 3 * DAY)},
    "a newer one holds": {
        "a.crl": GOOD,
        "b.crl": made(
            number=6,
            this_update=AT - DAY / 2,
            revoked=[entry(7, reason="certificateHold")],
            scope=scope(only_user=True),
        ),
    },
    "an indirect CRL of another CA lists a certificate of this one": {"a.crl": GOOD, "b.crl": INDIRECT},
    "an indirect CRL of another CA lists one of an issuer that cannot be read": {
        "a.crl": GOOD,
        "b.crl": made(
            STRANGER, scope=scope(indirect=True), revoked=[entry(7, certificate_issuer=asn1.sequence(b"\x0c\x00"))]
        ),
    },
    "an OCSP response revokes, with the name of another CA and the key of this one": {
        "a.crl": GOOD,
        "b.crl": made(STRANGER),
        "r.ors": ocsp_response(LEAF, status="revoked", name_hash=digest("sha1", STRANGER.subject)),
    },
    "an OCSP response revokes": {"a.crl": GOOD, "r.ors": ocsp_response(LEAF, status="revoked")},
    "an OCSP response revokes, of an issuer that is not known": {
        "a.crl": GOOD,
        "r.ors": ocsp_response(LEAF, status="revoked", name_hash=b"x" * 20),
    },
    "an older one revokes without an invalidity date": {
        "a.crl": made(revoked=[SINCE]),
        "b.crl": made(number=4, revoked=[7], this_update=AT - 3 * DAY),
    },
    "an older one states an earlier invalidity date": {
        "a.crl": made(revoked=[SINCE]),
        "b.crl": made(number=4, revoked=[entry(7, invalidity=AT - 9 * DAY)], this_update=AT - 3 * DAY),
    },
    "an OCSP response revokes without an invalidity date": {
        "a.crl": made(revoked=[entry(LEAF.serial, invalidity=AT - 2 * DAY)]),
        "r.ors": ocsp_response(LEAF, status="revoked"),
    },
    "its delta revokes without an invalidity date, and notation stops before": {
        "a.crl": made(freshest=[DELTA_URL], revoked=[SINCE]),
        "d.crl": made(number=6, delta_base=5, revoked=[7]),
    },
    "it lists a number twice, and notation stops at the first": {"a.crl": made(revoked=[SINCE, 7])},
    "a newer one holds what its delta removes": {
        "a.crl": made(freshest=[DELTA_URL], revoked=[HELD]),
        "d.crl": made(number=6, delta_base=5, revoked=[entry(7, reason="removeFromCRL", at=AT - 2 * DAY)]),
        "b.crl": made(number=9, this_update=AT - DAY / 2, revoked=[HELD], scope=scope(only_user=True)),
    },
    "another file cannot be read": {"a.crl": GOOD, "b.crl": made(revoked=[7])[:-10]},
    "a CRL is damaged in its issuer's name": {"a.crl": GOOD, "b.crl": made(number=6).replace(CA.subject, NEAR)},
    "a CRL lists a negative serial number": {
        "a.crl": made(revoked=[asn1.sequence(asn1.tlv(asn1.INTEGER, b"\x80"), asn1.time(AT))])
    },
    "a CRL is damaged in its list": {"a.crl": GOOD, "b.crl": spoilt(made(number=4, revoked=[7]))},
    "an OCSP response is damaged": {"a.crl": GOOD, "r.ors": spoilt(ocsp_response(LEAF))},
    "a newer one of another scope is stale": {
        "a.crl": made(scope=scope(uris=[URL])),
        "b.crl": made(number=6, this_update=AT - DAY / 2, next_update=AT - DAY / 4),
    },
    "a newer one of another scope names no end": {
        "a.crl": made(scope=scope(uris=[URL])),
        "b.crl": made(number=6, this_update=AT - DAY / 2, next_update=None, scope=scope(only_user=True)),
    },
    "a newer one of another scope lacks its delta": {
        "a.crl": made(scope=scope(uris=[URL])),
        "b.crl": made(
            number=6,
            this_update=AT - DAY / 2,
            freshest=[DELTA_URL],
            scope=scope(uris=[URL.replace(".example", ".example:80"), "http://other.example"]),
        ),
    },
    "an older one removes, in an entry that is not understood": {
        "a.crl": GOOD,
        "b.crl": made(
            number=4,
            this_update=AT - 3 * DAY,
            revoked=[entry(7, reason="removeFromCRL", extra=[UNKNOWN_CRITICAL])],
        ),
    },
    **{
        f"an older one says {reason}{' in a delta' if base else ''}, and is not understood": {
            "a.crl": GOOD,
            "b.crl": made(
                number=4,
                this_update=AT - 3 * DAY,
                extra=[UNKNOWN_CRITICAL],
                revoked=[entry(7, reason=reason)],
                delta_base=base,
            ),
        }
        for reason, base in (("removeFromCRL", None), ("certificateHold", None), ("removeFromCRL", 3))
    },
    "a file that is nothing": {"a.crl": GOOD, "b.crl": b"-----BEGIN X509 CRL-----\nAAAA"},
}


@pytest.mark.parametrize("name", MILDER)
def test_leaves_out_and_reports_what_notation_would_judge_more_mildly(name: str, tmp_path: Path) -> None:
    found = cache_of(tmp_path, MILDER[name])
    assert NAME not in found.files
    (omission, *_) = found.omissions
    assert omission.url == URL
    assert URL in omission.sentence
    assert omission.file.removeprefix("crls/") in MILDER[name]


@pytest.mark.parametrize("place", [CA.subject, key_identifier(CA.key)], ids=["name", "key"])
def test_damaged_evidence_excludes_the_crl_of_a_ca_outside_of_the_stores(place: bytes, tmp_path: Path) -> None:
    """Its issuer was not known: the older CRL was exported, and the newer one, which may revoke, was not used."""
    damaged = made(number=6, revoked=[LEAF]).replace(place, place[:-1] + bytes([place[-1] ^ 1]))
    found = cache_of(tmp_path, {"a.crl": GOOD, "b.crl": damaged}, known=[])
    assert not found.files
    assert found.omissions[0].file in {"a.crl", "b.crl"}
    assert URL in found.omissions[0].sentence


def test_the_crl_of_a_ca_that_is_not_in_a_store_is_exported(tmp_path: Path) -> None:
    renewed = made(issue("root", slot=4, subject=CA.subject), this_update=AT - 2 * DAY)
    for number, files in enumerate([{"a.crl": GOOD}, {"a.crl": GOOD, "b.crl": made(STRANGER), "c.crl": renewed}]):
        root = tmp_path / str(number)
        root.mkdir()
        assert NAME in cache_of(root, files, known=[]).files


@pytest.mark.parametrize("reason", ["cACompromise", None, "superseded", "certificateHold"])
def test_a_crl_of_a_key_that_is_revoked_in_another_certificate_is_not_exported(
    tmp_path: Path, reason: str | None
) -> None:
    """notation asks about the one certificate of the chain, and accepts it: verify refuses the key (decision 0012)."""
    twin = issue("intermediate", issuer=STRANGER, key=CA.key, subject=CA.subject)
    other = made(STRANGER, revoked=[entry(twin.serial, reason=reason)])
    cache = cache_of(tmp_path, {"a.crl": GOOD, "b.crl": other}, known=[CA, twin, STRANGER])
    told = [omission for omission in cache.omissions if "b.crl revokes" in omission.sentence]
    is_about_key = reason == "cACompromise"  # without a reason verify takes it, too: the CA may have renewed it
    assert (bool(cache.files), [item.file for item in told]) == (not is_about_key, ["a.crl"] if is_about_key else [])


@pytest.mark.parametrize("stamps", [True, False])
@pytest.mark.parametrize("reason", [None, "superseded", "cACompromise"])
def test_a_timestamping_key_that_is_revoked_without_a_reason_is_not_exported(
    tmp_path: Path, reason: str | None, stamps: bool
) -> None:
    """Below roots for timestamps a revocation without a reason is about the key: no CA must state one (0012)."""
    twin = issue("intermediate", issuer=STRANGER, key=CA.key, subject=CA.subject)
    other = made(STRANGER, revoked=[entry(twin.serial, reason=reason)])
    stamping = [STRANGER] if stamps else []
    cache = cache_of(tmp_path, {"a.crl": GOOD, "b.crl": other}, known=[CA, twin, STRANGER], stamping=stamping)
    assert bool(cache.files) == (reason == "superseded" or (reason is None and not stamps))


@pytest.mark.parametrize("listed", [True, False])
def test_a_crl_that_would_clear_a_certificate_of_a_revoked_key_is_not_exported(tmp_path: Path, listed: bool) -> None:
    """The certificate of the authority itself, which signs no CRL."""
    twin = issue("leaf", issuer=STRANGER, key=LEAF.key)
    other = made(STRANGER, revoked=[entry(twin.serial, reason="keyCompromise")])
    for name, item in (("one.pem", LEAF), ("other.pem", twin)):
        (tmp_path / "crls").mkdir(exist_ok=True)
        (tmp_path / "crls" / name).write_bytes(item.pem)
    own = made(revoked=[LEAF] if listed else [])
    cache = cache_of(tmp_path, {"a.crl": own, "b.crl": other}, known=[CA, STRANGER])
    assert bool(cache.files) == listed
    assert listed or "a certificate of the key that b.crl revokes" in cache.omissions[0].sentence


def test_a_key_that_an_ocsp_response_revokes_is_not_exported(tmp_path: Path) -> None:
    twin = issue("intermediate", issuer=STRANGER, key=CA.key, subject=CA.subject)
    said = ocsp_response(twin, status="revoked", reason="cACompromise")
    cache = cache_of(tmp_path, {"a.crl": GOOD, "b.ors": said}, known=[CA, twin, STRANGER])
    assert not cache.files
    assert "b.ors revokes" in cache.omissions[0].sentence


def test_a_forged_crl_excludes_no_other(tmp_path: Path) -> None:
    """Anyone can write that a key is revoked, in an unsigned snapshot, too."""
    twin = issue("intermediate", issuer=STRANGER, key=CA.key, subject=CA.subject)
    forger = issue("root", slot=4, subject=STRANGER.subject)
    forged = made(forger, revoked=[entry(twin.serial, reason="cACompromise")])
    assert NAME in cache_of(tmp_path, {"a.crl": GOOD, "b.crl": forged}, known=[CA, twin, STRANGER]).files


@pytest.mark.parametrize("known", [(), (CA,)])
def test_reports_a_crl_that_cannot_be_checked_for_damage(tmp_path: Path, known: Sequence[Issued]) -> None:
    cache = cache_of(tmp_path, {"a.crl": GOOD}, known=known)
    told = [text for text in cache.unchecked if "a.crl cannot be checked for damage" in text]
    assert (len(cache.files), len(told)) == (1, 0 if known else 1)


def test_exports_the_delta_with_its_base(tmp_path: Path) -> None:
    files = {"a.crl": made(freshest=[DELTA_URL]), "d.crl": made(number=7, delta_base=4, revoked=[7])}
    found = cache_of(tmp_path, files)
    (data,) = found.files.values()
    assert Crl.parse(base64.b64decode(json.loads(data)["deltaCRL"])).number == 7
    assert not found.omissions


def test_a_lost_delta_that_the_index_names_excludes_its_base(tmp_path: Path) -> None:
    files = {"a.crl": made(freshest=[DELTA_URL]), "d.crl": made(number=7, delta_base=4)}
    index = {URL: ["a.crl"], DELTA_URL: ["e.crl", "d.crl"]}
    (tmp_path / "crls").mkdir()
    (tmp_path / "crls/index.json").write_text(json.dumps(index))
    found = cache_of(tmp_path, files, index)
    assert NAME not in found.files
    assert [item.file for item in found.omissions] == ["crls/e.crl"]


def test_the_newest_of_a_stream_counts_not_the_one_that_is_mapped(tmp_path: Path) -> None:
    found = cache_of(tmp_path, {"a.crl": GOOD, "b.crl": made(number=6, revoked=[7], this_update=AT - DAY / 2)})
    (data,) = found.files.values()
    assert Crl.parse(base64.b64decode(json.loads(data)["baseCRL"])).number == 6


def test_leaves_out_two_streams_of_one_url(tmp_path: Path) -> None:
    found = cache_of(tmp_path, {"a.crl": GOOD, "b.crl": made(STRANGER)}, {URL: ["a.crl", "b.crl"]})
    assert not found.files
    assert found.omissions[0].url == URL


def test_reports_a_revocation_without_a_url(tmp_path: Path) -> None:
    """For a certificate that names no CRL it condemns here, and notation does not look."""
    found = cache_of(tmp_path, {"b.crl": made(revoked=[0x77, 0x78]), "r.ors": ocsp_response(LEAF, status="revoked")})
    assert [(item.file, item.url) for item in found.omissions] == [("b.crl", ""), ("r.ors", "")]
    assert "77 and 1 more" in found.omissions[0].sentence


def test_a_misplaced_indirect_crl_excludes_the_crl_of_every_ca(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/x.crl").write_bytes(INDIRECT)
    found = cache_of(tmp_path, {"a.crl": GOOD})
    assert not found.files
    assert [item.file for item in found.omissions] == ["old/x.crl"]


def test_a_revocation_is_not_held_by_the_crl_of_another_ca(tmp_path: Path) -> None:
    """RFC 5280, 5.1.2.6: serial numbers of two CAs may be the same."""
    own = made(STRANGER, revoked=[LEAF.serial])
    found = cache_of(tmp_path, {"b.crl": own, "r.ors": ocsp_response(LEAF, status="revoked")}, {URL: ["b.crl"]})
    assert [item.file for item in found.omissions] == ["r.ors"] * len(found.omissions)
    assert found.omissions


def test_what_an_indirect_crl_lists_of_another_ca_is_held_by_the_crl_of_that_ca(tmp_path: Path) -> None:
    found = cache_of(tmp_path, {"a.crl": made(revoked=[7]), "b.crl": INDIRECT})
    assert NAME in found.files
    assert not found.omissions


# --- compared with a model of notation ---

_CHANGES: list[tuple[str, Any]] = [
    ("revoked", [LEAF]),
    ("revoked", [7]),
    ("revoked", [entry(LEAF.serial, reason="certificateHold")]),
    ("revoked", [entry(LEAF.serial, reason="removeFromCRL")]),
    ("scope", scope(uris=[URL])),
    ("scope", scope(uris=[URL], only_user=True)),
    ("scope", scope(only_ca=True)),
    ("scope", scope(reasons=("keyCompromise",))),
    ("scope", scope(uris=["http://crl.example/x"])),
    ("number", 4),
    ("number", 6),
    ("number", None),
    ("this_update", AT - 3 * DAY),
    ("this_update", AT - DAY / 2),
    ("this_update", AT + DAY),
    ("next_update", AT - DAY / 4),
    ("next_update", None),
    ("freshest", [DELTA_URL]),
    ("delta_base", 4),
    ("delta_base", 5),
    ("hash_name", "sha1"),
]
"""What makes a faultless CRL another one: most piles are still accepted by one side or the other."""
_CRLS = st.lists(st.sampled_from(_CHANGES), max_size=3).map(dict)
_PILES = st.tuples(
    st.lists(st.sampled_from(_CHANGES), max_size=1).map(dict), st.lists(st.tuples(_CRLS, st.booleans()), max_size=2)
).map(lambda pile: [(pile[0], True), *pile[1]])
_RESPONSES = st.lists(st.sampled_from(["good", "revoked", "unknown"]), max_size=1)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pile=_PILES, responses=_RESPONSES)
def test_the_model_of_notation_accepts_only_what_verify_accepts(
    pile: list[tuple[dict[str, Any], bool]], responses: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("pile")
    files = {f"{number}.crl": made(**members) for number, (members, _) in enumerate(pile)}
    files |= {f"{number}.ors": ocsp_response(LEAF, status=status) for number, status in enumerate(responses)}
    mapped = [f"{number}.crl" for number, (_, is_mapped) in enumerate(pile) if is_mapped]
    found = cache_of(root, files, {URL: mapped} if mapped else {})
    if not _notation_accepts(found.files):
        return
    chain = [Certificate.parse(item.der) for item in LEAF.chain[:2]]
    judge = RevocationJudge(EvidenceDirectory.open(root), Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    try:
        judge.check_chain(chain, kind="signing", signed_at=None)
    except (Rejected, Undecided) as error:
        pytest.fail(f"notation accepts it, and here it is refused: {error}")


def test_the_model_of_notation_accepts_a_valid_cache(tmp_path: Path) -> None:
    assert _notation_accepts(cache_of(tmp_path, {"a.crl": GOOD}).files)


def _notation_accepts(files: Mapping[str, bytes]) -> bool:
    """As far as requirements CRL-1 to CRL-16 and CACHE-1 to CACHE-5 go, for LEAF at AT and without a network."""
    data = files.get(NAME)
    if data is None:
        return False
    members = json.loads(data)
    crls = [Crl.parse(base64.b64decode(members[name])) for name in ("baseCRL", "deltaCRL") if name in members]
    if any(item.next_update is None or item.next_update <= AT for item in crls):
        return False
    if any(item.critical_extensions - {"2.5.29.27", "2.5.29.28"} for item in crls):
        return False
    if len(crls) > 1:
        base, delta = crls
        if base.number is None or delta.number is None or delta.number <= base.number:
            return False
        if delta.base_number is None or delta.base_number > base.number:
            return False
    passing: tuple[datetime, bool] | None = None
    for item in crls:
        for listed in x509.load_der_x509_crl(item.der):
            if listed.serial_number != LEAF.serial:
                continue
            try:
                reason = listed.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
            except x509.ExtensionNotFound:
                return False
            if reason not in {"certificateHold", "removeFromCRL"}:
                return False
            if passing is None or listed.revocation_date_utc > passing[0]:
                passing = (listed.revocation_date_utc, reason == "certificateHold")
    return passing is None or not passing[1]


def test_cache_6_signing_chains_and_timestamping_chains_share_the_cache(tmp_path: Path) -> None:
    scene = with_everything()
    written = scene.write(tmp_path)
    export_notation(TrustDirectory.open(written.trust), tmp_path / "out", at=written.at)
    urls = [pattern.format(number) for pattern in (SIGNING_CRL, TSA_CRL) for number in range(2)]
    cached = {path.name for path in (tmp_path / "out/cache/crl").iterdir()}
    assert cached == {hashlib.sha256(url.encode()).hexdigest() for url in urls}
