"""Policies that people type wrong: refused, with a message in the words of the file."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from airgap.errors import FormatError, Rejected, TrustMaterialError, UsageError
from airgap.parse.json import Reading, load
from airgap.trust.directory import TrustDirectory
from airgap.trust.policy import OciPolicy
from airgap.trust.policy_edit import find_policy
from airgap.trust.scopes import check_scope, near_scopes
from tests.support.command import run_here
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement, write_trust

GOOD = json.dumps(oci_policy(), indent=2)
SIZE = 4_000_000


def refused(data: bytes | str) -> str:
    with pytest.raises(TrustMaterialError) as caught:
        OciPolicy.parse(data.encode() if isinstance(data, str) else data, "P")
    assert caught.value.reason == "policy.malformed"
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (GOOD.replace('"*"\n      ]\n', '"*"\n      ],\n'), "line 17, column 8: a trailing comma"),
        (GOOD.replace('"*"\n', '"*",\n', 1), "line 7, column 12: a trailing comma: nothing follows it before the ']'"),
        (GOOD + ",", "line 20, column 2: a trailing comma"),
        (GOOD.replace('"1.0",', '"1.0"'), "a comma is missing before '\"trustPolicies\": [', at the end of line 2"),
        ("// mine\n" + GOOD, "line 1, column 1: a comment"),
        (GOOD.replace('"trust', '/* x */ "trust', 1), "line 3, column 3: a comment"),
        (GOOD.replace('"harbour"', "# x"), "line 5, column 15: a comment"),
        (GOOD + "\n// end", "line 21, column 1: a comment"),
        (GOOD.replace('"harbour"', "\u201charbour\u201d"), "line 5, column 15: a curly quotation mark"),
        (GOOD.replace('"name"', '"name\u201d'), "line 5, column 12: a curly quotation mark"),
        (GOOD.replace('"', "'"), "line 2, column 3: a single quotation mark"),
        (GOOD.replace('"version"', "`version`"), "a backtick"),
        (GOOD.replace('"version"', "version"), "line 2, column 3: 'version' is not in quotation marks"),
        (GOOD.replace('"1.0"', "True"), "True, which JSON writes true"),
        (GOOD.replace('"1.0"', "None"), "None, which JSON writes null"),
        (GOOD.replace('"version":', '"version"'), "a ':' is missing after the name"),
        (GOOD.replace('"1.0"', ""), "a value is missing before ','"),
        (GOOD.replace("[", "{", 1), "where a name in double quotation marks must be"),
        (GOOD.replace("      ]\n", "      }\n", 1), "'}' closes what '[' opened"),
        (GOOD.replace('"strict"\n      }', '"strict"\n      ]'), "']' closes what '{' opened"),
        (GOOD.replace('"name": "harbour"', '["name": "harbour"]'), "where a name in double quotation marks must be"),
        (GOOD.replace('"*"', '"*": 1', 1), "is a '[' meant to be '{'"),
        (GOOD[:-4], "the text ends too early"),
        (GOOD + "}", "'}' is one closing bracket too many"),
        (GOOD + "\n" + GOOD, "line 21, column 1: a second JSON document begins here"),
        (GOOD + "\nmore", "is not in quotation marks"),
        (GOOD.replace('"harbour"', '"har\nbour"'), "line 5, column 19: a text is not closed on its line"),
        (GOOD.replace('"harbour"', '"har\tbour"'), "a tab inside of a text"),
        (GOOD.replace('"harbour"', '"C:\\quay"'), "a backslash that JSON does not know"),
        (GOOD[: GOOD.index("harbour") + 3], "line 5, column 15: the text that begins here has no closing"),
        (GOOD.replace('  "version"', '\u00a0 "version"'), "line 2, column 1: an invisible character (U+00A0)"),
        (GOOD.replace('  "version"', '\u200b "version"'), "an invisible character (U+200B)"),
        (GOOD.replace('"1.0"', "+1"), "'+1,' is no value that JSON has"),
        (GOOD.replace("{", '{"version": "1.0",', 1), "the member 'version' appears twice (line 2)"),
        (GOOD.replace('"name"', '"name": "x",\n"name"'), "line 6: trustPolicies[0]: the member 'name' appears tw"),
        ('version: "1.0"\ntrustPolicies:\n  - name: x\n', "line 1, column 1: it is YAML"),
        ("---\nversion: '1.0'\n", "it is YAML"),
        ("# mine\nversion: '1.0'\n", "line 2, column 1: it is YAML"),
        ('version = "1.0"\n', "it is TOML"),
        ('[[trustPolicies]]\nname = "x"\n', "it is TOML"),
        (GOOD[1:-1], "the brackets { and } around the document are missing"),
        ("<!DOCTYPE html><html></html>", "it is HTML or XML"),
        ("<<<<<<< HEAD\n" + GOOD, "merge conflict"),
        (GOOD.replace('  "trust', '=======\n  "trust', 1), "merge conflict"),
        ("-----BEGIN CERTIFICATE-----\n", "it is PEM"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("", "the document is empty"),
        (" \n", "the document is empty"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "byte order mark (BOM)"),
        (GOOD.encode("utf-16"), "it is UTF-16"),
        (GOOD.encode("utf-16-be"), "it is UTF-16 or UTF-32"),
        (GOOD.encode("utf-32-le"), "it is UTF-16 or UTF-32"),
        (bytes(512), "line 1, column 1: from here on it is filled with zeros"),
        (GOOD[:20].encode() + bytes(492), "from here on it is filled with zeros: the copy broke off"),
        (GOOD.encode() + bytes(100), "from here on it is filled with zeros"),
        (GOOD.encode("utf-16-le"), "it is UTF-16 or UTF-32"),
        (GOOD.replace("harbour", "h\u00e4fen").encode("latin-1"), "on line 5, is 0xe4: it may be Latin-1"),
        (b"PK\x03\x04\xff", "zip archive"),
        (b"\x1f\x8b\x08\xff", "gzip"),
    ],
)  # fmt: skip
def test_names_the_place_where_a_text_is_not_json(data: bytes | str, words: str) -> None:
    assert words in refused(data)


@pytest.mark.parametrize(
    "text",
    [
        " " * SIZE + "x",
        "[1" + "\n" * SIZE + "x",
        "{" + '"a":1,' * (SIZE // 6) + '"a":1}',
        "[" + "1," * (SIZE // 2) + "]",
    ],
    ids=["blanks", "lines", "double", "comma"],
)
def test_explains_a_large_malformed_text_in_bounded_time(text: str) -> None:
    start = time.process_time()
    with pytest.raises(FormatError):
        load(text.encode(), Reading.SIGNED)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("value", ["1.0", "1", "true"])
def test_names_the_line_of_a_version_without_quotes(value: str) -> None:
    assert "line 2: version: is " in refused(GOOD.replace('"1.0"', value))
    assert 'must be the text "1.0", in quotes' in refused(GOOD.replace('"1.0"', value))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"apiVersion": "v1", "kind": "TrustPolicy", "spec": oci_policy()}, "spec: holds the policy of a Kubernetes"),
        ({"apiVersion": "v1", "kind": "V", "spec": {"a": 1, "b": {"doc": oci_policy()}}}, "spec.b.doc: holds "),
        ({"trustPolicy": oci_policy()}, "line 1: trustPolicy: holds the policy one level too deep"),
        ({"apiVersion": "v1", "kind": "Secret"}, "apiVersion: is present, so that this is a Kubernetes resource"),
        ({"apiVersion": "v1", **oci_policy()}, "apiVersion: is not a member of this object; it belongs to Kuberne"),
        (statement(), "this is one statement"),
        ([statement()], "the list must be the member trustPolicies"),
        ({**oci_policy(), "registryScopes": ["*"]}, "registryScopes: is not a member of this object; it belongs"),
    ],
)  # fmt: skip
def test_explains_the_shape_of_a_policy(document: object, words: str) -> None:
    message = refused(json.dumps(document))
    assert words in message
    assert "did you mean version" not in message


@pytest.mark.parametrize(
    ("name", "words", "remedy"),
    [
        *((name, f"there is {name!r}: is it meant?", "rename it to trustpolicy.oci.json") for name in (
            "policy.json", "trust-policy.json", "trustpolicy.json.txt", "TrustPolicy.json", "trustpolicy", "mine.json",
            "trustpolcy.json",
        )),
        ("trustpolicy.yaml", "there is 'trustpolicy.yaml'", "A trust policy is JSON"),
        ("trustpolicy.blob.json", "there is trustpolicy.blob.json, the policy for files", "Put a trustpolicy.oci.json"),
        ("notation/trustpolicy.json", "/notation holds one", "--trust "),
        ("notes.md", "holds no trustpolicy.oci.json", "Put a trustpolicy.oci.json into"),
    ],
)  # fmt: skip
def test_names_a_policy_under_another_file_name(tmp_path: Path, name: str, words: str, remedy: str) -> None:
    write_trust(tmp_path / name.rpartition("/")[0], policy_name=name.rpartition("/")[2])
    for read in (TrustDirectory.open(tmp_path).policy, lambda: find_policy(tmp_path, "oci")):
        with pytest.raises(TrustMaterialError) as caught:
            read()
        assert caught.value.reason == "policy.missing"
        assert words in str(caught.value)
        if name != "notes.md":
            assert remedy in caught.value.remedy


def test_refuses_a_policy_file_or_a_store_as_trust_directory(tmp_path: Path) -> None:
    write_trust(tmp_path, stores={"ca:harbour": {"a.pem": b""}})
    with pytest.raises(TrustMaterialError, match="is a file, not a trust directory") as caught:
        TrustDirectory.open(tmp_path / "trustpolicy.oci.json")
    assert f"--trust {tmp_path}." in caught.value.remedy
    with pytest.raises(TrustMaterialError, match=f"{tmp_path} holds one"):
        TrustDirectory.open(tmp_path / "truststore").policy()


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("registry.example/app:v1", "has a tag; write registry.example/app"),
        ("registry.example/app@sha256:" + "a" * 64, "has a digest; write registry.example/app"),
        ("https://registry.example/app", "has a scheme; write registry.example/app"),
        ("oci://registry.example/app:v1", "has a scheme; write registry.example/app"),
        ("registry.example/app/", "has a '/' at its end; write registry.example/app"),
        (" registry.example/app", "has a blank; write registry.example/app"),
        ("registry.example/a b", "has a blank; write it as "),
        ("registry.example/*", "has a wildcard"),
        ("registry.example/App", "lower case, no empty part) after its first '/'; write registry.example/app"),
        ("alpine:3", "must be before the repository; write docker.io/library/alpine (if it is Docker Hub's)"),
        ("registry.example", "is a registry alone, without a repository; write it as "),
    ],
)  # fmt: skip
def test_explains_how_a_scope_is_written(scope: str, words: str) -> None:
    assert words in refused(json.dumps(oci_policy(statement(registryScopes=[scope]))))
    with pytest.raises(UsageError) as caught:
        check_scope(scope)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("has", "asked", "words"),
    [
        ("registry.example/net-monitr", "registry.example/net-monitor", "is spelt nearly so"),
        ("REGISTRY.example/app", "registry.example/app", "differs in case only"),
        ("registry.example:5000/app", "registry.example/app", "differs in the port only"),
        ("other.example/app", "registry.example/app", "is the same repository name at another registry"),
        ("team/app", "registry.example/team/app", "differs in its registry or first part"),
        ("registry.example/team/app", "team/app", "differs in its registry or first part"),
        ("docker.io/library/alpine", "docker.io/alpine", "differs in the form of Docker Hub's names"),
        ("index.docker.io/library/alpine", "docker.io/alpine", "differs in the form of Docker Hub's names"),
        ("registry.example/team", "registry.example/team/app", "is that repository alone, and none of those below it"),
    ],
)  # fmt: skip
def test_names_the_most_similar_scope_without_using_it(has: str, asked: str, words: str) -> None:
    policy = OciPolicy.parse(json.dumps(oci_policy(statement(registryScopes=[has]))).encode(), "P")
    with pytest.raises(Rejected) as caught:
        policy.select(asked)
    assert caught.value.reason == "policy.no_statement"
    assert f"(near: {has!r} {words}" in str(caught.value)


def test_compares_long_names_with_many_scopes_in_bounded_time() -> None:
    """A layout may hold as many repositories of any name as it likes."""
    scopes = [f"registry.example/team{number}/app" for number in range(1_000)]
    start = time.process_time()
    assert near_scopes("registry.example" + "/a" * 500_000, scopes) == ""
    for number in range(2_000):
        near_scopes(f"registry.example/other{number}/thing", scopes)
    assert time.process_time() - start < 20


def test_names_the_existing_scopes_where_none_is_similar(tmp_path: Path) -> None:
    scene = Scene()
    scene.policy = oci_policy(statement(registryScopes=[f"a.example/{name}" for name in "vwxyz"]))
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 13
    assert "its registryScopes are 'a.example/v', 'a.example/w', 'a.example/x' and 2 more" in ran.out
