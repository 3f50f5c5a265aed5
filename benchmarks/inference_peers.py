"""The peers of inference.py: ONNX Runtime and PyTorch, with Hugging Face's fast tokenizer.

    PYTHON inference_peers.py prepare FOLDER CHECKPOINT        writes the ONNX models
    PYTHON inference_peers.py FOLDER/STREAMS.json THREADS KIND

KIND is ort-float32, ort-int8, torch-float32 or torch-bfloat16. It imports nothing of tfapp. `FOLDER/head.npz` holds the
output layer that all contenders have.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from callers import measures
from harness import serve_lines

_LENGTH: Final = 128
_INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")

Network = Callable[[dict[str, np.ndarray]], np.ndarray]


def main() -> None:
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), sys.argv[3])
        return
    streams, threads, kind = sys.argv[1:]
    folder = Path(streams).parent
    engine, _, precision = kind.partition("-")
    network = (onnx_network if engine == "ort" else torch_network)(folder, precision, int(threads))
    tokenize = tokenizer(folder)

    def call(rows: list[str]) -> np.ndarray:
        logits = network(tokenize(rows))
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return odds / odds.sum(axis=-1, keepdims=True)

    lines = json.loads(Path(streams).read_text(encoding="utf-8"))
    measure = measures(call, lines)
    serve_lines(lambda question: call(lines["mix"][:64]).tolist() if question == "answers" else measure(question))


def tokenizer(folder: Path) -> Callable[[list[str]], dict[str, np.ndarray]]:
    from tokenizers import Tokenizer

    fast_tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    fast_tokenizer.enable_truncation(_LENGTH)
    fast_tokenizer.enable_padding()

    def tokenize(rows: list[str]) -> dict[str, np.ndarray]:
        encodings = fast_tokenizer.encode_batch(rows)
        ids, mask = (
            np.array([getattr(encoding, name) for encoding in encodings], np.int64)
            for name in ("ids", "attention_mask")
        )
        return dict(zip(_INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))

    return tokenize


def onnx_network(folder: Path, precision: str, threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(folder / f"{precision}.onnx", options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


def torch_network(folder: Path, precision: str, threads: int) -> Network:
    import torch

    torch.set_num_threads(threads)
    model = torch.load(folder / "classifier.pt", weights_only=False).to(getattr(torch, precision))

    def network(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            logits = model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits
        return np.asarray(logits.float().numpy())

    return network


def prepare(folder: Path, checkpoint: str) -> None:
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    head = np.load(folder / "head.npz")
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=head["bias"].shape[0]).eval()
    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(head["kernel"].T.copy()))
        model.classifier.bias.copy_(torch.from_numpy(head["bias"]))
    torch.save(model, folder / "classifier.pt")
    # The form of attention that ONNX Runtime's optimizer knows.
    model.config._attn_implementation = "eager"
    sample = torch.ones(2, 16, dtype=torch.long)
    export(model, dict.fromkeys(_INPUTS, sample), folder / "traced.onnx")
    graph = optimizer.optimize_model(
        str(folder / "traced.onnx"),
        model_type="bert",
        num_heads=model.config.num_attention_heads,
        hidden_size=model.config.hidden_size,
    )
    graph.save_model_to_file(str(folder / "float32.onnx"))
    quantize_dynamic(
        folder / "float32.onnx",
        folder / "int8.onnx",
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": 1},  # float
    )
    print(json.dumps(graph.get_fused_operator_statistics()))


def export(model: Any, sample: dict[str, Any], file: Path) -> None:
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

    torch.onnx.export(
        Logits(),
        tuple(sample.values()),
        str(file),
        input_names=list(sample),
        output_names=["logits"],
        dynamic_axes={**{name: {0: "rows", 1: "tokens"} for name in sample}, "logits": {0: "rows"}},
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    main()
