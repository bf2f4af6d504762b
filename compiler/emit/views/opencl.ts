/** What the templates of the OpenCL package get beside those of C++. */
import type { CommonView, IsaView, SizedView } from "./common.ts";

/** The part of the header that only OpenCL has. */
export interface OpenclApiView extends CommonView {
  /** "void* x, void* y" */
  readonly deviceParams: string;
  /** What the options are by default, in words. */
  readonly maxKernelUs: number | string;
  readonly queueWindow: number | string;
}
/** What the sources for OpenCL share: how many steps there are, and buffers of weights. */
export interface OpenclDeviceView extends CommonView { readonly steps: number; readonly chunks: number; readonly sized: OpenSizesView | null }
/** Numbers that only a run knows, on a device: those of the steps as C, rows of who uses which, and the bytes of inputs and outputs. */
export interface OpenSizesView extends SizedView {
  /** Whether there are sizes among them, and which of them are turns of loops. */
  readonly open: boolean;
  readonly turns: readonly { readonly id: string; readonly index: number }[];
  readonly turnCount: number;
  readonly numbers: readonly { readonly index: number; readonly text: string }[];
  readonly rows: readonly string[];
  /** How many numbers there are, at least 1. */
  readonly count: number;
  readonly portBytes: readonly { readonly index: number; readonly text: string }[];
  /** Inputs and outputs with such sizes, and the bytes of the most of each: kernels may touch all of those. */
  readonly boxes: readonly { readonly index: number; readonly bytes: number; readonly input: boolean }[];
}
/** The choice of a device: what it must have, sizes in bytes. */
export interface OpenclFindView extends CommonView {
  readonly doubles: boolean;
  readonly mostLanes: number;
  readonly sharedBytes: number;
  readonly largestBuffer: number;
  readonly allBuffers: number;
}
/** The kernels' text as string literals in pieces, each a list of lines. */
export interface OpenclSourceView extends CommonView { readonly pieces: readonly (readonly string[])[]; readonly sourceHash: string }
/** The steps on a device and on the processor; tables as rows of C. */
export interface OpenclCoreView extends CommonView {
  readonly isas: readonly IsaView[];
  readonly noIsa: string;
  readonly magic: string;
  /** Of a context without its working memory, and with it. */
  readonly headBytes: number;
  readonly contextBytes: number;
  readonly arenaBytes: number;
  readonly choose: string;
  readonly loading: string;
  readonly info: string;
  readonly fileWeights: boolean;
  readonly portBytes: string;
  readonly sized: OpenSizesView | null;
  /** What the templates beside this one make of it; empty without. */
  readonly sizesText: string;
  readonly shapesText: string;
  readonly arguments: readonly string[];
  readonly weightRanges: readonly string[];
  readonly weightRangeCount: number;
  readonly weightBufferBytes: string;
  readonly mapped: readonly string[];
  readonly steps: readonly { readonly comment: readonly string[]; readonly row: string }[];
  /** Calls on the processor. */
  readonly cpuSteps: readonly { readonly index: number; readonly kernel: string; readonly args: string }[];
  readonly maxKernelUs: number;
  readonly queueWindow: number;
  /** The view below as text. */
  readonly running: string;
}
/** A symbol that is read from memory, and its bounds. */
export interface LearnedView { readonly id: string; readonly low: number; readonly high: number }
/**
 * Branches, loops, and sizes that steps find, on a device: rows of the table of what follows what, and what is read of a step's results. `from`: the
 * arguments of `read_back` but for where it goes.
 */
export interface WalkView {
  readonly rows: readonly string[];
  readonly count: number;
  readonly decisions: readonly { readonly index: number; readonly from: string }[];
  /** What sizes become: lines of C. And the most turns of loops that only a run knows, the first of them -1 in their rows. */
  readonly leaves: readonly { readonly index: number; readonly lines: readonly string[] }[];
  readonly limits: readonly { readonly index: number; readonly text: string }[];
  /** Whether some places move with the turns of a loop. */
  readonly turns: boolean;
  readonly found: readonly { readonly step: number; readonly symbols: readonly (LearnedView & { readonly from: string })[]; readonly differ: readonly string[] }[];
}
/** Going through the table. */
export interface OpenclWalkView extends CommonView, Pick<OpenclRunView, "isas" | "mapped" | "sized"> { readonly walk: WalkView }
/** Running: launches, steps that the processor carries out, `run_in` and `run_cl`. */
export interface OpenclRunView extends CommonView {
  readonly isas: readonly IsaView[];
  readonly mapped: readonly string[];
  /** Null where a run is its steps, one behind the other; what the template beside this one makes of it, empty without. */
  readonly walk: WalkView | null;
  readonly walkText: string;
  readonly sized: OpenSizesView | null;
  readonly arenaBytes: number;
  readonly params: string;
  readonly nullTest: string;
  /** The same for memory on the device, which all that may have elements need. */
  readonly deviceNullTest: string;
  readonly deviceParams: string;
  /** "(unsigned char*)x, (unsigned char*)y, nullptr", "x, y, nullptr" */
  readonly portList: string;
  readonly devicePortList: string;
}
/** Path of each template -> its view. */
export interface OpenclViews {
  readonly "opencl/api.h": OpenclApiView;
  readonly "opencl/device.h": OpenclDeviceView;
  readonly "opencl/device.cpp": OpenclFindView;
  readonly "opencl/build.cpp": CommonView & { readonly buildOptions: string };
  readonly "opencl/source.cpp": OpenclSourceView;
  readonly "opencl/core.cpp": OpenclCoreView;
  readonly "opencl/running.cpp": OpenclRunView;
  readonly "opencl/walk.cpp": OpenclWalkView;
  readonly "opencl/sizes.cpp": OpenSizesView & CommonView;
}
