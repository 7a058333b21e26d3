import { YamlFault } from "./fault.ts";
import { scanTokens } from "./scan.ts";
import type { ScalarStyle, Token } from "./token.ts";

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

/**
 * Reads the one document of a text. @param deepest how deep lists and maps may be nested. @throws YamlFault for a text that is no YAML by
 * the rules of libyaml, has no document or several, or is nested too deep.
 */
export function parseYaml(text: string, deepest: number): YamlNode {
  return new Parser(scanTokens(text, deepest), deepest).document();
}

type Kind = Token["kind"];

class Parser {
  readonly #tokens: readonly Token[];
  readonly #deepest: number;
  #at = 0;
  #depth = 0;
  #prefixes: ReadonlyMap<string, string> = new Map();

  constructor(tokens: readonly Token[], deepest: number) {
    this.#tokens = tokens;
    this.#deepest = deepest;
  }

  get #token(): Token {
    const token = this.#tokens[this.#at] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error("there are no tokens");
    return token;
  }

  #is(...kinds: readonly Kind[]): boolean {
    return kinds.includes(this.#token.kind);
  }

  #skip(): void {
    this.#at += 1;
  }

  #skipIf(kind: Kind): boolean {
    const found = this.#is(kind);
    if (found) this.#skip();
    return found;
  }

  #fail(message: string, { line, column } = this.#token.mark): never {
    throw new YamlFault(message, { line: line + 1, column: column + 1 });
  }

  document(): YamlNode {
    if (this.#is("end")) this.#fail("there is no value in it");
    const explicit = this.#is("yaml", "%tag", "document");
    this.#prefixes = this.#directives();
    if (explicit && !this.#skipIf("document")) this.#fail("expected --- behind the directives");
    const isEmpty = explicit && this.#is("yaml", "%tag", "document", "document end", "end");
    const node = isEmpty ? this.#nothing() : this.#node(true, false);
    while (this.#skipIf("document end"));
    if (!this.#is("end")) this.#fail("expected the end of the only document");
    return node;
  }

  #directives(): ReadonlyMap<string, string> {
    const prefixes = new Map<string, string>();
    let version = false;
    for (; ; this.#skip()) {
      const token = this.#token;
      if (token.kind === "yaml") {
        if (version || token.version !== "1.1") this.#fail("expected %YAML 1.1, once");
        version = true;
      } else if (token.kind === "%tag") {
        if (prefixes.has(token.handle)) this.#fail("this %TAG stands twice");
        prefixes.set(token.handle, token.prefix);
      } else break;
    }
    return new Map([["!", "!"], ["!!", YAML_TAG], ...prefixes]);
  }

  /** A scalar that is not there. */
  #nothing(properties?: Properties): YamlNode {
    return { ...(properties ?? this.#place("", "")), kind: "scalar", text: "", style: "plain" };
  }

  #place(tag: string, anchor: string, { line, column } = this.#token.mark): Properties {
    return { tag, anchor, line: line + 1, column: column + 1 };
  }

  /** @param block whether it may be one by its indentation. @param flat whether a list may begin without any. */
  #node(block: boolean, flat: boolean): YamlNode {
    const { mark, ...token } = this.#token;
    if (token.kind === "alias") {
      this.#skip();
      return { ...this.#place("", "", mark), kind: "alias", name: token.name };
    }
    const properties = this.#properties();
    this.#depth += 1;
    if (this.#depth > this.#deepest) this.#fail("it is nested too deep");
    const node = this.#content(properties, block, flat);
    this.#depth -= 1;
    return node;
  }

  #content(properties: Properties, block: boolean, flat: boolean): YamlNode {
    const token = this.#token;
    if (flat && token.kind === "-") return { ...properties, kind: "list", items: this.#flatList() };
    switch (token.kind) {
      case "scalar":
        this.#skip();
        return { ...properties, kind: "scalar", text: token.text, style: token.style };
      case "[":
        return { ...properties, kind: "list", items: this.#flowList() };
      case "{":
        return { ...properties, kind: "map", entries: this.#flowMap() };
      case "block list":
        if (block) return { ...properties, kind: "list", items: this.#blockList() };
        break;
      case "block map":
        if (block) return { ...properties, kind: "map", entries: this.#blockMap() };
        break;
      default:
    }
    if (properties.tag !== "" || properties.anchor !== "") return this.#nothing(properties);
    return this.#fail("expected a value");
  }

  #properties(): Properties {
    const { mark } = this.#token;
    let anchor: string | undefined;
    let tag: string | undefined;
    for (;;) {
      const token = this.#token;
      if (token.kind === "anchor" && anchor === undefined) anchor = token.name;
      else if (token.kind === "tag" && tag === undefined) tag = this.#tagOf(token.handle, token.suffix);
      else return this.#place(tag ?? "", anchor ?? "", mark);
      this.#skip();
    }
  }

  #tagOf(handle: string, suffix: string): string {
    if (handle === "") return suffix;
    const prefix = this.#prefixes.get(handle);
    if (prefix === undefined) this.#fail("this tag's handle was not declared");
    return `${prefix}${suffix}`;
  }

  #blockList(): YamlNode[] {
    this.#skip();
    const items: YamlNode[] = [];
    while (this.#skipIf("-")) items.push(this.#is("-", "block end") ? this.#nothing() : this.#node(true, false));
    if (!this.#skipIf("block end")) this.#fail("expected the next item of the list, behind a -");
    return items;
  }

  /** The items of a list that are no further right than the key before them. */
  #flatList(): YamlNode[] {
    const items: YamlNode[] = [];
    while (this.#skipIf("-")) {
      items.push(this.#is("-", "?", ":", "block end") ? this.#nothing() : this.#node(true, false));
    }
    return items;
  }

  #blockMap(): [YamlNode, YamlNode][] {
    this.#skip();
    const entries: [YamlNode, YamlNode][] = [];
    const part = (): YamlNode => (this.#is("?", ":", "block end") ? this.#nothing() : this.#node(true, true));
    while (this.#skipIf("?")) {
      const key = part();
      entries.push([key, this.#skipIf(":") ? part() : this.#nothing()]);
    }
    if (!this.#skipIf("block end")) this.#fail("expected the next key");
    return entries;
  }

  #flowList(): YamlNode[] {
    this.#skip();
    const items: YamlNode[] = [];
    for (let first = true; !this.#is("]"); first = false) {
      if (!first && !this.#skipIf(",")) this.#fail("expected a , or the end of the list");
      if (this.#is("?")) items.push(this.#pair());
      else if (!this.#is("]")) items.push(this.#node(false, false));
      else break;
    }
    this.#skip();
    return items;
  }

  /** A map of one entry without brackets of its own. */
  #pair(): YamlNode {
    const properties = this.#place("", "");
    this.#skip();
    let key: YamlNode;
    if (this.#is(":", ",", "]")) {
      key = this.#nothing();
      // As libyaml does, whatever it is.
      this.#skip();
    } else key = this.#node(false, false);
    const isThere = this.#skipIf(":") && !this.#is(",", "]");
    return { ...properties, kind: "map", entries: [[key, isThere ? this.#node(false, false) : this.#nothing()]] };
  }

  #flowMap(): [YamlNode, YamlNode][] {
    this.#skip();
    const entries: [YamlNode, YamlNode][] = [];
    const part = (...ends: readonly Kind[]): YamlNode =>
      this.#is(...ends) ? this.#nothing() : this.#node(false, false);
    for (let first = true; !this.#is("}"); first = false) {
      if (!first && !this.#skipIf(",")) this.#fail("expected a , or the end of the map");
      if (this.#skipIf("?")) {
        const key = part(":", ",", "}");
        entries.push([key, this.#skipIf(":") ? part(",", "}") : this.#nothing()]);
      } else if (!this.#is("}")) entries.push([this.#node(false, false), this.#nothing()]);
      else break;
    }
    this.#skip();
    return entries;
  }
}
