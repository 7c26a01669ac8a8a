"""How the referrers of one subject were looked for: what a copy reports and its record keeps (RULE-6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airgap.oci.digest import Digest


class Mechanism(StrEnum):
    """How a registry is asked for referrers; the names are those of oras' `--distribution-spec`."""

    API = "v1.1-referrers-api"
    TAG = "v1.1-referrers-tag"


class FoundBy(StrEnum):
    """How one referrer was found, in a layout or a registry."""

    ENTRY = "index entry"
    """Only in layouts."""
    TAG = "referrers tag"
    COSIGN = "cosign tag"
    API = "referrers API"
    """Only in registries."""


class ReferrersTag(StrEnum):
    """When the referrers tag is written."""

    AUTO = "auto"
    """Where the registry does not say that it handled the subject (DIST-25)."""
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrersLookup:
    """What was asked, and what the answer was. "There are none" is an answer with a mechanism and an empty list."""

    subject: Digest
    mechanism: str | None
    """`v1.1-referrers-api`, `v1.1-referrers-tag`, `layout`; None if nothing was asked, or the look-up failed."""
    api_status: int | None = None
    """HTTP status of the referrers API; None where it was not asked."""
    tag_status: int | None = None
    """HTTP status of the referrers tag; None where it was not asked."""
    listed: int = 0
    """Entries before filters and checks."""
    notes: tuple[str, ...] = ()
    """What was not accepted as a referrer and why: an answer that is no index, an entry with another subject."""
