/** The instruction sets of the C++ target: facts that schedules and the packaging read. */
export interface InstructionSet {
  readonly name: string;
  readonly description: string;
  /** Floats in a vector register, and how many such registers there are. */
  readonly lanes: number;
  readonly registers: number;
  /** Rows x vectors of the register tile of a matrix product; see docs/architecture.md for how they were found. */
  readonly tile: { readonly rows: number; readonly vectors: number };
  /** Preprocessor condition under which the set can be compiled. */
  readonly guard: string;
  /** C expression that is true where the processor has it; null for the baseline of an architecture. */
  readonly check: string | null;
  /** How many 16-bit floats one instruction converts. */
  readonly halves: readonly number[];
  /** The macro of a function's target attribute; empty for a baseline. */
  readonly attribute: string;
  /** The ending of functions that multiply and add bytes by instructions which only some of its processors have. */
  readonly dots?: string;
  /** What these are called; the code for other kernels is the same. */
  readonly withDots?: { readonly name: string; readonly check: string; readonly attribute: string; readonly dots: string };
}
/** The first cache of today's processors: see `TargetFacts`. */
export const firstCache = { bytes: 32768, ways: 8, line: 64 } as const;
/** All instruction sets of the target, by name. */
export const instructionSets = {
  sse: { name: "sse", description: "x86-64 baseline, and any other processor", lanes: 4, registers: 16, tile: { rows: 4, vectors: 2 }, guard: "!defined(__aarch64__)", check: null, halves: [], attribute: "" },
  avx2: {
    name: "avx2", description: "x86-64 with AVX2 and FMA", lanes: 8, registers: 16, tile: { rows: 6, vectors: 2 }, guard: "defined(__x86_64__)",
    check: '__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")', halves: [8], attribute: "AVX2",
  },
  avx512: {
    name: "avx512", description: "x86-64 with AVX-512 F, VL, BW, DQ", lanes: 16, registers: 32, tile: { rows: 6, vectors: 4 }, guard: "defined(__x86_64__)",
    check: '__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")',
    halves: [8, 16], attribute: "AVX512",
    withDots: { name: "avx512vnni", check: '__builtin_cpu_supports("avx512vnni")', attribute: "AVX512VNNI", dots: "_vnni" },
  },
  neon: { name: "neon", description: "AArch64", lanes: 4, registers: 32, tile: { rows: 8, vectors: 2 }, guard: "defined(__aarch64__)", check: null, halves: [4], attribute: "" },
} as const satisfies Record<string, InstructionSet>;
/** The name of an instruction set. */
export type InstructionSetName = keyof typeof instructionSets;
