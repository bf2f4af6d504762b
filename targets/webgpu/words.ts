/** Words of WGSL. */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Keywords and words that the language keeps for itself: its specification, section "Keyword and token summary". */
const kept = words(`
  alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop override
  requires return struct switch true var while
  NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become binding_array cast catch class
  co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval constexpr constinit
  crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough
  filter final finally friend from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp
  macro macro_rules match mediump meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation noperspective
  null nullptr of operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public
  readonly ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert
  static_cast std subroutine super target template this thread_local throw trait try type typedef typeid typename typeof union unless
  unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield`);
/** Types and functions that kernels use: a variable of such a name would hide them. */
const used = words(`
  f32 i32 u32 bool vec2 vec4 array bitcast select dot min max abs exp log sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh
  atanh pow floor ceil trunc round countLeadingZeros workgroupBarrier storageBarrier group_id lane_id quad_ place_`);
/** What no variable, buffer or function of a kernel may be called, beside the names of the preamble. */
export const wgslWords: ReadonlySet<string> = new Set([...kept, ...used]);
