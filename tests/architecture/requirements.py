"""The list of rules: read, compared with what cites it, and written as pages.

One TOML file for each area in docs/reference/requirements holds what people write: for each rule its sentence, its
source and, where no code cites it, the reason. The pages beside them are generated: `make requirements` writes them.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/architecture"
FOLDER = ROOT / "docs/reference/requirements"
AREAS = (
    "principles", "manifest", "payload", "jws", "cose", "schemes", "chains", "trust", "verification", "timestamps",
    "revocation", "plugins", "layouts", "limits", "differences", "negative-cases",
)  # fmt: skip
SOURCES = {
    "AG": "airgap itself",
    "SS": "signature-specification.md of the Notary Project",
    "JW": "signature-envelope-jws.md of the Notary Project",
    "CO": "signature-envelope-cose.md of the Notary Project",
    "SCH": "signing-scheme.md of the Notary Project",
    "TP": "trust-store-trust-policy.md of the Notary Project",
    "WF": "signing-and-verification-workflow.md of the Notary Project",
    "PX": "plugin-extensibility.md of the Notary Project",
    "IS": "the OCI image specification",
    "DS": "spec.md of the OCI distribution specification",
    "core": "notation-core-go, a part of the reference implementation",
    "ngo": "notation-go, a part of the reference implementation",
    "tsp": "tspclient-go, a part of the reference implementation",
    "cli": "notation, the command of the reference implementation",
    "oras": "oras-go",
    "gocose": "go-cose",
    "jwt": "golang-jwt",
    "x509": "crypto/x509 of Go",
    "xocsp": "golang.org/x/crypto/ocsp",
    "ldap": "go-ldap",
}
_PREFIXES = (
    "RULE|LIM|MAN|PAY|JWS|COSE|ALG|SCHEME|CHAIN|TSACH|STORE|POLICY|SCOPE|BLOB|ID|VERIFY|TS|REV|OCSP|CRL|CACHE|OFF"
    "|PLUGIN|CLI|LAYOUT|DIST|NEG"
)
_CITED = re.compile(
    rf"(?<![\w-])(?:(?P<prefix>{_PREFIXES})-|(?P<difference>D))(?P<first>\d+)\b"
    rf"(?:\s+to\s+(?:#\s+)?(?:(?:{_PREFIXES})-|D)?(?P<last>\d+)\b)?"
    r"(?P<more>(?:,\s\d+(?=[,);:]))*)"
)

_NAMED = re.compile(r"\bdef (test_\w+)")
_IN_NAME = re.compile(rf"(?<=_)(?:(?P<prefix>{_PREFIXES.lower()})_|(?P<difference>d))(?P<number>\d+)(?=_|$)")


@dataclass(frozen=True)
class Rule:
    """One rule of the list; `reason` says why no code cites it, and is empty where code does."""

    id: str
    sentence: str
    source: str
    reason: str = ""


@dataclass(frozen=True)
class Area:
    """The rules of one file; of `cases` it is tests that hold them, not code."""

    name: str
    title: str
    cases: bool
    rules: tuple[Rule, ...]


@cache
def areas() -> tuple[Area, ...]:
    """All areas, in the order of the index."""
    found = []
    for name in AREAS:
        table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        rules = tuple(Rule(key, *values) for key, values in table["rules"].items())
        found.append(Area(name, table["title"], table.get("kind") == "cases", rules))
    return tuple(found)


def _ids(text: str, known: frozenset[str]) -> Iterator[str]:
    for name in _NAMED.findall(text):  # test_policy_10_skip_needs_neither_stores_nor_identities
        for match in _IN_NAME.finditer(name):
            prefix = "D" if match["difference"] else f"{match['prefix'].upper()}-"
            yield f"{prefix}{match['number']}"
    for match in _CITED.finditer(text):
        prefix = "D" if match["difference"] else f"{match['prefix']}-"
        yield f"{prefix}{match['first']}"
        yield from (f"{prefix}{number}" for number in re.findall(r"\d+", match["more"]))
        if match["last"]:
            yield f"{prefix}{match['last']}"
            width = len(match["first"]) if match["first"].startswith("0") else 0
            between = (f"{prefix}{n:0{width}}" for n in range(int(match["first"]) + 1, int(match["last"])))
            yield from (name for name in between if name in known)  # the list has gaps


def ranges(text: str) -> list[str]:
    """The ranges of ids in a text (CRL-1 to CRL-16)."""
    return [match[0] for match in _CITED.finditer(text) if match["last"]]


@cache
def citations(folder: str, suffix: str, known: frozenset[str]) -> Mapping[str, tuple[str, ...]]:
    """Which files below a folder cite which id; a range (CRL-1 to CRL-16) or list (CRL-1, 2) cites all of it.

    In code a range would claim a whole area in one docstring, so none is there.

    Not the tests of this folder: they hold that rules are cited, and no rule itself.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (ROOT / folder).rglob(f"*{suffix}"):
        if FOLDER in path.parents or HERE in path.parents:
            continue
        for name in _ids(path.read_text(encoding="utf-8"), known):
            found[name].add(path.relative_to(ROOT).as_posix())
    return {name: tuple(sorted(paths)) for name, paths in found.items()}


@cache
def known() -> frozenset[str]:
    """The ids of the list."""
    return frozenset(rule.id for area in areas() for rule in area.rules)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _files(paths: tuple[str, ...]) -> str:
    return "<br>".join(f"`{path}`" for path in paths)


def pages() -> Mapping[Path, str]:
    """The text of every generated page."""
    names = known()
    code, tests = citations("airgap", ".py", names), citations("tests", ".py", names)
    written: dict[Path, str] = {}
    index = [
        "# The rules",
        "",
        "The code and the tests cite rules by id, for example [JWS-3](jws.md#jws-3) or [D33](differences.md#d33).",
        "Each rule is one sentence in our own words. The source has the exact text, and it decides.",
        "",
        "The sentences are in the `.toml` files of this folder. `make requirements` writes these pages from them and",
        "from the citations. A test fails when a cited id is not in the list, when no code cites a rule and the list",
        "does not say why, and when these pages are out of date.",
        "",
        "| Area | Rules | Cited by no code | Cited by no test |",
        "| --- | --- | --- | --- |",
    ]
    for area in areas():
        no_code = "not asked" if area.cases else str(sum(rule.id not in code for rule in area.rules))
        no_test = sum(rule.id not in tests for rule in area.rules)
        index.append(f"| [{area.title}]({area.name}.md) | {len(area.rules)} | {no_code} | {no_test} |")
        head, line = ("| Id | Rule | Source | Implemented in | Tested by |", "| --- | --- | --- | --- | --- |")
        lines = [
            f"# {area.title}",
            "",
            f"Generated from `{area.name}.toml`; see [the index](README.md).",
            "",
            head,
            line,
        ]
        for rule in area.rules:
            where = _files(code.get(rule.id, ())) or _cell(rule.reason)
            lines.append(
                f'| <a id="{rule.id.lower()}"></a>{rule.id} | {_cell(rule.sentence)} | {_cell(rule.source)} '
                f"| {where} | {_files(tests.get(rule.id, ()))} |"
            )
        written[FOLDER / f"{area.name}.md"] = "\n".join(lines) + "\n"
    index += ["", "## Sources", "", "| Short | Source |", "| --- | --- |"]
    index += [f"| {short} | {source} |" for short, source in SOURCES.items()]
    written[FOLDER / "README.md"] = "\n".join(index) + "\n"
    return written


if __name__ == "__main__":
    for target, text in pages().items():
        target.write_text(text, encoding="utf-8")
