#!/usr/bin/env python3
"""Writes recorded/microsoft.json for microsoft.test.ts: operators of com.microsoft on small random inputs, and what onnxruntime makes of them. With a folder as argument,
writes the same as cases for `npm run conformance -- --data FOLDER`. Needs onnx and onnxruntime."""
import json, os, sys
import numpy as np, onnx, onnxruntime as ort
from onnx import helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(7)
NAMES = {"float32": "f32", "int32": "i32", "int64": "i64", "uint8": "u8", "int8": "i8", "bool": "bool"}
# So that weights stay bytes of full range: instructions for products of bytes otherwise saturate.
f = lambda *shape: np.round(rng.uniform(-1, 1, shape), 3).astype(np.float32)
u8 = lambda *shape: rng.integers(0, 256, shape).astype(np.uint8)
u7 = lambda *shape: rng.integers(0, 128, shape).astype(np.uint8)
i8 = lambda *shape: rng.integers(-60, 61, shape).astype(np.int8)
s = lambda x: np.float32(x)
z8 = lambda x: np.uint8(x)
zi = lambda x: np.int8(x)
i32 = lambda *v: np.array(v, np.int32)
cases = []


def case(op, inputs, outputs=1, constant=(), dims=None, **attributes):
    cases.append((op, inputs, outputs, list(constant), attributes))


x, row = f(2, 3, 4), f(4)
case("Gelu", [x]); case("BiasGelu", [x, row]); case("FastGelu", [x]); case("FastGelu", [x, row]); case("QuickGelu", [x]); case("QuickGelu", [x], alpha=0.8)
case("SkipLayerNormalization", [x, f(2, 3, 4), row, f(4), f(4)], 4, epsilon=1e-5)
case("SkipLayerNormalization", [x, f(1, 3, 4), row]); case("SkipLayerNormalization", [x, f(3, 4), row, f(4)], 1)
case("SkipSimplifiedLayerNormalization", [x, f(2, 3, 4), row, f(4)], 4, epsilon=1e-5); case("SkipSimplifiedLayerNormalization", [x, f(2, 3, 4), row])
im, w = f(1, 4, 5, 6), f(6, 2, 3, 3)
for a in [dict(activation="Relu"), dict(activation="LeakyRelu", activation_params=[0.1]), dict(activation="Clip", activation_params=[-0.2, 0.4]), dict(activation="HardSigmoid", activation_params=[0.3, 0.4]), dict(activation="Tanh"), dict(activation="Sigmoid")]:
    case("FusedConv", [im, w, f(6)], group=2, pads=[1, 0, 1, 2], strides=[1, 2], dilations=[1, 1], **a)
case("FusedConv", [im, f(3, 4, 1, 1), f(3), f(1, 3, 5, 6)], activation="Relu")
case("FusedGemm", [f(3, 4), f(5, 4), f(5)], transB=1, alpha=0.5, beta=2.0, activation="Relu"); case("FusedGemm", [f(4, 3), f(4, 5)], transA=1, activation="LeakyRelu", activation_alpha=0.2)
case("FusedMatMul", [f(2, 3, 4), f(2, 5, 4)], transB=1, alpha=0.3); case("FusedMatMul", [f(2, 4, 3), f(4, 5)], transA=1)
case("FusedMatMul", [f(3, 2, 4), f(2, 4, 5)], transBatchA=1); case("FusedMatMul", [f(2, 3, 4), f(5, 2, 4)], transBatchB=1, transB=1); case("FusedMatMul", [f(4, 2, 3), f(4, 2, 5)], transA=1, transBatchA=1, transBatchB=1)
case("TransposeMatMul", [f(2, 3, 4), f(2, 5, 4)], transB=1, alpha=0.3)
case("ExpandDims", [x, i32(-1)[0]], constant=[1]); case("Trilu", [f(3, 4), np.int64(1)], upper=0, constant=[1]); case("GatherND", [x, np.array([[0, 1], [1, 2]], np.int64)])
case("Pad", [f(2, 3), np.array([1, 0, 0, 2], np.int64), np.array([0.5], np.float32)], mode="constant", constant=[1]); case("Pad", [f(3, 4), np.array([1, 2, 1, 0], np.int64)], mode="reflect", constant=[1])
for mode, pad, corners in [("bilinear", "zeros", 0), ("nearest", "border", 1), ("bicubic", "reflection", 0)]:
    case("GridSample", [f(1, 2, 4, 4), f(1, 3, 2, 2) * 1.2], mode=mode, padding_mode=pad, align_corners=corners)
case("ConvTransposeWithDynamicPads", [f(1, 2, 4, 4), f(2, 3, 3, 3), np.array([1, 0, 1, 2], np.int64), f(3)], strides=[2, 1], output_padding=[1, 0], constant=[2])

q = lambda *shape: [u8(*shape), s(0.02), z8(120)]
qi = lambda *shape: [i8(*shape), s(0.02), zi(5)]
case("QLinearAdd", q(2, 3) + q(3) + [s(0.03), z8(128)]); case("QLinearAdd", qi(2, 3) + qi(1, 3) + [s(0.03), zi(3)]); case("QLinearMul", q(2, 3) + q(2, 1) + [s(0.03), z8(128)])
case("QLinearSigmoid", q(2, 5) + [s(1 / 256), z8(0)]); case("QLinearLeakyRelu", q(2, 5) + [s(0.02), z8(100)], alpha=0.1)
case("QLinearConcat", [s(0.025), z8(110)] + q(2, 3) + [u8(2, 2), s(0.03), z8(100)], axis=1)
case("QLinearGlobalAveragePool", q(1, 3, 4, 5) + [s(0.01), z8(128)], channels_last=0)
case("QLinearAveragePool", q(1, 2, 6, 6) + [s(0.015), z8(128)], kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]); case("QLinearAveragePool", q(1, 2, 6, 6) + [s(0.015), z8(128)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1, strides=[2, 2])
case("QLinearSoftmax", [u8(2, 3, 4), s(0.1), z8(120), s(1 / 256), z8(0)], axis=1, opset=13); case("QLinearSoftmax", [u8(2, 3, 4), s(0.1), z8(120), s(1 / 256), z8(0)], axis=1, opset=12); case("QLinearSoftmax", [i8(2, 5), s(0.1), zi(3), s(1 / 256), zi(-128)], axis=-1, opset=13)
case("QLinearWhere", [np.array([[True], [False]])] + q(2, 3) + [u8(3), s(0.03), z8(90), s(0.03), z8(128)])
A, B = f(3, 4), i8(4, 5)
case("DynamicQuantizeMatMul", [A, B, s(0.02), zi(0), f(5)]); case("DynamicQuantizeMatMul", [f(2, 3, 4), u8(4, 5), np.abs(f(5)) + s(0.1), u8(5)])
case("MatMulIntegerToFloat", [u8(3, 4), B, s(0.02), s(0.03), z8(120), zi(2), f(5)]); case("MatMulIntegerToFloat", [i8(2, 3, 4), B, s(0.02), np.abs(f(5)), zi(3), np.zeros(5, np.int8)])
case("QGemm", [u8(3, 4), s(0.02), z8(128), i8(5, 4), np.abs(f(5)) + s(0.1), np.zeros(5, np.int8), rng.integers(-99, 99, 5).astype(np.int32), s(0.5), z8(100)], transB=1); case("QGemm", [u8(4, 3), s(0.02), z8(128), i8(4, 5), s(0.03), zi(1)], transA=1, alpha=0.5)
for bits, block, K in [(4, 16, 40), (8, 16, 32), (4, 32, 32), (2, 16, 48)]:
    blocks, N, blob = -(-K // block), 3, block * bits // 8
    weights, scales, line = u8(N, blocks, blob), np.abs(f(N * blocks)) / 8, -(-blocks * bits // 8)
    kw = dict(K=K, N=N, bits=bits, block_size=block, constant=[1, 2, 3, 4])
    if bits != 2: case("MatMulNBits", [f(2, K), weights, scales], **kw)
    case("MatMulNBits", [f(2, K), weights, scales, u8(N * line)], **kw)
    if bits == 4: case("MatMulNBits", [f(2, 2, K), weights, scales, None, None, f(N)], **kw)
    if bits == 4 and K == 40: case("MatMulNBits", [f(2, K), weights, scales, None, rng.permutation(np.arange(K) // block).astype(np.int32)], **kw)
case("GatherBlockQuantized", [u8(6, 16), np.array([[1, 5], [0, 2]], np.int64), np.abs(f(6, 2)), u8(6, 1)], bits=4, block_size=16, quantize_axis=1, gather_axis=0, constant=[0, 2, 3])
case("GatherBlockQuantized", [u8(6, 32), np.array([3, -1], np.int32), np.abs(f(6, 2))], bits=8, block_size=16, quantize_axis=1, gather_axis=0, constant=[0, 2])
D = 2
W, R = i8(D, 4, 12), i8(D, 3, 12)
case("DynamicQuantizeLSTM", [f(5, 2, 4), W, R, f(D, 24), None, f(D, 2, 3), f(D, 2, 3), None, np.array([0.01, 0.008], np.float32), np.zeros(D, np.int8), np.array([0.01, 0.012], np.float32), np.zeros(D, np.int8)], 3, hidden_size=3, direction="bidirectional")
case("DynamicQuantizeLSTM", [f(5, 2, 4), W[:1], R[:1], None, None, None, None, None, np.full((1, 12), 0.01, np.float32), np.zeros((1, 12), np.int8), np.full((1, 12), 0.012, np.float32), np.zeros((1, 12), np.int8)], 3, hidden_size=3)

# Transformers: batch 2, 3 rows, 2 heads of 4.
X, WA, BA, past = f(2, 3, 6), f(6, 24), f(24), f(2, 2, 2, 2, 4)
case("Attention", [X, WA, BA], num_heads=2); case("Attention", [X, WA, BA], 2, num_heads=2, unidirectional=1, scale=0.3); case("Attention", [X, WA, BA, i32(2, 3)], num_heads=2); case("Attention", [X, WA, BA, i32(3, 2, 1, 0)], num_heads=2)
case("Attention", [X, WA, BA, np.array([[1, 1, 0], [1, 0, 0]], np.int32)], num_heads=2); case("Attention", [X, WA, BA, rng.integers(0, 2, (2, 3, 3)).astype(np.int32) | np.eye(3, dtype=np.int32)], num_heads=2, mask_filter_value=-3.0)
case("Attention", [X, WA, BA, np.array([[1, 1, 0, 1, 1], [1, 1, 1, 1, 0]], np.int32), past], 2, num_heads=2, unidirectional=1); case("Attention", [X, f(6, 20), f(20), None, None, f(2, 2, 3, 3)], num_heads=2, qkv_hidden_sizes=[8, 8, 4]); case("Attention", [X, WA], num_heads=2)
case("QAttention", [u8(2, 3, 6), i8(6, 24), f(24), s(0.02), s(0.01), np.array([[1, 1, 0], [1, 0, 0]], np.int32), z8(120), zi(0)], num_heads=2); case("QAttention", [u8(2, 3, 6), i8(6, 24), f(24), s(0.02), s(0.01), None, z8(120), zi(0), past], 2, num_heads=2, unidirectional=1)
Q, K, V = f(2, 3, 8), f(2, 5, 8), f(2, 5, 8)
case("MultiHeadAttention", [Q, K, V], num_heads=2); case("MultiHeadAttention", [Q, K, f(2, 5, 6), f(22)], num_heads=2, scale=0.4); case("MultiHeadAttention", [Q, K, V, None, np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32), f(2, 2, 3, 5)], num_heads=2)
case("MultiHeadAttention", [Q, f(2, 3, 8), f(2, 3, 8), f(24), None, None, f(2, 2, 4, 4), f(2, 2, 4, 4)], 3, num_heads=2, unidirectional=1); case("MultiHeadAttention", [Q, f(2, 2, 5, 4), f(2, 2, 5, 4)], num_heads=2); case("MultiHeadAttention", [Q, K, V, None, i32(3, 5)], num_heads=2)
half = rng.uniform(0, 3, (8, 2)); cos, sin = np.cos(half).astype(np.float32), np.sin(half).astype(np.float32)
case("RotaryEmbedding", [f(2, 3, 8), np.array([2], np.int64), cos, sin]); case("RotaryEmbedding", [f(2, 2, 3, 4), np.array([[0, 1, 2], [5, 3, 1]], np.int64), cos, sin], interleaved=1); case("RotaryEmbedding", [f(2, 3, 12), np.array([1], np.int64), cos, sin], num_heads=2, rotary_embedding_dim=4)
half = rng.uniform(0, 3, (8, 8)); cos, sin = np.cos(half).astype(np.float32), np.sin(half).astype(np.float32)
kv = lambda rows: [f(2, rows, 16), f(2, rows, 16)]
buffer = lambda rows: [f(2, 1, rows, 16), f(2, 1, rows, 16)]
G = dict(num_heads=2, kv_num_heads=1)
case("GroupQueryAttention", [f(2, 3, 32)] + kv(3) + [None, None, i32(2, 2), np.array(3, np.int32)], 3, constant=[6], **G); case("GroupQueryAttention", [f(2, 3, 64), None, None, None, None, i32(2, 2), np.array(3, np.int32), cos, sin], 3, constant=[6], do_rotary=1, **G)
case("GroupQueryAttention", [f(2, 1, 32)] + kv(1) + buffer(4) + [i32(4, 4), np.array(5, np.int32), cos, sin], 3, constant=[6], do_rotary=1, **G); case("GroupQueryAttention", [f(2, 1, 32)] + kv(1) + buffer(6) + [i32(3, 2), np.array(4, np.int32), cos, sin], 3, constant=[6], do_rotary=1, rotary_interleaved=1, softcap=0.7, **G)
case("GroupQueryAttention", [f(2, 5, 32)] + kv(5) + [None, None, i32(4, 4), np.array(5, np.int32)], 3, constant=[6], local_window_size=2, scale=0.6, **G); case("GroupQueryAttention", [f(1, 2, 32), f(1, 2, 16), f(1, 2, 16), f(1, 1, 3, 16), f(1, 1, 3, 16), i32(4), np.array(5, np.int32)], 3, constant=[6], **G)
ids = lambda n, *shape: rng.integers(0, n, shape).astype(np.int32)
case("EmbedLayerNormalization", [ids(5, 2, 3), ids(2, 2, 3), f(5, 4), f(6, 4), f(2, 4), f(4), f(4), np.array([[1, 1, 0], [1, 1, 1]], np.int32)], 3, epsilon=1e-5); case("EmbedLayerNormalization", [ids(5, 2, 3), None, f(5, 4), f(6, 4), None, f(4), f(4), None, ids(6, 1, 3)], 2)

# More of it, last, so that the numbers of all others stay.
for N, batch_lengths, direction, kind, columns in [(1, None, "reverse", u7, True), (3, [6, 2, 4], "forward", i8, True), (3, None, "bidirectional", u7, False), (2, None, "forward", i8, False)]:
    D = 2 if direction == "bidirectional" else 1
    scale, middle = (lambda: np.abs(f(*((D, 20) if columns else (D,)))) / 50 + s(0.005)), np.full((D, 20) if columns else (D,), 60 if kind is u7 else 0, np.int8 if kind is i8 else np.uint8)
    case("DynamicQuantizeLSTM", [f(1 if N == 2 else 6, N, 4), kind(D, 4, 20), kind(D, 5, 20), f(D, 40), i32(*batch_lengths) if batch_lengths else None, f(D, N, 5), f(D, N, 5), f(D, 15), scale(), middle, scale(), middle], 3, constant=[1, 2, 8, 9, 10, 11], hidden_size=5, direction=direction)


def tensor(a):
    # As decimals that give back the same single-precision number.
    data = [float(np.format_float_scientific(v)) if a.dtype == np.float32 else int(v) for v in a.ravel()]
    return {"dtype": NAMES[a.dtype.name], "shape": list(a.shape), "data": data}


def run(op, inputs, outputs, constant, attributes, folder=None):
    given = [np.asarray(a) if a is not None else None for a in inputs]
    node = helper.make_node(op, [f"in{i}" if a is not None else "" for i, a in enumerate(given)], [f"out{i}" for i in range(outputs)], domain="com.microsoft", **attributes)
    if op in ("SkipSimplifiedLayerNormalization",) and outputs == 4: node.output[1] = node.output[2] = ""
    names = [o for o in node.output if o]
    info = [helper.make_tensor_value_info(f"in{i}", helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for i, a in enumerate(given) if a is not None and i not in constant]
    held = [numpy_helper.from_array(a, f"in{i}") for i, a in enumerate(given) if a is not None and i in constant]
    make = lambda outs: helper.make_model(helper.make_graph([node], "g", info, outs, held), opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
    # Each thread of DynamicQuantizeLSTM rounds the states of its own sequences.
    options = ort.SessionOptions(); options.log_severity_level = 3; options.intra_op_num_threads = 1
    feeds = {f"in{i}": a for i, a in enumerate(given) if a is not None and i not in constant}
    results = ort.InferenceSession(make([onnx.ValueInfoProto(name=o) for o in names]).SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)
    if folder:
        os.makedirs(os.path.join(folder, "test_data_set_0"))
        onnx.save(make([helper.make_tensor_value_info(o, helper.np_dtype_to_tensor_dtype(r.dtype), r.shape) for o, r in zip(names, results)]), os.path.join(folder, "model.onnx"))
        for kind, list_ in (("input", list(feeds.items())), ("output", list(zip(names, results)))):
            for i, (name, a) in enumerate(list_):
                with open(os.path.join(folder, "test_data_set_0", f"{kind}_{i}.pb"), "wb") as file: file.write(numpy_helper.from_array(a, name).SerializeToString())
    found = dict(zip(names, results))
    return {"op": op, "attributes": attributes, "constant": constant, "inputs": [tensor(a) if a is not None else None for a in given], "outputs": [tensor(found[o]) if o else None for o in node.output]}


lines, failed = [], 0
for k, (op, *rest) in enumerate(cases):
    try:
        lines.append(json.dumps(run(op, *rest, folder=os.path.join(sys.argv[1], "node", f"test_{k:03d}_{op.lower()}") if len(sys.argv) > 1 else None), separators=(",", ":")))
    except Exception as e:
        failed += 1
        print(op, rest[-1], str(e)[:300])
with open(os.path.join(HERE, "recorded", "microsoft.json"), "w") as file: file.write("[\n" + ",\n".join(lines) + "\n]\n")
print(len(lines), "cases,", failed, "failed")
