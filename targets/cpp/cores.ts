/** The cores of servers that cost models think of: what is chosen must suit them equally, as one library serves them all. */
import type { Core } from "../../compiler/ir/machine.ts";

/** Both fitted to profiles of whole networks: docs/architecture.md says how near they come. */
export const cores: readonly Core[] = [
  // Zen 4, which takes two cycles for a vector of 512 bits: its memory keeps up.
  { macsPerSecond: 57.2e9, bytesPerSecond: 26e9, exposed: 0.2, cacheBytes: 2 ** 20, lastCacheBytes: 2 ** 25, cacheBytesPerSecond: 65e9 },
  // Sapphire Rapids and its successors: twice the arithmetic, of which the second cache feeds four fifths; main memory is far.
  { macsPerSecond: 82e9, bytesPerSecond: 12e9, exposed: 0.7, cacheBytes: 2 ** 21, lastCacheBytes: 2 ** 25, cacheBytesPerSecond: 25e9 },
];
