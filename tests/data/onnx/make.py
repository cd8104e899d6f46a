"""Networks in ONNX, and what ONNX Runtime says they give: `python3 make.py` (needs onnx, onnxruntime and numpy).

`cases.json` has for each network the numbers that its inputs were given, row after row, and those of its outputs; null is NaN.
"""

import json
import math
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, save

FOLDER = Path(__file__).parent
ROWS = 11
chance = np.random.default_rng(5)
FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32


def weights(name, *shape, scale=0.5):
    return numpy_helper.from_array((chance.normal(size=shape) * scale).astype(np.float32), name)


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def network(nodes, inputs, outputs, constants, opset=17, domains=()):
    graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def x(width=4, rows="n"):
    return value("x", FLOAT, [rows, width])


def y(width=1, rows="n"):
    return value("y", FLOAT, [rows, width])


def layers(between, width=1, last="Sigmoid", **attributes):
    return network(
        [
            node("Gemm", "x w1 b1", "a"),
            node(between, "a", "h", **attributes),
            node("Gemm", "h w2 b2", "z"),
            node(last, "z", "y"),
        ],
        [x()],
        [y(width)],
        [weights("w1", 4, 8), weights("b1", 8), weights("w2", 8, width), weights("b2", width)],
    )


def cases():
    yield "relu", layers("Relu")
    yield "tanh", layers("Tanh")
    yield "leaky", layers("LeakyRelu", alpha=0.2)
    yield "elu", layers("Elu")
    yield "softmax", layers("Relu", width=3, last="Softmax")
    yield "softplus", layers("HardSigmoid", last="Softplus")
    yield "norm", network(
        [
            node("LayerNormalization", "x s c", "a", axis=-1),
            node("MatMul", "a w", "b"),
            node("Add", "b x", "c2"),
            node("ReduceMean", "c2", "y", axes=[1], keepdims=1),
        ],
        [x()], [y()], [weights("s", 4), weights("c", 4), weights("w", 4, 4)],
    )
    yield "batch_norm", network(
        [
            node("BatchNormalization", "x s c m v", "a"),
            node("Gemm", "a w b", "y", transB=1, alpha=0.5),
        ],
        [x()], [y(2)],
        [weights("s", 4), weights("c", 4), weights("m", 4),
         numpy_helper.from_array(np.abs(chance.normal(size=4)).astype(np.float32) + 0.1, "v"),
         weights("w", 2, 4), weights("b", 2)],
    )
    yield "ids", network(
        [
            node("Gather", "table id", "e"),
            node("Squeeze", "e one", "s"),
            node("Concat", "s x", "a", axis=1),
            node("Gemm", "a w b", "z"),
            node("Sigmoid", "z", "y"),
        ],
        [value("id", INT64, ["n", 1]), x()], [y()],
        [weights("table", 7, 3), weights("w", 7, 1), weights("b", 1),
         numpy_helper.from_array(np.array([1], np.int64), "one")],
    )
    yield "flat_ids", network(
        [node("Gather", "table id", "e"), node("Mul", "e x", "p"), node("ReduceSum", "p axes", "y", keepdims=0)],
        [value("id", INT32, ["n"]), x(3)], [value("y", FLOAT, ["n"])],
        [weights("table", 7, 3), numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    yield "two_outputs", network(
        [node("Gemm", "x w b", "a"), node("Sigmoid", "a", "y"), node("ArgMax", "a", "best", axis=1, keepdims=0)],
        [x()], [y(3), value("best", INT64, ["n"])], [weights("w", 4, 3), weights("b", 3)],
    )
    yield "two_towers", network(
        [
            node("Gemm", "u wu bu", "a"), node("Gemm", "x wi bi", "b"),
            node("Mul", "a b", "p"), node("ReduceSum", "p axes", "y", keepdims=1),
        ],
        [value("u", FLOAT, ["n", 2]), x()], [y()],
        [weights("wu", 2, 5), weights("bu", 5), weights("wi", 4, 5), weights("bi", 5),
         numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    yield "missing", network(
        [
            node("IsNaN", "x", "m"), node("Where", "m mean x", "f"), node("Cast", "m", "mf", to=FLOAT),
            node("Concat", "f mf", "a", axis=1), node("Gemm", "a w b", "y"),
        ],
        [x()], [y()], [weights("mean", 4), weights("w", 8, 1), weights("b", 1)],
    )
    yield "cross", network(
        [node("Gemm", "x w b", "s"), node("Mul", "x s", "c"), node("Add", "c x", "d"),
         node("Clip", "d low high", "e"), node("Gemm", "e v b", "y")],
        [x()], [y()],
        [weights("w", 4, 1), weights("b", 1), weights("v", 4, 1),
         numpy_helper.from_array(np.float32(-3), "low"), numpy_helper.from_array(np.float32(3), "high")],
    )
    yield "gelu", network(
        [
            node("Gemm", "x w b", "a"), node("Div", "a root", "r"), node("Erf", "r", "e"),
            node("Add", "e one", "f"), node("Mul", "a f", "g"), node("Mul", "g half", "h"), node("Gemm", "h v c", "y"),
        ],
        [x()], [y()],
        [weights("w", 4, 6), weights("b", 6), weights("v", 6, 1), weights("c", 1),
         numpy_helper.from_array(np.float32(math.sqrt(2)), "root"),
         numpy_helper.from_array(np.float32(1), "one"), numpy_helper.from_array(np.float32(0.5), "half")],
    )
    yield "four_at_a_time", network(
        [node("Gemm", "x w b", "y")], [x(rows=4)], [y(rows=4)], [weights("w", 4, 1), weights("b", 1)],
    )
    yield "any_width", network(
        [node("ReduceSum", "x axes", "y", keepdims=1)],
        [value("x", FLOAT, ["n", "m"])], [y()], [numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )


def given(info):
    shape = [dim.dim_value or 4 for dim in info.type.tensor_type.shape.dim]
    shape[0] = ROWS
    if info.type.tensor_type.elem_type == FLOAT:
        numbers = (chance.normal(size=shape) * 2).astype(np.float32)
        numbers.flat[::13] = 0.0
        numbers.flat[5] = 1e-36
        return numbers
    kind = np.int64 if info.type.tensor_type.elem_type == INT64 else np.int32
    return chance.integers(0, 7, size=shape).astype(kind)


def plain(array):
    return [None if not math.isfinite(v) else float(v) for v in np.asarray(array, np.float64).reshape(-1)]


def main():
    told = {}
    for name, model in cases():
        save(model, FOLDER / f"{name}.onnx")
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        inputs = {info.name: given(info) for info in model.graph.input}
        if name == "missing":
            inputs["x"][2, 1] = inputs["x"][7, 0] = np.nan
        outputs = [info.name for info in model.graph.output]
        size = 4 if name == "four_at_a_time" else ROWS
        found = [[] for _ in outputs]
        for first in range(0, ROWS, size):
            part = {key: value[first : first + size] for key, value in inputs.items()}
            real = len(next(iter(part.values())))
            full = {key: np.concatenate([v, np.zeros((size - real, *v.shape[1:]), v.dtype)]) for key, v in part.items()}
            for place, output in enumerate(session.run(outputs, full)):
                found[place].append(output[:real])
        told[name] = {
            "inputs": {key: plain(value) for key, value in inputs.items()},
            "outputs": {key: plain(np.concatenate(value)) for key, value in zip(outputs, found)},
        }
    (FOLDER / "cases.json").write_text(json.dumps({"rows": ROWS, "cases": told}, indent=1) + "\n")


main()
