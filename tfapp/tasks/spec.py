"""The definition of a task: the one object that all other layers are handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tfapp_client import contract

from tfapp.config.task_settings import CardWords
from tfapp.data.answer_format import AnswerFormat
from tfapp.tasks.playground import PlaygroundForm

if TYPE_CHECKING:
    import pyarrow as pa

    from tfapp.assets.sentence_encoder import SentenceEncoder
    from tfapp.config import DataSettings, Experiment, ModelSettings, TaskSettings, TrainingSettings
    from tfapp.data.proposals.data_sample import DataSample
    from tfapp.data.proposals.proposal import Proposal
    from tfapp.data.schemas import Schema
    from tfapp.evaluation import Evaluation
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm
    from tfapp.models import Preset
    from tfapp.training import TrainState
    from tfapp.training.evaluator import Evaluator

__all__ = ["CardWords", "TaskClasses", "TaskSpec"]

_ALL_OUTPUTS: Final = AnswerFormat()


class TaskClasses(NamedTuple):
    """The classes of a task that need TensorFlow.

    Attributes:
        models: The classes of its models by their kind, as `model.kind` names it.
        evaluator: The class of its evaluator.
        find_method: Returns what trains its models with given settings, as the `method` of `tfapp.training.train`; None
            for the methods of all tasks.
    """

    models: Mapping[str, type[Any]]
    evaluator: type[Evaluator]
    find_method: Callable[[TrainingSettings], Callable[..., TrainState] | None] = lambda _: None


@dataclass(frozen=True)
class TaskSpec:
    """A task: what its models take and answer, its settings, its data, and how it is trained and evaluated.

    What needs TensorFlow comes by functions, which import it when they are called.

    Attributes:
        contract: Its name, and the inputs and outputs of its models, as the client knows them; no outputs where its
            models are not served.
        settings: Its settings.
        schema: What the rows of its data are.
        classes: Returns the classes of its models, and that of its evaluator.
        evaluation: The class of its evaluations, as they are read back from runs.
        answer_format: Writes its models' answers beside the rows of a file, as JSON and as a table; by default all
            outputs as they are.
        card: What the model card says of it; None: its models are not served.
        make_preset: Makes the BERT that a model from scratch starts with, of its settings and of train; None: it has no
            such models.
        propose: Looks at a sample of a data file and returns the settings for it; None: it is not this task's.
        propose_named: Proposes settings, ways to train included, for a file that somebody says is this task's, or that
            no task takes for its own where this is the default task; None: the columns are those of the settings.
        suggest: Says in a few words what this task would make of a sample, beside the settings that were proposed for
            another one; None where it would make nothing of it.
        choose: Adds how a model reads, and the ways to train it, to a proposal that says what the data are. It is
            handed the shares of the splits, and the preset if that is a sentence encoder, else None. Without it
            the ways are the output layer alone and all weights, where the task can fit the first.
        playground: How the console asks a model about what somebody writes; None: by a text for each input, with the
            outputs as a table.
        preset_experiment: Returns the settings of a model that is a preset as it is, for `tfapp.api.export_preset`,
            which hands it the preset, overrides, and `name`; None: a preset alone does not answer.
        pretraining_experiment: Returns the settings of a pretraining, for `tfapp pretrain`, which hands it the file,
            overrides, and `name`, `preset` and `from_scratch`; None: the task pretrains nothing.
        onnx: Returns the ONNX form of its models, which needs the extra of that name; None: they have none.
        hugging_face: Returns the form of a model for Transformers or sentence-transformers, or raises an ExportError
            that says why it has none; None: no model of the task has one.
    """

    contract: contract.Task
    settings: TaskSettings
    schema: Schema
    classes: Callable[[], TaskClasses]
    evaluation: type[Evaluation]
    answer_format: AnswerFormat = _ALL_OUTPUTS
    card: CardWords | None = None
    make_preset: Callable[[ModelSettings, pa.Table], Preset] | None = None
    propose: Callable[[DataSample], Proposal | None] | None = None
    propose_named: Callable[[DataSample, SentenceEncoder | None], Proposal] | None = None
    suggest: Callable[[DataSample, Proposal], str | None] | None = None
    choose: Callable[[Proposal, DataSettings, SentenceEncoder | None], Proposal] | None = None
    playground: PlaygroundForm | None = None
    preset_experiment: Callable[..., Experiment] | None = None
    pretraining_experiment: Callable[..., Experiment] | None = None
    onnx: Callable[[], OnnxForm] | None = None
    hugging_face: Callable[[Any], StockModel] | None = None

    @property
    def name(self) -> str:
        """Returns its name in settings, in exported models and in the client's contract."""
        return self.contract.name

    def evaluator(self) -> Evaluator:
        """Returns an evaluator of its models."""
        return self.classes().evaluator()

    @property
    def classifies_texts(self) -> bool:
        """Returns whether `client.classify` reads the answers of its models, so that their texts can be labelled."""
        outputs = [tensor.name for tensor in self.contract.outputs if not tensor.optional]
        return contract.CLASSIFICATION.fits([tensor.name for tensor in self.contract.inputs], outputs)
