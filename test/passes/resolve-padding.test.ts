import { expect, test } from "vitest";
import { resolvePadding } from "../../compiler/passes/graph/resolve-padding.ts";
import { Builder, check } from "./graphs.ts";

const modes = ["SAME_UPPER", "SAME_LOWER", "VALID"] as const;
test.each(modes)("%s becomes numbers", (auto_pad) => {
  for (const [size, kernel, stride] of [[7, 3, 2], [8, 3, 2], [9, 4, 1], [5, 1, 4], [4, 1, 4], [6, 5, 3]] as const) {
    const b = new Builder(), x = b.input("x", [1, 2, size, size + 1]), window = { auto_pad, strides: [stride, 1] };
    const outputs = [
      b.op("Conv", [x, b.constant([3, 2, kernel, kernel])], window),
      b.op("ConvTranspose", [x, b.constant([2, 3, kernel, kernel])], window),
      b.op("AveragePool", [x], { ...window, kernel_shape: [kernel, kernel] }),
      b.op("MaxPool", [x], { ...window, kernel_shape: [kernel, kernel], ...(auto_pad === "VALID" ? {} : { ceil_mode: 1 }) }),
    ];
    const after = check(b.graph(...outputs), resolvePadding);
    for (const n of after.nodes) if (n.op !== "ConvTranspose" || kernel >= stride) expect(n.attributes.auto_pad).toBeUndefined();
  }
});
test("dilation, and the odd element of SAME_LOWER in front", () => {
  const b = new Builder(), y = b.op("Conv", [b.input("x", [1, 1, 8, 8]), b.constant([1, 1, 2, 3])], { auto_pad: "SAME_LOWER", dilations: [1, 2] });
  expect(check(b.graph(y), resolvePadding).nodes[0]!.attributes.pads).toEqual([1, 2, 0, 2]);
});
test("output_shape of ConvTranspose", () => {
  for (const output_shape of [[8, 7], [9, 9]]) {
    const b = new Builder(), y = b.op("ConvTranspose", [b.input("x", [1, 2, 4, 4]), b.constant([2, 1, 3, 3])], { strides: [2, 2], output_shape });
    expect(check(b.graph(y), resolvePadding).nodes[0]!.attributes.output_shape).toBeUndefined();
  }
});
