import type { Explanation } from "../../client/explanation.ts";

type Origin = Explanation["Argv"][number]["Origin"];

const JOB_FILE = "job file";

/** Where a word of the command line comes from, for people. @param defaults attributes that have their default. */
export function describeOrigin({ Kind, Why, Attribute, Index, Note, At }: Origin, defaults: readonly string[]): string {
  switch (Kind) {
    case "emulator":
      return defaults.includes("config.emulator") ? "the program (default of config.emulator)" : "the program";
    case "paddock":
      return `paddock: ${Why}`;
    case "job":
      return describeAttributes(Attribute, At, defaults);
    case "args":
      return `${At ?? JOB_FILE}: args[${Index ?? 0}]${Note === "" ? "" : ` (${Note})`}`;
    default:
      return Kind;
  }
}

/** @param text one attribute or several, in a sentence. */
function describeAttributes(text: string, at: string | undefined, defaults: readonly string[]): string {
  const named = text.match(/\b(?:config|resources)\.\w+/g) ?? [];
  const left = named.filter((attribute) => defaults.includes(attribute));
  if (left.length === 0) return `${at ?? JOB_FILE}: ${text}`;
  // Behind a place there is something that stands in the file.
  if (left.length === named.length && at === undefined) return `default of ${text}`;
  return `${at ?? JOB_FILE}: ${text} (default of ${left.join(", ")})`;
}
