"""The referrers tag of a layout, where other tools keep one (regctl finds nothing without it): its index made anew."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from airgap.errors import ContentError, FormatError
from airgap.oci.descriptor import REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.referrers_index import ReferrersIndex
from airgap.oci.store import Store, read_verified
from airgap.oci.tags import referrers_tag, referrers_tags
from airgap.text import safe
from airgap.transfer.endpoint import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Relisted:
    """A referrers index with another content: to be written, and listed in the place of the old one."""

    old: Digest | None
    """None where there was none."""
    entry: Entry
    raw: bytes


def relisted(
    store: Store,
    subject: Descriptor,
    added: Descriptor,
    gone: Collection[Digest] = (),
    *,
    known: Callable[[], Iterable[Descriptor]] | None = None,
) -> Relisted | None:
    """The index under the referrers tag of `subject` with `added` and without `gone`.

    Other entries and members stay as they are. Where there is no such tag: None, or with `known` a new one that lists
    those as well, as readers of the tag know nothing else. Raises ContentError where the index cannot be read.
    """
    tags = referrers_tags(subject.digest)
    current = [entry for entry in store.index().manifests if entry.annotations.get(REF_NAME) in tags]
    if not current and known is None:
        return None
    if current:
        old, tag = current[-1].digest, current[-1].annotations[REF_NAME]
        index = _read(store, subject, current[-1])
    else:
        old, tag = None, referrers_tag(subject.digest)
        index = ReferrersIndex.empty().listing(known() if known else ())
    new, raw = index.without([*gone, added.digest]).listing([added]).encode()
    return Relisted(old=old, entry=Entry(descriptor=new, tag=tag), raw=raw)


def _read(store: Store, subject: Descriptor, entry: Descriptor) -> ReferrersIndex:
    try:
        return ReferrersIndex.parse(read_verified(store, entry))
    except (ContentError, FormatError) as error:
        raise ContentError(
            "content.malformed",
            f"the layout keeps referrers of {subject.digest} under a tag, but that cannot be read: {safe(error)}",
            digest=str(entry.digest),
        ) from None
