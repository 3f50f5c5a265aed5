from __future__ import annotations

import html
import re

from tests.console.test_pages import text_of
from tests.console_site import Site
from tfapp.apps.support.pages import SUPPORT


def turn_of(page: str) -> str:
    """The last turn on a page of the chat."""
    return re.findall(r'id="turn-(\w+)"', page)[-1]


def test_an_answer_comes_with_its_sources(site: Site) -> None:
    page = text_of(site.post("/support/chat/a", {"question": "How do I send shoes back?"}).text)
    assert "Print the return label and hand the parcel in at any post office." in page
    assert "“How do I send shoes back?” faq.csv, line 2; cosine 1.00" in page
    assert "“How do I send shoes back?”" in text_of(site.get("/support/chat/a").text)
    assert "How do I send" not in text_of(site.get("/support/chat/another").text)


def test_a_conversation_may_be_called_anything(site: Site) -> None:
    session = site.state.session(SUPPORT)
    assert session is not None
    reply = session.assistant().ask("Zebra stripes?", "a/b c?<d>")
    queue = site.get("/support/handovers").text
    (link,) = re.findall(r'href="(/support/chat/a/b[^"]*)"', queue)
    assert f'id="turn-{reply.turn}"' in site.get(html.unescape(link)).text


def test_what_a_person_says_of_an_answer_is_kept(site: Site) -> None:
    session = site.state.session(SUPPORT)
    assert session is not None
    count = session.corrections.unlearnt_count()
    page = site.post("/support/chat/b", {"question": "Which cards do you take?"}).text
    answer = site.post(f"/support/turn/{turn_of(page)}", {"verdict": "wrong", "conversation": "b"})
    assert str(answer.url).endswith("/support/chat/b")
    assert "Marked wrong" in text_of(answer.text)
    assert "Choose Learn now on the Knowledge page to use it." in text_of(answer.text)
    assert "Choose Learn now" not in text_of(site.get("/support/chat/b").text)
    assert session.corrections.unlearnt_count() == count + 1


def test_a_hand_over_is_answered_by_a_person_and_learnt(site: Site) -> None:
    session = site.state.session(SUPPORT)
    assert session is not None
    page = site.post("/support/chat/d", {"question": "Do zebras sleep at night?"}).text
    assert "handed over to a person" in text_of(page)
    turn = turn_of(page)
    queue = text_of(site.get("/support/handovers").text)
    assert "Do zebras sleep at night?" in queue
    assert "Why nothing known is near enough" in queue
    site.post(f"/support/turn/{turn}", {"verdict": "better", "better": "They do, standing."})
    assert "Do zebras sleep" not in text_of(site.get("/support/handovers").text)
    assert "A colleague: They do, standing." in text_of(site.get("/support/chat/d").text)
    (grade,) = [row for row in session.corrections.relevance_grades() if row[0].startswith("Do zebras")]
    assert grade[1:] == ("They do, standing.", 1)


def test_the_second_to_answer_a_hand_over_sees_the_first_answer_and_keeps_theirs(site: Site) -> None:
    turn = turn_of(site.post("/support/chat/e", {"question": "Do owls <b>sleep</b> at noon?"}).text)
    site.post(f"/support/turn/{turn}", {"verdict": "better", "better": "They <i>do</i>."})
    form = {"verdict": "better", "better": "Owls\n</textarea> sleep.", "intent": "owls"}
    first_answer = site.post(f"/support/turn/{turn}", form)
    assert first_answer.status_code == 409
    assert "Somebody else answered first, just now." in text_of(first_answer.text)
    assert "Their answer: They <i>do</i>." in text_of(first_answer.text)
    assert "Owls\n&lt;/textarea&gt; sleep.</textarea>" in first_answer.text
    assert 'value="owls"' in first_answer.text
    assert "A colleague: They <i>do</i>." in text_of(site.get("/support/chat/e").text)
    (correction,) = re.findall(r'name="replaces" value="(\w+)"', first_answer.text)
    second_answer = site.post(f"/support/turn/{turn}", {**form, "replaces": correction})
    assert (second_answer.status_code, "Saved." in text_of(second_answer.text)) == (200, True)
    assert "A colleague: Owls </textarea> sleep." in text_of(site.get("/support/chat/e").text)


def test_hand_overs_and_corrections_are_counted(site: Site) -> None:
    page = text_of(site.get("/support/knowledge").text)
    assert "Texts 10 embedded by minilm-l6/1" in page
    assert "Question-answer pairs 7" in page
