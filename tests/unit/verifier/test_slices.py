"""Slices of one layout, judged by several workers, make the report that one process makes, or an error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import airgap
import airgap.report
from airgap import limits
from airgap.errors import UsageError, WorkerError
from airgap.verifier import slices
from airgap.verifier.crossing import pack, unpack
from airgap.verifier.slices import Answer, Slice, judge_slice
from tests.support.command import run_here
from tests.support.many import many_images, report_of
from tests.support.scenario import Written

ROOT = Path(__file__).resolve().parents[3]


class HereExecutor(Executor):
    """Runs everything at once, as a worker would; `spoil` changes the answers before they are given."""

    def __init__(self, spoil: Callable[[list[Answer]], None] = lambda _: None) -> None:
        self._spoil = spoil
        self.asked: list[tuple[Slice, bytes]] = []
        self._given: list[Answer] = []

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        unit, kit = arguments
        unit, kit = unpack(pack(unit)), bytes(kit)
        self.asked.append((unit, kit))
        return _Late(self, len(self.asked) - 1)

    def answers(self) -> list[Answer]:
        if new := [judge_slice(*each) for each in self.asked[len(self._given) :]]:
            self._spoil(new)
            self._given += new
        return self._given


class _Late(Future[Any]):
    def __init__(self, executor: HereExecutor, number: int) -> None:
        super().__init__()
        self._executor, self._number = executor, number

    def result(self, timeout: float | None = None) -> Any:
        return self._executor.answers()[self._number]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """A worker keeps its layout open; here it would hold the temporary folder."""
    yield
    slices._kept.forget(slices._kept._name)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return many_images(tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="module")
def alone(many: Written, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The report of one process."""
    return report_of(many, tmp_path_factory.mktemp("alone") / "report.json")


def test_says_the_same_in_two_processes(many: Written, alone: bytes, tmp_path: Path) -> None:
    assert b"signature.none" in alone
    assert b"content.missing" in alone
    assert report_of(many, tmp_path / "report.json", jobs=2) == alone


@pytest.mark.parametrize("several", [False, True])
def test_says_how_many_are_judged(many: Written, several: bool) -> None:
    request = airgap.VerifyRequest(
        targets=[f"oci:{many.layout}", f"oci:{many.layout}:v1"], at=many.at, clock=many.at, scope=many.scope
    )
    told: list[tuple[int, int]] = []
    executor = HereExecutor() if several else None
    outcome = airgap.verify(
        request, many.trust, executor=executor, progress=lambda judged, known: told.append((judged, known))
    )
    total = len(outcome.artifacts)
    assert told[-1] == (total, total)
    assert [judged for judged, _ in told] == sorted({judged for judged, _ in told})
    assert all(judged <= known <= total for judged, known in told)


@pytest.mark.parametrize("more", [[], ["-q"], ["--jobs", "2"]])
def test_command_says_it_every_few_seconds(many: Written, monkeypatch: pytest.MonkeyPatch, more: list[str]) -> None:
    monkeypatch.setattr("airgap.cli.workers._LINE_SECONDS", 0.0)
    ran = run_here(["verify", f"oci:{many.layout}", *many.arguments()[2:], *more])
    assert bool(re.search(r"judged \d+ of \d+ artifacts\n", ran.err)) is (more != ["-q"])


def test_says_the_same_through_an_executor_of_processes(many: Written, alone: bytes, tmp_path: Path) -> None:
    """It raised TypeError, outside of our errors: what it submitted could not be pickled."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert report_of(many, tmp_path / "report.json", executor=executor) == alone


def test_says_the_same_of_a_tar(tmp_path: Path) -> None:
    written = many_images(tmp_path, 80, archive=True)
    alone = report_of(written, tmp_path / "alone.json")
    assert report_of(written, tmp_path / "several.json", executor=HereExecutor()) == alone
    assert report_of(written, tmp_path / "jobs.json", jobs=3) == alone


def test_sends_the_evidence_and_reads_no_trust_directory(many: Written, alone: bytes, tmp_path: Path) -> None:
    """A worker with a trust directory of its own at this path would judge by other CRLs and other stores."""
    away = many.trust.with_name("away")

    class Elsewhere(HereExecutor):
        def answers(self) -> list[Answer]:
            many.trust.rename(away)
            try:
                return super().answers()
            finally:
                away.rename(many.trust)

    executor = Elsewhere()
    assert report_of(many, tmp_path / "report.json", executor=executor) == alone
    assert len({kit for _, kit in executor.asked}) == 1


def _reverse(answers: list[Answer]) -> None:
    answers.reverse()


def _repeat(answers: list[Answer]) -> None:
    answers[1] = answers[0]


def _renumber(answers: list[Answer]) -> None:
    answers[1] = answers[0]._replace(number=1)


def _shorten(answers: list[Answer]) -> None:
    judged = unpack(answers[0].outcomes)
    answers[0] = answers[0]._replace(outcomes=pack(judged._replace(outcomes=judged.outcomes[:-1])))


def _swap(answers: list[Answer]) -> None:
    judged = unpack(answers[0].outcomes)
    answers[0] = answers[0]._replace(outcomes=pack(judged._replace(outcomes=judged.outcomes[::-1])))


def _move(answers: list[Answer]) -> None:
    judged = unpack(answers[0].outcomes)
    moved = tuple(replace(outcome, path="/elsewhere") for outcome in judged.outcomes)
    answers[0] = answers[0]._replace(outcomes=pack(judged._replace(outcomes=moved)))


def _rename_kit(answers: list[Answer]) -> None:
    answers[0] = answers[0]._replace(kit="another run")


@pytest.mark.parametrize("spoil", [_reverse, _repeat, _renumber, _shorten, _swap, _move, _rename_kit])
def test_refuses_answers_about_anything_else(
    many: Written, tmp_path: Path, spoil: Callable[[list[Answer]], None]
) -> None:
    with pytest.raises(WorkerError, match="not about the artifacts"):
        report_of(many, tmp_path / "report.json", executor=HereExecutor(spoil))


def test_refuses_workers_that_fail(many: Written, tmp_path: Path) -> None:
    class Broken(HereExecutor):
        def answers(self) -> list[Answer]:
            raise ConnectionResetError("gone")

    with pytest.raises(WorkerError, match=r"did not answer.*ConnectionResetError: gone"):
        report_of(many, tmp_path / "report.json", executor=Broken())


class _Failing(Executor):
    """Its first answer is an error, and the others never come."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if not self.futures:
            future.set_exception(self.error)
        self.futures.append(future)
        return future


class _FailingSharing(_Failing):
    def share(self, value: bytes) -> bytes:
        return value


@pytest.mark.parametrize(
    ("executor", "cancelled"),
    [
        (_Failing(ConnectionResetError("gone")), True),
        (_Failing(BrokenExecutor("a process died")), False),
        (_FailingSharing(ConnectionResetError("gone")), False),
    ],
)
def test_cancels_only_what_no_executor_is_ending(
    many: Written, tmp_path: Path, executor: _Failing, cancelled: bool
) -> None:
    """Dask wrote a traceback where the error of a dead worker met a future that was cancelled here."""
    with pytest.raises(WorkerError, match="did not answer"):
        report_of(many, tmp_path / "report.json", executor=executor)
    assert {future.cancelled() for future in executor.futures[1:]} == {cancelled}


@pytest.mark.parametrize("change", ["rewritten", "gone", "other"])
def test_refuses_a_worker_that_finds_another_layout(tmp_path: Path, change: str) -> None:
    written = many_images(tmp_path, 20)
    index = written.layout / "index.json"

    class Elsewhere(HereExecutor):
        def answers(self) -> list[Answer]:
            if change == "gone":
                if written.layout.exists():
                    written.layout.rename(tmp_path / "away")
            else:
                data = index.read_bytes()
                index.unlink()
                index.write_bytes(data if change == "rewritten" else data.replace(b'"v2"', b'"v3"'))
            return super().answers()

    with pytest.raises(WorkerError, match=r"cannot judge .*: (it cannot open it there|what it finds)"):
        report_of(written, tmp_path / "report.json", executor=Elsewhere())


def test_refuses_a_worker_of_another_version(many: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Older(HereExecutor):
        def answers(self) -> list[Answer]:
            monkeypatch.setattr(airgap, "__version__", "0.0.1")
            return super().answers()

    with pytest.raises(WorkerError, match=r"it has airgap 0\.0\.1, and is asked by"):
        report_of(many, tmp_path / "report.json", executor=Older())


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_counts_the_bound_of_a_layout_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Each worker counts what it meets; together they may not meet more than one process, nor report less."""
    written = many_images(tmp_path, 40)
    spent: list[int] = []
    original = slices._together

    def remember(opened: Any, *arguments: Any) -> Any:
        spent.append(sum(unpack(answer.outcomes).spent for answer in arguments[-1]))
        return original(opened, *arguments)

    monkeypatch.setattr(slices, "_together", remember)
    report_of(written, tmp_path / "all.json", executor=HereExecutor())
    slices._kept.forget(slices._kept._name)
    monkeypatch.setattr(limits, "GRAPH_REACHED", int(spent[0] * share))
    alone = report_of(written, tmp_path / "alone.json")
    assert report_of(written, tmp_path / "several.json", executor=HereExecutor()) == alone
    assert (b"more than" in alone) is (share < 0.5)  # the sum of several is larger


def test_takes_the_artifacts_of_several_layouts(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    first, second = many_images(tmp_path / "first", 30), many_images(tmp_path / "second", 70, archive=True)
    request = airgap.VerifyRequest(
        targets=[f"oci:{first.layout}", f"oci-archive:{second.layout}:v1", f"oci-archive:{second.layout}", "oci:gone"],
        at=first.at,
        clock=first.at,
        scope=first.scope,
    )
    alone = airgap.verify(request, first.trust)
    assert airgap.verify(request, first.trust, executor=HereExecutor()) == alone
    assert airgap.verify(request, first.trust, jobs=2) == alone


def test_rechecks_a_report_in_slices(many: Written, alone: bytes, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_bytes(alone)
    request = airgap.RecheckRequest(sources=[str(report), f"oci:{many.layout}"], at=many.at, clock=many.at)
    executor = HereExecutor()
    before, after = airgap.recheck(request, many.trust), airgap.recheck(request, many.trust, executor=executor)
    assert executor.asked
    assert list(airgap.report.RecheckReport(after).pieces()) == list(airgap.report.RecheckReport(before).pieces())


def test_refuses_plugins_in_other_processes(many: Written) -> None:
    plugins: Any = object()
    request = airgap.VerifyRequest(targets=[str(many.layout)], at=many.at, clock=many.at, plugins=plugins)
    with pytest.raises(UsageError, match="run by one process"):
        airgap.verify(request, many.trust, jobs=2)


def run(many: Written, patch: str, *more: str) -> subprocess.Popen[str]:
    """The command with two processes, in a session of its own; `patch` is what each does in place of judging."""
    code = (
        "import os, sys, time, signal; [signal.signal(number, signal.SIG_DFL) for number in (1, 2, 15)]\n"
        f"from airgap.verifier import slices\ndef judged(self, artifacts):\n    {patch}\n"
        "slices.OpenedLayout.judged = judged\n"
        "from airgap.__main__ import main; sys.argv[0] = 'airgap'; main()"
    )
    arguments = [f"oci:{many.layout}", "--trust", str(many.trust), "--scope", str(many.scope), "--jobs", "2", *more]
    return subprocess.Popen(
        [sys.executable, "-c", code, "verify", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not forked, and lack the patch")


@linux
def test_says_that_a_process_died(many: Written) -> None:
    process = run(many, "os.kill(os.getpid(), 9)")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert "a worker did not answer, so that not every artifact was judged" in err
    assert "Traceback" not in err


@linux
@pytest.mark.parametrize(("number", "everyone"), [(2, True), (15, False), (9, False)])
def test_leaves_no_process_behind(many: Written, tmp_path: Path, number: int, everyone: bool) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    process = run(many, f"open(f'{begun}/{{os.getpid()}}', 'w').close(); time.sleep(600)")
    try:
        children = _wait(lambda: found if len(found := list(begun.iterdir())) == 2 else None)
        (os.killpg if everyone else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, "Traceback" in err) == (-9 if number == 9 else 130, "", False), err
        _wait(lambda: not any(Path(f"/proc/{child.name}").exists() for child in children))
    finally:
        process.kill()


def _wait(find: Callable[[], Any]) -> Any:
    import time

    for _ in range(600):
        if found := find():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came")
