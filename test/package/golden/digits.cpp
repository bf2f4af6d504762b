/*
 * digits: a model as code, made by mlc 0.1.0. Compile the model again rather than edit this.
 * Model SHA-256: 3123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
 * Flags: --target cpp
 *
 * The steps of the model, the choice of an instruction set, and the questions about inputs and outputs.
 */
#include "digits_internal.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "digits: the weights are little-endian"
#endif
#if !(defined(__x86_64__)) && !(defined(__x86_64__)) && !(defined(__aarch64__))
#error "digits: made for other processors; compile the model with kernels for this one"
#endif

struct digits_context {
  uint64_t magic;
  const digits_kernels* kernels;
  const unsigned char* weights;
  unsigned char* arena;
};
static_assert(sizeof(digits_context) <= 64, "the arena begins 64 bytes after the context");
static_assert(sizeof(bool) == 1, "tensors of bool have one byte per element");
static const uint64_t magic = 0x3123456789abcdefu;

static const digits_kernels* chosen;

/* The best table for this processor, or null. Two threads at once find the same. */
static const digits_kernels* choose() {
  const digits_kernels* best = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
  if (best) return best;
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
#endif
#if defined(__x86_64__)
  if (!best && (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) best = &digits_kernels_avx2;
#endif
#if defined(__x86_64__)
  if (!best) best = &digits_kernels_sse;
#endif
#if defined(__aarch64__)
  if (!best) best = &digits_kernels_neon;
#endif
  __atomic_store_n(&chosen, best, __ATOMIC_RELAXED);
  return best;
}

/* The steps. `arena` is working memory, `weights` the constants as the kernels read them. */
static void steps(const digits_kernels* run, unsigned char* arena, const unsigned char* weights, const float* x, const bool* mask_0, float* y1, int64_t* the_class_) {
  (void)run, (void)arena, (void)weights, (void)x, (void)mask_0, (void)y1, (void)the_class_;
  DIGITS_AFTER(-1);
  // 0: layer1/mul
  run->scale(x, (const float*)(weights + 0), (float*)(arena + 64));
  DIGITS_AFTER(0);
  // 1: layer2/ *add* / + layer2/where
  run->keep((const float*)(arena + 64), mask_0, (const float*)(weights + 64), y1);
  DIGITS_AFTER(1);
  // 2: arg max? ?/
  run->largest(y1, the_class_);
  DIGITS_AFTER(2);
}

extern "C" int digits_setup(void* memory, size_t bytes, bool zeros, digits_context** context) {
  if (context) *context = nullptr;
  if (!memory || !context) return DIGITS_ERROR_NULL;
  const uintptr_t begin = (uintptr_t)memory, base = (begin + 63) / 64 * 64;
  if (bytes < base - begin + 64 || bytes - (base - begin + 64) < 128u) return DIGITS_ERROR_TOO_SMALL;
  const unsigned char* weights = digits_weights;
  const digits_kernels* kernels = choose();
  if (!kernels) return DIGITS_ERROR_PROCESSOR;
  digits_context* c = (digits_context*)base;
  unsigned char* arena = (unsigned char*)base + 64;
  if (!zeros) memset(arena, 0, 128u); // margins of zeros around tensors are written only here
  c->kernels = kernels;
  c->weights = weights;
  c->arena = arena;
  c->magic = magic;
  *context = c;
  return DIGITS_OK;
}

extern "C" int digits_init(void* memory, size_t bytes, digits_context** context) {
  return digits_setup(memory, bytes, false, context);
}

extern "C" int digits_run_in(digits_context* context, const float* x, const bool* mask_0, float* y1, int64_t* the_class_) {
  if (!context || !x || !mask_0 || !y1 || !the_class_) return DIGITS_ERROR_NULL;
  if (context->magic != magic) return DIGITS_ERROR_BAD_CONTEXT;
  steps(context->kernels, context->arena, context->weights, x, mask_0, y1, the_class_);
  return DIGITS_OK;
}

extern "C" void digits_release(digits_context* context) { (void)context; }

extern "C" const char* digits_error(int status) {
  switch (status) {
    case DIGITS_OK: return "no error";
    case DIGITS_ERROR_NULL: return "a pointer is NULL";
    case DIGITS_ERROR_TOO_SMALL: return "the memory for the context is too small";
    case DIGITS_ERROR_BAD_CONTEXT: return "the context was not made by this library's init";
    case DIGITS_ERROR_PROCESSOR: return "the processor lacks the instructions that the library needs";
    case DIGITS_ERROR_NO_WEIGHTS: return "the weights have not been loaded";
    case DIGITS_ERROR_BAD_WEIGHTS: return "these are not the weights of this model";
    case DIGITS_ERROR_ALIGNMENT: return "the address of the weights is not a multiple of 64";
    default: return "unknown status";
  }
}

static const digits_tensor_info inputs[] = {
  {"x", DIGITS_FLOAT32, 3, {1, 4, 4}, 16, 64},
  {"mask:0", DIGITS_BOOL, 1, {4, 1, 1}, 4, 4},
};
static const digits_tensor_info outputs[] = {
  {"y1", DIGITS_FLOAT32, 3, {1, 4, 4}, 16, 64},
  {"the \"class\"", DIGITS_INT64, 0, {1, 1, 1}, 1, 8},
};
extern "C" const digits_tensor_info* digits_input_info(int index) {
  return index >= 0 && index < DIGITS_INPUT_COUNT ? &inputs[index] : nullptr;
}
extern "C" const digits_tensor_info* digits_output_info(int index) {
  return index >= 0 && index < DIGITS_OUTPUT_COUNT ? &outputs[index] : nullptr;
}
extern "C" size_t digits_context_bytes(void) { return DIGITS_CONTEXT_BYTES; }
extern "C" const char* digits_version(void) { return DIGITS_VERSION; }
extern "C" const char* digits_model_sha256(void) { return DIGITS_MODEL_SHA256; }
extern "C" const char* digits_isa(void) {
  const digits_kernels* best = choose();
  return best ? best->isa : "";
}
