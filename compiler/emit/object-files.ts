/** Relocatable object files that hold one block of read-only bytes under one hidden symbol, for each common format. */

/** Format and processor. */
export type ObjectFormat = "elf-x86_64" | "elf-aarch64" | "macho-x86_64" | "macho-arm64" | "coff-x86_64" | "coff-arm64";

/** Little-endian fields in a row. */
export class Bytes {
  readonly #parts: Uint8Array[] = [];
  length = 0;
  #put(size: number, fill: (v: DataView) => void): this {
    const part = new Uint8Array(size);
    fill(new DataView(part.buffer));
    return this.raw(part);
  }
  u8(...xs: readonly number[]): this { return this.#put(xs.length, (v) => xs.forEach((x, i) => v.setUint8(i, x))); }
  u16(...xs: readonly number[]): this { return this.#put(2 * xs.length, (v) => xs.forEach((x, i) => v.setUint16(2 * i, x, true))); }
  u32(...xs: readonly number[]): this { return this.#put(4 * xs.length, (v) => xs.forEach((x, i) => v.setUint32(4 * i, x, true))); }
  u64(...xs: readonly number[]): this { return this.#put(8 * xs.length, (v) => xs.forEach((x, i) => v.setBigUint64(8 * i, BigInt(x), true))); }
  raw(bytes: Uint8Array): this { this.#parts.push(bytes); this.length += bytes.length; return this; }
  /** ASCII, followed by zeros up to `size` bytes if given. */
  text(s: string, size = s.length): this { return this.raw(new TextEncoder().encode(s)).skip(size - s.length); }
  skip(count: number): this { return this.raw(new Uint8Array(count)); }
  align(to: number): this { return this.skip((to - (this.length % to)) % to); }
  join(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const p of this.#parts) { all.set(p, at); at += p.length; }
    return all;
  }
}

type Writer = (symbol: string, data: Uint8Array) => Uint8Array;
/** ELF-64: the System V ABI, chapters 4 and 5. The empty .note.GNU-stack asks for a stack that is not executable. */
const elf = (machine: number): Writer => (symbol, data) => {
  const names = "\0.rodata\0.symtab\0.strtab\0.shstrtab\0.note.GNU-stack\0", name = (s: string) => names.indexOf(`\0${s}\0`) + 1;
  const out = new Bytes(), strings = `\0${symbol}\0`, dataAt = 64, symbolsAt = Math.ceil((dataAt + data.length) / 8) * 8;
  const stringsAt = symbolsAt + 48, namesAt = stringsAt + strings.length, headersAt = Math.ceil((namesAt + names.length) / 8) * 8;
  out.u8(0x7f).text("ELF").u8(2, 1, 1).skip(9).u16(1, machine).u32(1).u64(0, 0, headersAt).u32(0).u16(64, 0, 0, 64, 6, 4);
  out.raw(data).align(8);
  out.skip(24).u32(1).u8(0x11, 2).u16(1).u64(0, data.length); // a global object, hidden, in section 1
  out.text(strings).text(names).align(8);
  const section = (named: string, type: number, flags: number, at: number, size: number, link: number, info: number, align: number, entry: number) =>
    out.u32(name(named), type).u64(flags, 0, at, size).u32(link, info).u64(align, entry);
  out.skip(64);
  section(".rodata", 1, 2, dataAt, data.length, 0, 0, 64, 0);
  section(".symtab", 2, 0, symbolsAt, 48, 3, 1, 8, 24);
  section(".strtab", 3, 0, stringsAt, strings.length, 0, 0, 1, 0);
  section(".shstrtab", 3, 0, namesAt, names.length, 0, 0, 1, 0);
  section(".note.GNU-stack", 1, 0, namesAt, 0, 0, 0, 1, 0);
  return out.join();
};
/** Mach-O 64: <mach-o/loader.h> and <mach-o/nlist.h>. C's names have an underscore in front. */
const macho = (cpu: number, subtype: number): Writer => (symbol, data) => {
  const out = new Bytes(), strings = ` \0_${symbol}\0`, commands = 72 + 80 + 24 + 24;
  const dataAt = Math.ceil((32 + commands) / 64) * 64, symbolsAt = Math.ceil((dataAt + data.length) / 8) * 8, stringsAt = symbolsAt + 16;
  out.u32(0xfeedfacf, cpu, subtype, 1, 3, commands, 0x2000, 0);
  out.u32(0x19, 72 + 80).text("", 16).u64(0, data.length, dataAt, data.length).u32(7, 7, 1, 0); // LC_SEGMENT_64
  out.text("__const", 16).text("__TEXT", 16).u64(0, data.length).u32(dataAt, 6, 0, 0, 0, 0, 0, 0);
  out.u32(0x32, 24, 1, 0x000b0000, 0x000b0000, 0); // LC_BUILD_VERSION: macOS 11
  out.u32(0x02, 24, symbolsAt, 1, stringsAt, strings.length); // LC_SYMTAB
  out.align(64).raw(data).align(8);
  out.u32(2).u8(0x1f, 1).u16(0).u64(0); // private, external, defined in section 1
  return out.text(strings).join();
};
/** COFF: Microsoft's PE format, sections 3 to 5. It knows no hidden symbols; a DLL exports only what says so. */
const coff = (machine: number): Writer => (symbol, data) => {
  const out = new Bytes(), dataAt = 20 + 40 + 4, symbolsAt = dataAt + data.length;
  out.u16(machine, 1).u32(0, symbolsAt, 1).u16(0, 0);
  out.text(".rdata", 8).u32(0, 0, data.length, dataAt, 0, 0).u16(0, 0).u32(0x40000040 | 0x00700000); // initialised, readable, aligned to 64
  out.skip(4).raw(data);
  out.u32(0, 4, 0).u16(1, 0).u8(2, 0); // external, in section 1, its name at offset 4 of the strings
  return out.u32(4 + symbol.length + 1).text(`${symbol}\0`).join();
};

const writers: Readonly<Record<ObjectFormat, Writer>> = {
  "elf-x86_64": elf(62), "elf-aarch64": elf(183),
  "macho-x86_64": macho(0x01000007, 3), "macho-arm64": macho(0x0100000c, 0),
  "coff-x86_64": coff(0x8664), "coff-arm64": coff(0xaa64),
};
/** Every format that `objectFile` can write. */
export const objectFormats = Object.keys(writers) as readonly ObjectFormat[];
/** An object file in which the hidden symbol `symbol` (as C spells it) names `data`, read-only and aligned to 64 bytes. */
export const objectFile = (format: ObjectFormat, symbol: string, data: Uint8Array): Uint8Array => writers[format](symbol, data);

const hosts: Readonly<Record<string, ObjectFormat>> = {
  "linux x64": "elf-x86_64", "linux arm64": "elf-aarch64", "freebsd x64": "elf-x86_64", "freebsd arm64": "elf-aarch64",
  "darwin x64": "macho-x86_64", "darwin arm64": "macho-arm64", "win32 x64": "coff-x86_64", "win32 arm64": "coff-arm64",
};
/** The format of a machine as Node.js names it (`process.platform`, `process.arch`); undefined where there is none. */
export const objectFormatOf = (platform: string, arch: string): ObjectFormat | undefined => hosts[`${platform} ${arch}`];
