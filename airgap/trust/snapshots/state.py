"""The state of accepted snapshots (`.airgap/state.json`), against the replay of old ones.

Each stream has two marks: the highest accepted number of stores and policy, and the highest accepted number of
evidence. With one mark, an attacker could withhold a full snapshot that removes a root and deliver a later one with
evidence only: the full one would then be refused for ever. A full snapshot sets both marks, because it has evidence,
too.

The file also has a history of actions and reasons. It is made when the first signer is pinned, so pins without it mean
that the state is lost. It is a part of the tree that `apply` exchanges in one step, so that content and state fit.
"""

from __future__ import annotations

import json as writer
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import Fact, FormatError, Rejected
from airgap.files import parse_if_there, write_file
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json_members import refuse_unknown
from airgap.parse.time import iso, rfc3339
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe
from airgap.trust.snapshots.snapshot_document import Snapshot, parse_number, parse_stream

STATE_FILE: Final = "state.json"
SCHEMA: Final = "airgap.trust-state/2"
_ONE_MARK: Final = "airgap.trust-state/1"
"""The former schema had one mark for each stream. It counts for both, because the kind of its snapshot is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A mark: the highest snapshot of a stream that was ever accepted here."""

    number: int
    digest: Digest
    created: datetime
    accepted: datetime

    def to_json(self) -> dict[str, Any]:
        """The object as state.json has it."""
        return {
            "number": self.number,
            "digest": str(self.digest),
            "created": iso(self.created),
            "accepted": iso(self.accepted),
        }

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("number", "digest", "created", "accepted"))
        return cls(
            number=parse_number(json.take(source, "number", int)),
            digest=Digest.parse(json.take(source, "digest", str)),
            created=rfc3339(json.take(source, "created", str), where="created"),
            accepted=rfc3339(json.take(source, "accepted", str), where="accepted"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An action on the trust directory."""

    at: datetime
    action: str
    """`pin`, `unpin`, `apply`, `evidence`, `undo`, `allow-rollback`, `accept-lost-state`."""
    detail: str
    """The object of the action, for people: `default/7 sha256:...`, the id of a pin."""
    reason: str = ""
    """The reason in words of the operator, if one was required."""

    def to_json(self) -> dict[str, str]:
        """The object as state.json has it."""
        return {"at": iso(self.at), "action": self.action, "detail": self.detail, "reason": self.reason}

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("at", "action", "detail", "reason"))
        return cls(
            at=rfc3339(json.take(source, "at", str), where="at"),
            action=json.take(source, "action", str),
            detail=json.take(source, "detail", str),
            reason=json.take(source, "reason", str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole state of one trust directory."""

    trust: Mapping[str, Accepted] = field(default_factory=lambda: MappingProxyType({}))
    """The marks of stores and policies, by stream; `beliefs` in the file."""
    evidence: Mapping[str, Accepted] = field(default_factory=lambda: MappingProxyType({}))
    """The marks of evidence, by stream."""
    made: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The highest number that was given to a snapshot made here, by stream."""
    in_force: str | None = None
    """The snapshot whose stores and policy are there now, `stream/number digest`; None where none was applied."""
    history: tuple[Event, ...] = ()

    @classmethod
    def read(cls, trust: Path) -> Self | None:
        """The state of the trust directory; None if there is no file.

        Raises TrustMaterialError(snapshot.state.malformed).
        """
        return parse_if_there(trust / LOCAL / STATE_FILE, limits.STATE_BYTES, cls.parse, "snapshot.state.malformed")

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The document. Raises FormatError."""
        document = json.load_object(data, json.Reading.OWN, limit=limits.STATE_BYTES, what="file")
        schema = json.take(document, "schema", str)
        if schema not in {SCHEMA, _ONE_MARK}:
            raise FormatError(f"is not {SCHEMA!r}", where="schema")
        marks = ("beliefs", "evidence") if schema == SCHEMA else ("streams", "streams")
        refuse_unknown(document, ("schema", *dict.fromkeys(marks), "made", "inForce", "history"))
        trust, evidence = (_marks(document, member) for member in marks)
        made = json.take(document, "made", dict)
        return cls(
            trust=trust,
            evidence=evidence,
            made=MappingProxyType({parse_stream(name): parse_number(json.take(made, name, int)) for name in made}),
            in_force=None if document.get("inForce") is None else json.take(document, "inForce", str),
            history=json.take_list(document, "history", Event.parse, limit=2 * limits.STATE_HISTORY),
        )

    def to_bytes(self) -> bytes:
        """The document."""
        document = {
            "schema": SCHEMA,
            "beliefs": {name: accepted.to_json() for name, accepted in sorted(self.trust.items())},
            "evidence": {name: accepted.to_json() for name, accepted in sorted(self.evidence.items())},
            "made": dict(sorted(self.made.items())),
            "inForce": self.in_force,
            "history": [event.to_json() for event in self.history[-limits.STATE_HISTORY :]],
        }
        return (writer.dumps(document, indent=2, ensure_ascii=True) + "\n").encode()

    def write(self, trust: Path) -> None:
        """Atomically. Raises OSError."""
        folder = trust / LOCAL
        folder.mkdir(exist_ok=True)
        write_file(folder / STATE_FILE, self.to_bytes())

    # --- queries and changes ---

    def check_not_older(self, snapshot: Snapshot) -> None:
        """Checks that it is not older than the last accepted one of its stream and kind, and no other with its number.

        A full snapshot is compared with the mark of stores and policies, one of evidence only with the mark of
        evidence. Raises Rejected: snapshot.rollback, snapshot.fork.
        """
        stream, number = snapshot.stream, snapshot.number
        marks = [mark for mark in (self.trust.get(stream), self.evidence.get(stream)) if mark is not None]
        for mark in marks:
            if number == mark.number and snapshot.descriptor.digest != mark.digest:
                raise Rejected(
                    "snapshot.fork",
                    f"another snapshot with number {number} of the stream {stream!r} was accepted on "
                    f"{iso(mark.accepted)}: {mark.digest}, and this is {snapshot.descriptor.digest}",
                    **_facts(snapshot, mark),
                )
        last = self._marks_for(snapshot).get(stream)
        if last is not None and number < last.number:
            what = "evidence" if snapshot.evidence_only else "stores and policy"
            raise Rejected(
                "snapshot.rollback",
                f"the snapshot is number {number} of the stream {stream!r}, and {what} of number {last.number} "
                f"{'was' if snapshot.evidence_only else 'were'} accepted on {iso(last.accepted)}",
                **_facts(snapshot, last),
            )

    def accepting(self, snapshot: Snapshot, at: datetime) -> State:
        """The state after applying this snapshot. A mark never decreases, also not after an allowed rollback."""
        mark = Accepted(
            number=snapshot.number, digest=snapshot.descriptor.digest, created=snapshot.created, accepted=at
        )
        evidence = _raised(self.evidence, snapshot.stream, mark)
        if snapshot.evidence_only:
            return replace(self, evidence=evidence)
        return replace(
            self, trust=_raised(self.trust, snapshot.stream, mark), evidence=evidence, in_force=in_force_text(snapshot)
        )

    def has_accepted(self, snapshot: Snapshot) -> bool:
        """Whether this snapshot is the current one of its kind: of stores and policy, or of evidence."""
        if not snapshot.evidence_only:
            return self.in_force == in_force_text(snapshot)
        mark = self.evidence.get(snapshot.stream)
        return mark is not None and mark.digest == snapshot.descriptor.digest

    def _marks_for(self, snapshot: Snapshot) -> Mapping[str, Accepted]:
        return self.evidence if snapshot.evidence_only else self.trust

    def undoing(self, in_force: str | None) -> State:
        """The state with the former snapshot in force; the marks stay."""
        return replace(self, in_force=in_force)

    def making(self, stream: str, number: int) -> State:
        """The state after making a snapshot here."""
        return replace(self, made=MappingProxyType({**self.made, stream: max(number, self.made.get(stream, 0))}))

    def last_number(self, stream: str) -> int:
        """The highest known number, accepted or made here; 0 if there is none."""
        marks = (marks.get(stream) for marks in (self.trust, self.evidence))
        return max(self.made.get(stream, 0), *(mark.number if mark else 0 for mark in marks))

    def noting(self, at: datetime, action: str, detail: str, reason: str = "") -> State:
        """The state with one more entry in the history."""
        event = Event(at=at, action=action, detail=safe(detail), reason=safe(reason))
        return replace(self, history=(*self.history, event)[-limits.STATE_HISTORY :])


def is_behind(state: State, witness: State) -> bool:
    """Whether `witness` has a higher mark than `state`: then `state` is not the newest one."""
    return any(
        name not in marks or marks[name].number < mark.number
        for marks, known in ((state.trust, witness.trust), (state.evidence, witness.evidence))
        for name, mark in known.items()
    )


def in_force_text(snapshot: Snapshot) -> str:
    """The name of the applied snapshot in the state."""
    return f"{snapshot.name} {snapshot.descriptor.digest}"


def _marks(document: json.JsonObject, member: str) -> Mapping[str, Accepted]:
    marks: dict[str, Accepted] = {}
    for name, value in json.take(document, member, dict).items():
        try:
            marks[parse_stream(name)] = Accepted.parse(value)
        except FormatError as error:
            raise error.under(f"{member}.{safe(name, limit=64)}") from None
    return MappingProxyType(marks)


def _raised(marks: Mapping[str, Accepted], stream: str, mark: Accepted) -> Mapping[str, Accepted]:
    if stream in marks and mark.number < marks[stream].number:
        return marks
    return MappingProxyType({**marks, stream: mark})


def _facts(snapshot: Snapshot, last: Accepted) -> dict[str, Fact]:
    return {
        "stream": snapshot.stream,
        "number": snapshot.number,
        "last_number": last.number,
        "last_digest": str(last.digest),
        "last_accepted": iso(last.accepted),
    }
