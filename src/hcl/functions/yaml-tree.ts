import type { Document, Node, Scalar } from "yaml";
import { yamlLibrary } from "../../runtime/yaml-library.ts";
import type { YamlNode } from "./yaml-node.ts";
import { readTokens, type YamlText } from "./yaml-tokens.ts";

/**
 * Reads the one document of a text, by the `yaml` package and, where that knows only YAML 1.2, by rules of libyaml on top of it. Scalars
 * are text here, keys may be there twice and aliases are not followed. @param deepest how deep lists and maps may be nested.
 * @throws YamlFault for a text that is no YAML, has no document or several, or is nested too deep.
 */
export function parseYaml(source: string, deepest: number): YamlNode {
  const library = yamlLibrary();
  const text = readTokens(source, deepest);
  const options = {
    schema: "failsafe",
    merge: false,
    uniqueKeys: false,
    keepSourceTokens: true,
    logLevel: "silent",
  } as const;
  const [document] = new library.Composer({ ...options, version: "1.1" }).compose(text.tokens);
  if (document === undefined) return text.fail("there is no value in it", 0);
  assertNoErrors(document, text);
  return new Converter(library, document, text).convert(document.contents, 0);
}

/** What the library found, in words that show nothing of the text, as its own messages may. */
const WORDS: readonly (readonly [found: RegExp, words: string])[] = [
  [/^MISSING_CHAR .*(must end with|end with a)/, "the brackets are not closed"],
  [/^MISSING_CHAR .*between/, "expected a , between the items"],
  [/^MISSING_CHAR .*(doc-start|directives-end)/, "expected --- on a line of its own"],
  [/^MISSING_CHAR Implicit map keys/, "expected a colon behind a key"],
  [/^MISSING_CHAR Sequence item/, "expected a - before the item of the list"],
  [/^MISSING_CHAR/, "expected a space or the end of the line"],
  [/^BAD_INDENT .*end with a/, "the brackets are not closed"],
  [/^BAD_INDENT/, "this is not indented as what it is a part of"],
  [/^BAD_DQ_ESCAPE/, "what stands behind a backslash is not known"],
  [/^BAD_SCALAR_START/, "nothing can begin with this character"],
  [/^BAD_DIRECTIVE/, "this directive is not known"],
  [/^(BAD_ALIAS|ALIAS_PROPS|BAD_PROP_ORDER|MULTIPLE_)/, "this anchor or tag cannot stand here"],
  [/^TAG_RESOLVE_FAILED/, "this tag is not known"],
  [/^TAB_AS_INDENT/, "a tab cannot indent anything"],
  [/^BLOCK_AS_IMPLICIT_KEY/, "a value cannot stand here"],
  [/^BLOCK_IN_FLOW/, "this cannot stand within brackets"],
  [/^MULTILINE_IMPLICIT_KEY/, "a key and its colon must stand on one line"],
  [/^KEY_OVER_1024_CHARS/, "a key is longer than 1024 characters"],
];

function assertNoErrors({ errors, warnings, directives }: Document.Parsed, { fail }: YamlText): void {
  for (const { code, message, pos } of [...errors, ...warnings.filter((warning) => warning.code === "BAD_DIRECTIVE")]) {
    // As `"a"# b`.
    if (message.startsWith("Comments must be separated")) continue;
    const found = `${code} ${message}`;
    fail(WORDS.find(([pattern]) => pattern.test(found))?.[1] ?? "this cannot stand here", pos[0]);
  }
  if (directives.yaml.explicit === true && directives.yaml.version !== "1.1") fail("expected %YAML 1.1", 0);
}

type Library = ReturnType<typeof yamlLibrary>;

class Converter {
  readonly #library: Library;
  readonly #root: Node | null;
  readonly #text: YamlText;

  constructor(library: Library, document: Document.Parsed, text: YamlText) {
    this.#library = library;
    this.#root = document.contents;
    this.#text = text;
  }

  /** @param at where it would stand, if it is not there. */
  convert(node: unknown, at: number): YamlNode {
    const { isAlias, isMap, isScalar, isSeq } = this.#library;
    if (isAlias(node)) {
      const start = node.range?.[0] ?? at;
      return { ...this.#properties("", node.source, start), anchor: "", kind: "alias", name: node.source };
    }
    if (isScalar(node)) return this.#scalar(node, at);
    const start = (isSeq(node) || isMap(node) ? node.range?.[0] : undefined) ?? at;
    if (isSeq(node)) {
      const properties = this.#properties(node.tag, node.anchor, start);
      return { ...properties, kind: "list", items: node.items.map((item) => this.convert(item, start)) };
    }
    if (isMap(node)) {
      const properties = this.#properties(node.tag, node.anchor, start);
      const entries = node.items.map(({ key, value }) => {
        const name = this.convert(key, start);
        return [name, value === null ? { ...name, ...NOTHING } : this.convert(value, start)] as const;
      });
      return { ...properties, kind: "map", entries };
    }
    return { ...this.#properties("", "", at), ...NOTHING };
  }

  #properties(tag: string | undefined, anchor: string | undefined, at: number): Omit<YamlNode, "kind"> {
    if (anchor !== undefined && /[^\w-]/.test(anchor)) {
      this.#text.fail("the name of an anchor consists of letters, digits, _ and -", at);
    }
    return { tag: tag ?? "", anchor: anchor ?? "", ...this.#text.placeOf(at) };
  }

  #scalar(node: Scalar, at: number): YamlNode {
    const start = node.range?.[0] ?? at;
    const properties = this.#properties(node.tag, node.anchor, start);
    const { srcToken: token, source: text = "" } = node;
    if (token?.type !== "block-scalar") {
      return { ...properties, kind: "scalar", text, style: node.type === "PLAIN" ? "plain" : "quoted" };
    }
    const indent = /^( *)[^ \n]/m.exec(token.source)?.[1]?.length;
    if (indent === 0 && node === this.#root) this.#text.fail("the text is not indented", start);
    return { ...properties, kind: "scalar", text: withoutLastBreak(text, token.source, indent), style: "block" };
  }
}

const NOTHING = { tag: "", anchor: "", kind: "scalar", text: "", style: "plain" } as const;

/** A block of text has no end of a line where the whole text has none. @param indent of its first line that holds anything. */
function withoutLastBreak(text: string, source: string, indent: number | undefined): string {
  const last = source.length - source.lastIndexOf("\n") - 1;
  const isCut = indent === undefined ? !source.includes("\n") : last > indent;
  return text.endsWith("\n") && isCut ? text.slice(0, -1) : text;
}
