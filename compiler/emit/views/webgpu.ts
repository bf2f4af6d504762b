/** What the templates of a module for WebGPU get. */

/** The tables of a module for WebGPU, as JavaScript: each text is an expression, or a line of an array. */
export interface ModuleView {
  readonly banner: readonly string[];
  readonly nameText: string;
  /** The name of the file of kernels, and its place relative to the module. */
  readonly wgsl: string;
  readonly wgslText: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly needs: string;
  readonly kernels: number;
  readonly weightsBytes: number;
  readonly checksum: number;
  readonly buffers: string;
  readonly pieces: number;
  readonly sized: ModuleSizesView | null;
}
/** Branches, loops, and sizes that steps find, as JavaScript: nested lists of what follows what, names of symbols and turns, what is not known of them at first, and what is read when. */
export interface ModuleWalkView {
  readonly flow: string;
  readonly learned: readonly string[];
  readonly unknown: string;
  readonly found: readonly string[];
  readonly reads: readonly string[];
  /** What sizes become, and what has to be equal then; the most turns of loops that only a run knows. */
  readonly leaves: readonly string[];
  readonly limits: readonly string[];
}
/** Numbers that only a run knows, as JavaScript; `open`: whether there are sizes among them. */
export interface ModuleSizesView {
  readonly walk: ModuleWalkView | null;
  readonly open: boolean;
  /** Of the function that finds them: dimensions of inputs, and what is known of the others, as far as it needs them. */
  readonly params: string;
  /** Sizes that the model needs equal. */
  readonly equal: readonly { readonly one: string; readonly other: string }[];
  readonly given: readonly { readonly id: string; readonly from: string }[];
  readonly checks: readonly { readonly from: string; readonly size: string }[];
  /** Shapes of the outputs, and the numbers that kernels and dispatches are given. */
  readonly outputs: readonly string[];
  readonly numbers: readonly string[];
  /** Which numbers are side by side, for each 256 bytes. */
  readonly rows: string;
}
/** A part of the module that is the same for all networks, or for those with numbers that only a run knows, open sizes, and reads before the end of a run. */
export interface ModulePartView { readonly sized: boolean; readonly open: boolean; readonly walk: boolean }
/** Path of each template -> its view. */
export interface WebgpuViews {
  readonly "webgpu/index.js": ModuleView;
  readonly "webgpu/ports.js": ModulePartView;
  readonly "webgpu/weights.js": ModulePartView;
  readonly "webgpu/device.js": ModulePartView;
  readonly "webgpu/steps.js": ModulePartView;
  readonly "webgpu/walk.js": ModulePartView;
  readonly "webgpu/net.js": ModulePartView;
}
