"""What README and TEACHING say of times is so, and TEACHING has a section for each lesson."""

import re

import pytest

from chatkit.lab import number_of
from chatkit.lessons.engine.exercise import names
from tests.notebooks import reading
from tests.notebooks.reading import LESSONS, PAPERS, PLANS, course, plan, reckoned, times, title

README, TEACHING = (paper.read_text(encoding="utf-8") for paper in PAPERS)


def test_the_times_and_plans_are_those_of_the_lessons():
    for text in (README, TEACHING):
        assert reckoned(text) == text, "run python -m tests.notebooks.reading --write"
    assert course() in README
    assert len(reading.ROW.findall(README)) == len(LESSONS)
    assert times() in TEACHING
    assert all(plan(day) in TEACHING for day in PLANS.values())


def test_what_is_out_of_date_is_brought_up_to_date():
    stale = "a\n<!-- reckoned: times -->\n| old |\n<!-- end -->\nb <!-- end -->"
    fresh = f"a\n<!-- reckoned: times -->\n{times()}<!-- end -->\nb <!-- end -->"
    assert reckoned(stale) == fresh


def test_a_plan_goes_from_part_to_part(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "LESSONS", [])
    assert plan([("Welcome", 50), "00", ("Break", 15)]).splitlines()[2:] == [
        "| 9:00 | Welcome | 50 |",
        "| 9:50 | Break | 15 |",
        "| 10:05 | End | |",
    ]


def test_every_lesson_has_its_section_with_all_that_a_teacher_wants():
    sections = re.split(r"^## (?=\d\d[a-z]? · )", TEACHING, flags=re.MULTILINE)[1:]
    titles = [section.partition("\n")[0] for section in sections]
    assert [f"{number_of(lesson.name)} · {title(lesson)}" for lesson in LESSONS] == titles[
        : len(LESSONS)
    ]
    wanted = ("**They can, afterwards:**", "**On the projector:**", "**What people get wrong**")
    for section in sections:
        assert [part for part in (*wanted, "**Ask**") if section.count(part) != 1] == []


def test_the_exercises_that_are_spoken_of_are_there():
    spoken_of = set(re.findall(r"\((\d\d[a-z]?-\d)\)", TEACHING))
    assert spoken_of
    assert spoken_of <= set(names())
