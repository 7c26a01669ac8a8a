"""Finds the detached signature of a file and its format (BLOB-4, BLOB-5, D44).

Only a signature with the usual name, or one that the user names, is used. Files with other names are only mentioned in
messages.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import FormatError, Rejected, UsageError
from airgap.files import is_there, read_regular
from airgap.near_names import near_files
from airgap.pki.file_kinds import recognise
from airgap.signature.blob_payload import media_type_of, signature_name
from airgap.signature.foreign import OTHER_TOOL, foreign_signature, form_of
from airgap.signature.formats import EnvelopeFormat
from airgap.text import safe

_SHOWN: Final = 3
_ENDINGS: Final = (
    ".sig", ".sign", ".signature", ".jws", ".cose", ".asc", ".gpg", ".pgp", ".p7s", ".p7m", ".p7b", ".pkcs7", ".cms",
    ".minisig", ".sigstore", ".bundle", ".json", ".jsonl", ".att", ".dsse", ".intoto", ".pem", ".crt", ".sha256",
    ".sha512", ".txt",
)  # fmt: skip
"""Names of signatures of other tools, and of files that people take for signatures."""


def usual_places(path: Path, form: EnvelopeFormat | None = None) -> list[Path]:
    """The usual paths of the signature of a file, one for each format (BLOB-5); none for `.` and `/`."""
    if not path.name:
        return []
    return [path.with_name(signature_name(path.name, name)) for name in ([form] if form else EnvelopeFormat)]


def find_signature(path: Path, form: EnvelopeFormat | None) -> Path:
    """The signature under its usual name beside the file (BLOB-5).

    Raises Rejected signature.none, with what else is there; UsageError where there are several.
    """
    found = [candidate for candidate in usual_places(path, form) if is_there(candidate)]
    if len(found) > 1:
        raise UsageError(
            f"{safe(path)} has several signatures: {', '.join(safe(item.name) for item in found)}",
            remedy="Name the one that is meant with --signature.",
        )
    if not found:
        raise _none(path)
    return found[0]


def stated_form(path: Path, raw: bytes, form: EnvelopeFormat | None) -> str:
    """The media type of the envelope in a file: as `form` or its name says (`media_type_of`).

    Raises UsageError for a name that says nothing, with what the bytes look like; Rejected envelope.malformed where
    they are another tool's signature.
    """
    try:
        return media_type_of(path.name, form)
    except UsageError as error:
        if not raw:
            raise Rejected("envelope.malformed", f"{safe(path)} is empty").advising(_AGAIN) from None
        if what := foreign_signature(raw):
            text = f"{safe(path)} is {what}, and no envelope of the Notary Project"
            raise Rejected("envelope.malformed", text, foreign=what).advising(OTHER_TOOL) from None
        if looks := form_of(raw):
            raise UsageError(
                f"{error}; its bytes look like {looks.upper()}", remedy=f"Say it with --signature-format {looks}."
            ) from None
        own = [signature_name(path.name, name) for name in EnvelopeFormat]
        if found := next((name for name in own if is_there(path.with_name(name))), None):
            remedy = f"If {safe(path)} is the file itself, name its signature: {safe(path.with_name(found))}."
            raise UsageError(str(error), remedy=remedy) from None
        if kind := recognise(raw):
            text = f"{safe(path)} is no signature but {kind.words}"
            raise Rejected("envelope.malformed", text).advising(_AGAIN) from None
        raise


_AGAIN: Final = "Copy the signature again from where the file came from."


def _none(path: Path) -> Rejected:
    """The error for a missing signature, with the files that may be meant."""
    nothing = f"there is no signature beside {safe(path)}"
    if path.is_dir():
        return Rejected("signature.none", f"{nothing}, which is a directory").advising(
            "A layout is judged by airgap verify, not by airgap blob verify."
        )
    if path.name.casefold().endswith(tuple(f".{form}.sig" for form in EnvelopeFormat)):
        return Rejected("signature.none", f"{nothing}, which is called as a signature is").advising(
            f"Name the file that it is about, not the signature: airgap blob verify FILE --signature {safe(path)}."
        )
    told = list(islice(_near(path), _SHOWN))
    if not told:
        return Rejected("signature.none", nothing)
    listed = ", ".join(f"{safe(item.name)!r} ({what})" for item, what, _ in told)
    remedy = next((way for _, _, way in told if way), "")
    return Rejected("signature.none", f"{nothing}; there is {listed}").advising(remedy)


def _near(path: Path) -> Iterator[tuple[Path, str, str]]:
    """Files beside a file with names similar to its own or its signature's: their kind, and what to do."""
    for item in near_files(path.parent, [path.name, *(place.name for place in usual_places(path))]):
        try:
            raw = read_regular(item, limits.ENVELOPE_BYTES)
        except FormatError:
            continue  # unreadable files are no help here
        form = form_of(raw)
        if form is not None:
            option = "" if item.name.casefold().endswith(f".{form}.sig") else f" --signature-format {form}"
            named = safe(shlex.quote(str(item)))
            yield item, f"a {form.upper()} envelope", f"If it is the signature: --signature {named}{option}."
        elif item.name.casefold().endswith(_ENDINGS) and (what := foreign_signature(raw)):
            yield item, what, OTHER_TOOL
