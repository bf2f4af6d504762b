/** Programs that use the sample as a stranger would. They print what the model made of `exampleX`, or fail. */
import { expected } from "./sample.ts";

export const exampleX = Array.from({ length: 16 }, (_, i) => (i % 5) - 1.5);
export const exampleMask = [true, false, true, true];
const fill = `
  const float x[16] = {${exampleX.map((v) => `${v.toFixed(1)}f`).join(", ")}};
  const bool mask[4] = {${exampleMask.join(", ")}};
  float y[16];
  int64_t largest;`;
const print = `for (int i = 0; i < 16; ++i) printf("%g ", (double)y[i]);\n  printf("%d\\n", (int)largest);`;
/** What the programs print for a model. */
export function answer(seed: number): string {
  const { y, largest } = expected(seed, exampleX, exampleMask);
  return `${y.map((v) => `${v} `).join("")}${largest}\n`;
}

/** C99 or C++: the simple call of each model. */
export const simpleProgram = (...names: readonly string[]): string => `#include <stdio.h>
${names.map((n) => `#include "${n}.h"`).join("\n")}
int main(void) {${fill}
${names.map((n) => `  if (${n}_run(x, mask, y, &largest)) return 1;\n  ${print}`).join("\n")}
  return 0;
}
`;
/** C99: contexts in the caller's memory, errors, and the tables. */
export const contextProgram = (n: string, load = ""): string => `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "${n}.h"
#define CHECK(what) if (!(what)) { printf("failed: %s\\n", #what); return 1; }
static unsigned char first[${n.toUpperCase()}_CONTEXT_BYTES + 64], second[${n.toUpperCase()}_CONTEXT_BYTES + 1];
int main(void) {${fill}
  ${n}_context *a, *b;
  int64_t dims[] = ${n.toUpperCase()}_INPUT0_DIMS;
  const int64_t shape[${n.toUpperCase()}_INPUT0_RANK] = ${n.toUpperCase()}_INPUT0_DIMS;
  memset(first, 0x55, sizeof first);
  memset(second, 0x55, sizeof second);
  ${load}
  CHECK(${n}_init(NULL, sizeof first, &a) == ${n.toUpperCase()}_ERROR_NULL)
  CHECK(${n}_init(first, sizeof first, NULL) == ${n.toUpperCase()}_ERROR_NULL)
  CHECK(${n}_init(first, 10, &a) == ${n.toUpperCase()}_ERROR_TOO_SMALL && !a)
  CHECK(${n}_init(first, ${n.toUpperCase()}_CONTEXT_BYTES - 128, &a) == ${n.toUpperCase()}_ERROR_TOO_SMALL && !a)
  CHECK(${n}_run_in((${n}_context*)first, x, mask, y, &largest) == ${n.toUpperCase()}_ERROR_BAD_CONTEXT)
  CHECK(${n}_init(first, ${n.toUpperCase()}_CONTEXT_BYTES, &a) == ${n.toUpperCase()}_OK && a)
  CHECK(${n}_init(second + 1, ${n.toUpperCase()}_CONTEXT_BYTES, &b) == ${n.toUpperCase()}_OK && b != a)
  CHECK(first[sizeof first - 1] == 0x55 && second[0] == 0x55)
  CHECK(${n}_run_in(a, NULL, mask, y, &largest) == ${n.toUpperCase()}_ERROR_NULL)
  CHECK(${n}_run_in(NULL, x, mask, y, &largest) == ${n.toUpperCase()}_ERROR_NULL)
  CHECK(${n}_run_in(b, x, mask, y, &largest) == 0)
  ${print}
  CHECK(${n}_run_in(a, x, mask, y, &largest) == 0)
  ${print}
  CHECK(strcmp(${n}_error(${n.toUpperCase()}_ERROR_NULL), "a pointer is NULL") == 0 && ${n}_error(-7) && ${n}_error(1000))
  CHECK(${n}_input_info(2) == NULL && ${n}_input_info(-1) == NULL && ${n}_output_info(2) == NULL)
  CHECK(strcmp(${n}_input_info(1)->name, "mask:0") == 0 && ${n}_input_info(1)->dtype == ${n.toUpperCase()}_BOOL && ${n}_input_info(1)->bytes == 4)
  CHECK(${n}_input_info(0)->rank == 3 && memcmp(${n}_input_info(0)->dims, shape, sizeof shape) == 0 && sizeof dims == sizeof shape)
  CHECK(${n}_output_info(1)->rank == 0 && ${n}_output_info(1)->count == 1 && strcmp(${n}_output_info(1)->name, ${n.toUpperCase()}_OUTPUT1_NAME) == 0)
  CHECK(${n}_context_bytes() == ${n.toUpperCase()}_CONTEXT_BYTES && strcmp(${n}_version(), ${n.toUpperCase()}_VERSION) == 0)
  CHECK(strcmp(${n}_model_sha256(), ${n.toUpperCase()}_MODEL_SHA256) == 0 && strlen(${n}_isa()) > 0)
  return 0;
}
`;
/** For weights: "file". */
export const loadWeights = (n: string): string => `{
    FILE* f = fopen("${n}_weights.bin", "rb");
    char *memory = malloc(${n.toUpperCase()}_WEIGHTS_BYTES + 64), *w = memory + (64 - (uintptr_t)memory % 64);
    CHECK(f && fread(w, 1, ${n.toUpperCase()}_WEIGHTS_BYTES, f) == ${n.toUpperCase()}_WEIGHTS_BYTES)
    fclose(f);
    CHECK(${n}_init(first, sizeof first, &a) == ${n.toUpperCase()}_ERROR_NO_WEIGHTS)
    CHECK(${n}_run(x, mask, y, &largest) == ${n.toUpperCase()}_ERROR_NO_WEIGHTS)
    CHECK(${n}_load_weights(NULL, 0) == ${n.toUpperCase()}_ERROR_NULL)
    CHECK(${n}_load_weights(w + 4, ${n.toUpperCase()}_WEIGHTS_BYTES) == ${n.toUpperCase()}_ERROR_ALIGNMENT)
    CHECK(${n}_load_weights(w, ${n.toUpperCase()}_WEIGHTS_BYTES - 1) == ${n.toUpperCase()}_ERROR_BAD_WEIGHTS)
    w[77] ^= 4;
    CHECK(${n}_load_weights(w, ${n.toUpperCase()}_WEIGHTS_BYTES) == ${n.toUpperCase()}_ERROR_BAD_WEIGHTS)
    w[77] ^= 4;
    CHECK(${n}_load_weights(w, ${n.toUpperCase()}_WEIGHTS_BYTES) == ${n.toUpperCase()}_OK)
  }`;
