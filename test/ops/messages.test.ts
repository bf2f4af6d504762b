/** What entries say about models that are wrong, and how to help it. */
import { describe, expect, it } from "vitest";
import { Unsupported } from "../../compiler/ops/op.ts";
import { f32, i64, runOp, sample, scalarOf, tensorOf } from "./harness.ts";

type Call = Parameters<typeof runOp>;
function complaint(...call: Call): string {
  try {
    runOp(...call);
  } catch (e) {
    if (e instanceof Unsupported) return [e.message, e.hint].filter(Boolean).join(" | ");
    throw e;
  }
  return "no complaint";
}
const q = sample([1, 2, 3, 4]), x = sample([2, 3]), y = sample([4]), ints = tensorOf("i32", [2], [1, 2]);
const late = "make it a constant or initializer of the model, pin the shapes it is computed from with --shape or --dim, or say what a number that it is computed from can be: --value NAME=0..512";
const cases: readonly (readonly [call: Call, says: string])[] = [
  [["Exp", [ints]], "input 0 (in0) has type i32; Exp takes f32, f64, f16, bf16 | put a Cast in front of it"],
  [["Add", [x, y]], "shapes [2, 3] and [4] do not broadcast: dimension -1 is 3 and 4"],
  [["Add", [f32([2], [1, 2]), ints]], "inputs 0 and 1 have types f32 and i32, but must have the same | put a Cast in front of one"],
  [["Mod", [y, y]], "Mod of f32 needs fmod = 1 | set fmod to 1, or cast to an integer type"],
  [["BitShift", [tensorOf("u8", [1], [1]), tensorOf("u8", [1], [1])], { direction: "UP" }], 'attribute direction is "UP"; allowed are "LEFT" and "RIGHT"'],
  [["PRelu", [y, sample([2, 4])]], "slope of shape [2, 4] does not broadcast to the input's shape [4]"],
  [["Clip", [x, sample([2])]], "bound in1 must be one number"],
  [["Gelu", [x], { approximate: "sin" }], 'attribute approximate is "sin"; it can be "none", "tanh"'],
  [["Cast", [x], { to: 14 }], "attribute to is 14: the element type complex64 is not supported | supported are float32, float64, float16, bfloat16, float8e4m3fn, float8e4m3fnuz, float8e5m2, float8e5m2fnuz, float8e8m0, float4e2m1, int8, int16, int32, int64, uint8, uint16, uint32, uint64, int4, uint4, int2, uint2, bool"],
  [["BitCast", [x], { to: 11 }], "cannot see the bits of f32 as f64: 32 bits are not 64"],
  [["Reshape", [x, i64(4, 2)]], "cannot reshape [2, 3] (6 elements) to [4, 2]"],
  [["Reshape", [x, i64(-1, -1)]], "[-1, -1] is no shape: at most one dimension may be -1"],
  [["Reshape", [x, i64(2, 3, 0)]], "dimension 2 of [2, 3, 0] is 0 (as in the input), but the input [2, 3] has none such"],
  [["Reshape", [x, i64(6)], {}, { runtime: [1] }],
    `the shape is computed at run time, and the model does not state the shape of out0 | ${late}`],
  [["MaxUnpool", [sample([1, 1, 2, 2]), tensorOf("i64", [1, 1, 2, 2], [0, 1, 2, 3])], { kernel_shape: [2, -2] }], "attribute kernel_shape holds -2; at least 1 is needed"],
  [["TensorScatter", [sample([2, 1, 4, 5]), sample([2, 1, 1, 5]), tensorOf("i64", [], [0])]], "write_indices (input 2) has shape [], but must have [2]"],
  [["Attention", [q, q, q, undefined, tensorOf("i32", [1, 2, 3, 4], Array.from({ length: 24 }, () => 0)), q]], "input 4 (in4) has type i32; Attention takes f32 | put a Cast in front of it"],
  [["Trilu", [x, i64()]], "k of shape [0] must be one number"],
  [["Squeeze", [x, i64(0)]], "axis 0 of [2, 3] has size 2 and cannot be squeezed"],
  [["Unsqueeze", [x, i64(0, 0)]], "axes [0, 0] name one axis twice"],
  [["Transpose", [x], { perm: [0, 0] }], "perm [0, 0] is no permutation of the 2 axes of [2, 3]"],
  [["Flatten", [x], { axis: 3 }], "axis 3 does not exist in a tensor of rank 2"],
  [["Tile", [x, i64(2)]], "repeats [2] do not fit shape [2, 3]: one number per axis is needed"],
  [["DepthToSpace", [sample([1, 3, 2, 2])], { blocksize: 2 }], "3 channels are no multiple of blocksize 2 squared"],
  [["SpaceToDepth", [sample([1, 1, 3, 2])], { blocksize: 2 }], "height 3 and width 2 are no multiples of blocksize 2"],
  [["Slice", [x, i64(0), i64(1), i64(0), i64(0)]], "a step is 0"],
  [["Slice", [x, i64(0), i64(1, 2)]], "starts has 1 elements, but input 2 (in2) has 2"],
  [["Split", [x, i64(1, 1)], { axis: 1 }, { outputs: 2 }], "parts [1, 1] do not fit 2 outputs and axis 1 of size 3"],
  [["Concat", [x, sample([3, 3])], { axis: 1 }], "shapes [2, 3] and [3, 3] differ in more than axis 1"],
  [["Pad", [x, i64(0, 0, 1)]], "pads has 3 elements, but two for each of 2 axes are needed"],
  [["Pad", [x, i64(-3, 0, 0, 0)]], "padding [-3, 0, 0, 0] takes away more than shape [2, 3] has"],
  [["Pad", [x, i64(0, 0, 0, 0)], { mode: "mirror" }], 'attribute mode is "mirror"; allowed are constant, edge, reflect, wrap'],
  [["Gather", [x, i64(2)]], "index 2 is outside an axis of size 2"],
  [["Gather", [x, f32([1], [0])]], "input 1 (in1) has type f32; Gather takes i32, i64 | put a Cast in front of it"],
  [["GatherND", [x, tensorOf("i64", [1, 3], [0, 0, 0])]], "indices of shape [1, 3] do not fit data of shape [2, 3] with batch_dims 0"],
  [["GatherND", [x, tensorOf("i64", [1, 1], [0])], { batch_dims: -1 }], "indices of shape [1, 1] do not fit data of shape [2, 3] with batch_dims -1"],
  [["ai.onnx.ml.ArrayFeatureExtractor", [x, i64(0, 3)]], "there is no feature 3 in an input of shape [2, 3]"],
  [["ScatterElements", [x, tensorOf("i64", [1, 1], [0]), f32([1, 1], [1])], { reduction: "sum" }], 'attribute reduction is "sum"; allowed are none, add, mul, max, min'],
  [["ScatterND", [x, tensorOf("i64", [1, 1], [0]), sample([3])]], "updates have shape [3], but must have [1, 3]"],
  [["OneHot", [i64(1), scalarOf("i64", 3), sample([3])]], "values has shape [3], but must hold two: off and on"],
  [["Range", [scalarOf("i64", 0), scalarOf("i64", 4), scalarOf("i64", 0)], {}, {}],
    `the range is computed at run time, and the model does not state the shape of out0 | ${late.replace("a number that it is computed from", "it").replace("NAME", "in0")}`],
  [["ReduceSum", [x, i64(2)]], "axis 2 does not exist in a tensor of rank 2"],
  [["ReduceSum", [x, i64(0)], {}, { runtime: [1], declared: [3, 3] }], "no 1 axes lead from shape [2, 3] to the stated [3, 3]"],
  [["ReduceMean", [tensorOf("bool", [1], [1])]], "input 0 (in0) has type bool; ReduceMean takes f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64 | put a Cast in front of it"],
  [["ArgMax", [f32([2, 0], [])], { axis: 1 }], "axis 1 of [2, 0] has no elements"],
  [["TopK", [x, i64(4)]], "K is 4, but axis 1 of [2, 3] has 3 elements"],
  [["ai.onnx.preview.training.Momentum", [scalarOf("f32", 1), scalarOf("i64", 3), x, x, x], { alpha: 1, beta: 1, norm_coefficient: 0, mode: "fast" }, { outputs: 2 }], 'attribute mode is "fast"; it can be "standard", "nesterov"'],
  [["Attention", [sample([2, 0, 4, 8]), sample([2, 3, 6, 8]), sample([2, 3, 6, 8])]], "0 query heads do not divide into 3 groups, one for each head of keys and values"],
  [["Compress", [x, tensorOf("bool", [3], [1, 1, 1])], { axis: 0 }], "the condition has 3 elements, but there are 2 to choose from"],
  [["ReverseSequence", [x, i64(1)]], "sequence_lens has 1 elements, but the batch axis 3"],
];
describe("complaints", () => {
  it.each(cases.map(([call, says]) => ({ op: call[0], call, says })))("$op: $says", ({ call, says }) => expect(complaint(...call)).toBe(says));
});
