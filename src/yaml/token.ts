import type { Mark } from "./cursor.ts";

/** How a scalar is written. */
export type ScalarStyle = "plain" | "quoted" | "block";

/** The marks of YAML, and what stands between them; a block's start and end are there by its indentation alone. */
export type Token = { readonly mark: Mark } & (
  | { readonly kind: "scalar"; readonly text: string; readonly style: ScalarStyle }
  | { readonly kind: "anchor" | "alias"; readonly name: string }
  | { readonly kind: "tag"; readonly handle: string; readonly suffix: string }
  | { readonly kind: "yaml"; readonly version: string }
  | { readonly kind: "%tag"; readonly handle: string; readonly prefix: string }
  | {
      readonly kind:
        | ("document" | "document end" | "end")
        | ("block list" | "block map" | "block end" | "-" | "?" | ":")
        | ("[" | "]" | "{" | "}" | ",");
    }
);
