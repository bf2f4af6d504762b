/** What `import { compile } from "mlc"` gives. */
export * from "./api.ts";
export { CompileError, type Diagnostic } from "./diagnostics.ts";
