"""The cases that are forged here, and those that are elsewhere: layouts/ and, where it is available, shared/interop."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from airgap.collection.packing import pack
from airgap.oci.descriptor import Descriptor
from fuzz.campaign.case import Case, read_tree
from fuzz.campaign.world import OCSP_URL, World
from tests.support import envelopes
from tests.support.crls import crl, entry, scope
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import SIGNING_CRL, Scene, Signature
from tests.support.trust import REPOSITORY, oci_policy, statement
from tests.support.tsa import token

_HERE: Final = Path(__file__).parents[2]
_LAYOUTS: Final = _HERE / "layouts"
FORMS: Final = ("jws", "cose")
_LAYOUTS_SCOPE: Final = "registry.example/net-monitor"
_LAYOUTS_AT: Final = datetime(2026, 6, 1, tzinfo=UTC)
_COMMON: Final = "Harbour"
"""The world whose evidence is offered to all cases; in the others, what is missing is missing on purpose."""
_INTEROP_AT: Final = datetime(2026, 12, 15, tzinfo=UTC)
_DELTA_URL: Final = "http://crl.example/delta.crl"
_INTEROP_REFUSED: Final = ("bad-crl-", "bad-ocsp-", "bad-tsa-revoked", "bad-identity-case", "bad-same-name-root",
                           "bad-timestamp-untrusted-tsa", "bad-leaf-eku", "bad-int-not-ca")  # fmt: skip


@dataclass(slots=True)
class _Draft:
    """A scene with an image of its own, of whom only this case has a signature."""

    world: World
    name: str
    form: str = "jws"
    index: bool = False
    leaf: Issued | None = None
    scene: Scene = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        leaf = self.leaf or self.world.leaf()
        self.scene = Scene(form=self.form, signatures=[Signature(self.form, leaf)])
        self.scene.builder = LayoutBuilder()
        self.scene.target = self._image()
        self.scene.stores = {"ca:harbour": [leaf.root]}
        self.scene.put_crls(self.world.crls())

    def _image(self) -> Descriptor:
        builder = self.scene.builder
        images = [
            builder.add_image(
                *(f"{self.name} {architecture} layer {number}\n".encode() * 4 for number in range(2)),
                config=json.dumps({"architecture": architecture, "os": "linux", "of": self.name}).encode(),
            )
            for architecture in (("amd64", "arm64") if self.index else ("amd64",))
        ]
        return builder.add_index(*images) if self.index else images[0]

    def stamped(self, **members: Any) -> _Draft:
        self.scene.timestamp(self.world.tsa, **members)
        return self

    def crl(self, data: bytes, url: str = SIGNING_CRL.format(0)) -> _Draft:
        """In place of the clean one of this URL."""
        self.scene.put_crls({url: data})
        return self

    def beside(self, **files: bytes) -> _Draft:
        """CRLs that no index maps, by name without ending."""
        self.scene.crls |= {f"{name}.crl": data for name, data in files.items()}
        return self

    def ocsp(self, **files: bytes) -> _Draft:
        self.scene.ocsp = {**(self.scene.ocsp or {}), **{f"{name}.ors": data for name, data in files.items()}}
        return self

    def carried(self, crls: Mapping[str, bytes]) -> _Draft:
        """Evidence in the target."""

        def put(builder: LayoutBuilder, target: Descriptor) -> None:
            made = pack(target, crls=dict(crls), ocsp={}, crl_index={}, responders={})
            builder.blobs |= {item.digest: data for item, data in (*made.blobs, (made.manifest, made.raw))}
            builder.list(made.manifest)

        self.scene.packing.append(put)
        return self

    def case(
        self,
        *,
        accepted: bool,
        genuine: bool = True,
        condemning: tuple[bytes, ...] = (),
        kept: tuple[bytes, ...] = (),
    ) -> Case:
        with tempfile.TemporaryDirectory() as folder:
            written = self.scene.write(Path(folder))
            layout, trust = read_tree(written.layout), read_tree(written.trust)
        marks = [_blob(data) for data in kept]
        stay = {path for path, data in layout.items() if any(mark in f"{path} {data!r}" for mark in marks)}
        return Case(
            name=self.name,
            accepted=accepted,
            genuine=genuine,
            layout=layout,
            trust=trust,
            at=self.scene.at,
            scope=REPOSITORY,
            condemning=frozenset(path for path, data in trust.items() if data in condemning),
            kept=frozenset(stay),
            offers=self._offers(),
        )

    def _offers(self) -> tuple[bytes, ...]:
        """Genuine evidence that would clear the signer, were it used (newer, older, by a delegate), or that revokes."""
        if self.world.name != _COMMON:
            return ()
        leaf = self.scene.signature.leaf if self.scene.signatures else self.world.leaf()
        if leaf.issuer is None:
            return ()
        now: Any = {"this_update": AT - timedelta(minutes=1)}
        delegate = self.world.delegate()
        clearing = (*self.world.clean(), ocsp_response(leaf, **now), ocsp_response(leaf, responder=delegate, **now))
        return (*clearing, crl(leaf.issuer, revoked=[leaf], number=30))


@cache
def _world(name: str) -> World:
    return World(name)


def _blob(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _accepted() -> Iterator[Case]:
    world = _world(_COMMON)
    for form in FORMS:
        yield _Draft(world, f"ok-plain-{form}", form, leaf=world.leaf(crl_urls=[])).case(accepted=True)
        yield _Draft(world, f"ok-everything-{form}", form).stamped().case(accepted=True)
    whole = _Draft(world, "ok-archive").stamped().case(accepted=True)
    yield dataclasses.replace(whole, archive=True)
    yield _Draft(world, "ok-index", index=True).stamped().case(accepted=True)
    draft = _Draft(world, "ok-carried")
    draft.scene.crls, draft.scene.crl_index = {}, None
    yield draft.carried({f"{n}.crl": data for n, data in enumerate(world.crls().values())}).case(accepted=True)
    leaf = world.leaf(crl_urls=[], ocsp_urls=[OCSP_URL])
    yield _Draft(world, "ok-ocsp", leaf=leaf).ocsp(a=ocsp_response(leaf)).case(accepted=True)
    answer = ocsp_response(leaf, responder=world.delegate())
    yield _Draft(world, "ok-ocsp-delegate", "cose", leaf=leaf).ocsp(a=answer).case(accepted=True)
    base = crl(world.issuer, number=11, freshest=[_DELTA_URL])
    delta = crl(world.issuer, number=12, delta_base=11)
    yield _Draft(world, "ok-delta").crl(base).crl(delta, _DELTA_URL).case(accepted=True)
    ended = world.leaf(not_after=AT - timedelta(days=1))
    late = _Draft(world, "ok-ended", leaf=ended).stamped(verify="afterCertExpiry", gen_time=AT - timedelta(days=9))
    yield late.case(accepted=True)
    authority = _Draft(world, "ok-authority")
    authority.scene.signature.scheme = envelopes.AUTHORITY
    authority.scene.use_store("signingAuthority:harbour")
    yield authority.case(accepted=True)


def _revoked() -> Iterator[Case]:
    """Every channel by which "revoked" is available, with what would clear it beside it."""
    world = _world(_COMMON)
    for form in FORMS:
        leaf = world.leaf()
        listed = crl(world.issuer, revoked=[leaf], number=20)
        yield (
            _Draft(world, f"revoked-crl-{form}", form, leaf=leaf)
            .stamped()
            .crl(listed)
            .case(accepted=False, condemning=(listed,))
        )
    other = world.other_issuer()
    leaf = world.leaf(issuer=other, crl_urls=["http://crl.example/other.crl"])
    gone = crl(world.root, revoked=[other], number=20)
    draft = _Draft(world, "revoked-intermediate", leaf=leaf).crl(crl(other), "http://crl.example/other.crl")
    yield draft.crl(gone, SIGNING_CRL.format(1)).case(accepted=False, condemning=(gone,))
    leaf = world.leaf()
    base, delta = (
        crl(world.issuer, number=11, freshest=[_DELTA_URL]),
        crl(world.issuer, number=12, delta_base=11, revoked=[entry(leaf.serial, reason="keyCompromise")]),
    )
    draft = _Draft(world, "revoked-delta", leaf=leaf).crl(base).crl(delta, _DELTA_URL)
    yield draft.case(accepted=False, condemning=(delta,))
    for name, maker in _ANSWERS.items():
        leaf = world.leaf(ocsp_urls=[OCSP_URL])
        said = maker(world, leaf)
        yield _Draft(world, f"revoked-{name}", leaf=leaf).ocsp(a=said).case(accepted=False, condemning=(said,))
    yield from _unused(world)


_ANSWERS: Final[Mapping[str, Callable[[World, Issued], bytes]]] = {
    "ocsp": lambda _, leaf: ocsp_response(leaf, status="revoked", reason="keyCompromise"),
    "ocsp-delegate": lambda world, leaf: ocsp_response(leaf, status="revoked", responder=world.delegate()),
    "ocsp-delegate-ended": lambda world, leaf: ocsp_response(
        leaf,
        status="revoked",
        responder=world.delegate(not_after=AT - timedelta(days=2)),
        this_update=AT - timedelta(days=9),
        next_update=AT - timedelta(days=3),
    ),
}


def _unused(world: World) -> Iterator[Case]:
    """Revocations that "today's gates" would not use, and that condemn all the same (decision 0009)."""
    makers: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "no-point": ({"crl_urls": []}, {}),
        "stale": ({}, {"this_update": AT - timedelta(days=90), "next_update": AT - timedelta(days=60), "number": 3}),
        "some-reasons": ({}, {"scope": scope(reasons=("superseded",)), "number": 21}),
        "only-ca": ({}, {"scope": scope(only_ca=True), "number": 21}),
        "other-shard": ({}, {"scope": scope(uris=["http://crl.example/shard-9.crl"]), "number": 21}),
        "future": ({}, {"this_update": AT + timedelta(days=2), "next_update": AT + timedelta(days=9), "number": 22}),
    }
    for name, (of_leaf, of_crl) in makers.items():
        leaf = world.leaf(**of_leaf)
        listed = crl(world.issuer, revoked=[entry(leaf.serial, reason="keyCompromise")], **of_crl)
        draft = _Draft(world, f"revoked-{name}", leaf=leaf).beside(listed=listed)
        yield draft.case(accepted=False, condemning=(listed,))
    leaf = world.leaf(crl_urls=[], ocsp_urls=[OCSP_URL])
    listed = crl(world.issuer, revoked=[leaf], number=21)
    draft = _Draft(world, "revoked-only-ocsp", leaf=leaf).beside(listed=listed).ocsp(a=ocsp_response(leaf))
    yield draft.case(accepted=False, condemning=(listed,))
    stamper = world.stamper("Old TSA")
    listed = crl(world.tsa_issuer, revoked=[stamper], number=21)
    draft = _Draft(world, "revoked-tsa")
    draft.scene.timestamp(stamper)
    yield draft.beside(listed=listed).case(accepted=False, condemning=(listed,))
    leaf = world.leaf()
    listed = crl(world.issuer, revoked=[leaf], number=30, this_update=AT - timedelta(hours=3))
    yield _Draft(world, "revoked-carried", leaf=leaf).carried({"a.crl": listed}).case(accepted=False, kept=(listed,))
    alone = _world("Quay")
    leaf = alone.leaf()
    held = crl(
        alone.issuer,
        revoked=[entry(leaf.serial, reason="certificateHold")],
        number=30,
        this_update=AT - timedelta(minutes=1),
    )
    yield _Draft(alone, "revoked-hold", leaf=leaf).crl(held).case(accepted=False, condemning=(held,))


def _refused() -> Iterator[Case]:
    """What is wrong in other ways that no byte of the target can put right."""
    world = _world(_COMMON)
    stranger = Pki().code_chain(root={"slot": 5}, intermediate={"slot": 6}, leaf={"slot": 7})
    draft = _Draft(world, "untrusted", leaf=stranger)
    draft.scene.stores = {"ca:harbour": [world.root]}
    yield draft.case(accepted=False, genuine=False)
    draft = _Draft(world, "identity")
    draft.scene.policy = oci_policy(statement(trustedIdentities=["x509.subject: C=US, ST=WA, O=Another"]))
    yield draft.case(accepted=False)
    draft = _Draft(world, "expired")
    draft.scene.signature.expiry = AT - timedelta(days=1)
    yield draft.case(accepted=False, genuine=False)
    ended = world.leaf(not_after=AT - timedelta(days=1))
    yield _Draft(world, "ended", "cose", leaf=ended).case(accepted=False, genuine=False)
    draft = _Draft(world, "unsigned")
    draft.scene.signatures = []
    yield draft.case(accepted=False, genuine=False)
    draft = _Draft(world, "about-another")
    draft.scene.signature.target = {"digest": "sha256:" + "5c" * 32}
    yield draft.case(accepted=False, genuine=False)
    draft = _Draft(world, "stamped-by-a-stranger").stamped()
    strange = Pki().tsa_chain(root={"slot": 3})
    draft.scene.signature.token = lambda value: token(strange, value)
    yield draft.case(accepted=False)
    whole = _Draft(world, "tampered").stamped().case(accepted=False, genuine=False)
    name = next(path for path, data in whole.layout.items() if data.startswith(b"tampered amd64 layer 0"))
    yield dataclasses.replace(whole, layout={**whole.layout, name: whole.layout[name].replace(b"layer", b"lawyer")})
    alone = _world("Jetty")
    old = crl(alone.issuer, this_update=AT - timedelta(days=90), next_update=AT - timedelta(days=60))
    yield _Draft(alone, "stale").crl(old).case(accepted=False)
    alone = _world("Pier")
    draft = _Draft(alone, "no-evidence")
    draft.scene.crls, draft.scene.crl_index = {}, None
    yield draft.case(accepted=False)


def _of_layouts() -> Iterator[Case]:
    trust = read_tree(_LAYOUTS / "trust")
    for name, accepted in (("good", True), ("revoked", False), ("untrusted", False)):
        made = Case(
            name=f"layouts-{name}",
            accepted=accepted,
            genuine=name != "untrusted",
            layout=read_tree(_LAYOUTS / name),
            trust=trust,
            at=_LAYOUTS_AT,
            scope=_LAYOUTS_SCOPE,
            condemning=frozenset({"crls/signing.crl"}) if name == "revoked" else frozenset(),
        )
        yield made
        yield dataclasses.replace(made, name=f"{made.name}-archive", archive=True)


def interop_places() -> list[Path]:
    """The cases that were made elsewhere, where they are available."""
    folder = Path(os.environ.get("AIRGAP_INTEROP") or _HERE.parent / "shared" / "interop") / "cases"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _of_interop() -> Iterator[Case]:
    for place in interop_places():
        description = json.loads((place / "case.json").read_text())
        accepted = place.name.startswith("ok-") and description["expect"] == "pass"
        if not accepted and not place.name.startswith(_INTEROP_REFUSED):
            continue
        if description["metadata"]:
            continue
        trust = read_tree(place / "config")
        yield Case(
            name=f"interop-{place.name}",
            accepted=accepted,
            layout=read_tree(place / "layout"),
            trust=trust,
            at=_INTEROP_AT,
            scope=description["scope"],
            condemning=frozenset(path for path in trust if path.startswith(("crls/", "ocsp/"))),
        )


def make_cases() -> list[Case]:
    """All cases, each under a name of its own."""
    return [case for source in (_accepted, _revoked, _refused, _of_layouts, _of_interop) for case in source()]
