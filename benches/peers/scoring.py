"""What ONNX Runtime takes for the network that `benches/scoring.rs` wrote, on one thread.

    pip install onnx onnxruntime numpy
    cargo bench --bench scoring -- --write /tmp/scoring --peer python3

The benchmark starts this program, and asks for medians of runs, line by line. The graph is the best that we know of: rows
of ids are gathered and joined, all towers are one matrix, and what is behind them is another, with zeros between heads.
Inputs and outputs are bound, so that nothing is copied. Scores that differ from those of the benchmark end it.
"""

import json
import sys
import time

import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def load(folder):
    about = json.load(open(f"{folder}/about.json"))
    read = lambda name, kind: numpy.fromfile(f"{folder}/{name}", dtype=kind)
    rows = about["rows"]
    weights, tensors, start = read("weights.f32", "float32"), {}, 0
    for tensor in about["tensors"]:
        end = start + int(numpy.prod(tensor["shape"]))
        tensors[tensor["name"]] = weights[start:end].reshape(tensor["shape"])
        start = end
    numbers = read("numbers.f32", "float32").reshape(rows, -1)
    ids = read("ids.u32", "uint32").reshape(-1, rows).astype("int32")
    return about, tensors, numbers, ids, read("scores.f32", "float32").reshape(rows, -1)


def graph(about, tensors, numbers, ids):
    nodes, constants = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(numpy.ascontiguousarray(values, dtype="float32"), name))
        return name

    def node(kind, inputs, output, **given):
        nodes.append(helper.make_node(kind, inputs, [output], **given))
        return output

    last = "numbers"
    if about["mean"]:
        scale = 1 / numpy.array(about["deviation"])
        last = node("Sub", [last, constant("mean", about["mean"])], "apart")
        last = node("Mul", [last, constant("scale", scale)], "scaled")
        last = node("Clip", [last, constant("least", -5.0), constant("most", 5.0)], "zscores")
    parts = [last]
    for place in range(len(ids)):
        table = constant(f"table{place}", tensors[f"ids.{place}.weight"])
        parts.append(node("Gather", [table, f"ids{place}"], f"rows{place}"))
    last = node("Concat", parts, "joined", axis=1)
    for name in [name for name in tensors if name.endswith(".weight") and name.startswith(("body", "tower"))]:
        layer = name.removesuffix(".weight")
        given = [last, constant(name, tensors[name]), constant(f"{layer}.bias", tensors[f"{layer}.bias"])]
        last = node("Relu", [node("Gemm", given, f"{layer}.sum")], f"{layer}.out")
    heads, width = tensors["head.weight"].shape
    behind = numpy.zeros((heads * width, heads))
    for head in range(heads):
        behind[head * width : (head + 1) * width, head] = tensors["head.weight"][head]
    given = [last, constant("head.weight", behind), constant("head.bias", tensors["head.bias"])]
    node("Sigmoid", [node("Gemm", given, "logits")], "scores")
    info = helper.make_tensor_value_info
    inputs = [info("numbers", TensorProto.FLOAT, list(numbers.shape))]
    inputs += [info(f"ids{place}", TensorProto.INT32, [len(numbers)]) for place in range(len(ids))]
    outputs = [info("scores", TensorProto.FLOAT, [len(numbers), heads])]
    made = helper.make_graph(nodes, "scoring", inputs, outputs, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def main():
    about, tensors, numbers, ids, expected = load(sys.argv[1])
    network = session(graph(about, tensors, numbers, ids))
    bound = network.io_binding()
    bound.bind_cpu_input("numbers", numbers)
    for place, column in enumerate(ids):
        bound.bind_cpu_input(f"ids{place}", column)
    bound.bind_output("scores", "cpu")
    network.run_with_iobinding(bound)
    apart = numpy.abs(bound.copy_outputs_to_cpu()[0] - expected).max()
    if not apart < 1e-5:
        sys.exit(f"scores differ by {apart}")
    scores = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros(expected.shape, "float32"))
    bound.bind_ortvalue_output("scores", scores)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            network.run_with_iobinding(bound)
            times.append(time.perf_counter() - start)
        print(sorted(times)[len(times) // 2], flush=True)


main()
