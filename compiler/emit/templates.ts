/** The texts of the templates. In a bundle, scripts/templates-plugin.mjs puts a table of them in this file's place. */
import { readFileSync } from "node:fs";

/** The text of a template, by its path in runtime-templates/ without ".hbs". */
export const templateText = (path: string): string => readFileSync(new URL(`../../runtime-templates/${path}.hbs`, import.meta.url), "utf8");
