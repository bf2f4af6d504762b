/** index.d.ts of a package: what TypeScript knows of the network, by name and shape. */
import { createRequire } from "node:module";
import type { InterfaceDeclaration, SourceFile } from "ts-morph";
import { leastShape } from "../../compiler/emit/sizes.ts";
import { callersArray, type Port } from "../../compiler/ir/program.ts";
import { onnxTypeName, types } from "../../compiler/ir/types.ts";

const quoted = (name: string): string => JSON.stringify(name).replace(/[\u2028\u2029\x7f-\x9f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
const keyOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name));
const typeNameOf = (p: Port): string => onnxTypeName(types[p.dtype].onnx);
const storedNameOf = (p: Port): string => onnxTypeName(types[p.stored ?? p.dtype].onnx);
const arrayOf = (p: Port): string => types[callersArray(p).dtype].array.name;
const plainOf = (p: Port): string => (arrayOf(p).startsWith("Big") ? "readonly (number | bigint)[]" : p.dtype === "bool" ? "readonly (number | boolean)[]" : "readonly number[]");
/** Sizes, those that each run chooses with their bounds. */
const boundsOf = (p: Port): readonly string[] => { const least = leastShape(p); return p.shape.map((n, d) => (n === least[d] ? `${n}` : `${least[d]}..${n}`)); };
const isOpen = (p: Port): boolean => p.sizes !== undefined;
const describe = (p: Port): string => `${typeNameOf(p)}[${boundsOf(p).join(", ")}]${typeNameOf(p) === storedNameOf(p) ? "" : `; as a GPUBuffer: ${storedNameOf(p)}`}`;

/** ts-morph brings a compiler along: only who declares waits for it. */
let empty: SourceFile | undefined;
function newFile(): SourceFile {
  if (empty) return empty.replaceWithText("") as SourceFile;
  const { IndentationText, Project } = createRequire(import.meta.url)("ts-morph") as typeof import("ts-morph");
  const project = new Project({ useInMemoryFileSystem: true, skipLoadingLibFiles: true, manipulationSettings: { indentationText: IndentationText.TwoSpaces } });
  return (empty = project.createSourceFile("index.d.ts"));
}
function fields(i: InterfaceDeclaration, ports: readonly Port[], type: (p: Port) => string): void {
  for (const p of ports) i.addProperty({ name: keyOf(p.name), type: type(p), isReadonly: true, docs: [describe(p)] });
}
const tuple = (p: Port): string => `readonly [${p.shape.join(", ")}]`;
/** A shape in which each run chooses some sizes. */
const openTuple = (p: Port): string => `readonly [${p.shape.map((n, d) => (p.sizes?.[d] ? "number" : n)).join(", ")}]`;

/** The text of the declarations; `name` is the network's. */
export function declarations(name: string, inputs: readonly Port[], outputs: readonly Port[]): string {
  const file = newFile(), open = [...inputs, ...outputs].some(isOpen), least = { name: "least", type: "readonly number[]", docs: ["The smallest sizes, where a run chooses some; `shape` has the largest."] };
  file.addStatements(`/** The network ${name}. */`);
  const global = (type: string): string => `typeof globalThis extends { ${type}: { prototype: infer T } } ? T : object`;
  for (const [alias, type] of [["Buffer", "GPUBuffer"], ["Device", "GPUDevice"], ["Adapter", "GPUAdapter"], ["Gpu", "GPU"]] as const) {
    file.addTypeAlias({ name: alias, type: global(type), docs: [`WebGPU's ${type}, where its types are known.`] });
  }
  fields(file.addInterface({ name: "Inputs", isExported: true, docs: ["What `run` takes: row-major elements, or a buffer with usage COPY_SRC that holds them."] }), inputs, (p) => `${arrayOf(p)} | ${plainOf(p)} | Buffer`);
  fields(file.addInterface({ name: "Outputs", isExported: true, docs: ["What `run` gives: row-major elements."] }), outputs, arrayOf);
  for (const [side, ports] of [["Inputs", inputs], ["Outputs", outputs]] as const) {
    fields(file.addInterface({ name: `${side.slice(0, -1)}Shapes`, isExported: true, docs: [`The shapes of the ${side.toLowerCase()}.`] }), ports, openTuple);
  }
  file.addInterface({
    name: "Port", isExported: true, docs: ["An input or output. Buffers on the GPU hold `stored` elements, of 32 bits each."],
    properties: [
      { name: "name", type: "string" }, { name: "type", type: "string" }, { name: "shape", type: "readonly number[]" }, ...(open ? [{ ...least, hasQuestionToken: true }] : []), { name: "stored", type: '"float32" | "int32" | "uint32"' },
      { name: "array", type: "string", hasQuestionToken: true, docs: ["The type of the array's elements, where those are the bits of `type`."] }, { name: "length", type: "number", hasQuestionToken: true, docs: ["How many elements that array has."] },
    ].map((p) => ({ ...p, isReadonly: true })),
  });
  const ports = (list: readonly Port[]): string => `readonly [${list.map((p) => `Port & { readonly name: ${quoted(p.name)}; readonly type: "${typeNameOf(p)}"; readonly shape: ${tuple(p)}; readonly stored: "${storedNameOf(p)}" }`).join(", ")}]`;
  for (const [constant, list] of [["inputs", inputs], ["outputs", outputs]] as const) {
    file.addVariableStatement({ isExported: true, hasDeclareKeyword: true, declarationKind: "const" as never, declarations: [{ name: constant, type: ports(list) }], docs: [`The ${constant}, in the model's order.`] });
  }
  file.addInterface({
    name: "NetOptions", isExported: true, docs: ["All may be left out. The first of device, adapter and gpu that is given is used; otherwise `navigator.gpu`."],
    properties: [
      { name: "device", type: "Device", docs: ["Has the limits that the network needs, or createNet says which it lacks. It stays the caller's."] },
      { name: "adapter", type: "Adapter" }, { name: "gpu", type: "Gpu" },
      { name: "weights", type: "ArrayBuffer | ArrayBufferView | URL | string | Response | ReadableStream<Uint8Array>", docs: ["The content of weights.bin, or where it is; by default beside the module."] },
      { name: "kernels", type: "string", docs: ["The content of the .wgsl file; by default loaded from beside the module."] },
      { name: "progress", type: "(done: number, total: number) => void", docs: ["Hears how many bytes of the weights have come."] },
    ].map((p) => ({ ...p, isReadonly: true, hasQuestionToken: true })),
  });
  file.addInterface({
    name: "Net", isExported: true, docs: ["A network that is ready to run."],
    properties: [{ name: "device", type: "Device", isReadonly: true }],
    methods: [
      ...(open ? [
        {
          name: "setInputShape", typeParameters: [{ name: "K", constraint: "keyof InputShapes" }], parameters: [{ name: "name", type: "K" }, { name: "dims", type: "InputShapes[K]" }], returnType: "void",
          docs: ["The shape of an input in runs that are started from now on, the largest before the first call. Throws a RangeError where it is out of bounds."],
        },
        {
          name: "outputShape", typeParameters: [{ name: "K", constraint: "keyof OutputShapes" }], parameters: [{ name: "name", type: "K" }], returnType: "OutputShapes[K]",
          docs: ["The shape of an output for the shapes that the inputs have now."],
        },
      ] : []),
      { name: "run", parameters: [{ name: "inputs", type: "Inputs" }], returnType: "Promise<Outputs>", docs: ["Runs may be started while others go on: each gives the outputs for its own inputs, which are copied before `run` returns."] },
      { name: "run", parameters: [{ name: "inputs", type: "Inputs" }, { name: "options", type: '{ readonly outputs: "buffers" }' }], returnType: "Promise<{ readonly [K in keyof Outputs]: Buffer }>", docs: ["The outputs as new buffers, which the caller destroys. They may be used at once: the queue keeps the order."] },
      {
        name: "run", typeParameters: [{ name: "Given", constraint: "{ readonly [K in keyof Outputs]?: Buffer }" }],
        parameters: [{ name: "inputs", type: "Inputs" }, { name: "options", type: "{ readonly outputs: Given }" }],
        returnType: "Promise<{ readonly [K in keyof Outputs]: K extends keyof Given ? Buffer : Outputs[K] }>", docs: ["Some outputs into buffers of the caller, with usage COPY_DST; the others as arrays."],
      },
      { name: "dispose", returnType: "void", docs: ["Gives back all that the network holds on the GPU, and the device if createNet made it. Runs that go on fail."] },
    ],
  });
  file.addFunction({
    name: "createNet", isExported: true, hasDeclareKeyword: true, parameters: [{ name: "options", type: "NetOptions", hasQuestionToken: true }], returnType: "Promise<Net>",
    docs: ["Loads the weights and makes the kernels. Rejects with what is missing where there is no WebGPU, the device cannot do what is needed, or the weights are not the network's."],
  });
  return file.getFullText();
}
