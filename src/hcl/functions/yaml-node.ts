/** How a scalar is written. */
export type ScalarStyle = "plain" | "quoted" | "block";

interface Properties {
  /** In full, such as `tag:yaml.org,2002:str`; "" for none. */
  readonly tag: string;
  /** "" for none. */
  readonly anchor: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** A part of a document as it is written: what scalars mean is for others to say. */
export type YamlNode = Properties &
  (
    | { readonly kind: "scalar"; readonly text: string; readonly style: ScalarStyle }
    | { readonly kind: "list"; readonly items: readonly YamlNode[] }
    | { readonly kind: "map"; readonly entries: readonly (readonly [key: YamlNode, value: YamlNode])[] }
    /** Stands for the node before it that has the anchor. */
    | { readonly kind: "alias"; readonly name: string }
  );

export const YAML_TAG = "tag:yaml.org,2002:";

/** Thrown for a text that is no YAML; the message shows nothing of it. */
export class YamlFault extends Error {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;

  constructor(message: string, { line, column }: { readonly line: number; readonly column: number }) {
    super(message);
    this.line = line;
    this.column = column;
  }
}
