/** A tensor in a file of its own, as recorded test data has them. */
import onnxProto from "onnx-proto";
import type { Constant } from "../../ir/graph.ts";
import type { Tensor } from "./proto.ts";
import { tensorConstant } from "./tensor.ts";

/** The tensor in the bytes of a serialized TensorProto. `what` names it in errors: Problem, or what protobufjs throws on broken bytes. */
export const readTensor = (bytes: Uint8Array, what: string): Constant => tensorConstant(onnxProto.onnx.TensorProto.decode(bytes) as Tensor, what);
