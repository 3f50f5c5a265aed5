"""The state of the console: all applications, the feedback, uploaded files and trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfapp.apps.feedback.service import Feedback
from tfapp.apps.registry import APPLICATIONS
from tfapp.console.training_queue import TrainingQueue
from tfapp.console.uploads import Uploads
from tfapp.data.file_formats import SUFFIXES
from tfapp.web.app_state import AppState, has_files

__all__ = ["ConsoleState"]


class ConsoleState(AppState):
    """The state of the console's pages.

    Args:
        home: The folder with the applications' folders, by their names.
        database: URL of the feedback's database; None: a file in `feedback` in the folder.
        trainings: The queue of trainings; None: the one in `training/queue` in the folder.
        settings: As of `AppState`.

    Attributes:
        uploads: The data files that people uploaded.
        trainings: The queue of trainings.
    """

    def __init__(
        self, home: Path, *, database: str | None = None, trainings: TrainingQueue | None = None, **settings: Any
    ) -> None:
        super().__init__(home, [spec.pages() for spec in APPLICATIONS if spec.pages], **settings)
        self._database = database
        folder = home.absolute() / "training"
        self.uploads = Uploads(folder / "uploads", SUFFIXES)
        self.trainings = trainings or TrainingQueue(folder / "queue", clock=self.clock)

    def start(self) -> None:
        """Starts the servers, and looks after the trainings."""
        super().start()
        self.trainings.start()

    def close(self) -> None:
        """Ends work and servers, and closes databases; a training that runs goes on."""
        self.trainings.stop()
        super().close()

    @property
    def feedback(self) -> Feedback:
        """Returns the feedback, which is created where there is none."""
        folder = self.home / "feedback"
        return self.shared_session(
            "feedback",
            lambda: Feedback.open(folder, database=self._database, clock=self.clock),
            lambda feedback: feedback.store.close(),
        )

    @property
    def begun_feedback(self) -> Feedback | None:
        """Returns the feedback, if there is any: looking at the console makes no folder."""
        return self.feedback if self._database is not None or has_files(self.home / "feedback") else None
