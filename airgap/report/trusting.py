"""Trust directories in words and as JSON: stores (`airgap.certificates/1`), policies, status (`airgap.status/1`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.report.style import PLAIN, Style
from airgap.report.wording import count, moment
from airgap.text import safe
from airgap.trust.edit import BrokenStore, StoredFile
from airgap.trust.policy_edit import Policy, PolicyAnswer
from airgap.trust.statement import Refusal
from airgap.trust.status import PieceStatus, State, TrustStatus
from airgap.trust.words import groups, spoken

CERTIFICATES_SCHEMA = "airgap.certificates/1"
STATUS_SCHEMA = "airgap.status/1"
POLICY_SCHEMA = "airgap.policy/1"

Json = dict[str, Any]
_KIND = {
    State.FRESH: "good",
    State.ACCEPTED: "unsure",
    State.STALE: "bad",
    State.FUTURE: "unsure",
    State.SUPERSEDED: "quiet",
    State.INCOMPLETE: "bad",
    State.UNUSABLE: "bad",
}
_WORDS_A_LINE = 8
_GROUPS_A_LINE = 40


# --- certificates ---


def list_text(files: Sequence[StoredFile | BrokenStore], *, style: Style = PLAIN) -> str:
    """One line a certificate."""
    lines: list[str] = []
    for item in files:
        if isinstance(item, BrokenStore):
            lines.append(f"{item.store}  {style.paint('bad', 'cannot be used')}: {item.problem}")
            continue
        for certificate in item.certificates:
            subject, until = safe(certificate.subject_text), f"{certificate.not_after:%Y-%m-%d}"
            lines.append(f"{item.store}  {safe(item.name)}  {subject}  until {until}  {certificate.fingerprint[:16]}…")
    return "\n".join(lines or ["no trust store holds a certificate"]) + "\n"


def show_text(file: StoredFile, *, style: Style = PLAIN) -> str:
    """Everything that a person compares, the fingerprint in digits and in words."""
    lines: list[str] = []
    for number, certificate in enumerate(file.certificates, 1):
        several = f", {number} of {len(file.certificates)}" if len(file.certificates) > 1 else ""
        lines.append(style.paint("strong", f"{file.store}  {safe(file.name)}{several}"))
        lines += _certificate_lines(certificate)
    return "\n".join(lines) + "\n"


def _certificate_lines(certificate: Certificate) -> Iterator[str]:
    yield f"  subject      {safe(certificate.subject_text)}"
    yield f"  issuer       {safe(certificate.issuer_text)}{' (itself)' if certificate.self_signed else ''}"
    yield f"  serial       {certificate.serial:x}"
    yield f"  valid        {iso(certificate.not_before)} to {iso(certificate.not_after)}"
    yield f"  CA           {'yes' if certificate.is_ca else 'no'}"
    yield f"  key          {certificate.key_name}"
    digits = groups(certificate.fingerprint)
    yield f"  SHA-256      {digits[:_GROUPS_A_LINE].strip()}"
    yield f"               {digits[_GROUPS_A_LINE:].strip()}"
    words = spoken(bytes.fromhex(certificate.fingerprint))
    for start in range(0, len(words), _WORDS_A_LINE):
        label = "in words" if start == 0 else ""
        yield f"  {label:<12} {' '.join(words[start : start + _WORDS_A_LINE])}"


def certificates_document(files: Sequence[StoredFile | BrokenStore]) -> Json:
    """The same as JSON, complete."""
    return {
        "schema": CERTIFICATES_SCHEMA,
        "files": [
            {
                "store": str(item.store),
                "file": safe(item.name),
                "certificates": [_certificate_json(certificate) for certificate in item.certificates],
            }
            for item in files
            if isinstance(item, StoredFile)
        ],
        "broken": [
            {"store": str(item.store), "problem": item.problem} for item in files if isinstance(item, BrokenStore)
        ],
    }


def _certificate_json(certificate: Certificate) -> Json:
    return {
        "subject": safe(certificate.subject_text),
        "issuer": safe(certificate.issuer_text),
        "serial": f"{certificate.serial:x}",
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "ca": certificate.is_ca,
        "self_signed": certificate.self_signed,
        "key": certificate.key_name,
        "sha256": certificate.fingerprint,
        "words": list(spoken(bytes.fromhex(certificate.fingerprint))),
    }


# --- policies ---


def policy_text(
    policy: Policy, answer: PolicyAnswer | None, refusals: Sequence[Refusal] = (), *, style: Style = PLAIN
) -> str:
    """A valid policy: its statements, what is doubtful, and which one a repository gets.

    `refusals`: the trust stores without which it cannot be used.
    """
    headline = f"VALID: {safe(policy.source)} ({count(len(policy.statements), 'statement')})."
    if refusals:
        headline = f"BROKEN: {count(len(refusals), 'trust store')} that {safe(policy.source)} names cannot be used."
    lines = [style.paint("bad" if refusals else "good", headline)]
    lines += [f"  {style.paint('bad', 'problem')} {refusal_text(refusal)}" for refusal in refusals]
    for statement in policy.statements:
        what = "global" if statement.is_global and not statement.scopes else ", ".join(map(safe, statement.scopes[:4]))
        more = f", and {len(statement.scopes) - 4} more" if len(statement.scopes) > 4 else ""  # noqa: PLR2004
        lines.append(f"  {safe(statement.name)}: level {statement.level} for {what or 'its name'}{more}")
    lines += [f"  {style.paint('unsure', 'note')} {notice.message}" for notice in policy.notices]
    if answer is not None:
        lines += _answer_lines(answer, style)
    return "\n".join(lines) + "\n"


def _answer_lines(answer: PolicyAnswer, style: Style) -> Iterator[str]:
    asked = safe(answer.scope) if answer.scope else "an artifact whose repository is not known"
    if answer.statement is None:
        yield style.paint("bad", f"  nothing applies to {asked}: {answer.why}")
        return
    statement = answer.statement
    yield f"  {asked}: statement {style.paint('strong', safe(statement.name))}, because {answer.why}"
    actions = ", ".join(f"{check.value} {action.value}" for check, action in statement.actions.items())
    yield f"    checks      {actions}"
    yield f"    stores      {', '.join(map(str, statement.stores)) or 'none'}"
    yield f"    identities  {', '.join(safe(identity.text) for identity in statement.identities) or 'none'}"
    for problem in answer.problems:
        yield f"    {style.paint('unsure', 'note')} {problem}"


def refusal_text(refusal: Refusal) -> str:
    """One refusal in one line."""
    return refusal.located


def refused_policy_document(source: str, refusals: Sequence[Refusal], total: int) -> Json:
    """A policy that cannot be used at all, as JSON."""
    return {
        "schema": POLICY_SCHEMA,
        "valid": False,
        "source": safe(source),
        "digest": None,
        "statements": [],
        "notices": [],
        "refusals": [_refusal(refusal) for refusal in refusals],
        "refused": total,
        "applies": None,
    }


def _refusal(refusal: Refusal) -> Json:
    return {
        "line": refusal.line,
        "member": refusal.member,
        "statement": refusal.statement,
        "problem": refusal.problem,
    }


def policy_document(policy: Policy, answer: PolicyAnswer | None, refusals: Sequence[Refusal] = ()) -> Json:
    """The same as JSON."""
    return {
        "schema": POLICY_SCHEMA,
        "valid": not refusals,
        "source": safe(policy.source),
        "digest": policy.digest,
        "statements": [
            {
                "name": safe(statement.name),
                "level": statement.level,
                "scopes": [safe(scope) for scope in statement.scopes],
                "global": statement.is_global,
                "actions": {check.value: action.value for check, action in statement.actions.items()},
                "stores": [str(store) for store in statement.stores],
                "identities": [safe(identity.text) for identity in statement.identities],
            }
            for statement in policy.statements
        ],
        "notices": [{"reason": notice.reason, "message": notice.message} for notice in policy.notices],
        "refusals": [_refusal(refusal) for refusal in refusals],
        "refused": len(refusals),
        "applies": None
        if answer is None
        else {
            "scope": safe(answer.scope) if answer.scope else None,
            "statement": safe(answer.statement.name) if answer.statement else None,
            "why": answer.why,
            "problems": list(answer.problems),
        },
    }


# --- status ---


def status_text(status: TrustStatus, *, style: Style = PLAIN, verbose: bool = False) -> str:
    """The whole state; superseded pieces only where `verbose`."""
    return "\n".join(_status_lines(status, style, verbose)) + "\n"


def status_headline(status: TrustStatus) -> str:
    """In one sentence, whether the evidence is good at the moment."""
    counting = [piece for piece in status.pieces if piece.is_needed]
    bad = [piece for piece in counting if piece.state in {State.STALE, State.FUTURE}]
    if status.problems:
        return f"BROKEN: {count(len(status.problems), 'problem')} in the trust directory."
    if not counting:
        return "NO EVIDENCE: the trust directory holds no CRL and no OCSP response that counts."
    if bad:
        return f"STALE: {len(bad)} of {count(len(counting), 'piece')} of evidence do not count at {iso(status.at)}."
    if lacking := [piece for piece in counting if piece.state is State.INCOMPLETE]:
        return f"INCOMPLETE: {len(lacking)} of {count(len(counting), 'piece')} of evidence lack a base or delta CRL."
    if unusable := [piece for piece in status.pieces if piece.state is State.UNUSABLE]:
        return f"UNSURE: {count(len(unusable), 'piece')} of evidence cannot be used, and may say anything."
    if status.clock_is_behind:
        return f"WRONG CLOCK: it says {iso(status.clock)}, and there is evidence from after that."
    return f"GOOD: all {count(len(counting), 'piece')} of evidence count at {iso(status.at)}."


def _status_lines(status: TrustStatus, style: Style, verbose: bool) -> Iterator[str]:
    yield style.paint("good" if status.is_good else "bad", status_headline(status))
    for problem in status.problems:
        yield f"  {style.paint('bad', 'problem')} {problem}"
    hidden = 0
    for piece in status.pieces:
        if piece.state is State.SUPERSEDED and not verbose:
            hidden += 1
            continue
        yield from _piece_lines(piece, status.at, style, verbose)
    if hidden:
        yield style.paint("quiet", f"  {count(hidden, 'older generation')} kept for the past; --verbose lists them")
    if status.clock_is_behind and status.newest:
        yield (
            f"  {style.paint('bad', 'warning')} the clock says {iso(status.clock)}, but {status.newest[1]} was made on "
            f"{iso(status.newest[0])}: the clock is wrong, or the evidence is"
        )
    parts = [f"trust {status.directory}"]
    if status.use_by:
        parts.append(f"use by {iso(status.use_by[0])} ({status.use_by[1]})")
    yield style.paint("quiet", "; ".join(parts))


def _piece_lines(piece: PieceStatus, at: datetime, style: Style, verbose: bool) -> Iterator[str]:
    number = f" number {piece.number}" if piece.number is not None else ""
    yield f"  {style.paint(_KIND[piece.state], f'{piece.state.value:<14}')} {piece.kind:<9} {piece.file}{number}"
    if piece.problem:
        yield f"                 {piece.problem}"
    if piece.remedy:
        yield f"                 → {piece.remedy}"
    if piece.this_update is None:  # it says nothing of itself
        return
    age = f"{_span(at - piece.this_update)} old" if at >= piece.this_update else "from the future"
    if piece.next_update is None:
        due = "names no nextUpdate"
    elif at <= piece.next_update:
        due = f"good for {_span(piece.next_update - at)}, until {iso(piece.next_update)}"
    else:
        due = f"was due {_span(at - piece.next_update)} ago, on {iso(piece.next_update)}"
    yield f"                 {piece.about}; {age}, {due}"
    if verbose:
        for url in piece.urls:
            yield f"                 {url}"


def status_document(status: TrustStatus, *, version: str) -> Json:
    """The same as JSON."""
    return {
        "schema": STATUS_SCHEMA,
        "tool": {"name": "airgap", "version": version},
        "good": status.is_good,
        "time": {"judged": iso(status.at), "clock": iso(status.clock)},
        "directory": status.directory,
        "accepted_staleness": dict(status.accepted),
        "use_by": {"at": iso(status.use_by[0]), "evidence": status.use_by[1]} if status.use_by else None,
        "newest": {"at": iso(status.newest[0]), "evidence": status.newest[1]} if status.newest else None,
        "clock_behind": status.clock_is_behind,
        "problems": list(status.problems),
        "pieces": [
            {
                "file": piece.file,
                "kind": piece.kind,
                "state": piece.state.value,
                "about": piece.about,
                "number": piece.number,
                "this_update": moment(piece.this_update),
                "next_update": moment(piece.next_update),
                "age_seconds": int((status.at - piece.this_update).total_seconds()) if piece.this_update else None,
                "use_by": moment(piece.use_by),
                "urls": list(piece.urls),
                "problem": piece.problem,
            }
            for piece in status.pieces
        ],
    }


def _span(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004
