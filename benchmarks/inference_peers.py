"""The peers of inference.py: ONNX Runtime, OpenVINO, CTranslate2 and PyTorch, with Hugging Face's fast tokenizer.

    PYTHON inference_peers.py prepare FOLDER CHECKPOINT        writes the models
    PYTHON inference_peers.py FOLDER/STREAMS.json THREADS KIND

KIND is an engine (ort, openvino, ctranslate2, torch) and a precision (float32, bfloat16, int8). With `-two` at its end,
the engine answers two requests side by side, with half of the threads each; `torch-float32-compiled` is compiled first.
It imports nothing of tfapp. `FOLDER/head.npz` holds the output layer that all contenders have.
"""

from __future__ import annotations

import json
import queue
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from callers import answered_texts, measures
from harness import serve_lines

_LENGTH: Final = 128
_CALIBRATION_TEXTS: Final = 300
_INPUTS: Final = ("input_ids", "attention_mask", "token_type_ids")

# Logits of padded texts; CTranslate2's of lists of ids, as it removes padding.
Network = Callable[[Any], np.ndarray]


def main() -> None:
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), sys.argv[3])
        return
    streams, threads, kind = sys.argv[1:]
    folder = Path(streams).parent
    engine, precision, *modes = kind.split("-")
    network = ENGINES[engine](folder, precision, int(threads), set(modes))
    tokenize = tokenizer(folder, pads=engine != "ctranslate2")

    def call(rows: list[str]) -> np.ndarray:
        logits = network(tokenize(rows))
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return odds / odds.sum(axis=-1, keepdims=True)

    lines = json.loads(Path(streams).read_text(encoding="utf-8"))
    measure = measures(call, lines)
    answers = answered_texts(lines)
    serve_lines(lambda question: call(answers).tolist() if question == "answers" else measure(question))


def tokenizer(folder: Path, *, pads: bool) -> Callable[[list[str]], Any]:
    from tokenizers import Tokenizer

    fast_tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    fast_tokenizer.enable_truncation(_LENGTH)
    if pads:
        fast_tokenizer.enable_padding()
    else:
        # A checkpoint's own settings may pad all texts to one length.
        fast_tokenizer.no_padding()

    def tokenize(rows: list[str]) -> Any:
        encodings = fast_tokenizer.encode_batch(rows)
        if not pads:
            return [encoding.ids for encoding in encodings]
        ids, mask = (
            np.array([getattr(encoding, name) for encoding in encodings], np.int64)
            for name in ("ids", "attention_mask")
        )
        return dict(zip(_INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))

    return tokenize


def onnx_network(folder: Path, precision: str, threads: int, modes: set[str]) -> Network:
    import onnxruntime

    count = 2 if "two" in modes else 1
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(threads // count, 1)
    file = folder / f"{precision}.onnx"
    return in_turns(
        [
            lambda inputs, session=session: session.run(None, inputs)[0]
            for session in (
                onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]) for _ in range(count)
            )
        ]
    )


def openvino_network(folder: Path, precision: str, threads: int, modes: set[str]) -> Network:
    import openvino

    count = 2 if "two" in modes else 1
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": count,
        "PERFORMANCE_HINT": "THROUGHPUT" if count > 1 else "LATENCY",
        # Without this it takes bfloat16 where the processor has it.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
    }
    file = folder / ("openvino-int8.xml" if precision == "int8" else "float32.onnx")
    model = openvino.Core().compile_model(str(file), "CPU", settings)
    requests = [model.create_infer_request() for _ in range(count)]
    # An answer lies in the memory of its request, which the next one takes.
    return in_turns([lambda inputs, request=request: request.infer(inputs)[0].copy() for request in requests])


def ctranslate_network(folder: Path, precision: str, threads: int, modes: set[str]) -> Network:
    import ctranslate2

    count = 2 if "two" in modes else 1
    supported_types = ctranslate2.get_supported_compute_types("cpu")
    if precision not in supported_types:
        raise SystemExit(f"CTranslate2 has no {precision} here: {', '.join(sorted(supported_types))}")
    encoder = ctranslate2.Encoder(
        str(folder / "ctranslate2"),
        device="cpu",
        compute_type=precision,
        inter_threads=count,
        intra_threads=max(threads // count, 1),
    )
    head = np.load(folder / "head.npz")

    def network(ids: Sequence[list[int]]) -> np.ndarray:
        vectors = np.array(encoder.forward_batch(ids).pooler_output, copy=False)
        return vectors @ head["kernel"] + head["bias"]

    return network


def torch_network(folder: Path, precision: str, threads: int, modes: set[str]) -> Network:
    import torch

    torch.set_num_threads(threads)
    model = torch.load(folder / "classifier.pt", weights_only=False).to(getattr(torch, precision))
    if "compiled" in modes:
        model = torch.compile(model, dynamic=True)

    def network(inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            logits = model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).logits
        return np.asarray(logits.float().numpy())

    return network


ENGINES: Final = {
    "ort": onnx_network,
    "openvino": openvino_network,
    "ctranslate2": ctranslate_network,
    "torch": torch_network,
}


def in_turns(networks: list[Network]) -> Network:
    """Returns a network that many threads may call at once: each call takes one that is free."""
    free_networks: queue.SimpleQueue[Network] = queue.SimpleQueue()
    for network in networks:
        free_networks.put(network)

    def call(inputs: Any) -> np.ndarray:
        network = free_networks.get()
        try:
            return network(inputs)
        finally:
            free_networks.put(network)

    return call


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
    write_ctranslate(model, tokenizer, folder)
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
    write_openvino(folder)
    print(json.dumps(graph.get_fused_operator_statistics()))


def write_openvino(folder: Path) -> None:
    """Writes OpenVINO's int8 form: weights and activations in scales that texts of the mix calibrate."""
    import nncf
    import openvino

    tokenize = tokenizer(folder, pads=True)
    texts = json.loads((folder / "streams.json").read_text(encoding="utf-8"))["mix"][:_CALIBRATION_TEXTS]
    model = openvino.Core().read_model(str(folder / "traced.onnx"))
    dataset = nncf.Dataset([tokenize([text]) for text in texts])
    quantized = nncf.quantize(model, dataset, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(texts))
    openvino.save_model(quantized, str(folder / "openvino-int8.xml"))


def write_ctranslate(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes what CTranslate2 reads: it has encoders, no classifiers."""
    import ctranslate2

    model.bert.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    ctranslate2.converters.TransformersConverter(str(folder / "bert")).convert(str(folder / "ctranslate2"))


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
