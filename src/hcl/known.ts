import { type Item, isNeutral } from "./content.ts";
import type { KnownField } from "./describe.ts";
import { type Notes, orUndefined, type Site } from "./notes.ts";

/** Tells of each item of a name that means nothing here, or is refused, but for what other programs fill in by themselves. */
export function tellKnown(notes: Notes, field: KnownField, items: readonly Item[], site: Site): void {
  for (const item of items) {
    const value = notes.format === "json" ? item.value() : undefined;
    if (value !== undefined && (isNeutral(value, field.neutral) || isNeutral(value, field.encoded))) continue;
    notes.diagnostics.push({
      severity: field.kind === "refused" ? "error" : "warning",
      span: item.nameSpan,
      where: orUndefined(site.where),
      message: `"${item.name}" ${field.why}`,
      hint: field.hint,
      ...(field.secret && { secret: true }),
    });
  }
}
