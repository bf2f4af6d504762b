#!/usr/bin/env python3
"""Writes recurrent networks with random weights as ONNX files, in the form in which PyTorch exports them.

    python3 scripts/export-recurrent.py [FOLDER]        (default: .cache/recurrent)

Needs numpy and onnx. Names say the kind, steps T, batch B, inputs I, hidden size H; all have two layers, initial states of zeros and
the states after the last step as further outputs.
"""
import os, sys
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NETWORKS = [  # kind, steps, batch, inputs, hidden, bidirectional
    ("LSTM", 50, 1, 128, 256, False), ("LSTM", 50, 8, 128, 256, False), ("LSTM", 100, 1, 64, 128, True), ("LSTM", 100, 8, 64, 128, True),
    ("GRU", 50, 1, 128, 256, False), ("GRU", 50, 8, 128, 256, False), ("RNN", 50, 1, 128, 256, False), ("LSTM", 1, 1, 128, 128, False),
]


def network(kind, steps, batch, inputs, hidden, both, layers=2):
    gates, d = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 2 if both else 1
    rng, nodes, weights, states = np.random.default_rng(3), [], [], []

    def constant(name, array):
        weights.append(numpy_helper.from_array(array, name))
        return name

    def node(op, ins, outs, **attributes):
        nodes.append(helper.make_node(op, ins, outs, name=f"/{op.lower()}_{len(nodes)}", **attributes))
        return outs[0]
    value, width, scale = "input", inputs, 1 / np.sqrt(hidden)
    for i in range(layers):
        uniform = lambda *shape: rng.uniform(-scale, scale, shape).astype(np.float32)
        w, r, b = constant(f"W{i}", uniform(d, gates * hidden, width)), constant(f"R{i}", uniform(d, gates * hidden, hidden)), constant(f"B{i}", uniform(d, 2 * gates * hidden))
        zero = [constant(f"zero{i}_{k}", np.zeros((d, batch, hidden), np.float32)) for k in range(2 if kind == "LSTM" else 1)]
        ends = [f"{s}{i}" for s in ("h", "c")[:len(zero)]]
        more = {"linear_before_reset": 1} if kind == "GRU" else {}
        y = node(kind, [value, w, r, b, "", *zero], [f"Y{i}", *ends], hidden_size=hidden, direction="bidirectional" if both else "forward", **more)
        states.append(ends)
        if both:
            turned = node("Transpose", [y], [f"T{i}"], perm=[0, 2, 1, 3])
            value = node("Reshape", [turned, constant(f"shape{i}", np.array([0, 0, -1], np.int64))], [f"X{i}"])
        else:
            value = node("Squeeze", [y, constant(f"axes{i}", np.array([1], np.int64))], [f"X{i}"])
        width = d * hidden
    outputs = [helper.make_tensor_value_info(value, TensorProto.FLOAT, [steps, batch, width])]
    for k, ends in enumerate(zip(*states)):
        outputs.append(helper.make_tensor_value_info(node("Concat", list(ends), [f"last{k}"], axis=0), TensorProto.FLOAT, [layers * d, batch, hidden]))
    graph = helper.make_graph(nodes, "recurrent", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [steps, batch, inputs])], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model


if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, ".cache", "recurrent")
    os.makedirs(folder, exist_ok=True)
    for kind, steps, batch, inputs, hidden, both in NETWORKS:
        name = f"{'bi' if both else ''}{kind.lower()}_T{steps}_B{batch}_I{inputs}_H{hidden}.onnx"
        save(network(kind, steps, batch, inputs, hidden, both), os.path.join(folder, name))
        print(name)
