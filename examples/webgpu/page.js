/** The page: a picture to draw on, and what the networks read in it. */
import { createNet as createDetect } from "./ocr_detect/index.js";
import { createNet as createRead } from "./ocr_read/index.js";
import { createNet as createTurn } from "./ocr_turn/index.js";
import { charactersIn, makeReader } from "./ocr.js";

const $ = (id) => document.getElementById(id);
const canvas = $("picture"), pen = canvas.getContext("2d", { willReadFrequently: true });
/* What is shown counts up whenever the picture changes, so that a reading of an older one is not taken for one of this. */
let shown = 0, reader = null, reading = null, pause = 0;

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").classList.toggle("wrong", wrong);
}
function forget() {
  shown++;
  clearTimeout(pause);
  $("boxes").replaceChildren();
  $("lines").replaceChildren();
}
function fill(paint) {
  forget();
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  paint?.();
}
/** The image as large as it fits, in the middle. */
async function show(source) {
  const image = await createImageBitmap(source), scale = Math.min(canvas.width / image.width, canvas.height / image.height);
  const w = image.width * scale, h = image.height * scale;
  fill(() => pen.drawImage(image, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h));
}
const showSample = async () => show(await (await fetch("./picture.png")).blob());

function addBox({ left, top, right, bottom }) {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) rect.setAttribute(name, value);
  $("boxes").append(rect);
}
function addLine({ text, confidence }) {
  const item = document.createElement("li"), percent = Math.round(confidence * 100);
  item.innerHTML = `<span class="text"></span><span class="sure"><span class="bar"><i style="width: ${percent}%"></i></span><span class="percent">${percent} %</span></span>`;
  item.firstChild.textContent = text;
  $("lines").append(item);
}
/** Reads what is shown; once more where that has changed meanwhile. */
async function read() {
  clearTimeout(pause);
  if (!reader || reading) return;
  const version = shown, current = () => version === shown, start = performance.now();
  $("boxes").replaceChildren();
  $("lines").replaceChildren();
  $("read").disabled = true;
  say("Reading");
  reading = reader(pen.getImageData(0, 0, canvas.width, canvas.height), {
    boxes: (boxes) => { if (current()) boxes.forEach(addBox); },
    line: (line) => { if (current()) addLine(line); },
  });
  try {
    const lines = await reading;
    if (current()) say(`${lines.length === 1 ? "One line" : `${lines.length || "No"} lines`} in ${((performance.now() - start) / 1000).toFixed(2)} s`);
  } catch (e) {
    say(e.message, true);
  }
  reading = null;
  $("read").disabled = false;
  if (!current()) await read();
}

/* Drawing: strokes of a round pen. */
let last = null;
const placeOf = (e) => {
  const r = canvas.getBoundingClientRect();
  return { x: ((e.clientX - r.left) * canvas.width) / r.width, y: ((e.clientY - r.top) * canvas.height) / r.height };
};
function stroke(e) {
  const to = placeOf(e);
  Object.assign(pen, { lineWidth: 7, lineCap: "round", lineJoin: "round", strokeStyle: "#1d2433" });
  pen.beginPath();
  pen.moveTo(last.x, last.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
  last = to;
}
canvas.addEventListener("pointerdown", (e) => {
  canvas.setPointerCapture(e.pointerId);
  forget();
  last = placeOf(e);
  stroke(e);
});
canvas.addEventListener("pointermove", (e) => { if (last) stroke(e); });
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => {
  if (!last) return;
  last = null;
  pause = setTimeout(read, 900);
});

$("read").addEventListener("click", read);
$("blank").addEventListener("click", () => fill());
$("sample").addEventListener("click", showSample);
$("open").addEventListener("change", async (e) => {
  const [file] = e.target.files;
  if (file) await show(file).then(read, () => say(`${file.name} is no picture that this browser can show`, true));
  e.target.value = "";
});

async function load() {
  const counts = new Map();
  const progress = (name) => (done, total) => {
    counts.set(name, { done, total });
    const sum = (key) => [...counts.values()].reduce((all, c) => all + c[key], 0);
    $("progress").value = sum("done") / sum("total");
    say(`Loading the networks: ${(sum("done") / 1e6).toFixed(1)} of ${(sum("total") / 1e6).toFixed(1)} MB`);
  };
  // One device for all three.
  const first = await createDetect({ progress: progress("detect") }), { device } = first;
  const [turn, recognise, characters] = await Promise.all([
    createTurn({ device, progress: progress("turn") }), createRead({ device, progress: progress("read") }), fetch("./characters.txt").then((r) => r.text()),
  ]);
  reader = makeReader({ detect: first, turn, read: recognise }, charactersIn(characters));
  $("read").disabled = false;
  say("Ready");
}
await Promise.all([showSample(), load()]).catch((e) => say(e.message, true));
$("progress").hidden = true;
document.body.dataset.state = reader ? "ready" : "failed";
