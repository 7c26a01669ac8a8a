"""The memory of which snapshots were accepted (`.airgap/state.json`): without it an old one could come again.

One highest number a stream, with its digest and moment, and a history of what was done and why. The file is made when
the first signer is pinned, so that pins without it mean: the memory is lost. It is part of the tree that `apply` puts
into force in one step, so that content and memory can not drift apart.
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
from airgap.errors import Fact, FormatError, Rejected, TrustMaterialError
from airgap.files import read_regular, write_file
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.time import iso, rfc3339
from airgap.text import safe
from airgap.trust.members import as_object, refuse_unknown
from airgap.trust.snapshots.material import LOCAL
from airgap.trust.snapshots.snapshot import Snapshot, parse_number, parse_stream

FILE: Final = "state.json"
SCHEMA: Final = "airgap.trust-state/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The highest snapshot of a stream that was ever accepted here."""

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
        source = as_object(value)
        refuse_unknown(source, ("number", "digest", "created", "accepted"))
        return cls(
            number=parse_number(json.take(source, "number", int)),
            digest=Digest.parse(json.take(source, "digest", str)),
            created=rfc3339(json.take(source, "created", str), where="created"),
            accepted=rfc3339(json.take(source, "accepted", str), where="accepted"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was done to the trust directory."""

    at: datetime
    action: str
    """`pin`, `unpin`, `apply`, `evidence`, `undo`, `allow-rollback`, `accept-lost-state`."""
    detail: str
    """What, for people: `default/7 sha256:...`, a pin's id."""
    reason: str = ""
    """The operator's own words, where they were asked for."""

    def to_json(self) -> dict[str, str]:
        """The object as state.json has it."""
        return {"at": iso(self.at), "action": self.action, "detail": self.detail, "reason": self.reason}

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = as_object(value)
        refuse_unknown(source, ("at", "action", "detail", "reason"))
        return cls(
            at=rfc3339(json.take(source, "at", str), where="at"),
            action=json.take(source, "action", str),
            detail=json.take(source, "detail", str),
            reason=json.take(source, "reason", str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The whole memory of one trust directory."""

    streams: Mapping[str, Accepted] = field(default_factory=lambda: MappingProxyType({}))
    made: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The highest number that was given to a snapshot made here, by stream."""
    in_force: str | None = None
    """The snapshot whose content lies there now, `stream/number digest`; None where none was applied."""
    history: tuple[Event, ...] = ()

    @classmethod
    def read(cls, trust: Path) -> Self | None:
        """The memory of the trust directory; None where there is no file.

        Raises TrustMaterialError(snapshot.state.malformed).
        """
        path = trust / LOCAL / FILE
        if not path.exists() and not path.is_symlink():
            return None
        try:
            return cls.parse(read_regular(path, limits.STATE_BYTES))
        except FormatError as error:
            raise TrustMaterialError(
                "snapshot.state.malformed", f"{safe(path)}: {error}", source=safe(path), problem=error.problem
            ) from None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The document. Raises FormatError."""
        document = json.load_object(data, json.Reading.OWN, limit=limits.STATE_BYTES, what="file")
        refuse_unknown(document, ("schema", "streams", "made", "inForce", "history"))
        if json.take(document, "schema", str) != SCHEMA:
            raise FormatError(f"is not {SCHEMA!r}", where="schema")
        streams: dict[str, Accepted] = {}
        for name, value in json.take(document, "streams", dict).items():
            try:
                streams[parse_stream(name)] = Accepted.parse(value)
            except FormatError as error:
                raise error.under(f"streams.{safe(name, limit=64)}") from None
        made = json.take(document, "made", dict)
        return cls(
            streams=MappingProxyType(streams),
            made=MappingProxyType({parse_stream(name): parse_number(json.take(made, name, int)) for name in made}),
            in_force=None if document.get("inForce") is None else json.take(document, "inForce", str),
            history=json.take_list(document, "history", Event.parse, limit=2 * limits.STATE_HISTORY),
        )

    def to_bytes(self) -> bytes:
        """The document."""
        document = {
            "schema": SCHEMA,
            "streams": {name: accepted.to_json() for name, accepted in sorted(self.streams.items())},
            "made": dict(sorted(self.made.items())),
            "inForce": self.in_force,
            "history": [event.to_json() for event in self.history[-limits.STATE_HISTORY :]],
        }
        return (writer.dumps(document, indent=2, ensure_ascii=True) + "\n").encode()

    def write(self, trust: Path) -> None:
        """Atomically. Raises OSError."""
        folder = trust / LOCAL
        folder.mkdir(exist_ok=True)
        write_file(folder / FILE, self.to_bytes())

    # --- what follows from it ---

    def check_not_older(self, snapshot: Snapshot) -> None:
        """The snapshot is not older than the last one accepted of its stream, and not another one with its number.

        Raises Rejected: snapshot.rollback, snapshot.fork.
        """
        last = self.streams.get(snapshot.stream)
        if last is None or snapshot.number > last.number:
            return
        facts: dict[str, Fact] = {
            "stream": snapshot.stream,
            "number": snapshot.number,
            "last_number": last.number,
            "last_digest": str(last.digest),
            "last_accepted": iso(last.accepted),
        }
        if snapshot.number < last.number:
            raise Rejected(
                "snapshot.rollback",
                f"the snapshot is number {snapshot.number} of the stream {snapshot.stream!r}, and number {last.number} "
                f"was accepted on {iso(last.accepted)}",
                **facts,
            )
        if snapshot.descriptor.digest != last.digest:
            raise Rejected(
                "snapshot.fork",
                f"another snapshot with number {last.number} of the stream {snapshot.stream!r} was accepted on "
                f"{iso(last.accepted)}: {last.digest}, and this is {snapshot.descriptor.digest}",
                **facts,
            )

    def accepting(self, snapshot: Snapshot, at: datetime) -> State:
        """With this snapshot in force. The highest number stays the highest, also after going back on purpose."""
        last = self.streams.get(snapshot.stream)
        streams = dict(self.streams)
        if last is None or snapshot.number >= last.number:
            streams[snapshot.stream] = Accepted(
                number=snapshot.number, digest=snapshot.descriptor.digest, created=snapshot.created, accepted=at
            )
        return replace(
            self, streams=MappingProxyType(streams), in_force=f"{snapshot.name} {snapshot.descriptor.digest}"
        )

    def undoing(self, in_force: str | None) -> State:
        """With the former snapshot in force; the highest numbers stay."""
        return replace(self, in_force=in_force)

    def making(self, stream: str, number: int) -> State:
        """With a snapshot that was made here."""
        return replace(self, made=MappingProxyType({**self.made, stream: max(number, self.made.get(stream, 0))}))

    def last_number(self, stream: str) -> int:
        """The highest number that is known, accepted or made here; 0 where none is."""
        accepted = self.streams.get(stream)
        return max(accepted.number if accepted else 0, self.made.get(stream, 0))

    def noting(self, at: datetime, action: str, detail: str, reason: str = "") -> State:
        """With one more entry in the history."""
        event = Event(at=at, action=action, detail=safe(detail), reason=safe(reason))
        return replace(self, history=(*self.history, event)[-limits.STATE_HISTORY :])


def is_behind(state: State, witness: State) -> bool:
    """Whether `witness` remembers something higher than `state`: then `state` is not the newest memory."""
    return any(
        name not in state.streams or state.streams[name].number < accepted.number
        for name, accepted in witness.streams.items()
    )
