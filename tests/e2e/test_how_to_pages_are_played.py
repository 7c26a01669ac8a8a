"""The how-to pages: a shell runs their commands word for word, in order, and they end and show what the page says.

Each page has a world: hosts, keys, trust directories, a medium. Nothing of a page is passed over: a block of code is
made of commands, or named as a text; a command is played, or left out for a reason.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import envelopes
from tests.support.crls import crl, entry
from tests.support.names import parse
from tests.support.ocsp import ocsp_response
from tests.support.page_world import World
from tests.support.pages import Command, blocks_of, commands_of, play, private, same_screen
from tests.support.pki import Pki, issue
from tests.support.plugins import Behaviour, executable, signing, write_plugin
from tests.support.scenario import Scene
from tests.support.softhsm import PIN, make_token
from tests.support.trust import oci_policy, statement
from tests.support.warm_command import warm_command

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ROOT / "docs/how-to"
NOON: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Page:
    """How a page is played. Commands and texts are named by what they begin with."""

    prepare: Callable[[World], None]
    setup: str = ""
    """Commands of the shell before those of the page."""
    texts: tuple[str, ...] = ()
    """Blocks that are no commands."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Commands that cannot be run here, and why."""
    codes: Mapping[str, int] = field(default_factory=dict)
    """Exit codes other than 0."""
    before: Mapping[str, str] = field(default_factory=dict)
    """What is done in the shell before a command: what a courier or another machine does meanwhile."""
    clock: datetime = NOON


def _stick(world: World) -> None:
    world.push("registry.example", "app", "v1", "v1.2.3", index=True)
    world.push("registry.example", "db", "15", "v7")
    world.push("registry.example", "team/web", "v1")
    world.push("registry.example", "lab/db", "15")
    for path in ("etc/airgap", "work/TRUST", "work/trust", "work/site-trust"):
        world.write_trust(path)
    world.write("work/list.txt", "registry.example/app:v1\nregistry.example/db:15\n")


def _gateway(world: World) -> None:
    _stick(world)
    world.write_program("ssh", 'exec /bin/sh -c "$2"')
    for folder in ("inbox", "outbox"):
        (world.folder / folder).mkdir()


def _chart(world: World) -> None:
    _stick(world)
    world.write("work/chart.txt", "kind: Pod\nspec: {containers: [{image: registry.example/app:v1}]}\n")
    world.write_program("helm", "cat chart.txt")


def _files(world: World) -> None:
    vendor = Pki().code_chain(depth=2, leaf={"subject": parse("C=DE,ST=BE,O=Vendor,CN=release")})
    world.write_key("home/release.key", "home/release.crt", vendor)
    policy = text_of("sign-and-verify-files", '{"version"')
    stores = {"ca:vendor": [vendor.root], "ca:site": [world.publisher.root]}
    world.write_trust("etc/airgap", blob_policy=policy.encode(), stores=stores)
    world.write("work/firmware.bin", b"firmware")


def _pipeline(world: World) -> None:
    for host, repository in (("registry.example", "app"), ("registry.example", "agent"), ("other.example", "app")):
        world.push(host, repository, "v1", index=True, signed=False)
    both = oci_policy(statement(name="acme", trustStores=["ca:acme", "tsa:acme"]))
    world.write_trust("work/far-side-trust", policy=both)
    world.write_key("run/secrets/sign.key", "work/sign.crt", word="a long word")
    world.write("run/secrets/sign.word", "a long word\n", 0o600)
    world.write_key("home/own.key", "home/own.crt")
    world.write("work/tsa-root.pem", world.authority.root.pem)
    world.write("work/app.spdx.json", "{}")


def _far_side(world: World) -> None:
    _stick(world)
    site = Pki().code_chain(depth=2, leaf={"subject": parse("C=NL,ST=Zuid-Holland,O=Site,CN=release")})
    world.write_key("etc/airgap/site.key", "etc/airgap/site.crt", site)


def _layouts(world: World) -> None:
    shutil.copytree(ROOT / "layouts", world.work / "layouts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def _sender(world: World) -> None:
    world.write_trust("work/DESK", evidence=False)
    world.write_key("work/key.pem", "work/chain.pem")
    world.write("work/root.pem", world.publisher.root.pem)


def _desk(world: World) -> None:
    _stick(world)
    world.write_trust("work/DESK", evidence=False)
    world.write_key("work/key.pem", "work/chain.pem")
    world.write("work/root.pem", world.publisher.root.pem)


def _refresh(world: World) -> None:
    _stick(world)
    world.write_trust("work/refresh", evidence=False)
    world.write("work/tsa-root.pem", world.authority.root.pem)
    world.write_trust("etc/airgap", crls=world.crls(this_update=world.clock - timedelta(days=9), number=0))
    for host, repository in (("registry.example", "app"), ("registry.example", "db")):
        world.push(host, repository, "v7")


def _volumes(world: World) -> None:
    _stick(world)
    world.write("work/images.txt", "registry.example/team/web:v1\nregistry.example/lab/db:15\n")
    for folder in ("media/cdrom", "media/one", "media/two", "srv/trip"):
        (world.folder / folder).mkdir()


def _private(world: World) -> None:
    registry = world.registries["registry.site.example"]
    world.push("registry.site.example", "app", "v1")
    world.write("etc/pki/site-ca.pem", world.authorities.read_bytes())
    registry.auth = "basic"
    registry.users = {"builder": "a word"}
    world.write("run/secrets/registry", "a word\n", 0o600)
    for name in ("client.pem", "client.key"):
        world.write(f"work/{name}", (world.folder / "client.pem").read_bytes(), 0o600)


def _ledger(world: World) -> None:
    _stick(world)
    world.write_trust(
        "etc/airgap",
        blob_policy=oci_policy(
            statement(name="notes", registryScopes=None, globalPolicy=True, trustStores=["ca:acme"])
        ),
    )
    world.write_key("home/release.key", "home/release.crt")


def _reports(world: World) -> None:
    ca = Pki().code_chain(depth=2).root
    good, old = (
        issue("leaf", issuer=ca, subject=parse(f"C=NL,ST=Zuid-Holland,O=Acme,CN={name}"), crl_urls=[_SIGNING_CRL])
        for name in ("Acme Release Builder", "Acme Old Release Builder")
    )
    acme = "registry.acme.example/team"
    images = {f"{acme}/web:v{number}": good for number in range(1, 37)}
    world.write_layout("work/trip.tar", {**images, f"{acme}/db:v0": old})
    world.write_layout("work/good.tar", dict.fromkeys(list(images)[:3], good))
    members: dict[str, Any] = {"stores": {"ca:acme": [ca]}, "crl_index": {}}
    dates: dict[str, Any] = {
        "this_update": world.clock - timedelta(days=3),
        "next_update": world.clock + timedelta(days=9),
    }
    world.write_trust("work/TRUST", crls={"old.crl": crl(ca, **dates)}, **members)
    revoked = [entry(old.serial, at=datetime(2026, 4, 2, 12, tzinfo=UTC))]
    newer: dict[str, Any] = {
        "this_update": world.clock - timedelta(hours=1),
        "next_update": world.clock + timedelta(days=9),
    }
    world.write_trust("work/DESK", crls={"new.crl": crl(ca, revoked=revoked, number=2, **newer)}, **members)


def _status(world: World) -> None:
    root = issue("root", subject=parse("CN=Acme Signing CA,O=Acme,C=NL"))
    leaf = issue("leaf", issuer=root, serial=0x1F3A)

    def ago(days: int, ends: datetime) -> dict[str, Any]:
        return {"this_update": world.clock - timedelta(days=days), "next_update": ends}

    delta = crl(root, number=32, delta_base=31, **ago(3, datetime(2026, 7, 4, 12, tzinfo=UTC)))
    base = crl(root, number=31, freshest=[_SIGNING_CRL], **ago(20, datetime(2026, 7, 10, 12, tzinfo=UTC)))
    answer = ocsp_response(leaf, **ago(9, datetime(2026, 6, 29, 8, tzinfo=UTC)))
    world.write_trust(
        "etc/airgap",
        stores={"ca:acme": [root]},
        crls={"delta.crl": delta, "base.crl": base},
        crl_index={},
        ocsp={"1f3a-9b0c77d2.ors": answer},
    )


def _token(world: World) -> None:
    world.push("registry.example", "app", "v1", signed=False)
    leaf = Pki().code_chain(depth=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(world.folder / "token/softhsm2.conf"))
        make_token(world.folder / "token").add("release", leaf.key, 1)
    world.write("work/release.crt", b"".join(item.pem for item in leaf.chain))
    world.write("work/firmware.bin", b"firmware")


def _plugins(world: World) -> None:
    world.push("registry.example", "app", "v1", signed=False)
    signer = Pki().code_chain("rsa2048", depth=2)
    kms = executable(signing(signer, name="com.example.kms", capabilities=["SIGNATURE_GENERATOR.RAW"]))
    name = "notation-com.example.kms_1.2.0_linux_amd64.tar.gz"
    with tarfile.open(world.work / name, "w:gz") as archive:
        member = tarfile.TarInfo("notation-com.example.kms")
        member.size, member.mode = len(kms), 0o755
        archive.addfile(member, io.BytesIO(kms.encode()))
    write_plugin(world.folder / "home/libexec", Behaviour(name="com.example.verify"))
    scene = Scene(at=world.clock)
    crit = [envelopes.SCHEME, envelopes.PLUGIN]
    scene.signature.options["protected"] = {"crit": crit, envelopes.PLUGIN: "com.example.verify"}
    written = scene.write(world.folder / "scene")
    written.layout.rename(world.work / "stick")
    written.trust.rename(world.work / "trust")


_SIGNING_CRL: Final = "http://crl.example/leaf.crl"
_DIGEST = "DIGEST=$(airgap copy registry.example/app:v1 ./app --format json | jq -r '.artifacts[0].digest'); "
_ADD_KEY = "airgap key add {0} --private-key ~/{0}.key --chain ~/{0}.crt --default; "
_TRIP = "airgap copy --with-evidence registry.example/team/web:v1 registry.example/lab/db:15 /media/stick/trip.tar"

PLAYED: Final[dict[str, Page]] = {
    "verify-a-stick": Page(
        _stick,
        setup=f"export AIRGAP_TRUST=/etc/airgap; {_TRIP}; mkdir -p /media/a /media/b /media/slow;"
        "cp /media/stick/trip.tar /media/a; cp /media/stick/trip.tar /media/slow;"
        "airgap copy --with-evidence registry.example/app:v1 /media/b/more.tar",
        texts=("TRUST/",),
    ),
    "carry-on-a-stick": Page(_gateway, before={"airgap copy - /srv/layout": "mv /outbox/trip.tar /inbox/trip.tar"}),
    "pack-a-bundle": Page(_chart),
    "import-into-a-registry": Page(_stick, setup=_TRIP),
    "prepare-a-trip": Page(
        _stick,
        before={"airgap copy --with-evidence": "rm trip.tar"},
        clock=datetime(2026, 7, 10, 8, tzinfo=UTC),
    ),
    "sign-and-verify-files": Page(
        _files,
        setup=_ADD_KEY.format("release") + "export AIRGAP_TRUST=/etc/airgap",
        texts=('{"version"',),
    ),
    "mirror-registries": Page(_stick, setup=_TRIP),
    "sign-on-the-far-side": Page(
        _far_side,
        setup="airgap key add site --private-key /etc/airgap/site.key --chain /etc/airgap/site.crt;"
        "airgap copy --with-evidence registry.example/team/web:v1 /media/stick/trip.tar; cp /media/stick/trip.tar .",
        before={"airgap key add site": "airgap key delete site"},
    ),
    "read-a-failure": Page(_layouts, codes={"airgap verify layouts/revoked": 14}),
    "refresh-a-site-by-snapshot": Page(
        _desk,
        setup="airgap trust pin add chain.pem --stream site-7 --trust TRUST "
        "--yes-fingerprint $(openssl x509 -in root.pem -outform der | sha256sum | cut -c1-64)",
    ),
    "refresh-a-site": Page(
        _refresh,
        before={"airgap trust fetch /srv": "mv refresh /media/stick; airgap copy registry.example/app:v1 /srv/images"},
        left_out={"NOTATION_CONFIG": "notation is a program of another project; tests/interop runs it"},
    ),
    "carry-volumes": Page(
        _volumes,
        before={
            "airgap bundle split": "mv trip first; airgap bundle create trip.tar -f images.txt --trust ./site-trust",
            "cp /media/cdrom": "cp trip/*.tar /media/cdrom",
            "mkdir /srv/trip": "mv /srv/trip /srv/before; cp trip/*.tar /media/one; touch /media/two/note.tar",
        },
        left_out={"airgap bundle split trip.tar ./trip --volume-size dvd --volume 2": "no test fills a DVD"},
    ),
    "proxy-and-private-ca": Page(
        _private, setup="airgap login registry.site.example -u builder --password-stdin < /run/secrets/registry"
    ),
    "keep-a-ledger": Page(
        _ledger,
        setup=_ADD_KEY.format("release") + "export AIRGAP_TRUST=/etc/airgap; "
        "airgap copy --with-evidence registry.example/team/web:v1 registry.example/lab/db:15 ./stick",
        before={
            "airgap ledger check --receipt": "mkdir receipts; for month in 10 11; do "
            "airgap receipt create -o receipts/2026-$month.json --site north --sign; done"
        },
    ),
    "recheck-what-was-accepted": Page(
        _reports,
        setup="mkdir /var/lib/airgap/reports; "
        "airgap trust snapshot create --trust DESK -o evidence.tar --evidence-only; "
        "airgap verify -q good.tar --trust TRUST --ledger /var/lib/airgap/site.ledger",
        before={"airgap trust snapshot apply": "rm trip.tar"},
        codes={"airgap recheck /var": 14},
        clock=datetime(2026, 6, 1, 12, tzinfo=UTC),
    ),
    "read-trust-status": Page(_status, codes={"airgap trust status": 15}, clock=datetime(2026, 7, 1, 8, tzinfo=UTC)),
    "monthly-deltas": Page(
        _volumes,
        before={
            "airgap bundle create month3.tar": "echo registry.example/app:v1 >> images.txt",
            "airgap receipt request": "airgap bundle create month4.tar -f images.txt --trust ./site-trust "
            "--stream monthly --number 4 --since month3.tar",
        },
    ),
    "run-a-ceremony": Page(
        _sender,
        texts=("To be pinned",),
        left_out={"airgap trust pin add": "asks on a terminal; tests/e2e/test_trust_snapshot.py types the answers"},
        before={
            "airgap trust snapshot apply trip.tar --trust TRUST": "airgap trust pin add trip.tar --stream site-7 "
            "--trust TRUST --yes-fingerprint $(openssl x509 -in root.pem -outform der | sha256sum | cut -c1-64)",
            "airgap trust snapshot apply trip.tar --trust TRUST --accept-lost-state": "rm TRUST/.airgap/state.json",
        },
    ),
    "sign-with-a-token": Page(
        _token,
        setup=_DIGEST + f"export AIRGAP_KEY_PASSPHRASE={PIN} SOFTHSM2_CONF=$HOME/../token/softhsm2.conf",
        texts=("pkcs11:token",),
        left_out={"pip install": "the library is installed"},
    ),
    "use-plugins": Page(
        _plugins,
        setup=_DIGEST + "export AIRGAP_LIBEXEC=$HOME/libexec; CHECKSUM=$(cat notation-*.gz | sha256sum | cut -c1-64)",
        codes={
            "airgap verify ./stick --trust ./trust --allow-plugin": 0,
            "airgap verify ./stick --trust ./trust": 13,
        },
        left_out={"unshare --net": "needs the right to make a namespace"},
    ),
    "sign-in-a-pipeline": Page(
        _pipeline,
        setup=_ADD_KEY.format("own") + "CI_BUILD_ID=77; GIT_COMMIT=1f3a;"
        "airgap copy other.example/app:v1 ./build; "
        + "".join(
            f"{name}=$(airgap copy registry.example/{image}:v1 ./{name} --format json | jq -r '.artifacts[0].digest'); "
            for name, image in (("DIGEST", "app"), ("A", "app"), ("B", "agent"))
        ),
    ),
}


NOT_PLAYED: Final[Mapping[str, str]] = {
    "install-behind-the-gap": "needs an index of packages and a container; tests of the deliverables run it",
    "make-a-release": "builds the deliverables",
    "judge-on-several-machines": "needs machines; tests/e2e/test_dask.py",
    "write-a-trust-policy": "policies; tests/regressions/test_policy_examples_do_what_they_say.py",
}


def text_of(name: str, start: str) -> str:
    """The block of a page that begins so."""
    return next(block for block in blocks_of((PAGES / f"{name}.md").read_text("utf-8")) if block.startswith(start))


def page_of(name: str) -> list[Command]:
    """The commands of a page that are played."""
    played = PLAYED[name]
    blocks = list(blocks_of((PAGES / f"{name}.md").read_text(encoding="utf-8")))
    texts = [block for block in blocks if block.startswith(played.texts or ("\0",))]
    assert len(texts) >= len(played.texts), "a text that the page does not have"
    commands = [command for block in blocks if block not in texts for command in commands_of(block)]
    for start in (*played.left_out, *played.codes, *played.before):
        assert any(command.text.startswith(start) for command in commands), f"the page has no command {start!r}"
    return [command for command in commands if not command.text.startswith(tuple(played.left_out) or ("\0",))]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_command(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.mark.parametrize("name", PLAYED)
def test_a_page_is_what_happens(name: str, tools: Path, tmp_path: Path) -> None:
    page = PLAYED[name]
    commands = page_of(name)
    with World(tmp_path, page.clock) as world:
        page.prepare(world)
        before = dict(page.before)
        if page.setup:
            before = {commands[0].text: page.setup, **before}
        played = play(commands, tmp_path, environment=world.environment(tools), before=before)
    wrong = []
    for item in played:
        wanted = next((code for start, code in page.codes.items() if item.command.text.startswith(start)), 0)
        if item.code != wanted or (item.command.shown and not same_screen(item.command.shown, item.out)):
            wrong.append(f"$ {item.command.text}\n{item.out}(exit code {item.code}, not {wanted})\n")
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_page_is_played_or_named() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")}
    assert pages == {*PLAYED, *NOT_PLAYED}
    assert not {*PLAYED} & {*NOT_PLAYED}


_PAGE: Final = """# A page

    cat > list <<END
    one
    END
    airgap ls a \\
        b

1. A step:

       $ airgap ls /srv/a
       …
       the end

```json
{}
```
"""


def test_no_line_of_a_block_is_passed_over() -> None:
    found = [command for block in blocks_of(_PAGE) for command in commands_of(block)]
    assert [command.text for command in found] == [
        "cat > list <<END\none\nEND",
        "airgap ls a \\\n    b",
        "airgap ls /srv/a",
    ]
    assert [command.shown for command in found] == [None, None, "…\nthe end"]


def test_a_screen_is_compared_with_all_that_was_written() -> None:
    shown = "…\nPASS   at 2026-01-01T00:00:00Z,\n  all good"
    assert same_screen(shown, "note\nPASS at 2027-02-02T00:00:00Z, all\n good\n")
    assert not same_screen(shown, "note\nPASS at 2027-02-02T00:00:00Z, all\n good\nmore")
    assert not same_screen(shown[2:], "note\nPASS at 2027-02-02T00:00:00Z, all good")


def test_folders_of_a_machine_are_moved_below_the_test() -> None:
    assert private("airgap ls /srv/a > /srv; ./srv/b /srvx", Path("/t")) == "airgap ls /t/srv/a > /t/srv; ./srv/b /srvx"
