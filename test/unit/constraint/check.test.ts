import { describe, expect, test } from "bun:test";
import { checkConstraints, type Verdict } from "../../../src/constraint/check.ts";
import type { Constraint, Group, Job, Task } from "../../../src/job/job.ts";
import type { Node } from "../../../src/node/node.ts";
import { capacity } from "../../helpers/capacity.ts";

const node: Node = {
  id: "0c7fbb3e-2d3f-4bd5-b1f7-5a3d1a0a7a11",
  name: "barn",
  datacenter: "dc1",
  nodeClass: "",
  nodePool: "default",
  attributes: {
    "cpu.numcores": "2",
    "driver.qemu": "1",
    "driver.qemu.emulators": "i386,x86_64",
    "driver.qemu.version": "7.2.22",
    "kernel.name": "linux",
    "kernel.version": "6.1.0-18-amd64",
    "os.version": "22.04",
    "unique.hostname": "barn",
  },
  meta: { rack: "r1", kernel: "linux", big: "1e3", pattern: "2$", wanted: "~> 7.1" },
  qemu: { healthy: true, description: "Healthy", emulators: [], kvm: { usable: false, reason: "no" } },
  capacity: capacity(),
};

function job(parts: {
  job?: readonly Constraint[];
  group?: readonly Constraint[];
  task?: readonly Constraint[];
  count?: number;
  datacenters?: readonly string[];
  driver?: string;
}): Job {
  const task = { name: "vm", driver: parts.driver ?? "qemu", constraints: parts.task ?? [] } as unknown as Task;
  const group = {
    name: "web",
    count: parts.count ?? 1,
    constraints: parts.group ?? [],
    tasks: [task],
  } as unknown as Group;
  return {
    id: "site",
    datacenters: parts.datacenters ?? ["*"],
    constraints: parts.job ?? [],
    groups: [group],
  } as unknown as Job;
}

function check(attribute: string, operator: string, value = "", on: Node = node): Verdict {
  const constraint = { attribute, operator, value };
  const verdict = checkConstraints(job({ job: [constraint] }), on).find((one) => one.constraint === constraint);
  if (verdict === undefined) throw new Error("the constraint was not checked");
  return verdict;
}

const VERSION = "${attr.driver.qemu.version}";

describe("what a real Nomad 1.1.2 answered with QEMU 7.2.22", () => {
  test.each([
    [VERSION, ">", "1.2.3", true],
    [VERSION, "version", "> 10.0.0", false],
    [VERSION, "version", ">= 7.2, < 8", true],
    ["${attr.driver.qemu}", "=", "1", true],
    ["${attr.driver.qemu}", "=", "true", false],
    ["${attr.absent}", "is_not_set", "", true],
    ["${attr.absent}", "!=", "x", true],
  ])("%s %s %s is %p", (attribute, operator, value, expected) => {
    const verdict = check(attribute, operator, value);
    expect(verdict.ok).toBe(expected);
    expect(verdict.note).toBeUndefined();
  });

  test("7.2.22 > 10.0.0 is true there and false here, with a note that says so", () => {
    const verdict = check(VERSION, ">", "10.0.0");
    expect(verdict.ok).toBe(false);
    expect(verdict.note).toBe("compared as versions; Nomad compares bytes here and says yes");
  });

  test("the documented ${driver.qemu.version} never matches there and is an alias here, with a note", () => {
    const verdict = check("${driver.qemu.version}", ">", "1.2.3");
    expect(verdict).toMatchObject({ ok: true, found: "7.2.22" });
    expect(verdict.note).toContain("${attr.driver.qemu.version}");
  });

  test('semver "~> 7.2" is no condition, and the note says so', () => {
    const verdict = check(VERSION, "semver", "~> 7.2");
    expect(verdict.ok).toBe(false);
    expect(verdict.note).toContain("operator semver");
  });
});

describe("operators", () => {
  test.each([
    ["${attr.kernel.name}", "==", "linux", true],
    ["${attr.kernel.name}", "is", "Linux", false],
    ["${attr.kernel.name}", "not", "linux", false],
    ["${attr.kernel.name}", "=", "${meta.kernel}", true],
    ["${attr.absent}", "=", "", false],
    ["${attr.absent}", "!=", "${meta.absent}", false],
    ["${attr.absent}", "!=", "${node.class}", false],
    ["${attr.absent}", "=", "${meta.absent}", false],
    ["${attr.absent}", "<", "5", false],
    ["${attr.absent}", "is_set", "", false],
    ["${meta.rack}", "is_set", "", true],
    ["${attr.cpu.numcores}", ">=", "10", false],
    ["${attr.cpu.numcores}", "<", "10", true],
    ["${attr.cpu.numcores}", "<=", "+2", true],
    ["${attr.cpu.numcores}", ">", "1.5", true],
    ["${meta.big}", ">", "999", true],
    ["${meta.big}", "<=", "0x1p10", true],
    ["${meta.big}", "<", "inf", true],
    ["${meta.big}", "<", "nan", false],
    ["${meta.big}", ">=", "nan", false],
    ["${meta.big}", ">", "1e1000", true],
    ["9223372036854775807", ">", "9223372036854775806", true],
    ["${attr.unique.hostname}", ">", "Z", true],
    ["é", ">", "z", true],
    ["\u{1f600}", ">", "\uffee", true],
    ["${attr.driver.qemu.emulators}", "set_contains", "x86_64", true],
    ["${attr.driver.qemu.emulators}", "set_contains_all", "x86_64, i386", true],
    ["${attr.driver.qemu.emulators}", "set_contains", "x86_64,arm", false],
    ["${attr.driver.qemu.emulators}", "set_contains_any", "arm, i386", true],
    ["${attr.driver.qemu.emulators}", "set_contains", "x86", false],
    ["${attr.absent}", "set_contains_any", "", false],
    ["${attr.absent}", "version", ">= 1", false],
    [VERSION, "regexp", "^7\\.", true],
    [VERSION, "regexp", "^8", false],
    [VERSION, "regexp", "", true],
    [VERSION, "regexp", "${meta.pattern}", true],
    ["${attr.kernel.name}", "regexp", "(?i)INU", true],
    ["${attr.absent}", "regexp", ".*", false],
    [VERSION, "version", "${meta.wanted}", true],
    [VERSION, "version", "${meta.absent}", false],
    ["${node.unique.id}", "=", node.id, true],
    ["${node.unique.name}", "=", "barn", true],
    ["${node.datacenter}", "=", "dc1", true],
    ["${node.class}", "=", "", true],
    ["${node.pool}", "=", "default", true],
  ])("%s %s %s is %p", (attribute, operator, value, expected) => {
    expect(check(attribute, operator, value).ok).toBe(expected);
  });

  test("an operator that is not there is never met and is named", () => {
    expect(check(VERSION, "constructor", "7").text).toContain('operator "constructor" is not known');
  });
});

describe("why a constraint does not hold is told where what was found does not tell", () => {
  test.each([
    [VERSION, "=", "8", 'found "7.2.22"'],
    [VERSION, "version", ">= 7, < 7.2, != 7.2.22", 'found "7.2.22"; it is not "< 7.2" and not "!= 7.2.22"'],
    [
      "${attr.driver.qemu.emulators}",
      "set_contains",
      "x86_64, arm,ppc",
      'found "i386,x86_64"; the set lacks "arm", "ppc"',
    ],
    ["${attr.driver.qemu.emulators}", "set_contains_any", "arm", 'found "i386,x86_64"; the set has none of "arm"'],
    ["${attr.kernel.name}", "<", "10", 'found "linux"; compared as text, for they are not both numbers'],
    ["${attr.cpu.numcores}", ">", "10", 'found "2"'],
    ["${attr.kernel.name}", "version", "> 1", 'found "linux"; what was found is not a version'],
    [
      VERSION,
      "regexp",
      "${meta.broken}",
      'found "7.2.22"; ${meta.broken} is "("; "(" is not a regular expression: a ( has no )',
    ],
  ])("%s %s %s: %s", (attribute, operator, value, text) => {
    const broken = { ...node, meta: { broken: "(" } };
    expect(check(attribute, operator, value, broken).text).toBe(
      `Constraint "${attribute} ${operator} ${value}": ${text}`,
    );
  });

  test("what would be an escape of a terminal, or another line, is shown as what it is", () => {
    const { text } = check("${attr.kernel.name}", "=", "a\nb\u001b[31m");
    expect(text).toBe('Constraint "${attr.kernel.name} = a\\x0ab\\x1b[31m": found "linux"');
  });

  test("a list that is long is shown by its beginning, and the verdict has all of it", () => {
    const machines = Array.from({ length: 60 }, (_, at) => `pc-q35-${at}.0`).join(",");
    const many = { ...node, attributes: { machines } };
    const verdict = check("${attr.machines}", "set_contains", "virt", many);
    expect(verdict.found).toBe(machines);
    expect(verdict.text).toMatch(/: found "pc-q35-0\.0,.{100,120}…"; the set lacks "virt"$/);
  });

  test("a prerelease that operator version leaves out, although it is late enough", () => {
    const early = { ...node, attributes: { "driver.qemu.version": "9.2.0-rc1" } };
    const rule = "operator version takes a prerelease only where the condition names one of the same release";
    expect(check(VERSION, "version", ">= 8", early).reason).toBe(rule);
    expect(check(VERSION, "version", ">= 10", early).reason).toBeUndefined();
    expect(check(VERSION, "semver", ">= 8", early).ok).toBe(true);
  });
});

describe("order of an attribute that is a version", () => {
  test.each([
    [VERSION, ">", "8", false],
    [VERSION, ">=", "7.2.9", true],
    [VERSION, "<", "7.10", true],
    ["${attr.os.version}", ">", "22.9", false],
    ["${attr.kernel.version}", ">=", "6.1.0", true],
    ["${attr.kernel.version}", ">=", "6.1", true],
    ["${attr.kernel.version}", "<", "6.1.1", true],
    ["${attr.kernel.version}", ">", "6.10", false],
  ])("%s %s %s is %p", (attribute, operator, value, expected) => {
    expect(check(attribute, operator, value).ok).toBe(expected);
  });

  test("a release candidate of a kernel is before its release", () => {
    const early = { ...node, attributes: { "kernel.version": "6.1.0-rc3" } };
    expect(check("${attr.kernel.version}", ">=", "6.1.0", early).ok).toBe(false);
  });

  test("text that is no version is compared as Nomad does", () => {
    expect(check(VERSION, "<", "x").ok).toBe(true);
    expect(check(VERSION, "<", "x").note).toBeUndefined();
  });

  test("two decimals that are versions are compared as such, and the note says what Nomad would say", () => {
    const verdict = check("${attr.os.version}", ">", "22.1");
    expect(verdict).toMatchObject({ ok: true, note: "compared as versions; Nomad compares numbers here and says no" });
    expect(check("${attr.os.version}", ">=", "22.04").note).toBeUndefined();
  });
});

describe("names", () => {
  test("a misspelt attribute is not found, with the nearest one", () => {
    const verdict = check("${attr.kernel.nam}", "=", "linux");
    expect(verdict).toMatchObject({ ok: false, found: undefined });
    expect(verdict.text).toBe(
      'Constraint "${attr.kernel.nam} = linux": not found on this node; did you mean ${attr.kernel.name}?',
    );
  });

  test("a literal that looks like an attribute is compared as text, with the right spelling", () => {
    for (const literal of ["kernel.name", "$attr.kernel.name"]) {
      expect(check(literal, "=", "linux")).toMatchObject({ ok: false, found: literal });
      expect(check(literal, "=", "linux").note).toContain("write ${attr.kernel.name}");
    }
  });

  test("a name of JavaScript's own is not an attribute", () => {
    expect(check("${attr.constructor}", "is_set").ok).toBe(false);
    expect(check("${meta.__proto__}", "is_set").ok).toBe(false);
  });

  test("text around a name makes it no name", () => {
    expect(check("${attr.kernel.name}x", "is_set")).toMatchObject({ ok: false });
  });

  test("what the right side stands for is told", () => {
    expect(check("${attr.kernel.name}", "!=", "${meta.kernel}").note).toBe('${meta.kernel} is "linux"');
    expect(check("${attr.kernel.name}", "=", "${meta.absent}").note).toBe("${meta.absent} is not set on this node");
  });
});

describe("checkConstraints", () => {
  const never = (value: string): Constraint => ({ attribute: "${attr.kernel.name}", operator: "=", value });

  test("tests job, group and task, says where each stands, and what was found", () => {
    const verdicts = checkConstraints(job({ job: [never("a")], group: [never("b")], task: [never("c")] }), node);
    const failing = verdicts.filter(({ ok }) => !ok).map(({ where, text }) => `${where}: ${text}`);
    expect(failing).toEqual([
      'job: Constraint "${attr.kernel.name} = a": found "linux"',
      'group "web": Constraint "${attr.kernel.name} = b": found "linux"',
      'group "web", task "vm": Constraint "${attr.kernel.name} = c": found "linux"',
    ]);
  });

  test("a job without constraints fits a node with QEMU", () => {
    expect(checkConstraints(job({}), node).every(({ ok }) => ok)).toBe(true);
  });

  test("a node without QEMU fails with the words of its fingerprint", () => {
    const bare = { ...node, attributes: {}, qemu: { ...node.qemu, healthy: false, description: "no qemu-system-*" } };
    const failing = checkConstraints(job({}), bare).filter(({ ok }) => !ok);
    expect(failing.map(({ where }) => where)).toEqual(['group "web", task "vm"']);
    expect(failing[0]?.text).toContain("no qemu-system-*");
  });

  test("a driver that was found but is not healthy does not count", () => {
    const broken = { ...node, qemu: { ...node.qemu, healthy: false, description: "no usable QEMU" } };
    expect(checkConstraints(job({}), broken).filter(({ ok }) => !ok)).toHaveLength(1);
  });

  test("another driver is not there", () => {
    const failing = checkConstraints(job({ driver: "docker" }), node).filter(({ ok }) => !ok);
    expect(failing[0]?.text).toContain('driver "docker" is not usable here');
  });

  test.each([
    [["*"], true],
    [["dc1"], true],
    [["eu", "d*1"], true],
    [["d*c*1"], true],
    [["dc"], false],
    [["dc1*1"], false],
    [["d*x*1"], false],
    [["d*c1*1"], false],
    [["dc?"], false],
    [[], false],
  ])("datacenters %p is %p on dc1", (datacenters, expected) => {
    expect(checkConstraints(job({ datacenters }), node)[0]?.ok).toBe(expected);
  });

  test("copies that must be apart may be together where distinct_hosts is switched off", () => {
    const answer = (value: string) => {
      const constraint = { attribute: "", operator: "distinct_hosts", value };
      const verdicts = checkConstraints(job({ job: [constraint], count: 2 }), node);
      return verdicts.find((one) => one.constraint === constraint)?.ok;
    };
    for (const value of ["false", "F", "0"]) expect(answer(value)).toBe(true);
    for (const value of ["", "true", "no"]) expect(answer(value)).toBe(false);
  });

  test("copies that must be apart cannot all be on one node", () => {
    const hosts = { attribute: "", operator: "distinct_hosts", value: "" };
    const racks = { attribute: "${meta.rack}", operator: "distinct_property", value: "2" };
    const answers = (count: number) =>
      checkConstraints(job({ job: [hosts], group: [racks], count }), node)
        .filter(({ constraint }) => constraint === hosts || constraint === racks)
        .map(({ ok }) => ok);
    expect(answers(1)).toEqual([true, true]);
    expect(answers(2)).toEqual([false, true]);
    expect(answers(3)).toEqual([false, false]);
  });
});

test("expressions that would take long together end each in a word, and not all in minutes", () => {
  const slow = { attribute: "${attr.long}", operator: "regexp", value: "((a|b|[c-z]+){1,10}){1,20}9" };
  const constraints = Array.from({ length: 1000 }, () => slow);
  const wordy = { ...node, attributes: { long: "abc".repeat(400) } };
  const verdicts = checkConstraints(job({ job: constraints }), wordy);
  const texts = verdicts.map(({ text }) => text).filter((text) => text.includes("too long to compare"));
  expect(texts.length).toBeGreaterThan(900);
  expect(texts.length).toBeLessThan(1000);
});
