/* Uses a model called net, with one input and two outputs, in the way that the first argument says; prints what it was told, and fails
   where results differ from those of the processor. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"

static float x[NET_INPUT0_COUNT], want0[NET_OUTPUT0_COUNT], want1[NET_OUTPUT1_COUNT];
static char message[4096];

static void fail(const char* what) {
  printf("failed: %s %s\n", what, message);
  exit(1);
}
static void ok(int status, const char* what) {
  if (!status) return;
  printf("%s: ", what);
  fail(net_error(status));
}
static int close_to(const float* a, const float* b, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) if (!(fabsf(a[i] - b[i]) <= 1e-4f * (1 + fabsf(b[i])))) return 0;
  return 1;
}
static void check(const float* y, const float* z, const char* what) {
  if (!close_to(y, want0, NET_OUTPUT0_COUNT) || !close_to(z, want1, NET_OUTPUT1_COUNT)) fail(what);
}
/* Contexts and the memory that they lie in. */
static struct { net_context* c; void* memory; } started[8];
static net_context* start(const net_options* o) {
  net_context* c;
  void* memory = malloc(NET_CONTEXT_BYTES);
  net_options with;
  int status;
  memset(memory, 0x5a, NET_CONTEXT_BYTES);
  if (o) with = *o; else memset(&with, 0, sizeof with);
  with.message = message;
  with.message_bytes = sizeof message;
  status = net_init_with(memory, NET_CONTEXT_BYTES, &with, &c);
  if (!status) {
    size_t i = 0;
    while (started[i].c) ++i;
    started[i].c = c;
    started[i].memory = memory;
    return c;
  }
  printf("status %d: %s\nmessage %s\n", status, net_error(status), message);
  if (c) fail("a context that failed");
  free(memory);
  exit(0);
}
static void stop(net_context* c) {
  size_t i = 0;
  while (started[i].c != c) ++i;
  net_release(c);
  free(started[i].memory);
  started[i].c = NULL;
}
static void run(net_context* c, const char* what) {
  static float y[NET_OUTPUT0_COUNT], z[NET_OUTPUT1_COUNT];
  memset(y, 0xff, sizeof y);
  memset(z, 0xff, sizeof z);
  ok(net_run_in(c, x, y, z), what);
  check(y, z, what);
}
static void tell(const net_context* c) {
  printf("backend %d\ndevice %s\nmessage %s\ncache %s\n", net_backend(c), net_device(c), net_message(c), net_cache(c));
}

struct store { unsigned char bytes[1 << 22]; size_t size; int loads, stores; };
static size_t load(void* user, void* bytes, size_t size) {
  struct store* s = user;
  ++s->loads;
  if (size && size >= s->size) memcpy(bytes, s->bytes, s->size);
  return s->size;
}
static void keep(void* user, const void* bytes, size_t size) {
  struct store* s = user;
  ++s->stores;
  if (size > sizeof s->bytes) fail("the binary is too large for this test");
  memcpy(s->bytes, bytes, size);
  s->size = size;
}
static void* thread(void* argument) {
  int i;
  net_context* c = argument;
  float* y = malloc(NET_OUTPUT0_BYTES);
  float* z = malloc(NET_OUTPUT1_BYTES);
  for (i = 0; i < 20; ++i) {
    ok(net_run_in(c, x, y, z), "in a thread");
    check(y, z, "in a thread");
  }
  free(y);
  free(z);
  return NULL;
}
/* The caller's own context and queue, and the model on the caller's memory. */
static void on_cl(void) {
  cl_platform_id platform;
  cl_device_id device;
  cl_int e;
  cl_context context;
  cl_command_queue queue, unordered;
  cl_mem in, out0, out1, small;
  cl_event event = NULL;
  net_options o = {0};
  net_context *c, *second, *other;
  static float y[NET_OUTPUT0_COUNT], z[NET_OUTPUT1_COUNT];
  if (clGetPlatformIDs(1, &platform, NULL) || clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL)) fail("no device");
  context = clCreateContext(NULL, 1, &device, NULL, NULL, &e);
  queue = clCreateCommandQueue(context, device, 0, &e);
  unordered = clCreateCommandQueue(context, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &e);
  in = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, sizeof x, x, &e);
  out0 = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof y, NULL, &e);
  out1 = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof z, NULL, &e);
  small = clCreateBuffer(context, CL_MEM_READ_WRITE, 4, NULL, &e);
  if (!in || !out0 || !out1 || !small) fail("no memory");
  o.backend = NET_ONLY_OPENCL;
  o.cl_context = context;
  o.cl_queue = queue;
  c = start(&o);
  ok(net_run_cl(c, in, out0, out1, (void**)&event), "run_cl");
  if (!event || clWaitForEvents(1, &event) || clReleaseEvent(event)) fail("the event");
  if (clEnqueueReadBuffer(queue, out0, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL) || clEnqueueReadBuffer(queue, out1, CL_TRUE, 0, sizeof z, z, 0, NULL, NULL)) fail("reading");
  check(y, z, "run_cl");
  run(c, "run_in after run_cl");
  ok(net_run_cl(c, in, out0, out1, NULL), "run_cl without an event");
  printf("small %d\n", net_run_cl(c, in, small, out1, NULL));
  printf("null %d\n", net_run_cl(c, NULL, out0, out1, NULL));
  o.cl_queue = NULL;
  second = start(&o); /* a queue of its own in the caller's context */
  ok(net_run_cl(second, in, out0, out1, NULL), "run_cl on its own queue");
  stop(second);
  memset(&o, 0, sizeof o);
  o.cl_queue = queue; /* says all */
  second = start(&o);
  if (net_backend(second) != NET_OPENCL) fail("the queue alone");
  run(second, "the queue alone");
  stop(second);
  o.cl_queue = unordered;
  second = start(&o);
  printf("unordered %s\n", net_message(second));
  stop(second);
  o.cl_queue = queue;
  o.profile = 1;
  second = start(&o);
  printf("unprofiled %s\n", net_message(second));
  stop(second);
  memset(&o, 0, sizeof o);
  o.backend = NET_ONLY_CPU;
  other = start(&o);
  printf("cpu %d\n", net_run_cl(other, in, out0, out1, NULL));
  stop(other);
  stop(c);
  clReleaseMemObject(in);
  clReleaseMemObject(out0);
  clReleaseMemObject(out1);
  clReleaseMemObject(small);
  clReleaseCommandQueue(unordered);
  clReleaseCommandQueue(queue);
  if (clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof e, &e, NULL) || e != 1) fail("the context is still held");
  clReleaseContext(context);
}

/* Every call of OpenCL fails once: the model then runs on the processor, or the run is an error and the next run is none. Whatever
   happens, no object is left behind. */
static void failures(const char* library, const char* cache) {
  void* shim = dlopen(library, RTLD_NOW);
  int (*shim_fail)(int) = (int (*)(int))dlsym(shim, "shim_fail");
  int (*shim_balance)(void) = (int (*)(void))dlsym(shim, "shim_balance");
  const char* (*shim_last)(void) = (const char* (*)(void))dlsym(shim, "shim_last");
  static float y[NET_OUTPUT0_COUNT], z[NET_OUTPUT1_COUNT];
  net_options o = {0};
  int n, calls, fell = 0, failed = 0, passed = 0;
  o.library = library;
  o.profile = 1;
  o.queue_window = 2;
  o.cache_path = cache;
  shim_fail(0);
  stop(start(&o)); /* the cache is there from now on */
  calls = shim_fail(0);
  for (n = 1; n <= calls + 200; ++n) {
    net_context* c;
    int status, began;
    shim_fail(n);
    c = start(&o);
    began = *shim_last() != 0;
    if (began && net_backend(c) == NET_CPU && !*net_message(c)) fail("no reason");
    if (net_backend(c) == NET_CPU) ++fell;
    status = net_run_in(c, x, y, z);
    if (status) {
      ++failed;
      if (began || !*net_message(c)) fail("a run that failed");
      shim_fail(0);
      status = net_run_in(c, x, y, z);
    } else if (!began && *shim_last()) {
      ++passed;
    }
    ok(status, shim_last());
    check(y, z, shim_last());
    shim_fail(0);
    stop(c);
    if (shim_balance()) {
      printf("%d: %s leaves %d\n", n, shim_last(), shim_balance());
      fail("objects are left behind");
    }
  }
  printf("calls %d\nfell %d\nfailed %d\npassed %d\n", calls, fell, failed, passed);
}

/* A device that lacks something: what it says, and what the library makes of it. */
static void lacks(const char* library, cl_uint what, cl_ulong number) {
  void* shim = dlopen(library, RTLD_NOW);
  void (*shim_lack)(cl_uint, cl_ulong) = (void (*)(cl_uint, cl_ulong))dlsym(shim, "shim_lack");
  net_options o = {0};
  net_context* c;
  shim_lack(what, number);
  o.library = library;
  c = start(&o);
  run(c, "with a device that lacks something");
  tell(c);
  stop(c);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const char* value = argc > 2 ? argv[2] : NULL;
  net_options o = {0};
  net_context *c, *cpu;
  size_t i;
  int k;
  for (i = 0; i < NET_INPUT0_COUNT; ++i) x[i] = (float)(i * 7 % 23) / 8 - 1;
  o.backend = NET_ONLY_CPU;
  cpu = start(&o);
  ok(net_run_in(cpu, x, want0, want1), "on the processor");
  memset(&o, 0, sizeof o);
  if (!strcmp(what, "plain")) {
    static float y[NET_OUTPUT0_COUNT], z[NET_OUTPUT1_COUNT];
    c = start(NULL);
    run(c, what);
    run(c, "again");
    tell(c);
    printf("null %d\n", net_run_in(c, NULL, y, z));
    net_release(c);
    printf("released %d\n", net_run_in(c, x, y, z));
    net_release(c);
    net_release(NULL);
    stop(c);
    ok(net_run(x, y, z), "the simple call");
    check(y, z, "the simple call");
  } else if (!strcmp(what, "options")) {
    /* name=value ... */
    for (k = 2; k < argc; ++k) {
      char* text = strchr(argv[k], '=') + 1;
      if (!strncmp(argv[k], "backend", 7)) o.backend = atoi(text);
      if (!strncmp(argv[k], "platform", 8)) o.platform = text;
      if (!strncmp(argv[k], "device", 6)) o.device = text;
      if (!strncmp(argv[k], "library", 7)) o.library = text;
      if (!strncmp(argv[k], "cache", 5)) o.cache_path = text;
      if (!strncmp(argv[k], "kernel", 6)) o.max_kernel_us = atoi(text);
      if (!strncmp(argv[k], "window", 6)) o.queue_window = atoi(text);
      if (!strncmp(argv[k], "calibration", 11)) o.calibration = atof(text);
      if (!strncmp(argv[k], "profile", 7)) o.profile = atoi(text);
      if (!strncmp(argv[k], "hints", 5)) o.priority = o.performance = atoi(text);
    }
    c = start(&o);
    for (k = 0; k < 3; ++k) run(c, what);
    tell(c);
    for (k = 0; k < net_step_count(); ++k) printf("step %s %d %g\n", net_step_name(k), net_step_launches(c, k), net_step_us(c, k));
    printf("calibration %g\n", net_calibration(c));
    stop(c);
  } else if (!strcmp(what, "callbacks")) {
    static struct store s;
    o.cache_load = load;
    o.cache_store = keep;
    o.cache_user = &s;
    for (k = 0; k < 3; ++k) {
      if (k == 2) s.bytes[s.size / 2] ^= 1;
      c = start(&o);
      run(c, what);
      printf("cache %s (%d stored)\n", net_cache(c), s.stores);
      stop(c);
    }
  } else if (!strcmp(what, "threads")) {
    pthread_t threads[3];
    net_context* all[3];
    all[0] = start(&o);
    all[1] = start(&o);
    o.share = all[0];
    all[2] = start(&o);
    if (net_backend(all[2]) != NET_OPENCL) fail("sharing");
    printf("cache %s\n", net_cache(all[2]));
    for (k = 0; k < 3; ++k) if (pthread_create(&threads[k], NULL, thread, all[k])) fail("a thread");
    for (k = 0; k < 3; ++k) pthread_join(threads[k], NULL);
    stop(all[0]); /* what it shared lives on */
    run(all[2], "after the other is gone");
    stop(all[1]);
    stop(all[2]);
    o.share = cpu;
    c = start(&o);
    tell(c);
    stop(c);
  } else if (!strcmp(what, "failures")) {
    failures(value, argv[3]);
  } else if (!strcmp(what, "lacks")) {
    lacks(value, (cl_uint)atol(argv[3]), (cl_ulong)atol(argv[4]));
  } else if (!strcmp(what, "cl")) {
    on_cl();
  } else {
    fail("what to do is not said");
  }
  stop(cpu);
  printf("good\n");
  return 0;
}
