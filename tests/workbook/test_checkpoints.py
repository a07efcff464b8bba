"""Every checkpoint is itself checked: the reference and other right answers pass, stubs have not started, mistakes are caught."""

import os
from collections.abc import Iterator

import pytest

from workbook.course import Lesson, lessons
from workbook.grading import sandbox as checking
from workbook.grading.candidate import candidate
from workbook.grading.known import KnownAnswer, mistakes, other_answers
from workbook.grading.sandbox import Sandbox
from workbook.grading.verdict import State

LESSONS = list(lessons())
SEED = int(os.environ.get("CHECK_SEED", "20260101"))
"""For the mistakes: which of them is caught must not be a matter of luck. Right answers pass with any seed."""

MISTAKES = [
    pytest.param(lesson, known, id=f"{lesson.id}-{known.path.stem}") for lesson in LESSONS for known in mistakes(lesson)
]
ANSWERS = [
    pytest.param(lesson, known, id=f"{lesson.id}-{known.path.stem}")
    for lesson in LESSONS
    for known in other_answers(lesson)
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.id))
def test_the_reference_passes(sandbox: Sandbox, lesson: Lesson) -> None:
    master = sandbox.reference.notebooks[lesson]
    verdict = sandbox.check(candidate(lesson, master, master.exported))
    assert verdict.state is State.PASSED, verdict.text()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.id))
def test_the_untouched_stub_has_not_started(sandbox: Sandbox, lesson: Lesson) -> None:
    answer = candidate(lesson, sandbox.reference.notebooks[lesson], [])
    assert answer.is_untouched
    verdict = sandbox.check(answer)
    assert verdict.state is State.NOT_STARTED, verdict.text()
    passing = [outcome.test for outcome in verdict.outcomes if outcome.state is State.PASSED]
    assert not passing, "these tests pass without an answer, so they check nothing"


@pytest.mark.parametrize(("lesson", "known"), MISTAKES)
def test_every_mistake_fails_where_it_should(sandbox: Sandbox, lesson: Lesson, known: KnownAnswer) -> None:
    assert known.caught_by, f"{known.path.name}: say which test is meant to catch it, with `#| caught by: test_...`"
    assert set(known.caught_by) <= set(checking.tests_of(lesson)), (
        f"{known.path.name}: names a test that {lesson.checkpoint.name} does not have"
    )
    # In the order of a learner's check, as far as the test that is meant for it: what comes later changes nothing here.
    answer = known.candidate(lesson, sandbox.reference.notebooks[lesson])
    verdict = sandbox.check(answer, seed=SEED, until=frozenset(known.caught_by))
    failed = {outcome.test for outcome in verdict.outcomes if outcome.state is State.NOT_YET}
    assert failed & set(known.caught_by), (
        f"meant to be caught by {known.caught_by}; failed: {failed or 'nothing'}\n{verdict.text()}"
    )
    shown = next(outcome for outcome in verdict.outcomes if outcome.test in known.caught_by and outcome.test in failed)
    assert shown.expected, f"{shown.test} fails without saying what was expected"
    assert shown.came, f"{shown.test} fails without saying what came"
    assert "the process ended" not in shown.came, f"{shown.test} was not run: the checking process died"


@pytest.mark.parametrize(("lesson", "known"), ANSWERS)
def test_other_right_answers_pass(sandbox: Sandbox, lesson: Lesson, known: KnownAnswer) -> None:
    verdict = sandbox.check(known.candidate(lesson, sandbox.reference.notebooks[lesson]))
    assert verdict.state is State.PASSED, f"{known.path.name}: {verdict.text()}"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: str(lesson.id))
def test_every_lesson_has_another_right_answer(lesson: Lesson) -> None:
    assert list(other_answers(lesson)), f"add one to {lesson.answers}"
