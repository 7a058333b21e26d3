import type { Command, Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/json.ts";
import type { Piece, Style } from "../terminal/style.ts";
import { alignRows } from "../terminal/table.ts";
import type { Finding } from "../text/finding.ts";
import { AGENT } from "./agent.ts";

const DIRECTORIES = new Set(["config", "data-dir", "run-dir"]);

export const DOCTOR: Command = {
  names: ["doctor"],
  summary: "Check this host, with what to do about each finding",
  operands: "",
  takes: [0, 0],
  flags: [
    ...AGENT.flags.filter(({ name }) => DIRECTORIES.has(name)),
    { name: "json", data: true, help: "The findings as a list." },
  ],
  details:
    "Looks at QEMU, KVM, the agent's directories, its store and the agent itself, and for strangers: processes, directories and sockets below the agent's directories that no record owns. Needs no agent. Changes nothing and ends nothing: what to do is printed. Give it the flags that the agent has, and run it as the agent's user.",
  examples: ["paddock doctor", "paddock doctor -config /etc/paddock/paddock.hcl -json"],
  exits: [
    [EXIT.ok, "there is no problem; there may be warnings"],
    [EXIT.failed, "there is a problem"],
  ],
  run: runDoctor,
};

const STYLES: Readonly<Record<Finding["level"], Style>> = { ok: "green", warning: "yellow", problem: "red" };

async function runDoctor({ context, flags }: Invocation): Promise<number> {
  const { out, err } = context.terminal;
  const given = DOCTOR.flags.flatMap(({ name }) => {
    const value = DIRECTORIES.has(name) ? flags.text(name) : undefined;
    return value === undefined ? [] : [`-${name}=${value}`];
  });
  const findings = await context.examine(given);
  const problems = findings.filter(({ level }) => level === "problem").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  if (flags.has("json")) printJson(out, findings);
  else {
    const rows = findings.flatMap(({ check, level, message, remedy }): Piece[][] => [
      [{ text: level, style: STYLES[level] }, check, message],
      ...(remedy === null ? [] : [["", "", { text: `→ ${remedy}`, style: "cyan" as const }]]),
    ]);
    for (const line of alignRows(rows, out.columns)) out.line(...line);
    err.line(`${count(problems, "problem")}, ${count(warnings, "warning")}`);
  }
  return problems === 0 ? EXIT.ok : EXIT.failed;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
