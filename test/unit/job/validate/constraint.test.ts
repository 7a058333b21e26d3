import { describe, expect, test } from "bun:test";
import type { Constraint, Job } from "../../../../src/job/job.ts";
import { PLAIN, problems, withTask } from "../../../helpers/valid-job.ts";

const withConstraint = (attribute: string, operator: string, value = ""): Job => ({
  ...PLAIN,
  constraints: [{ attribute, operator, value } satisfies Constraint],
});

describe("constraint", () => {
  test.each([
    ["${attr.kernel.name}", "=", "linux"],
    ["${meta.a}", "is_set", ""],
    ["${node.datacenter}", "set_contains_any", "dc1,dc2"],
    ["", "distinct_hosts", ""],
    ["${attr.rack}", "distinct_property", "2"],
    ["literal", "!=", "x"],
    ["${attr.a}", "regexp", ""],
    ["${attr.rack}", "distinct_property", "02"],
  ])("%s %s %s is accepted", (attribute, operator, value) => {
    expect(problems(withConstraint(attribute, operator, value))).toEqual([]);
  });

  test.each([
    ["${attr.a}", "=>", "1", "operator must be one of"],
    ["", "=", "1", "attribute must be set for operator ="],
    ["${attr.a}", ">", "", "value must be set for operator >"],
    ["${attr.a}", "is_set", "x", "value must be empty for operator is_set"],
    ["${attr.a}", "distinct_property", "0", "value must be a number"],
    ["$attr.a", "=", "1", "attribute must be one of"],
    ["${kernel.name}", "=", "1", "attribute must be one of"],
    ["${attr.}", "=", "1", "attribute must be one of"],
    ["${attr.a} ", "=", "1", "attribute must be one of"],
  ])("%s %s %s is refused", (attribute, operator, value, message) => {
    expect(problems(withConstraint(attribute, operator, value)).join("\n")).toContain(message);
  });

  test("the documentation's spelling is accepted with a note", () => {
    const job = withConstraint("${driver.qemu.version}", ">", "1.2.3");
    expect(problems(job)).toEqual([]);
    expect(problems(job, "warning")).toHaveLength(1);
  });

  test("a task has no constraint about copies of its group", () => {
    const job = withTask({ constraints: [{ attribute: "", operator: "distinct_hosts", value: "" }] });
    expect(problems(job)).toEqual(["distinct_hosts belongs to a job or group, not to a task"]);
  });
});
