import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fileNameOf, writeFiles, writeFolder } from "../../compiler/cli/output.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "mlc-test-"))));
afterEach(() => rmSync(root, { recursive: true }));
const files = (content: string) =>
  new Map([
    ["a.txt", content],
    ["sub/b.txt", content],
  ]);

test("a new folder appears whole, parents and all, for others to read", async () => {
  const out = join(root, "deep/out");
  expect(await writeFolder(out, async (f) => (writeFiles(f, files("new")), 7))).toBe(7);
  expect(readFileSync(join(out, "sub/b.txt"), "utf8")).toBe("new");
  expect(readdirSync(join(root, "deep"))).toEqual(["out"]);
  expect(statSync(out).mode & 0o777).toBe(0o777 & ~process.umask());
});
test("files of a folder that exists are replaced one by one; others stay", async () => {
  const out = join(root, "out");
  writeFiles(
    root,
    new Map([
      ["out/a.txt", "old"],
      ["out/mine.txt", "mine"],
    ]),
  );
  await writeFolder(out, async (f) => writeFiles(f, files("new")));
  expect(readdirSync(out).sort()).toEqual(["a.txt", "mine.txt", "sub"]);
  expect([readFileSync(join(out, "a.txt"), "utf8"), readFileSync(join(out, "mine.txt"), "utf8")]).toEqual(["new", "mine"]);
});
test("a failure leaves nothing behind and changes nothing", async () => {
  const broken = (out: string) =>
    writeFolder(out, async (f) => {
      writeFiles(f, files("new"));
      throw new Error("no");
    });
  await expect(broken(join(root, "deep/out"))).rejects.toThrow("no");
  expect(readdirSync(root)).toEqual([]);
  writeFiles(root, new Map([["out/a.txt", "old"]]));
  await expect(broken(join(root, "out"))).rejects.toThrow("no");
  expect([readdirSync(root), readFileSync(join(root, "out/a.txt"), "utf8")]).toEqual([["out"], "old"]);
});
test("a file where the folder must go, or a folder where a file must go, is refused untouched", async () => {
  writeFileSync(join(root, "taken"), "");
  await expect(writeFolder(join(root, "taken"), async () => 0)).rejects.toThrow("is a file, not a folder");
  mkdirSync(join(root, "out/a.txt"), { recursive: true });
  await expect(writeFolder(join(root, "out"), async (f) => writeFiles(f, files("new")))).rejects.toThrow(/a\.txt is a folder where a file must go/);
  expect(existsSync(join(root, "out/sub"))).toBe(false);
});
test("names of tensors become names of files", () => {
  expect(fileNameOf("a/b:0 ä-1.x_")).toBe("a_b_0___-1.x_".replace("___", "__"));
});
