import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Job } from "../../src/job/job.ts";
import { tarOf } from "../helpers/archives.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { fetchedDiskBench } from "../helpers/fetched-disk.ts";
import { hashOf } from "../helpers/hash.ts";
import { demoJob, idOf, machineOf, newestOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bench = fetchedDiskBench();
const { bed, booted, dirsOf, failure, filesOf, jobOf, kill, messages, restart, run, stop } = bench;

describe("when a changed job takes the place of an allocation, its disk", () => {
  const changed = 'args = ["-name", "changed"]';
  const first = async (config = ""): Promise<string> => {
    await run("one", { config });
    await booted(1, "one");
    return idOf(bed.agent, "one");
  };

  test("moves along, with all that the guest wrote, and the first allocation has it no more", async () => {
    const old = await first();
    const theirs = filesOf("one");
    const { warnings } = await run("one", { config: changed });
    expect(warnings.join("\n")).toContain(
      `allocation ${old.slice(0, 8)} is stopped and replaced; its disk moves along`,
    );
    await booted(2, "one");
    expect(newestOf(bed.agent, "one")?.previousAllocation).toBe(old);
    expect(messages("one")).toContain(`it moved along from allocation ${old.slice(0, 8)}`);
    expect([existsSync(theirs.overlay), statSync(filesOf("one").overlay).nlink]).toEqual([false, 1]);
    await restart("one");
    await booted(3, "one");
  });

  test("moves along past a version that never ran, and grows, and does not shrink", async () => {
    await first();
    const { warnings } = await run("one", { config: 'disk_size = "1GiB"\n args = ["-no-such-option"]' });
    expect(warnings.join("\n")).toContain("its disk moves along");
    await machineOf(bed.agent, "ended", "one");
    await run("one", { config: 'disk_size = "512MiB"' });
    expect(await failure("one")).toContain(
      "disk_size 512 MiB: the disk that moves along from the allocation before has 1 GiB, and disks do not shrink",
    );
    await run("one", { config: changed });
    await booted(2, "one");
    expect(bed.agent.launchPlan(idOf(bed.agent, "one"), "vm").image?.size).toBe(2 ** 30);
  });

  test("that is a copy moves along too", async () => {
    await first('disk = "copy"');
    await run("one", { config: `disk = "copy"\n ${changed}` });
    await booted(2, "one");
  });

  test.each([
    ["another image", { path: "/other.img", options: "" }, "the job has another image now"],
    [
      "sticky = false",
      { config: changed, group: "ephemeral_disk {\n sticky = false\n }" },
      "ephemeral_disk has sticky = false;",
    ],
    [
      "several copies",
      { config: changed, group: "count = 2" },
      'a group with several copies, as "g" has now, move along only',
    ],
    ["another kind of disk", { config: 'disk = "copy"' }, 'the job asks for disk = "copy" now'],
  ])("stays where it is with %s, which the reply says", async (_, change, why) => {
    const old = await first();
    const theirs = filesOf("one").overlay;
    bench.origin.set("/other.img", { kind: "bytes", body: Buffer.concat([demoDisk(), Buffer.alloc(512)]) });
    const path = "path" in change ? `destination = "local/demo.img"\n mode = "file"` : "";
    const { warnings } = await run("one", { ...change, options: "options" in change ? "" : undefined, more: path });
    expect(warnings.join("\n")).toMatch(
      new RegExp(`${old.slice(0, 8)} .* DISCARDS the disk of task "vm", [\\d.]+ KiB written since its start: .*${why}`),
    );
    await booted(1, "one");
    expect(existsSync(theirs)).toBe(true);
  });

  test("stays where it is when its image comes out of an archive, which the reply says", async () => {
    bench.origin.set("/demo.tar", { kind: "bytes", body: tarOf({ name: "demo.img", body: demoDisk() }) });
    const config = 'disk = "overlay"';
    const more = { path: "/demo.tar", options: "" };
    await run("one", { config, ...more });
    await booted(1, "one");
    const old = idOf(bed.agent, "one");
    const theirs = filesOf("one").overlay;
    const { warnings } = await run("one", { config: `${config}\n ${changed}`, ...more });
    expect(warnings.join("\n")).toMatch(
      new RegExp(`${old.slice(0, 8)} .* DISCARDS the disk of task "vm", .*: its image lies in the allocation itself`),
    );
    await booted(1, "one");
    expect(messages("one")).toContain("does not move along and stays in");
    expect(existsSync(theirs)).toBe(true);
  });

  test.each(["written to", "replaced", "not the one any more that a link leads to"])(
    "stays where it is when the host's image is %s, which the reply says",
    async (how) => {
      const image = writeDemoDisk(bed.dir.path);
      const link = join(dirname(image), "current.img");
      symlinkSync(image, link);
      const job = (args: string) =>
        demoJob(link, { id: "one", config: `disk = "overlay"\n args = ["-name", "${args}"]` });
      await bed.agent.registerJob(job("old"), null, {});
      await booted(1, "one");
      if (how === "written to") Bun.spawnSync(["touch", image]);
      else cpSync(image, `${image}.new`);
      if (how === "replaced") renameSync(`${image}.new`, image);
      if (how.startsWith("not")) Bun.spawnSync(["ln", "-sf", `${image}.new`, link]);
      const [fate] = await bed.agent.disksAtStake(job("new"));
      expect(fate?.message).toContain('DISCARDS the disk of task "vm"');
      expect(fate?.message).toContain("its image is not what it was: ");
      await bed.agent.registerJob(job("new"), null, {});
      await booted(1, "one");
      expect(messages("one")).toContain("does not move along and stays in");
    },
  );

  test("is not said to stay when only a version in between, which never had it, had another image", async () => {
    await first();
    const once = 'attempts = 0\n mode = "fail"';
    const more = 'destination = "local/demo.img"\n mode = "file"';
    await run("one", { path: "/none.img", options: "", more, restart: once });
    await machineOf(bed.agent, "ended", "one");
    expect(await bed.agent.disksAtStake(jobOf("one", { config: changed }))).toEqual([]);
    await run("one", { config: changed });
    await booted(2, "one");
  });

  test("is told of before anything is registered, and nothing of one that goes on or that nobody wrote to", async () => {
    const old = await first();
    const { overlay } = filesOf("one");
    const stake = async (config: string) => await bed.agent.disksAtStake(jobOf("one", { config }));
    expect(await stake("")).toEqual([]);
    expect(await stake(changed)).toEqual([
      {
        allocationId: old,
        task: "vm",
        message: `allocation ${old.slice(0, 8)} is stopped and replaced; its disk moves along`,
        discarded: null,
      },
    ]);
    const lost = { allocationId: old, discarded: { path: overlay, bytes: statSync(overlay).blocks * 512 } };
    expect(await stake('disk = "copy"')).toMatchObject([lost]);
    await kill("one");
    writeFileSync(overlay, "no qcow2 any more", { flag: "r+" });
    await machineOf(bed.agent, "ended", "one");
    expect(await stake(changed)).toEqual([]);
    const [ended] = await stake('disk = "copy"');
    expect(ended).toMatchObject({
      message: expect.stringContaining("has ended and is replaced, which DISCARDS"),
      ...lost,
    });
    await bed.agent.deregisterJob("one", { purge: false });
    expect(await stake('disk = "copy"')).toEqual([]);
  });

  test("is discarded when its group is called otherwise, and waits for one of the old name", async () => {
    const old = await first();
    const { overlay } = filesOf("one");
    const renamed = (name: string): Job => {
      const job = jobOf("one", { config: changed });
      return { ...job, groups: job.groups.map((group) => ({ ...group, name })) };
    };
    const before = jobOf("one").groups[0]?.name ?? "";
    const [fate] = await bed.agent.disksAtStake(renamed("other"));
    expect(fate).toMatchObject({ allocationId: old, discarded: { path: overlay } });
    expect(fate?.message).toContain(`: the job has no group "${before}" any more; it stays in`);
    await bed.agent.registerJob(renamed("other"), null, {});
    await booted(1, "one");
    const stake = await bed.agent.disksAtStake(jobOf("one", { config: 'disk = "copy"' }));
    expect(stake.map(({ allocationId, discarded }) => [allocationId, discarded?.path])).toEqual([
      [idOf(bed.agent, "one"), filesOf("one").overlay],
      [old, overlay],
    ]);
    await bed.agent.registerJob(renamed(before), null, {});
    await booted(2, "one");
    expect(newestOf(bed.agent, "one")?.previousAllocation).toBe(old);
  });

  test("is left without a word of loss when its guest wrote nothing", async () => {
    await run("one", { config: 'args = ["-S"]' });
    await until("QEMU", async () => (await machineOf(bed.agent, "running", "one")).guest === "prelaunch");
    const [fate] = await bed.agent.disksAtStake(jobOf("one", { config: 'disk = "copy"' }));
    expect(fate).toMatchObject({ discarded: null });
    expect(fate?.message).toEndWith("is stopped and replaced; nothing was written to its disk");
  });

  test("is discarded when it is the very file that an artifact brought, and stays when it is the host's", async () => {
    const old = await first('disk = "direct"');
    const path = join(dirsOf("one").local, "demo.img");
    const [fate] = await bed.agent.disksAtStake(jobOf("one", { config: `disk = "direct"\n ${changed}` }));
    expect(fate).toMatchObject({ allocationId: old, discarded: { path, bytes: null } });
    expect(fate?.message).toContain(`an image that was used in place does not move along; it stays in ${path}`);
    const image = writeDemoDisk(bed.dir.path);
    await bed.agent.registerJob(demoJob(image, { id: "host" }), null, {});
    await booted(1, "host");
    const [other] = await bed.agent.disksAtStake(demoJob(image, { id: "host", config: changed }));
    expect(other).toMatchObject({ discarded: null });
    expect(other?.message).toContain(`is stopped and replaced; its disk stays what it is, ${image}`);
  });

  test("stays where it is when the job was stopped after its machine had failed", async () => {
    await first();
    const { overlay } = filesOf("one");
    writeFileSync(overlay, "no qcow2 any more", { flag: "r+" });
    await kill("one");
    expect(await failure("one")).toContain("expected the overlay that paddock made");
    await bed.agent.deregisterJob("one", { purge: false });
    await run("one");
    await until("a new allocation", () => bed.agent.allocations({ jobId: "one" }).length === 2);
    await booted(1, "one");
    expect(newestOf(bed.agent, "one")?.previousAllocation).toBeUndefined();
    expect(existsSync(overlay)).toBe(true);
  });

  test("stays where it is when the job was stopped: who runs it again begins anew", async () => {
    await first();
    const theirs = filesOf("one").overlay;
    await stop("one");
    const hash = hashOf(theirs);
    await run("one");
    await until("a new allocation", () => bed.agent.allocations({ jobId: "one" }).length === 2);
    await booted(1, "one");
    expect(hashOf(theirs)).toBe(hash);
  });
});
