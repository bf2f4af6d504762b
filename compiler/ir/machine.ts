/** Machines as cost models see them. */

/** What the cost model has to know where schedules know Winograd's stages. */
export interface WinogradFacts {
  /** Rows or columns of the largest tile allowed. */
  readonly largestTile: number;
  /** Tiles and columns of outputs that schedules work on at a time, and the columns of a panel of weights. */
  readonly tiles: number;
  readonly columns: number;
  readonly panel: number;
  /** Bytes of the second cache and of the last, of one core; bytes per second between the two. */
  readonly cacheBytes: number;
  readonly lastCacheBytes: number;
  readonly cacheBytesPerSecond: number;
  /** How often an added byte of weights counts as if it were read once more: 0 where only speed decides. */
  readonly byteWeight: number;
}
/** The machine's arithmetic and memory. */
export interface MachineFacts {
  readonly macsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly winograd: false | WinogradFacts;
  /** Whether the schedules know Strassen's stages. */
  readonly strassen: boolean;
}
