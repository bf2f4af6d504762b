/** Names and texts from a model, made safe for C. */
import { CompileError } from "../diagnostics.ts";

const words = (text: string): readonly string[] => text.trim().split(/\s+/);
/** Words that mean something in C99, C++ up to 23, their headers in common use, or as predefined macros of GCC. */
export const cppWords: ReadonlySet<string> = new Set(words(`
  alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl concept const
  consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double dynamic_cast else
  enum explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
  operator or or_eq private protected public register reinterpret_cast requires restrict return short signed sizeof static
  static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename typeof union unsigned
  using virtual void volatile wchar_t while xor xor_eq
  NULL EOF INFINITY NAN I errno assert offsetof linux unix i386 size_t ptrdiff_t intptr_t uintptr_t
  int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t memory memset memcpy main`));
/** What a header of that name would hide when its folder is searched first, or a library of that name would be taken for. */
const systemHeaders: ReadonlySet<string> = new Set(words(`
  assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool stddef
  stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype pthread unistd features endian sched alloca malloc
  memory strings c m dl rt gcc`));
/** Targets that CMake keeps for itself. */
const buildTargets: ReadonlySet<string> = new Set(words("all test install package clean help edit_cache rebuild_cache depend"));

/** A C identifier close to `text`, not in `taken`, which it joins. */
export function identifier(text: string, taken: Set<string>): string {
  let base = text.replace(/[^A-Za-z0-9_]/g, "_").replace(/__+/g, "_").replace(/^_+(?=.)/, "").slice(0, 60);
  if (!/^[A-Za-z]/.test(base)) base = `x${base}`;
  let name = cppWords.has(base) ? `${base}_` : base;
  for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
  taken.add(name);
  return name;
}
/** Why a name cannot be the prefix of an API and of file names; null if it can. */
function nameProblem(name: string): string | null {
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) return "is not a C identifier that starts with a letter";
  if (name.length > 60) return "is longer than 60 characters";
  if (cppWords.has(name)) return "is a word of C or C++";
  if (systemHeaders.has(name.toLowerCase())) return `would make a ${name}.h or lib${name}.a that hides one of the system's`;
  return buildTargets.has(name) ? "is a target that CMake keeps for itself" : null;
}
/** A name for a model, from its file's name without folder and extension. */
export function modelName(stem: string): string {
  const name = identifier(stem.slice(0, 50), new Set()).replace(/_+$/, "");
  return nameProblem(name) === null ? name : `${name}_model`;
}
/** Throws a `CompileError` unless the name can be the prefix of an API and of file names. */
export function checkName(name: string): void {
  const problem = nameProblem(name);
  if (problem === null) return;
  throw new CompileError([{
    severity: "error", code: "bad-name", message: `the name "${name}" ${problem}`, hint: `choose another with --name, such as "${modelName(name)}"`,
  }]);
}
/** Text for the inside of a comment: printable ASCII that cannot end it, nor continue its line. */
export const commentText = (text: string): string =>
  text.replace(/[^\x20-\x7e]/g, "?").replace(/\*\//g, "* /").replace(/\/\*/g, "/ *").replace(/\?(?=\?)/g, "? ").replace(/[\\\s]+$/, "");
/** A string literal of C with the text's UTF-8 bytes. */
export function stringLiteral(text: string): string {
  const bytes = [...new TextEncoder().encode(text)];
  const one = (b: number): string =>
    b === 0x22 || b === 0x5c || b === 0x3f ? `\\${String.fromCharCode(b)}` : b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : `\\${b.toString(8).padStart(3, "0")}`;
  return `"${bytes.map(one).join("")}"`;
}
/** Words in lines of at most `width` characters, each word followed by a comma but the last. */
export function wrapList(items: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  items.forEach((item, i) => {
    const word = i < items.length - 1 ? `${item},` : item;
    if (line && line.length + 1 + word.length > width) { lines.push(line); line = word; } else line = line ? `${line} ${word}` : word;
  });
  return line ? [...lines, line] : lines;
}
