/**
 * Graphs as text, one node per line, for dumps, goldens and reproducers; the text parses back.
 *
 *     graph "digits" {
 *       symbol W in 32..1280
 *       input x: f32[1, 3, 48, W]
 *       const w: f32[8, 3, 3, 3] = #1f3a9c00
 *       const axes: i64[2] = [2, 3]
 *       y: f32[1, 8, 48, W] = Conv(x, w) { pads: [1, 1, 1, 1], auto_pad: "NOTSET" } @ conv1
 *       output y
 *     }
 *
 * "@" gives the node's name, and after "from" its origins where they are others. Constants with many elements are
 * printed by a hash of their bytes; parsed back, their elements are 0, and they print as the same hash again.
 */
export { isPlaceholder, printGraph } from "./graph-printer.ts";
export { parseGraph } from "./graph-parser.ts";
