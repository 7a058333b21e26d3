import type { Diagnostic } from "../../hcl/diagnostic.ts";
import { printLabelled } from "../terminal/labelled.ts";
import type { Terminal } from "../terminal/terminal.ts";

/**
 * What the agent warns of, but for what was asked and what the file's own warnings have said with their line.
 * @param asked texts that were told already.
 */
export function printWarnings(
  { Warnings }: { readonly Warnings: string },
  diagnostics: readonly Diagnostic[],
  terminal: Terminal,
  asked: readonly string[],
): void {
  const told = [...asked, ...diagnostics.map(({ message }) => message)];
  for (const warning of splitWarnings(Warnings)) {
    const text = warning.replace(/^warning: /, "");
    if (!told.some((message) => text.includes(message))) printLabelled(terminal.err, "warning", text);
  }
}

/** Nomad's `Warnings` one by one. */
export function splitWarnings(text: string): string[] {
  return text
    .split(/^\* /m)
    .map((warning) => warning.trim())
    .filter((warning) => warning !== "");
}
