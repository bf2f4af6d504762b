/* An OpenCL library that passes every call on to the real one, counts objects, and fails one call that the program chooses. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static int countdown, balance, calls;
static const char* last;
/* Lets the n-th call from now on fail; 0: none. Returns how many calls there were since it was asked last. */
int shim_fail(int n) {
  const int before = calls;
  countdown = n;
  calls = 0;
  last = "";
  return before;
}
/* Objects that were made or retained, and not released. */
int shim_balance(void) { return balance; }
const char* shim_last(void) { return last; }

static void* real(const char* name) {
  static void* library;
  if (!library) library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  return dlsym(library, name);
}
static int fails(const char* name) {
  ++calls;
  if (countdown == 0 || --countdown) return 0;
  last = name;
  return 1;
}
#define ASK(name, error, parameters, arguments) \
  cl_int name parameters { \
    static cl_int (*f) parameters; \
    if (!f) f = real(#name); \
    return fails(#name) ? error : f arguments; \
  }
/* Releases never fail: what would one do then? */
#define COUNT(name, by, type) \
  cl_int name(type o) { \
    static cl_int (*f)(type); \
    cl_int e; \
    if (!f) f = real(#name); \
    if (by > 0 && fails(#name)) return CL_OUT_OF_RESOURCES; \
    e = f(o); \
    if (!e) balance += by; \
    return e; \
  }
#define MAKE(type, name, parameters, arguments) \
  type name parameters { \
    static type (*f) parameters; \
    type made; \
    if (!f) f = real(#name); \
    if (fails(#name)) { \
      if (error) *error = CL_OUT_OF_HOST_MEMORY; \
      return NULL; \
    } \
    made = f arguments; \
    if (made) ++balance; \
    return made; \
  }
/* An event that the caller asked for is an object. */
#define QUEUE(name, parameters, arguments) \
  cl_int name parameters { \
    static cl_int (*f) parameters; \
    cl_int e; \
    if (!f) f = real(#name); \
    if (fails(#name)) return CL_OUT_OF_RESOURCES; \
    e = f arguments; \
    if (!e && event) ++balance; \
    return e; \
  }
#define INFO size_t size, void *value, size_t *length
#define WAIT cl_uint count, const cl_event *events, cl_event *event
ASK(clGetPlatformIDs, -1001, (cl_uint n, cl_platform_id* list, cl_uint* found), (n, list, found))
ASK(clGetPlatformInfo, -1, (cl_platform_id p, cl_uint what, INFO), (p, what, size, value, length))
ASK(clGetDeviceIDs, -1, (cl_platform_id p, cl_device_type t, cl_uint n, cl_device_id* list, cl_uint* found), (p, t, n, list, found))
static cl_uint lacking;
static cl_ulong little;
/* Lets devices answer one question with this number; where the answer is a text, with nothing. */
void shim_lack(cl_uint what, cl_ulong number) {
  lacking = what;
  little = number;
}
cl_int clGetDeviceInfo(cl_device_id d, cl_uint what, INFO) {
  static cl_int (*f)(cl_device_id, cl_uint, INFO);
  cl_int e;
  if (!f) f = real("clGetDeviceInfo");
  if (fails("clGetDeviceInfo")) return CL_INVALID_DEVICE;
  e = f(d, what, size, value, length);
  if (!e && value && what == lacking) {
    if (size > sizeof little) memset(value, 0, size);
    else memcpy(value, &little, size);
  }
  return e;
}
ASK(clGetContextInfo, -34, (cl_context o, cl_uint what, INFO), (o, what, size, value, length))
ASK(clGetCommandQueueInfo, -36, (cl_command_queue o, cl_uint what, INFO), (o, what, size, value, length))
ASK(clGetProgramInfo, -44, (cl_program o, cl_uint what, INFO), (o, what, size, value, length))
ASK(clGetMemObjectInfo, -38, (cl_mem o, cl_uint what, INFO), (o, what, size, value, length))
ASK(clGetEventProfilingInfo, -7, (cl_event o, cl_uint what, INFO), (o, what, size, value, length))
ASK(clGetProgramBuildInfo, -44, (cl_program o, cl_device_id d, cl_uint what, INFO), (o, d, what, size, value, length))
ASK(clGetKernelWorkGroupInfo, -48, (cl_kernel o, cl_device_id d, cl_uint what, INFO), (o, d, what, size, value, length))
ASK(clBuildProgram, -11, (cl_program p, cl_uint n, const cl_device_id* d, const char* options, void (CL_CALLBACK* call)(cl_program, void*), void* user), (p, n, d, options, call, user))
ASK(clSetKernelArg, -5, (cl_kernel k, cl_uint i, size_t size, const void* value), (k, i, size, value))
ASK(clWaitForEvents, -14, (cl_uint n, const cl_event* list), (n, list))
ASK(clFlush, -5, (cl_command_queue q), (q))
ASK(clFinish, -5, (cl_command_queue q), (q))
COUNT(clRetainContext, 1, cl_context)
COUNT(clReleaseContext, -1, cl_context)
COUNT(clRetainCommandQueue, 1, cl_command_queue)
COUNT(clReleaseCommandQueue, -1, cl_command_queue)
COUNT(clRetainProgram, 1, cl_program)
COUNT(clReleaseProgram, -1, cl_program)
COUNT(clRetainMemObject, 1, cl_mem)
COUNT(clReleaseMemObject, -1, cl_mem)
COUNT(clReleaseKernel, -1, cl_kernel)
COUNT(clReleaseEvent, -1, cl_event)
MAKE(cl_context, clCreateContext, (const cl_context_properties* p, cl_uint n, const cl_device_id* d, void (CL_CALLBACK* call)(const char*, const void*, size_t, void*), void* user, cl_int* error), (p, n, d, call, user, error))
MAKE(cl_command_queue, clCreateCommandQueue, (cl_context c, cl_device_id d, cl_command_queue_properties p, cl_int* error), (c, d, p, error))
MAKE(cl_program, clCreateProgramWithSource, (cl_context c, cl_uint n, const char** text, const size_t* lengths, cl_int* error), (c, n, text, lengths, error))
MAKE(cl_program, clCreateProgramWithBinary, (cl_context c, cl_uint n, const cl_device_id* d, const size_t* lengths, const unsigned char** text, cl_int* taken, cl_int* error), (c, n, d, lengths, text, taken, error))
MAKE(cl_kernel, clCreateKernel, (cl_program p, const char* name, cl_int* error), (p, name, error))
MAKE(cl_mem, clCreateBuffer, (cl_context c, cl_mem_flags flags, size_t size, void* host, cl_int* error), (c, flags, size, host, error))
QUEUE(clEnqueueWriteBuffer, (cl_command_queue q, cl_mem m, cl_bool wait, size_t at, size_t size, const void* from, WAIT), (q, m, wait, at, size, from, count, events, event))
QUEUE(clEnqueueReadBuffer, (cl_command_queue q, cl_mem m, cl_bool wait, size_t at, size_t size, void* to, WAIT), (q, m, wait, at, size, to, count, events, event))
QUEUE(clEnqueueUnmapMemObject, (cl_command_queue q, cl_mem m, void* at, WAIT), (q, m, at, count, events, event))
QUEUE(clEnqueueNDRangeKernel, (cl_command_queue q, cl_kernel k, cl_uint n, const size_t* from, const size_t* all, const size_t* lanes, WAIT), (q, k, n, from, all, lanes, count, events, event))
QUEUE(clEnqueueMarkerWithWaitList, (cl_command_queue q, WAIT), (q, count, events, event))
void* clEnqueueMapBuffer(cl_command_queue q, cl_mem m, cl_bool wait, cl_map_flags flags, size_t at, size_t size, cl_uint n, const cl_event* list, cl_event* event, cl_int* error) {
  static void* (*f)(cl_command_queue, cl_mem, cl_bool, cl_map_flags, size_t, size_t, cl_uint, const cl_event*, cl_event*, cl_int*);
  if (!f) f = real("clEnqueueMapBuffer");
  if (fails("clEnqueueMapBuffer")) {
    *error = CL_MAP_FAILURE;
    return NULL;
  }
  return f(q, m, wait, flags, at, size, n, list, event, error);
}
