import type { TemplateBudget } from "./budget.ts";
import { TemplateFault } from "./fault.ts";
import { describeItem, type Item, sortedEntries } from "./item.ts";

/** An item as a template puts it into its text (Go's `%v`). @param inside of a list or map. @throws TemplateFault. */
export function printItem(item: Item, budget: TemplateBudget, inside = false): string {
  budget.step();
  switch (item.kind) {
    case "nil":
      return inside ? "<nil>" : "<no value>";
    case "float":
      return printFloat(item.value);
    case "list":
      return `[${item.items.map((part) => printItem(part, budget, true)).join(" ")}]`;
    case "map":
      return `map[${sortedEntries(item.entries)
        .map(([key, part]) => `${key}:${printItem(part, budget, true)}`)
        .join(" ")}]`;
    case "loop":
      throw new TemplateFault(`${describeItem(item)} cannot be printed`, { hint: "go through it with range" });
    default:
      return String(item.value);
  }
}

/** The shortest digits that mean this number, with an exponent from a million on and below 0.0001, as Go's `%v` has it. */
export function printFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const [digits = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 6) {
    const sign = exponent < 0 ? "-" : "+";
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return Object.is(value, -0) ? "-0" : value.toString();
}
