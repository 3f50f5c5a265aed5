"""A customer service in a folder: connects its knowledge with the models that it trains, exports and asks.

service = Support.open("support")
service.build("chatterbot", where={"language": "english"})
with service.assistant() as assistant:
    assistant.ask("What is AI?").text
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfapp_client import Client

from tfapp.apps.shared.application import Application
from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.embedding_model import EmbeddingModel
from tfapp.apps.shared.ingest import IngestResult
from tfapp.apps.shared.record_reader import Record, read_records
from tfapp.apps.shared.vector_index import open_index
from tfapp.apps.support.assistant import Assistant
from tfapp.apps.support.conversation_log import ConversationLog
from tfapp.apps.support.corpus import Corpus
from tfapp.apps.support.corrections import Corrections, CorrectionVerdict, LearningResult
from tfapp.apps.support.intent_model import IntentModel, intent_experiment
from tfapp.apps.support.knowledge import Knowledge
from tfapp.apps.support.qa_pairs import QAColumns, read_qa_pairs
from tfapp.apps.support.retrieval import Retriever
from tfapp.apps.support.settings import SupportSettings
from tfapp.apps.support.slots import check_template
from tfapp.apps.support.word_index import WordIndex
from tfapp.config import DataSettings
from tfapp.core.files import write_json_lines
from tfapp.core.progress import track
from tfapp.data import resolve
from tfapp.errors import DataError, TrainingError

__all__ = ["BuildResult", "LearningSummary", "Support"]


@dataclass(frozen=True)
class BuildResult:
    """The outcome of a build.

    Attributes:
        addition: What the file brought.
        embedded: Texts that were embedded; the others were already embedded.
        indexed: Vectors that the index took in.
        texts: All texts that are known.
        intent_model: What became of it, in words.
    """

    addition: IngestResult
    embedded: int
    indexed: int
    texts: int
    intent_model: str


@dataclass(frozen=True)
class LearningSummary:
    """The outcome of learning from corrections."""

    lesson: LearningResult
    embedded: int
    intent_model: str


@dataclass(frozen=True)
class Support(Application[SupportSettings]):
    """A customer service."""

    kind = SupportSettings
    folder = "support"

    @property
    def knowledge(self) -> Knowledge:
        """Returns the knowledge."""
        return Knowledge(self.store, self.clock)

    def build(
        self,
        source: str,
        *,
        columns: Mapping[str, str] | None = None,
        where: Mapping[str, str] | None = None,
        answers: Path | None = None,
        encoding: str = "utf-8",
        quiet: bool = False,
    ) -> BuildResult:
        """Ingests a file and brings models and index up to date; known pairs stay as they are.

        Args:
            source: A csv, tsv or jsonl file, or a data set's name.
            columns: Its columns by what they hold: question, answer, intent; conversation and speaker.
            where: Rows without these values are left out, and not counted.
            answers: A csv or jsonl file with the columns intent and answer.
            encoding: The files' encoding.
            quiet: Show no progress.

        Returns:
            The result.

        Raises:
            TfappError: File, settings, database, training or model server; says which, and what to do. A build that
                failed or was killed is gone on with by the same call.
        """
        pair_columns = QAColumns(columns or {}, where or {}, self.settings.agents)
        path = resolve(source, DataSettings(train=source)).path
        templates = _templates(answers, encoding) if answers else {}
        self.keep_settings()
        with self.show_progress(f"Reading {source}", "rows", quiet=quiet) as advance:
            rows = read_qa_pairs(read_records(path, encoding=encoding), pair_columns, source=source)
            addition = self.knowledge.add(source, track(rows, advance))
        self.knowledge.set_answers(templates)
        intent_model = self._train_intents(quiet=quiet)
        vector_count, index_count = self._embed(quiet=quiet)
        return BuildResult(addition, vector_count, index_count, self.knowledge.counts()["texts"], intent_model)

    def correct(
        self,
        turn: str,
        verdict: CorrectionVerdict,
        *,
        better: str | None = None,
        intent: str | None = None,
        replaces: str | None = None,
    ) -> str:
        """Stores a correction, as `tfapp.apps.support.corrections.Corrections.give` does."""
        corrections = Corrections(self.store, self.clock)
        return corrections.give(turn, verdict, better=better, intent=intent, replaces=replaces)

    def learn(self, *, quiet: bool = False) -> LearningSummary:
        """Makes knowledge and training data of the corrections since the last time.

        `training/ranking.jsonl` in the folder is what `tfapp train` reads for `task = "ranking"`.

        Raises:
            TfappError: As of `build`.
        """
        corrections = Corrections(self.store, self.clock)
        result = corrections.learn()
        self._write_grades(corrections.relevance_grades())
        intent_model = self._train_intents(quiet=quiet)
        vector_count, _ = self._embed(quiet=quiet)
        return LearningSummary(result, vector_count, intent_model)

    @contextmanager
    def assistant(self) -> Iterator[Assistant]:
        """Yields the assistant.

        Raises:
            DataError: Nothing was built yet.
            ServerError: The model server cannot be started.
        """
        identity = self.knowledge.vectors.embedder()
        if identity is None:
            raise DataError(f"{self.home}: nothing is known yet; `tfapp support build FILE --home {self.home}` first")
        with self.models.client() as client:
            yield self.assistant_on(client, identity)

    def assistant_on(self, client: Client, identity: str) -> Assistant:
        """Returns the assistant on a client, with the vectors of an embedder named as NAME/VERSION."""
        return Assistant(
            self.retriever(client, identity),
            client,
            ConversationLog(self.store, self.clock),
            self.settings,
            answers=self.knowledge.answers(),
            classifies=IntentModel(self.store, self.clock, self.settings).exists(),
        )

    def retriever(self, client: Client, identity: str) -> Retriever:
        """Returns the retriever over all that is known."""
        corpus = Corpus.read(self.store)
        index, _ = open_index(self.home, self.knowledge.vectors, identity)
        words = WordIndex(list(corpus.texts.items()))
        embedder = EmbeddingClient.of_identity(client, identity)
        return Retriever(corpus, vectors=index, words=words, embedder=embedder, settings=self.settings)

    def _write_grades(self, grades: Sequence[tuple[str, str, int]]) -> None:
        rows = ({"query": question, "candidate": answer, "label": grade} for question, answer, grade in grades)
        write_json_lines(self.home / "training" / "ranking.jsonl", rows)

    def _embed(self, *, quiet: bool) -> tuple[int, int]:
        """Embeds new texts, and returns how many, and how many vectors the index added."""
        name, preset = self.settings.embedder, self.settings.embedder_preset
        embedder = EmbeddingModel(self.models, name, preset, self.wait, show_progress=self.show_progress)
        identity, vector_count = embedder.embed_missing(self.knowledge.vectors, quiet=quiet)
        _, index_count = open_index(self.home, self.knowledge.vectors, identity)
        return vector_count, index_count

    def _train_intents(self, *, quiet: bool) -> str:
        """Trains and exports the intent model if there are new questions with intents, and returns a line on it."""
        model = IntentModel(self.store, self.clock, self.settings)
        questions = self.knowledge.labelled_questions()
        reason = model.reason_to_train(questions)
        if not reason.train:
            return reason.why
        try:
            experiment = intent_experiment(
                self.settings, questions, self.home / "training" / self.settings.intent_model
            )
            version, score = self.models.train(experiment, runs=self.home / "runs", of="questions", quiet=quiet)
        except (DataError, TrainingError) as error:
            return f"not trained: {error}"
        model.keep(version, questions=len(questions), intents=len({name for _, name in questions}))
        return f"version {version}, {score}"


def _templates(file: Path, encoding: str) -> dict[str, str]:
    """Reads intents' answers from a file, of which every row must be good."""
    answers_by_intent: dict[str, str] = {}
    for row in read_records(file, encoding=encoding):
        values = row.values if isinstance(row, Record) else {}
        intent, answer = values.get("intent"), values.get("answer")
        if not (isinstance(intent, str) and intent and isinstance(answer, str) and answer):
            reason = "needs an intent and an answer" if isinstance(row, Record) else row.reason
            raise DataError(f"{file}, line {row.line}: {reason}; mend the row")
        check_template(intent, answer)
        answers_by_intent[intent] = answer
    return answers_by_intent
