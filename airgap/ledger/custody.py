"""Custody notes: who carried what when. Claims of handlers; signed where a key is given.

What is signed is a document of its own (`airgap.note/1`), so that `airgap blob verify` can judge it outside the ledger.
"""

from __future__ import annotations

import json as writer
from dataclasses import replace
from datetime import datetime
from typing import Final

from airgap import limits
from airgap.errors import UsageError
from airgap.hashing import fingerprint
from airgap.ledger.entries import Note, check_unicode
from airgap.parse.time import iso

NOTE_SCHEMA: Final = "airgap.note/1"
NOTE_TYPE: Final = "application/vnd.airgap.note.v1+json"
"""The media type that a signature of a note is about."""


def custody_note(*, at: datetime, operator: str, about: str, text: str, by: str) -> Note:
    """A note that can be recorded. Raises UsageError."""
    if not text.strip() or not by.strip() or not about.strip():
        raise UsageError("a note needs a text, who says it, and what it is about")
    if max(map(len, (text, by, about))) > limits.NOTE_CHARACTERS:
        raise UsageError(f"a note has at most {limits.NOTE_CHARACTERS} characters")
    for name, said in (("text", text), ("--about", about), ("--by", by)):
        check_unicode(said, f"the {name} of the note")
    return Note(at=at, operator=operator, about=about.strip(), text=text, by=by)


def note_document(note: Note) -> bytes:
    """What a signature of the note is over."""
    members = {"schema": NOTE_SCHEMA, "at": iso(note.at), "about": note.about, "by": note.by, "text": note.text}
    return writer.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sealed_note(note: Note, envelope: bytes) -> Note:
    """The note with the envelope that signs its document, which is kept beside its row."""
    return replace(note, attached=fingerprint(envelope))
