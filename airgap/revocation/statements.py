"""What evidence says against a certificate, and the sentences about it (decision 0009)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap import limits
from airgap.errors import FormatError, Rejected, Undecided
from airgap.revocation.evidence_files import CrlFile, OcspFile, where
from airgap.revocation.query import HOLD, RevocationQuery, revoked

if TYPE_CHECKING:
    from airgap.revocation.freshness import DatedEvidence, EvidenceKind

_ASK: Final = "Ask the CA: if it revoked the certificate, do not use the artifact"


class RevocationStatement(NamedTuple):
    """One statement that the certificate is revoked or on hold."""

    file: CrlFile | OcspFile
    dated: DatedEvidence
    reason: str | None
    revoked_at: datetime | None

    @property
    def kind(self) -> EvidenceKind:
        """Whether it is in a CRL or an OCSP response."""
        return self.file.kind

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the CRL or OCSP response."""
        return self.file.fingerprint

    @property
    def this_update(self) -> datetime:
        """When the statement was made."""
        return self.dated.this_update

    @property
    def age(self) -> tuple[datetime, str]:
        """A sort key: newer is greater. File names do not decide between statements of the same time."""
        return self.this_update, self.fingerprint

    @property
    def is_hold(self) -> bool:
        """Whether it is a hold, which can be lifted."""
        return self.reason == HOLD

    def rejection(self, query: RevocationQuery) -> Rejected:
        """The error for this statement."""
        return revoked(query, self.dated, self.reason, self.revoked_at)


class AgainstKey(NamedTuple):
    """A final revocation of another certificate with the same key."""

    asked: RevocationQuery
    """About the other certificate."""
    said: RevocationStatement
    error: Rejected | Undecided
    """Undecided where it is not certain who made it, or who certified the key."""


class RevocationStatements(NamedTuple):
    """What a piece of evidence, or all of it, says against a certificate."""

    revoked: tuple[RevocationStatement, ...] = ()
    """Final revocations and holds."""
    doubts: tuple[Undecided, ...] = ()
    """Evidence that may be against it but cannot be read or understood."""
    softened: str = ""
    """Why a statement does not count for this signature and time; empty if there is none."""
    misplaced_holds: tuple[tuple[RevocationStatement, Undecided], ...] = ()
    """Holds in misplaced evidence, and the doubt for each that nothing newer lifts."""
    unsure: tuple[tuple[RevocationStatement, Undecided], ...] = ()
    """Final revocations of which it is not certain who made them, each with its doubt, which is in `doubts`, too."""
    unproven: tuple[str, ...] = ()
    """What says in a target that it is revoked, and why nothing follows: in words."""

    @classmethod
    def joined(cls, pieces: Iterable[Self]) -> Self:
        """What several pieces say together."""
        revoked, doubts, softened, holds, unsure, unproven = zip(cls(), *pieces, strict=True)
        return cls(
            tuple(chain(*revoked)),
            tuple(chain(*doubts)),
            max(softened),
            tuple(chain(*holds)),
            tuple(chain(*unsure)),
            tuple(dict.fromkeys(chain(*unproven))),
        )

    def made_unsure(self, query: RevocationQuery, why: str) -> Self:
        """The same, where it is not certain who made the final revocations."""
        pairs = tuple((said, unsure_maker(query, said, why)) for said in self.final)
        doubts = (*self.doubts, *(doubt for _, doubt in pairs))
        return self._replace(revoked=self.holds, doubts=doubts, unsure=(*self.unsure, *pairs))

    @property
    def is_against(self) -> bool:
        """Whether something follows against the certificate."""
        return bool(self.revoked or self.doubts)

    @property
    def final(self) -> tuple[RevocationStatement, ...]:
        """Final revocations."""
        return tuple(item for item in self.revoked if not item.is_hold)

    @property
    def holds(self) -> tuple[RevocationStatement, ...]:
        """Holds, which can be lifted."""
        return tuple(item for item in self.revoked if item.is_hold)

    def worst(self) -> RevocationStatement | None:
        """The newest final revocation; file names do not decide."""
        return max(self.final, key=lambda said: said.age, default=None)

    def unproven_warnings(self) -> tuple[str, ...]:
        """What is not proven here, for people: of much of it the first ones and the number of others."""
        more = len(self.unproven) - limits.NEWER_SHOWN
        rest = (f"{more} more pieces of evidence say that it is revoked, and are not proven",) if more > 0 else ()
        return (*(f"{text}. {_ASK}" for text in self.unproven[: limits.NEWER_SHOWN]), *rest)

    def first_doubt(self) -> Undecided | None:
        """A doubt, also about a misplaced hold, whether or not something newer lifts that."""
        return next(iter((*self.doubts, *(doubt for _, doubt in self.misplaced_holds))), None)


def in_doubt(*errors: Undecided) -> RevocationStatements:
    """Statements that leave the answer open."""
    return RevocationStatements(doubts=errors)


def not_proven(query: RevocationQuery, file: CrlFile | OcspFile, error: Undecided) -> Undecided:
    """The error for unproven evidence that says "revoked": removing the file could pass a revoked certificate."""
    return Undecided(
        error.reason, unproven_text(query, file, error), **{**query.facts(evidence=file.name), **error.facts}
    ).advising(
        "Ask the CA before you remove the file. If it signs with a new key now, or another responder answers for it, "
        "that may have made this file: then do not use the artifact. If the file is damaged, or from another CA, get "
        "the issuer's own evidence (airgap trust fetch), and remove it."
    )


def unproven_text(query: RevocationQuery, file: CrlFile | OcspFile, error: FormatError | Undecided) -> str:
    """That a piece says "revoked", and why it is not proven."""
    place = "" if file.trusted else f" {where(file.origin)}"
    return f"{file.name}{place} says that {query.who} is revoked, and it is not proven that its issuer says so: {error}"


def unsure_maker(query: RevocationQuery, said: RevocationStatement, why: str) -> Undecided:
    """The error for a final revocation of which it is not certain who made it."""
    kind = "crl.issuer" if said.kind == "crl" else "ocsp.responder"
    text = f"{said.rejection(query)}, and it is not certain that its issuer says so: {why}"
    return Undecided(f"revocation.{kind}", text, **query.facts_of(said.dated)).advising(f"{_ASK}.")
