"""Compares the client with tensorflow-serving-api and TensorFlow's make_tensor_proto and make_ndarray.

Each contender runs in a process of its own, by turns within one run: the ratio of a round compares what ran side by
side, so that a busy machine slows both. Calls go to a third process, which answers with bytes made beforehand.

    python benchmarks/client.py --rounds 7 --output client.json
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from harness import Worker, environment, quiet, serve_lines, write_report

OURS: Final = "ours"
THEIRS: Final = "theirs"
SERVER: Final = "server"
CONTENDERS: Final = (OURS, THEIRS)

IMPORTS: Final = {
    OURS: "from tfapp_client import Client",
    THEIRS: "import grpc, tensorflow; from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc",
}
# Times as many as theirs that ours has to be smaller or faster; 1: no slower.
TARGETS: Final = {"import_seconds": 8.0, "import_megabytes": 8.0, "decode_float_val": 5.0}
# Two runs of one program differ by this much on a busy machine.
EQUAL: Final = 0.95
PACKAGES: Final = ("tensorflow", "tensorflow-serving-api", "grpcio", "protobuf", "numpy", "tfapp-client")
_PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
# A round is several short turns of each contender, of which the best counts: noise lengthens only.
_TURNS: Final = 5
_TURN_SECONDS: Final = 0.2
_SHAPE: Final = (1000, 384)

Operation = Callable[[], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--ours", default=sys.executable, metavar="PYTHON", help="interpreter with tfapp-client")
    parser.add_argument("--theirs", default=sys.executable, metavar="PYTHON", help="one with tensorflow-serving-api")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(*options.worker)
        return
    pythons = {OURS: options.ours, THEIRS: options.theirs, SERVER: options.ours}
    figures = {**measure_imports(pythons, options.rounds), **measure_operations(pythons, options.rounds)}
    report = {"environment": environment(*PACKAGES), "rounds": options.rounds, "measures": figures}
    print_table(figures)
    if options.output:
        write_report(options.output, report)


# The process that compares.


def measure_imports(pythons: dict[str, str], rounds: int) -> dict[str, Any]:
    code = (
        "import json, os, pathlib, resource, time; cpu = time.process_time(); began = time.perf_counter()\n"
        "{statement}\n"
        "seconds = time.perf_counter() - began; cpu = time.process_time() - cpu\n"
        "statm = pathlib.Path('/proc/self/statm')\n"
        "size = int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else "
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(json.dumps([seconds, cpu, size / 2**20]))"
    )
    figures: dict[str, dict[str, list[float]]] = {
        name: {contender: [] for contender in CONTENDERS}
        for name in ("import_seconds", "import_cpu_seconds", "import_megabytes")
    }
    # The first of each fills the file cache.
    for turn in range(rounds + 1):
        for contender in CONTENDERS:
            command = [pythons[contender], "-c", code.format(statement=IMPORTS[contender])]
            process = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet(), cwd=os.sep)
            for name, value in zip(figures, json.loads(process.stdout.splitlines()[-1]), strict=True):
                if turn:
                    figures[name][contender].append(value)
    units = {"import_megabytes": "MB"}
    return {name: comparison(name, values, units.get(name, "s")) for name, values in figures.items()}


def measure_operations(pythons: dict[str, str], rounds: int) -> dict[str, Any]:
    with worker(pythons, SERVER) as server:
        address = server.ask("address")
        with worker(pythons, OURS, address) as ours, worker(pythons, THEIRS, address) as theirs:
            return {name: measure(name, ours, theirs, rounds) for name in ours.ask("operations")}


def worker(pythons: dict[str, str], role: str, *rest: str) -> Worker:
    return Worker(pythons[role], __file__, "--worker", role, *rest)


def measure(name: str, ours: Worker, theirs: Worker, rounds: int) -> dict[str, Any]:
    workers = {OURS: ours, THEIRS: theirs}
    values: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
    for contender in CONTENDERS:
        workers[contender].ask(name)
    for _ in range(rounds):
        turns: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
        for turn in range(_TURNS):
            for contender in CONTENDERS[:: 1 if turn % 2 else -1]:
                turns[contender].append(workers[contender].ask(name))
        for contender in CONTENDERS:
            values[contender].append(min(turns[contender]) * 1e6)
    return comparison(name, values, "µs")


def comparison(name: str, values: dict[str, list[float]], unit: str) -> dict[str, Any]:
    """Returns the contenders' medians, and how many times more theirs takes, round by round."""
    ratios = sorted(theirs / ours for ours, theirs in zip(values[OURS], values[THEIRS], strict=True))
    target = TARGETS.get(name, 1.0)
    ratio = statistics.median(ratios)
    return {
        "unit": unit,
        **{contender: {"median": statistics.median(runs), "values": runs} for contender, runs in values.items()},
        "ratio": {"median": ratio, "lowest": ratios[0], "highest": ratios[-1]},
        "target": target,
        "met": ratio >= (target if target > 1 else EQUAL),
    }


def print_table(figures: dict[str, Any]) -> None:
    print(f"{'':<24}{'ours':>12}{'theirs':>12}      ratio (lowest - highest)")
    for name, figure in figures.items():
        ratio, unit = figure["ratio"], figure["unit"]
        print(
            f"{name:<24}{figure[OURS]['median']:>12.4g}{figure[THEIRS]['median']:>12.4g} {unit:<4}"
            f"{ratio['median']:>6.2f} ({ratio['lowest']:.2f} - {ratio['highest']:.2f})"
            f"{'' if figure['met'] else '   target ' + format(figure['target'], 'g') + ' missed'}"
        )


# The contenders that are measured.


def work(role: str, address: str = "") -> None:
    """Answers each line of standard input with a line of JSON, until it ends."""
    operations = {OURS: our_operations, THEIRS: their_operations}
    if role == SERVER:
        server, port = start_server()
        serve_lines(lambda _question: f"127.0.0.1:{port}")
        server.stop(0).wait()
        return
    functions = operations[role](address)
    serve_lines(lambda name: list(functions) if name == "operations" else functions[name]())


def measure_seconds(operation: Operation) -> float:
    """Returns the seconds of one call, the best of a few batches."""
    count = 1
    while (seconds := batch(operation, count)) < _TURN_SECONDS / 5:
        count *= 2
    return min(seconds, *(batch(operation, count) for _ in range(2))) / count


def batch(operation: Operation, count: int) -> float:
    start_time = time.perf_counter()
    for _ in range(count):
        operation()
    return time.perf_counter() - start_time


def steady(operation: Operation, callers: int = 1, clock: Callable[[], float] = time.perf_counter) -> float:
    """Returns the seconds a call of a while in which callers send one request after the other."""
    operation()
    counts = [0] * callers
    deadline = threading.Event()

    def caller(index: int) -> None:
        while not deadline.is_set():
            operation()
            counts[index] += 1

    threads = [threading.Thread(target=caller, args=(index,)) for index in range(callers)]
    start_time = clock()
    for thread in threads:
        thread.start()
    deadline.wait(_TURN_SECONDS)
    deadline.set()
    for thread in threads:
        thread.join()
    return (clock() - start_time) / sum(counts)


def texts(count: int) -> list[str]:
    return [f"Shares fell sharply on day {number} as traders waited for news" for number in range(count)]


def floats() -> Any:
    import numpy as np

    return np.random.default_rng(1).random(_SHAPE, np.float32)


def measures(
    encode: Callable[[Any], Any], decode: Callable[[Any], Any], from_fields: Any, predict: Callable[[str, Any], Any]
) -> dict[str, Callable[[], float]]:
    """Returns the same operations for both contenders."""
    array, strings = floats(), texts(1000)
    in_content, in_strings = encode(array), encode(strings)
    one_text, batch_of_texts = texts(1), texts(64)
    return {
        "encode_floats": functools.partial(measure_seconds, lambda: encode(array)),
        "encode_strings": functools.partial(measure_seconds, lambda: encode(strings)),
        "encode_one_text": functools.partial(measure_seconds, lambda: encode(one_text)),
        "decode_tensor_content": functools.partial(measure_seconds, lambda: decode(in_content)),
        "decode_float_val": functools.partial(measure_seconds, lambda: decode(from_fields)),
        "decode_strings": functools.partial(measure_seconds, lambda: decode(in_strings)),
        "call_one_text": functools.partial(steady, lambda: predict("small", one_text)),
        # The time that the calling process computes, with gRPC's threads.
        "call_one_text_cpu": functools.partial(steady, lambda: predict("small", one_text), clock=time.process_time),
        "call_64_texts": functools.partial(steady, lambda: predict("large", batch_of_texts)),
        "call_8_threads": functools.partial(steady, lambda: predict("small", one_text), callers=8),
    }


def our_operations(address: str) -> dict[str, Callable[[], float]]:
    from tfapp_client import Client, codec, messages

    in_fields = messages.TensorProto(dtype=1, float_val=floats().ravel().tolist())
    for size in _SHAPE:
        in_fields.tensor_shape.dim.add(size=size)
    client = Client(address)
    return measures(codec.encode, codec.decode, in_fields, lambda model, rows: client.predict(model, {"text": rows}))


def their_operations(address: str) -> dict[str, Callable[[], float]]:
    import grpc
    import tensorflow as tf
    from tensorflow.core.framework import tensor_pb2
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    in_fields = tensor_pb2.TensorProto(dtype=1, float_val=floats().ravel().tolist())
    for size in _SHAPE:
        in_fields.tensor_shape.dim.add(size=size)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))

    def predict(model: str, rows: list[str]) -> Any:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = "serving_default"
        request.inputs["text"].CopyFrom(tf.make_tensor_proto(rows))
        answer = stub.Predict(request, timeout=30)
        return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}

    return measures(tf.make_tensor_proto, tf.make_ndarray, in_fields, predict)


def start_server() -> tuple[Any, int]:
    import grpc

    answers = {name: canned_response(rows) for name, rows in (("small", 1), ("large", 64))}

    def answer(request: bytes, _context: Any) -> bytes:
        return answers["large" if b"\x05large" in request[:40] else "small"]

    class Handlers(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer) if details.method == _PREDICT else None

    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([Handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def canned_response(rows: int) -> bytes:
    """Returns the answer of a classifier of five labels; of more rows, with an embedding beside it."""
    import numpy as np
    from tfapp_client import codec, messages

    answer = messages.PredictResponse()
    answer.model_spec.version.value = 1
    outputs: dict[str, Any] = {
        "label": ["business"] * rows,
        "score": np.full(rows, 0.9, np.float32),
        "probabilities": np.full((rows, 5), 0.2, np.float32),
    }
    if rows > 1:
        outputs["embedding"] = floats()[:rows]
    for name, value in outputs.items():
        codec.write(answer.outputs[name], value)
    return bytes(answer.SerializeToString())


if __name__ == "__main__":
    main()
