/** What an expression is meant to be; it may be something else all the same, for errors are to be found alike, too. */
type Kind = "number" | "string" | "bool" | "list" | "object" | "any";

const KINDS: readonly Kind[] = ["number", "string", "bool", "list", "object"];

const NUMBERS = ["0", "1", "2", "7", "-3", "1.5", "0.1", "10", "255", "1e3", "9007199254740993", "-0.25", "3.999"];
const TEXTS = [
  ...['""', '"a"', '"b"', '"Hello World"', '"é"', '"👍🏽"', '"a,b,c"', '"12"', '"-1.50"', '"true"', '"1"', '" x "'],
  ...['"2018-01-02T23:12:01Z"', '"10.0.0.0/8"', '"1h30m"', '"aGk="', '"[1,2]"', '"<&>"', '"line\\nline"', '"ÄÖ ß"'],
  ...["meta.rack", '"${attr.kernel.name}"', '"x${NOMAD_TASK_DIR}"'],
];

/** Functions with the kinds of their arguments; a list in the last place is any number of further ones. */
const CALLS: readonly (readonly [name: string, gives: Kind, takes: readonly (Kind | readonly [Kind])[]])[] = [
  ...(["abs", "ceil", "floor", "signum"] as const).map((name) => [name, "number", ["number"]] as const),
  ["max", "number", [["number"]]],
  ["min", "number", [["number"]]],
  ["pow", "number", ["number", "number"]],
  ["log", "number", ["number", "number"]],
  ["parseint", "number", ["string", "number"]],
  ["length", "number", ["list"]],
  ["strlen", "number", ["string"]],
  ...(
    [
      "upper",
      "lower",
      "title",
      "trimspace",
      "chomp",
      "reverse",
      "strrev",
      "md5",
      "sha1",
      "base64encode",
      "urlencode",
    ] as const
  ).map((name) => [name, "string", ["string"]] as const),
  ["base64decode", "string", ["string"]],
  ["substr", "string", ["string", "number", "number"]],
  ["replace", "string", ["string", "string", "string"]],
  ["trim", "string", ["string", "string"]],
  ["trimprefix", "string", ["string", "string"]],
  ["trimsuffix", "string", ["string", "string"]],
  ["indent", "string", ["number", "string"]],
  ["join", "string", ["string", "list"]],
  ["jsonencode", "string", ["any"]],
  ["yamlencode", "string", ["any"]],
  ["jsondecode", "any", ["string"]],
  ["yamldecode", "any", ["string"]],
  ["timeadd", "string", ["string", "string"]],
  ["cidrhost", "string", ["string", "number"]],
  ["cidrsubnet", "string", ["string", "number", "number"]],
  ["cidrnetmask", "string", ["string"]],
  ["split", "list", ["string", "string"]],
  ["chunklist", "list", ["list", "number"]],
  ["compact", "list", ["list"]],
  ["concat", "list", ["list", ["list"]]],
  ["distinct", "list", ["list"]],
  ["flatten", "list", ["list"]],
  ["sort", "list", ["list"]],
  ["slice", "list", ["list", "number", "number"]],
  ["range", "list", ["number", ["number"]]],
  ["keys", "list", ["object"]],
  ["values", "list", ["object"]],
  ["setproduct", "list", ["list", "list"]],
  ["setunion", "list", ["list", ["list"]]],
  ["setintersection", "list", ["list", ["list"]]],
  ["formatlist", "list", ["string", ["list"]]],
  ["coalescelist", "list", ["list", ["list"]]],
  ["merge", "object", ["object", ["object"]]],
  ["zipmap", "object", ["list", "list"]],
  ["contains", "bool", ["list", "any"]],
  ["can", "bool", ["any"]],
  ["element", "any", ["list", "number"]],
  ["index", "any", ["list", "number"]],
  ["lookup", "any", ["object", "string", "any"]],
  ["coalesce", "any", ["any", ["any"]]],
  ["try", "any", ["any", ["any"]]],
];

const FLAGS = ["", "", "-", "0", "+", " ", "#", "-0", "+0"];
const WIDTHS = ["", "", "5", "12"];
const PRECISIONS = ["", "", ".0", ".2", ".", ".5"];
const VERBS = ["s", "d", "f", "e", "g", "G", "x", "X", "o", "b", "q", "v", "t", "y"];
const TYPES = [
  "string",
  "number",
  "bool",
  "list(string)",
  "list(any)",
  "set(number)",
  "map(string)",
  "map(any)",
  "list(list(string))",
  "tuple([string, number])",
  "object({ a = string })",
  "any",
];

/** Makes expressions of all constructs of the language. */
export class ExpressionMaker {
  readonly #random: () => number;
  #names: readonly string[] = [];

  /** @param random numbers from 0 to below 1; by 0 it makes what is simplest. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** One expression. @param depth how deep it may be nested. */
  make(depth: number, kind: Kind = "any"): string {
    // Some are not what is asked for: what is refused has to be refused by both.
    const wanted = kind === "any" || this.#chance(0.06) ? this.#pick(KINDS) : kind;
    if (depth <= 0 || this.#chance(0.15)) return this.#leaf(wanted);
    const choice = this.#random();
    if (choice < 0.08) return this.#conditional(depth, wanted);
    if (choice < 0.14) return this.#access(depth, wanted);
    if (choice < 0.19 && this.#names.length > 0) return this.#pick(this.#names);
    if (choice < 0.22) return `convert(${this.make(depth - 1)}, ${this.#pick(TYPES)})`;
    if (choice < 0.55) return this.#call(depth, wanted);
    return this.#construct(depth, wanted);
  }

  /** A heredoc of some lines, with or without the mark that takes their indentation away. */
  makeHeredoc(): string {
    const lines = this.#several(() => {
      const indent = this.#pick(["", "  ", "    ", "\t"]);
      const mark = () => (this.#chance(0.3) ? "~" : "");
      const part = this.#pick([
        ...["text", "", "a b", "$${x}", "100%", "\\n"],
        `\${${mark()} ${this.make(1, "string")} ${mark()}}`,
        `x \${${mark()} 1 ${mark()}} y`,
        `%{${mark()} if ${this.make(1, "bool")} ${mark()}}`,
        `%{${mark()} for v in ["a", "b"] ${mark()}}`,
      ]);
      const open = /^%\{~? (if|for)/.exec(part)?.[1];
      if (open === undefined) return `${indent}${part}`;
      const body = this.#pick(["", "  body", "\n    deep ${1}", "\n  a\n  b\n"]);
      return `${indent}${part}${body}${this.#pick(["", "\n", "\n  "])}%{${mark()} end${open} ${mark()}}`;
    }, 5);
    return `<<${this.#pick(["", "-"])}EOT\n${lines.map((line) => `${line}\n`).join("")}${this.#pick(["", "  "])}EOT\n`;
  }

  #construct(depth: number, kind: Kind): string {
    switch (kind) {
      case "number":
        return `(${this.make(depth - 1, "number")} ${this.#pick(["+", "-", "*", "/", "%"])} ${this.make(depth - 1, "number")})`;
      case "bool":
        return this.#comparison(depth);
      case "string":
        return this.#chance(0.3) ? this.#format(depth) : this.#template(depth);
      case "list":
        return this.#chance(0.35) ? this.#listLoop(depth) : `[${this.#several(() => this.make(depth - 1)).join(", ")}]`;
      default:
        return this.#chance(0.3) ? this.#objectLoop(depth) : this.#object(depth);
    }
  }

  #leaf(kind: Kind): string {
    if (this.#chance(0.03)) return "null";
    switch (kind) {
      case "number":
        return this.#pick(NUMBERS);
      case "string":
        return this.#pick(TEXTS);
      case "bool":
        return this.#pick(["true", "false"]);
      case "list":
        return this.#pick([
          "[]",
          "[1, 2, 3]",
          '["b", "a", "b"]',
          '["a", 1, true]',
          '[["a"], ["b", "c"]]',
          "[{ a = 1 }, { a = 2 }]",
        ]);
      default:
        return this.#pick(["{}", "{ a = 1 }", '{ b = "x", a = "y" }', "{ a = [1], b = { c = true } }"]);
    }
  }

  #comparison(depth: number): string {
    const choice = this.#random();
    if (choice < 0.3) return `(${this.make(depth - 1)} ${this.#pick(["==", "!="])} ${this.make(depth - 1)})`;
    if (choice < 0.6)
      return `(${this.make(depth - 1, "number")} ${this.#pick(["<", "<=", ">", ">="])} ${this.make(depth - 1, "number")})`;
    if (choice < 0.75) return `!${this.make(depth - 1, "bool")}`;
    return `(${this.make(depth - 1, "bool")} ${this.#pick(["&&", "||"])} ${this.make(depth - 1, "bool")})`;
  }

  #conditional(depth: number, kind: Kind): string {
    return `(${this.make(depth - 1, "bool")} ? ${this.make(depth - 1, kind)} : ${this.make(depth - 1, kind)})`;
  }

  #access(depth: number, kind: Kind): string {
    const choice = this.#random();
    if (choice < 0.3) return `${this.make(depth - 1, "list")}[${this.make(depth - 2, "number")}]`;
    if (choice < 0.5) return `${this.make(depth - 1, "object")}.${this.#pick(["a", "b", "c"])}`;
    if (choice < 0.65) return `${this.make(depth - 1, "object")}[${this.make(depth - 2, "string")}]`;
    if (choice < 0.8) return `${this.make(depth - 1, "list")}[*].a`;
    if (choice < 0.9) return `${this.make(depth - 1, kind)}[*]`;
    return `${this.make(depth - 1, "list")}.*.a`;
  }

  #call(depth: number, kind: Kind): string {
    const fitting = CALLS.filter(([, gives]) => gives === kind || (gives === "any" && this.#chance(0.3)));
    const [name, , takes] = this.#pick(fitting);
    const args = takes.flatMap((taken): string[] => {
      if (typeof taken === "string") return [this.make(depth - 1, taken)];
      return this.#several(() => this.make(depth - 1, taken[0]), 2);
    });
    const expanded = this.#chance(0.05) ? [...args.slice(0, -1), `${this.make(depth - 1, "list")}...`] : args;
    return `${name}(${expanded.join(", ")})`;
  }

  #template(depth: number): string {
    const parts = this.#several(() => {
      const choice = this.#random();
      if (choice < 0.4) return this.#pick(["x", " ", "-", "é", "$${y}", "%%{z}", "\\n", "\\t"]);
      const mark = () => (this.#chance(0.15) ? "~" : "");
      if (choice < 0.75) return `\${${mark()} ${this.make(depth - 1)} ${mark()}}`;
      if (choice < 0.9) {
        const no = this.#chance(0.5) ? `%{${mark()} else ${mark()}} n ` : "";
        return `%{${mark()} if ${this.make(depth - 1, "bool")} ${mark()}} y ${no}%{${mark()} endif ${mark()}}`;
      }
      return `%{ for ${this.#loop(depth, () => `\${${this.#pick(this.#names)}}`)} }`.replace(
        /: (\$\{\w+\}) \}$/,
        `${mark()}} $1 %{${mark()} endfor }`,
      );
    });
    return `"${parts.join("")}"`;
  }

  #format(depth: number): string {
    const verbs = this.#several(
      () => `%${this.#pick(FLAGS)}${this.#pick(WIDTHS)}${this.#pick(PRECISIONS)}${this.#pick(VERBS)}`,
      2,
    );
    const args = verbs.map((verb) => this.make(depth - 1, "dfegGxXob".includes(verb.at(-1) ?? "") ? "number" : "any"));
    return `format(${[`"${verbs.join("|")}"`, ...args].join(", ")})`;
  }

  /** `k, v in collection : body`, whose body knows the names. */
  #loop(depth: number, body: () => string): string {
    const collection = this.make(depth - 1, this.#chance(0.5) ? "list" : "object");
    const before = this.#names;
    const [key, value] = [`k${before.length}`, `v${before.length}`];
    this.#names = [...before, key, value];
    const made = body();
    this.#names = before;
    return `${key}, ${value} in ${collection} : ${made}`;
  }

  #listLoop(depth: number): string {
    const filter = () => (this.#chance(0.3) ? ` if ${this.make(depth - 2, "bool")}` : "");
    return `[for ${this.#loop(depth, () => `${this.make(depth - 1)}${filter()}`)}]`;
  }

  #objectLoop(depth: number): string {
    const grouping = this.#chance(0.4) ? "..." : "";
    const filter = () => (this.#chance(0.3) ? ` if ${this.make(depth - 2, "bool")}` : "");
    return `{for ${this.#loop(depth, () => `${this.make(depth - 1, "string")} => ${this.make(depth - 1)}${grouping}${filter()}`)}}`;
  }

  #object(depth: number): string {
    const entries = this.#several(() => {
      const key = this.#chance(0.8) ? this.#pick(["a", "b", "c", '"d e"', "1"]) : `(${this.make(depth - 2, "string")})`;
      return `${key} = ${this.make(depth - 1)}`;
    });
    return `{ ${entries.join(", ")} }`;
  }

  #several<T>(make: () => T, most = 3): T[] {
    return Array.from({ length: Math.floor(this.#random() * (most + 1)) }, make);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.#random() * choices.length)];
    if (choice === undefined) throw new Error("nothing to pick from");
    return choice;
  }
}
