"""The names that lists of referrers have in registries without the referrers API, and what else may have them.

There a list is an index under a tag that is made of the subject's digest (DIST-8). Any artifact may have such a tag
too. Then one name means two things: tools that look for signatures read it, and others run it (decision 0025).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

from airgap.errors import AirgapError, ContentError, NotFoundError, UsageError
from airgap.oci.attached import has_image_layers
from airgap.oci.descriptor import INDEX_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.layout_walk import refers_by
from airgap.oci.manifest import Index, Manifest
from airgap.oci.tags import is_referrers_tag, referrers_tags
from airgap.text import safe
from airgap.transfer.plan import CopyPlan, PlannedArtifact

ReadManifest = Callable[[Descriptor], Manifest | Index | None]
"""Reads a manifest, its digest checked; None for an artifact of an unknown type. Raises AirgapError."""


class Manifests(Protocol):
    """A place that manifests are read from."""

    def manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """As `ReadManifest`."""


class _Listed(NamedTuple):
    """What the index under a referrers tag lists."""

    about: tuple[Manifest | Index, ...]
    """Referrers of the subject that the tag names."""
    others: tuple[Manifest | Index, ...]
    unread: tuple[tuple[Descriptor, AirgapError], ...]

    @classmethod
    def under(cls, tag: str, index: Index, read: ReadManifest) -> Self:
        about: list[Manifest | Index] = []
        others: list[Manifest | Index] = []
        unread: list[tuple[Descriptor, AirgapError]] = []
        for entry in index.manifests:
            try:
                manifest = read(entry)
            except (ContentError, NotFoundError) as error:
                unread.append((entry, error))
                continue
            if manifest is not None:
                (about if refers_by(manifest, tag) else others).append(manifest)
        return cls(tuple(about), tuple(others), tuple(unread))


def lists_referrers(source: Manifests, tag: str, named: Callable[[], Descriptor]) -> bool:
    """Whether a tag is only there to list referrers; `named` gives what it names, if its form makes that possible.

    It names an index without entries, or with a referrer of the tag's subject, as in layouts. False for an index with
    an image, whatever its subject. Raises ContentError where nothing that it lists can be read: it may be an artifact.
    Raises AirgapError.
    """
    if not is_referrers_tag(tag):
        return False
    descriptor = named()
    index = source.manifest(descriptor) if descriptor.media_type in INDEX_TYPES else None
    if not isinstance(index, Index):
        return False
    if not index.manifests:
        return True
    listed = _Listed.under(tag, index, source.manifest)
    for entry, error in listed.unread if not (listed.about or listed.others) else ():
        raise ContentError(
            error.reason if isinstance(error, ContentError) else "content.missing",
            f"whether {safe(tag)} is an artifact or a list of referrers is not known: of what it lists nothing can be "
            f"read: {error}",
            remedy=error.remedy,
            digest=str(entry.digest),
        )
    # an unreadable one beside readable ones is reported where the subject is copied
    return bool(listed.about) and not any(map(_may_run, (*listed.about, *listed.others)))


def is_list_of_referrers(index: Index, tag: str, read: ReadManifest) -> bool:
    """Whether referrers may be added to the index under this tag: false for what could be an artifact of its own.

    That lists what is not about the subject of the tag: nothing else, or an image. What cannot be read may be one;
    what is gone was one if it has a platform. Raises AirgapError.
    """
    listed = _Listed.under(tag, index, read)
    if listed.others and not listed.about:
        return False
    gone = (error.is_missing and entry.platform is None for entry, error in listed.unread)
    return all(gone) and not any(map(_may_run, listed.others))


def has_referrers_of(index: Index, tag: str, read: ReadManifest) -> bool:
    """Whether an index lists referrers of the subject that the tag names, as far as it can be read."""
    return bool(_Listed.under(tag, index, read).about)


def _may_run(manifest: Manifest | Index) -> bool:
    return isinstance(manifest, Index) or has_image_layers(manifest)


def without_names_of_lists(plan: CopyPlan, *, keep_going: bool) -> CopyPlan:
    """The plan for a repository, without artifacts that have the tag of a list of referrers of something in it.

    A registry without the referrers API lists there what refers to it, now or when it gets a signature. Raises
    UsageError for the first of them, unless `keep_going`: then that is the error of the artifact.
    """
    named = {tag for item in plan.artifacts for tag in item.wanted.tags if is_referrers_tag(tag)}
    taken = {tag: digest for tag, digest in _names_of_lists(plan).items() if tag in named} if named else {}
    artifacts: list[PlannedArtifact] = []
    for item in plan.artifacts:
        tag = next((tag for tag in item.wanted.tags if tag in taken), None) if item.error is None else None
        if tag is None:
            artifacts.append(item)
            continue
        error = means_two_things(item.wanted.reference, tag, taken[tag])
        if not keep_going:
            raise error
        artifacts.append(PlannedArtifact(wanted=item.wanted, error=error))
    return plan if tuple(artifacts) == plan.artifacts else CopyPlan.of(artifacts, plan.nodes)


def _names_of_lists(plan: CopyPlan) -> dict[str, Digest]:
    """The tags of lists of referrers that a repository with this plan has or may get, and what each is about."""
    manifests = [node for node in plan.nodes.values() if node.manifest is not None]
    subjects = {node.manifest.subject.digest for node in manifests if node.manifest and node.manifest.subject}
    subjects |= {node.descriptor.digest for node in manifests}
    return {tag: digest for digest in sorted(subjects) for tag in referrers_tags(digest)}


def means_two_things(name: str, tag: str, subject: Digest | None) -> UsageError:
    """The error for an artifact that would get the tag of a list of referrers. `name`: the artifact, safe to show."""
    about = f"of {subject}" if subject else "of something else"
    return UsageError(
        f"a name of the copy would mean two things there: {name} is called {safe(tag, limit=160)}, and in a registry "
        f"that tag lists what refers to something else, such as signatures {about}",
        remedy="Copy it alone, and give the destination another tag. --keep-going leaves it behind.",
    )
