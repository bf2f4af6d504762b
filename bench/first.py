"""
From nothing to the first result, in a process of its own: time, memory, and what has to be on disk.

Ours is a program in C around the library, timed from its start to its result. The others are libraries for Python; what Python and numpy
take themselves is left out: their time counts from the import of the library, their memory is what the process grew by.
"""
import json, os, subprocess, sys, time

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "model.h"
static void* filled(const char* path, size_t bytes) {
  FILE* f = fopen(path, "rb");
  void* p = malloc(bytes);
  if (!f || fread(p, 1, bytes, f) != bytes) exit(1);
  fclose(f);
  return p;
}
int main(int argc, char** argv) {
  struct timespec t;
  char line[256];
  FILE* f;
  (void)argc;
%s
  if (model_run(%s)) return 1;
  clock_gettime(CLOCK_MONOTONIC, &t);
  printf("%%lld\\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
  f = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, f)) fputs(line, stdout);
  return 0;
}
"""


def own_program(made, case, folder):
    """Builds the program around our library, once; it takes the inputs' files as arguments."""
    library, path = made["library"], os.path.join(os.path.dirname(made["library"]), "first")
    if not os.path.exists(path):
        take = [f"  void* in{i} = filled(argv[{i + 1}], {x.nbytes});" for i, x in enumerate(case.inputs)] + [f"  void* out{i} = malloc({max(1, y.nbytes)});" for i, y in enumerate(case.expected)]
        args = [f"in{i}" for i in range(len(case.inputs))] + [f"out{i}" for i in range(len(case.expected))]
        with open(path + ".c", "w") as f:
            f.write(MAIN % ("\n".join(take), ", ".join(args)))
        subprocess.run([os.environ.get("CC", "cc"), "-O2", path + ".c", library, "-Wl,-rpath," + os.path.dirname(library), "-o", path], check=True)
    return [path, *[os.path.join(folder, f"inputs_{i}.raw") for i in range(len(case.inputs))]]


def status_of(text, key):
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(key + ":"))


def own(made, case, folder, wrap):
    """Start to first result in ms, peak memory in KB, bytes on disk."""
    command = wrap + ["taskset", "-c", str(max(os.sched_getaffinity(0))), *own_program(made, case, folder)]
    # What starts it (a lock, taskset) replaces itself by the program: its own time is not ours.
    code = "import os,sys,time,subprocess;t=time.monotonic_ns();r=subprocess.run(sys.argv[1:],capture_output=True,text=True,check=True);print(int(r.stdout.split()[0])-t);print(r.stdout)"
    r = subprocess.run([*wrap, sys.executable, "-c", code, *command[len(wrap):]], capture_output=True, text=True, check=True)
    return {"first_ms": int(r.stdout.split()[0]) / 1e6, "rss_kb": status_of(r.stdout, "VmHWM"), "disk_bytes": sum(map(os.path.getsize, made["files"]))}


def theirs(orders):
    """The same for an engine in this very process."""
    import numpy as np
    from engines import engine
    from ready import difference, restored
    case = restored(orders["case"])
    status = lambda: open("/proc/self/status").read()
    mapped = lambda: {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
    before, libraries, start = status_of(status(), "VmRSS"), mapped(), time.perf_counter()
    e = engine(orders["engine"])(orders["made"], case.names, case.inputs, 1, case.expected)
    e.run()
    first = (time.perf_counter() - start) * 1e3
    own_libraries = [f for f in mapped() - libraries if "site-packages" in f]
    return {"first_ms": first, "rss_kb": status_of(status(), "VmHWM") - before, "disk_bytes": sum(map(os.path.getsize, own_libraries + orders["made"]["files"])),
            "difference": difference(e.outputs(), case.expected)}


def first(name, made, case, folder, wrap, core):
    """For any engine; {"unsupported": reason} where it fails or crashes."""
    if name == "mlc":
        return own(made, case, folder, wrap)
    orders = json.dumps({"engine": name, "made": made, "case": folder, "core": core})
    r = subprocess.run([*wrap, sys.executable, os.path.abspath(__file__), orders], capture_output=True, text=True)
    if r.returncode:
        return {"unsupported": (r.stderr.strip() or f"ended with {r.returncode}").splitlines()[-1]}
    return json.loads(r.stdout.splitlines()[-1])


if __name__ == "__main__":
    orders = json.loads(sys.argv[1])
    os.sched_setaffinity(0, {orders["core"]})
    print("\n" + json.dumps(theirs(orders)), flush=True)
    os._exit(0)
