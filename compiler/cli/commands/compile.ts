import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NativeBuild } from "../../emit/target.ts";
import { UsageError, orFail } from "../exit.ts";
import { checkFlags, compileModel, filesOf, targetOf } from "../model.ts";
import { type Library, type Toolchain, makeLibraries, toolchain } from "../native.ts";
import type { ModelFlags } from "../options.ts";
import { filesOfEarlierRun, writeFiles, writeFolder } from "../output.ts";
import { type Terminal, formatBytes, progress } from "../terminal.ts";

interface Flags extends ModelFlags {
  readonly output?: string;
  readonly lib?: keyof typeof kinds;
  readonly printFiles?: boolean;
  readonly dump?: string;
  readonly json?: boolean;
}
const kinds = { static: ["static"], shared: ["shared"], both: ["static", "shared"] } as const satisfies Record<string, readonly Library[]>;

/** `mlc compile`: writes the package and the libraries that were asked for, all or nothing. */
export async function compileCommand(t: Terminal, model: string, f: Flags): Promise<void> {
  if (f.printFiles) {
    t.out.write(
      filesOf(model, f)
        .map((name) => `${name}\n`)
        .join(""),
    );
    return;
  }
  if (f.output === undefined) throw new UsageError("no output folder", "give one with -o");
  const wanted: readonly Library[] = f.lib === undefined ? [] : kinds[f.lib];
  checkFlags(f);
  if (wanted.length && targetOf(f.target).builds !== "native")
    throw new UsageError(`--lib: the target ${f.target} makes no library`, "leave --lib out: the files are used as they are");
  const tools = wanted.length ? toolchain(t.env) : undefined;
  const r = await compileModel(model, f, t, { dump: f.dump });
  const earlier = filesOfEarlierRun(f.output, r.name);
  const libraries = await writeFolder(f.output, async (folder) => {
    writeFiles(folder, r.files);
    return tools && r.build.kind === "native" ? build(r.name, r.build, folder, wanted, tools, t) : [];
  });
  const { program } = r,
    sources = [...r.files.keys()],
    removed = removeOld(f.output, earlier, [...sources, ...libraries]);
  if (f.json) {
    const bytes = (content: string | Uint8Array) => (typeof content === "string" ? Buffer.byteLength(content) : content.length);
    t.out.write(
      `${JSON.stringify(
        {
          name: r.name,
          target: f.target,
          hash: r.hash,
          output: f.output,
          libraries,
          removed,
          files: [...r.files].map(([path, content]) => ({ path, bytes: bytes(content) })),
          steps: program.steps.length,
          kernels: program.kernels.length,
          arena_bytes: program.arena.bytes,
          weights_bytes: program.constants.length,
          diagnostics: r.diagnostics,
        },
        null,
        2,
      )}\n`,
    );
    return;
  }
  t.out.write(
    `${r.name}: ${program.steps.length} steps, ${program.kernels.length} kernels, weights ${formatBytes(program.constants.length)}${program.setup ? ` and ${formatBytes(program.setup.memory.bytes)} made of them at the start` : ""}, working memory ${formatBytes(program.arena.bytes)}\n`,
  );
  t.out.write(`${f.output}: ${[...sources, ...libraries].join(" ")}\n`);
  if (removed.length) t.out.write(`removed, as an earlier run had made them: ${removed.join(" ")}\n`);
}
/** Removes what was made earlier and is not made now; returns their names. */
function removeOld(folder: string, earlier: readonly string[], made: readonly string[]): readonly string[] {
  const old = earlier.filter((name) => !made.includes(name));
  for (const name of old) orFail(`cannot remove ${join(folder, name)}`, () => rmSync(join(folder, name)));
  return old;
}
async function build(
  name: string,
  how: NativeBuild,
  folder: string,
  wanted: readonly Library[],
  tools: Toolchain,
  t: Terminal,
): Promise<readonly string[]> {
  const bar = progress(t),
    objects = mkdtempSync(join(tmpdir(), "mlc-"));
  try {
    return await makeLibraries(tools, name, folder, how, wanted, objects, (n, total, what) => bar.step(n, total, what));
  } finally {
    bar.stop();
    rmSync(objects, { recursive: true, force: true });
  }
}
