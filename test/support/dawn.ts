/** Kernels in WGSL, run on Dawn over SwiftShader, or over whatever device Vulkan has; and the check of naga. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A storage binding: what is in it before the run. */
export interface Bound { readonly bytes: Uint8Array; readonly writable: boolean }
/** A device. `run` launches one kernel over so many groups and returns what is then in each writable binding, null for others. */
export interface Dawn {
  run(text: string, entry: string, groups: readonly number[], bindings: readonly Bound[]): Promise<readonly (Uint8Array | null)[]>;
  close(): void;
}
interface Usage { readonly STORAGE: number; readonly COPY_SRC: number; readonly COPY_DST: number; readonly MAP_READ: number }

/** Where distributions put SwiftShader's description for Vulkan's loader. */
const drivers = ["/usr/lib/chromium/vk_swiftshader_icd.json", "/usr/lib64/chromium-browser/vk_swiftshader_icd.json", "/opt/google/chrome/vk_swiftshader_icd.json"];
/** A device of Dawn, or why there is none. */
export async function openDawn(): Promise<Dawn | string> {
  const driver = process.env.VK_ICD_FILENAMES ?? drivers.find(existsSync);
  if (driver) process.env.VK_ICD_FILENAMES = driver;
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  const { create, globals } = await import("webgpu").catch(() => ({ create: null, globals: {} }));
  if (!create) return "the package webgpu is not installed";
  const usage = (globals as unknown as { GPUBufferUsage: Usage }).GPUBufferUsage;
  // Held: Dawn stops answering once it is collected.
  const gpu = create([]), adapter = await gpu.requestAdapter(), device = await adapter?.requestDevice();
  if (!device) return "Dawn finds no device (Debian's chromium brings SwiftShader, libvulkan1 the loader)";
  const run: Dawn["run"] = async (code, entryPoint, groups, bindings) => {
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint } }).catch(async (e: Error) => {
      await device.popErrorScope();
      const info = await module.getCompilationInfo();
      throw new Error([...info.messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`), e.message].join("\n"));
    });
    const sizeOf = (b: Bound) => Math.max(16, Math.ceil(b.bytes.byteLength / 16) * 16);
    const buffers = bindings.map((b) => {
      const buffer = device.createBuffer({ size: sizeOf(b), usage: usage.STORAGE | usage.COPY_SRC | usage.COPY_DST }), whole = new Uint8Array(sizeOf(b));
      whole.set(b.bytes);
      device.queue.writeBuffer(buffer, 0, whole);
      return buffer;
    });
    const reads = bindings.map((b) => (b.writable ? device.createBuffer({ size: sizeOf(b), usage: usage.MAP_READ | usage.COPY_DST }) : null));
    const encoder = device.createCommandEncoder(), pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })) }));
    pass.dispatchWorkgroups(groups[0]!, groups[1], groups[2]);
    pass.end();
    reads.forEach((to, i) => { if (to) encoder.copyBufferToBuffer(buffers[i]!, 0, to, 0, sizeOf(bindings[i]!)); });
    device.queue.submit([encoder.finish()]);
    const error = await device.popErrorScope();
    if (error) throw new Error(error.message);
    return Promise.all(reads.map(async (r, i) => {
      if (!r) return null;
      await r.mapAsync(1);
      const bytes = new Uint8Array(r.getMappedRange().slice(0, bindings[i]!.bytes.byteLength));
      for (const b of [r, buffers[i]!]) b.destroy();
      return bytes;
    }));
  };
  return { run, close: () => { device.destroy(); void gpu; } };
}

/** What naga says against each text, by its name; nothing where it is valid. */
export async function nagaErrors(texts: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "mlc-naga-"));
  const check = (name: string, text: string) => new Promise<string>((done) => {
    const file = join(folder, `${name}.wgsl`);
    writeFileSync(file, text);
    execFile("naga", [file], (e, out, err) => done(e ? `${name}: ${out}${err}` : ""));
  });
  const found: string[] = [];
  try { for (const [name, text] of texts) found.push(await check(name, text)); } finally { rmSync(folder, { recursive: true, force: true }); }
  return found.filter(Boolean);
}
