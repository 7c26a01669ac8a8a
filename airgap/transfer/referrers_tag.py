"""The referrers tag of a layout, where other tools keep one (regctl finds nothing without it): one entry exchanged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from airgap import limits
from airgap.errors import ContentError, FormatError
from airgap.oci.descriptor import IMAGE_INDEX, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.store import Store, read_verified
from airgap.oci.tags import fallback_tags
from airgap.parse.json import Reading, dump, load_object, take_list
from airgap.text import safe
from airgap.transfer.endpoint import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Relisted:
    """A referrers index with another content: to be written, and listed in the place of the old one."""

    old: Digest
    entry: Entry
    raw: bytes


def relisted(store: Store, subject: Descriptor, added: Descriptor, gone: Collection[Digest]) -> Relisted | None:
    """The index under the referrers tag of `subject` with `added` and without `gone`; None where there is no such tag.

    Other entries and members stay as they are. Raises ContentError where the index can not be read.
    """
    tags = fallback_tags(subject.digest)
    current = [entry for entry in store.index().manifests if entry.annotations.get(REF_NAME) in tags]
    if not current:
        return None
    listed = current[-1]
    try:
        document = load_object(read_verified(store, listed), Reading.OPEN, what="index")
        entries = [*take_list(document, "manifests", lambda item: item, limit=limits.INDEX_ENTRIES)]
    except FormatError as error:
        raise ContentError(
            "content.malformed",
            f"the layout keeps referrers of {subject.digest} under a tag, but that can not be read: {safe(error)}",
            digest=str(listed.digest),
        ) from None
    without = {str(digest) for digest in gone} | {str(added.digest)}
    kept = [item for item in entries if not (isinstance(item, dict) and item.get("digest") in without)]
    members = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, **document, "manifests": [*kept, added.to_json()]}
    raw = dump(members)
    new = Descriptor(media_type=IMAGE_INDEX, digest=Digest.of(raw), size=len(raw))
    return Relisted(old=listed.digest, entry=Entry(descriptor=new, tag=listed.annotations[REF_NAME]), raw=raw)
