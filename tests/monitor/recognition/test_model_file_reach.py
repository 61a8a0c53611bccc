"""A model file is data, and all of it: it leads to no other file and loads no code."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from monitor.errors import ModelError
from monitor.recognition.classifier import MOST_BYTES, OnnxClassifier
from monitor.recognition.metadata import METADATA_KEY, MOST_CHARACTERS, OUTPUT
from monitor.recognition.runtime import onnx_runtime
from testkit.models import metadata, motion_model
from testkit.opened import opened

VALUES = np.zeros(2, np.float32)
SCORES = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 2])


def elsewhere(name: str, location: str, values: np.ndarray = VALUES) -> TensorProto:
    """A tensor whose numbers lie in another file."""
    tensor = numpy_helper.from_array(values, name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(values.nbytes))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def save(
    path: Path, *nodes: NodeProto, graph: dict[str, list[object]] | None = None, **more: object
) -> Path:
    """A model that adds `w` to its scores, with right metadata and these parts."""
    base = onnx.load(motion_model(path))
    base.graph.node[-1].output[0] = "plain"
    base.graph.node.extend(nodes or [helper.make_node("Add", ["plain", "w"], [OUTPUT])])
    for part, items in (graph or {}).items():
        getattr(base.graph, part).extend(items)
    for part, items in more.items():
        getattr(base, part).extend(items)
    path.write_bytes(base.SerializeToString())
    return path


def add(*before: NodeProto) -> tuple[NodeProto, ...]:
    return (*before, helper.make_node("Add", ["plain", "w"], [OUTPUT]))


def initializer(path: Path, location: str) -> None:
    save(path, graph={"initializer": [elsewhere("w", location)]})


def constant(path: Path, location: str) -> None:
    save(path, *add(helper.make_node("Constant", [], ["w"], value=elsewhere("v", location))))


def attribute(path: Path, location: str) -> None:
    fill = elsewhere("v", location, VALUES[:1])
    node = helper.make_node("ConstantOfShape", ["shape"], ["w"], value=fill)
    shape = numpy_helper.from_array(np.array([2]), "shape")
    save(path, *add(node), graph={"initializer": [shape]})


def sparse(tensor: TensorProto, indices: TensorProto) -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(tensor, indices, [2])


def sparse_values(path: Path, location: str) -> None:
    indices = numpy_helper.from_array(np.arange(2), "i")
    save(path, graph={"sparse_initializer": [sparse(elsewhere("w", location), indices)]})


def sparse_indices(path: Path, location: str) -> None:
    weights = numpy_helper.from_array(VALUES, "w")
    indices = elsewhere("i", location, np.arange(2))
    node = helper.make_node("Constant", [], ["w"], sparse_value=sparse(weights, indices))
    save(path, *add(node))


def branch(path: Path, location: str) -> None:
    """In a graph within the graph."""

    def graph(name: str, weights: TensorProto) -> onnx.GraphProto:
        node = helper.make_node("Add", ["plain", weights.name], [name])
        shown = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2])
        return helper.make_graph([node], name, [], [shown], [weights])

    branches = {
        "then_branch": graph("then", elsewhere("t", location)),
        "else_branch": graph("else", numpy_helper.from_array(VALUES, "e")),
    }
    condition = numpy_helper.from_array(np.array(True), "c")
    save(
        path,
        helper.make_node("If", ["c"], [OUTPUT], **branches),
        graph={"initializer": [condition]},
    )


def function(path: Path, location: str) -> None:
    """In a function of the model's own."""
    body = [
        helper.make_node("Constant", [], ["w"], value=elsewhere("v", location)),
        helper.make_node("Add", ["x", "w"], ["y"]),
    ]
    opset = [helper.make_opsetid("", 17)]
    own = helper.make_function("own", "Shift", ["x"], ["y"], body, opset)
    node = helper.make_node("Shift", ["plain"], [OUTPUT], domain="own")
    save(path, node, functions=[own], opset_import=[helper.make_opsetid("own", 1)])


PLACES = [
    initializer,
    constant,
    attribute,
    sparse_values,
    sparse_indices,
    branch,
    function,
]


@pytest.mark.parametrize("location", ["w.bin", "./w.bin", "../up.bin", "{here}/w.bin", "link.bin"])
@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
def test_numbers_in_other_files_are_not_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path, str], None],
    location: str,
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    others = here / "w.bin", tmp_path / "up.bin"
    for other in others:
        other.write_bytes(bytes(64))
    (here / "link.bin").symlink_to(others[1])
    make(here / "m.onnx", location.format(here=here))
    with opened(others) as names:
        with pytest.raises(ModelError) as caught:
            OnnxClassifier(here / "m.onnx")
        assert names() == set()
    assert str(caught.value) == (
        f"{here}/m.onnx: a part of it lies in other files, which are not read; "
        "har-export writes one file"
    )


@pytest.mark.parametrize("make", PLACES, ids=lambda make: make.__name__)
def test_nor_is_any_memory_that_a_model_names(
    tmp_path: Path, make: Callable[[Path, str], None]
) -> None:
    make(tmp_path / "m.onnx", "*/_ORT_MEM_ADDR_/*")  # ONNX Runtime's own mark, with an address
    with pytest.raises(ModelError, match="a part of it lies in other files"):
        OnnxClassifier(tmp_path / "m.onnx")


def test_numbers_in_other_files_that_nothing_uses_are_not_read_either(tmp_path: Path) -> None:
    other = tmp_path / "w.bin"
    other.write_bytes(bytes(64))
    weights = [numpy_helper.from_array(VALUES, "w"), elsewhere("unused", "w.bin")]
    save(tmp_path / "m.onnx", graph={"initializer": weights})
    with opened([other]) as names:
        OnnxClassifier(tmp_path / "m.onnx")  # ONNX Runtime drops them before it looks
        assert names() == set()


def test_the_same_model_with_its_numbers_inside_is_run(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(VALUES, "w")
    classifier = OnnxClassifier(save(tmp_path / "m.onnx", graph={"initializer": [weights]}))
    assert classifier.metadata == metadata()


def test_no_operations_are_loaded_that_onnx_runtime_does_not_bring(tmp_path: Path) -> None:
    node = helper.make_node("Evil", ["plain"], [OUTPUT], domain="evil", library="./evil.so")
    save(tmp_path / "m.onnx", node, opset_import=[helper.make_opsetid("evil", 1)])
    with pytest.raises(ModelError, match=r"evil:Evil\(-1\) is not a registered function/op$"):
        OnnxClassifier(tmp_path / "m.onnx")


def test_onnx_runtimes_own_format_is_refused(tmp_path: Path) -> None:
    ort = onnx_runtime()
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "m.ort")
    options.log_severity_level = 4
    ort.InferenceSession(motion_model(tmp_path / "m.onnx"), options)
    with pytest.raises(ModelError, match="not an ONNX model that can be run"):
        OnnxClassifier(tmp_path / "m.ort")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with opened([path]) as names:
        with pytest.raises(ModelError) as caught:
            OnnxClassifier(path)
        assert names() == set()
    assert str(caught.value) == f"{path}: has {MOST_BYTES + 1} bytes; allowed: {MOST_BYTES}"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "m.onnx")
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "m.onnx")
    assert str(caught.value) == f"{tmp_path}/m.onnx: not a file"


def test_metadata_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    model = onnx.load(motion_model(tmp_path / "m.onnx"))
    helper.set_model_props(model, {METADATA_KEY: "[" * (MOST_CHARACTERS + 1)})
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "m.onnx")
    assert str(caught.value) == (
        f"{tmp_path}/m.onnx: its metadata has {MOST_CHARACTERS + 1} characters; "
        f"allowed: {MOST_CHARACTERS}"
    )


def test_names_in_a_graph_cannot_steer_a_terminal(tmp_path: Path) -> None:
    more = helper.make_tensor_value_info("\x1b[31m\n", TensorProto.FLOAT, ["N", "\x1b[0m"])
    weights = numpy_helper.from_array(VALUES, "w")
    save(tmp_path / "m.onnx", graph={"initializer": [weights], "input": [more]})
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "m.onnx")
    assert r"(N, 20, 64, 64, 3), \x1b[31m\n float (N, \x1b[0m); " in str(caught.value)
    assert str(caught.value).isprintable()


def test_text_that_is_no_text_is_refused_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = motion_model(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes().replace(b'"network"', b'"n\xff\xfework"'))
    with pytest.raises(ModelError, match="not an ONNX model that can be run: 'utf-8' codec"):
        OnnxClassifier(path)
    assert capsys.readouterr().out == "", "the alert log may be there"


def test_scores_of_another_shape_than_the_graph_declares_are_refused(tmp_path: Path) -> None:
    """Of the zeros that every model is first tried on."""
    node = helper.make_node("Concat", ["plain", "plain"], ["four"], axis=1)
    shape = numpy_helper.from_array(np.array([2, 2]), "shape")
    turned = helper.make_node("Reshape", ["four", "shape"], [OUTPUT])
    save(tmp_path / "m.onnx", node, turned, graph={"initializer": [shape]})
    with pytest.raises(ModelError) as caught:
        OnnxClassifier(tmp_path / "m.onnx")
    assert str(caught.value) == (
        f"{tmp_path}/m.onnx: gives scores (2, 2); its metadata promises (1, 2)"
    )
