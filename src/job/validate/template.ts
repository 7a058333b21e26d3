import { normalize } from "node:path/posix";
import { formatDuration } from "../../base/units.ts";
import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import { parseTemplate } from "../../template/parse.ts";
import type { Task, Template } from "../job.ts";

/** Checks the templates of a task by Nomad's rules (structs' Template.Validate); paths begin at the task. */
export function checkTemplates({ templates = [] }: Task, report: Reporter): void {
  const destinations = new Set<string>();
  const beforeItsName = (destination: string): string => `${destination}.part`;
  templates.forEach((template, index) => {
    const at = report.at(`templates[${index}]`);
    checkText(template, at);
    checkDestination(template.destination, at);
    const destination = normalize(template.destination);
    if (destinations.has(destination) && template.destination !== "") {
      at.must("destination", `differ from the other templates', found ${quoteFound(template.destination)} again`);
    }
    if (destinations.has(beforeItsName(destination))) {
      at.must(
        "destination",
        `not be that of another template without .part, found ${quoteFound(template.destination)}`,
      );
    }
    destinations.add(destination);
    checkRights(template, at);
    checkChanges(template, at);
  });
}

function checkText(
  { source, data, left_delimiter: left, right_delimiter: right, env }: Template,
  report: Reporter,
): void {
  if (source === "" && data === "") {
    // Nothing is told of what is written and wrong.
    const path = report.isWritten("source") ? "source" : "data";
    report.error(path, "a template needs data or source", "write data = <<EOT … EOT, or name a fetched file as source");
  }
  if (source !== "" && data !== "") report.error("source", "a template has data or source, not both");
  if (source !== "") checkInside("source", source, report);
  if (env && source !== "") {
    const hint = "write its lines as data";
    report.error("env", "the variables of a fetched file come too late for the machine's command line", hint);
  } else if (env) {
    const hint = "a guest reads what args hand it, such as -fw_cfg name=opt/x,string=${NAME}";
    report.warn("env", "the variables of a template can be used in config, and reach no guest by themselves", hint);
  }
  for (const { line, message, hint } of parseTemplate(data, { left, right }).problems) {
    report.error("data", `line ${line} of the template: ${message}`, hint);
  }
}

function checkDestination(destination: string, report: Reporter): void {
  if (destination === "") {
    report.error("destination", "a template needs a destination", 'write destination = "local/…"');
  } else checkInside("destination", destination, report);
}

/** Taken word for word; what holds `${…}` is looked at again when the template is rendered. */
function checkInside(name: "source" | "destination", path: string, report: Reporter): void {
  if (/[\u0000-\u001f\u007f]/.test(path)) {
    report.must(name, "hold no control character");
    return;
  }
  if (path.includes("${")) return;
  const reached = normalize(path);
  const inside = !reached.startsWith("/") && reached !== ".." && !reached.startsWith("../");
  const hint = 'use "local/…"';
  if (!inside) report.must(name, `stay in the task directory, found ${quoteFound(path)}`, hint);
  else if (/(^|\/)\.?$/.test(path)) report.must(name, `be the name of a file, found ${quoteFound(path)}`, hint);
}

function checkRights({ perms, uid, gid }: Template, report: Reporter): void {
  if (!/^0?[0-7]{1,3}$/.test(perms) && perms !== "") {
    report.must("perms", `be octal, from "0" to "0777", found ${quoteFound(perms)}`);
  }
  for (const [name, id] of [
    ["uid", uid],
    ["gid", gid],
  ] as const) {
    if (id !== undefined)
      report.warn(name, `${name} has no effect: the file belongs to the user that the machine runs as`);
  }
}

function checkChanges(template: Template, report: Reporter): void {
  const { change_mode: mode, change_signal: signal, change_script: script, env, wait } = template;
  if (mode === "signal" && signal === "") report.must("change_signal", 'be set for change_mode = "signal"');
  if (mode === "signal" && env) {
    report.error("change_mode", "a template whose lines are variables has no signal", 'use change_mode = "restart"');
  }
  if (mode === "script" && script === undefined) {
    report.error("change_mode", 'change_mode = "script" needs a change_script block');
  }
  if (wait?.min !== undefined && wait.max !== undefined && wait.min > wait.max) {
    report.must("wait.max", `be min (${formatDuration(wait.min)}) or more, found ${formatDuration(wait.max)}`);
  }
  const without = "has no effect: a template is rendered before each start of its machine, and never while it runs";
  if (mode === "signal" || mode === "script") report.warn("change_mode", `change_mode "${mode}" ${without}`);
  if (wait !== undefined) report.warn("wait", `wait ${without}`);
}
