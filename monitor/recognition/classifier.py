"""A model file run by ONNX Runtime."""

import hashlib
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ConfigError, ModelError
from monitor.names import printable
from monitor.recognition.metadata import (
    INPUT,
    METADATA_KEY,
    NOVELTY,
    OUTPUT,
    ModelMetadata,
    parse_metadata,
)
from monitor.recognition.runtime import onnx_runtime
from monitor.recognition.shipped import DEFAULT, SHIPPED, model_path
from monitor.recognition.zoom import Classify, with_zoom
from monitor.records import Outputs

# Name -> type and shape without the batch, of a graph's inputs or outputs.
Ports = dict[str, tuple[str, tuple[int, ...]]]

MOST_BYTES = 1 << 29  # of a model file, far above what any network of har-train has
_PROVIDER = "ExecutionProvider"  # the end of their names
_FOLDER_OPTION = "session.model_external_initializers_file_folder_path"
# In ONNX Runtime's errors about numbers of a model that do not lie in its file.
_ELSEWHERE = re.compile(r"[Ee]xternal|Data of TensorProto|in-memory address")
_EXPORT = (
    "har-export {} NAME.onnx makes an ONNX file of it, "
    "with --labels and --fps if har-train did not make it"
)


class OnnxClassifier:
    """Names the activity in clips; one session serves every camera, and any thread may call it.

    ModelError if the file is not an ONNX model, carries no metadata, or does not fit it.
    """

    def __init__(
        self, model: str | Path = DEFAULT, provider: str = "cpu", content: bytes | None = None
    ) -> None:
        """`model` is the name of one in the package, or a file, whose `content` may be known."""
        self.path = path = model_path(model)
        wanted = _provider(provider)
        content = read_model(path) if content is None else content
        if path.suffix in (".keras", ".h5", ".hdf5"):
            raise ModelError(f"{path}: a Keras model; {_EXPORT.format(path)}")
        self.sha256 = hashlib.sha256(content).hexdigest()
        try:
            # Its fallback, to the provider that failed, would print to standard output.
            session = onnx_runtime().InferenceSession(
                content, _session_options(wanted), providers=[wanted], enable_fallback=0
            )
            written = session.get_modelmeta().custom_metadata_map
            taken, given = _ports(session.get_inputs()), _ports(session.get_outputs())
        except Exception as error:  # ONNX Runtime's errors share no class of their own
            raise ModelError(f"{path}: {_why(error)}") from None
        self._session = session
        if (used := self._session.get_providers()[0]) != wanted:
            raise ConfigError(f"inference.provider {provider}: cannot be used here: it is {used}")
        if METADATA_KEY not in written:
            raise ModelError(
                f"{path}: carries no metadata of har-monitor; har-export writes it, "
                "where it makes an ONNX file of a Keras model"
            )
        self.metadata: ModelMetadata = parse_metadata(written[METADATA_KEY], path)
        self._check_graph(taken, given)
        self._classify: Classify = with_zoom(
            self._run_each, self.metadata.zoom, self.metadata.alert_places
        )
        self.classify(np.zeros((1, *self.metadata.clip.shape), np.uint8))  # runs, gives numbers

    def classify(self, clips: NDArray[np.uint8]) -> Outputs:
        """Scores, and novelty where the metadata has it, of clips (N, T, H, W, 3) uint8 RGB."""
        return self._classify(clips)

    def _run_each(self, clips: NDArray[np.uint8]) -> Outputs:
        """One after the other: batches gain nothing on one thread, and a graph may take but one."""
        found = [self._run(clips[at : at + 1]) for at in range(len(clips))]
        scores = np.concatenate([outputs.scores for outputs in found])
        told = [outputs.novelty for outputs in found if outputs.novelty is not None]
        return Outputs(scores, np.concatenate(told) if told else None)

    def _run(self, clip: NDArray[np.uint8]) -> Outputs:
        """The outputs for one clip, (1, T, H, W, 3)."""
        names = [OUTPUT] if self.metadata.unknown is None else [OUTPUT, NOVELTY]
        try:
            found: list[NDArray[np.float32]] = self._session.run(names, {INPUT: clip})
        except Exception as error:  # see above
            raise ModelError(f"{self.path}: cannot be run: {_first(error)}") from None
        shapes = {OUTPUT: (1, len(self.metadata.labels)), NOVELTY: (1,)}
        for name, values in zip(names, found, strict=True):
            if values.shape != shapes[name]:  # whatever the graph declares
                raise ModelError(
                    f"{self.path}: gives {name} {values.shape}; "
                    f"its metadata promises {shapes[name]}"
                )
            if not np.isfinite(values).all():
                raise ModelError(f"{self.path}: gives {name} that are NaN or infinite")
        return Outputs(found[0], found[1] if len(found) > 1 else None)

    def predict(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The scores alone, (N, labels)."""
        return self.classify(clips).scores

    def _check_graph(self, taken: Ports, given: Ports) -> None:
        """The graph's input and output are those that the metadata promises."""
        clip: Ports = {INPUT: ("tensor(uint8)", self.metadata.network_clip.shape)}
        gives: Ports = {OUTPUT: ("tensor(float)", (len(self.metadata.labels),))}
        if self.metadata.unknown is not None:
            gives[NOVELTY] = ("tensor(float)", ())
        for what, found, expected in (("input", taken, clip), ("output", given, gives)):
            if found != expected:
                raise ModelError(
                    f"{self.path}: {what} {_graph_text(found)}; "
                    f"its metadata promises {_graph_text(expected)}"
                )


def sha256_of(path: Path) -> str:
    """What tells a model file from all others; ModelError if it cannot be read."""
    return hashlib.sha256(read_model(path)).hexdigest()


def read_model(path: Path) -> bytes:
    """The file's bytes; ModelError if it is no file, or too large for one."""
    try:
        found = path.stat()
        if (path / "saved_model.pb").is_file():
            raise ModelError(
                f"{path}: a SavedModel of TensorFlow; save the network as NAME.keras; "
                + _EXPORT.format("NAME.keras")
            )
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for
            raise ModelError(f"{path}: not a file")
        if found.st_size > MOST_BYTES:
            raise ModelError(f"{path}: has {found.st_size} bytes; allowed: {MOST_BYTES}")
        return path.read_bytes()
    except OSError as error:
        why = (error.strerror or "cannot be read").lower()
        if isinstance(error, FileNotFoundError) and not path.suffix:
            why += f"; models in the package: {', '.join(SHIPPED)}"
        raise ModelError(f"{path}: {why}") from None


def _provider(name: str) -> str:
    """ONNX Runtime's execution provider of a name; ConfigError if it has none."""
    names: list[str] = onnx_runtime().get_available_providers()
    known = {full.removesuffix(_PROVIDER).lower(): full for full in names}
    if name.lower() not in known:
        raise ConfigError(
            f"inference.provider {name}: not in this ONNX Runtime; it has {', '.join(known)}"
        )
    return known[name.lower()]


def _session_options(provider: str) -> Any:
    options = onnx_runtime().SessionOptions()
    if provider != f"CPU{_PROVIDER}":  # all of the model, or an error: never a part on the cores
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    # The cores belong to the cameras: one thread a window is the most windows a CPU-second, and a
    # spinning pool would double the CPU time for nothing.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A model is all in its file. Of what refers to others, ONNX Runtime would read some from the
    # working directory; no file lies in what is no folder.
    options.add_session_config_entry(_FOLDER_OPTION, "/dev/null/none")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # never its own, unasked
    options.log_severity_level = 4  # what matters is raised
    return options


def _ports(found: Sequence[Any]) -> Ports:
    return {port.name: (port.type, tuple(port.shape[1:])) for port in found}


def _graph_text(ports: Ports) -> str:
    text = ", ".join(
        f"{name} {kind.removeprefix('tensor(').removesuffix(')')} "
        f"({', '.join(map(str, ('N', *shape)))})"
        for name, (kind, shape) in ports.items()
    )
    return printable(text)[:300]


def _why(error: Exception) -> str:
    """Why a model cannot be loaded."""
    if _ELSEWHERE.search(str(error)):
        return "a part of it lies in other files, which are not read; har-export writes one file"
    return f"not an ONNX model that can be run: {_first(error)}"


def _first(error: Exception) -> str:
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    return printable(words.rpartition(" : ")[2])[:200]
