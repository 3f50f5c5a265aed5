"""A server gives memory back that it does not need any more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Prints the megabytes of the process's own memory: at first, with large tensors and without, with many small ones, with
# the last of them alone, and after the free pages below it are given back.
_PROGRAM = """
import json
from pathlib import Path
from tfapp.server.low_memory_import import import_tensorflow_low_memory
from tfapp.server.malloc import release_memory
import_tensorflow_low_memory()
import tensorflow as tf

def own_memory():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) / 1024

def make_tensors(count, megabytes):
    return [tf.fill([megabytes, 1 << 20], tf.constant(number, tf.uint8)) for number in range(count)]

make_tensors(1, 1)
memory = [own_memory()]
tensors = make_tensors(4, 64)
memory.append(own_memory())
del tensors
memory.append(own_memory())
tensors = make_tensors(200, 1)
memory.append(own_memory())
del tensors[:-1]
memory.append(own_memory())
release_memory()
memory.append(own_memory())
print(json.dumps(memory))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what memory is a process's own")
def test_the_memory_of_tensors_goes_back_to_the_system() -> None:
    process = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    start, with_large, without_large, with_small, last_alone, released = json.loads(process.stdout)
    assert with_large > start + 250
    assert without_large < start + 10
    assert with_small > start + 190
    assert last_alone >= released
    assert released < start + 20
