import type { Explanation } from "../../client/explanation.ts";

type Origin = Explanation["Argv"][number]["Origin"];

/** Where a word of the command line comes from, for people. @param defaults attributes that have their default. */
export function describeOrigin({ Kind, Why, Attribute, Index, Note }: Origin, defaults: readonly string[]): string {
  switch (Kind) {
    case "emulator":
      return defaults.includes("config.emulator") ? "the program (default of config.emulator)" : "the program";
    case "paddock":
      return `paddock: ${Why}`;
    case "job":
      return describeAttributes(Attribute, defaults);
    case "args":
      return `job file: args[${Index ?? 0}]${Note === "" ? "" : ` (${Note})`}`;
    default:
      return Kind;
  }
}

/** @param text one attribute or several, in a sentence. */
function describeAttributes(text: string, defaults: readonly string[]): string {
  const named = text.match(/\b(?:config|resources)\.\w+/g) ?? [];
  const left = named.filter((attribute) => defaults.includes(attribute));
  if (left.length === 0) return `job file: ${text}`;
  return left.length === named.length ? `default of ${text}` : `job file: ${text} (default of ${left.join(", ")})`;
}
