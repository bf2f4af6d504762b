import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { model, node, tensor } from "../../support/onnx.ts";
import { because, skipped } from "../../support/tools.ts";
import { install, openGpu, removeFolders, type Installed, type Net, wrongNames } from "../../support/webgpu-net.ts";

const ramp = (n: number, f = (i: number) => (i % 7) - 3): number[] => Array.from({ length: n }, (_, i) => f(i));
/** y = relu(x w + b), twice y, and rows of y by index. */
const rows = 6, deep = 40, wide = 24;
const bytes = model({
  inputs: { x: `f32[${rows}, ${deep}]`, "row ids": "i64[2]" }, outputs: { y: `f32[${rows}, ${wide}]`, "2y": `f32[${rows}, ${wide}]`, picked: `f32[2, ${wide}]` },
  initializers: { w: tensor("f32", [deep, wide], ramp(deep * wide)), b: tensor("f32", [wide], ramp(wide)), two: tensor("f32", [], [2]) },
  nodes: ["t = MatMul(x, w)", "u = Add(t, b)", "y = Relu(u)", "2y = Mul(y, two)", "picked = Gather(y, row ids)"],
});
function reference(x: readonly number[]): number[] {
  const w = ramp(deep * wide), b = ramp(wide);
  return Array.from({ length: rows * wide }, (_, i) => {
    const r = Math.floor(i / wide), c = i % wide;
    let sum = b[c]!;
    for (let k = 0; k < deep; k++) sum += x[r * deep + k]! * w[k * wide + c]!;
    return Math.max(0, sum);
  });
}
const x1 = ramp(rows * deep, (i) => (i % 5) - 2), x2 = ramp(rows * deep, (i) => (i % 3) - 1);
const ids = BigInt64Array.of(4n, 1n);

let gpu: GPU, made: Installed, net: Net;
beforeEach(({ skip }) => skip(skipped("dawn"), because("dawn").trim()));
beforeAll(async () => {
  if (skipped("dawn")) return;
  gpu = await openGpu();
  made = await install(bytes, "small");
  net = await made.module.createNet({ gpu });
});
afterAll(() => { net?.dispose(); removeFolders(); });
const values = (x: readonly number[]) => ({ x: Float32Array.from(x), "row ids": ids });

test("a network runs, with inputs and outputs by name", async () => {
  const y = reference(x1), out = await net.run(values(x1));
  expect(Object.keys(out)).toEqual(["y", "2y", "picked"]);
  expect(Array.from(out["y"]!)).toEqual(y);
  expect(Array.from(out["2y"]!)).toEqual(y.map((v) => 2 * v));
  expect(Array.from(out["picked"]!)).toEqual([...y.slice(4 * wide, 5 * wide), ...y.slice(wide, 2 * wide)]);
  expect(made.module.inputs).toEqual([
    { name: "x", type: "float32", shape: [rows, deep], stored: "float32" }, { name: "row ids", type: "int64", shape: [2], stored: "int32" },
  ]);
});
test("runs that overlap do not mix, whatever becomes of their inputs", async () => {
  const x = Float32Array.from(x1), first = net.run({ x, "row ids": ids });
  x.set(x2);
  const rest = [x2, x1, x2, x1].map((v) => net.run(values(v))), all = await Promise.all([first, ...rest]);
  [x1, x2, x1, x2, x1].forEach((v, i) => expect(Array.from(all[i]!["y"]!), `run ${i}`).toEqual(reference(v)));
});
test("plain lists are taken as elements", async () => {
  expect(Array.from((await net.run({ x: x1, "row ids": [4, 1n] }))["y"]!)).toEqual(reference(x1));
});
test("networks are chained on the device", async () => {
  const other = await install(model({ inputs: { y: `f32[${rows}, ${wide}]` }, outputs: ["n"], nodes: ["n = Neg(y)"] }), "negate");
  const second = await other.module.createNet({ device: net.device });
  const given = await net.run(values(x1), { outputs: "buffers" }), out = await second.run({ y: given["y"]! });
  expect(Array.from(out["n"]!)).toEqual(reference(x1).map((v) => -v));
  const target = net.device.createBuffer({ size: 4 * rows * wide, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC });
  const mixed: Record<string, unknown> = await net.run(values(x2), { outputs: { y: target } });
  expect(mixed["y"]).toBe(target);
  expect(Array.from(mixed["2y"] as Float32Array)).toEqual(reference(x2).map((v) => 2 * v));
  expect(Array.from((await second.run({ y: target }))["n"]!)).toEqual(reference(x2).map((v) => -v));
  second.dispose();
  await expect(second.run({ y: target })).rejects.toThrow("negate: it was disposed of");
  expect(Array.from((await net.run(values(x1)))["y"]!)).toEqual(reference(x1));
});

describe("what is wrong with the arguments is said", () => {
  const long = new Float32Array(rows * deep + 1), small = () => net.device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC });
  const unusable = () => net.device.createBuffer({ size: 4 * rows * deep, usage: GPUBufferUsage.STORAGE });
  test.each<readonly [string, () => Promise<unknown>, string]>([
    ["no value", () => net.run({ x: x1 }), 'small: no value for "row ids", a BigInt64Array of 2 elements (2)'],
    ["a name too many", () => net.run({ ...values(x1), z: x1 }), 'small: there is no input "z", only "x", "row ids"'],
    ["another type", () => net.run({ x: new Float64Array(rows * deep), "row ids": ids }), 'small: the input "x" must be a Float32Array of 240 elements (6 x 40) or a GPUBuffer, not Float64Array'],
    ["nothing", () => net.run({ x: undefined as never, "row ids": ids }), "not undefined"],
    ["another length", () => net.run({ x: long, "row ids": ids }), 'small: the input "x" must be a Float32Array of 240 elements (6 x 40), not of 241'],
    ["a number that 32 bits do not hold", () => net.run({ x: x1, "row ids": [0, 2n ** 31n] }), 'small: the input "row ids" has 2147483648 at index 1: WebGPU has no int64, so it must be from -2147483648 to 2147483647'],
    ["no whole number", () => net.run({ x: x1, "row ids": [0, 0.5] }), 'small: the input "row ids" cannot be int64'],
    ["a small buffer", () => net.run({ x: small(), "row ids": ids }), 'small: the buffer for "x" has 16 bytes and must have 960 (float32)'],
    ["a buffer that cannot be read", () => net.run({ x: unusable(), "row ids": ids }), 'small: the buffer for "x" must be made with GPUBufferUsage.COPY_SRC'],
    ["a result too many", () => net.run(values(x1), { outputs: { z: small() } }), 'small: there is no output "z", only "y", "2y", "picked"'],
    ["a result that cannot be written", () => net.run(values(x1), { outputs: { picked: unusable() } }), 'small: the buffer for "picked" must be made with GPUBufferUsage.COPY_DST'],
  ])("%s", async (_, start, message) => {
    await expect(start()).rejects.toThrow(message);
    expect(Array.from((await net.run(values(x2)))["y"]!)).toEqual(reference(x2));
  });
});

describe("weights", () => {
  const file = (): Buffer => readFileSync(join(made.folder, "weights.bin"));
  const works = async (weights: unknown): Promise<void> => {
    const heard: number[][] = [], other = await made.module.createNet({ device: net.device, weights, progress: (done: number, total: number) => heard.push([done, total]) });
    expect(Array.from((await other.run(values(x1)))["y"]!)).toEqual(reference(x1));
    expect(heard[0]).toEqual([0, file().length]);
    expect(heard.at(-1)).toEqual([file().length, file().length]);
    other.dispose();
  };
  const pieces = (bytes: Uint8Array, size: number): ReadableStream<Uint8Array> => {
    let at = 0;
    return new ReadableStream({ pull: (c) => { if (at >= bytes.length) c.close(); else c.enqueue(bytes.slice(at, (at += size))); } });
  };
  test("as a file, an array, a buffer, a stream in odd pieces, or a response", async () => {
    const { buffer, byteOffset, length } = file();
    await works(pathToFileURL(join(made.folder, "weights.bin")));
    await works(pathToFileURL(join(made.folder, "weights.bin")).href);
    await works(file());
    await works(buffer.slice(byteOffset, byteOffset + length));
    await works(pieces(file(), 101));
    await works(new Response(pieces(file(), 1000)));
  });
  test("from a server, and what it says where there are none", async () => {
    const server = createServer((q, r) => { if (q.url === "/weights.bin") r.end(file()); else { r.statusCode = 404; r.end(); } });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await works(new URL(`${at}/weights.bin`));
      await expect(made.module.createNet({ device: net.device, weights: `${at}/w.bin` })).rejects.toThrow(`small: ${at}/w.bin cannot be loaded: 404 Not Found`);
    } finally {
      server.close();
    }
  });
  test("of another network, too short or too long, are refused", async () => {
    const wrong = file(), refused = (weights: Uint8Array) => expect(made.module.createNet({ device: net.device, weights })).rejects;
    wrong[5]! ^= 1;
    await refused(wrong).toThrow("small: these are not its weights: the checksum differs");
    await refused(file().subarray(0, 100)).toThrow(`small: these are not its weights: they end after 100 of ${wrong.length} bytes`);
    await refused(Buffer.concat([file(), file()])).toThrow(`they are longer than ${wrong.length} bytes`);
  });
  test("in several buffers", async () => {
    const all = file().length, offsets = made.result.program.steps.flatMap((s) => s.args.flatMap((a) => (a.in === "constants" ? [a.offset] : [])));
    const half = Math.min(...offsets.filter((o) => o > 0));
    const cut = await install(bytes, "cut", {}, (path, text) => (path !== "index.js" ? text : text.replace(`const PIECES = 1`, "const PIECES = 2").replace(`, ${all}, `, `, ${half}, ${all - half}, `)));
    const other = await cut.module.createNet({ device: net.device });
    expect(Array.from((await other.run(values(x1)))["y"]!)).toEqual(reference(x1));
    other.dispose();
  });
});

describe("kernels", () => {
  const text = () => readFileSync(join(made.folder, "small.wgsl"), "utf8");
  test("may be given as text", async () => {
    const other = await made.module.createNet({ device: net.device, kernels: text() });
    expect(Array.from((await other.run(values(x1)))["y"]!)).toEqual(reference(x1));
    other.dispose();
  });
  test("that are not the network's, or that the device refuses, are named", async () => {
    await expect(made.module.createNet({ device: net.device, kernels: "<!doctype html>" })).rejects.toThrow(/small: these are not its kernels: there are 0 of \d/);
    const broken = text().replace(/^(@compute.*)$/m, "nonsense\n$1");
    await expect(made.module.createNet({ device: net.device, kernels: broken })).rejects.toThrow(/small kernel 0 is refused: .*\d+:1 unexpected token/s);
  });
});

describe("devices", () => {
  const limited = (limits: object) => ({ limits: new Proxy(net.device.limits, { get: (t, k) => Reflect.get(limits, k) ?? Reflect.get(t, k) }) });
  test("that lack what is needed are refused, saying what", async () => {
    const message = /small: this device does not do: maxStorageBufferBindingSize is 64 and must be \d+, maxComputeInvocationsPerWorkgroup is 2 and must be \d+$/;
    await expect(made.module.createNet({ device: limited({ maxStorageBufferBindingSize: 64, maxComputeInvocationsPerWorkgroup: 2 }) })).rejects.toThrow(message);
    await expect(made.module.createNet({ adapter: limited({ maxBufferSize: 1 }) })).rejects.toThrow(/small: this graphics device does not do: maxBufferSize is 1 and must be \d+/);
    await expect(made.module.createNet({ gpu: { requestAdapter: async () => null } })).rejects.toThrow("small: WebGPU finds no graphics device here");
  });
  test("no WebGPU at all", async () => {
    await expect(made.module.createNet()).rejects.toThrow("small: there is no WebGPU here: give createNet a device, an adapter or a gpu");
  });
  test("that are lost end what runs and what comes after", async () => {
    const other = await made.module.createNet({ gpu }), going = other.run(values(x1));
    other.device.destroy();
    await expect(going).rejects.toThrow("small: the device was lost: ");
    await expect(other.run(values(x1))).rejects.toThrow("small: the device was lost: ");
    other.dispose();
  });
  test("have nothing left of a network that could not be made, or is disposed of", async () => {
    const alive = new Set<string>();
    let number = 0;
    const counted = new Proxy(net.device, {
      get: (device, key) => {
        const value: unknown = Reflect.get(device, key);
        if (typeof value !== "function") return value;
        if (key !== "createBuffer") return value.bind(device);
        return (d: GPUBufferDescriptor) => {
          const buffer = device.createBuffer(d), destroy = buffer.destroy.bind(buffer), name = `${d.label} ${number++}`;
          alive.add(name);
          return Object.assign(buffer, { destroy: () => { alive.delete(name); destroy(); } });
        };
      },
    });
    await expect(made.module.createNet({ device: counted, weights: new Uint8Array(8) })).rejects.toThrow("not its weights");
    expect([...alive]).toEqual([]);
    const other = await made.module.createNet({ device: counted }), still = alive.size;
    for (let i = 0; i < 3; i++) await Promise.all(ramp(8).map(() => other.run(values(x1))));
    expect(alive.size - still).toBe(2);
    other.dispose();
    expect([...alive]).toEqual([]);
  });
  test("of others cannot lend buffers", async () => {
    const other = await made.module.createNet({ gpu }), buffer = other.device.createBuffer({ size: 4 * rows * deep, usage: GPUBufferUsage.COPY_SRC });
    await expect(net.run({ x: buffer, "row ids": ids })).rejects.toThrow(/^small: /);
    expect(Array.from((await net.run(values(x2)))["y"]!)).toEqual(reference(x2));
    other.dispose();
  });
  test("are given back with the network, unless they are the caller's", async () => {
    const own = await made.module.createNet({ gpu }), going = own.run(values(x1));
    own.dispose();
    await expect(going).rejects.toThrow("small: it was disposed of");
    expect((await own.device.lost).reason).toBe("destroyed");
  });
});

test("the module names nothing that is not there, and nothing in vain", async () => {
  expect(await wrongNames(made.result.files.get("index.js") as string)).toEqual([]);
});
test("the module is small for a network of any size", async () => {
  const nodes = Array.from({ length: 60 }, (_, i) => node(`t${i + 1} = Conv(t${i}, w${i})`, { pads: [1, 1, 1, 1] }));
  const initializers = Object.fromEntries(nodes.map((_, i) => [`w${i}`, tensor("f32", [1 + ((i + 1) % 5), 1 + (i % 5), 3, 3], ramp(9 * (1 + ((i + 1) % 5)) * (1 + (i % 5))))]));
  const { result } = await install(model({ inputs: { t0: "f32[1, 1, 9, 9]" }, outputs: ["t60"], initializers, nodes }), "deep");
  const size = (files: Installed["result"]["files"]) => gzipSync(files.get("index.js")!, { level: 9 }).length;
  expect(size(result.files)).toBeLessThan(8192);
  expect(size(result.files) - size(made.result.files)).toBeLessThan(64);
});
