import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { main } from "../../compiler/cli/main.ts";
import { formatDiagnostics } from "../../compiler/cli/report.ts";
import { table, terminalOf } from "../../compiler/cli/terminal.ts";
import { mlc } from "./mlc.ts";

const folder = mkdtempSync(join(tmpdir(), "mlc-test-"));
afterAll(() => rmSync(folder, { recursive: true }));
const commands = ["compile", "run", "verify", "inspect", "bench", "tune", "ops", "targets"];
const model = join(folder, "absent.onnx");

describe("help", () => {
  test("lists every command", async () => {
    const { code, out } = await mlc("--help");
    expect(code).toBe(0);
    for (const c of commands) expect(out).toMatch(new RegExp(`^  ${c} `, "m"));
  });
  test.each(commands)("%s has help with examples", async (c) => {
    const { code, out, err } = await mlc(c, "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(`Usage: mlc ${c}`);
    expect(out).toMatch(new RegExp(`Examples:\\n(.*\\n)*  .*mlc ${c}`));
  });
  test("the version is the package's", async () => {
    expect(await mlc("--version")).toEqual({ code: 0, out: `${JSON.parse(readFileSync("package.json", "utf8")).version}\n`, err: "" });
  });
});

describe("mistakes in the command line end with 2", () => {
  test.each([
    [[], /Usage: mlc/],
    [["complie", "a.onnx"], /unknown command 'complie'[\s\S]*compile/],
    [["compile"], /missing required argument 'model'/],
    [["run", model], /--output-dir <dir>/],
    [["compile", model], /no output folder[\s\S]*give one with -o/],
    [["compile", model, "-o", "x", "--lib", "dll"], /Allowed choices are static, shared, both/],
    [["compile", model, "-o", "x", "--target", "cobol"], /there is no target "cobol"[\s\S]*cpp/],
    [["compile", model, "-o", "x", "--isa", "mmx"], /no instruction set mmx[\s\S]*avx2/],
    [["compile", model, "-o", "x", "--name", "2nd"], /C identifier/],
    [["compile", model, "-o", "x", "--weights", "zip"], /Allowed choices are incbin, object, source, file/],
    [["compile", model, "-o", "x", "--shape", "1,2"], /NAME=VALUE/],
    [["compile", model, "-o", "x", "--shape", "x=1,-2"], /whole number/],
    [["compile", model, "-o", "x", "--shape", "x=1", "--shape", "x=2"], /--shape is given twice for "x"/],
    [["compile", model, "-o", "x", "--dim", "N=one"], /whole number/],
    [["compile", model, "-o", "x", "--length", "s=1.5"], /whole number/],
    [["compile", model, "-o", "x", "--length", "s=1", "--length", "s=2"], /--length is given twice for "s"/],
    [["bench", model, "--threads", "2", "--run-threads", "3"], /--run-threads 3 is more than the library is compiled for/],
    [["bench", model, "--threads", "0"], /It must be a whole number from 1 to 64/],
    [["verify", model, "--tolerance", "-1"], /from 0 up/],
    [["verify", model, "--data", "a", "--input", "x=a.npy"], /--data and --input/],
    [["inspect", model, "--colour"], /unknown option '--colour'/],
    [["ops", "Conv"], /too many arguments/],
  ] as const)("%j", async (argv, message) => {
    const { code, out, err } = await mlc(...argv);
    expect(err).toMatch(message);
    expect([code, out]).toEqual([2, ""]);
  });
});

describe("problems with a model end with 1 and one block of text", () => {
  test("a file that is not there", async () => {
    const { code, out, err } = await mlc("compile", model, "-o", join(folder, "out"));
    expect([code, out]).toEqual([1, ""]);
    expect(err).toBe(`error: cannot read the model ${model}: no such file or folder\n`);
  });
  test("a folder, and a file that is no model; as JSON too", async () => {
    expect((await mlc("inspect", folder)).err).toContain("it is not a file");
    const text = join(folder, "text.onnx");
    writeFileSync(text, "this is not a model\n");
    const { code, out, err } = await mlc("inspect", text, "--json");
    expect(code).toBe(1);
    const { diagnostics } = JSON.parse(out);
    expect(diagnostics[0]).toMatchObject({ severity: "error" });
    expect(err).toContain(diagnostics[0].message);
  });
});

describe("reports", () => {
  const plain = terminalOf({ write: () => {} }, { write: () => {} }, {}).colors;
  const tty = (columns: number) => ({ write: () => {}, isTTY: true, columns });
  test("unsupported operators become one table, by operator and reason", () => {
    const text = formatDiagnostics(
      [
        { severity: "warning", code: "w", message: "the batch is open", hint: "--dim N=1" },
        { severity: "error", code: "unsupported-op", op: "NonZero", node: "a", message: "no lowering" },
        { severity: "error", code: "unsupported-op", op: "NonZero", node: "b", message: "no lowering" },
        {
          severity: "error",
          code: "unsupported-op",
          op: "Loop",
          node: "c",
          message: "this operator is not supported: no control flow",
          hint: "unroll it",
        },
      ],
      plain,
    );
    expect(text).toBe(
      [
        "warning: the batch is open",
        "  help: --dim N=1",
        "",
        "Not supported:",
        "",
        "operator  count  nodes  reason           what helps",
        "NonZero       2  a, b   no lowering",
        "Loop          1  c      no control flow  unroll it",
        "",
      ].join("\n"),
    );
  });
  test("colours need a terminal and respect NO_COLOR", () => {
    const colored = (isTTY: boolean, env: Record<string, string>) =>
      formatDiagnostics(
        [{ severity: "error", code: "x", message: "m" }],
        terminalOf({ write: () => {} }, { write: () => {}, isTTY }, env).errColors,
      ).includes("\x1b[");
    expect([colored(true, {}), colored(true, { NO_COLOR: "1" }), colored(false, {})]).toEqual([true, false, false]);
  });
  test("a narrow terminal breaks the columns that may break", () => {
    const rows = [["one", "a text of several words that is long"]];
    expect(table(["k", "text"], rows, plain, tty(30), ["text"]).split("\n").length).toBeGreaterThan(2);
    expect(
      table(["k", "text"], rows, plain, tty(30), ["text"])
        .split("\n")
        .every((l) => l.length <= 30),
    ).toBe(true);
    expect(table(["k", "text"], rows, plain).split("\n").length).toBe(2);
    expect(table(["k", "text"], rows, plain, tty(30), [], ["text"])).toBe("k    text\none  a text of several word…");
    expect(table(["k", "text"], rows, plain, undefined, [], ["text"])).toContain("that is long");
  });
});

test("main throws nothing", async () => {
  await expect(main(["compile", folder, "-o", folder], terminalOf({ write: () => {} }, { write: () => {} }, process.env))).resolves.toBe(1);
});
