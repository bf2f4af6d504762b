/** What the programs around packages get that `mlc run`, `bench` and `verify` start. */
import type { PortView } from "./common.ts";

/** An input or output of the program around a package; `text`: it holds strings. */
export interface NativePortView extends Pick<PortView, "ctype" | "local" | "macro"> { readonly text: boolean }
/** The program around a package that `mlc run`, `bench` and `verify` build. */
export interface NativeView {
  readonly name: string;
  readonly NAME: string;
  readonly inputs: readonly NativePortView[];
  readonly outputs: readonly NativePortView[];
  /** Whether some of them hold strings. */
  readonly texts: boolean;
  readonly passed: string;
  /** The outputs' variables and NULL. */
  readonly outputList: string;
  readonly fileWeights: boolean;
  readonly prepares: boolean;
  /** Initialisers of { step, port or -1, offset, bytes }. */
  readonly results: readonly { readonly row: string }[];
  readonly stepCount: number;
  /** Whether inputs have sizes that only a run knows. */
  readonly sized: boolean;
  /** Whether the API can choose a device and say which it is. */
  readonly devices: boolean;
  /** Whether a run can have several threads, and whether a context must be released. */
  readonly threads: boolean;
  readonly released: boolean;
  /** A C expression for the launches of `step`. */
  readonly launches: string;
  /** Whether the program is linked with native/peak.cpp. */
  readonly peak: boolean;
}
/** `operations` are those of one call of the loop, whose kernel is `text`. */
export interface PeakView {
  readonly preamble: string;
  readonly sets: readonly { readonly name: string; readonly guard: string; readonly text: string; readonly lanes: number; readonly operations: number }[];
}
/** The program around such a module that `mlc run`, `bench` and `verify` start. */
export interface NodeView {
  readonly name: string;
  readonly nameLength: number;
  /** Arrays of step, port or -1, offset, bytes. */
  readonly results: readonly string[];
  readonly sized: boolean;
}
/** Path of each template -> its view. */
export interface ProgramViews {
  readonly "native/main.c": NativeView;
  readonly "native/peak.cpp": PeakView;
  readonly "node/main.mjs": NodeView;
}
