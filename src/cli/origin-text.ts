import type { Explanation } from "../client/explanation.ts";

/** Where a word of the command line comes from, for people. */
export function describeOrigin({ Kind, Why, Attribute, Index, Note }: Explanation["Argv"][number]["Origin"]): string {
  switch (Kind) {
    case "emulator":
      return "the program";
    case "paddock":
      return `paddock: ${Why}`;
    case "job":
      return `job file: ${Attribute}`;
    case "args":
      return `job file: args[${Index ?? 0}]${Note === "" ? "" : ` (${Note})`}`;
    default:
      return Kind;
  }
}
