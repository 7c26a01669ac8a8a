"""Strict parsers for the headers and bodies of registries, and safe messages from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError, Fact, FormatError
from airgap.net.http import Reply, retry_after
from airgap.net.transport_errors import RegistryError
from airgap.net.url import origin_of
from airgap.oci.digest import Digest
from airgap.parse.json import Reading, dump, load_object, take_list
from airgap.text import safe

ERROR_BYTES: Final = 64 * limits.KIB
"""Bytes that are read of an error body."""
WRONG_THERE: Final = (
    "That is what the registry has, or sends: nothing is wrong here. Put the artifact into the registry again, or ask "
    "its operator."
)
"""The remedy for content of a registry that is missing or wrong."""
_WEB_PAGE: Final = (
    "A proxy or a login page answers in place of the registry. Sign in where it wants that, or take the way around it "
    "(NO_PROXY)."
)
PARTIAL: Final = (
    "A cache or proxy before the registry sends a part of what was asked for as a whole. Ask its operator, or take the "
    "way around it (NO_PROXY)."
)
"""The remedy for a 206 that was not asked for."""
_MADE: Final = (
    "It says that it has made something when an upload was to begin, and nothing was sent yet. Nothing was taken for "
    "copied. Ask the operator of the registry, or of the proxy before it."
)
_ENCODED: Final = (
    "The answer says that it is compressed in a way that was not asked for ({}). A proxy or cache before the registry "
    "may do that: ask its operator to leave answers as they are, or take the way around it (NO_PROXY)."
)
_MOST_ERRORS: Final = 100
_SHOWN_ERRORS: Final = 3
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)")
_RANGE: Final = re.compile(r"(?:bytes=)?([0-9]{1,19})-([0-9]{1,19})")
_LINK: Final = re.compile(r'\s*<([^<>]*)>((?:\s*;\s*[A-Za-z*-]+\s*(?:=\s*(?:"[^"]*"|[^\s",;]+))?)*)\s*(?:,|$)')
_BARE_LINK: Final = re.compile(r'\s*([^\s<>;,"]+)\s*;\s*rel\s*=\s*"?next"?\s*', re.IGNORECASE)
"""A Link without angle brackets, as some registries write it; skopeo and regctl follow it."""
_RELATION: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))', re.IGNORECASE)
_LINK_CHARACTERS: Final = 16 * limits.KIB


class StatedError(NamedTuple):
    """One entry of an error body (DIST-10)."""

    code: str
    message: str
    detail: str
    """The details: a text, or the digest or message of an object, or else that object as JSON."""


def stated_errors(reply: Reply) -> tuple[StatedError, ...]:
    """The entries of an error body; empty if it has another form."""
    try:
        if not reply.body:
            reply.read(ERROR_BYTES)
        document = load_object(reply.body, Reading.OPEN, limit=ERROR_BYTES, what="error answer")
        return take_list(document, "errors", _error, limit=_MOST_ERRORS, required=False)
    except FormatError:
        return ()


def _error(item: object) -> StatedError:
    if not isinstance(item, dict):
        return StatedError("", "", "")
    detail = item.get("detail")
    if isinstance(detail, dict):
        named = (detail.get(name) for name in ("digest", "Digest", "message"))
        detail = next(filter(None, named), None) or (dump(detail).decode() if detail else None)
    # some use numbers for codes, as HTTP does
    code, message = (str(said) if isinstance(said := item.get(name), str | int) else "" for name in ("code", "message"))
    return StatedError(code, message, detail if isinstance(detail, str) else "")


def has_code(reply: Reply, *codes: str) -> bool:
    """Whether the error body names one of the codes."""
    return any(error.code in codes for error in stated_errors(reply))


def error_text(reply: Reply) -> str:
    """The text of the error body for a message; empty if it is not readable."""
    errors = stated_errors(reply)
    if errors:
        parts = (": ".join(dict.fromkeys(part for part in error if part)) for error in errors[:_SHOWN_ERRORS])
        return safe("; ".join(parts), limit=300)
    if reply.media_type == "text/plain":
        return safe(reply.body.decode(errors="replace").strip(), limit=160)
    return ""


def wrong_there(reply: Reply, otherwise: str = WRONG_THERE) -> str:
    """The remedy for an answer whose body is not what it has to be; `otherwise`: where nothing tells why."""
    if reply.encoding and not reply.is_packed:
        return _ENCODED.format(safe(reply.encoding, limit=40))
    return _WEB_PAGE if reply.media_type in {"text/html", "application/xhtml+xml"} else otherwise


def _hint(reply: Reply) -> str:
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "The registry limits its use; try again later or log in."
    if reply.status == HTTPStatus.PARTIAL_CONTENT:
        return PARTIAL
    if reply.status == HTTPStatus.CREATED and reply.request.method == "POST":
        return _MADE
    if reply.status == HTTPStatus.INSUFFICIENT_STORAGE:
        return "The registry has no room left; ask its operator."
    if reply.request.method != "GET" and has_code(reply, "NAME_UNKNOWN"):
        return "Some registries make no repositories by themselves: make it there first, and copy again."
    if reply.request.method == "PUT" and has_code(reply, "TAG_INVALID"):
        return "If tags cannot move in this registry, copy to another tag."
    if reply.status == HTTPStatus.BAD_REQUEST and reply.request.url.startswith("http://") and not stated_errors(reply):
        return "It was asked in plain HTTP. If it speaks TLS, name its authority with --ca-file, or use --insecure."
    return ""


def refusal_error(
    reply: Reply,
    what: str,
    *,
    because: str = "",
    remedy: str = "",
    kind: type[RegistryError] = RegistryError,
    **facts: Fact,
) -> RegistryError:
    """The error for a refusal: `what` failed (`the manifest x cannot be read`)."""
    words = error_text(reply)
    host = origin_of(reply.request.url).netloc
    return kind(
        f"{what}: {host} answered {reply.status}{f' ({words})' if words else ''}{because}",
        remedy=remedy or _hint(reply),
        host=host,
        method=reply.request.method,
        url=str(reply.request).partition(" ")[2],
        status=reply.status,
        retry_after=retry_after(reply.headers),
        codes=[safe(error.code, limit=64) for error in stated_errors(reply)[:_SHOWN_ERRORS]],
        **facts,
    )


def content_range(headers: Mapping[str, str]) -> tuple[int, int, int | None] | None:
    """First byte, last byte and total of Content-Range; None where it is not one."""
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, total = match.groups()
    return int(first), int(last), None if total == "*" else int(total)


def upload_offset(headers: Mapping[str, str]) -> int | None:
    """How many bytes of an upload the registry has, by its Range header (`0-1023`: 1024); None without this header."""
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or int(match[1]) != 0:
        return None
    last = int(match[2])
    return last + 1 if last else 0  # distribution answers 0-0 for "nothing yet"


def next_page(headers: Mapping[str, str]) -> str | None:
    """The target of Link with rel="next" (DIST-7, MAN-23, RFC 8288); None where the list ends here.

    A single link without a relation is the next page. Raises FormatError for other links: the list may continue there.
    """
    header = headers.get("Link", "").strip()
    if not header:
        return None
    if bare := _BARE_LINK.fullmatch(header):
        return bare[1]
    links, end = [], 0
    while end < len(header) <= _LINK_CHARACTERS and (match := _LINK.match(header, end)):
        links.append((match[1], _RELATION.search(match[2])))
        end = match.end()
    if end < len(header):
        raise FormatError(f"{safe(header, limit=160)!r} is no link to a page")
    for target, relation in links:
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return target
    return links[0][0] if len(links) == 1 and links[0][1] is None else None


def stated_digest(headers: Mapping[str, str]) -> Digest | None:
    """Docker-Content-Digest; None where it is absent or cannot be compared. It is a claim, never a name."""
    text = headers.get("Docker-Content-Digest", "").strip()
    try:
        digest = Digest.parse(text)
    except FormatError:
        return None
    return digest if digest.supported else None


def check_stated_digest(reply: Reply, what: str) -> Digest | None:
    """The digest that the answer claims, if its body has it. Raises ContentError if not."""
    stated = stated_digest(reply.headers)
    if stated is None:
        return None
    actual = Digest.of(reply.body, stated.algorithm)
    if actual != stated:
        raise ContentError(
            "content.digest",
            f"{what}: the registry calls it {stated}, but what it sent is {actual}",
            remedy=WRONG_THERE,
            digest=str(stated),
            found_digest=str(actual),
        )
    return stated


def check_sent(data: bytes, digest: Digest, what: str) -> None:
    """Raises ContentError (`content.digest`) where the bytes that were sent as `what` have another digest."""
    hasher = digest.new_hash()
    hasher.update(data)
    found = f"{digest.algorithm}:{hasher.hexdigest()}"
    if found != str(digest):
        problem = f"{what}: what the registry sent is {found}"
        raise ContentError("content.digest", problem, remedy=WRONG_THERE, digest=str(digest), found_digest=found)


def missing_digests(reply: Reply) -> tuple[Digest, ...]:
    """The digests that the details of an error body name."""
    found: list[Digest] = []
    for error in stated_errors(reply):
        with suppress(FormatError):
            found.append(Digest.parse(error.detail))
    return tuple(found)
