/** Words that no name of a kernel may be in OpenCL C. */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const scalars = words("char uchar short ushort int uint long ulong float double half"), widths = ["", "2", "3", "4", "8", "16"];
const images = words("image1d_t image1d_array_t image1d_buffer_t image2d_t image2d_array_t image2d_depth_t image2d_array_depth_t image3d_t sampler_t event_t queue_t pipe");
/** Functions of the language; those of C's headers do not exist there. */
const functions = words(`
  acos acosh acospi asin asinh asinpi atan atan2 atanh atanpi atan2pi cbrt ceil copysign cos cosh cospi erf erfc exp exp2 exp10 expm1
  fabs fdim floor fma fmax fmin fmod fract frexp hypot ilogb ldexp lgamma lgamma_r log log2 log10 log1p logb mad maxmag minmag modf nan
  nextafter pow pown powr remainder remquo rint rootn round rsqrt sin sincos sinh sinpi sqrt tan tanh tanpi tgamma trunc
  abs abs_diff add_sat hadd rhadd clamp clz ctz mad_hi mad_sat max min mul_hi rotate sub_sat upsample popcount mad24 mul24
  degrees mix radians step smoothstep sign cross dot distance length normalize fast_distance fast_length fast_normalize
  isequal isnotequal isgreater isgreaterequal isless islessequal islessgreater isfinite isinf isnan isnormal isordered isunordered
  signbit any all bitselect select shuffle shuffle2 vec_step barrier mem_fence read_mem_fence write_mem_fence prefetch printf
  async_work_group_copy async_work_group_strided_copy wait_group_events atomic_add atomic_sub atomic_xchg atomic_inc atomic_dec
  atomic_cmpxchg atomic_min atomic_max atomic_and atomic_or atomic_xor
  get_work_dim get_global_size get_global_id get_local_size get_local_id get_num_groups get_group_id get_global_offset`);
/** Keywords, types, functions and macros of OpenCL C 1.2, and what compilers for it define beside those. */
export const openclWords: ReadonlySet<string> = new Set([
  ...words(`
    auto bool break case char complex const continue default do double else enum extern false float for goto half if imaginary inline int
    long quad register restrict return short signed sizeof static struct switch true typedef union unsigned void volatile while
    kernel global local constant private generic read_only write_only read_write uniform
    size_t ptrdiff_t intptr_t uintptr_t uchar ushort uint ulong
    NULL NAN INFINITY HUGE_VAL HUGE_VALF MAXFLOAT CHAR_BIT CHAR_MAX CHAR_MIN INT_MAX INT_MIN LONG_MAX LONG_MIN SCHAR_MAX SCHAR_MIN SHRT_MAX
    SHRT_MIN UCHAR_MAX USHRT_MAX UINT_MAX ULONG_MAX CLK_LOCAL_MEM_FENCE CLK_GLOBAL_MEM_FENCE
    and and_eq bitand bitor class compl delete new not not_eq operator or or_eq template this xor xor_eq unix linux`),
  ...images, ...functions,
  ...scalars.flatMap((s) => widths.flatMap((w) => [`${s}${w}`, `convert_${s}${w}`, `as_${s}${w}`])),
  ...widths.slice(1).flatMap((w) => [`vload${w}`, `vstore${w}`, `vload_half${w}`, `vstore_half${w}`, `bool${w}`]),
  ...words("vload_half vstore_half native_exp native_log native_sqrt native_powr half_exp half_log half_sqrt half_powr"),
]);
