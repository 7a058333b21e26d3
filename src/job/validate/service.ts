import { formatDuration, SECOND } from "../../base/units.ts";
import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import type { Group } from "../job.ts";
import type { Check, Service } from "../service.ts";
import { checkName } from "./names.ts";
import { type KnownPorts, knownPorts } from "./network.ts";

/** Nomad's `minCheckInterval` and `minCheckTimeout`. */
const SHORTEST = SECOND;

/** RFC 1123's label, as Nomad has it. */
const SERVICE_NAME = /^([a-z0-9]|[a-z0-9][a-z0-9-]{0,61}[a-z0-9])$/i;

const TYPES = ["tcp", "http"];
const ON_UPDATE = ["require_healthy", "ignore_warnings", "ignore"];
const INITIAL = ["", "passing", "warning", "critical"];
/** Go's `net/http` knows these, and Nomad's own checks no others. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

const NO_ADDRESS = "a machine behind QEMU's user network has no address of its own that the host could reach";
const USE_HOST = 'leave address_mode out, or use "host"';

/** A header's name as RFC 9110 has it; what may stand in a value without becoming a header of its own. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LINE_BREAK = /[\r\n\0]/;

/** Checks the services of a group and of its tasks by Nomad's rules (NOMAD.md 1.6); paths begin at the group. */
export function checkServices(group: Group, report: Reporter): void {
  const placed = [
    ...(group.services ?? []).map((service, index) => ({ service, path: `services[${index}]`, task: "" })),
    ...group.tasks.flatMap((task, t) =>
      (task.services ?? []).map((service, index) => ({
        service,
        path: `tasks[${t}].services[${index}]`,
        task: task.name,
      })),
    ),
  ];
  const seen = new Set<string>();
  const ports = knownPorts(group);
  for (const { service, path, task } of placed) {
    const id = `${service.name}\0${task}\0${service.port}`;
    if (seen.has(id)) report.error(path, `service ${quoteFound(service.name)} stands twice for one port`);
    seen.add(id);
    checkService(service, { group, ports, task }, report.at(path));
  }
  if (new Set(placed.map(({ service }) => service.provider)).size > 1) {
    report.error(placed.at(-1)?.path ?? "", "the services of a group must have one provider", "use one for all");
  }
}

interface Around {
  readonly group: Group;
  readonly ports: KnownPorts;
  /** "" for a service of the group. */
  readonly task: string;
}

function checkService(service: Service, around: Around, report: Reporter): void {
  // What stands for a value of the run time may be as long as it likes.
  const name = service.name.replace(/\$\{[^}]*\}/g, "x");
  if (!SERVICE_NAME.test(name)) {
    report.must("name", `hold letters, digits and dashes only, 63 at most, found ${quoteFound(service.name)}`);
  }
  if (service.provider !== "consul" && service.provider !== "nomad") {
    report.must("provider", `be consul or nomad, found ${quoteFound(service.provider)}`);
  } else if (service.provider === "consul") {
    const hint = 'use provider = "nomad" to have it in the agent\'s own API';
    report.warn(
      "",
      "a service of provider consul is registered nowhere, for there is no Consul here; its checks run",
      hint,
    );
  }
  checkAddressMode(service.address_mode, ["auto", "host"], report);
  checkWord(report, "on_update", service.on_update, ON_UPDATE);
  checkPort(service.port, around.ports, report);
  checkOwner(service.task, around, report);
  service.tags.forEach((tag, index) => {
    if (LINE_BREAK.test(tag)) report.must(`tags[${index}]`, "hold no line break");
  });
  const names = new Set<string>();
  service.checks.forEach((check, index) => {
    const path = `checks[${index}]`;
    if (names.has(check.name)) report.error(path, `check ${quoteFound(check.name)} stands twice`);
    names.add(check.name);
    checkCheck(check, service, around, report.at(path));
  });
}

function checkCheck(check: Check, service: Service, around: Around, report: Reporter): void {
  checkName(report, "name", check.name.replaceAll(",", ""));
  if (!TYPES.includes(check.type)) {
    const known = ["grpc", "script"].includes(check.type);
    if (known) report.error("type", `checks of type ${check.type} are not supported`, "use tcp or http");
    else report.must("type", `be tcp or http, found ${quoteFound(check.type)}`);
  }
  for (const key of ["interval", "timeout"] as const) {
    if (check[key] < SHORTEST) report.must(key, `be 1s or more, found ${formatDuration(check[key])}`);
  }
  if (service.port === "" && check.port === "") {
    report.error("port", "a check needs a port, and neither it nor its service has one", 'write port = "label"');
  }
  checkPort(check.port, around.ports, report);
  checkAddressMode(check.address_mode, ["", "host"], report);
  checkWord(report, "initial_status", check.initial_status, INITIAL);
  checkWord(report, "on_update", check.on_update, ON_UPDATE);
  checkOwner(check.task, around, report);
  if (check.type === "http") checkHttp(check, report);
  checkRestart(check, report);
  if (service.provider === "nomad") checkNomadOnly(check, report);
}

function checkHttp(check: Check, report: Reporter): void {
  const { path, protocol, method } = check;
  if (path === "") report.must("path", "be set for a check of type http");
  else if (/^[a-z][a-z0-9+.-]*:/i.test(path) || path.startsWith("//")) {
    report.must("path", `be relative, such as /health, found ${quoteFound(path)}`);
  } else if (/[\s\u0000-\u001f\u007f]/.test(path)) report.must("path", "hold no space and no control character");
  if (!isLater(protocol)) checkWord(report, "protocol", protocol.toLowerCase(), ["", "http", "https"]);
  if (!isLater(method) && method !== "" && !METHODS.includes(method.toUpperCase())) {
    report.must("method", `be a method of HTTP, found ${quoteFound(method)}`);
  }
  if (method.toUpperCase() === "CONNECT") report.must("method", "not be CONNECT, which asks a proxy");
  for (const [name, values] of Object.entries(check.header)) {
    if (!HEADER_NAME.test(name)) report.must("header", `have names of HTTP, found ${quoteFound(name)}`);
    if (values.some((value) => LINE_BREAK.test(value))) report.must("header", "hold no line break in a value");
  }
}

/** Nomad: what a failing check means for an update and that it restarts a task must not contradict each other. */
function checkRestart({ check_restart: restart, on_update: onUpdate }: Check, report: Reporter): void {
  if (restart === null) return;
  if (onUpdate === "ignore") {
    report.error("on_update", 'on_update = "ignore" and check_restart exclude each other', "leave out one of them");
  }
  if (onUpdate === "ignore_warnings" && !restart.ignore_warnings) {
    report.must("check_restart.ignore_warnings", 'be true where on_update is "ignore_warnings"');
  }
}

/** What Nomad's own checks do not know, and Consul's do. */
function checkNomadOnly(check: Check, report: Reporter): void {
  const only = (path: string, name = path): void =>
    report.error(path, `${name} is for services of provider consul`, 'leave it out, or use provider = "consul"');
  if (check.success_before_passing > 0) only("success_before_passing");
  if (check.failures_before_critical > 0) only("failures_before_critical");
  if (check.tls_server_name !== "") only("tls_server_name");
  if (check.check_restart?.ignore_warnings === true) only("check_restart.ignore_warnings", "ignore_warnings");
  if (check.on_update === "ignore_warnings") only("on_update", 'on_update = "ignore_warnings"');
}

/** A label of a port, or the number of a port that something in `args` forwards. */
function checkPort(port: string, ports: KnownPorts, report: Reporter): void {
  if (port === "" || isLater(port)) return;
  if (ports.labels.has(port)) return;
  if (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535) return;
  report.error("port", `port ${quoteFound(port)} is in no network block: ${ports.text}`, 'write port = "label"');
}

function checkAddressMode(mode: string, known: readonly string[], report: Reporter): void {
  if (known.includes(mode)) return;
  if (["driver", "alloc", "alloc_ipv6"].includes(mode)) {
    report.error("address_mode", `address_mode ${quoteFound(mode)} is not supported: ${NO_ADDRESS}`, USE_HOST);
  } else if (mode === "auto") report.must("address_mode", 'not be "auto" in a check', USE_HOST);
  else report.must("address_mode", `be auto or host, found ${quoteFound(mode)}`);
}

function checkOwner(task: string, { group, task: own }: Around, report: Reporter): void {
  if (task === "" || task === own) return;
  if (own !== "") report.must("task", `be the task that it stands in, ${quoteFound(own)}, found ${quoteFound(task)}`);
  else if (!group.tasks.some(({ name }) => name === task)) {
    report.must("task", `name a task of the group, found ${quoteFound(task)}`);
  }
}

function checkWord(report: Reporter, path: string, word: string, known: readonly string[]): void {
  if (known.includes(word)) return;
  const words = known.filter((one) => one !== "");
  report.must(path, `be one of ${words.join(", ")}, found ${quoteFound(word)}`);
}

/** What holds `${…}` is known when the machine runs. */
function isLater(text: string): boolean {
  return text.includes("${");
}
