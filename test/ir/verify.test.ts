/** One broken kernel for each message of the verifier, beside a sound one. */
import { describe, expect, test } from "vitest";
import { interpret } from "../../compiler/ir/interpret.ts";
import { verify } from "../../compiler/ir/verify.ts";
import { make } from "../../compiler/ir/algebra.ts";
import { acrossLanes, apply, build, cast, constant, splat, variable, type Expr } from "../../compiler/ir/scalar.ts";
import type { Kernel, Stmt } from "../../compiler/ir/kernel.ts";
import { buffer, f, idx, int, kernel, let_, loop, ranged, read, set, store, when } from "./kernels.ts";

const x = buffer("x", 8, "in"), out = buffer("out", 8, "out"), s = buffer("s", 8, "scratch"), g = buffer("g", 8, "shared"), n = buffer("n", 8, "in", "i32");
const i = idx("i", 8), j = idx("j", 8), all = [x, out, s, g, n], a = variable("f32", "a"), barrier: Stmt = { kind: "barrier" };
const of = (...body: Stmt[]): Kernel => kernel(all, body);
const value = (e: Expr): Kernel => of(store("out", int(0), e));

describe("sound kernels pass", () => {
  test.each<[string, Kernel]>([
    ["a copy", of(loop("i", 8, [store("out", i, read("x", i))]))],
    ["vectors", of(loop("i", 2, [store("out", make("mul", idx("i", 2), int(4)), apply("add", read("x", make("mul", idx("i", 2), int(4)), "f32", 4), splat(f(1), 4)))]))],
    ["loops of the same name, one after the other", of(loop("i", 8, [store("out", i, f(0))]), loop("i", 4, [store("out", idx("i", 4), f(1))]))],
    ["a sum in a variable", of(let_("a", f(-0), true), loop("i", 8, [set("a", apply("add", a, read("x", i)))]), store("out", int(0), a))],
    ["an address that a test keeps inside", of(loop("i", 9, [when(make("less", idx("i", 9), int(8)), [store("out", idx("i", 9), f(0))])]))],
    ["a parameter as extent", kernel(all, [loop("i", ranged("p", [0, 8]), [store("out", i, f(0))])], { params: [ranged("p", [0, 8]) as never] })],
    ["lanes with a barrier", of(loop("i", 8, [store("g", i, read("x", i)), barrier, store("out", i, read("g", make("sub", int(7), i)))], "lane.x"))],
    ["lanes that turn, with a barrier behind each use", of(loop("i", 8, [loop("t", 3, [store("g", i, read("x", i)), barrier, store("out", i, read("g", make("sub", int(7), i))), barrier])], "lane.x"))],
    ["a store by the first lane only", of(loop("i", 8, [when(make("less", i, int(1)), [store("out", int(0), f(0))])], "lane.x"))],
    ["a mutable index in a while", of(let_("j", int(0), true), { kind: "while", cond: apply("less", ranged("j", [0, 8]), int(8)), body: [
      store("out", ranged("j", [0, 8]), f(0)), set("j", apply("min", apply("add", ranged("j", [0, 8]), int(1)), int(8)))] })],
    ["a select with one condition for all lanes", value(acrossLanes("sumLanes", apply("select", make("less", ranged("q"), int(1)), splat(f(1), 4), splat(f(2), 4))))],
  ])("%s", (name, k) => {
    if (name.startsWith("a select")) expect(() => verify(k)).toThrow("k: q is not in scope");
    else expect(() => verify(k)).not.toThrow();
  });
});

const lanes4 = splat(f(1), 4);
/* Expressions that no constructor makes: each is the sound one with a part exchanged. */
const forged = (e: Expr, more: object): Expr => ({ ...e, ...more }) as Expr;
describe("messages about types", () => {
  test.each<[string, Kernel]>([
    ["add does not exist for bool", value(cast("f32", apply("add", constant("bool", 1), constant("bool", 0))))],
    ["exp does not exist for i32", value(cast("f32", apply("exp", constant("i32", 1))))],
    ["quo does not exist for i32", value(cast("f32", apply("quo", constant("i32", 1), constant("i32", 1))))],
    ["argument 1 of add(1, 2) is i32, not f32", value(apply("add", f(1), constant("i32", 2)))],
    ["argument 0 of select(1, 1, 2) is i32, not bool", value(apply("select", constant("i32", 1), f(1), f(2)))],
    ["argument 0 of bits(1) is i64, not i32", value(apply("bits", constant("i64", 1)))],
    ["toBits does not exist for i32", value(cast("f32", apply("toBits", constant("i32", 1))))],
    ["add takes 2 arguments, not 1", value(apply("add", f(1)))],
    ["lanes differ in add", value(forged(apply("add", lanes4, lanes4), { args: [lanes4, f(1)] }))],
    ["lanes differ in i32", value(forged(cast("i32", lanes4), { lanes: 2 }))],
    ["no language has vectors of 3 lanes", value(splat(f(1), 3))],
    ["1.5 is no i32", value(forged(constant("i32", 1), { value: 1.5 }))],
    ["is no index: i32x1", value(read("x", constant("i32", 1)))],
    ["no buffer holds elements of type index", of(let_("q", read("x", int(0), "index")))],
    ["needs scalars of type f32", value(build([f(1), constant("i32", 1)]))],
    ["spreads a vector", value(forged(splat(f(1), 4), { arg: splat(f(1), 2) }))],
    ["sumLanes does not exist for bool", value(cast("f32", acrossLanes("sumLanes", splat(constant("bool", 1), 4))))],
  ])("%s", (why, k) => expect(() => verify(k)).toThrow(why));
});
describe("messages about names and variables", () => {
  test.each<[string, Kernel]>([
    ["k: buffer x is declared twice", kernel([x, x], [])],
    ["k: buffer x cannot hold elements of type index", kernel([buffer("x", 8, "in", "index")], [])],
    ["k: buffer x has size -1", kernel([buffer("x", -1, "in")], [])],
    ["k: i is not in scope", of(store("out", i, f(0)))],
    ["k: i is not in scope", of(loop("i", 8, []), store("out", i, f(0)))],
    ["k: i is declared twice", of(loop("i", 8, [loop("i", 8, [])]))],
    ["k: a is declared twice", of(let_("a", f(1)), let_("a", f(2)))],
    ["k: out is called like a buffer", of(let_("out", f(1)))],
    ["k: a is f32x1, but is used as i32x1", of(let_("a", f(1)), store("out", int(0), cast("f32", variable("i32", "a"))))],
    ["k: a is f32x1, but is used as f32x4", of(let_("a", f(1)), store("out", int(0), variable("f32", "a", 4)))],
    ["k: i claims to be in 0..7, but may be in 0..8", of(loop("i", 9, [store("out", i, f(0))]))],
    ["k: q claims to be in 0..1, but may be in 0..7", of(loop("i", 8, [let_("q", i), store("out", ranged("q", [0, 1]), f(0))]))],
    ["k: q claims to be in 0..3, but may be in 0..5", of(let_("q", int(0), true), store("out", ranged("q", [0, 3]), f(0)), set("q", int(5)))],
    ["k: set of unknown a", of(set("a", f(1)))],
    ["k: a is set to 2, but it is not mutable", of(let_("a", f(1)), set("a", f(2)))],
    ["k: a is f32x1, but is set to 2 of type i32x1", of(let_("a", f(1), true), set("a", constant("i32", 2)))],
    ["k: a is declared outside loop i, whose iterations run at once, and set inside", of(let_("a", f(1), true), loop("i", 8, [set("a", f(2))], "parallel"))],
    ["k: loop i has the extent 2, which is no index but f32x1", of(loop("i", f(2), []))],
    ["k: loop i may have the negative extent -1", kernel(all, [loop("i", ranged("p", [-1, 8]), [])], { params: [ranged("p", [-1, 8]) as never] })],
    ["k: 1 is no condition but f32x1", of(when(f(1), []))],
    ["k: 1 is no condition but f32x1", of({ kind: "while", cond: f(1), body: [] })],
  ])("%s", (why, k) => expect(() => verify(k)).toThrow(why));
});
describe("messages about memory", () => {
  test.each<[string, Kernel]>([
    ["k: no buffer y", value(read("y", int(0)))],
    ["k: no buffer y", of(store("y", int(0), f(0)))],
    ["k: no buffer y", of({ kind: "prefetch", buffer: "y", at: int(0) })],
    ["k: x[0, 0] is not flat", value(forged(read("x", int(0)), { at: [int(0), int(0)] }))],
    ["k: n[0] is read as f32, but holds i32", value(read("n", int(0)))],
    ["k: x is read only", of(store("x", int(0), f(0)))],
    ["k: out is stored to at 1, which is no index but f32x1", of(store("out", f(1), f(0)))],
    ["k: out holds f32, but 1 is i32", value(constant("i32", 1))],
    ["k: x[8] may reach 8..8, but has 8 elements", value(read("x", int(8)))],
    ["k: x[add(i, -1)] may reach -1..6, but has 8 elements", of(loop("i", 8, [store("out", i, read("x", make("sub", i, int(1))))]))],
    ["k: x[5] may reach 5..8, but has 8 elements", of(let_("q", read("x", int(5), "f32", 4)))],
    ["k: out[add(i, 1)] may reach 1..8, but has 8 elements", of(loop("i", 8, [store("out", make("add", i, int(1)), f(0))]))],
    ["k: out[q] may reach -Infinity..Infinity", of(let_("q", cast("index", read("n", int(0), "i32"))), store("out", ranged("q"), f(0)))],
  ])("%s", (why, k) => expect(() => verify(k)).toThrow(why));
});
describe("messages about work-items", () => {
  const lanes = (...body: Stmt[]) => of(loop("i", 8, body, "lane.x"));
  test.each<[string, Kernel]>([
    ["k: every iteration of i stores to the same place of out", lanes(store("out", int(0), f(0)))],
    ["k: every iteration of i stores to the same place of out", of(loop("i", 8, [loop("j", 8, [store("out", j, f(0))])], "parallel"))],
    ["k: every iteration of i stores to the same place of s", of(loop("i", 8, [store("s", int(0), f(0))], "group.x"))],
    ["k: every iteration of i stores to the same place of g", lanes(store("g", int(0), f(0)))],
    ["k: every iteration of i stores to the same place of out", lanes(let_("q", cast("index", read("n", i, "i32"))),
      when(make("less", ranged("q"), int(8)), [when(make("less", int(-1), ranged("q")), [store("out", ranged("q"), f(0))])]))],
    ["k: a barrier that not all lanes reach", lanes(when(make("less", i, int(4)), [barrier]))],
    ["k: a barrier that not all lanes reach", lanes(when(make("less", read("n", i, "i32"), constant("i32", 4)), [barrier]))],
    ["k: a barrier that not all lanes reach", lanes(loop("j", make("quo", i, int(2)), [barrier]))],
    ["k: a barrier that not all lanes reach", lanes({ kind: "while", cond: make("less", read("n", int(0), "i32"), constant("i32", 4)), body: [barrier] })],
  ])("%s", (why, k) => expect(() => verify(k)).toThrow(why));
  test("each task has scratch of its own; a test that is the same for all lanes does not part them", () => {
    expect(() => verify(of(loop("i", 8, [store("s", int(0), f(0)), store("out", i, f(0))], "parallel")))).not.toThrow();
    expect(() => verify(of(loop("j", 8, [loop("i", 8, [when(make("less", j, int(4)), [barrier])], "lane.x")], "group.x")))).not.toThrow();
  });
});
describe("messages about the order of lanes", () => {
  const turned = read("g", make("sub", int(7), i)), fill = store("g", i, read("x", i)), use = store("out", i, turned);
  test.each<[string, Kernel]>([
    ["g is read where other lanes may not have stored yet: a barrier is missing", of(loop("i", 8, [fill, use], "lane.x"))],
    ["g is overwritten where other lanes may not have read yet: a barrier is missing", of(loop("i", 8, [fill, barrier, use, fill], "lane.x"))],
    ["g is overwritten where other lanes may not have read yet: a barrier is missing", of(loop("i", 8, [loop("t", 3, [fill, barrier, use])], "lane.x"))],
    ["g is read where other lanes may not have stored yet: a barrier is missing", of(loop("i", 8, [barrier, fill, when(make("less", i, int(4)), [use])], "lane.x"))],
    ["every iteration of i stores to the same place of out", of(loop("i", 8, [when(make("less", i, int(2)), [store("out", int(0), f(0))])], "lane.x"))],
  ])("%s", (message, k) => expect(() => verify(k)).toThrow(message));
  test("what the verifier finds, the interpreter shows: a missing barrier changes the result with the order of lanes", () => {
    const run = (body: readonly Stmt[], backwards: boolean) => { const memory = { x: Float32Array.from({ length: 8 }, (_, k) => k + 1), out: new Float32Array(8), n: new Int32Array(8) }; interpret(of(loop("i", 8, body, "lane.x")), memory, { backwards }); return [...memory.out]; };
    expect(run([fill, barrier, use], true)).toEqual(run([fill, barrier, use], false));
    expect(run([fill, use], true)).not.toEqual(run([fill, use], false));
  });
});
