import { expect, setDefaultTimeout, test } from "bun:test";
import type { Node } from "../../src/node/node.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoJob, machineOf, newestOf } from "../helpers/in-process-agent.ts";
import { refusal } from "../helpers/refusal.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);

/** The node of a host whose QEMU was removed. */
function withoutQemu(node: Node): Node {
  const attributes = Object.fromEntries(
    Object.entries(node.attributes).filter(([name]) => !name.startsWith("driver.qemu")),
  );
  return {
    ...node,
    attributes,
    qemu: { ...node.qemu, healthy: false, description: "no qemu-system-*", emulators: [] },
  };
}

test("a machine runs on when its host's QEMU is removed, and only new jobs are refused", async () => {
  await bed.start();
  await bed.submit();
  const before = await machineOf(bed.agent, "running");
  bed.running.changeNode(withoutQemu);
  const other = await refusal(bed.submit({ id: "other" }));
  expect(other.message).toContain('driver "qemu" is not usable here: no qemu-system-*');
  expect(await machineOf(bed.agent, "running")).toEqual(before);
});

test("a machine runs on when its constraint does not hold any more", async () => {
  await bed.start();
  bed.running.changeNode((node) => ({ ...node, attributes: { ...node.attributes, "os.version": "12.11" } }));
  const group = 'constraint {\n attribute = "${attr.os.version}"\n value = "12.11"\n }';
  await bed.submit({ group });
  const before = await machineOf(bed.agent, "running");
  bed.running.changeNode((node) => ({ ...node, attributes: { ...node.attributes, "os.version": "12.12" } }));
  expect((await refusal(bed.submit({ id: "other", group }))).message).toContain('found "12.12"');
  expect(await machineOf(bed.agent, "running")).toEqual(before);
});

test("a job that waits is placed when the host has changed", async () => {
  await bed.start();
  let whole: Node["capacity"] | undefined;
  bed.running.changeNode((node) => {
    whole = node.capacity;
    return { ...node, capacity: { ...whole, total: { ...whole.total, memory: 100 } } };
  });
  await bed.submit();
  expect(newestOf(bed.agent)).toBeUndefined();
  bed.running.changeNode((node) => ({ ...node, capacity: whole ?? node.capacity }));
  await machineOf(bed.agent, "running");
});

test("a job is refused only after another look: QEMU may have been installed a moment ago", async () => {
  let found: Node | undefined;
  await bed.start({ lookAgain: (node) => found ?? node });
  bed.running.changeNode((node) => {
    found = node;
    return withoutQemu(node);
  });
  await bed.submit();
  await machineOf(bed.agent, "running");
});

test("a job whose constraint does not hold costs one look more", async () => {
  let looks = 0;
  await bed.start({
    lookAgain: (node) => {
      looks++;
      return node;
    },
  });
  const unmet = demoJob(bed.image, { group: 'constraint {\n attribute = "${meta.rack}"\n value = "r1"\n }' });
  await refusal(bed.agent.registerJob(unmet, null, { enforceIndex: undefined }));
  expect(looks).toBe(1);
});
