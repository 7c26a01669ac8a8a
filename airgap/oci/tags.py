"""What tags say: full references as tags, the referrers tag schema, and cosign's tags."""

from __future__ import annotations

import re
from typing import Final

from airgap.oci.digest import Digest

_ILLEGAL: Final = re.compile(r"[^a-zA-Z0-9._-]", re.ASCII)
_FALLBACK: Final = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*-[a-zA-Z0-9=_-]{32,}", re.ASCII)
_COSIGN: Final = re.compile(r"sha256-([0-9a-f]{64})\.(sig|att|sbom)", re.ASCII)
_ALGORITHM_CHARACTERS: Final = 32
_ENCODED_CHARACTERS: Final = 64
_LONGEST_FALLBACK: Final = 256
"""More than sha512 has as the reference writes it."""


def tag_part(ref_name: str) -> str:
    """The tag of a ref.name that is a full reference (`reg.example/app:v1`: `v1`), else the ref.name (LAYOUT-6)."""
    name = ref_name.partition("@")[0]
    before, colon, tag = name.rpartition(":")
    return tag if colon and before and "/" not in tag else ref_name


def fallback_tag(digest: Digest) -> str:
    """The tag under which a registry without referrers API keeps the referrers of `digest` (DIST-8)."""
    algorithm, encoded = digest.algorithm[:_ALGORITHM_CHARACTERS], digest.encoded[:_ENCODED_CHARACTERS]
    return f"{_ILLEGAL.sub('-', algorithm)}-{_ILLEGAL.sub('-', encoded)}"


def fallback_tags(digest: Digest) -> frozenset[str]:
    """The tag as specified, and as the reference writes it: it does not cut sha512 short (D46)."""
    whole = f"{_ILLEGAL.sub('-', digest.algorithm)}-{_ILLEGAL.sub('-', digest.encoded)}"
    return frozenset({fallback_tag(digest), whole})


def may_be_fallback(ref_name: str) -> bool:
    """Whether the name has the form of a fallback tag; what it tags decides whether it is one."""
    tag = tag_part(ref_name)
    # of a name with thousands of dashes the pattern would try each as the one that counts, and each to the end
    return len(tag) <= _LONGEST_FALLBACK and _FALLBACK.fullmatch(tag) is not None


def cosign_target(ref_name: str) -> Digest | None:
    """The digest that a tag of cosign's is about (`sha256-<hex>.sig`, `.att`, `.sbom`), or None."""
    match = _COSIGN.fullmatch(tag_part(ref_name))
    return Digest.parse(f"sha256:{match[1]}") if match else None
