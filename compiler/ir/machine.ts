/** Machines as cost models see them. */

/** A processor's core, or a device as a whole. */
export interface Machine {
  /** Multiply-accumulates per second of register tiles that wait for nothing, and bytes per second of weights from main memory. */
  readonly macsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of reading weights and multiplying, the share of the shorter one that is not hidden behind the other. */
  readonly exposed: number;
}
/** A processor's core with its caches. */
export interface Core extends Machine {
  /** Bytes of the second cache and of the last; bytes per second between the two. */
  readonly cacheBytes: number;
  readonly lastCacheBytes: number;
  readonly cacheBytesPerSecond: number;
}
/** What the cost model has to know where schedules know Winograd's stages. */
export interface WinogradFacts {
  /** The cores that a choice must suit equally. */
  readonly machines: readonly Core[];
  /** Rows or columns of the largest tile allowed. */
  readonly largestTile: number;
  /** Tiles and columns of outputs that schedules work on at a time, and the columns of a panel of weights. */
  readonly tiles: number;
  readonly columns: number;
  readonly panel: number;
  /** How often an added byte of weights counts as if it were read once more: 0 where only speed decides. */
  readonly byteWeight: number;
}
/** The same of Strassen's. */
export interface StrassenFacts {
  readonly machines: readonly Core[];
  /** Into how many blocks the schedule cuts so many pairs of rows, of a product over `terms` terms in each half. */
  readonly blocks: (pairs: number, terms: number) => number;
}
/** Of schedules of products on processors: what a tile reads of the weights for each term of its sums. */
export interface PanelFacts {
  readonly machines: readonly Core[];
  /** Columns of weights, and rows that read them together. */
  readonly columns: number;
  readonly rows: number;
}
/** The machines that the code may meet, and what schedules know. */
export interface MachineFacts {
  readonly machines: readonly Machine[];
  readonly winograd: false | WinogradFacts;
  /** Whether the schedules know Strassen's stages. */
  readonly strassen: false | StrassenFacts;
}
