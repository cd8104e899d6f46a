"""What ONNX Runtime takes for the networks that `benches/onnx.rs` reads, on one thread.

    pip install onnx onnxruntime numpy
    cargo bench --features onnx --bench onnx -- --peer python3 /tmp/onnx

The benchmark starts this program with a folder and the name of a network. It writes the network, rows and scores there, and is then
asked for medians of runs, line by line. Inputs and outputs are bound, so that nothing but the network is measured.
"""

import sys
import time

import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROWS = 500
# numbers of a row, widths of layers, heads
SIZES = {"ranking": (64, [128, 64], 6), "wide": (256, [1024, 512, 256], 6)}


def network(width, hidden, heads):
    random, nodes, constants, last, before = numpy.random.default_rng(1), [], [], "x", width
    for place, units in enumerate([*hidden, heads]):
        weights = random.normal(size=(before, units)) * (2 / before) ** 0.5
        for name, values in ((f"w{place}", weights), (f"b{place}", random.normal(size=units) / 10)):
            constants.append(numpy_helper.from_array(values.astype("float32"), name))
        is_last = place == len(hidden)
        nodes.append(helper.make_node("Gemm", [last, f"w{place}", f"b{place}"], [f"z{place}"]))
        last = "scores" if is_last else f"h{place}"
        nodes.append(helper.make_node("Sigmoid" if is_last else "Relu", [f"z{place}"], [last]))
        before = units
    info = helper.make_tensor_value_info
    inputs, outputs = [info("x", TensorProto.FLOAT, ["n", width])], [info("scores", TensorProto.FLOAT, ["n", heads])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def main():
    folder, name = sys.argv[1:]
    width, hidden, heads = SIZES[name]
    model = network(width, hidden, heads)
    rows = numpy.random.default_rng(2).normal(size=(ROWS, width)).astype("float32")
    found = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros((ROWS, heads), "float32"))
    runtime = session(model)
    bound = runtime.io_binding()
    bound.bind_cpu_input("x", rows)
    bound.bind_ortvalue_output("scores", found)
    runtime.run_with_iobinding(bound)
    with open(f"{folder}/network.onnx", "wb") as file:
        file.write(model.SerializeToString())
    rows.tofile(f"{folder}/rows.f32")
    found.numpy().tofile(f"{folder}/scores.f32")
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            runtime.run_with_iobinding(bound)
            times.append(time.perf_counter() - start)
        print(sorted(times)[len(times) // 2], flush=True)


main()
