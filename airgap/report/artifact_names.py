"""What artifacts are called in text: by the target that they are in, the repository, and the tag or digest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap.text import safe

if TYPE_CHECKING:
    from airgap.oci.digest import Digest
    from airgap.verifier.outcome import ArtifactOutcome

_DIGEST: Final = re.compile(r"\b(sha\d{3}:[0-9a-f]{12})[0-9a-f]{20,}", re.ASCII)
_DIGITS: Final = re.compile("([0-9]+)")

Natural = tuple[str | tuple[int, str], ...]


class ArtifactName(NamedTuple):
    """A name in its parts, safe for a terminal."""

    target: str
    """The layout, as it was typed; empty where the reference does not tell it."""
    repository: str
    """Empty for a short tag and for a digest."""
    tag: str
    """Or `@` and the digest."""

    @classmethod
    def of(cls, reference: str, names: Iterable[str], digest: Digest) -> ArtifactName:
        """The parts of the reference of an artifact that has these names."""
        if reference.endswith(f"@{digest}"):
            return cls(reference.removesuffix(f"@{digest}"), "", f"@{digest}")
        ends = (safe(name) for name in names)
        name = max((end for end in ends if reference.endswith(f":{end}")), key=len, default="")
        target, name = (reference.removesuffix(f":{name}"), name) if name else ("", reference)
        repository, _, tag = name.rpartition(":")
        return cls(target, repository, tag) if "/" not in tag else cls(target, "", name)

    @classmethod
    def of_artifact(cls, artifact: ArtifactOutcome) -> ArtifactName:
        """Those of an outcome."""
        return cls.of(artifact.reference, (*artifact.tags, *artifact.aliases), artifact.descriptor.digest)

    @property
    def name(self) -> str:
        """Without the target, as it is typed; the digest has 12 digits."""
        return short(f"{self.repository}:{self.tag}" if self.repository else self.tag)

    @property
    def host(self) -> str:
        """The registry in the name; empty if it names none."""
        first, slash, _ = self.repository.partition("/")
        return first if slash and ("." in first or ":" in first) else ""

    @property
    def order(self) -> tuple[Natural, Natural]:
        """A key to sort by: `v2` is before `v10`."""
        return natural(self.repository), natural(self.tag)


def short(text: str, *, verbose: bool = False) -> str:
    """The text with 12 digits of each digest; all of them if `verbose`."""
    return text if verbose or ":" not in text else _DIGEST.sub(r"\1", text)


def natural(text: str) -> Natural:
    """A key that compares numbers in the text by their value."""
    parts = _DIGITS.split(text)
    if len(parts) == 1:
        return (text,)
    return tuple(_number(part) if place % 2 else part for place, part in enumerate(parts))


def _number(digits: str) -> tuple[int, str]:
    shown = digits.lstrip("0")
    return len(shown), shown
