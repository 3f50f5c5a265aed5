"""A trained adapter in a file of its own: its weights by kernel, and the fingerprint of the backbone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tfapp.core.files import replacing
from tfapp.errors import ModelError
from tfapp.models.backbones import kernels_by_layer
from tfapp.models.preprocessor import Preprocessor

__all__ = ["AdapterFile", "backbone_fingerprint", "is_pooler", "kernels_by_name"]

_METADATA: Final = "tfapp_adapter"


@dataclass(frozen=True)
class AdapterFile:
    """A safetensors file with the weights of an adapter, its model's head and config, and the backbone's fingerprint.

    Attributes:
        method: As `training.adapt`.
        scale: What the matrices that are added to kernels are multiplied by.
        fingerprint: Of the backbone that it was trained on; see `backbone_fingerprint`.
        kernels: The adapter's weights by the kernel's name, as `KernelAdapter.arrays` gives them.
        head: The weights of the network beside the backbone, in its order.
        arrays: What the model keeps beside its network, as `TaskModel.arrays`.
        model: JSON values: the preset's name, and what `TaskModel.save` writes of the model.
    """

    method: str
    scale: float
    fingerprint: str
    kernels: Mapping[str, Mapping[str, np.ndarray]]
    head: Sequence[np.ndarray] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)

    def save(self, file: Path) -> None:
        """Writes the file, by rename."""
        metadata = {"method": self.method, "scale": self.scale, "fingerprint": self.fingerprint, "model": self.model}
        tensors = {name: np.ascontiguousarray(value) for name, value in self._tensors()}
        with replacing(file) as draft:
            save_file(tensors, draft, metadata={_METADATA: json.dumps(metadata)})

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads a file.

        Raises:
            ModelError: There is none, or it is no adapter.
        """
        tensors: dict[str, dict[str, Any]] = {"kernel": {}, "head": {}, "array": {}}
        try:
            with safe_open(file, framework="np") as reader:
                metadata = json.loads(reader.metadata()[_METADATA])
                for name in reader.keys():  # noqa: SIM118 - it is no mapping
                    part, _, rest = name.partition("/")
                    tensors[part][rest] = reader.get_tensor(name)
            kernels: dict[str, dict[str, np.ndarray]] = {}
            for name in sorted(tensors["kernel"]):
                kernel, _, weight = name.rpartition("/")
                kernels.setdefault(kernel, {})[weight] = tensors["kernel"][name]
            head = [tensors["head"][str(number)] for number in range(len(tensors["head"]))]
            return cls(**metadata, kernels=kernels, head=head, arrays=tensors["array"])
        except FileNotFoundError as error:
            raise ModelError(f"{file}: no adapter there; write one with run.save_adapter(FILE)") from error
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{file}: it is no adapter, or damaged; write it again with run.save_adapter") from error

    def _tensors(self) -> Iterator[tuple[str, np.ndarray]]:
        for kernel, weights in self.kernels.items():
            yield from ((f"kernel/{kernel}/{name}", value) for name, value in weights.items() if value.size)
        yield from ((f"head/{number}", value) for number, value in enumerate(self.head))
        yield from ((f"array/{name}", value) for name, value in self.arrays.items())


def kernels_by_name(backbone: Any) -> dict[str, Any]:
    """Returns a backbone's kernels by layer and number, such as "query/0" for the first layer's."""
    layers = kernels_by_layer(backbone.weights)
    return {f"{layer}/{number}": kernel for layer, kernels in layers.items() for number, kernel in enumerate(kernels)}


def backbone_fingerprint(backbone: Any, preprocessor: Preprocessor, *, pooler: bool) -> str:
    """Returns the fingerprint of a pretrained backbone: a hash of its weights, and of the vocabulary and its case.

    Args:
        backbone: A `keras_hub.models.BertBackbone`.
        preprocessor: Its tokenizer.
        pooler: Take in the weights of the pooler, too, which a model that does not read it need not have.
    """
    digest = blake2b(json.dumps([preprocessor.vocabulary, preprocessor.lowercase]).encode(), digest_size=16)
    for weight in backbone.weights:
        # The states of the random numbers of dropout are among them.
        if "seed_generator" not in weight.path and (pooler or not is_pooler(weight)):
            digest.update(str(tuple(weight.shape)).encode())
            digest.update(np.ascontiguousarray(weight.numpy(), np.float32).data)
    return digest.hexdigest()


def is_pooler(weight: Any) -> bool:
    """Returns whether a weight of a backbone, or of a network on it, is one of the pooler's."""
    return "pooled_dense/" in weight.path
