import { AppError } from "../base/errors.ts";
import { nearestName, parseGoBool } from "../base/text.ts";

/** One flag of a command, for parsing and for its help. */
export interface Flag {
  /** Without its dash. */
  readonly name: string;
  /** What its value is, in the usage text; a flag without one is true or false. */
  readonly value?: string;
  /** True for a value that is a whole number from 0 on. */
  readonly count?: boolean;
  /** True for a value that may be given several times; `list` has all of them. */
  readonly repeats?: boolean;
  /** True for a flag without a value that counts as given unless it is said to be false: `-diff=false`. */
  readonly on?: boolean;
  /** True for `json` where it prints what the command shows: then `-t` prints it by a template. */
  readonly data?: boolean;
  readonly help: string;
}

/** How what a command shows is to look, in Nomad's words. */
export const TEMPLATE_FLAG: Flag = {
  name: "t",
  value: "TEMPLATE",
  help: "What -json prints, by a template of Go's text/template: -t '{{range .}}{{.ID}} {{end}}'.",
};

/** For every command. */
export const NO_COLOR_FLAG: Flag = { name: "no-color", help: "No colours; the same as NO_COLOR in the environment." };

/** How an agent elsewhere is talked to; every command that has `-address` takes them. */
export const CONNECTION_FLAGS: readonly Flag[] = [
  {
    name: "token",
    value: "SECRET",
    help: "What lets in whoever does not use the unix socket. PADDOCK_TOKEN, then NOMAD_TOKEN, which the list of processes shows nobody.",
  },
  {
    name: "ca-cert",
    value: "FILE",
    help: "The authority of the agent's certificate (PEM), instead of the host's. PADDOCK_CACERT, NOMAD_CACERT.",
  },
  {
    name: "client-cert",
    value: "FILE",
    help: "A certificate of your own (PEM). PADDOCK_CLIENT_CERT, NOMAD_CLIENT_CERT.",
  },
  { name: "client-key", value: "FILE", help: "Its key. PADDOCK_CLIENT_KEY, NOMAD_CLIENT_KEY." },
  {
    name: "tls-server-name",
    value: "NAME",
    help: "The name in the agent's certificate, when the address has another. PADDOCK_TLS_SERVER_NAME, NOMAD_TLS_SERVER_NAME.",
  },
  {
    name: "tls-skip-verify",
    help: "Believe any certificate: whoever is in between reads all of it. PADDOCK_SKIP_VERIFY, NOMAD_SKIP_VERIFY.",
  },
];

/** All flags that a command takes, in the order of its help. */
export function allFlags(own: readonly Flag[]): readonly Flag[] {
  const talks = own.some(({ name }) => name === "address");
  const told = own.flatMap((flag) => (flag.data === true ? [flag, TEMPLATE_FLAG] : [flag]));
  return [...told, NO_COLOR_FLAG, ...(talks ? CONNECTION_FLAGS : [])];
}

/** The flags of an invocation, by name. */
export interface Flags {
  has(name: string): boolean;
  /** The value of a flag; undefined when it was not given. */
  text(name: string): string | undefined;
  /** The values of a flag that may be given several times, in their order. */
  list(name: string): readonly string[];
  /** The value of a flag with a number. */
  count(name: string): number | undefined;
}

export interface ParsedArguments {
  readonly flags: Flags;
  readonly operands: readonly string[];
  /** `-help`, `-h` or `--help` was among them. */
  readonly help: boolean;
}

/**
 * Reads flags and operands in Nomad's grammar: `-name=value`, `-name value`, one dash or two, before or after the operands; `--` ends
 * the flags and `-` is an operand.
 * @throws AppError `invalid` for an unknown flag, with the nearest known one, a value that is missing, or one that does not fit.
 */
export function parseArguments(args: readonly string[], known: readonly Flag[]): ParsedArguments {
  const values = new Map(known.filter(({ on }) => on === true).map(({ name }) => [name, ""]));
  const lists = new Map<string, string[]>();
  const operands: string[] = [];
  let help = false;
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word === "--") {
      operands.push(...args.slice(at + 1));
      break;
    }
    // No flag begins with a digit: what looks like a negative number is one, and whoever wants none says so.
    const match = /^--?([^=\d-][^=]*)(?:=(.*))?$/s.exec(word);
    if (match === null) {
      operands.push(word);
      continue;
    }
    const [, name = "", given] = match;
    if (name === "help" || name === "h") {
      help = true;
      continue;
    }
    const flag = findFlag(name, known);
    if (flag.value === undefined) {
      setSwitch(values, name, given);
      continue;
    }
    const value = given ?? args[++at];
    if (value === undefined) throw new AppError("invalid", `flag -${name}: expected ${flag.value} behind it`);
    if (flag.count === true && !isCount(value)) {
      throw new AppError("invalid", `flag -${name}: expected a whole number, found ${JSON.stringify(value)}`);
    }
    values.set(name, value);
    if (flag.repeats === true) lists.set(name, [...(lists.get(name) ?? []), value]);
  }
  if (values.has(TEMPLATE_FLAG.name) && known.includes(TEMPLATE_FLAG)) {
    assertNotBoth(readFlags(values, lists), "json", TEMPLATE_FLAG.name);
    values.set("json", "");
  }
  return { flags: readFlags(values, lists), operands, help };
}

/** @throws AppError `invalid` when both of two flags were given that contradict each other. */
export function assertNotBoth(flags: Flags, one: string, other: string, hint?: string): void {
  if (!flags.has(one) || !flags.has(other)) return;
  const [first, second] = [one, other].map((name) => (name === "json" && other !== "t" && flags.has("t") ? "t" : name));
  throw new AppError("invalid", `flags -${first} and -${second}: expected one of them, found both`, { hint });
}

function findFlag(name: string, known: readonly Flag[]): Flag {
  const flag = known.find((candidate) => candidate.name === name);
  if (flag !== undefined) return flag;
  const near = nearestName(
    name,
    known.map((candidate) => candidate.name),
  );
  throw new AppError("invalid", `unknown flag -${name}`, {
    hint: near === undefined ? "-help lists the flags" : `did you mean -${near}?`,
  });
}

function setSwitch(values: Map<string, string>, name: string, given = ""): void {
  const on = given === "" ? true : parseGoBool(given);
  if (on === undefined) {
    throw new AppError("invalid", `flag -${name}: expected true or false, found ${JSON.stringify(given)}`);
  }
  if (on) values.set(name, "");
  else values.delete(name);
}

function isCount(text: string): boolean {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text));
}

function readFlags(values: ReadonlyMap<string, string>, lists: ReadonlyMap<string, readonly string[]>): Flags {
  const text = (name: string): string | undefined => values.get(name);
  return {
    has: (name) => values.has(name),
    text,
    list: (name) => lists.get(name) ?? [],
    count: (name) => (text(name) === undefined ? undefined : Number(text(name))),
  };
}
