/** Templates and what they print: the shell around the kernels. The only user of handlebars. */
import Handlebars from "handlebars";
import { templateText } from "./templates.ts";
import type { ShellViews } from "./views/all.ts";

const compiled = new Map<string, (view: object) => string>();
/** The text of a template. A field that the template names and the view lacks is an error; nothing is escaped. */
export function renderShell<T extends keyof ShellViews>(template: T, view: ShellViews[T]): string {
  let print = compiled.get(template);
  if (!print) {
    print = Handlebars.compile(templateText(template), { noEscape: true, strict: true, preventIndent: true, knownHelpersOnly: true });
    compiled.set(template, print);
  }
  return print(view);
}
