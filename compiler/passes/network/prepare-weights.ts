/** What the setup makes: every prepared tensor once for each layout in which some kernel reads it, ready to use. */
import { fail } from "../../ir/scalar.ts";
import type { Compute, Tensor } from "../../ir/compute.ts";
import { writesOf, type Network } from "../../ir/network.ts";
import { bytesOf, keyOfPacked } from "./pack-constants.ts";
import type { Block } from "./plan-memory.ts";

/** Computes that write packed weights, in the order in which these are first asked for. */
export class Preparation {
  private readonly makers: ReadonlyMap<string, Compute>;
  private readonly known = new Map<string, number>();
  private readonly made: { readonly compute: Compute; readonly bytes: number }[] = [];

  constructor(n: Network) { this.makers = new Map((n.setup ?? []).flatMap((c) => writesOf(c).map((name) => [name, c] as const))); }

  get computes(): readonly Compute[] { return this.made.map((m) => m.compute); }
  /** The number of the packed weight `t`, which is the prepared tensor `of` in a layout of its own. */
  want(t: Tensor, of: string): number {
    const key = keyOfPacked(t, of), before = this.known.get(key);
    if (before !== undefined) return before;
    if (t.source) fail(`${of} is read as elements of another shape: only its layout may be another`);
    const maker = this.makers.get(of) ?? fail(`nothing makes ${of}`), number = this.made.length;
    this.made.push({ compute: { ...maker, outputs: maker.outputs.map((o) => ({ ...o, tensor: `${number}`, layout: t.layout })) }, bytes: bytesOf(t) });
    this.known.set(key, number);
    return number;
  }
  /** Of the tensor that a Compute writes. */
  numberOf(tensor: string): number { return Number(tensor); }
  /** Memory for all of them: from the step that makes each one to the end. */
  blocks(): readonly Omit<Block, "align">[] {
    return this.made.map(({ compute: c, bytes }, step) => ({ name: c.origin.join(" + "), bytes, firstStep: step, lastStep: this.made.length - 1 }));
  }
}
