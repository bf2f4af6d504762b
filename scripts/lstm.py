"""A network of two LSTM layers, written node by node: neither torch nor its way of exporting them is needed."""
import numpy as np

STEPS, WIDTH, HIDDEN = 50, 128, 256


def sequence(seed):
    """Smooth signals and a little noise: (STEPS, 1, WIDTH) float32."""
    rng = np.random.default_rng(seed)
    t, phase, speed = np.arange(STEPS)[:, None, None], rng.uniform(0, 6.3, WIDTH), rng.uniform(0.05, 0.6, WIDTH)
    return (np.sin(t * speed + phase) + rng.normal(0, 0.1, (STEPS, 1, WIDTH))).astype(np.float32)


def write(path):
    """input (STEPS, 1, WIDTH) -> output (STEPS, 1, HIDDEN), opset 13."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    rng, nodes, constants, value = np.random.default_rng(5), [], [numpy_helper.from_array(np.array([1], np.int64), "axes")], "input"
    for layer, width in enumerate((WIDTH, HIDDEN)):
        bound = HIDDEN ** -0.5
        for name, shape in (("W", (1, 4 * HIDDEN, width)), ("R", (1, 4 * HIDDEN, HIDDEN)), ("B", (1, 8 * HIDDEN))):
            constants.append(numpy_helper.from_array(rng.uniform(-bound, bound, shape).astype(np.float32), f"{name}{layer}"))
        nodes.append(helper.make_node("LSTM", [value, f"W{layer}", f"R{layer}", f"B{layer}"], [f"y{layer}"], name=f"layer{layer}", hidden_size=HIDDEN))
        value = "output" if layer else f"x{layer + 1}"
        nodes.append(helper.make_node("Squeeze", [f"y{layer}", "axes"], [value], name=f"squeeze{layer}"))
    tensor = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, [STEPS, 1, width])
    graph = helper.make_graph(nodes, "lstm", [tensor("input", WIDTH)], [tensor("output", HIDDEN)], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
