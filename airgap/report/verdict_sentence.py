"""The verdict in words: what not to use, and why. It is the last line of a text, and all that `--quiet` leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, Self, TypeVar

from airgap.problem import Problem
from airgap.reasons import REASONS, severity
from airgap.report.artifact_names import ArtifactName, short
from airgap.report.finding_text import WORD, has_reservations, lower
from airgap.report.wording import count, sentences_of
from airgap.verdict import Ruling, Verdict, all_of, worst_first
from airgap.verifier.outcome import ArtifactOutcome, Outcome

_NAMES: Final = 3
_CAUSES: Final = 3
_CLOCK: Final = "clock.behind"


class RuledOutcome(NamedTuple):
    """An outcome with its verdicts, which take long to derive."""

    outcome: Outcome
    ruling: Ruling
    artifacts: tuple[tuple[ArtifactOutcome, Ruling], ...]

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """With the verdict of each artifact and of the whole."""
        same: dict[Ruling, Ruling] = {}
        found = (artifact.ruling for artifact in outcome.artifacts)
        rulings = [same.setdefault(ruling, ruling) for ruling in found]
        whole = all_of([*rulings, *outcome.problems])
        return cls(outcome, whole, tuple(zip(outcome.artifacts, rulings, strict=True)))

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many artifacts have each verdict."""
        return Counter(ruling.verdict for _, ruling in self.artifacts)

    @property
    def is_soft(self) -> bool:
        """Whether it passed, and some artifact only because the policy softens a check."""
        return self.ruling.verdict is Verdict.PASS and self.softened > 0

    @property
    def softened(self) -> int:
        """How many artifacts passed only because the policy softens a check."""
        return sum(has_reservations(artifact, ruling.verdict) for artifact, ruling in self.artifacts)


def headline(outcome: Outcome) -> str:
    """The verdict, what failed by name and cause, and all else that is no pass: that must not be taken for good."""
    word, rest = verdict_sentence(RuledOutcome.of(outcome))
    return f"{word}: {rest}"


def verdict_sentence(ruled: RuledOutcome) -> tuple[str, str]:
    """The same, the word apart."""
    outcome = ruled.outcome
    tally = ruled.verdicts
    clock = [warning.message for warning in outcome.warnings if warning.reason == _CLOCK]
    sentences = [*_failed(ruled), *_rest(ruled, tally)]
    if outcome.problems:
        sentences.insert(0, f"{'nothing was verified: ' if not tally else ''}{problem_sentence(outcome.problems)}")
    if clock and ruled.ruling.verdict is not Verdict.PASS:  # it may be the cause of all else
        sentences.insert(0, f"{clock[0]}.")
    if not sentences:
        sentences = ["nothing was verified."]
    return verdict_word(ruled), sentences_of(*sentences)


def verdict_word(ruled: RuledOutcome) -> str:
    """The verdict in a word or three."""
    return "PASS, WITH RESERVATIONS" if ruled.is_soft else WORD[ruled.ruling.verdict].upper()


def _failed(ruled: RuledOutcome) -> Iterator[str]:
    """What not to use, by cause: what failed, then what is unsure."""
    for verdict, yet in ((Verdict.FAIL, ""), (Verdict.INDETERMINATE, " yet")):
        found = ((artifact, ruling) for artifact, ruling in ruled.artifacts if ruling.verdict is verdict)
        for names, cause in by_cause(found, len(ruled.artifacts), ArtifactName.of_artifact):
            yield f"do not use {names}{yet}: {cause}."


class _JudgedItem(Protocol):
    @property
    def reference(self) -> str: ...
    @property
    def because(self) -> Sequence[Problem]: ...


T = TypeVar("T", bound=_JudgedItem)


def by_cause(
    judged: Iterable[tuple[T, Ruling]], total: int, name: Callable[[T], ArtifactName]
) -> Iterator[tuple[str, str]]:
    """The names of what is no pass, and why in few words; the most severe cause first, and few of them."""
    causes: dict[tuple[int, str], list[T]] = {}
    for item, ruling in judged:
        key = (severity(ruling.exit_code), _cause(item, ruling.exit_code))
        causes.setdefault(key, []).append(item)
    worst = sorted(causes.items(), key=lambda cause: cause[0][0])
    for (_, cause), found in worst[:_CAUSES]:
        yield _names(found, total, name), cause
    if more := sum(len(found) for _, found in worst[_CAUSES:]):
        yield f"{count(more, 'artifact')} more", "other causes"


def _cause(item: _JudgedItem, exit_code: int) -> str:
    """The meaning of the reason that makes the exit code."""
    reasons = (problem.reason for problem in item.because if problem.reason)
    reason = next((reason for reason in reasons if REASONS[reason].exit_code == exit_code), None)
    return lower(REASONS[reason].meaning) if reason else f"see {short(item.reference)}"


def _names(found: Sequence[T], total: int, name: Callable[[T], ArtifactName]) -> str:
    if len(found) == 1:
        return short(found[0].reference)
    if len(found) == total:
        return f"any of the {total} artifacts"
    names = [name(item).name for item in found[:_NAMES]]
    more = len(found) - len(names)
    return f"{', '.join(names)} and {more} more" if more else f"{', '.join(names[:-1])} and {names[-1]}"


def _rest(ruled: RuledOutcome, tally: Counter[Verdict]) -> Iterator[str]:
    good, skipped = tally[Verdict.PASS], tally[Verdict.SKIPPED]
    total = count(tally.total(), "artifact")
    them = "it" if skipped == 1 else "them"
    content = "signatures and content" if _content_checked(ruled.outcome) else "signatures"
    soft = ruled.softened
    if soft:
        seen = f"of {soft} of {total}" if tally.total() > 1 else "of its signature"
        yield f"the policy does not enforce every check {seen}; the notes say which."
    elif good and good + skipped == tally.total():
        yield f"{content} are good ({total if not skipped else f'{good} of {total}'})."
    elif good:
        is_, has = ("artifact is", "artifact has") if good == 1 else (f"{good} artifacts are", f"{good} artifacts have")
        yield f"the other {has} good signatures." if content == "signatures" else f"the other {is_} good."
    if skipped:
        yield f"the policy skips {count(skipped, 'artifact')}: NOTHING proves who made {them}."


def problem_sentence(problems: Sequence[Problem]) -> str:
    """The problem that decides, in few words; the lines before say all of it."""
    first, *others = worst_first(problems)
    text = lower(REASONS[first.reason].meaning.partition(";")[0]) if first.reason else first.message.removesuffix(".")
    where = [f"in {first.target}"] if first.target and first.reason else []
    if others:
        where.append(count(len(others), "more problem"))
    beside = f" ({'; '.join(where)})" if where else ""
    return f"{text}{beside}."


def _content_checked(outcome: Outcome) -> bool:
    return all(artifact.content is not None and artifact.content.mode == "all" for artifact in outcome.artifacts)
