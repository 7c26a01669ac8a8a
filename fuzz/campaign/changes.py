"""What is done to a case: each function makes one change of its kind, by the random numbers that it is given."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from airgap.collection.packing import pack
from airgap.errors import FormatError
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.parse import cbor
from fuzz.campaign.case import Case
from fuzz.campaign.tars import changed_tar
from fuzz.campaign.tree import BLOBS, INDEX, Changes, apply, entries, place_of, reseal, with_entries
from fuzz.mutate import BLIND, DER, JSON, Change, changed
from tests.support.layouts import dump, tar_of

REF_NAME: Final = "org.opencontainers.image.ref.name"
_TAGS: Final = ("v1", "v2", "latest", "sha256-" + "5c" * 32, "registry.example/net-monitor:v1", "a b", "")
_TYPES: Final = ("application/vnd.cncf.notary.signature", "application/vnd.airgap.evidence.v1", "text/plain",
                 "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
                 "application/jose+json", "application/cose")  # fmt: skip
_POINTER: Final = ("mediaType", "digest", "size")
_DER: Final = b"\x30"
_COSE: Final = b"\xd2"


@dataclass(slots=True)
class Mutant:
    """A case after changes."""

    case: Case
    layout: Changes = field(default_factory=dict)
    trust: Changes = field(default_factory=dict)
    tar: int | None = None
    """Where chance begins that makes an odd tar of it; None: a plain one."""
    done: list[str] = field(default_factory=list)

    @property
    def tree(self) -> dict[str, bytes]:
        """The layout as it is now."""
        return apply(self.case.layout, self.layout)

    def archive(self) -> bytes:
        """The layout as a tar."""
        return tar_of(self.tree) if self.tar is None else changed_tar(Random(self.tar), self.tree)  # noqa: S311

    def take(self, name: str, layout: Changes) -> None:
        """Write down what was changed; what the case keeps stays as it is."""
        self.done.append(name)
        self.layout |= {path: data for path, data in layout.items() if path not in self.case.kept}

    def put_back_what_is_kept(self) -> None:
        """Whatever was done to `index.json`: what the case keeps is listed, and so is the image that it is about."""
        tree = self.tree
        if not self.case.kept or INDEX not in tree:
            return
        found = entries(tree)
        lost = [item for item in entries(self.case.layout) if _is_kept(item, self.case) and item not in found]
        if lost and found:
            self.layout[INDEX] = with_entries(tree, [*found, *lost])


@dataclass(frozen=True, slots=True)
class Donors:
    """All cases, and the bytes of each kind that are in them, to take pieces from."""

    cases: tuple[Case, ...]
    der: tuple[bytes, ...]
    envelopes: tuple[bytes, ...]
    documents: tuple[bytes, ...]

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Donors:
        """From the cases."""
        everything = {data for case in cases for tree in (case.layout, case.trust) for data in tree.values()}
        every = sorted(everything | {data for case in cases for data in case.offers})
        return cls(
            cases=tuple(cases),
            der=tuple(data for data in every if data.startswith(_DER)),
            envelopes=tuple(data for data in every if is_envelope(data)),
            documents=tuple(data for data in every if data.startswith(b"{") and not is_envelope(data)),
        )

    def like(self, data: bytes) -> tuple[Sequence[Change], Sequence[bytes]]:
        """The changes that fit the form of these bytes, and others of their form."""
        if data.startswith(_DER):
            return DER, self.der
        if is_envelope(data):
            return (JSON if data.startswith(b"{") else BLIND), self.envelopes
        return (JSON, self.documents) if data.startswith(b"{") else (BLIND, self.documents)


def is_envelope(data: bytes) -> bool:
    """Whether it has the look of a signature envelope."""
    return data.startswith(_COSE) or (data.startswith(b"{") and b'"protected"' in data)


Act = Callable[[Random, Mutant, Donors], None]


def bytes_of_a_file(random: Random, mutant: Mutant, donors: Donors) -> None:
    """Bytes change where they are: no digest fits any more."""
    tree = mutant.tree
    path = random.choice(sorted(tree))
    changes, others = donors.like(tree[path])
    mutant.take(f"bytes of {path[:24]}", {path: changed(random, tree[path], others, changes)})


def loss(random: Random, mutant: Mutant, _donors: Donors) -> None:
    """A file is gone."""
    path = random.choice(sorted(mutant.tree))
    mutant.take(f"loss of {path[:24]}", {path: None})


def resealed(random: Random, mutant: Mutant, donors: Donors) -> None:
    """A blob changes, and all that names it is made to fit: only signatures can tell."""
    tree = mutant.tree
    path = _blob(random, tree, lambda _: True)
    if path:
        changes, others = donors.like(tree[path])
        data = changed(random, tree[path], others, changes)
        mutant.take(f"resealed {path[:24]}", reseal(tree, path, data))


def inside_an_envelope(random: Random, mutant: Mutant, donors: Donors) -> None:
    """A member of an envelope, decoded, changed and encoded again; then all is made to fit."""
    tree = mutant.tree
    path = _blob(random, tree, is_envelope)
    if path:
        data = (_inside_jws if tree[path].startswith(b"{") else _inside_cose)(random, tree[path], donors)
        mutant.take(f"inside {path[:24]}", reseal(tree, path, data))


def another_envelope(random: Random, mutant: Mutant, donors: Donors) -> None:
    """The envelope of another case; then all is made to fit."""
    tree = mutant.tree
    path = _blob(random, tree, is_envelope)
    if path:
        mutant.take(f"another envelope for {path[:24]}", reseal(tree, path, random.choice(donors.envelopes)))


def _blob(random: Random, tree: Mapping[str, bytes], fits: Callable[[bytes], bool]) -> str | None:
    paths = sorted(path for path, data in tree.items() if path.startswith(BLOBS) and data and fits(data))
    return random.choice(paths) if paths else None


def _inside_jws(random: Random, data: bytes, donors: Donors) -> bytes:
    try:
        members = json.loads(data)
        other = json.loads(random.choice([item for item in donors.envelopes if item.startswith(b"{")]))
        name = random.choice(("payload", "protected", "signature", "header", "header"))
        if random.random() < 0.3:  # noqa: PLR2004
            members[name] = other[name]
        elif name == "header":
            _inside_header(random, members["header"], donors)
        else:
            raw = base64.urlsafe_b64decode(members[name] + "==")
            changes = BLIND if name == "signature" else JSON
            inner = changed(random, raw, [base64.urlsafe_b64decode(other[name] + "==")], changes)
            members[name] = base64.urlsafe_b64encode(inner).decode().rstrip("=")
    except (ValueError, LookupError, TypeError, AttributeError):
        return changed(random, data, donors.envelopes)
    return json.dumps(members, separators=(",", ":")).encode()


def _inside_header(random: Random, header: dict[str, Any], donors: Donors) -> None:
    name = random.choice(sorted(header))
    value = header[name]
    texts = value if isinstance(value, list) else [value]
    number = random.randrange(len(texts))
    inner = changed(random, base64.b64decode(texts[number]), donors.der, DER)
    texts[number] = base64.b64encode(inner).decode()
    if len(texts) > 1 and random.random() < 0.2:  # noqa: PLR2004
        random.shuffle(texts)
    header[name] = texts if isinstance(value, list) else texts[0]


def _inside_cose(random: Random, data: bytes, donors: Donors) -> bytes:
    try:
        parts = cbor.load(data[1:], times=True)
        other = cbor.load(random.choice([item for item in donors.envelopes if item.startswith(_COSE)])[1:], times=True)
        number = random.randrange(4)
        if random.random() < 0.3:  # noqa: PLR2004
            parts[number] = other[number]
        elif isinstance(parts[number], dict):
            _inside_map(random, parts[number], donors)
        else:
            changes = JSON if number == 2 else BLIND  # noqa: PLR2004
            parts[number] = changed(random, parts[number], [other[number]], changes)
        return _COSE + cbor.encode(parts)
    except (FormatError, ValueError, LookupError, TypeError):
        return changed(random, data, donors.envelopes)


def _inside_map(random: Random, unprotected: dict[Any, Any], donors: Donors) -> None:
    label = random.choice(sorted(unprotected, key=str))
    value = unprotected[label]
    if isinstance(value, bytes):
        unprotected[label] = changed(random, value, donors.der, DER)
    elif isinstance(value, list):
        number = random.randrange(len(value))
        value[number] = changed(random, value[number], donors.der, DER)


def entries_of_the_index(random: Random, mutant: Mutant, donors: Donors) -> None:
    """An entry of `index.json`: gone, twice, renamed, of another type, about something else, or one more."""
    tree = mutant.tree
    if INDEX not in tree or not (found := entries(tree)):
        return
    kept = [item for item in found if _is_kept(item, mutant.case)]
    free = [item for item in found if item not in kept]
    _change_entries(random, free, [item for case in donors.cases for item in entries(case.layout)])
    everything = free + kept
    random.shuffle(everything)
    mutant.done.append("entries of the index")
    mutant.layout[INDEX] = with_entries(tree, everything)


def _is_kept(entry: Mapping[str, Any], case: Case) -> bool:
    """What keeps a case refused stays listed, as does what it is about."""
    digest = str(entry.get("digest", "")).removeprefix("sha256:")
    return bool(case.kept) and (f"{BLOBS}{digest}" in case.kept or REF_NAME in entry.get("annotations", {}))


def _change_entries(random: Random, free: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    if not free:
        free.append(random.choice(others))
    entry = random.choice(free)
    match random.randrange(8):
        case 0:
            free.remove(entry)
        case 1:
            free.append(json.loads(json.dumps(entry)))
        case 2:
            name = random.choice((*_TAGS, *_like_referrers(random.choice(free)["digest"])))
            entry["annotations"] = {**entry.get("annotations", {}), REF_NAME: name}
        case 3:
            entry.pop("annotations", None)
        case 4:
            entry[random.choice(("mediaType", "artifactType"))] = random.choice(_TYPES)
        case 5:
            other = random.choice(free)
            member = random.choice(("digest", "size", "annotations", "mediaType"))
            entry[member], other[member] = other.get(member, ""), entry.get(member, "")
        case 6:
            free.append(random.choice(others))
        case _:
            entry[random.choice(("size", "digest", "data", "platform", "urls", "subject"))] = random.choice(
                (0, -1, "", None, [], {}, "sha256:" + "0" * 64, "e30=")
            )


def _like_referrers(digest: Any) -> tuple[str, ...]:
    """Tags as tools give them to what refers to a digest, and some that only look like it."""
    encoded = str(digest).rpartition(":")[2]
    return (f"sha256-{encoded}", f"sha256-{encoded}.sig", f"main-{encoded}", f"main-{encoded[:40]}", f"-{encoded[:32]}")


def graft(random: Random, mutant: Mutant, donors: Donors) -> None:
    """Blobs and entries of another case come in, before or behind its own."""
    other = random.choice(donors.cases)
    tree = mutant.tree
    if INDEX not in tree:
        return
    blobs: Changes = {path: data for path, data in other.layout.items() if path.startswith(BLOBS)}
    guests = [item for item in entries(other.layout) if random.random() < 0.8]  # noqa: PLR2004
    listed = entries(tree) + guests if random.random() < 0.5 else guests + entries(tree)  # noqa: PLR2004
    mutant.take(f"graft of {other.name}", blobs)
    mutant.layout[INDEX] = with_entries(tree, listed)


def referrer(random: Random, mutant: Mutant, donors: Donors) -> None:
    """One more signature manifest about the image, with another envelope, listed or under a referrers tag."""
    tree = mutant.tree
    subjects = [item for item in entries(tree) if REF_NAME in item.get("annotations", {})]
    if not subjects:
        return
    subject = random.choice(subjects)
    envelope = random.choice(donors.envelopes)
    if random.random() < 0.5:  # noqa: PLR2004
        envelope = (_inside_jws if envelope.startswith(b"{") else _inside_cose)(random, envelope, donors)
    kind = "application/jose+json" if envelope.startswith(b"{") else "application/cose"
    empty = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": f"sha256:{place_of(b'{}')[-64:]}", "size": 2}
    manifest = dump(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": _TYPES[0],
            "config": empty,
            "layers": [{"mediaType": kind, "digest": f"sha256:{place_of(envelope)[-64:]}", "size": len(envelope)}],
            "subject": {name: subject.get(name) for name in _POINTER},
        }
    )
    entry = {"mediaType": IMAGE_MANIFEST, "digest": f"sha256:{place_of(manifest)[-64:]}", "size": len(manifest)}
    mutant.take("one more signature", {place_of(item): item for item in (envelope, manifest, b"{}")})
    mutant.layout[INDEX] = with_entries(tree, [*entries(tree), {**entry, "artifactType": _TYPES[0]}])


def disguise(random: Random, mutant: Mutant, donors: Donors) -> None:
    """An image of another case that says it is about this one, under a name of its own, or under this one's."""
    tree, other = mutant.tree, random.choice(donors.cases)
    subjects = [item for item in entries(tree) if REF_NAME in item.get("annotations", {})]
    images = [item for item in entries(other.layout) if "artifactType" not in item]
    if not subjects or not images:
        return
    subject, image = random.choice(subjects), random.choice(images)
    found = other.layout.get(BLOBS + image["digest"].removeprefix("sha256:"))
    if found is None or not found.startswith(b"{"):
        return
    manifest = dump({**json.loads(found), "subject": {name: subject.get(name) for name in _POINTER}})
    name = random.choice((*_TAGS, subject["annotations"][REF_NAME], *_like_referrers(subject["digest"])))
    entry = {
        "mediaType": image.get("mediaType", IMAGE_MANIFEST),
        "digest": f"sha256:{place_of(manifest)[-64:]}",
        "size": len(manifest),
        "annotations": {REF_NAME: name},
    }
    if random.random() < 0.5:  # noqa: PLR2004
        entry["artifactType"] = random.choice(_TYPES)
    blobs: Changes = {path: data for path, data in other.layout.items() if path.startswith(BLOBS)}
    mutant.take(f"disguise of {other.name}", blobs | {place_of(manifest): manifest})
    mutant.layout[INDEX] = with_entries(tree, random.choice(([entry, *entries(tree)], [*entries(tree), entry])))


def evidence_in_the_target(random: Random, mutant: Mutant, donors: Donors) -> None:
    """Genuine evidence, or evidence that was changed: attached under any name and any map, or as files beside it."""
    tree = mutant.tree
    subjects = [item for item in entries(tree) if REF_NAME in item.get("annotations", {})]
    if not subjects:
        return
    item = random.choice(subjects)
    try:
        subject = Descriptor.from_json(item)
    except FormatError:
        return
    crls = {f"{random.choice('abcxyz')}{n}.crl": data for n, data in enumerate(_pile(random, mutant.case, donors))}
    ocsp = {f"{random.choice('abcxyz')}{n}.ors": data for n, data in enumerate(_pile(random, mutant.case, donors))}
    if random.random() < 0.3:  # noqa: PLR2004
        files = {f"crls/{name}": data for name, data in crls.items()} | {f"ocsp/{name}": ocsp[name] for name in ocsp}
        mutant.take("evidence beside the layout", dict(files))
        return
    urls = ("http://crl.example/signing-0.crl", "http://crl.example/signing-1.crl", "http://crl.example/delta.crl")
    index = {url: random.sample(sorted(crls), 1) for url in urls if crls and random.random() < 0.5}  # noqa: PLR2004
    made = pack(subject, crls=crls, ocsp=ocsp, crl_index=index, responders={})
    mutant.take(
        "evidence in the target",
        {BLOBS + item.digest.encoded: data for item, data in (*made.blobs, (made.manifest, made.raw))},
    )
    mutant.layout[INDEX] = with_entries(tree, [*entries(tree), made.manifest.to_json()])


def _pile(random: Random, case: Case, donors: Donors) -> list[bytes]:
    offers = case.offers or donors.der
    pile = random.sample(offers, min(len(offers), random.randrange(4)))
    if pile and random.random() < 0.4:  # noqa: PLR2004
        number = random.randrange(len(pile))
        pile[number] = changed(random, pile[number], donors.der, DER)
    return pile


def evidence_in_the_trust_directory(random: Random, mutant: Mutant, donors: Donors) -> None:
    """A piece that its operator has: damaged, under another name, in a sub-folder; or one more piece."""
    names = sorted(path for path in mutant.case.trust if path.startswith(("crls/", "ocsp/")))
    if not names or random.random() < 0.2:  # noqa: PLR2004
        pile = _pile(random, mutant.case, donors)
        mutant.trust |= {f"crls/zz{number}.crl": data for number, data in enumerate(pile)}
        mutant.trust |= {f"ocsp/zz{number}.ors": data for number, data in enumerate(pile)}
        mutant.done.append("more evidence in the trust directory")
        return
    path = random.choice(names)
    data = mutant.case.trust[path]
    mutant.done.append(f"in the trust directory: {path}")
    match random.randrange(4):
        case 0:
            folder, _, name = path.partition("/")
            mutant.trust |= {path: None, random.choice((f"{path}.pem", f"{folder}/old/{name}", f"{path}~")): data}
        case 1 if len(data) > 1:
            mutant.trust[path] = data[: -random.randrange(1, min(20, len(data)))]
        case _:
            mutant.trust[path] = changed(random, data, donors.der, DER if data.startswith(_DER) else JSON)


def members_of_the_tar(random: Random, mutant: Mutant, donors: Donors) -> None:
    """Members twice, renamed, of other types, behind other headers; where the case is no tar, bytes of a file."""
    if not mutant.case.archive:
        bytes_of_a_file(random, mutant, donors)
        return
    mutant.tar = random.getrandbits(32)
    mutant.done.append("members of the tar")


ACTS: Final[Sequence[tuple[Act, int]]] = (
    (bytes_of_a_file, 12),
    (loss, 4),
    (members_of_the_tar, 6),
    (resealed, 18),
    (inside_an_envelope, 18),
    (another_envelope, 4),
    (entries_of_the_index, 12),
    (graft, 4),
    (disguise, 4),
    (referrer, 6),
    (evidence_in_the_target, 10),
    (evidence_in_the_trust_directory, 8),
)
"""Each kind of change, and how often it is made among a hundred."""


def mutate(random: Random, case: Case, donors: Donors) -> Mutant:
    """One to three changes of any kind."""
    mutant = Mutant(case)
    if case.archive and random.random() < 0.5:  # noqa: PLR2004
        members_of_the_tar(random, mutant, donors)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3) if mutant.tar is None else (0, 0, 1))):
        (act,) = random.choices([act for act, _ in ACTS], [weight for _, weight in ACTS])
        act(random, mutant, donors)
    mutant.put_back_what_is_kept()
    return mutant
