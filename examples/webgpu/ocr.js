/**
 * From a picture to the lines of text in it, around three networks: detection, direction, recognition. The steps between them are
 * those of examples/ocr. An image is { width, height, data }, as getImageData gives it.
 */
const DETECT = { width: 640, height: 480 }, TURN = { width: 192, height: 48 }, READ = { width: 480, height: 48 };
/* Detection was trained on mean and deviation per channel, the others on -1 .. 1. */
const photo = { scale: [1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225], shift: [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225] };
const even = { scale: [2 / 255, 2 / 255, 2 / 255], shift: [-1, -1, -1] };

/* Where pixels of the scaled picture lie in the other: between pixels `low` and `high`, `part` of the way. */
function spots(count, size, turned) {
  return Array.from({ length: count }, (_, i) => {
    const at = Math.min(size - 1, Math.max(0, ((turned ? count - 1 - i : i) + 0.5) * (size / count) - 0.5)), low = Math.floor(at);
    return { low, high: Math.min(low + 1, size - 1), part: at - low };
  });
}
/** The box of the image, scaled to width x height, as planes of blue, green and red in the corner of an input of a network. */
function planesOf(image, box, turned, width, height, { scale, shift }, plane) {
  const planes = new Float32Array(3 * plane.width * plane.height);
  const across = spots(width, box.right - box.left, turned), down = spots(height, box.bottom - box.top, turned);
  const row = (y) => 4 * ((box.top + y) * image.width + box.left);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      const v = down[y], upper = row(v.low) + 2 - c, lower = row(v.high) + 2 - c;
      for (let x = 0; x < width; x++) {
        const u = across[x], mix = (at) => image.data[at + 4 * u.low] * (1 - u.part) + image.data[at + 4 * u.high] * u.part;
        planes[(c * plane.height + y) * plane.width + x] = (mix(upper) * (1 - v.part) + mix(lower) * v.part) * scale[c] + shift[c];
      }
    }
  }
  return planes;
}

/* The post-processing of a differentiable-binarisation detector (Liao et al., "Real-time Scene Text Detection with Differentiable
   Binarization", 2020), for upright lines: threshold, connected parts, their boxes, grown by how much the network shrinks text. */
function findBoxes(map, width, height) {
  const seen = new Uint8Array(map.length), boxes = [];
  const marked = (at) => map[at] > 0.3 && !seen[at];
  const partAt = (start) => {
    const box = { left: width, top: height, right: 0, bottom: 0 }, open = [start];
    seen[start] = 1;
    while (open.length) {
      const at = open.pop(), x = at % DETECT.width, y = Math.floor(at / DETECT.width);
      box.left = Math.min(box.left, x), box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y), box.bottom = Math.max(box.bottom, y + 1);
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
          const next = v * DETECT.width + u;
          if (marked(next)) seen[next] = 1, open.push(next);
        }
      }
    }
    return box;
  };
  const meanIn = ({ left, top, right, bottom }) => {
    let sum = 0;
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += map[y * DETECT.width + x];
    return sum / ((bottom - top) * (right - left));
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!marked(y * DETECT.width + x)) continue;
      const box = partAt(y * DETECT.width + x), w = box.right - box.left, h = box.bottom - box.top;
      if (w < 3 || h < 3 || meanIn(box) < 0.6) continue;
      const more = Math.round((w * h * 1.6) / (2 * (w + h)));
      boxes.push({ left: Math.max(box.left - more, 0), top: Math.max(box.top - more, 0), right: Math.min(box.right + more, width), bottom: Math.min(box.bottom + more, height) });
    }
  }
  return boxes;
}
/* Rows from the top, and from the left in a row. */
function inReadingOrder(boxes) {
  const byTop = [...boxes].sort((a, b) => a.top - b.top), ordered = [];
  while (byTop.length) {
    const middle = (byTop[0].top + byTop[0].bottom) / 2;
    let to = 1;
    while (to < byTop.length && byTop[to].top < middle) to++;
    ordered.push(...byTop.splice(0, to).sort((a, b) => a.left - b.left));
  }
  return ordered;
}
/* The most likely character of each step, repetitions and class 0, which stands for none, dropped. */
function decode(likelihoods, characters) {
  const classes = characters.length + 1, found = [];
  for (let step = 0, before = 0; step < likelihoods.length / classes; step++) {
    const p = likelihoods.subarray(step * classes, (step + 1) * classes);
    let best = 0;
    for (let i = 1; i < classes; i++) if (p[i] > p[best]) best = i;
    if (best && best !== before) found.push({ character: characters[best - 1], likelihood: p[best] });
    before = best;
  }
  return { text: found.map((f) => f.character).join(""), confidence: found.length ? found.reduce((sum, f) => sum + f.likelihood, 0) / found.length : 0 };
}

const only = (values) => Object.values(values)[0];
/** The classes of recognition, from the file that comes with the network: one character a line, and the space. */
export const charactersIn = (text) => [...text.replace(/\r/g, "").replace(/\n$/, "").split("\n"), " "];
/**
 * A function from an image to its lines, { box, turned, text, confidence }. `nets` are the three networks, ready to run; `hear` gets
 * the boxes first, and then each line when it is read.
 */
export function makeReader({ detect, turn, read }, characters) {
  const widthOf = (box, most) => Math.min(most, Math.ceil((READ.height * (box.right - box.left)) / (box.bottom - box.top)));
  return async (image, hear = {}) => {
    const wide = image.width * DETECT.height > image.height * DETECT.width;
    const w = wide ? DETECT.width : Math.max(1, Math.round((image.width * DETECT.height) / image.height));
    const h = wide ? Math.max(1, Math.round((image.height * DETECT.width) / image.width)) : DETECT.height;
    const whole = { left: 0, top: 0, right: image.width, bottom: image.height };
    const map = only(await detect.run({ x: planesOf(image, whole, false, w, h, photo, DETECT) }));
    const back = (n, from, to) => Math.round((n * to) / from);
    const boxes = inReadingOrder(findBoxes(map, w, h).map((b) => (
      { left: back(b.left, w, image.width), top: back(b.top, h, image.height), right: back(b.right, w, image.width), bottom: back(b.bottom, h, image.height) })));
    hear.boxes?.(boxes);
    const lines = [];
    for (const box of boxes) {
      const [, down] = only(await turn.run({ x: planesOf(image, box, false, widthOf(box, TURN.width), TURN.height, even, TURN) })), turned = down > 0.9;
      const line = { box, turned, ...decode(only(await read.run({ x: planesOf(image, box, turned, widthOf(box, READ.width), READ.height, even, READ) })), characters) };
      if (line.confidence < 0.5) continue;
      lines.push(line);
      hear.line?.(line);
    }
    return lines;
  };
}
