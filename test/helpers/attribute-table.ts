import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Every attribute of Nomad's job files as a job would write it, by the block that it stands in, and below it what is told of it. */
export const ATTRIBUTE_TABLE = join(import.meta.dirname, "../golden/job/attributes.txt");

/** A line of the table. */
export interface AttributeRow {
  readonly block: string;
  readonly text: string;
}

/** A line without space before it is a block's name, or what is written in it. */
export function readAttributeTable(): AttributeRow[] {
  let current = "";
  return readFileSync(ATTRIBUTE_TABLE, "utf8")
    .split("\n")
    .flatMap((line) => {
      if (line === "" || line.startsWith(" ")) return [];
      if (!line.endsWith(":")) return [{ block: current, text: line }];
      current = line.slice(0, -1);
      return [];
    });
}

const block = (begin: string, inner: string): string => `${begin} {\n${inner}\n}`;

/** What a block needs at least, but for what is written in it anyway. */
function beside(inner: string, ...lines: readonly string[]): string {
  let depth = 0;
  const written = inner.split("\n").flatMap((line) => {
    const outermost = depth === 0;
    depth += (line.match(/\{$/g)?.length ?? 0) - (line.match(/^\}/g)?.length ?? 0);
    return outermost ? [firstWord(line)] : [];
  });
  return [...lines.filter((line) => !written.includes(firstWord(line))), inner].join("\n");
}

export const firstWord = (line: string): string => /^\w+/.exec(line)?.[0] ?? "";

const task = (inner: string): string =>
  block('task "vm"', beside(inner, 'driver = "qemu"', block("config", 'image_path = "local/a.img"')));
const group = (inner: string): string => block('group "g"', beside(inner, task("")));
const job = (inner: string): string => block('job "j"', inner.startsWith("task") ? inner : beside(inner, group("")));
const network = (inner: string): string => block("network", inner);
const service = (inner: string): string =>
  job(group(`${network('port "web" {}')}\n${block("service", beside(inner, 'provider = "nomad"', 'port = "web"'))}`));
const check = (inner: string): string =>
  service(block("check", beside(inner, 'type = "http"', 'path = "/"', 'interval = "5s"', 'timeout = "1s"')));
const inTask = (name: string, inner: string): string => job(group(task(block(name, inner))));
const inGroup = (name: string, inner: string): string => job(group(block(name, inner)));

/** A whole job with something in one of its blocks. */
const AROUND: Readonly<Record<string, (inner: string) => string>> = {
  job,
  group: (inner) => job(beside(group(inner), ...(inner.startsWith("max_run") ? ['type = "batch"'] : []))),
  task: (inner) => job(group(task(inner))),
  config: (inner) =>
    job(group(`${network('port "web" {}')}\n${task(block("config", beside(inner, 'image_path = "local/a.img"')))}`)),
  resources: (inner) => inTask("resources", inner),
  logs: (inner) => inTask("logs", inner),
  artifact: (inner) => inTask("artifact", beside(inner, 'source = "https://example.org/a.img"')),
  template: (inner) =>
    inTask("template", beside(inner, 'destination = "local/x"', ...(inner.startsWith("source") ? [] : ['data = "x"']))),
  restart: (inner) => inGroup("restart", inner),
  update: (inner) => inGroup("update", inner),
  ephemeral_disk: (inner) => inGroup("ephemeral_disk", inner),
  network: (inner) => job(group(network(inner))),
  port: (inner) => job(group(network(block('port "web"', inner)))),
  dns: (inner) => job(group(network(block("dns", inner)))),
  service,
  check,
  check_restart: (inner) => check(block("check_restart", inner)),
  constraint: (inner) => inGroup("constraint", inner),
};

/** A whole job with what a line of the table says. */
export function jobWithRow({ block: name, text }: AttributeRow): string {
  const around = AROUND[name];
  if (around === undefined) throw new Error(`nothing is known of the block ${name}`);
  return around(linesOf(text));
}

/** A line of the table as HCL has it, which knows no `;` and no blocks of one line with several things in them. */
export function linesOf(text: string): string {
  return text
    .replaceAll("; ", "\n")
    .replace(/(?<!\{)\{ /g, "{\n")
    .replace(/ \}(?!\})/g, "\n}");
}
