/** What each template of the C++ package gets. Every text is ready to print; templates only repeat and leave out. */

/** An input or output. */
export interface PortView {
  /** As a parameter, and as a variable of the example. */
  readonly id: string;
  readonly local: string;
  /** INPUT0, OUTPUT0, ... */
  readonly macro: string;
  readonly literal: string;
  readonly comment: string;
  readonly ctype: string;
  readonly dtype: string;
  readonly rank: number;
  readonly dims: string;
  readonly count: number;
  readonly bytes: number;
  /** The initialiser of its <name>_tensor_info. */
  readonly info: string;
  /** At least 1: the length of an array that holds it. */
  readonly storage: number;
  /** A C expression over `i`, small and exact in every type. */
  readonly ramp: string;
  /** The last arguments of a printf that shows element `i`. */
  readonly shown: string;
  /** Whether it has sizes that only a run knows: numbers are the most then. */
  readonly open: boolean;
}
/** Sizes that only a run knows, in the main source; sizes are texts in C. */
export interface SizedView {
  readonly symbols: readonly { readonly id: string; readonly high: number }[];
  /** Which of all inputs' dimensions, one behind the other, gives a symbol its value; which have to agree with a size. */
  readonly given: readonly { readonly id: string; readonly at: number }[];
  readonly checks: readonly { readonly at: number; readonly size: string }[];
  /** As C: what must not be, since sizes would differ that the model needs equal. */
  readonly differ: readonly string[];
  /** Whether the steps learn something of sizes, or may have to stop because of them; symbols that change on the way. */
  readonly learns: boolean;
  readonly changing: readonly string[];
  /** Where each input's dimensions begin among all; the least and the most of them. */
  readonly firsts: string;
  readonly shapeLength: number;
  readonly least: string;
  readonly most: string;
  /** Inputs and outputs that need no memory where a run's shapes leave them empty, and how many elements they have, as C. */
  readonly emptiable: readonly { readonly index: number; readonly id: string; readonly elements: string }[];
  readonly copiesIn: readonly SizedCopyView[];
  readonly copiesOut: readonly SizedCopyView[];
  readonly outputs: readonly { readonly index: number; readonly dims: readonly { readonly d: number; readonly size: string }[] }[];
  /** What a context holds for them. */
  readonly bytes: number;
}
/** A copy of the caller's dense elements into their place among the most that there can be, or back. */
export interface SizedCopyView { readonly dims: string; readonly whole: string; readonly rank: number; readonly bytes: number; readonly to: string; readonly from: string; readonly inside: boolean }
/** What all templates of a package share. */
export interface CommonView {
  readonly name: string;
  readonly NAME: string;
  readonly version: string;
  readonly hash: string;
  /** Lines of the banner, without comment marks. */
  readonly banner: readonly string[];
}
/** A status of the API. */
export interface StatusView { readonly word: string; readonly code: number; readonly text: string }
/** The public header. */
export interface HeaderView extends CommonView {
  readonly build: readonly string[];
  readonly inputs: readonly PortView[];
  readonly outputs: readonly PortView[];
  readonly dtypes: readonly { readonly word: string; readonly code: number; readonly comment: string }[];
  readonly errors: readonly StatusView[];
  readonly maxRank: number;
  readonly contextBytes: number;
  readonly weightsBytes: number;
  /** Of memory for weights that are made when the program starts; 0 where there are none. */
  readonly preparedBytes: number;
  /** "const float* x, float* y" */
  readonly params: string;
  readonly fileWeights: boolean;
  /** Lines about what the library never does. */
  readonly promise: readonly string[];
  /** Sentences: what a context holds, and what ending it does. */
  readonly held: string;
  readonly released: string;
  /** What only the target's API has. */
  readonly device: string;
  /** Whether inputs have sizes that only a run knows. */
  readonly sized: boolean;
}
/** A kernel's place in the table of an instruction set; `params` are its C types. */
export interface KernelSlot { readonly name: string; readonly params: string }
/** An instruction set: when it can be compiled (`guard`), and a C expression for whether the processor has it (`check`). */
export interface IsaView { readonly name: string; readonly guard: string; readonly check: string; readonly baseline: boolean }
/** The header that the sources of a package share. */
export interface InternalView extends CommonView {
  readonly kernels: readonly KernelSlot[];
  readonly isas: readonly IsaView[];
  readonly fileWeights: boolean;
  /** Whether weights are made when the program starts. */
  readonly prepares: boolean;
  /** Whether several threads may run a kernel. */
  readonly team: boolean;
  /** The declarations for strings; empty without them. */
  readonly text: string;
}
/**
 * One call of a kernel; `args` as C, `comment` as lines without comment marks. With threads: whether they run it `together`, and whether it
 * `waits` for all to have done what was before it. Branches and loops: lines before and behind it, and how far in it is. `learned`: lines about sizes that are known from there on.
 */
export interface StepView { readonly index: number; readonly comment: readonly string[]; readonly kernel: string; readonly args: string; readonly together: boolean; readonly waits: boolean; readonly opens: readonly string[]; readonly closes: readonly string[]; readonly indent: string; readonly learned: readonly string[] }
/** What threads need to know: how many there are at the most. */
export interface ThreadsView extends CommonView { readonly threads: number }
/** The choice of an instruction set. */
export interface ChooseView extends CommonView { readonly isas: readonly IsaView[] }
/** Weights that the caller loads: their checksum, as C. */
export interface LoadingView extends CommonView { readonly checksum: string }
/** Weights that are made when the program starts: steps as those of a run, and the bytes that their memory needs at least. */
export interface PreparingView extends CommonView { readonly team: boolean; readonly fileWeights: boolean; readonly bytes: number; readonly steps: readonly Pick<StepView, "comment" | "kernel" | "args">[] }
/** Texts of errors, descriptions of inputs and outputs, versions. */
export interface InfoView extends CommonView {
  readonly prepares: boolean;
  readonly inputs: readonly PortView[];
  readonly outputs: readonly PortView[];
  readonly errors: readonly StatusView[];
  readonly isas: readonly IsaView[];
}
/** The steps and the API but for `run`; the three views above as text. */
export interface CoreView extends CommonView {
  readonly team: boolean;
  /** What deals with strings; empty without them. */
  readonly text: string;
  /** Working memory and what strings need behind it. */
  readonly memoryBytes: number;
  /** Inputs and outputs as members of a struct. */
  readonly ports: readonly { readonly id: string; readonly pointer: string }[];
  /** Of a context without its working memory. */
  readonly headBytes: number;
  readonly params: string;
  readonly steps: readonly StepView[];
  readonly sized: SizedView | null;
  /** What the templates beside this one make of it; empty without. */
  readonly sizesText: string;
  readonly shapesText: string;
  /** The #if that no instruction set satisfies. */
  readonly noIsa: string;
  readonly magic: string;
  readonly contextBytes: number;
  readonly arenaBytes: number;
  readonly clearArena: boolean;
  /** "x, y" */
  readonly passed: string;
  /** " || !x || !y" */
  readonly nullTest: string;
  /** "(void)x, (void)y" */
  readonly unused: string;
  readonly fileWeights: boolean;
  readonly choose: string;
  readonly loading: string;
  /** Empty where no weights are made. */
  readonly preparing: string;
  readonly info: string;
}
/** The kernels of one instruction set. */
export interface KernelsView extends CommonView {
  readonly isa: string;
  readonly guard: string;
  readonly preamble: string;
  readonly kernels: readonly { readonly comment: readonly string[]; readonly text: string; readonly name: string }[];
  /** Texts that some processors of the set have in the place of others, and all functions of these. */
  readonly refined?: { readonly isa: string; readonly texts: readonly string[]; readonly functions: readonly string[] };
}
/** The simple form of the API, with a context of its own. */
export interface RunView extends CommonView { readonly params: string; readonly passed: string; readonly prepares: boolean; readonly team: boolean; readonly sized: boolean }
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
/** The program around such a module that `mlc run`, `bench` and `verify` start. */
export interface NodeView {
  readonly name: string;
  readonly nameLength: number;
  /** Arrays of step, port or -1, offset, bytes. */
  readonly results: readonly string[];
  readonly sized: boolean;
}
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
/** Running: launches, steps that the processor carries out, `run_in` and `run_cl`. */
export interface OpenclRunView extends CommonView {
  readonly isas: readonly IsaView[];
  readonly mapped: readonly string[];
  /** Null where a run is its steps, one behind the other. */
  readonly walk: WalkView | null;
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
/** What kernels may call where a model deals with strings: C types of parameters, and their names. */
export interface TextApiView extends CommonView {
  readonly functions: readonly { readonly word: string; readonly result: string; readonly params: readonly string[]; readonly names: readonly { readonly type: string; readonly name: string }[] }[];
}
/** Strings of a run: literals of the model's own, the most that there can be, slots of their table, bytes for new ones; what is needed of the functions; tables as rows of C. */
export interface TextView extends CommonView {
  readonly texts: readonly string[];
  readonly most: number;
  readonly slots: number;
  readonly bytes: number;
  readonly memoryBytes: number;
  readonly concat: boolean;
  readonly pieces: boolean;
  readonly cases: readonly { readonly word: string; readonly rows: readonly string[] }[];
  readonly automata: readonly {
    readonly pattern: number; readonly comment: string; readonly width: number;
    readonly classes: readonly string[]; readonly next: readonly string[]; readonly accepts: readonly string[];
  }[];
}
/** Path of each template -> its view. */
export interface ShellViews {
  readonly "native/main.c": NativeView;
  readonly "native/peak.cpp": PeakView;
  readonly "node/main.mjs": NodeView;
  readonly "webgpu/index.js": ModuleView;
  readonly "webgpu/ports.js": ModulePartView;
  readonly "webgpu/weights.js": ModulePartView;
  readonly "webgpu/device.js": ModulePartView;
  readonly "webgpu/steps.js": ModulePartView;
  readonly "webgpu/walk.js": ModulePartView;
  readonly "webgpu/net.js": ModulePartView;
  readonly "cpp/header.h": HeaderView;
  readonly "cpp/internal.h": InternalView;
  readonly "cpp/core.cpp": CoreView;
  readonly "cpp/text.h": TextApiView;
  readonly "cpp/text.cpp": TextView;
  readonly "cpp/choose.cpp": ChooseView;
  readonly "cpp/loading.cpp": LoadingView;
  readonly "cpp/preparing.cpp": PreparingView;
  readonly "cpp/info.cpp": InfoView;
  readonly "cpp/run.cpp": RunView;
  readonly "cpp/sizes.cpp": SizedView;
  readonly "cpp/copies.cpp": SizedView & { readonly params: string; readonly unused: string; readonly maxRank: number };
  readonly "cpp/shapes.cpp": SizedView & CommonView;
  readonly "cpp/kernels.cpp": KernelsView;
  readonly "cpp/weights.S": CommonView;
  readonly "opencl/api.h": OpenclApiView;
  readonly "opencl/device.h": OpenclDeviceView;
  readonly "opencl/device.cpp": OpenclFindView;
  readonly "opencl/build.cpp": CommonView & { readonly buildOptions: string };
  readonly "opencl/source.cpp": OpenclSourceView;
  readonly "opencl/core.cpp": OpenclCoreView;
  readonly "opencl/running.cpp": OpenclRunView;
  readonly "opencl/sizes.cpp": OpenSizesView & CommonView;
  readonly "cpp/CMakeLists.txt": BuildView;
  readonly "cpp/config.cmake": CommonView & { readonly usesThreads: boolean };
  readonly "cpp/threads.h": ThreadsView;
  readonly "cpp/threads.cpp": ThreadsView;
  readonly "cpp/cpus.cpp": ThreadsView;
  readonly "cpp/threads-api.h": ThreadsView;
  readonly "cpp/pkgconfig.pc.in": BuildView;
  readonly "cpp/example.c": ExampleView;
}
