import type { Command } from "../command.ts";
import { allFlags, CONNECTION_FLAGS, type Flag } from "../flags.ts";
import { DEFAULT_EXITS, usageTail } from "../help.ts";

/*
 * Manual pages in the macros of man(7), which man-db and mandoc read. Nothing but ASCII is in them, so that no program has to know how
 * they are encoded.
 */

/** The page of the whole program. @param version of the program. */
export function manualPage(commands: readonly Command[], version: string): string {
  return [
    ...header("PADDOCK", version),
    ...name("paddock", "runs QEMU virtual machines on this host from Nomad job files"),
    ".SH SYNOPSIS",
    ".B paddock",
    ".I COMMAND",
    "[options] [operands]",
    ".SH DESCRIPTION",
    paragraph(
      "paddock is an agent that runs QEMU virtual machines from Nomad job files, and the commands that talk to it. Options may stand before or behind operands, with one dash or two, and take their value as -name=value or -name value; -- ends them.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap((command) => [
      `.SS ${roff(`paddock ${command.names[0]}${usageTail(command)}`)}`,
      ...body(command, ".PP"),
    ]),
    ...elsewhere(CONNECTION_FLAGS),
    ...surroundings(),
  ].join("\n");
}

/** The page of one command. */
export function commandPage(command: Command, version: string): string {
  const title = `paddock-${command.names[0].replaceAll(" ", "-")}`;
  return [
    ...header(title.toUpperCase(), version),
    ...name(title, `${command.summary.slice(0, 1).toLowerCase()}${command.summary.slice(1)}`),
    ".SH SYNOPSIS",
    ...command.names.flatMap((one, at) => [...(at === 0 ? [] : [".br"]), roff(`paddock ${one}${usageTail(command)}`)]),
    ".SH DESCRIPTION",
    ...body(command, ".SH"),
    ...elsewhere(allFlags(command.flags).filter(isOfConnection)),
    ".SH SEE ALSO",
    ".BR paddock (1)",
    "",
  ].join("\n");
}

const header = (title: string, version: string): string[] => [
  `.TH ${roff(title)} 1 "" ${quoted(`paddock ${version}`)} "User Commands"`,
  // Names of options and variables stay in one piece.
  ".nh",
  ".ad l",
];

const name = (title: string, about: string): string[] => [".SH NAME", `${roff(title)} \\- ${roff(about)}`];

/** @param part the macro with which the parts of a command begin. */
function body(command: Command, part: ".SH" | ".PP"): string[] {
  const others = command.names.slice(1).map((one) => `paddock ${one}`);
  const begin = (title: string): string[] => (part === ".SH" ? [`.SH ${title.toUpperCase()}`] : [".PP", `${title}:`]);
  return [
    paragraph(`${command.details}${others.length === 0 ? "" : ` Also called ${others.join(", ")}.`}`),
    ...begin("Options"),
    ...allFlags(command.flags)
      .filter((flag) => !isOfConnection(flag))
      .flatMap(option),
    ...begin("Examples"),
    ".PP",
    ".EX",
    ...command.examples.map(roff),
    ".EE",
    ...begin("Exit codes"),
    ...(command.exits ?? DEFAULT_EXITS).flatMap(([code, meaning]) => [".TP", `.B ${code}`, roff(meaning)]),
  ];
}

const isOfConnection = (flag: Flag): boolean => CONNECTION_FLAGS.includes(flag);

/** Once in the page of the whole program: every command that talks to an agent takes them. */
const elsewhere = (flags: readonly Flag[]): string[] =>
  flags.length === 0 ? [] : [".SH OPTIONS FOR AN AGENT ELSEWHERE", ...flags.flatMap(option)];

function option({ name: flag, value, on, help }: Flag): string[] {
  const spelled = on === true ? `-${flag}=false` : `-${flag}`;
  return [
    ".TP",
    value === undefined ? `.B ${roff(spelled)}` : `.BI ${roff(spelled)} ${quoted(` ${value}`)}`,
    roff(help),
  ];
}

const VARIABLES: readonly (readonly [string, string])[] = [
  [
    "PADDOCK_ADDR, NOMAD_ADDR",
    "The agent to talk to, where -address does not say it: unix:///path or http://host:port.",
  ],
  ["NOMAD_VAR_name, PADDOCK_VAR_name", "The value of a variable of a job file; the latter wins."],
  [
    "PADDOCK_TOKEN, PADDOCK_CACERT, PADDOCK_CLIENT_CERT, PADDOCK_CLIENT_KEY, PADDOCK_TLS_SERVER_NAME, PADDOCK_SKIP_VERIFY",
    "What the options for an agent elsewhere do not say; the same with NOMAD in front counts where these are not there.",
  ],
  ["NO_COLOR, NOMAD_CLI_NO_COLOR", "No colours, unless it is empty."],
];

const FILES: readonly (readonly [string, string])[] = [
  ["/etc/paddock/paddock.hcl", "What root's agent reads without -config."],
  [
    "/var/lib/paddock, ~/.local/state/paddock",
    "The agent's store, its cache, and the directories of allocations: of root's, of a user's.",
  ],
  ["/run/paddock/api.sock, $XDG_RUNTIME_DIR/paddock/api.sock", "Where the agent is asked."],
];

function surroundings(): string[] {
  const list = (rows: readonly (readonly [string, string])[]): string[] =>
    rows.flatMap(([term, about]) => [".TP", `.B ${roff(term)}`, roff(about)]);
  return [
    ".SH ENVIRONMENT",
    ...list(VARIABLES),
    ".SH FILES",
    ...list(FILES),
    ".SH SEE ALSO",
    ".BR qemu (1),",
    ".BR systemctl (1)",
    "",
  ];
}

const paragraph = (text: string): string => roff(text);

/** An argument of a macro, which may hold spaces. */
const quoted = (text: string): string => `"${roff(text).replaceAll('"', "\\(dq")}"`;

/** A text that is not taken for requests and escapes: a minus stays one, so that a command can be copied out of the page. */
function roff(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replace(/[^\n -~]/gu, (char) => `\\[u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`);
  return escaped.startsWith(".") ? `\\&${escaped}` : escaped;
}
