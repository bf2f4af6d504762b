/** Small graphs that failed once, as text: what each of them showed, and the graph. */
export const found: Readonly<Record<string, string>> = {
  "types without vectors behind a product": `
    graph "found" {
      input x: f32[31, 7]
      const w: f32[7, 20] = #00000001
      const forty: f32[] = [40]
      const small: f32[] = [0.05]
      product: f32[31, 20] = MatMul(x, w) {} @ product
      bounded: f32[31, 20] = Tanh(product) {} @ tanh
      wide: f32[31, 20] = Mul(bounded, forty) {} @ mul
      whole: i8[31, 20] = Cast(wide) { to: 3 } @ cast
      back: f32[31, 20] = Cast(whole) { to: 1 } @ back
      y: f32[31, 20] = Mul(back, small) {} @ scale
      output y
    }`,
  "a table of weights that is looked up at run time": `
    graph "found" {
      input x: f32[2, 3, 4]
      const table: f32[4, 9] = #00000002
      const more: f32[9] = #00000003
      place: i64[2, 3] = ArgMax(x) { axis: 2, keepdims: 0 } @ place
      row: f32[2, 3, 9] = Gather(table, place) { axis: 0 } @ row
      sum: f32[2, 3, 9] = Add(row, more) {} @ sum
      y: f32[2, 9, 3] = Transpose(sum) { perm: [0, 2, 1] } @ turn
      output y
    }`,
  "few columns: all instruction sets share one order of the weights": `
    graph "found" {
      input x: f32[31, 9]
      const w: f32[9, 3] = #00000004
      y: f32[31, 3] = MatMul(x, w) {} @ product
      output y
    }`,
  "tiles of a mean that stays in registers": `
    graph "found" {
      input x: f32[1, 32, 31]
      const w: f32[128, 1, 5] = #00000005
      const zero: i64[1] = [0]
      const repeats: i64[2] = [1, 3]
      const scale: f32[105] = #00000006
      conv: f32[1, 128, 35] = Conv(x, w) { group: 32, pads: [4, 4], strides: [1], dilations: [1] } @ conv
      one: f32[128, 35] = ReduceMax(conv, zero) { keepdims: 0 } @ max
      three: f32[128, 105] = Tile(one, repeats) {} @ tile
      y: f32[128, 105] = LayerNormalization(three, scale) { axis: 1, epsilon: 0.01 } @ norm
      output y
    }`,
  "a test of the lane behind a product": `
    graph "found" {
      input x: f32[2, 6, 5]
      const w: f32[5, 13] = #00000007
      product: f32[2, 6, 13] = MatMul(x, w) {} @ product
      y: f32[2, 6, 13] = Trilu(product) { upper: 1 } @ upper
      output y
    }`,
  "integers that divide each other, in vectors": `
    graph "found" {
      input x: i32[8, 32]
      input y: i32[8, 32]
      z: i32[8, 32] = Div(x, y) {} @ div
      output z
    }`,
  "an axis called like the copy of an operand": `
    graph "found" {
      input x: f32[3, 33, 12]
      y: f32[3, 33, 33] = Einsum(x, x) { equation: "bij,bkj->bik" } @ einsum
      output y
    }`,
};
