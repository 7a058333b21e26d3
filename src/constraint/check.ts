import { escapeControls, parseGoBool, shorten } from "../base/text.ts";
import type { Constraint, Group, Job } from "../job/job.ts";
import { groupPlace, taskPlace } from "../job/place-text.ts";
import type { Node } from "../node/node.ts";
import { applyOperator, MOST_WORK, type Work } from "./operators.ts";
import { resolveTarget, type Target } from "./target.ts";

/** What one constraint of a job says of this node. */
export interface Verdict {
  readonly constraint: Constraint;
  /** Where it stands, in the words of the job file: `job`, `group "web"`, `group "web", task "vm"`. */
  readonly where: string;
  readonly ok: boolean;
  /** The value of the attribute; undefined when this node does not have it. */
  readonly found: string | undefined;
  /** What the job's author should know, whether it holds or not. */
  readonly note?: string | undefined;
  /** Why it does not hold, where what was found alone does not tell. */
  readonly reason?: string | undefined;
  /** All of it in one line: `Constraint "${attr.driver.qemu.version} > 8": found "7.2.22"`. */
  readonly text: string;
}

/**
 * Tests all constraints of a job, of its groups and of its tasks, and those that are implied: the datacenter and a working qemu
 * driver. All of them must hold for the job to be placed here.
 */
export function checkConstraints(job: Job, node: Node): Verdict[] {
  const copies = job.groups.reduce((sum, group) => sum + group.count, 0);
  const work: Work = { left: MOST_WORK };
  return [
    checkDatacenter(job, node),
    ...job.constraints.map((constraint) => checkConstraint(constraint, { where: "job", node, copies, work })),
    ...job.groups.flatMap((group) => checkGroup(group, node, work)),
  ];
}

function checkGroup(group: Group, node: Node, work: Work): Verdict[] {
  const where = groupPlace(group);
  const tasks = group.tasks.flatMap((task) => {
    const here = taskPlace(group, task);
    return [
      checkDriver(task.driver, here, node),
      ...task.constraints.map((constraint) =>
        checkConstraint(constraint, { where: here, node, copies: group.count, work }),
      ),
    ];
  });
  return [
    ...group.constraints.map((constraint) => checkConstraint(constraint, { where, node, copies: group.count, work })),
    ...tasks,
  ];
}

interface Surroundings {
  readonly where: string;
  readonly node: Node;
  /** How many allocations the constraint is about; all of them would be on this one node. */
  readonly copies: number;
  readonly work: Work;
}

function checkConstraint(constraint: Constraint, { where, node, copies, work }: Surroundings): Verdict {
  const { attribute, operator, value } = constraint;
  if (operator === "distinct_hosts") return checkDistinct(constraint, where, "1 copy of it can be", 1, copies);
  const left = resolveTarget(attribute, node);
  if (operator === "distinct_property") {
    const limit = value === "" ? 1 : Number(value);
    if (left.value === undefined) return finish({ constraint, where, ok: false, found: undefined, note: left.note });
    return checkDistinct(constraint, where, `${limit} may share ${attribute} and are`, limit, copies, left.value);
  }
  const right = resolveTarget(value, node);
  const answer = applyOperator(operator, left.value, right.value, left.name?.endsWith(".version") ?? false, work);
  const note = [left.note, noteOnRight(right), answer.note].filter((text) => text !== undefined).join("; ");
  return finish({
    ...{ constraint, where, ok: answer.ok, found: left.value },
    ...(note !== "" && { note }),
    ...(answer.reason !== undefined && { reason: answer.reason }),
  });
}

function noteOnRight({ name, value }: Target): string | undefined {
  if (name === undefined) return undefined;
  return value === undefined ? `\${${name}} is not set on this node` : `\${${name}} is ${JSON.stringify(value)}`;
}

function checkDistinct(
  constraint: Constraint,
  where: string,
  what: string,
  limit: number,
  copies: number,
  found?: string,
): Verdict {
  // Nomad holds to distinct_hosts with any value that is not plainly false.
  const isOff = constraint.operator === "distinct_hosts" && parseGoBool(constraint.value) === false;
  const ok = isOff || copies <= limit;
  const note = ok ? undefined : `there is only this node, ${what} on it, and count asks for ${copies}`;
  return finish({ constraint, where, ok, found, note });
}

/** Nomad's implied condition that the node has the driver of a task, in working order. */
function checkDriver(driver: string, where: string, node: Node): Verdict {
  const constraint = { attribute: `\${attr.driver.${driver}}`, operator: "=", value: "1" };
  const { value } = resolveTarget(constraint.attribute, node);
  const ok = value === "1" && node.qemu.healthy;
  const note = ok
    ? undefined
    : `driver "${driver}" is not usable here${driver === "qemu" ? `: ${node.qemu.description}` : ""}`;
  return finish({ constraint, where, ok, found: value, note });
}

function checkDatacenter(job: Job, node: Node): Verdict {
  const constraint = { attribute: "${node.datacenter}", operator: "in", value: job.datacenters.join(", ") };
  const ok = job.datacenters.some((pattern) => matchesGlob(pattern, node.datacenter));
  return finish({ constraint, where: "job", ok, found: node.datacenter });
}

/** `*` stands for any text, as in Nomad's `datacenters`; nothing else is special. */
function matchesGlob(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

/** A QEMU has sixty machine types; so many characters of what was found are shown. */
const SHOWN = 120;

function finish(verdict: Omit<Verdict, "text">): Verdict {
  const { attribute, operator, value } = verdict.constraint;
  const condition = escapeControls([attribute, operator, value].filter((part) => part !== "").join(" "));
  const isCount = operator === "distinct_hosts";
  const found =
    verdict.found === undefined ? "not found on this node" : `found ${JSON.stringify(shorten(verdict.found, SHOWN))}`;
  const facts = [isCount ? undefined : found, verdict.reason, verdict.note].filter((fact) => fact !== undefined);
  return { ...verdict, text: `Constraint "${condition}"${facts.length > 0 ? `: ${facts.join("; ")}` : ""}` };
}
