/* Usage: host SOURCE OPTIONS PLAN OUT. Builds the source and follows the plan, one line each:
     buffer BYTES FILE          memory, filled from the file; "-" for memory that nobody wrote
     launch NAME GX GY GZ LX LY ARG...   each ARG is buffer:elements, or =number
     read N                     what buffer N holds is written to OUT
   Fails with the first thing that goes wrong. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void ok(cl_int e, const char* what) {
  if (e) { fprintf(stderr, "%s: error %d\n", what, e); exit(1); }
}
static char* slurp(const char* name, size_t* n) {
  FILE* f = fopen(name, "rb");
  char* p;
  if (!f) { perror(name); exit(1); }
  fseek(f, 0, SEEK_END); *n = (size_t)ftell(f); rewind(f);
  p = calloc(*n + 1, 1);
  if (fread(p, 1, *n, f) != *n) exit(1);
  fclose(f);
  return p;
}
int main(int argc, char** argv) {
  cl_platform_id platform; cl_device_id device; cl_int e; size_t n;
  static cl_mem buffers[10000]; static size_t sizes[10000]; static char line[1 << 16];
  int count = 0;
  cl_context c; cl_command_queue q; cl_program program; const char* source; FILE *plan, *out;
  if (argc < 5) return 2;
  ok(clGetPlatformIDs(1, &platform, 0), "platform");
  ok(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, 0), "device");
  c = clCreateContext(0, 1, &device, 0, 0, &e); ok(e, "context");
  q = clCreateCommandQueue(c, device, 0, &e); ok(e, "queue");
  source = slurp(argv[1], &n);
  program = clCreateProgramWithSource(c, 1, &source, &n, &e); ok(e, "program");
  if (clBuildProgram(program, 1, &device, argv[2], 0, 0)) {
    static char log[1 << 16];
    clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof log, log, 0);
    fprintf(stderr, "%s\n", log);
    return 1;
  }
  if (!(plan = fopen(argv[3], "r")) || !(out = fopen(argv[4], "wb"))) return 2;
  while (fgets(line, sizeof line, plan)) {
    char* word = strtok(line, " \n");
    if (!strcmp(word, "buffer")) {
      size_t bytes = (size_t)atol(strtok(0, " \n")), have; char* file = strtok(0, " \n"); char* data = 0;
      if (strcmp(file, "-")) { data = slurp(file, &have); if (have != bytes) { fprintf(stderr, "%s: %zu bytes\n", file, have); return 1; } }
      sizes[count] = bytes;
      buffers[count++] = clCreateBuffer(c, CL_MEM_READ_WRITE | (data ? CL_MEM_COPY_HOST_PTR : 0), bytes ? bytes : 1, data, &e); ok(e, "buffer");
      free(data);
    } else if (!strcmp(word, "launch")) {
      const char* name = strtok(0, " \n"); size_t all[3], lanes[3] = {1, 1, 1}; int i, at = 0; char* arg;
      cl_kernel k = clCreateKernel(program, name, &e); ok(e, name);
      for (i = 0; i < 3; i++) all[i] = (size_t)atol(strtok(0, " \n"));
      for (i = 0; i < 2; i++) all[i] *= lanes[i] = (size_t)atol(strtok(0, " \n"));
      while ((arg = strtok(0, " \n"))) {
        cl_int number = atoi(arg[0] == '=' ? arg + 1 : strchr(arg, ':') + 1);
        if (arg[0] != '=') ok(clSetKernelArg(k, (cl_uint)at++, sizeof(cl_mem), &buffers[atoi(arg)]), name);
        ok(clSetKernelArg(k, (cl_uint)at++, sizeof number, &number), name);
      }
      ok(clEnqueueNDRangeKernel(q, k, 3, 0, all, lanes, 0, 0, 0), name);
      ok(clFinish(q), name);
      clReleaseKernel(k);
    } else {
      int i = atoi(strtok(0, " \n")); char* data = malloc(sizes[i] + 1);
      ok(clEnqueueReadBuffer(q, buffers[i], CL_TRUE, 0, sizes[i], data, 0, 0, 0), "read");
      fwrite(data, 1, sizes[i], out);
      free(data);
    }
  }
  fclose(out);
  return 0;
}
