/*
 * digits: a model as code, made by mlc 0.1.0. Compile the model again rather than edit this.
 * Model SHA-256: 3123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
 * Flags: --target cpp
 *
 * To build, in this folder:
 *   c++ -std=c++17 -fno-exceptions -fno-rtti -fvisibility=hidden -O2 -c digits.cpp digits_run.cpp digits_kernels_avx2.cpp digits_kernels_sse.cpp digits_kernels_neon.cpp digits_weights.S && ar rcs libdigits.a digits*.o
 *
 * To use, where one call at a time is enough:
 *   digits_run(...);       inputs, then outputs, in the model's order, row-major
 *
 * To use in memory of your own, as many at once as you like:
 *   digits_context* c;
 *   int error = digits_init(memory, DIGITS_CONTEXT_BYTES, &c);
 *   error = digits_run_in(c, ...);
 *
 * Nothing here allocates memory or takes a lock, and all state is in a context (digits_run has one of its own).
 */
#ifndef DIGITS_H
#define DIGITS_H

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

#define DIGITS_VERSION "0.1.0"
#define DIGITS_MODEL_SHA256 "3123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define DIGITS_INPUT_COUNT 2
#define DIGITS_OUTPUT_COUNT 2
#define DIGITS_MAX_RANK 3

/* x: float[1][4][4] */
#define DIGITS_INPUT0_NAME "x"
#define DIGITS_INPUT0_TYPE float
#define DIGITS_INPUT0_RANK 3
#define DIGITS_INPUT0_DIMS {1, 4, 4}
#define DIGITS_INPUT0_COUNT 16
#define DIGITS_INPUT0_BYTES 64

/* mask:0: bool[4] */
#define DIGITS_INPUT1_NAME "mask:0"
#define DIGITS_INPUT1_TYPE bool
#define DIGITS_INPUT1_RANK 1
#define DIGITS_INPUT1_DIMS {4}
#define DIGITS_INPUT1_COUNT 4
#define DIGITS_INPUT1_BYTES 4

/* y1: float[1][4][4] */
#define DIGITS_OUTPUT0_NAME "y1"
#define DIGITS_OUTPUT0_TYPE float
#define DIGITS_OUTPUT0_RANK 3
#define DIGITS_OUTPUT0_DIMS {1, 4, 4}
#define DIGITS_OUTPUT0_COUNT 16
#define DIGITS_OUTPUT0_BYTES 64

/* the "class": int64_t[] */
#define DIGITS_OUTPUT1_NAME "the \"class\""
#define DIGITS_OUTPUT1_TYPE int64_t
#define DIGITS_OUTPUT1_RANK 0
#define DIGITS_OUTPUT1_DIMS {1}
#define DIGITS_OUTPUT1_COUNT 1
#define DIGITS_OUTPUT1_BYTES 8

/* What a context needs, in bytes, wherever the memory begins; inside it everything is aligned to DIGITS_CONTEXT_ALIGN. */
#define DIGITS_CONTEXT_BYTES 256
#define DIGITS_CONTEXT_ALIGN 64

#if defined(_WIN32)
#ifdef DIGITS_EXPORTS
#define DIGITS_API __declspec(dllexport)
#else
#define DIGITS_API
#endif
#else
#define DIGITS_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Element types, numbered as in ONNX. */
typedef enum digits_dtype {
  DIGITS_FLOAT32 = 1, /* float */
  DIGITS_FLOAT64 = 11, /* double */
  DIGITS_FLOAT16 = 10, /* uint16_t */
  DIGITS_BFLOAT16 = 16, /* uint16_t */
  DIGITS_FLOAT8E4M3FN = 17, /* uint8_t */
  DIGITS_FLOAT8E4M3FNUZ = 18, /* uint8_t */
  DIGITS_FLOAT8E5M2 = 19, /* uint8_t */
  DIGITS_FLOAT8E5M2FNUZ = 20, /* uint8_t */
  DIGITS_FLOAT8E8M0 = 24, /* uint8_t */
  DIGITS_FLOAT4E2M1 = 23, /* uint8_t */
  DIGITS_INT8 = 3, /* int8_t */
  DIGITS_INT16 = 5, /* int16_t */
  DIGITS_INT32 = 6, /* int32_t */
  DIGITS_INT64 = 7, /* int64_t */
  DIGITS_UINT8 = 2, /* uint8_t */
  DIGITS_UINT16 = 4, /* uint16_t */
  DIGITS_UINT32 = 12, /* uint32_t */
  DIGITS_UINT64 = 13, /* uint64_t */
  DIGITS_INT4 = 22, /* uint8_t */
  DIGITS_UINT4 = 21, /* uint8_t */
  DIGITS_INT2 = 26, /* uint8_t */
  DIGITS_UINT2 = 25, /* uint8_t */
  DIGITS_BOOL = 9  /* bool */
} digits_dtype;

/* Results of the functions below: 0, or what went wrong. */
typedef enum digits_status {
  DIGITS_OK = 0, /* no error */
  DIGITS_ERROR_NULL = 1, /* a pointer is NULL */
  DIGITS_ERROR_TOO_SMALL = 2, /* the memory for the context is too small */
  DIGITS_ERROR_BAD_CONTEXT = 3, /* the context was not made by this library's init */
  DIGITS_ERROR_PROCESSOR = 4, /* the processor lacks the instructions that the library needs */
  DIGITS_ERROR_NO_WEIGHTS = 5, /* the weights have not been loaded */
  DIGITS_ERROR_BAD_WEIGHTS = 6, /* these are not the weights of this model */
  DIGITS_ERROR_ALIGNMENT = 7  /* the address of the weights is not a multiple of 64 */
} digits_status;

typedef struct digits_tensor_info {
  const char* name;
  digits_dtype dtype;
  int rank;
  int64_t dims[DIGITS_MAX_RANK]; /* the first `rank` count; the others are 1 */
  size_t count;                    /* elements */
  size_t bytes;
} digits_tensor_info;

typedef struct digits_context digits_context;

/* Runs the model in memory of the library's own: not for two threads at once. */
DIGITS_API int digits_run(const float* x, const bool* mask_0, float* y1, int64_t* the_class_);

/* Makes a context in the caller's memory and sets *context to it. It holds no resources: to end it, forget it. */
DIGITS_API int digits_init(void* memory, size_t bytes, digits_context** context);
/* Runs the model in a context: one call at a time for each context, any number of contexts at once. */
DIGITS_API int digits_run_in(digits_context* context, const float* x, const bool* mask_0, float* y1, int64_t* the_class_);

/* Ends a context. There is nothing to free here; with devices there is. */
DIGITS_API void digits_release(digits_context* context);

/* The text of a result; never NULL. */
DIGITS_API const char* digits_error(int status);
/* Describes an input or output, counted from 0; NULL beyond the last. */
DIGITS_API const digits_tensor_info* digits_input_info(int index);
DIGITS_API const digits_tensor_info* digits_output_info(int index);
/* What the library itself was built with: DIGITS_CONTEXT_BYTES, DIGITS_VERSION, DIGITS_MODEL_SHA256. */
DIGITS_API size_t digits_context_bytes(void);
DIGITS_API const char* digits_version(void);
DIGITS_API const char* digits_model_sha256(void);
/* The instruction set that this processor gets; "" if it lacks what the library needs. */
DIGITS_API const char* digits_isa(void);

#ifdef __cplusplus
}
#endif

#endif
