/** Object files that the compiler writes itself, as the system's own tools read them. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { objectFile, objectFormatOf, objectFormats, type ObjectFormat } from "../../compiler/emit/object-files.ts";
import { emptyFolder, have, sh, write } from "./tools.ts";

const data = Uint8Array.from({ length: 1000 }, (_, i) => (i * 37) & 255);
const root = emptyFolder();
const facts: Readonly<Record<ObjectFormat, { readonly file: string; readonly section: string; readonly symbol: string }>> = {
  "elf-x86_64": { file: "elf64-x86-64", section: ".rodata", symbol: "w_weights" },
  "elf-aarch64": { file: "elf64-littleaarch64", section: ".rodata", symbol: "w_weights" },
  "macho-x86_64": { file: "Mach-O 64-bit x86-64", section: "__const", symbol: "_w_weights" },
  "macho-arm64": { file: "Mach-O arm64", section: "__const", symbol: "_w_weights" },
  "coff-x86_64": { file: "COFF-x86-64", section: ".rdata", symbol: "w_weights" },
  "coff-arm64": { file: "COFF-ARM64", section: ".rdata", symbol: "w_weights" },
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe.each(objectFormats)("%s", (format) => {
  const folder = join(root, format), path = "w.o", { file, section, symbol } = facts[format];
  write(folder, [[path, objectFile(format, "w_weights", data)]]);

  test.skipIf(!have("llvm-readobj"))("llvm-readobj finds one aligned section and one hidden symbol", async () => {
    const text = await sh(folder, "llvm-readobj", "--file-headers", "--sections", "--symbols", path);
    expect(text).toContain(`Format: ${file}`);
    expect(text).toMatch(new RegExp(`Name: ${section.replace(".", "\\.")} `));
    expect(text).toMatch(new RegExp(`Name: ${symbol}( |\\n)`));
    expect(text).toMatch(/AddressAlignment: 64|Alignment: 6\n|IMAGE_SCN_ALIGN_64BYTES/);
    expect(text).toMatch(/STV_HIDDEN|PrivateExtern|StorageClass: External/);
  });
  test.skipIf(!have("llvm-objcopy"))("llvm-objcopy gets the bytes back", async () => {
    const name = section === "__const" ? "__TEXT,__const" : section;
    const dump = await sh(folder, "llvm-objdump", "-s", "-j", name.split(",").at(-1)!, path);
    const found = [...dump.matchAll(/^ [0-9a-f]+ ((?:[0-9a-f]+ )+) /gm)].map((m) => m[1]!.replaceAll(" ", "")).join("");
    expect(found.slice(0, 2 * data.length)).toBe(hex(data));
  });
});

test("binutils read the ELF file without complaint", async () => {
  const text = await sh(join(root, "elf-x86_64"), "readelf", "-aW", "w.o");
  expect(text).toMatch(/1000 OBJECT {2}GLOBAL HIDDEN +1 w_weights/);
  expect(text).toContain(".note.GNU-stack");
  await expect(sh(join(root, "elf-x86_64"), "ld", "--fatal-warnings", "-r", "w.o", "-o", "again.o")).resolves.toBe("");
});
test.skipIf(!have("ld64.lld-14"))("lld links the Mach-O files and reads the COFF file", async () => {
  for (const arch of ["x86_64", "arm64"] as const) {
    const folder = join(root, `macho-${arch}`);
    await sh(folder, "ld64.lld-14", "-arch", arch, "-platform_version", "macos", "11.0", "11.0", "-dylib", "w.o", "-o", "w.dylib");
    const symbols = await sh(folder, "llvm-nm", "w.dylib");
    expect(symbols).toMatch(/^[0-9a-f]*[048c]0 s _w_weights$/m);
  }
  const folder = join(root, "coff-x86_64");
  await sh(folder, "lld-link-14", "/dll", "/noentry", "/export:w_weights,DATA", "w.o", "/out:w.dll");
  expect(await sh(folder, "llvm-readobj", "--coff-exports", "w.dll")).toContain("Name: w_weights");
});
test("the machines that the compiler runs on have a format", () => {
  expect(objectFormatOf("linux", "x64")).toBe("elf-x86_64");
  expect(objectFormatOf("darwin", "arm64")).toBe("macho-arm64");
  expect(objectFormatOf("aix", "ppc64")).toBeUndefined();
});
