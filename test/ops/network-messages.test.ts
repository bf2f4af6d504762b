/** What the entries of networks' main operators say about models that are wrong. */
import { describe, expect, it } from "vitest";
import { Unsupported } from "../../compiler/ops/op.ts";
import { f32, i64, runOp, sample, scalarOf, tensorOf } from "./harness.ts";

type Call = Parameters<typeof runOp>;
const image = sample([1, 4, 5, 5]), weights = sample([6, 4, 3, 3]), four = sample([4]), bytes = tensorOf("u8", [2, 2], [1, 2, 3, 4]);
const cases: readonly (readonly [call: Call, says: string])[] = [
  [["Conv", [image, sample([6, 3, 3, 3])]], "the input [1, 4, 5, 5] has 4 channels, but weights [6, 3, 3, 3] with group 1 take 3"],
  [["Conv", [image, sample([6, 2, 3, 3])], { group: 2, strides: [1] }], "attribute strides has 1 entries; the input has 2 spatial dimensions, so 2 are needed"],
  [["Conv", [image, sample([5, 2, 3, 3])], { group: 2 }], "5 output channels do not divide into 2 groups"],
  [["Conv", [image, weights], { dilations: [3, 3] }], "a window of 7 does not fit into dimension 0 of 5 with padding 0 and 0"],
  [["Conv", [image, weights], { auto_pad: "BOTH" }], 'attribute auto_pad is "BOTH"; it can be "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"'],
  [["Conv", [image, weights], { kernel_shape: [5, 5] }], "attribute kernel_shape is [5, 5], but the weights are [3, 3] there"],
  [["Conv", [image, weights, four]], "the bias (input 2) has shape [4], but must have [6]"],
  [["Conv", [four, weights]], "input 0 has shape [4]; its rank must be at least 3"],
  [["ConvTranspose", [image, weights]], "the input [1, 4, 5, 5] has 4 channels, but the weights [6, 4, 3, 3] take 6"],
  [["MatMul", [sample([2, 3]), sample([4, 5])]], "the product of [2, 3] and [4, 5] does not exist: 3 columns against 4 rows"],
  [["MatMul", [bytes, bytes]], "input 0 (in0) has type u8; MatMul takes f32, f64, f16, bf16, i32, i64, u32, u64 | put a Cast in front of it"],
  [["Gemm", [sample([2, 3]), sample([4, 5])], { transB: 1 }], "the product of [2, 3] and [4, 5] transposed does not exist: 3 columns against 5 rows"],
  [["Gemm", [sample([2, 3]), sample([3, 5]), four]], "the addend C (input 2) of shape [4] does not broadcast to [2, 5]"],
  [["MaxPool", [image], { kernel_shape: [2] }], "attribute kernel_shape has 1 entries; the input has 2 spatial dimensions, so 2 are needed"],
  [["MaxPool", [image], { kernel_shape: [2 ** 62, 2], auto_pad: "SAME_LOWER" }], `attribute kernel_shape holds ${2 ** 62}, which is more than any tensor has elements`],
  [["CausalConvWithState", [sample([2, 4, 0]), sample([4, 1, 4])]], "the input has shape [2, 4, 0]; along axis 2 there must be an element at least"],
  [["GatherElements", [sample([0, 3]), i64(0, 0, 0)]], "indices of shape [3] do not fit data of shape [0, 3] along axis 0"],
  [["Gather", [sample([0, 3]), scalarOf("i64", 0)], {}, { runtime: [1] }], "axis 0 of [0, 3] has no elements, of which indices of shape [] could choose"],
  [["GatherElements", [sample([0, 3]), tensorOf("i64", [1, 3], [0, 0, 0])], {}, { runtime: [1] }], "axis 0 of [0, 3] has no elements, of which indices of shape [1, 3] could choose"],
  [["GatherND", [sample([2, 0]), tensorOf("i64", [1, 2], [0, 0])], {}, { runtime: [1] }], "axis 1 of [2, 0] has no elements, of which indices of shape [1, 2] could choose"],
  [["BatchNormalization", [image, sample([3]), four, four, four]], "the scale (input 1) has shape [3], but must have [4]"],
  [["GroupNormalization", [image, four, four], { num_groups: 3 }], "4 channels do not divide into 3 groups"],
  [["LpNormalization", [image], { p: 3 }], "attribute p is 3; it can be 1 or 2"],
  [["Softmax", [image], { axis: 4 }], "axis 4 does not exist in a tensor of rank 4"],
  [["Resize", [image]], "has neither scales nor sizes | give exactly one of the inputs 2 and 3"],
  [["Resize", [image, undefined, undefined, i64(1, 4, 2, 2)], { antialias: 1 }], "antialias goes with the modes linear and cubic only"],
  [["Resize", [image, undefined, f32([2], [1, 1])]], "scales has 2 entries; 4 are needed"],
  [["Resize", [image, undefined, undefined, i64(1, 4, 2, 2)], {}, { runtime: [3] }],
    "input 3 (in3) is computed at run time, but must be known at compile time | make it a constant or initializer of the model, pin the shapes it is computed from with --shape or --dim, or say what a number that it is computed from can be: --value NAME=0..512"],
  [["QuantizeLinear", [image, sample([3])]], "the scale (input 1) has shape [3]; it must be one number, or 4 of them along axis 1 of [1, 4, 5, 5]"],
  [["QuantizeLinear", [image, scalarOf("f32", 1)], { output_dtype: 14 }], "the result would be of type 14; supported are u8, i8, u16, i16, u4, i4, u2, i2, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f4e2m1"],
  [["MatMulInteger", [bytes, bytes, tensorOf("u8", [3], [1, 2, 3])]], "input 2 has shape [3]; it must be one number, or one for each of the 2 rows of [2, 2]"],
  [["Attention", [sample([1, 3, 8]), sample([1, 3, 8]), sample([1, 3, 8])]], "inputs of rank 3 need the attributes q_num_heads and kv_num_heads"],
  [["Attention", [sample([1, 2, 3, 8]), sample([1, 2, 3, 8]), sample([1, 2, 3, 0])]], "heads of queries [1, 2, 3, 8] and values [1, 2, 3, 0] hold no numbers"],
  [["MaxUnpool", [sample([1, 1, 2, 2]), tensorOf("i64", [1, 1, 2, 2], [0, 1, 2, 3]), i64(1, 64, 5, 5)], { kernel_shape: [2, 2] }], "output_shape [1, 64, 5, 5] has not the images and channels of the input [1, 1, 2, 2]"],
  [["SimplifiedLayerNormalization", [scalarOf("f32", 1), scalarOf("f32", 1)]], "input 0 has shape []; its rank must be at least 1"],
  [["SimplifiedLayerNormalization", [sample([3, 2, 2]), sample([3, 2, 2])]], "the scale (input 1) of shape [3, 2, 2] does not broadcast to [2]"],
  [["GridSample", [sample([1, 1, 3, 0]), sample([1, 2, 4, 2])]], "the input has shape [1, 1, 3, 0]: there are no elements to take samples of"],
  [["com.microsoft.MatMulIntegerToFloat", [bytes, bytes, scalarOf("u8", 1), scalarOf("f32", 1)]], "input 2 (in2) has type u8; com.microsoft.MatMulIntegerToFloat takes f32 | put a Cast in front of it"],
  [["RoiAlign", [image, sample([1, 4]), tensorOf("i64", [1], [0])], { sampling_ratio: -1 }], "sampling_ratio is -1 | 0 takes as many samples as a region is large"],
  [["MaxRoiPool", [image, sample([1, 5])], { pooled_shape: [2, 0] }], "pooled_shape is [2,0]; it must be two sizes of 1 or more"],
  [["com.microsoft.FusedConv", [image, weights], { activation: "Sin" }], 'attribute activation is "Sin"; it can be "", "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid", "HardSwish"'],
];
describe("messages", () => {
  it.each(cases.map(([call, says]) => ({ op: call[0], call, says })))("$op: $says", ({ call, says }) => {
    try {
      runOp(...call);
      expect("no complaint").toBe(says);
    } catch (e) {
      if (!(e instanceof Unsupported)) throw e;
      expect([e.message, e.hint].filter(Boolean).join(" | ")).toBe(says);
    }
  });
});
