/** What the templates of the C++ package get: its headers and its sources, some of which other native packages have too. */
import type { CommonView, IsaView, KernelSlot, PortView, SizedView, StatusView } from "./common.ts";

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
export interface CppViews {
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
  readonly "cpp/threads.h": ThreadsView;
  readonly "cpp/threads.cpp": ThreadsView;
  readonly "cpp/cpus.cpp": ThreadsView;
  readonly "cpp/threads-api.h": ThreadsView;
}
