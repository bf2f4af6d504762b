/** Phones and boards: OpenCL on Mali and Adreno, which share their memory with the processor. */
import { bitsInMemory, type Target } from "../../compiler/emit/target.ts";
import { openclFor } from "../opencl/index.ts";

export const openclArmTarget: Target = openclFor({
  name: "opencl-arm",
  description: "OpenCL 1.2 on Mali and Adreno, with kernels for the processor where they will not do",
  doubles: false,
  facts: {
    // Mali keeps local memory in the same caches as all other, so that copies into it are lost time; groups of 64 fit both families' registers.
    machines: [{ macsPerSecond: 2e11, bytesPerSecond: 2e10, exposed: 0 }], winograd: false, strassen: false, alignment: 64, types: bitsInMemory, largestConstant: 2 ** 27,
    grid: { lanes: 64, mostLanes: 128, mostGroups: 2 ** 31 - 1, sharedBytes: 16384, vector: 4, accumulators: 32, busy: 4096 },
  },
});
