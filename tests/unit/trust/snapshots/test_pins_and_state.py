"""Pins and the memory of what was accepted: written, read back, and refused when malformed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.errors import Rejected, TrustMaterialError, UsageError
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.trust.snapshots.pins import Pin, PinKind, Pins
from airgap.trust.snapshots.snapshot_document import Snapshot
from airgap.trust.snapshots.state import State, is_behind
from tests.support.pki import AT, Pki
from tests.unit.trust.snapshots.test_snapshot_document import build

ROOT = Certificate.parse(Pki().code_chain().root.der)


def evidence(number: int) -> Snapshot:
    """A snapshot without stores and policy."""
    full = build(number=number).snapshot
    alone = tuple(file for file in full.files if file.part.is_evidence)
    digest = Digest.of(f"evidence {number}".encode())
    return replace(full, files=alone, descriptor=replace(full.descriptor, digest=digest))


SUBJECT = Pin(
    stream="default", kind=PinKind.SUBJECT, added=AT, subject="x509.subject: C=US, ST=WA, O=Harbour", roots=(ROOT,)
)
EXACT = Pin(
    stream="default",
    kind=PinKind.CERTIFICATE,
    added=AT,
    fingerprint="ab" * 32,
    issuers=("cd" * 32, "ef" * 32),
    tsa_roots=(ROOT,),
)
OLD = replace(EXACT, issuers=None)
"""As written by a version that did not keep the issuers."""
TUF = Pin(stream="other", kind=PinKind.TUF, added=AT, tuf_root=b"{}")


class TestPins:
    def test_are_read_as_written(self, tmp_path: Path) -> None:
        assert Pins.read(tmp_path) == Pins()
        pins = Pins((SUBJECT, EXACT, OLD, TUF))
        pins.write(tmp_path)
        assert Pins.read(tmp_path) == pins
        assert pins.of("default") == (SUBJECT, EXACT, OLD)
        assert len({EXACT.id, OLD.id, replace(EXACT, issuers=()).id}) == 3, "what is pinned is another thing"

    def test_the_same_pin_is_kept_once(self) -> None:
        pins = Pins((SUBJECT,))
        assert pins.adding(replace(SUBJECT, added=AT + timedelta(days=1))) is pins

    def test_are_removed_by_the_beginning_of_their_id(self) -> None:
        rest, gone = Pins((SUBJECT, EXACT)).without(SUBJECT.id[:6])
        assert (rest.entries, gone) == ((EXACT,), SUBJECT)
        for name in ("", "zz"):
            with pytest.raises(UsageError):
                Pins((SUBJECT, EXACT)).without(name)

    def test_every_fingerprint_has_to_be_compared(self) -> None:
        assert SUBJECT.compared == (("root", ROOT.fingerprint),)
        assert EXACT.compared == (
            ("certificate", "ab" * 32),
            ("root", "ef" * 32),
            ("tsa root", ROOT.fingerprint),
        )
        assert replace(EXACT, issuers=()).compared == (("certificate", "ab" * 32), ("tsa root", ROOT.fingerprint))
        assert TUF.compared[0][0] == "root.json"

    def test_a_root_of_both_kinds_is_compared_once(self) -> None:
        """The second challenge about one fingerprint showed on the screen what the first one asks for."""
        both = replace(SUBJECT, tsa_roots=(ROOT, ROOT))
        assert both.compared == (("root and tsa root", ROOT.fingerprint),)

    @pytest.mark.parametrize(
        "change",
        [
            {"stream": "Not A Stream"},
            {"kind": "other"},
            {"id": "000000000000"},
            {"subject": "x509.subject: C=US, ST=WA, O=Other"},
            {"subject": "other: x"},
            {"fingerprint": "ab" * 32},
            {"issuers": []},
            {"roots": []},
            {"roots": ["AAAA"]},
            {"extra": 1},
            {"added": "now"},
        ],
    )
    def test_malformed_files_are_refused(self, tmp_path: Path, change: dict[str, Any]) -> None:
        """A changed subject no longer fits the pin's id: it was not compared."""
        Pins((SUBJECT,)).write(tmp_path)
        path = tmp_path / ".airgap" / "pins.json"
        document = json.loads(path.read_text())
        document["pins"][0].update(change)
        path.write_text(json.dumps(document))
        with pytest.raises(TrustMaterialError) as caught:
            Pins.read(tmp_path)
        assert caught.value.reason == "snapshot.state.malformed"

    def test_refuses_a_link(self, tmp_path: Path) -> None:
        (tmp_path / ".airgap").mkdir()
        (tmp_path / ".airgap" / "pins.json").symlink_to("nowhere")
        with pytest.raises(TrustMaterialError):
            Pins.read(tmp_path)


class TestState:
    def test_is_read_as_written(self, tmp_path: Path) -> None:
        assert State.read(tmp_path) is None
        state = State().accepting(build().snapshot, AT).making("mine", 3).noting(AT, "apply", "default/7", "why")
        state.write(tmp_path)
        assert State.read(tmp_path) == state

    @pytest.mark.parametrize(("number", "reason"), [(6, "snapshot.rollback"), (1, "snapshot.rollback")])
    def test_an_older_number_is_a_rollback(self, number: int, reason: str) -> None:
        state = State().accepting(build().snapshot, AT)
        with pytest.raises(Rejected) as caught:
            state.check_not_older(build(number=number).snapshot)
        assert caught.value.reason == reason

    def test_the_same_number_with_other_content_is_a_fork(self) -> None:
        state = State().accepting(build().snapshot, AT)
        state.check_not_older(build().snapshot)
        with pytest.raises(Rejected) as caught:
            state.check_not_older(build(created=AT + timedelta(days=1)).snapshot)
        assert caught.value.reason == "snapshot.fork"

    def test_streams_are_independent(self) -> None:
        state, other = State().accepting(build().snapshot, AT), build(stream="other", number=1).snapshot
        state.check_not_older(other)  # raises where it is
        assert state.accepting(other, AT).trust.keys() == {"default", "other"}

    def test_going_back_on_purpose_does_not_lower_the_highest_number(self) -> None:
        state = State().accepting(build().snapshot, AT).accepting(build(number=3).snapshot, AT)
        assert state.trust["default"].number == 7
        assert state.in_force is not None
        assert state.in_force.startswith("default/3 ")

    def test_evidence_alone_has_a_mark_of_its_own(self) -> None:
        """Else a withheld full snapshot could never be applied again."""
        state = State().accepting(build(number=1).snapshot, AT).accepting(evidence(3), AT)
        assert (state.trust["default"].number, state.evidence["default"].number) == (1, 3)
        assert state.in_force is not None
        assert state.in_force.startswith("default/1 ")
        state.check_not_older(build(number=2).snapshot)
        state.check_not_older(evidence(3))
        with pytest.raises(Rejected, match="evidence of number 3") as caught:
            state.check_not_older(evidence(2))
        assert caught.value.reason == "snapshot.rollback"

    def test_a_full_snapshot_sets_both_marks(self) -> None:
        state = State().accepting(build(number=4).snapshot, AT)
        assert state.trust == state.evidence
        with pytest.raises(Rejected):
            state.check_not_older(evidence(3))

    def test_one_number_has_one_snapshot_of_either_kind(self) -> None:
        for state, other in (
            (State().accepting(evidence(3), AT), build(number=3).snapshot),
            (State().accepting(build(number=3).snapshot, AT), evidence(3)),
        ):
            with pytest.raises(Rejected) as caught:
                state.check_not_older(other)
            assert caught.value.reason == "snapshot.fork"

    def test_the_former_schema_with_one_mark_is_read_as_both(self, tmp_path: Path) -> None:
        state = State().accepting(build().snapshot, AT).noting(AT, "apply", "default/7")
        document = json.loads(state.to_bytes())
        document["streams"] = document.pop("beliefs")
        del document["evidence"]
        document["schema"] = "airgap.trust-state/1"
        (tmp_path / ".airgap").mkdir()
        (tmp_path / ".airgap/state.json").write_text(json.dumps(document))
        read = State.read(tmp_path)
        assert read == state
        read.write(tmp_path)
        assert State.read(tmp_path) == state

    def test_detects_a_memory_older_than_its_evidence_marker(self) -> None:
        state = State().accepting(build(number=1).snapshot, AT)
        assert is_behind(state, state.accepting(evidence(2), AT))
        assert not is_behind(state.accepting(evidence(2), AT), state)

    def test_detects_a_memory_older_than_its_marker(self) -> None:
        young, old = State().accepting(build(number=3).snapshot, AT), State().accepting(build().snapshot, AT)
        assert is_behind(young, old)
        assert is_behind(State(), old)
        assert not is_behind(old, young)

    def test_history_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "STATE_HISTORY", 3)
        state = State()
        for number in range(5):
            state = state.noting(AT, "apply", str(number))
        assert [event.detail for event in state.history] == ["2", "3", "4"]

    @pytest.mark.parametrize(
        "change",
        [
            {"schema": "x"},
            {"extra": 1},
            {"beliefs": {"default": {"number": 1}}},
            {"beliefs": {"No Stream": {}}},
            {"beliefs": []},
            {"evidence": {"default": {"number": 1}}},
            {"streams": {}},
            {"made": {"default": 0}},
            {"inForce": 7},
            {"history": [{}]},
        ],
    )
    def test_what_is_malformed_is_refused(self, tmp_path: Path, change: dict[str, Any]) -> None:
        State().accepting(build().snapshot, AT).write(tmp_path)
        path = tmp_path / ".airgap" / "state.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
        with pytest.raises(TrustMaterialError) as caught:
            State.read(tmp_path)
        assert caught.value.reason == "snapshot.state.malformed"

    def test_the_last_number_counts_what_was_made_and_what_was_accepted(self) -> None:
        state = State().accepting(build().snapshot, AT).making("default", 9).making("default", 2)
        assert state.last_number("default") == 9
        assert state.trust["default"].digest == Digest.parse(str(build().snapshot.descriptor.digest))
