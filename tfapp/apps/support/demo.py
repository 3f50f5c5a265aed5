"""The demo of `tfapp support`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tfapp.apps.support import output
from tfapp.core.terminal import console

if TYPE_CHECKING:
    from tfapp.apps.support.service import Support

__all__ = ["show_support"]

_CONVERSATION: Final = (
    "My screen stays black, what now?",
    "Which is the hottest planet?",
    "And the largest one?",
)
_UNKNOWN: Final = "When will my parcel with the red kettle arrive?"
_BETTER: Final = "Parcels arrive within three working days; the link in your mail says where yours is."
# Asked in other words.
_AGAIN: Final = "When does the parcel with my kettle arrive?"


def show_support(service: Support) -> None:
    """Builds a customer service from the chatterbot data and lets it answer, hand over, and learn."""
    screen = console()
    screen.rule("1. Build it from 2306 questions and answers")
    output.show_built(service.build("chatterbot", where={"language": "english"}), as_json=False)
    screen.rule("2. Ask, and go on asking")
    conversation = uuid4().hex
    with service.assistant() as assistant:
        for question in _CONVERSATION:
            output.show_reply(assistant.ask(question, conversation), as_json=False)
        screen.rule("3. What it does not know goes to a person, with a summary")
        handover = assistant.ask(_UNKNOWN)
        output.show_reply(handover, as_json=False)
    screen.rule("4. The person's answer becomes knowledge")
    service.correct(handover.turn, "better", better=_BETTER)
    output.show_lesson(service.learn(), as_json=False)
    with service.assistant() as assistant:
        output.show_reply(assistant.ask(_AGAIN), as_json=False)
    screen.rule("What next")
    screen.print(f'Ask more   tfapp support ask "..." --home {service.home}', soft_wrap=True)
    screen.print("Your own   tfapp support build FILE.csv, with the columns question and answer", soft_wrap=True)
