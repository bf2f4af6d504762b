/** Devices that run a kernel as a grid: groups of lanes, each group with shared memory of its own. */

/** What schedules for such a device have to know. */
export interface GridFacts {
  /** Lanes that a group should have, and the most that it may have: powers of two. */
  readonly lanes: number;
  readonly mostLanes: number;
  /** The most groups in one dimension of a launch. */
  readonly mostGroups: number;
  /** Memory that the lanes of a group share, in bytes. */
  readonly sharedBytes: number;
  /** Floats that one load or store takes at best: a power of two; 1 where vectors do not pay. */
  readonly vector: number;
  /** Floats of results that one lane keeps in registers. */
  readonly accumulators: number;
  /** Lanes that keep the whole device busy: with fewer, work is cut finer. */
  readonly busy: number;
}
