/** The cores of servers that cost models think of. */
import type { Core } from "../../compiler/ir/machine.ts";

/** By the names that compilers have for them. All were fitted to profiles of whole networks: docs/architecture.md says how near they come. */
const cores = {
  // Two cycles for a vector of 512 bits: memory keeps up.
  znver4: { macsPerSecond: 57.2e9, bytesPerSecond: 26e9, exposed: 0.2, cacheBytes: 2 ** 20, lastCacheBytes: 2 ** 25, cacheBytesPerSecond: 65e9 },
  // And its successors: twice the arithmetic, of which the second cache feeds four fifths; main memory is far.
  sapphirerapids: { macsPerSecond: 82e9, bytesPerSecond: 12e9, exposed: 0.7, cacheBytes: 2 ** 21, lastCacheBytes: 2 ** 25, cacheBytesPerSecond: 25e9 },
} as const satisfies Record<string, Core>;
/** What --cpu can be: one of them, or all equally. */
export const cpuNames: readonly string[] = ["any", ...Object.keys(cores)];
/** The cores that a choice must suit equally. */
export const coresFor = (cpu: string): readonly Core[] => (cpu in cores ? [cores[cpu as keyof typeof cores]] : Object.values(cores));
