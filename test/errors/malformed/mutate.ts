/** Broken ONNX files from sound ones: changes of fields, of whole messages, and of bytes. */
import { ops } from "../../../compiler/ops/index.ts";
import type { Draw } from "../../fuzz/draw.ts";
import { edit, numbersOf, parse, serialize, walk, type Field, type Message, type Path, type Value } from "./wire.ts";

const encoder = new TextEncoder(), decoder = new TextDecoder();
/** Integers at which something may change its mind. */
export const extremes: readonly bigint[] = [
  0n, 1n, -1n, 2n, 3n, 4n, 5n, 7n, 8n, 16n, 64n, 127n, 128n, 255n, 256n, 1000n, 65535n, 65536n, 1n << 20n, 1n << 24n, 1000000007n,
  (1n << 31n) - 1n, 1n << 31n, -(1n << 31n), (1n << 32n) - 1n, 1n << 32n, 1n << 40n, (1n << 53n) - 1n, (1n << 53n) + 1n,
  (1n << 62n), (1n << 63n) - 1n, -(1n << 63n), -2n, -3n, -5n, -100n,
];
const floats: readonly number[] = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, 1e30, -1e30, 1e-45, 3e9, 1e20, 2 ** 31, 2 ** 63];
/** Texts that mean something to somebody: languages, file systems, terminals, JavaScript objects. */
export const texts: readonly string[] = [
  "", " ", "*/", "/*", "//", "\n", "\r\n#error", "\\", "\\\n", '"', "'", "`$" + "{process.exit(3)}`", "%s%n%x", "??/", "../../escape", "/etc/passwd", "a\0b",
  "__proto__", "constructor", "toString", "hasOwnProperty", "input 0", "map", "acc", "d0", "\u001b[31m", "\u202e", "\ud800", "é", "名前", "x".repeat(300), "</script>",
  "ai.onnx", "com.microsoft", "ai.onnx.ml", "NOTSET", "SAME_UPPER", "VALID", "constant", "linear", "cubic", "axis", "then_branch", "body", "value", "...ij,jk->ik", "ii", "$(CMAKE)", "$" + "{x}",
];
const operators = [...ops.keys(), "If", "Loop", "Scan", "SequenceAt", "Constant"];
const attributeNames = [...new Set([...ops.values()].flatMap((o) => Object.keys(o.attributes ?? {})))];

type Place = { readonly path: Path; readonly field: Field; readonly inside: Message };
const text = (s: string): Value => ({ kind: "text", bytes: encoder.encode(s) });
/** Names that stand in the file already, so that values meet, circles close and names come twice. */
function namesIn(m: Message): readonly string[] {
  return [...walk(m)].flatMap(({ field: { value } }) => (value.kind === "text" && value.bytes.length < 100 ? [decoder.decode(value.bytes)] : []));
}
function number(d: Draw, x: bigint): bigint {
  switch (d.int(0, 5)) {
    case 0: return x + 1n;
    case 1: return x - 1n;
    case 2: return -x;
    case 3: return BigInt(d.int(-4, 40));
    default: return d.pick(extremes);
  }
}
const float = (d: Draw, x: number): number => d.pick([...floats, x + 1, -x, x * 1e9]);
/** Elements in raw data: whole words of the sizes that elements have become extreme, or bytes flip, come or go. */
function bytes(d: Draw, b: Uint8Array): Uint8Array {
  const out = b.slice(), v = new DataView(out.buffer, out.byteOffset, out.length);
  switch (d.int(0, 5)) {
    case 0: return b.slice(0, d.int(0, b.length));
    case 1: return Uint8Array.from([...b, ...Array.from({ length: d.int(1, 9) }, () => d.int(0, 255))]);
    case 2: if (b.length) out[d.int(0, b.length - 1)] = d.int(0, 255); return out;
    case 3: if (b.length >= 4) v.setFloat32(4 * d.int(0, (b.length >> 2) - 1), d.pick(floats), true); return out;
    default: if (b.length >= 8) v.setBigInt64(8 * d.int(0, (b.length >> 3) - 1), BigInt.asIntN(64, d.pick(extremes)), true); return out;
  }
}
function changed(d: Draw, { field, inside }: Place, whole: Message): Value {
  const v = field.value;
  switch (v.kind) {
    case "varint": return { kind: "varint", x: number(d, v.x) };
    case "word": case "double": return { ...v, x: float(d, v.x) };
    case "bytes": return d.chance(0.3) && v.bytes.length < 60 ? { ...v, bytes: encoder.encode(d.pick(texts)) } : { ...v, bytes: bytes(d, v.bytes) };
    case "text": {
      if (inside.name === "Node" && field.number === 4) return text(d.pick(operators));
      if (inside.name === "Attribute" && field.number === 1 && d.chance(0.6)) return text(d.pick(attributeNames));
      return text(d.chance(0.6) ? d.pick(namesIn(whole)) : d.pick(texts));
    }
    case "numbers": {
      const list = [...v.list] as (bigint | number)[], i = d.int(0, list.length - 1), one = (x: bigint | number) => (typeof x === "bigint" ? number(d, x) : float(d, x));
      const made = v.of === "varints" ? d.pick(extremes) : d.pick(floats);
      const what = d.int(0, 9);
      if (list.length === 0 || what < 2) list.splice(d.int(0, list.length), 0, made);
      else if (what < 4) list.splice(i, 1);
      else list[i] = one(list[i]!);
      return { ...v, list: list as bigint[] };
    }
    case "message": return v;
    default: return v satisfies never;
  }
}
const replaced = (by: readonly Field[]) => (fields: readonly Field[], i: number): readonly Field[] => [...fields.slice(0, i), ...by, ...fields.slice(i + 1)];
/** One change of the tree. `donor` is the tree of another file. */
function change(d: Draw, m: Message, donor: Message): Message {
  const places = [...walk(m)];
  if (places.length === 0) return m;
  const leaves = places.filter((p) => p.field.value.kind !== "message"), branches = places.filter((p) => p.field.value.kind === "message");
  const leaf = d.pick(leaves.length ? leaves : places), any = d.pick(places);
  switch (d.int(0, 11)) {
    case 0: return edit(m, any.path, replaced([]));
    case 1: return edit(m, any.path, (fields, i) => { const to = d.int(0, fields.length); return [...fields.slice(0, to), fields[i]!, ...fields.slice(to)]; });
    case 2: return edit(m, any.path, (fields) => d.shuffle(fields));
    case 3: return edit(m, any.path, replaced([{ ...any.field, number: d.chance(0.8) ? d.pick(numbersOf(any.inside.name)) : d.int(0, 30) }]));
    case 4: case 5: { // A message of the same kind, in its place or beside it.
      const at = d.pick(branches.length ? branches : places), v = at.field.value;
      const others = [...walk(d.chance(0.4) ? m : donor)].filter((p) => p.field.value.kind === "message" && v.kind === "message" && p.field.value.message.name === v.message.name);
      if (others.length === 0) return m;
      const other: Field = { number: at.field.number, value: d.pick(others).field.value };
      return edit(m, at.path, replaced(d.chance(0.5) ? [other] : [at.field, other]));
    }
    default: return edit(m, leaf.path, replaced([{ ...leaf.field, value: changed(d, leaf, m) }]));
  }
}
/** Some changes of bytes. */
function damaged(d: Draw, b: Uint8Array): Uint8Array {
  if (b.length === 0) return b;
  const i = d.int(0, b.length - 1), out = b.slice();
  switch (d.int(0, 4)) {
    case 0: return b.slice(0, i);
    case 1: return Uint8Array.from([...b.slice(0, i), ...b.slice(d.int(i, b.length))]);
    case 2: return Uint8Array.from([...b.slice(0, i), d.int(0, 255), ...b.slice(i)]);
    case 3: out[i] = out[i]! ^ (1 << d.int(0, 7)); return out;
    default: out[i] = d.int(0, 255); return out;
  }
}
/** A broken file from `model`; parts of `donor` may get into it. */
export function mutant(d: Draw, model: Uint8Array, donor: Uint8Array): Uint8Array {
  let tree = parse(model);
  const other = parse(donor), onlyBytes = d.chance(0.1), count = d.pick([1, 1, 1, 2, 2, 3, 5]);
  if (!onlyBytes) for (let k = 0; k < count; k++) tree = change(d, tree, other);
  let bytes = serialize(tree);
  if (onlyBytes || d.chance(0.05)) for (let k = d.int(1, 3); k > 0; k--) bytes = damaged(d, bytes);
  return bytes;
}
