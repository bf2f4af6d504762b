/** The command `mlc`: declares what can be typed; what a command does is loaded when it is asked for. */
import { Command, CommanderError, Option } from "commander";
import { CompileError, type Diagnostic } from "../diagnostics.ts";
import { Failure, UsageError, reasonOf } from "./exit.ts";
import { amount, count, inputFile, modelOptions, runShape } from "./options.ts";
import { formatDiagnostics, problems } from "./report.ts";
import { type Terminal, terminalOf } from "./terminal.ts";
import { version } from "../version.ts";

/** Returns the exit code, or nothing for 0. */
type Action<A extends readonly unknown[]> = (t: Terminal, ...args: A) => Promise<unknown>;

/** Runs one command line and returns its exit code: 0, 1 or 2. Throws nothing. */
export async function main(argv: readonly string[], t: Terminal): Promise<number> {
  try {
    let code = 0;
    await commandLine(t, (c) => (code = c)).parseAsync([...argv], { from: "user" });
    return code;
  } catch (e) {
    if (e instanceof CommanderError) return e.exitCode === 0 ? 0 : 2;
    return complain(e, t, argv.includes("--json"));
  }
}
function complain(e: unknown, t: Terminal, json: boolean): number {
  const code = e instanceof UsageError ? 2 : 1;
  const all: readonly Diagnostic[] =
    e instanceof CompileError || e instanceof Failure
      ? e.diagnostics
      : e instanceof UsageError
        ? [{ severity: "error", code: "usage", message: e.message, ...(e.hint ? { hint: e.hint } : {}) }]
        : [
            {
              severity: "error",
              code: "internal",
              message: `mlc itself failed: ${reasonOf(e)}`,
              hint: "this is a mistake in mlc; MLC_DEBUG=1 shows where",
            },
          ];
  if (json) t.out.write(`${JSON.stringify({ diagnostics: all }, null, 2)}\n`);
  t.err.write(formatDiagnostics(all, t.errColors, t.err));
  const errors = all.filter((d) => d.severity === "error").length;
  if (errors > 1) t.err.write(`\n${problems(errors)}; nothing was written.\n`);
  if (e instanceof Failure && e.detail) t.err.write(`\n${e.detail}\n`);
  if (t.env.MLC_DEBUG && e instanceof Error) t.err.write(`\n${e.stack}\n`);
  return code;
}

/** `ends` hears the exit code of a command that was carried out. */
function commandLine(t: Terminal, ends: (code: number) => void): Command {
  const program = new Command("mlc")
    .description("Compiles neural networks to source code that needs nothing but the C library.")
    .version(version, "--version", "print the version")
    .configureOutput({ writeOut: (s) => t.out.write(s), writeErr: (s) => t.err.write(s), getOutHasColors: () => false, getErrHasColors: () => false })
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(mlc --help and mlc COMMAND --help say more)")
    .addHelpText(
      "after",
      examples(
        "mlc compile digits.onnx -o out/ --lib static",
        "mlc verify digits.onnx",
        "mlc run digits.onnx --input x=digit.npy --output-dir result/",
      ),
    );

  /* What a command does, loaded on demand. */
  const on =
    <A extends readonly unknown[]>(load: () => Promise<Action<A>>) =>
    async (...args: unknown[]): Promise<void> =>
      ends(Number((await (await load())(t, ...(args.slice(0, -1) as unknown as A))) ?? 0));

  modelOptions(
    program.command("compile").description("Compile a model into a folder that can be built and shipped.").argument("<model>", "an ONNX file"),
  )
    .option("-o, --output <dir>", "where the files go; what an earlier run left there for the same name goes, other files stay")
    .addOption(new Option("--lib <kind>", "also build the library").choices(["static", "shared", "both"]))
    .option("--print-files", "only print the names of the files that would be written, one a line")
    .option("--dump <dir>", "write the text of the graph and the network after each pass into this folder")
    .option("--json", "print what was made as JSON")
    .addHelpText(
      "after",
      examples(
        "mlc compile digits.onnx --target cpp -o out/",
        "mlc compile rec.onnx -o out/ --lib both --name ocr_rec --shape x=1,3,48,320",
        "CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ mlc compile net.onnx -o out/ --lib static --isa neon",
      ),
    )
    .action(on(async () => (await import("./commands/compile.ts")).compileCommand));

  execution(
    modelOptions(
      program.command("run").description("Compile a model, run it, and write each output as a .npy file.").argument("<model>", "an ONNX file"),
    ),
  )
    .option(
      "--input <name=file>",
      "a value for an input, from a .npy file, or strings from the lines of a text file; repeatable, one for each input",
      inputFile,
    )
    .requiredOption("--output-dir <dir>", "where the outputs go, each named by the output with _ for every character outside A-Za-z0-9._-")
    .option("--json", "print the outputs' names, types, shapes and files as JSON")
    .addHelpText(
      "after",
      examples(
        "mlc run digits.onnx --input x=digit.npy --output-dir result/",
        "mlc run add.onnx --input a=a.npy --input b=b.npy --dim N=1 --output-dir result/",
      ),
    )
    .action(on(async () => (await import("./commands/run.ts")).runCommand));

  execution(
    modelOptions(
      program
        .command("verify")
        .description("Compare the compiled code with the interpreted model or with recorded tensors.")
        .argument("<model>", "an ONNX file"),
    ),
  )
    .option("--data <dir>", "recorded tensors: input_0.pb, ..., output_0.pb, ...")
    .option("--input <name=file>", valueInstead, inputFile)
    .option("--run-shape <input=n,n,...>", "the shape of an input where each run chooses; the largest without it; repeatable", runShape)
    .option("--seed <n>", "seed of the random inputs", count(0), 1)
    .option("--tolerance <x>", "allowed difference, relative to the largest expected magnitude; whole numbers must be equal", amount, 1e-4)
    .option("--layers", "compare each step with the interpreted model and name the first that diverges")
    .option("--json", "print the differences as JSON")
    .addHelpText(
      "after",
      examples("mlc verify digits.onnx", "mlc verify resnet18.onnx --data test_data_set_0", "mlc verify resnet18.onnx --layers --seed 7"),
    )
    .action(on(async () => (await import("./commands/verify.ts")).verifyCommand));

  modelOptions(program.command("inspect").description("Show what is in a model and what becomes of it.").argument("<model>", "an ONNX file"))
    .option("--json", "print it as JSON")
    .addHelpText("after", examples("mlc inspect digits.onnx", "mlc inspect rec.onnx --shape x=1,3,48,320 --json"))
    .action(on(async () => (await import("./commands/inspect.ts")).inspectCommand));

  execution(modelOptions(program.command("bench").description("Measure time and memory of the compiled model.").argument("<model>", "an ONNX file")))
    .option("--input <name=file>", valueInstead, inputFile)
    .option("--runs <n>", "measured runs; by default as many as fit into two seconds, 10 at least", count(1))
    .option("--run-shape <input=n,n,...>", "the shape of an input where each run chooses; the largest without it; repeatable", runShape)
    .option("--seed <n>", "seed of the random inputs", count(0), 1)
    .option("--profile", "also show each step: its time, how near it is to the processor's peak, the bytes it moves")
    .addOption(new Option("--sort <order>", "of the profile: the slowest step first, or as they run; time without it").choices(["time", "run"]))
    .option("--json", "print the figures as JSON")
    .addHelpText(
      "after",
      examples("mlc bench digits.onnx --threads 2", "mlc bench rec.onnx --shape x=1,3,48,320 --profile", "mlc bench digits.onnx --json"),
    )
    .action(on(async () => (await import("./commands/bench.ts")).benchCommand));

  execution(
    modelOptions(
      program
        .command("tune")
        .description("Measure other algorithms and schedules for each layer on this machine, and write down what is faster.")
        .argument("<model>", "an ONNX file"),
    ),
  )
    .option("-o, --output <file>", "the tuning file, for --tune; other processors' choices in it stay; MODEL.tune.json in this folder by default")
    .option("--tries <n>", "other choices for each layer, and for each kernel, at most; each try compiles the network", count(1), 16)
    .option("--rounds <n>", "how often the tries take turns", count(1), 5)
    .option("--runs <n>", "runs of the network in each turn", count(1), 20)
    .option("--gain <percent>", "choices that gain less are left", amount, 3)
    .option("--json", "print what was found as JSON")
    .addHelpText("after", examples("mlc tune net.onnx -o net.tune.json", "mlc compile net.onnx -o out/ --tune net.tune.json"))
    .action(on(async () => (await import("./commands/tune.ts")).tuneCommand));

  program
    .command("ops")
    .description("List the operators that can be compiled.")
    .option("--json", "print the list as JSON")
    .addHelpText("after", examples("mlc ops", "mlc ops --json"))
    .action(on(async () => (await import("./commands/lists.ts")).opsCommand));
  program
    .command("targets")
    .description("List what can be compiled to.")
    .option("--json", "print the list as JSON")
    .addHelpText("after", examples("mlc targets", "mlc targets --json"))
    .action(on(async () => (await import("./commands/lists.ts")).targetsCommand));
  return program;
}
const examples = (...lines: readonly string[]): string => `\nExamples:\n${lines.map((l) => `  ${l}\n`).join("")}`;
const execution = (c: Command): Command =>
  c
    .option("--exec <command>", "starts the compiled program, such as qemu-aarch64 -L /usr/aarch64-linux-gnu")
    .option("--run-threads <n>", "threads that runs are divided among; as many as --threads allows without it", count(1));

const valueInstead = "a value for an input instead of a random one, from a .npy file, or strings from the lines of a text file; repeatable";

/** What dist/mlc.mjs does: the process's own streams, environment and exit code. */
export async function start(): Promise<void> {
  process.stdout.on("error", (e: NodeJS.ErrnoException) => (e.code === "EPIPE" ? process.exit(0) : undefined));
  process.exitCode = await main(process.argv.slice(2), terminalOf(process.stdout, process.stderr, process.env));
}
