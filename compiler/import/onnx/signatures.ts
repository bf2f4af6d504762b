/** Files that people take for ONNX models, by their first bytes. */
interface Format { readonly what: string; readonly hint?: string }
const convert = "convert it to ONNX first";
const formats: readonly (Format & { readonly at: number; readonly bytes: string })[] = [
  { at: 0, bytes: "version https://git-lfs", what: "a Git LFS pointer", hint: "fetch the file itself: git lfs pull" },
  { at: 0, bytes: "<", what: "a web page or XML", hint: "download the file itself" },
  { at: 0, bytes: "{", what: "JSON" },
  { at: 0, bytes: "PK\x03\x04", what: "a zip archive, as PyTorch and Keras write them", hint: convert },
  { at: 0, bytes: "\x1f\x8b", what: "compressed with gzip", hint: "unpack it first: gunzip" },
  { at: 0, bytes: "\x89HDF", what: "an HDF5 file, as Keras writes them", hint: convert },
  { at: 4, bytes: "TFL3", what: "a TensorFlow Lite model", hint: convert },
  { at: 4, bytes: "ORTM", what: "a model in ONNX Runtime's own format", hint: "give the .onnx file it was made from" },
];
/** What the file is, if it is surely no ONNX model: none of these can begin one. */
export const guessFormat = (bytes: Uint8Array): Format | undefined =>
  formats.find((f) => Array.from(f.bytes).every((c, i) => bytes[f.at + i] === c.charCodeAt(0)));
