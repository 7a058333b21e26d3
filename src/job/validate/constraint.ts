import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import { findConditionProblem } from "../condition.ts";
import type { Constraint, Job } from "../job.ts";

/** Nomad's operators, by what they take besides the attribute. */
const WITH_VALUE = [
  ...["=", "==", "is", "!=", "not", "<", "<=", ">", ">=", "regexp", "version", "semver"],
  ...["set_contains", "set_contains_all", "set_contains_any"],
];
const WITHOUT_VALUE = ["is_set", "is_not_set"];
const DISTINCT = ["distinct_hosts", "distinct_property"];
const OPERATORS = [...WITH_VALUE, ...WITHOUT_VALUE, ...DISTINCT];

const NODE_ATTRIBUTES = ["node.unique.id", "node.datacenter", "node.unique.name", "node.class", "node.pool"];

/** How the documentation of the qemu driver spells the attribute, which no Nomad has ever known. */
const DOCUMENTED_DRIVER = /^\$\{(driver\.[^}]+)\}$/;

/**
 * Checks the form of constraints, by Nomad's rules (NOMAD.md 2.1).
 * @param level where they stand: a task may not have the two operators that are about several copies of a group.
 */
export function checkConstraints(
  constraints: readonly Constraint[],
  report: Reporter,
  level: "job" | "group" | "task",
): void {
  constraints.forEach((constraint, index) => {
    checkConstraint(constraint, report.at(`constraints[${index}]`), level);
  });
}

/** Constraints of a job with its groups and tasks. Each is tried out at every look at the job, and may be a regular expression. */
const MOST_CONSTRAINTS = 1_000;

/** Checks how many constraints a job has in all, and, where they are not too many, what their values mean to their operators. */
export function checkConditions(job: Job, report: Reporter): void {
  const all = [
    ...placed(job.constraints, ""),
    ...job.groups.flatMap((group, g) => [
      ...placed(group.constraints, `groups[${g}].`),
      ...group.tasks.flatMap((task, t) => placed(task.constraints, `groups[${g}].tasks[${t}].`)),
    ]),
  ];
  const first = all[MOST_CONSTRAINTS];
  if (first !== undefined) {
    const message = `a job may have ${MOST_CONSTRAINTS} constraints in all, found ${all.length}`;
    report.error(first.path, message, "operator regexp or set_contains_any says several in one");
    return;
  }
  for (const { constraint, path } of all) checkCondition(constraint, report.at(path));
}

const placed = (constraints: readonly Constraint[], where: string) =>
  constraints.map((constraint, index) => ({ constraint, path: `${where}constraints[${index}]` }));

/** The name of an operator may be the attribute that holds the value. */
function checkCondition({ operator, value }: Constraint, report: Reporter): void {
  const problem = findConditionProblem(operator, value);
  if (problem === undefined) return;
  const path = report.isWritten(operator) ? operator : "value";
  report.error(path, `${path} ${problem.message}`, problem.hint);
}

function checkConstraint(constraint: Constraint, report: Reporter, level: "job" | "group" | "task"): void {
  const { attribute, operator, value } = constraint;
  if (!OPERATORS.includes(operator)) {
    report.must("operator", `be one of ${OPERATORS.join(", ")}, found ${quoteFound(operator)}`);
    return;
  }
  if (DISTINCT.includes(operator) && level === "task") {
    report.error("operator", `${operator} belongs to a job or group, not to a task`);
  }
  if (attribute === "" && operator !== "distinct_hosts") report.must("attribute", `be set for operator ${operator}`);
  // An empty expression is found everywhere, and Nomad takes it.
  if (WITH_VALUE.includes(operator) && operator !== "regexp" && value === "") {
    report.must("value", `be set for operator ${operator}`);
  }
  if (WITHOUT_VALUE.includes(operator) && value !== "") report.must("value", `be empty for operator ${operator}`);
  if (operator === "distinct_property" && value !== "" && !/^0*[1-9]\d{0,18}$/.test(value)) {
    report.must("value", `be a number, 1 or more, found ${quoteFound(value)}`);
  }
  checkTarget("attribute", attribute, report);
}

/** What begins with `$` must name something that a node has; other text is compared as it is. */
function checkTarget(path: string, target: string, report: Reporter): void {
  if (!target.startsWith("$")) return;
  const documented = DOCUMENTED_DRIVER.exec(target)?.[1];
  if (documented !== undefined) {
    const right = `\${attr.${documented}}`;
    report.warn(path, `${target} is taken for ${right}; Nomad itself refuses it`, `write ${right}`);
    return;
  }
  const name = /^\$\{([^{}]+)\}$/.exec(target)?.[1];
  if (name !== undefined && (NODE_ATTRIBUTES.includes(name) || /^(attr|device|meta)\../.test(name))) return;
  const known = [...NODE_ATTRIBUTES, "attr.…", "meta.…"].map((node) => `\${${node}}`);
  report.must(path, `be one of ${known.join(", ")}, found ${quoteFound(target)}`);
}
