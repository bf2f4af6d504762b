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
  "an input of open size that nobody reads, and an output that another one is made of": `
    graph "found" {
      symbol $T in 4..27
      input x: f32[4, $T, 24]
      input unread: f32[4, $T, 24]
      const repeats: i64[3] = [3, 1, 1]
      const scale: f32[24] = #00000008
      all: f32[12, $T, 24] = Tile(x, repeats) {} @ tile
      y: f32[12, $T, 24] = Mul(all, scale) {} @ mul
      output y
      output all
    }`,
  "padding that depends on an open size": `
    graph "found" {
      symbol $W in 1..10
      input x: f32[4, 1, 6, $W]
      const w: f32[8, 1, 2, 6] = #00000009
      positive: f32[4, 1, 6, $W] = Relu(x) {} @ relu
      y = Conv(positive, w) { auto_pad: "SAME_UPPER", strides: [1, 3] } @ conv
      output y
    }`,
  "a size less its half": `
    graph "found" {
      symbol $W in 3..11
      input x: f32[1, 3, 5, $W]
      const w: f32[8, 3, 3, 3] = #0000000a
      const two: i64[1] = [2]
      size = Shape(x) { start: 3, end: 4 } @ shape
      half = Div(size, two) @ half
      rest = Sub(size, half) @ rest
      parts = Concat(half, rest) { axis: 0 } @ parts
      left, right = Split(x, parts) { axis: 3 } @ split
      y = Conv(right, w) { pads: [1, 1, 0, 2], dilations: [2, 1] } @ conv
      output y
    }`,
  "a constant behind an open size": `
    graph "found" {
      symbol $W in 3..16
      input x: f32[4, $W]
      const w: f32[4, 3] = #0000000b
      y = Concat(x, w) { axis: 1 } @ concat
      output y
    }`,
  "sums from the end of an open size": `
    graph "found" {
      symbol $W in 12..90
      input x: f32[4, $W, 3]
      const axis: i64[] = [1]
      y = CumSum(x, axis) { reverse: 1, exclusive: 0 } @ inclusive
      z = CumSum(x, axis) { reverse: 1, exclusive: 1 } @ exclusive
      output y
      output z
    }`,
  "what is found in nothing": `
    graph "found" {
      symbol $W in 1..6
      input x: f32[4, $W]
      const zero: i64[1] = [0]
      const one: i64[1] = [1]
      const two: i64[1] = [2]
      const flat: i64[1] = [-1]
      size = Shape(x) { start: 1, end: 2 } @ shape
      half = Div(size, two) @ half
      left = Slice(x, zero, half, one) @ left
      truths = Cast(left) { to: 9 } @ truths
      list = Reshape(truths, flat) @ list
      y = Compress(left, list) @ y
      output y
    }`,
  "sizes that must be equal in one branch": `
    graph "found" {
      symbol $H in 2..6
      symbol $W in 2..6
      input c: bool[]
      input x: f32[2, $H]
      input y: f32[2, $W]
      z = If(c) {
        then_branch: graph "then" {
          a = Add(x, y) @ add
          output a
        }, else_branch: graph "else" {
          b = Neg(x) @ neg
          output b
        }
      } @ if
      output z
    }`,
  "an axis called like the copy of an operand": `
    graph "found" {
      input x: f32[3, 33, 12]
      y: f32[3, 33, 33] = Einsum(x, x) { equation: "bij,bkj->bik" } @ einsum
      output y
    }`,
  "a recurrence of which only the last state is read": `
    graph "found" {
      input q: f32[2, 4, 32]
      input k: f32[2, 4, 32]
      input v: f32[2, 4, 32]
      input decay: f32[2, 4, 32]
      input beta: f32[2, 4, 1]
      none, y: f32[2, 4, 8, 8] = LinearAttention(q, k, v, none, decay, beta) { q_num_heads: 4, kv_num_heads: 4, update_rule: "gated_delta" } @ n
      output y
    }`,
  "a recurrence whose weights move with its rows and its steps": `
    graph "found" {
      input q: f32[2, 4, 32]
      input k: f32[2, 4, 32]
      input v: f32[2, 4, 32]
      input beta: f32[2, 4, 1]
      const decay: f32[2, 4, 32] = #0000000c
      y: f32[2, 4, 32], z: f32[2, 4, 8, 8] = LinearAttention(q, k, v, none, decay, beta) { q_num_heads: 4, kv_num_heads: 4, update_rule: "gated_delta" } @ n
      output y
      output z
    }`,
  "whole numbers in lanes": `
    graph "found" {
      input x: i32[3, 17]
      input y: i32[3, 17]
      input f: f32[3, 17]
      const one: i32[] = [1]
      const low: i32[] = [-3]
      const high: i32[] = [5]
      const seven: i32[] = [7]
      absolute: i32[3, 17] = Abs(x) {} @ abs
      negative: i32[3, 17] = Neg(x) {} @ neg
      sign: i32[3, 17] = Sign(x) {} @ sign
      sum: i32[3, 17] = Add(x, y) {} @ add
      difference: i32[3, 17] = Sub(x, y) {} @ sub
      product: i32[3, 17] = Mul(x, y) {} @ mul
      quotient: i32[3, 17] = Div(x, seven) {} @ div
      remainder: i32[3, 17] = Mod(x, seven) { fmod: 0 } @ mod
      rest: i32[3, 17] = Mod(x, seven) { fmod: 1 } @ fmod
      quotients: i32[3, 17] = Div(x, y) {} @ divs
      remainders: i32[3, 17] = Mod(x, y) { fmod: 0 } @ mods
      rests: i32[3, 17] = Mod(x, y) { fmod: 1 } @ fmods
      power: i32[3, 17] = Pow(x, high) {} @ pow
      least: i32[3, 17] = Min(x, y) {} @ min
      most: i32[3, 17] = Max(x, y) {} @ max
      clipped: i32[3, 17] = Clip(x, low, high) {} @ clip
      relu: i32[3, 17] = Relu(x) {} @ relu
      both: i32[3, 17] = BitwiseAnd(x, y) {} @ and
      either: i32[3, 17] = BitwiseOr(x, y) {} @ or
      one_of: i32[3, 17] = BitwiseXor(x, y) {} @ xor
      not: i32[3, 17] = BitwiseNot(x) {} @ not
      less: bool[3, 17] = Less(x, y) {} @ less
      same: bool[3, 17] = Equal(x, y) {} @ equal
      test: bool[3, 17] = And(less, same) {} @ tests
      chosen: i32[3, 17] = Where(less, x, y) {} @ where
      float: f32[3, 17] = Cast(x) { to: 1 } @ float
      whole: i32[3, 17] = Cast(f) { to: 6 } @ whole
      truth: bool[3, 17] = Cast(x) { to: 9 } @ truth
      number: i32[3, 17] = Cast(test) { to: 6 } @ number
      output absolute
      output negative
      output sign
      output sum
      output difference
      output product
      output quotient
      output remainder
      output rest
      output quotients
      output remainders
      output rests
      output power
      output least
      output most
      output clipped
      output relu
      output both
      output either
      output one_of
      output not
      output less
      output same
      output test
      output chosen
      output float
      output whole
      output truth
      output number
    }`,
  "a number of taps that is a product of differences": `
    graph "found" {
      input v_convtranspose0: f32[1, 8, 2, 5, 9]
      v_averagepool1: f32[1, 8, 3, 3, 5] = AveragePool(v_convtranspose0) { kernel_shape: [4, 5, 5], strides: [2, 2, 2], pads: [3, 2, 2, 3, 2, 2], ceil_mode: 1, count_include_pad: 0 } @ averagepool1
      output v_averagepool1
    }`,
  "a pool rounded up over an open size, of whose result nothing is empty": `
    graph "found" {
      symbol $H in 1..13
      input x: f32[1, 6, $H, 4]
      const rest: i64[1] = [-1]
      pool = MaxPool(x) { kernel_shape: [3, 3], strides: [3, 3], pads: [1, 1, 1, 1], ceil_mode: 1 } @ pool
      size = Shape(pool) { start: 2, end: 3 } @ shape
      parts = Concat(size, rest) { axis: 0 } @ parts
      y = Reshape(pool, parts) @ y
      output y
    }`,
  "gates of a single step, read beside each other where there are no lanes": `
    graph "found" {
      input y: f32[1, 8, 1]
      const c0: f32[1, 3, 1] = [-0.35134485363960266, 1.342583417892456, -0.9020031690597534]
      const c1: f32[1, 3, 1] = [-1.0530976057052612, 1.0455710887908936, -1.2950905561447144]
      const c2: f32[1, 6] = [-0.6993045210838318, 0.3996966779232025, 0.9777427315711975, -0.04548195004463196, -0.12358348816633224, 0.274763822555542]
      const c3: i64[3] = [0, 0, -1]
      v_gru0: f32[1, 1, 8, 1], v_gru0_1: f32[1, 8, 1] = GRU(y, c0, c1, c2, none) { direction: "forward", linear_before_reset: 1 } @ gru0
      v_transpose1: f32[1, 8, 1, 1] = Transpose(v_gru0) { perm: [0, 2, 1, 3] } @ transpose1
      v_reshape2: f32[1, 8, 1] = Reshape(v_transpose1, c3) @ reshape2
      v_cast6: i16[1, 8, 1] = Cast(v_reshape2) { to: 5 } @ cast6
      output v_cast6
    }`,
};
