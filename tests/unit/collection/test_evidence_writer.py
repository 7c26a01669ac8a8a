"""What is added to a trust directory's evidence: newer pieces, complete, and nothing that removes an answer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from airgap.collection.attempts import AttemptResult
from airgap.collection.evidence_writer import EvidenceWriter
from airgap.errors import LimitError, TrustMaterialError
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.ocsp import OcspResponse
from airgap.revocation.evidence_directory import EvidenceDirectory
from tests.support import names
from tests.support.crls import THIS_UPDATE, crl, entry, many, scope
from tests.support.extensions import UNKNOWN_CRITICAL
from tests.support.keyring import key
from tests.support.ocsp import THIS_UPDATE as ANSWERED
from tests.support.ocsp import ocsp_response, single
from tests.support.pki import Issued, Pki, issue

URL = "http://crl.example/a.crl"
OTHER = "http://crl.example/b.crl"
LEAF = Pki().code_chain(leaf={"crl_urls": [URL], "ocsp_urls": ["http://ocsp.example"]})
CA = LEAF.chain[1]
DAY = timedelta(days=1)


def certificate(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


ISSUER = certificate(CA)


def made(number: int | None, days: int = 0, **changes: object) -> Crl:
    return Crl.parse(crl(CA, number=number, this_update=THIS_UPDATE + days * DAY, **changes))  # type: ignore[arg-type]


def candidates(root: Path) -> list[int | None]:
    """Numbers of what is available of the issuer, newest first."""
    return [file.load().number for file in EvidenceDirectory.open(root).crls(ISSUER.subject)]


def index(root: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((root / "crls/index.json").read_text())
    return document


class TestCrls:
    def test_writes_and_maps_the_first_crl(self, tmp_path: Path) -> None:
        kept = EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL])
        assert kept.state is AttemptResult.NEW
        assert index(tmp_path) == {URL: kept.name}
        assert candidates(tmp_path) == [5]

    def test_an_index_that_is_a_link_to_nowhere_is_not_replaced(self, tmp_path: Path) -> None:
        """What it names would be forgotten; it was taken for none."""
        (tmp_path / "crls").mkdir()
        (tmp_path / "crls/index.json").symlink_to("gone.json")
        with pytest.raises(TrustMaterialError, match="symbolic link"):
            EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL])
        assert (tmp_path / "crls/index.json").is_symlink()

    def test_every_uri_of_the_point_is_mapped(self, tmp_path: Path) -> None:
        """A tool that asks for each of them (CRL-1) finds it under each."""
        kept = EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL, OTHER])
        assert index(tmp_path) == {URL: kept.name, OTHER: kept.name}

    def test_names_follow_from_issuer_scope_and_number(self, tmp_path: Path) -> None:
        keeper = EvidenceWriter(tmp_path)
        names = [keeper.keep_crl(made(number, number), ISSUER, [URL]).name for number in (10, 11)]
        scoped = keeper.keep_crl(made(10, scope=scope(only_user=True)), ISSUER, [URL]).name
        streams = [name.split("-")[0] for name in (*names, scoped)]
        assert streams[0] == streams[1] != streams[2]
        assert [name.split("-")[1] for name in names] == ["a", "b"]

    def test_the_same_bytes_again_change_nothing(self, tmp_path: Path) -> None:
        keeper = EvidenceWriter(tmp_path)
        first = made(5)
        keeper.keep_crl(first, ISSUER, [URL])
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        assert keeper.keep_crl(first, ISSUER, [URL]).state is AttemptResult.UNCHANGED
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before

    def test_a_newer_one_comes_first_and_the_older_stays(self, tmp_path: Path) -> None:
        """RFC 5280, 3.3: what the newer one has dropped only the older one knows."""
        keeper = EvidenceWriter(tmp_path)
        for number in (5, 6, 7):
            keeper.keep_crl(made(number, number), ISSUER, [URL])
        assert candidates(tmp_path) == [7, 6, 5]

    @pytest.mark.parametrize(
        ("number", "days"),
        [
            pytest.param(6, -1, id="a date that goes back, whatever the number"),
            pytest.param(4, -1, id="both"),
            pytest.param(None, -1, id="a date alone"),
        ],
    )
    def test_never_replaces_evidence_with_older_evidence(self, tmp_path: Path, number: int | None, days: int) -> None:
        keeper = EvidenceWriter(tmp_path)
        first = keeper.keep_crl(made(5), ISSUER, [URL])
        kept = keeper.keep_crl(made(number, days), ISSUER, [URL])
        assert (kept.state, kept.name) == (AttemptResult.OLDER, first.name)
        assert candidates(tmp_path) == [5]

    def test_the_date_says_which_is_newer_whatever_the_number(self, tmp_path: Path) -> None:
        """One order for all who ask, and no pair of which each is older than the other."""
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5), ISSUER, [URL])
        assert keeper.keep_crl(made(4, 1), ISSUER, [URL]).state is AttemptResult.NEW
        assert candidates(tmp_path) == [4, 5]

    def test_keeps_an_older_crl_that_lists_another_certificate(self, tmp_path: Path) -> None:
        """Decision 0009: any available CRL condemns, so that none that says more may be passed over."""
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5, 1, revoked=[8]), ISSUER, [URL])
        assert keeper.keep_crl(made(4, revoked=[7]), ISSUER, [URL]).state is AttemptResult.NEW
        assert keeper.keep_crl(made(3, -1, revoked=[8]), ISSUER, [URL]).state is AttemptResult.OLDER

    def test_a_forged_newer_file_does_not_prevent_writing(self, tmp_path: Path) -> None:
        """What could not be verified is not in the way of what was."""
        (tmp_path / "crls").mkdir()
        (tmp_path / "crls/forged.crl").write_bytes(crl(CA, number=99, signed_by=key("p256", 4)))
        (tmp_path / "crls/index.json").write_text(json.dumps({URL: "forged.crl"}))
        assert EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL]).state is AttemptResult.NEW
        assert 5 in candidates(tmp_path)

    def test_a_damaged_file_does_not_prevent_writing(self, tmp_path: Path) -> None:
        keeper = EvidenceWriter(tmp_path)
        kept = keeper.keep_crl(made(9, 1), ISSUER, [URL])
        (tmp_path / "crls" / kept.name).write_bytes(b"0")
        assert keeper.keep_crl(made(5), ISSUER, [URL]).state is AttemptResult.NEW

    def test_keeps_partial_crls_without_a_scope(self, tmp_path: Path) -> None:
        """Some authorities split their list by URL and do not say so in the CRL."""
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(9, 1, revoked=[7]), ISSUER, [URL])
        assert keeper.keep_crl(made(5, revoked=[8]), ISSUER, [OTHER]).state is AttemptResult.NEW
        assert candidates(tmp_path) == [9, 5]

    def test_keeps_a_newer_file_that_was_copied_by_hand(self, tmp_path: Path) -> None:
        (tmp_path / "crls").mkdir()
        (tmp_path / "crls/by-hand.crl").write_bytes(made(6, 1).der)
        kept = EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL])
        assert (kept.state, kept.name) == (AttemptResult.OLDER, "by-hand.crl")
        assert candidates(tmp_path) == [6]

    def test_keeps_deltas_apart_from_bases(self, tmp_path: Path) -> None:
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5), ISSUER, [URL])
        kept = keeper.keep_crl(made(6, delta_base=5), ISSUER, [OTHER])
        assert kept.state is AttemptResult.NEW
        assert kept.name.endswith("-delta.crl")

    def test_other_urls_stay_mapped(self, tmp_path: Path) -> None:
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5), ISSUER, [URL])
        keeper.keep_crl(made(5), ISSUER, [OTHER])
        assert set(index(tmp_path)) == {URL, OTHER}

    def test_does_not_replace_an_unreadable_index(self, tmp_path: Path) -> None:
        (tmp_path / "crls").mkdir()
        (tmp_path / "crls/index.json").write_text("[")
        with pytest.raises(TrustMaterialError, match="not JSON"):
            EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL])
        assert (tmp_path / "crls/index.json").read_text() == "["

    def test_folders_are_for_the_owner_alone(self, tmp_path: Path) -> None:
        """STORE-14."""
        EvidenceWriter(tmp_path / "new").keep_crl(made(5), ISSUER, [URL])
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new", tmp_path / "new/crls")} == {0o700}

    def test_a_kill_between_file_and_index_loses_no_evidence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5), ISSUER, [URL])

        newer = made(6, 1)

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("airgap.collection.evidence_writer._write_index", killed)
            with pytest.raises(KeyboardInterrupt):
                keeper.keep_crl(newer, ISSUER, [URL])
        assert 5 in candidates(tmp_path)
        assert keeper.keep_crl(newer, ISSUER, [URL]).state is AttemptResult.UNCHANGED
        assert candidates(tmp_path) == [6, 5]

    def test_concurrent_writers_lose_nothing(self, tmp_path: Path) -> None:
        urls = [f"http://crl.example/{number}.crl" for number in range(24)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda url: EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [url]), urls))
        assert set(index(tmp_path)) == set(urls)

    @pytest.mark.parametrize("bound", ["EVIDENCE_FILES", "EVIDENCE_INDEX_BYTES"])
    def test_a_full_folder_refuses_more_and_stays_readable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
    ) -> None:
        """A reader refuses a folder beyond its bounds as a whole."""
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5), ISSUER, [URL])
        monkeypatch.setattr(f"airgap.limits.{bound}", 4 if bound == "EVIDENCE_FILES" else 80)
        with pytest.raises(LimitError):
            keeper.keep_crl(made(6, 1), ISSUER, [URL])
        assert 5 in candidates(tmp_path)

    def test_leaves_no_temporary_file(self, tmp_path: Path) -> None:
        EvidenceWriter(tmp_path).keep_crl(made(5), ISSUER, [URL])
        assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


class TestPrune:
    def kept(self, root: Path, *crls: Crl) -> EvidenceWriter:
        keeper = EvidenceWriter(root)
        for item in crls:
            keeper.keep_crl(item, ISSUER, [URL])
        return keeper

    def test_prunes_a_crl_that_the_newest_contains(self, tmp_path: Path) -> None:
        keeper = self.kept(tmp_path, made(1, 1, revoked=[7]), made(2, 2, revoked=[7, 8]), made(3, 3, revoked=[8, 7]))
        assert len(keeper.prune(ISSUER)) == 2
        assert candidates(tmp_path) == [3]
        assert len(list((tmp_path / "crls").glob("*.crl"))) == 1

    def test_keeps_a_crl_that_alone_lists_a_certificate(self, tmp_path: Path) -> None:
        """RFC 5280, 3.3: the newer list may have dropped a certificate because it expired."""
        keeper = self.kept(tmp_path, made(1, 1, revoked=[7]), made(2, 2, revoked=[8]))
        assert keeper.prune(ISSUER) == ()
        assert candidates(tmp_path) == [2, 1]

    def test_an_entry_with_another_reason_counts_as_another(self, tmp_path: Path) -> None:
        keeper = self.kept(tmp_path, made(1, 1, revoked=[entry(7, reason="keyCompromise")]), made(2, 2, revoked=[7]))
        assert keeper.prune(ISSUER) == ()

    def test_prunes_an_older_empty_crl(self, tmp_path: Path) -> None:
        keeper = self.kept(tmp_path, made(1, 1), made(2, 2))
        assert len(keeper.prune(ISSUER)) == 1

    def test_a_newer_crl_in_a_hidden_file_replaces_nothing(self, tmp_path: Path) -> None:
        """Such files are left behind by writers and file managers, and go away."""
        keeper = EvidenceWriter(tmp_path)
        keeper.keep_crl(made(5), ISSUER, [URL])
        (tmp_path / "crls" / ".newer.crl").write_bytes(made(7).der)
        assert keeper.prune(ISSUER) == ()
        assert keeper.keep_crl(made(6), ISSUER, [URL]).state is AttemptResult.NEW

    def test_a_forged_newer_crl_prunes_nothing(self, tmp_path: Path) -> None:
        keeper = self.kept(tmp_path, made(1, 1))
        (tmp_path / "crls/forged.crl").write_bytes(crl(CA, number=9, signed_by=key("p256", 4)))
        assert keeper.prune(ISSUER) == ()

    def test_keeps_a_delta_with_a_higher_number_than_a_newer_base(self, tmp_path: Path) -> None:
        keeper = self.kept(tmp_path, made(1), made(5, 1, delta_base=1), made(4, 2))
        keeper.prune(ISSUER)
        assert candidates(tmp_path) == [4, 5]

    def test_prunes_deltas_that_a_newer_base_contains(self, tmp_path: Path) -> None:
        deltas = (made(2, 1, delta_base=1, revoked=[7]), made(3, 2, delta_base=1, revoked=[7]))
        keeper = self.kept(tmp_path, made(1), *deltas)
        assert len(keeper.prune(ISSUER)) == 1
        keeper.keep_crl(made(3, 3), ISSUER, [URL])
        assert len(keeper.prune(ISSUER)) == 1  # the delta stays: its base has caught up, and does not list number 7
        keeper.keep_crl(made(4, 4, revoked=[7]), ISSUER, [URL])
        keeper.prune(ISSUER)
        assert candidates(tmp_path) == [4]

    def test_a_delta_of_a_later_base_prunes_none_of_an_earlier_one(self, tmp_path: Path) -> None:
        keeper = self.kept(tmp_path, made(3, 1, delta_base=1), made(4, 2, delta_base=2))
        assert keeper.prune(ISSUER) == ()
        keeper.keep_crl(made(5, 3, delta_base=1), ISSUER, [URL])
        assert len(keeper.prune(ISSUER)) == 2

    def test_an_indirect_crl_prunes_nothing(self, tmp_path: Path) -> None:
        """It is no answer for a certificate of the same number, and the older one is."""
        stranger = entry(LEAF.serial, certificate_issuer=names.parse("CN=Stranger"))
        keeper = self.kept(tmp_path, made(1, 1), made(2, 2, revoked=[stranger]))
        assert keeper.prune(ISSUER) == ()

    def test_a_malformed_crl_prunes_nothing(self, tmp_path: Path) -> None:
        """What cannot be read cannot be compared."""
        keeper = self.kept(tmp_path, made(1, 1, entries=b"\x30\x03\x02\x01"), made(2, 2, revoked=[7]))
        assert keeper.prune(ISSUER) == ()

    def test_keeps_a_crl_of_which_one_entry_is_not_in_the_newest(self, tmp_path: Path) -> None:
        older = made(1, 1, entries=many(2000) + entry(5))
        keeper = self.kept(tmp_path, older, made(2, 2, entries=many(3000)))
        assert keeper.prune(ISSUER) == ()
        keeper.keep_crl(made(3, 3, entries=entry(5) + many(3000)), ISSUER, [URL])
        assert len(keeper.prune(ISSUER)) == 2


class TestOcsp:
    def put(self, root: Path, **changes: object) -> AttemptResult:
        data = ocsp_response(LEAF, **changes)  # type: ignore[arg-type]
        return EvidenceWriter(root).keep_ocsp(data, OcspResponse.parse(data), certificate(LEAF), ISSUER, ()).state

    @pytest.mark.parametrize("status", ["revoked", "good"])
    @pytest.mark.parametrize("name", ["", "from elsewhere {}.ors"])
    def test_parses_each_kept_response_once(
        self, tmp_path: Path, status: str, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each new one parsed all of them again: a night with ten thousand took hours."""
        pieces = [ocsp_response(LEAF, status=status, this_update=ANSWERED + n * DAY) for n in range(20)]
        responses = [OcspResponse.parse(piece) for piece in pieces]
        if name:
            (tmp_path / "ocsp").mkdir()
            for n, piece in enumerate(pieces):
                (tmp_path / "ocsp" / name.format(n)).write_bytes(piece)
        parsed: list[bytes] = []
        read = OcspResponse.parse

        def counted(data: bytes) -> OcspResponse:
            parsed.append(data)
            return read(data)

        monkeypatch.setattr(OcspResponse, "parse", counted)
        for again in (False, True):
            writer = EvidenceWriter(tmp_path)
            for piece, response in zip(pieces, responses, strict=True):
                kept = writer.keep_ocsp(piece, response, certificate(LEAF), ISSUER, ())
                assert kept.state is (AttemptResult.UNCHANGED if again or name else AttemptResult.NEW)
            assert len(parsed) <= len(pieces)
            parsed.clear()

    def answers(self, root: Path) -> list[str]:
        found = EvidenceDirectory.open(root).ocsp(certificate(LEAF).serial)
        singles = (file.response.find(certificate(LEAF), ISSUER) for file in found)
        return [single.status for single in singles if single]

    def test_writes_and_finds_an_ocsp_response(self, tmp_path: Path) -> None:
        assert self.put(tmp_path) is AttemptResult.NEW
        assert self.answers(tmp_path) == ["good"]
        assert not (tmp_path / "ocsp/index.json").exists()

    def test_adds_newer_responses_and_no_older_ones(self, tmp_path: Path) -> None:
        self.put(tmp_path)
        assert self.put(tmp_path, this_update=ANSWERED + DAY) is AttemptResult.NEW
        assert self.put(tmp_path, this_update=ANSWERED - DAY) is AttemptResult.OLDER
        assert len(self.answers(tmp_path)) == 2

    def test_adds_an_older_response_that_revokes_another_certificate(self, tmp_path: Path) -> None:
        self.put(tmp_path)
        old = ANSWERED - DAY
        other = single(LEAF, serial=LEAF.serial + 1, status="revoked", this_update=old)
        assert self.put(tmp_path, singles=[single(LEAF, this_update=old), other]) is AttemptResult.NEW

    def test_a_forged_newer_response_does_not_prevent_writing(self, tmp_path: Path) -> None:
        (tmp_path / "ocsp").mkdir()
        forged = ocsp_response(LEAF, this_update=ANSWERED + DAY, signed_by=key("p256", 4))
        (tmp_path / "ocsp/forged.ors").write_bytes(forged)
        assert self.put(tmp_path) is AttemptResult.NEW

    @pytest.mark.parametrize(
        "newer",
        [{"responder": issue("ocsp", issuer=CA)}, {"extra": [UNKNOWN_CRITICAL]}],
        ids=["of a delegate, which may end or be revoked", "that is not understood"],
    )
    def test_a_newer_response_that_may_count_less_replaces_nothing(
        self, tmp_path: Path, newer: dict[str, object]
    ) -> None:
        self.put(tmp_path, this_update=ANSWERED - DAY)
        self.put(tmp_path, **newer)
        assert EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER) == ()
        assert self.put(tmp_path, this_update=ANSWERED - 2 * DAY) is AttemptResult.OLDER  # the issuer's own is newer
        assert self.put(tmp_path / "b", **newer) is AttemptResult.NEW
        assert self.put(tmp_path / "b", this_update=ANSWERED - DAY) is AttemptResult.NEW

    def test_prunes_unknown_responses_as_good_ones(self, tmp_path: Path) -> None:
        self.put(tmp_path, this_update=ANSWERED - DAY, status="unknown")
        self.put(tmp_path)
        assert len(EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER)) == 1
        assert self.answers(tmp_path) == ["good"]

    def test_a_delegate_replaces_only_its_own_responses(self, tmp_path: Path) -> None:
        delegate = issue("ocsp", issuer=CA)
        self.put(tmp_path, this_update=ANSWERED - DAY, responder=delegate)
        self.put(tmp_path, responder=delegate)
        assert len(EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER)) == 1

    def test_adds_a_response_to_an_index_that_names_the_responder(self, tmp_path: Path) -> None:
        """An index tells where files are from, so a new one has to be in it."""
        (tmp_path / "ocsp").mkdir()
        (tmp_path / "ocsp/old.ors").write_bytes(ocsp_response(LEAF))
        (tmp_path / "ocsp/index.json").write_text(json.dumps({"http://ocsp.example": "old.ors"}))
        self.put(tmp_path, this_update=ANSWERED + DAY)
        assert len(self.answers(tmp_path)) == 2

    def test_prune_keeps_the_newest_and_all_revoking_responses(self, tmp_path: Path) -> None:
        self.put(tmp_path, this_update=ANSWERED - 2 * DAY)
        self.put(tmp_path, this_update=ANSWERED - DAY, status="revoked", reason="keyCompromise")
        self.put(tmp_path)
        assert len(EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER)) == 1
        assert sorted(self.answers(tmp_path)) == ["good", "revoked"]

    @pytest.mark.parametrize("holds_another", [False, True])
    def test_prune_keeps_the_certificate_of_a_responder_that_another_response_lacks(
        self, tmp_path: Path, *, holds_another: bool
    ) -> None:
        """RFC 6960, 4.2.1: without it, what revokes was not proven any more. It may hold that of a former key."""
        delegate = issue("ocsp", issuer=CA)
        other = issue("leaf", issuer=CA)
        embedded = [issue("ocsp", issuer=CA, slot=5, subject=delegate.subject)] if holds_another else []
        self.put(tmp_path, this_update=ANSWERED - DAY, responder=delegate)
        self.put(tmp_path)
        bare = tmp_path / "ocsp/bare.ors"
        bare.write_bytes(ocsp_response(other, responder=delegate, embed=embedded, status="revoked"))
        assert EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER) == ()
        bare.unlink()
        assert len(EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER)) == 1

    def test_prune_removes_what_holds_a_certificate_that_another_response_does_not_need(self, tmp_path: Path) -> None:
        """Responders get new keys every few weeks under one name."""
        delegate = issue("ocsp", issuer=CA)
        renewed = issue("ocsp", issuer=CA, slot=5, subject=delegate.subject)
        self.put(tmp_path, this_update=ANSWERED - DAY, responder=delegate)
        self.put(tmp_path)
        (tmp_path / "ocsp/renewed.ors").write_bytes(ocsp_response(issue("leaf", issuer=CA), responder=renewed))
        assert len(EvidenceWriter(tmp_path).prune_ocsp(certificate(LEAF), ISSUER)) == 1
