import type { Plugin } from "esbuild";

export declare const templatesPlugin: Plugin;
