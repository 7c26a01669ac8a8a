"""Tags with a meaning: full references as tags, the referrers tag schema, and cosign's tags."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from airgap.errors import FormatError
from airgap.oci.digest import Digest

_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
_ILLEGAL: Final = re.compile(r"[^a-zA-Z0-9._-]", re.ASCII)
_REFERRERS: Final = re.compile(
    r"sha256-[0-9a-f]{64}|sha384-(?:[0-9a-f]{64}|[0-9a-f]{96})|sha512-(?:[0-9a-f]{64}|[0-9a-f]{128})", re.ASCII
)
"""As specified, and as the reference writes it (D46); only for algorithms that can be checked here."""
_COSIGN: Final = re.compile(r"sha256-([0-9a-f]{64})\.(sig|att|sbom)", re.ASCII)
_POSITION: Final = re.compile(r"@\+?0*([0-9]{1,9})", re.ASCII)
_ALGORITHM_CHARACTERS: Final = 32
_ENCODED_CHARACTERS: Final = 64


def is_tag(text: str) -> bool:
    """Whether a registry may have a tag of this name (distribution-spec, Pulling manifests)."""
    return _TAG.fullmatch(text) is not None


def tag_part(ref_name: str) -> str:
    """The tag of a ref.name that is a full reference (`reg.example/app:v1`: `v1`), else the ref.name (LAYOUT-6)."""
    name = ref_name.partition("@")[0]
    before, colon, tag = name.rpartition(":")
    return tag if colon and before and "/" not in tag else ref_name


def referrers_tag(digest: Digest) -> str:
    """The tag for the referrers of `digest` in a registry without referrers API (DIST-8, D46: shortened)."""
    algorithm, encoded = digest.algorithm[:_ALGORITHM_CHARACTERS], digest.encoded[:_ENCODED_CHARACTERS]
    return f"{_ILLEGAL.sub('-', algorithm)}-{_ILLEGAL.sub('-', encoded)}"


def referrers_tags(digest: Digest) -> frozenset[str]:
    """The tag as specified, and as the reference writes it, which does not shorten sha512 (D46)."""
    whole = f"{_ILLEGAL.sub('-', digest.algorithm)}-{_ILLEGAL.sub('-', digest.encoded)}"
    return frozenset({referrers_tag(digest), whole})


def is_referrers_tag(ref_name: str) -> bool:
    """Whether the name has the form of a referrers tag (DIST-8, MAN-33); its content decides whether it is one."""
    return _REFERRERS.fullmatch(tag_part(ref_name)) is not None


def referrers_subject(ref_name: str) -> Digest | None:
    """The digest that a referrers tag is made of; None for other names, and where only a part of it is in the tag."""
    if not is_referrers_tag(ref_name):
        return None
    algorithm, _, encoded = tag_part(ref_name).partition("-")
    try:
        return Digest.parse(f"{algorithm}:{encoded}")
    except FormatError:
        return None


def cosign_target(ref_name: str) -> Digest | None:
    """The digest in a cosign tag (`sha256-<hex>.sig`, `.att`, `.sbom`), or None."""
    match = _COSIGN.fullmatch(tag_part(ref_name))
    return Digest.parse(f"sha256:{match[1]}") if match else None


def cosign_subjects(tags: Collection[str]) -> frozenset[Digest]:
    """What an artifact is about that has cosign tags alone; empty for what has another name, or none."""
    found = [cosign_target(tag) for tag in tags]
    return frozenset(target for target in found if target is not None) if all(found) else frozenset()


def cosign_tag(digest: Digest, kind: str) -> str | None:
    """The cosign tag for `digest`; `kind` is `sig`, `att` or `sbom`."""
    return f"sha256-{digest.encoded}.{kind}" if digest.algorithm == "sha256" else None


def position(name: str) -> int | None:
    """The number of the entry that skopeo and podman take by a name of this form; None for any other name."""
    match = _POSITION.fullmatch(name)
    return int(match[1]) if match else None
