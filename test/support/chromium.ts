/** A page in headless Chromium with WebGPU on SwiftShader, driven through DevTools' protocol over pipes. */
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import type { Readable, Writable } from "node:stream";

/** A page that is open. */
export interface Page {
  /** The value of an expression in the page, or of the promise that it gives. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. */
  until(expression: string, seconds: number): Promise<void>;
  send(method: string, params?: object): Promise<Record<string, unknown>>;
  screenshot(): Promise<Uint8Array>;
  /** Whatever the page has written to its console, and exceptions that nobody caught. */
  readonly log: readonly string[];
  close(): Promise<void>;
}
interface Message { readonly id?: number; readonly method?: string; readonly params?: Record<string, unknown>; readonly result?: Record<string, unknown>; readonly error?: { readonly message: string } }

/** Opens a page of so many pixels. */
export async function openPage(url: string, width = 1200, height = 760): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), "mlc-chromium-"));
  const flags = [
    "--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan", "--remote-debugging-pipe", "--no-first-run",
    "--disable-dev-shm-usage", `--user-data-dir=${profile}`, `--window-size=${width},${height}`, "about:blank",
  ];
  const browser = spawn("chromium", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const to = browser.stdio[3] as Writable, from = browser.stdio[4] as Readable, waiting = new Map<number, { resolve: (m: Record<string, unknown>) => void; reject: (e: Error) => void }>(), log: string[] = [];
  const ended = new Promise<void>((resolve) => browser.on("close", () => {
    for (const w of waiting.values()) w.reject(new Error("Chromium has ended"));
    resolve();
  }));
  let rest = "", next = 0, session: string | undefined;
  const hear = (m: Message): void => {
    if (m.method === "Runtime.consoleAPICalled") log.push((m.params!["args"] as { value?: unknown; description?: string }[]).map((a) => String(a.value ?? a.description)).join(" "));
    if (m.method === "Runtime.exceptionThrown") log.push(JSON.stringify(m.params!["exceptionDetails"]));
    const w = m.id === undefined ? undefined : waiting.get(m.id);
    if (!w) return;
    waiting.delete(m.id!);
    if (m.error) w.reject(new Error(m.error.message));
    else w.resolve(m.result ?? {});
  };
  from.setEncoding("utf8");
  from.on("data", (text: string) => {
    const parts = (rest + text).split("\0");
    rest = parts.pop()!;
    for (const p of parts) hear(JSON.parse(p) as Message);
  });
  to.on("error", () => {});
  const send: Page["send"] = (method, params = {}) => new Promise((resolve, reject) => {
    const id = ++next;
    waiting.set(id, { resolve, reject });
    to.write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`);
  });
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  ({ sessionId: session } = (await send("Target.attachToTarget", { targetId, flatten: true })) as { sessionId: string });
  await send("Runtime.enable");
  await send("Page.enable");
  await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  await send("Page.navigate", { url });
  const evaluate: Page["evaluate"] = async (expression) => {
    const { result, exceptionDetails } = (await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })) as { result: { value?: unknown }; exceptionDetails?: { exception?: { description?: string }; text: string } };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  return {
    evaluate, send, log,
    until: async (expression, seconds) => {
      for (const end = Date.now() + seconds * 1000; !(await evaluate(`Boolean(${expression})`)); await new Promise((r) => setTimeout(r, 100))) {
        if (Date.now() > end) throw new Error(`after ${seconds} seconds, not ${expression}: ${String(await evaluate("document.body.innerText"))}\n${log.join("\n")}`);
      }
    },
    screenshot: async () => Buffer.from((await send("Page.captureScreenshot", { format: "png" }))["data"] as string, "base64"),
    close: async () => {
      session = undefined;
      send("Browser.close").catch(() => {});
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const kinds: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".png": "image/png" };
/** Serves a folder's files and nothing else, as any static server does. */
export async function serveFolder(folder: string): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((q, r) => {
    const path = join(folder, normalize(`/${decodeURIComponent(new URL(q.url!, "http://localhost").pathname)}`)), file = path.endsWith("/") ? join(path, "index.html") : path;
    if (!existsSync(file) || !statSync(file).isFile()) { r.statusCode = 404; r.end(); return; }
    r.setHeader("content-type", kinds[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(r);
  });
  await new Promise<void>((done) => server.listen(0, "localhost", done));
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, close: () => { server.close(); server.closeAllConnections(); } };
}
