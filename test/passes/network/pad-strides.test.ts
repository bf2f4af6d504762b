import { describe, expect, test } from "vitest";
import { physical } from "../../../compiler/ir/compute.ts";
import type { Network } from "../../../compiler/ir/network.ts";
import { padStrides } from "../../../compiler/passes/network/pad-strides.ts";
import { Builder } from "../graphs.ts";
import { ahead, upTo } from "./build.ts";

/** A depthwise layer between two 1x1 convolutions of so many channels. */
function separable(channels: number) {
  const b = new Builder(), x = b.input("x", [1, 3, 4, 5]);
  const wide = b.op("Relu", [b.op("Conv", [x, b.constant([channels, 3, 1, 1])])]);
  const deep = b.op("Conv", [wide, b.constant([channels, 1, 3, 3])], { group: channels, pads: [1, 1, 1, 1] });
  return b.graph(b.op("Conv", [deep, b.constant([4, channels, 1, 1])]));
}
const pixelStrides = (n: Network, channels: number) => [...n.tensors.values()]
  .filter((t) => t.kind === "temporary" && t.shape[1] === channels).map((t) => physical(t.shape, t.layout).strides.at(-2));

describe("pad-strides", () => {
  test("a line between pixels around a depthwise layer whose pixels lie 2 KB apart", () => {
    expect(pixelStrides(upTo("pad-strides", separable(512)), 512)).toEqual([528, 528]);
  });
  test("none where they do not", () => {
    expect(pixelStrides(upTo("pad-strides", separable(480)), 480)).toEqual([480, 480]);
  });
  test("none for a machine without such a cache", () => {
    const n = ahead("pad-strides", separable(512));
    expect(padStrides(n, {})).toBe(n);
  });
});
