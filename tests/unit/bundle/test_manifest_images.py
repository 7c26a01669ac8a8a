"""The images that rendered Kubernetes and Compose files name, and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from airgap.bundle.manifest_images import images_in, whole_name
from airgap.errors import FormatError, UsageError
from airgap.parse.yaml import YamlList, YamlNode, YamlText, load_yaml


def found(text: str) -> dict[str, str]:
    return {item.reference: item.place for item in images_in(text.encode(), "app.yaml").images}


def suspected(text: str) -> list[str]:
    return [item.text for item in images_in(text.encode(), "app.yaml").suspicions]


CRON = """
apiVersion: v1
kind: List
items:
- apiVersion: batch/v1
  kind: CronJob
  spec:
    jobTemplate:
      spec:
        template:
          spec:
            initContainers: [{name: init, image: "registry.example/init:1"}]
            containers:
            - name: main
              image: registry.example/main@sha256:%s
            ephemeralContainers:
            - {image: debug:2}
            volumes:
            - name: model
              image: {reference: registry.example/model:3}
""" % ("a" * 64)


def test_every_place_of_a_pod() -> None:
    assert set(found(CRON)) == {
        "registry.example/init:1",
        f"registry.example/main@sha256:{'a' * 64}",
        "docker.io/library/debug:2",
        "registry.example/model:3",
    }
    assert found(CRON)["registry.example/init:1"] == "app.yaml:12"


def test_several_documents_and_resources_of_operators() -> None:
    text = """
apiVersion: v1
kind: Pod
spec: {containers: [{image: a.example/x:1}]}
---
---
apiVersion: argoproj.io/v1
kind: Workflow
spec: {templates: [{initContainers: [{image: a.example/y:1}]}]}
"""
    assert set(found(text)) == {"a.example/x:1", "a.example/y:1"}


COMPOSE = """
x-common: &common
  image: registry.example/base:1
  restart: always
services:
  web:
    <<: *common
    environment: {HELPER_IMAGE: "registry.example/helper:2"}
  own:
    <<: *common
    image: nginx
  made:
    build: .
"""


def test_compose_with_merges() -> None:
    assert set(found(COMPOSE)) == {"registry.example/base:1", "docker.io/library/nginx:latest"}
    notes = [item.note for item in images_in(COMPOSE.encode(), "c").images]
    assert [bool(note) for note in notes] == [True, False]
    assert set(suspected(COMPOSE)) == {"service made", "registry.example/helper:2"}


def test_what_only_looks_like_an_image_is_a_suspicion() -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata:
  annotations: {last: '{"image":"registry.example/main:1","other":"registry.example/other:2"}'}
spec:
  template:
    spec:
      containers:
      - image: registry.example/main:1
        args: [--reloader=quay.io/org/reloader:v1, --url=https://registry.example/not:1, --bind=0.0.0.0:80]
        env:
        - {name: SIDECAR_IMAGE, value: "proxy:3"}
        - {name: TIME, value: "12:30"}
  monitor: {image: registry.example/crd:4}
"""
    assert set(found(text)) == {"registry.example/main:1"}
    others = {"registry.example/other:2", "quay.io/org/reloader:v1", "proxy:3", "registry.example/crd:4"}
    assert set(suspected(text)) == others


@pytest.mark.parametrize(
    "image", ["$REGISTRY/app:1", "${REGISTRY}/app", "registry.example/{{ .Values.app }}", "No Name"]
)
def test_what_cannot_be_named_is_a_suspicion(image: str) -> None:
    text = f"kind: Pod\nspec: {{containers: [{{image: '{image}'}}]}}\n"
    assert (found(text), image in suspected(text)) == ({}, True)


def test_a_file_without_images_is_named() -> None:
    (item,) = images_in(b"kind: ConfigMap\ndata: {a: b}\n", "empty.yaml").suspicions
    assert (item.text, item.why) == ("empty.yaml", "no image was found in this file")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("team/app:v1", "docker.io/team/app:v1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("registry.example/a/b@sha256:" + "a" * 64, "registry.example/a/b@sha256:" + "a" * 64),
    ],
)
def test_whole_names(text: str, whole: str) -> None:
    assert whole_name(text) == whole


# --- the door ---


def plain(text: str) -> list[Any]:
    return [_plain(node) for node in load_yaml(text.encode(), what="x")]


def _plain(node: YamlNode) -> Any:
    if isinstance(node, YamlText):
        return node.text
    if isinstance(node, YamlList):
        return [_plain(item) for item in node.items]
    return {name: _plain(item) for name, item in node.members.items()}


def test_scalars_are_texts() -> None:
    assert plain("a: 1.10\nb: yes\nc: !!python/object:os.system x\nd: 2026-01-01\n") == [
        {"a": "1.10", "b": "yes", "c": "x", "d": "2026-01-01"}
    ]


def test_own_members_take_the_place_of_merged_ones() -> None:
    assert plain("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {x: 4, <<: [*a]}\n") == [
        {"a": {"x": "1", "y": "2"}, "b": {"x": "3", "y": "2"}, "c": {"x": "4", "y": "2"}}
    ]


LAUGHS = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
MERGES = (
    "m0: &m0 {"
    + ", ".join(f"k{n}: v" for n in range(1000))
    + "}\n"
    + "".join(f"n{n}: {{<<: *m0}}\n" for n in range(5000))
)


def test_aliases_share_what_they_name() -> None:
    """Nine to the power of forty texts, if they were copied."""
    assert images_in(f"kind: Pod\nspec: {{containers: [{{image: a.example/x:1}}]}}\n{LAUGHS}".encode(), "x").images


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2\n", "appears twice"),
        ("a: {b: 1, b: 2}\n", "appears twice"),
        ("a: *b\n", "names nothing"),
        ("a: &a [*a]\n", "names nothing"),
        ("? [1]\n: 2\n", "no text"),
        ("a: {<<: 1}\n", "is no object"),
        ("[" * 200 + "]" * 200, "deep"),
        (MERGES, "more than"),
        ("a: [\n", "line"),
        ("a: \x01\n", ""),
        ("{{ .Values.x }}: y\n", ""),
    ],
    ids=range(11),
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(FormatError) as caught:
        plain(text)
    assert says in str(caught.value)
    with pytest.raises(UsageError, match=r"x"):
        images_in(text.encode(), "x")
