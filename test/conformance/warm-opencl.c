/*
 * Brings OpenCL and its compiler into memory before the program makes its children: each would need half a second for it.
 * A device whose driver has threads does not survive this, as a child has none of its parent's: PoCL's "basic" device has none.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

void warm(void);
void warm(void) {
  static const char *source =
      "__kernel void k(__global float *a) { __local float s[8]; s[get_local_id(0)] = a[get_global_id(0)];"
      " barrier(CLK_LOCAL_MEM_FENCE); a[get_global_id(0)] = exp(s[0]); }";
  int32_t (*platforms)(uint32_t, void **, uint32_t *);
  int32_t (*devices)(void *, uint64_t, uint32_t, void **, uint32_t *);
  void *(*make_context)(const intptr_t *, uint32_t, void *const *, void *, void *, int32_t *);
  void *(*make_program)(void *, uint32_t, const char **, const size_t *, int32_t *);
  int32_t (*build)(void *, uint32_t, void *const *, const char *, void *, void *);
  void *library = dlopen("libOpenCL.so.1", RTLD_NOW), *platform, *device, *context, *program;
  if (!library) return;
  *(void **)&platforms = dlsym(library, "clGetPlatformIDs");
  *(void **)&devices = dlsym(library, "clGetDeviceIDs");
  *(void **)&make_context = dlsym(library, "clCreateContext");
  *(void **)&make_program = dlsym(library, "clCreateProgramWithSource");
  *(void **)&build = dlsym(library, "clBuildProgram");
  if (!platforms || !devices || !make_context || !make_program || !build) return;
  if (platforms(1, &platform, NULL) || devices(platform, 0xffffffff, 1, &device, NULL)) return;
  if (!(context = make_context(NULL, 1, &device, NULL, NULL, NULL))) return;
  if ((program = make_program(context, 1, &source, NULL, NULL))) build(program, 1, &device, "-cl-std=CL1.2", NULL, NULL);
}
