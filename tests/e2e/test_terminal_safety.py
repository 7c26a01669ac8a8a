"""Text from files never reaches a terminal as it is (RULE-8): names, tags, metadata, types, policies, paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support import names
from tests.support.command import Ran, run_here
from tests.support.names import Attribute
from tests.support.pki import AT, Pki
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement

HOSTILE: Final = "\x1b[2J\x1b]0;owned\x07\u202epass\u200b\r\nPASS\x9b31m\u2028"
UNSAFE: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def _subject(scene: Scene) -> None:
    subject = names.name(("C", "US"), ("ST", "WA"), ("O", "Harbour Works"), Attribute("CN", HOSTILE))
    scene.sign_with(Pki().code_chain(leaf={"subject": subject}))


def _expired_subject(scene: Scene) -> None:
    subject = names.name(("C", "US"), Attribute("CN", HOSTILE))
    scene.sign_with(Pki().code_chain(root={"subject": subject, "not_after": AT.replace(year=2025)}))


def _tag(scene: Scene) -> None:
    scene.packing.append(lambda builder, target: _drop_result(builder.tag(target, HOSTILE)))
    scene.refer = lambda written: f"oci:{written.layout}"


def _drop_result(_: object) -> None:
    """For lambdas that must return None."""


def _metadata(scene: Scene) -> None:
    scene.signature.target["annotations"] = {HOSTILE: HOSTILE}


def _demanded_metadata(scene: Scene) -> None:
    scene.signature.target["annotations"] = {"build": HOSTILE}
    scene.options += ["-m", "build=1"]


def _agent(scene: Scene) -> None:
    scene.signature.options["header"] = {"io.cncf.notary.signingAgent": HOSTILE}


def _critical(scene: Scene) -> None:
    scene.signature.options["protected"] = {"crit": ["io.cncf.notary.signingScheme", HOSTILE], HOSTILE: 1}


def _algorithm(scene: Scene) -> None:
    scene.signature.options["protected"] = {"alg": HOSTILE}


def _plugin(scene: Scene) -> None:
    name = "io.cncf.notary.verificationPlugin"
    scene.signature.options["protected"] = {"crit": ["io.cncf.notary.signingScheme", name], name: HOSTILE}


def _referrer_type(scene: Scene) -> None:
    scene.packing.append(
        lambda builder, target: _drop_result(
            builder.add_referrer(target, b"{}", artifact_type=HOSTILE, layer_type="a/b")
        )
    )


def _policy_name(scene: Scene) -> None:
    scene.policy = oci_policy(statement(name=HOSTILE, trustStores=["tsa:harbour"]))


def _policy_member(scene: Scene) -> None:
    scene.policy = {**oci_policy(), HOSTILE: 1}


def _identity(scene: Scene) -> None:
    scene.policy = oci_policy(statement(trustedIdentities=[f"x509.subject: C=US, ST=WA, O=x, {HOSTILE}=y"]))


def _crl_address(scene: Scene) -> None:
    scene.sign_with(Pki().code_chain(leaf={"crl_urls": ["http://crl.example/\x1b[2J\r\nPASS"]}))


def _crl_name(scene: Scene) -> None:
    scene.crls = {"\x1b[2J.crl": b"no CRL"}


def _missing_tag(scene: Scene) -> None:
    scene.refer = lambda written: f"oci:{written.layout}:\x1b[2J"


CHANGES: Final[tuple[Callable[[Scene], None], ...]] = (
    _subject, _expired_subject, _tag, _metadata, _demanded_metadata, _agent, _critical, _algorithm, _plugin,
    _referrer_type, _policy_name, _policy_member, _identity, _crl_address, _crl_name, _missing_tag,
)  # fmt: skip


def _strings(value: object) -> list[str]:
    match value:
        case dict():
            return [text for pair in value.items() for item in pair for text in _strings(item)]
        case list():
            return [text for item in value for text in _strings(item)]
        case str():
            return [value]
    return []


def _check(ran: Ran) -> None:
    assert "Traceback" not in ran.err, ran
    assert not UNSAFE.search(ran.out + ran.err), ran
    first = ran.out.splitlines()[0] if ran.out else ""
    passes = [line for line in ran.out.splitlines() if line.startswith("PASS")]
    assert len(passes) <= 2 * first.startswith("PASS"), ran  # the first line and the last


@pytest.mark.parametrize("verbose", [(), ("--verbose",)], ids=["plain", "verbose"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__).strip("_"))
def test_escapes_hostile_text_in_printed_text(
    change: Callable[[Scene], None], verbose: tuple[str, ...], tmp_path: Path
) -> None:
    scene = Scene()
    change(scene)
    arguments = scene.write(tmp_path).arguments()
    _check(run_here([*arguments[:-2], *verbose]))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__).strip("_"))
def test_escapes_hostile_text_in_documents(change: Callable[[Scene], None], tmp_path: Path) -> None:
    """JSON escapes what it must; sentences and facts are safe even after they are decoded."""
    scene = Scene()
    change(scene)
    ran = run_here(scene.write(tmp_path).arguments())
    ran.check_sound()
    assert not [text for text in _strings(ran.document) if UNSAFE.search(text)], ran


@pytest.mark.parametrize("command", ["inspect", "discover"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__).strip("_"))
def test_escapes_hostile_text_in_other_commands(change: Callable[[Scene], None], command: str, tmp_path: Path) -> None:
    scene = Scene()
    change(scene)
    _check(run_here([command, f"oci:{scene.write(tmp_path).layout}:v1"]))
