/** What the build and packaging files of a native package get, and the example in it. */
import type { CommonView, PortView } from "./common.ts";

/** The build and packaging files. File names stand in one text, separated by spaces. */
export interface BuildView extends CommonView {
  readonly numericVersion: string;
  /** Files for the compiler, and object files that exist already. */
  readonly compile: string;
  readonly link: string;
  readonly flags: string;
  readonly incbin: boolean;
  readonly fileWeights: boolean;
  /** Libraries of the system: whether one is opened at run time, "-lm", "libc and libm". */
  readonly opensLibraries: boolean;
  readonly usesThreads: boolean;
  readonly systemLibraries: string;
  readonly needs: string;
}
/** The program to start from. */
export interface ExampleView extends CommonView {
  readonly inputs: readonly PortView[];
  readonly outputs: readonly PortView[];
  /** "input0, output0" */
  readonly passed: string;
  readonly fileWeights: boolean;
}
/** Path of each template -> its view. */
export interface BuildViews {
  readonly "cpp/CMakeLists.txt": BuildView;
  readonly "cpp/config.cmake": CommonView & { readonly usesThreads: boolean };
  readonly "cpp/pkgconfig.pc.in": BuildView;
  readonly "cpp/example.c": ExampleView;
}
