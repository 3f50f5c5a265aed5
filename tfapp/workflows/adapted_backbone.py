"""A backbone in memory once, and many adapters on it that take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfapp.core.rows import Row, check_rows
from tfapp.errors import ModelError, did_you_mean
from tfapp.models import BertModel, load_preset
from tfapp.models.adapters import AdapterFile, adapter_class, backbone_fingerprint, kernels_by_name
from tfapp.models.backbones import kernel_rows
from tfapp.models.heads import backbone_config
from tfapp.tasks.models import build_on_backbone
from tfapp.tasks.registry import find_task
from tfapp.workflows.predict import Predictor, graph_of

__all__ = ["AdaptedBackbone"]


@dataclass(frozen=True)
class _LoadedAdapter:
    """An adapter's weights, and the predictor that answers by them while they are merged into the backbone."""

    file: AdapterFile
    predictor: Predictor


class AdaptedBackbone:
    """A pretrained backbone in memory once, and any number of adapters on it, of which one is active.

    An adapter takes the memory of its own weights and its output layer. A switch computes the kernels anew that the
    adapter before or the next one changes; the answers are those of the run that the adapter is from. One thread may
    use it at a time.

        backbone = tfapp.AdaptedBackbone("minilm-l6")
        backbone.load("topics", "topics.safetensors")
        backbone.load("urgency", "urgency.safetensors")
        backbone.switch("urgency")
        backbone.predict(["The server room is on fire."])["label"]

    Args:
        preset: The preset that the adapters were trained on, as `model.preset`.

    Attributes:
        active: The name of the adapter that answers; None: none does yet.

    Raises:
        ModelError: There is no such preset.
    """

    def __init__(self, preset: str) -> None:
        self.active: str | None = None
        self._preset = load_preset(preset)
        self._backbone = self._preset.backbone()
        # Where it cuts has no part in the fingerprints.
        preprocessor = self._preset.preprocessor(2)
        self._fingerprints = {
            pooler: backbone_fingerprint(self._backbone, preprocessor, pooler=pooler) for pooler in (False, True)
        }
        self._kernels: dict[str, Any] = kernels_by_name(self._backbone)
        self._initial: dict[str, np.ndarray] = {}
        self._adapters: dict[str, _LoadedAdapter] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of the adapters, in the order in which they were loaded."""
        return tuple(self._adapters)

    def load(self, name: str, file: str | Path) -> None:
        """Loads an adapter that `Run.save_adapter` wrote, under a name of its own; the active one stays active.

        Raises:
            ModelError: The file is no adapter, it was trained on another backbone, or the name is taken.
        """
        if name in self._adapters:
            raise ModelError(f"there is an adapter {name!r} already; choose another name, or unload it first")
        path = Path(file)
        adapter = AdapterFile.load(path)
        try:
            model = self._build_model(path, adapter)
            self._check_kernels(adapter)
            answer_format = find_task(model.task.name).answer_format
            predictor = Predictor(
                path, str(path), model.labels, graph_of(model), model.inputs, answer_format=answer_format
            )
            # The graph, which the first answer builds, reads the rest of what the file says of the model.
            predictor([])
        except ModelError:
            raise
        # What a file says of its model may be anything, and so may be the errors of what is built by it.
        except Exception as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ModelError(f"{path}: the adapter is damaged ({reason}); write it with run.save_adapter") from error
        self._adapters[name] = _LoadedAdapter(adapter, predictor)

    def unload(self, name: str) -> None:
        """Forgets an adapter; where it is the active one, none is active any more.

        Raises:
            ModelError: There is none of this name.
        """
        adapter = self._find(name)
        if self.active == name:
            self._restore(adapter.file)
            self.active = None
        del self._adapters[name]

    def switch(self, name: str) -> None:
        """Makes an adapter the active one.

        Raises:
            ModelError: There is none of this name.
        """
        adapter = self._find(name)
        if name == self.active:
            return
        if self.active is not None:
            self._restore(self._adapters[self.active].file)
        self._apply(adapter.file)
        self.active = name

    def predict(self, texts: Sequence[Row]) -> dict[str, np.ndarray]:
        """Answers texts by the active adapter, as `Run.predict`.

        Raises:
            ModelError: None is active.
            SettingsError: A row has another form than the adapter's task reads.
        """
        if self.active is None:
            raise ModelError(f"no adapter is active; load one, then switch to it; loaded: {self._listing()}")
        predictor = self._adapters[self.active].predictor
        return predictor(check_rows(texts, predictor.inputs))

    def _find(self, name: str) -> _LoadedAdapter:
        if name not in self._adapters:
            hint = did_you_mean(name, self._adapters)
            raise ModelError(f"there is no adapter {name!r}{hint}; loaded: {self._listing()}")
        return self._adapters[name]

    def _listing(self) -> str:
        return ", ".join(self._adapters) or "none"

    def _build_model(self, path: Path, adapter: AdapterFile) -> BertModel:
        begin = f"{path}: the adapter does not fit {self._preset.name}: it was trained on {adapter.model.get('preset')}"
        sizes = adapter.model.get("config", {}).get("backbone", {})
        own = backbone_config(self._backbone)
        # Only trainings drop anything.
        other = next((name for name in own if name != "dropout" and sizes.get(name) != own[name]), None)
        if other:
            raise ModelError(f"{begin} with {other} {sizes.get(other)}, this one has {own[other]}")
        preprocessor = self._preset.preprocessor(int(adapter.model["preprocessor"]["max_length"]))
        description = (str(adapter.model["task"]), str(adapter.model["kind"]), dict(adapter.model["config"]))
        model = build_on_backbone(*description, self._backbone, preprocessor)
        fingerprint = self._fingerprints[model.reads_pooler]
        if adapter.fingerprint != fingerprint:
            raise ModelError(
                f"{begin} with other weights or another vocabulary (fingerprint {adapter.fingerprint[:8]}, "
                f"this one has {fingerprint[:8]}); load it on the preset as it was then"
            )
        model.check_length(preprocessor.max_length)
        for weight, value in zip(model.weights_beside_backbone(), adapter.head, strict=True):
            weight.assign(value)
        if adapter.arrays:
            model.load_arrays(adapter.arrays)
        return model

    def _check_kernels(self, adapter: AdapterFile) -> None:
        """Merges an adapter's weights into zeros, which fails where they fit no kernel."""
        import keras

        for name, arrays in adapter.kernels.items():
            zeros = keras.Variable(np.zeros(self._kernels[name].shape, np.float32))
            self._merge(adapter, zeros, arrays)

    def _apply(self, adapter: AdapterFile) -> None:
        """Merges an adapter into the kernels, which are the preset's."""
        for name, arrays in adapter.kernels.items():
            kernel = self._kernels[name]
            self._initial.setdefault(name, kernel.numpy())
            self._merge(adapter, kernel, arrays)

    def _merge(self, adapter: AdapterFile, kernel: Any, arrays: Mapping[str, np.ndarray]) -> None:
        method: Any = adapter_class(adapter.method)
        rows = kernel_rows(self._backbone, kernel)
        method.from_arrays(kernel, rows=rows, scale=adapter.scale, arrays=arrays).merge()

    def _restore(self, adapter: AdapterFile) -> None:
        """Makes the kernels that an adapter changed the preset's again."""
        for name in adapter.kernels:
            self._kernels[name].assign(self._initial[name])
