/** The ways in which a program gets its constants. None prints them as numbers: a compiler needs seconds per megabyte for those. */
import { objectFile, type ObjectFormat } from "./object-files.ts";

/**
 * incbin: a file beside some lines of assembler; object: an object file made here; source: string literals in C++;
 * file: a file that the caller loads and hands over.
 */
export const weightForms = ["incbin", "object", "source", "file"] as const;
/** One of `weightForms`. */
export type WeightForm = (typeof weightForms)[number];

/** The files of each form, for a model's name: `compile` are for the compiler, `link` for the linker or archiver, `data` beside them. */
export const weightFiles: Readonly<Record<WeightForm, (name: string) => { compile: readonly string[]; link: readonly string[]; data: readonly string[] }>> = {
  incbin: (n) => ({ compile: [`${n}_weights.S`], link: [], data: [`${n}_weights.bin`] }),
  object: (n) => ({ compile: [], link: [`${n}_weights.o`], data: [] }),
  source: (n) => ({ compile: [`${n}_weights.cpp`], link: [], data: [] }),
  file: (n) => ({ compile: [], link: [], data: [`${n}_weights.bin`] }),
};

/** The contents of the files above, but for the assembler, which is a template. */
export function weightContents(form: WeightForm, name: string, bytes: Uint8Array, format: ObjectFormat | undefined): ReadonlyMap<string, Uint8Array> {
  switch (form) {
    case "incbin": case "file": return new Map([[`${name}_weights.bin`, bytes]]);
    case "object":
      if (!format) throw new Error("weights as an object file need its format");
      return new Map([[`${name}_weights.o`, objectFile(format, `${name}_weights`, bytes)]]);
    case "source": return new Map([[`${name}_weights.cpp`, stringSource(name, bytes)]]);
    default: return form satisfies never;
  }
}

/** Bytes per line: a compiler joins long literals faster than many short ones. */
const perLine = 1024;
/**
 * C++ source that defines `<name>_weights` by one string literal in pieces. Bytes that are no plain character are octal,
 * as short as what follows allows.
 */
function stringSource(name: string, bytes: Uint8Array): Uint8Array {
  const ascii = new TextEncoder();
  const head = ascii.encode(`#include "${name}_internal.h"\n\nalignas(64) const unsigned char ${name}_weights[${bytes.length} + 1] =\n`);
  const plain = (b: number) => b >= 0x20 && b < 0x7f && b !== 0x22 && b !== 0x5c && b !== 0x3f;
  const out = new Uint8Array(head.length + 4 * bytes.length + 5 * Math.ceil(bytes.length / perLine) + 8);
  out.set(head);
  let at = head.length;
  for (let from = 0; from < bytes.length || from === 0; from += perLine) {
    const end = Math.min(bytes.length, from + perLine);
    out[at++] = 0x20; out[at++] = 0x20; out[at++] = 0x22;
    for (let i = from; i < end; i++) {
      const b = bytes[i]!;
      if (plain(b)) { out[at++] = b; continue; }
      const next = i + 1 < end ? bytes[i + 1]! : 0, full = next >= 0x30 && next < 0x38;
      out[at++] = 0x5c;
      if (full || b >= 64) out[at++] = 0x30 + (b >> 6);
      if (full || b >= 8) out[at++] = 0x30 + ((b >> 3) & 7);
      out[at++] = 0x30 + (b & 7);
    }
    out[at++] = 0x22;
    out[at++] = end === bytes.length ? 0x3b : 0x0a;
  }
  out[at++] = 0x0a;
  return out.slice(0, at);
}

/**
 * What tells a file of weights from another: eight interleaved FNV-1a sums over 32-bit words (so that a compiler can use vectors),
 * folded into one. `bytes` is a multiple of 32 long. The same stands in runtime-templates/cpp/core.cpp.hbs.
 */
export function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer, bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0, bytes.length / 4);
  const sums = new Uint32Array(8).fill(0x811c9dc5);
  for (let i = 0; i < words.length; i += 8) for (let j = 0; j < 8; j++) sums[j] = Math.imul(sums[j]! ^ words[i + j]!, 0x01000193);
  return sums.reduce((h, s) => Math.imul(h ^ s, 0x01000193) >>> 0, 0x811c9dc5);
}
