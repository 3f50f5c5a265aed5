"""A worker of scale.py: an exported model called in this process, whose memory is watched.

    python scale_graph.py STREAMS.json MODELS/NAME/VERSION

Answers what `callers.measures` says, `memory` (MB in memory now) and `peak` (the most since it was last asked).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from callers import measures
from harness import serve_lines
from inference_ours import load_exported
from scale_memory import peak_memory, reset_peak, resident_memory


def main() -> None:
    streams, folder = map(Path, sys.argv[1:])
    from tfapp.core.tensorflow_import import import_tensorflow
    from tfapp.core.threads import set_compute_threads

    import_tensorflow()
    set_compute_threads()
    import tensorflow as tf

    answer = load_exported(folder)
    measure = measures(lambda rows: answer(tf.constant(rows)).numpy(), json.loads(streams.read_text(encoding="utf-8")))
    memory = {"memory": resident_memory, "peak": peak}
    serve_lines(lambda question: memory[question]() if question in memory else measure(question))


def peak() -> Any:
    megabytes = peak_memory()
    reset_peak()
    return megabytes


if __name__ == "__main__":
    main()
