"""The check sees in a SavedModel's graph what it would do beside computing, before anything of it is loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

from tests.hostile.v1_models import write_v1_model
from tests.processes import call
from tests.served_models import save, write_classifier, write_numbers, write_words
from tests.toy_exports import TOY_MODELS, ToyExports
from tfapp.errors import ModelError, RegistryError
from tfapp.server.request_errors import RequestError
from tfapp.server.safety.unsafe_op_check import UnsafeOp
from tfapp.server.safety.unsafe_op_list import FILE_INPUTS, UNSAFE_OPS, effect
from tfapp.server.servables.servable import Servable, read_unsafe_ops
from tfapp.workflows import promotion_checks, version_catalogue
from tfapp.workflows.predict import load_predictor

_TEXTS = tf.TensorSpec([None], tf.string, name="text")
_Body = Callable[[tf.Tensor], tf.Tensor]


def _save(folder: Path, body: _Body, **resources: Any) -> Path:
    """Writes a version whose signature is a function of texts, and which holds some objects."""
    module = tf.Module()
    module.answer = tf.function(body, input_signature=[_TEXTS])
    for name, value in resources.items():
        setattr(module, name, value)
    return save(module, folder / "m" / "1", {"serving_default": module.answer})


def _unsafe_ops(folder: Path) -> set[tuple[str, str]]:
    return {(op.by, op.op) for op in read_unsafe_ops(folder)}


def _in_loop(text: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(lambda name: tf.cond(tf.size(name) > 1, lambda: tf.io.read_file(name), lambda: name), text)


def _in_data(text: tf.Tensor) -> tf.Tensor:
    data = tf.data.Dataset.from_tensor_slices(text).map(tf.io.read_file)
    return data.reduce(tf.constant(""), lambda _, new: new)[tf.newaxis]


def _by_control(text: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([tf.io.write_file("/tmp/never", text[0])]):
        return tf.identity(text)


def _decode(text: tf.Tensor) -> tf.Tensor:
    sizes, _ = tf.io.decode_proto(text, "m.M", ["f"], [tf.int64], descriptor_source="/tmp/never")
    return tf.strings.as_string(sizes[:, 0])


def _print(text: tf.Tensor) -> tf.Tensor:
    tf.print(text, output_stream="file:///tmp/never")
    return tf.identity(text)


@pytest.mark.parametrize(
    ("body", "op"),
    [
        (_in_loop, "ReadFile"),
        (_in_data, "ReadFile"),
        (_by_control, "WriteFile"),
        (_decode, "DecodeProtoV2"),
        (_print, "PrintV2"),
    ],
)
def test_what_a_signature_reaches_is_seen_in_branches_loops_data_and_control_inputs(
    tmp_path: Path, body: _Body, op: str
) -> None:
    folder = _save(tmp_path, body)
    assert _unsafe_ops(folder) == {("signature serving_default", op)}
    with pytest.raises(
        RequestError, match=rf"signature serving_default runs {op}, .*tfapp models check.*--allow-unsafe"
    ):
        Servable("m", 1, folder)
    assert Servable("m", 1, folder, allow_unsafe_ops=True).signatures


def test_what_nothing_reaches_and_what_is_printed_for_people_is_no_matter(tmp_path: Path) -> None:
    def answer(text: tf.Tensor) -> tf.Tensor:
        tf.print("answering")
        return tf.strings.upper(text)

    unused_function = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec([], tf.string)])
    folder = _save(tmp_path, answer, unused=unused_function)
    assert _unsafe_ops(folder) == set()
    assert Servable("m", 1, folder).signatures


def _table(file: Path) -> tf.lookup.StaticHashTable:
    file.write_text("a\nb\n")
    lines = tf.lookup.TextFileInitializer(
        str(file),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(lines, -1)


def _with_table(folder: Path) -> Path:
    table = _table(folder / "words.txt")
    return _save(folder, lambda text: tf.strings.as_string(table.lookup(text)), table=table)


def _edit(folder: Path, change: Callable[[Any], Any]) -> None:
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(model)
    file.write_bytes(model.SerializeToString())


def test_an_initialiser_may_read_the_own_assets_and_no_other_files(tmp_path: Path) -> None:
    folder = _with_table(tmp_path)
    assert _unsafe_ops(folder) == set()
    assert Servable("m", 1, folder).signatures
    reads = {("an initialiser", "InitializeTableFromTextFileV2")}

    asset = folder / "assets" / "words.txt"
    asset.rename(tmp_path / "elsewhere")
    asset.symlink_to(tmp_path / "elsewhere")
    assert _unsafe_ops(folder) == reads
    asset.unlink()
    (tmp_path / "elsewhere").rename(asset)
    assert _unsafe_ops(folder) == set()

    def lead_out(model: Any) -> None:
        model.meta_graphs[0].asset_file_def[0].filename = "../../../words.txt"

    _edit(folder, lead_out)
    assert _unsafe_ops(folder) == reads


def test_an_asset_in_name_only_is_seen_on_both_ways_to_load(tmp_path: Path) -> None:
    """TensorFlow Serving takes the path from the graph, `tf.saved_model.load` from the objects."""

    def constant(model: Any) -> None:
        (assign,) = [n for n in model.meta_graphs[0].graph_def.node if n.op == "AssignVariableOp"]
        node = model.meta_graphs[0].graph_def.node.add(name="sly", op="Const")
        node.attr["dtype"].type = tf.string.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("/etc/passwd"))
        assign.input[1] = "sly"

    def unbound(model: Any) -> None:
        objects = model.meta_graphs[0].object_graph_def
        names = [name for name in objects.concrete_functions if "initializer" in name]
        (place,) = [i for i, node in enumerate(objects.nodes) if node.WhichOneof("kind") == "asset"]
        resource_place = next(i for i, node in enumerate(objects.nodes) if node.WhichOneof("kind") == "resource")
        for name in names:
            bound = objects.concrete_functions[name].bound_inputs
            bound[:] = [resource_place if resource == place else resource for resource in bound]

    for number, change in enumerate((constant, unbound)):
        folder = _with_table(_make_folder(tmp_path / str(number)))
        _edit(folder, change)
        assert _unsafe_ops(folder) == {("an initialiser", "InitializeTableFromTextFileV2")}


def test_a_model_of_tensorflow_1_may_read_its_own_assets_as_long_as_loaders_take_no_others(tmp_path: Path) -> None:
    def with_asset(graph: Any, file: str, *, collected: bool) -> None:
        asset = meta_graph_pb2.AssetFileDef(filename=file)
        asset.tensor_info.name = "asset_path:0"
        if collected:
            graph.collection_def["saved_model_assets"].any_list.value.add().Pack(asset)
        else:
            graph.asset_file_def.append(asset)

    reads = {("an initialiser", "InitializeTableFromTextFileV2")}
    files = {"words.txt": set(), "../../words.txt": reads}
    for number, (file, collected) in enumerate(product(files, (True, False))):
        folder = write_v1_model(tmp_path / str(number) / "1")
        assert _unsafe_ops(folder) == set()
        _edit(
            folder,
            lambda model, file=file, collected=collected: with_asset(model.meta_graphs[0], file, collected=collected),
        )
        assert _unsafe_ops(folder) == files[file]
    # Where the graph has assets itself, those of the collection are none.
    _edit(folder, lambda model: model.meta_graphs[0].asset_file_def.pop())
    _edit(folder, lambda model: model.meta_graphs[0].asset_file_def.add(filename="words.txt"))
    assert _unsafe_ops(folder) == reads


def _make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_saver_is_let_save_and_restore_and_nothing_else(tmp_path: Path) -> None:
    folder = write_numbers(tmp_path, 1)

    def write(model: Any) -> None:
        graph = model.meta_graphs[0]
        (restore,) = [n for n in graph.graph_def.node if n.name == graph.saver_def.restore_op_name]
        graph.graph_def.node.add(name="sly", op="WriteFile", input=["saver_filename", "saver_filename"])
        restore.input.append("^sly")

    assert _unsafe_ops(folder) == set()
    _edit(folder, write)
    assert _unsafe_ops(folder) == {("the saver", "WriteFile")}


def test_every_graph_that_a_loader_may_choose_and_every_function_that_may_stand_in_is_looked_at(tmp_path: Path) -> None:
    def second(model: Any) -> None:
        model.meta_graphs.add().CopyFrom(model.meta_graphs[0])
        model.meta_graphs[0].meta_info_def.tags.append("other")
        graph = model.meta_graphs[1]
        graph.graph_def.node.add(name="sly", op="ReadFile", input=["saver_filename"])
        graph.signature_def["serving_default"].outputs["y"].name = "sly:0"

    folder = write_numbers(tmp_path, 1)
    _edit(folder, second)
    assert _unsafe_ops(folder) == {("signature serving_default", "ReadFile")}

    def stand_in(model: Any) -> None:
        library = model.meta_graphs[0].graph_def.library
        (plain_function,) = [
            function for function in library.function if function.signature.name.startswith("__inference_shout")
        ]
        sly = library.function.add()
        sly.signature.name = "sly"
        sly.node_def.add(name="x", op="ReadFile")
        for function in (plain_function, sly):
            function.attr["api_implements"].s = b"same"

    words = write_words(tmp_path)
    _edit(words, stand_in)
    assert _unsafe_ops(words) == {("signature serving_default", "ReadFile")}


def test_all_ways_to_load_a_version_refuse_it(tmp_path: Path) -> None:
    folder = _save(tmp_path, _by_control)
    with pytest.raises(RegistryError, match="does not load and warm up: signature serving_default runs WriteFile"):
        promotion_checks.check_loads("m", 1, folder)
    assert promotion_checks.check_loads("m", 1, folder, allow_unsafe_ops=True) == 0
    with pytest.raises(ModelError, match="signature serving_default runs WriteFile, which writes files"):
        load_predictor(folder)


def test_the_command_says_what_a_foreign_model_would_do(tmp_path: Path) -> None:
    folder = _save(tmp_path, _by_control)
    assert version_catalogue.unsafe_ops(folder.parent) == [
        UnsafeOp("signature serving_default", "WriteFile", "WriteFile", "writes files")
    ]
    result = call("models", "check", folder)
    assert (result.code, result.err) == (2, "")
    assert re.search(r"signature serving_default +WriteFile +writes files", result.out)
    as_json = call("models", "check", folder.parent, "--json")
    assert (as_json.code, '"op": "WriteFile"' in as_json.out) == (2, True)
    good_result = call("models", "check", write_words(tmp_path))
    assert (good_result.code, good_result.out.endswith("words/1: only computes\n")) == (0, True)
    error_result = call("models", "check", tmp_path / "none")
    assert error_result.code == 2
    assert "saved_model.pb cannot be read" in error_result.err


def test_a_graph_that_is_no_regular_file_or_too_large_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "saved_model.pb"

    def refuse(problem: str) -> None:
        with pytest.raises(RegistryError, match=rf"^.*{problem}; publish the version again$"):
            version_catalogue.unsafe_ops(tmp_path)
        with pytest.raises(ValueError, match=problem):
            Servable("m", 1, tmp_path)
        file.unlink()

    os.mkfifo(file)
    refuse("saved_model.pb is a pipe or a device; expected a regular file")
    file.symlink_to("/dev/zero")
    refuse("saved_model.pb is a pipe or a device; expected a regular file")
    with file.open("wb") as stream:
        stream.truncate(2**31)
    refuse("saved_model.pb has 2147483648 bytes; expected at most 2147483647")


def _in_table_initializers(file: str) -> None:
    tf.compat.v1.add_to_collection("table_initializer", tf.raw_ops.WriteFile(filename=file, contents="a"))


def _in_local_variables(file: str) -> None:
    content = tf.raw_ops.ReadFile(filename=file)
    tf.compat.v1.Variable(content, collections=["local_variables"], trainable=False, validate_shape=False)


@pytest.mark.parametrize(("add", "op"), [(_in_table_initializers, "WriteFile"), (_in_local_variables, "ReadFile")])
def test_what_is_run_at_the_load_of_a_model_of_tensorflow_1_that_names_no_op_is_seen(
    tmp_path: Path, add: Callable[[str], None], op: str
) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        text = v1.placeholder(tf.string, [None])
        add(str(tmp_path / "file"))
        builder = v1.saved_model.Builder(str(tmp_path / "m" / "1"))
        signature = v1.saved_model.predict_signature_def({"text": text}, {"y": tf.identity(text)})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature})
        builder.save()
    assert _unsafe_ops(tmp_path / "m" / "1") == {("an initialiser", op)}


def test_the_function_that_is_named_as_a_gradient_is_looked_at(tmp_path: Path) -> None:
    @tf.function(input_signature=[_TEXTS])
    def inner(text: tf.Tensor) -> tf.Tensor:
        return tf.identity(text)

    @tf.function(input_signature=[_TEXTS])
    def gradient(text: tf.Tensor) -> tf.Tensor:
        return tf.io.read_file(text[0])[tf.newaxis]

    folder = _save(tmp_path, lambda text: inner(text) + text, gradient=gradient)
    assert _unsafe_ops(folder) == set()

    def name_gradient(model: Any) -> None:
        library = model.meta_graphs[0].graph_def.library
        names = [function.signature.name for function in library.function]
        functions = {part: next(name for name in names if f"_{part}_" in name) for part in ("inner", "gradient")}
        library.gradient.add(function_name=functions["inner"], gradient_func=functions["gradient"])

    _edit(folder, name_gradient)
    assert ("signature serving_default", "ReadFile") in _unsafe_ops(folder)


@pytest.mark.parametrize("name", TOY_MODELS)
def test_our_exports_only_compute(toy_exports: ToyExports, name: str) -> None:
    assert read_unsafe_ops(toy_exports.version(name)) == []


def test_the_models_of_other_tests_only_compute(tmp_path: Path) -> None:
    for folder in (write_numbers(tmp_path, 1), write_words(tmp_path), write_classifier(tmp_path, "c")):
        assert read_unsafe_ops(folder) == []


# Looked at one by one: what they call a path, a file or an address is none.
_HARMLESS = {
    *("CTCBeamSearchDecoder", "DeviceIndex", "RegexFullMatch", "RegexReplace", "StaticRegexFullMatch"),
    *("StaticRegexReplace", "ShardedFilename", "ShardedFilespec", "TensorSliceDataset", "SetStatsAggregatorDataset"),
    *("ExperimentalSetStatsAggregatorDataset", "RegexSplitWithOffsets"),
}


def test_the_list_has_every_op_of_tensorflow_whose_inputs_or_attributes_name_files_or_addresses() -> None:
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    ops = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())).op
    path_ops = {
        op.name
        for op in ops
        for part in (*op.input_arg, *op.attr)
        if re.search(r"file|path|(^|_)dir(s|_|$)|urls?$|address|prefix|pattern$|memory_region", part.name)
    }
    # Those of TPUs need a TPU, which answers for what it runs.
    assert {op for op in path_ops if op not in UNSAFE_OPS and "TPU" not in op} == _HARMLESS & path_ops
    names = {op.name for op in ops}
    assert set(FILE_INPUTS) <= set(UNSAFE_OPS) <= names
    for op, place in FILE_INPUTS.items():
        assert "filename" in op_def_registry.get(op).input_arg[place].name


@pytest.mark.parametrize(("name", "loads"), [("a[b]", False), ("a\\b", False), ("a[b", True), ("a*?", True)])
def test_a_folder_that_tensorflow_takes_for_a_pattern(tmp_path: Path, name: str, loads: bool) -> None:
    folder = write_numbers(tmp_path / name, 1)
    if loads:
        assert Servable("numbers", 1, folder).signatures
        return
    with pytest.raises(FileNotFoundError, match="Failed to find any matching files"):
        tf.saved_model.load(str(folder))
    with pytest.raises(RequestError, match=r"/1: TensorFlow takes \[ \] and \\ in a path for a pattern"):
        Servable("numbers", 1, folder)
    with pytest.raises(ModelError, match="rename or move the folder"):
        load_predictor(folder)


@pytest.mark.parametrize(
    ("module", "is_safe"),
    [
        (b"ML\xefR\rStableHLO_v1.0.0\0add_v1\0return_v1\0", True),
        (b"ML\xefR\rStableHLO_v1.0.0\0custom_call_v1\0return_v1\0", False),
        (b"ML\xefR\rStableHLO_v1.0.0\0outfeed_v1\0return_v1\0", False),
        # Text may hide a name by escapes.
        (b'module @m { func.func public @main() { "stablehlo.\\63ustom_call"() : () -> () } }', False),
        (b"", False),
    ],
)
def test_a_program_of_xla_may_compute(module: bytes, is_safe: bool) -> None:
    node = node_def_pb2.NodeDef(op="XlaCallModule", name="n")
    node.attr["module"].s = module
    assert effect(node) == ("" if is_safe else "runs other code in the process, or ends it")
