/** Vectors lane by lane: a kernel that runs as JavaScript, much faster than by the interpreter, but without its checks of addresses. */
import { acrossLanes, apply, cast, load, variable, type Expr } from "../../compiler/ir/scalar.ts";
import { int, plus } from "../../compiler/ir/linear.ts";
import { combines } from "../../compiler/ir/interpret.ts";
import type { Kernel, Stmt } from "../../compiler/ir/kernel.ts";

/** The same kernel without vectors. Lanes combine in their order. */
export function scalarise(k: Kernel): Kernel {
  const known: Map<Expr, Expr>[] = [];
  const lane = (e: Expr, i: number): Expr => {
    const seen = (known[i] ??= new Map()), before = seen.get(e);
    if (before) return before;
    const made = laneOf(e, i);
    seen.set(e, made);
    return made;
  };
  const laneOf = (e: Expr, i: number): Expr => {
    switch (e.kind) {
      case "const": return e;
      case "var": return e.lanes === 1 ? e : variable(e.dtype, `${e.name}@${i}`, 1, e.range);
      case "load": return load(e.dtype, e.buffer, [e.lanes === 1 ? lane(e.at[0]!, 0) : plus(lane(e.at[0]!, 0), int(i))]);
      case "apply": return apply(e.op, ...e.args.map((a) => lane(a, a.lanes === 1 ? 0 : i)));
      case "cast": return cast(e.dtype, lane(e.arg, e.lanes === 1 ? 0 : i));
      case "build": return lane(e.elements[i]!, 0);
      case "lanes": {
        if (e.op === "splat") return lane(e.arg, 0);
        const op = combines[e.op];
        return e.arg.lanes === 1 ? acrossLanes(e.op, lane(e.arg, 0)) : Array.from({ length: e.arg.lanes }, (_, l) => lane(e.arg, l)).reduce((a, b) => apply(op, a, b));
      }
      default: return e satisfies never;
    }
  };
  const count = (n: number) => Array.from({ length: n }, (_, i) => i);
  const go = (body: readonly Stmt[]): Stmt[] => body.flatMap((s): Stmt[] => {
    switch (s.kind) {
      case "for": return [{ ...s, extent: lane(s.extent, 0), ...(s.share ? { share: { ...s.share, before: lane(s.share.before, 0), each: lane(s.share.each, 0) } } : {}), body: go(s.body) }];
      case "while": case "if": return [{ ...s, cond: lane(s.cond, 0), body: go(s.body) }];
      case "block": case "phase": return [{ ...s, body: go(s.body) }];
      case "let": {
        if (s.value.lanes === 1) return [{ ...s, value: lane(s.value, 0) }];
        return count(s.value.lanes).map((i) => ({ ...s, name: `${s.name}@${i}`, value: lane(s.value, i) }));
      }
      case "set": {
        if (s.value.lanes === 1) return [{ ...s, value: lane(s.value, 0) }];
        // All lanes are read before any is set.
        const lets = count(s.value.lanes).map((i): Stmt => ({ kind: "let", name: `${s.name}@${i}@next`, value: lane(s.value, i), mutable: false }));
        return [{ kind: "block", body: [...lets, ...count(s.value.lanes).map((i): Stmt => ({ ...s, name: `${s.name}@${i}`, value: variable(s.value.dtype, `${s.name}@${i}@next`) }))] }];
      }
      case "store": {
        if (s.value.lanes === 1) return [{ ...s, at: lane(s.at, 0), value: lane(s.value, 0) }];
        const lets = count(s.value.lanes).map((i): Stmt => ({ kind: "let", name: `${s.buffer}@${i}@stored`, value: lane(s.value, i), mutable: false }));
        return [{ kind: "block", body: [...lets, ...count(s.value.lanes).map((i): Stmt => ({ ...s, at: plus(lane(s.at, 0), int(i)), value: variable(s.value.dtype, `${s.buffer}@${i}@stored`) }))] }];
      }
      case "prefetch": return [];
      case "barrier": return [s];
      default: return s satisfies never;
    }
  });
  return { ...k, body: go(k.body) };
}
