"""A process that only serves holds less, and answers the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from tfapp.server.servables.servable import Servable

_PROGRAM = """
import json, sys
from pathlib import Path
from tfapp.server.low_memory_import import import_tensorflow_low_memory
import_tensorflow_low_memory()
import tensorflow as tf
held = sorted({"matplotlib", "PIL", "sklearn", "tensorflow_text"} & {name for name in sys.modules})
from tfapp.server.servables.servable import Servable
servable = Servable("m", 1, Path(sys.argv[1]))
answer = servable._module.signatures["serving_default"](text=tf.constant(["One two", "éé"]))["counts"].numpy().tolist()
whole = "tensorflow_text" in sys.modules
import sklearn, matplotlib
print(json.dumps({"held": held, "answer": answer, "whole": whole}))
"""


def run(folder: Path) -> dict[str, Any]:
    process = subprocess.run([sys.executable, "-c", _PROGRAM, str(folder)], capture_output=True, text=True, check=True)
    assert process.stderr == ""
    return dict(json.loads(process.stdout))


def save(folder: Path, tokenizer: Any) -> Path:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def count(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"counts": tokenizer.tokenize(text).row_lengths()}

    module.count = count
    tf.saved_model.save(module, str(folder), signatures=count)
    return folder


@pytest.mark.parametrize(
    ("tokenizer", "splits_words"),
    [
        (tf_text.WhitespaceTokenizer(), False),
        # Of a library that is loaded with the whole package only.
        pytest.param(tf_text.UnicodeScriptTokenizer(), True, marks=pytest.mark.slow),
    ],
    ids=["whitespace", "scripts"],
)
def test_text_ops_are_registered_as_the_model_needs_them(tmp_path: Path, tokenizer: Any, splits_words: bool) -> None:
    result = run(save(tmp_path, tokenizer))
    assert result == {"held": [], "answer": [2, 1], "whole": splits_words}


def test_a_graph_for_another_purpose_is_named(tmp_path: Path) -> None:
    builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "1"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        builder.add_meta_graph_and_variables(session, ["train"])
    builder.save()
    with pytest.raises(ValueError, match="no graph with the tag serve in it; its tags: train"):
        Servable("m", 1, tmp_path / "1")
