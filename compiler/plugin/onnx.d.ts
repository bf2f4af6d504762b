/** For programs that import models, where the plugin does not write declarations for each: any names of inputs and outputs. */
declare module "*.onnx" {
  type Elements = Float32Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array | Int16Array | Uint16Array | Int8Array | Uint8Array;
  interface Port {
    readonly name: string;
    readonly type: string;
    readonly shape: readonly number[];
    readonly least?: readonly number[];
    readonly stored: "float32" | "int32" | "uint32";
  }
  interface Net {
    run(inputs: Readonly<Record<string, Elements | readonly (number | bigint | boolean)[] | object>>): Promise<Readonly<Record<string, Elements>>>;
    run(inputs: Readonly<Record<string, object>>, options: { readonly outputs: "buffers" | Readonly<Record<string, object>> }): Promise<Readonly<Record<string, object>>>;
    setInputShape?(name: string, dims: readonly number[]): void;
    outputShape?(name: string): readonly number[];
    dispose(): void;
  }
  interface NetOptions {
    readonly device?: object;
    readonly adapter?: object;
    readonly gpu?: object;
    readonly weights?: ArrayBuffer | ArrayBufferView | URL | string | Response | ReadableStream<Uint8Array>;
    readonly progress?: (done: number, total: number) => void;
  }
  export const inputs: readonly Port[];
  export const outputs: readonly Port[];
  export function createNet(options?: NetOptions): Promise<Net>;
  export default createNet;
}
