import { type Item, isNeutral } from "./content.ts";
import type { KnownField } from "./describe.ts";
import { type Notes, orUndefined, type Site } from "./notes.ts";

type Told = Pick<KnownField, "kind" | "why" | "hint" | "neutral" | "encoded" | "secret">;

/** A block that means something only in part. @param why as `BlockField.partly` has it. */
export const partOf = (why: string): Told => ({
  ...{ kind: "ignored", why, hint: undefined, neutral: null, encoded: undefined, secret: false },
});

/** Tells of each item of a name that means nothing here, or is refused, but for what other programs fill in by themselves. */
export function tellKnown(notes: Notes, field: Told, items: readonly Item[], site: Site): void {
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
