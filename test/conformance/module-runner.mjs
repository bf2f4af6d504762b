/**
 * node module-runner.mjs LIST FROM SECONDS: runs the packages that LIST, a JSON file, names, from the run numbered FROM on, under Dawn
 * (the npm package webgpu), each for so long at most. A line "@number ok", with the shapes of outputs as JSON, or "@number error why" each; outputs go to the
 * file that the run names.
 * A run: { entry, inputs: file, outputs: file, shapes: of open inputs, null for the others }; inputs lie in their file in order, without gaps.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
// Without a reference to it, its promises are never settled.
const gpu = create([]);
const [, , list, from, most] = process.argv, seconds = Number(most);
const arrays = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array, bool: Uint8Array,
};
const within = (promise) => {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`ran longer than ${seconds} seconds`)), seconds * 1000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
/** The elements of each input in turn from one file. */
function feeds(inputs, file, shapes) {
  const bytes = readFileSync(file);
  let at = 0;
  return Object.fromEntries(inputs.map(({ name, type, shape: most, array = type, length }, i) => {
    const shape = shapes[i] ?? most, Of = arrays[array], size = (length ?? shape.reduce((a, b) => a * b, 1)) * Of.BYTES_PER_ELEMENT, part = bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size);
    at += size;
    return [name, new Of(part)];
  }));
}
async function one({ entry, inputs, outputs, shapes }) {
  const module = await import(pathToFileURL(entry).href), net = await module.createNet({ gpu });
  try {
    const problems = [];
    net.device.addEventListener("uncapturederror", (e) => problems.push(e.error.message));
    shapes.forEach((shape, i) => { if (shape) net.setInputShape(module.inputs[i].name, shape); });
    const results = await net.run(feeds(module.inputs, inputs, shapes));
    if (problems.length) throw new Error(problems.join("; "));
    const parts = module.outputs.map(({ name, type, array = type }) => {
      const data = results[name];
      if (data.constructor !== arrays[array]) throw new Error(`the output ${name} is a ${data.constructor.name}`);
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    });
    writeFileSync(outputs, Buffer.concat(parts));
    return JSON.stringify(module.outputs.map(({ name, shape, least }) => (least ? net.outputShape(name) : shape)));
  } finally {
    net.dispose();
  }
}
const runs = JSON.parse(readFileSync(list, "utf8"));
for (let i = Number(from); i < runs.length; i++) {
  const line = await within(one(runs[i])).then((shapes) => `ok ${shapes}`, (e) => `error ${String(e?.message ?? e).replaceAll("\n", " ")}`);
  process.stdout.write(`@${i} ${line}\n`);
}
process.exit(0);
