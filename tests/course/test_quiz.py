"""The quiz: twelve good questions, the same in the widget, on a page and in QUIZ.md."""

from pathlib import Path

import pytest

from workbench import course
from workbench.course.lesson import lesson_text
from workbench.course.questions import QUESTIONS, Option, Question
from workbench.course.quiz_text import answer_lines, question_html, quiz_html, quiz_markdown, quiz_notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_there_are_twelve_whole_questions_on_twelve_topics():
    assert len(QUESTIONS) == len({q.topic for q in QUESTIONS}) == 12
    for question in QUESTIONS:
        texts = [option.text for option in question.options]
        assert 3 <= len(texts) == len(set(texts)) <= 5
        assert 0 <= question.right < len(texts)
        assert all(option.why.endswith(".") for option in question.options)
        assert max(map(len, texts)) <= 110, "it must fit beside a radio button"


def test_the_right_letter_is_no_habit():
    counts = [sum(q.right == i for q in QUESTIONS) for i in range(4)]
    assert min(counts) >= 2
    assert max(counts) <= 4


def test_the_longest_option_is_not_always_the_right_one():
    longest = [max(range(len(q.options)), key=lambda i, q=q: len(q.options[i].text)) == q.right for q in QUESTIONS]
    assert sum(longest) <= 6


def test_quiz_md_is_in_step_with_the_questions():
    """`make exercises` writes it."""
    assert (NOTEBOOKS / "QUIZ.md").read_text(encoding="utf-8") == quiz_markdown()
    assert (NOTEBOOKS / "QUIZ.ipynb").read_text(encoding="utf-8") == lesson_text(quiz_notebook())


def test_answers_start_with_the_right_one():
    assert answer_lines(QUESTIONS[0])[0].startswith("b is right: ")
    assert all(" is wrong: " in line for line in answer_lines(QUESTIONS[0])[1:])


def test_a_click_is_answered_and_counted():
    quiz = course.quiz()
    assert quiz.score == 0
    for number, question in enumerate(QUESTIONS, 1):
        quiz.choices[number].index = (question.right + 1) % len(question.options)
        assert "Not yet" in quiz.replies[number].value
    assert quiz.score == 0
    for number, question in enumerate(QUESTIONS, 1):
        quiz.choices[number].index = question.right
        assert "Right" in quiz.replies[number].value
    assert quiz.score == 12
    assert quiz.errors == []


def test_one_question_alone():
    assert list(course.quiz(3).choices) == [3]
    with pytest.raises(ValueError, match="n: expected an integer >= 1 and <= 12, got 13"):
        course.quiz(13)


def test_without_widgets_the_questions_are_there_and_the_answers_folded():
    bundle = course.quiz(2)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].index("<details>") > bundle["text/html"].index(QUESTIONS[1].options[3].text)
    assert quiz_html().count("<details>") == 12


def test_text_is_escaped():
    question = Question("a<b", "is a < b?", 0, (Option("<b>", "<i>."),))
    html = question_html(1, question)
    assert "<b>1. is a &lt; b?" in html
    assert "&lt;i&gt;" in html
