/**
 * Graph -> Network: every node becomes the Compute that its operator's entry gives.
 * A tensor is called as its value, behind a % that keeps it apart from the names of stages.
 * Needs: all types static, every operator in the registry with a `lower` (expand-operators has run). Ensures: one Compute
 * per node in the graph's order, row-major tensors, nothing fused. Stands between the passes that know operators and
 * those that only see maps and reductions.
 */
import { isStatic, type Graph, type TensorType } from "../ir/graph.ts";
import { rowMajor, type Compute } from "../ir/compute.ts";
import type { NetTensor, Network } from "../ir/network.ts";
import { arrayOf, type ElementArray } from "../ir/types.ts";
import { fail, load } from "../ir/scalar.ts";
import { rebuild } from "../ir/algebra.ts";
import { NodeView, type Op } from "../ops/op.ts";

/** The tensor that holds a value; "" for one that is not given. */
export const tensorOf = (value: string): string => (value ? `%${value}` : "");
/** The value that a tensor holds, as the model calls it. */
export const valueOfTensor = (tensor: string): string => tensor.slice(1);

/** The network that the graph says. Throws where a type is open or a node has no lowering. */
export function lowerGraph(g: Graph, ops: ReadonlyMap<string, Op>): Network {
  const tensors = new Map<string, NetTensor>(), computes: Compute[] = [];
  const typeOf = (v: string): TensorType => {
    const t = g.constants.get(v) ?? g.types.get(v) ?? fail(`${v} has no type`);
    return isStatic(t) ? t : fail(`${v} has open dimensions`);
  };
  const put = (name: string, kind: NetTensor["kind"], { dtype, shape }: TensorType, data?: ElementArray) =>
    tensors.set(name, { name, kind, dtype, shape, layout: rowMajor(shape.length), ...(data ? { data } : {}) });
  for (const v of g.inputs) put(tensorOf(v), "input", typeOf(v));
  for (const v of g.outputs) put(tensorOf(v), "output", typeOf(v));
  for (const n of g.nodes) {
    const op = ops.get(n.op) ?? fail(`no operator ${n.op}`);
    const outputs = n.outputs.map((o) => (o ? typeOf(o) : undefined)).filter((t) => t !== undefined);
    const node = { ...n, inputs: n.inputs.map(tensorOf), outputs: n.outputs.map(tensorOf) };
    const view = new NodeView(node, op, n.inputs.map((v) => (v ? typeOf(v) : undefined)), outputs, (t) => g.constants.get(valueOfTensor(t)));
    const c = withOwnTables((op.lower ?? fail(`${n.op} has no lowering`))(view), n.name, put);
    for (const t of c.tensors) {
      const value = g.constants.get(valueOfTensor(t.name));
      if (value && !tensors.has(t.name)) put(t.name, "constant", value, value.data);
    }
    for (const o of c.outputs) if (!tensors.has(o.tensor)) put(o.tensor, "temporary", o);
    computes.push(c);
  }
  return { name: g.name, inputs: g.inputs.map(tensorOf), outputs: g.outputs.map(tensorOf), tensors, computes };
}

/** Constants that an entry makes for itself get names that are unique in the network. */
function withOwnTables(c: Compute, node: string, put: (name: string, kind: "constant", t: TensorType, data: ElementArray) => void): Compute {
  const own = new Map<string, string>();
  const tensors = c.tensors.map((t) => {
    if (t.role !== "weight" || !t.data) return t;
    const name = tensorOf(`${node}:${t.name}`);
    own.set(t.name, name);
    put(name, "constant", t, ArrayBuffer.isView(t.data) ? (t.data as ElementArray) : arrayOf(t.dtype, t.data));
    const { data: _, ...rest } = t;
    return { ...rest, name };
  });
  if (own.size === 0) return c;
  const rename = (e: Parameters<typeof rebuild>[0]) => rebuild(e, (x) => (x.kind === "load" && own.has(x.buffer) ? load(x.dtype, own.get(x.buffer)!, x.at, x.lanes) : x));
  return { ...c, tensors, stages: c.stages.map((s) => ({ ...s, value: rename(s.value), ...(s.finish ? { finish: rename(s.finish) } : {}) })) };
}
