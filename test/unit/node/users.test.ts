import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { chooseKvmGroup, findUserPool, isMapped, lackingCapabilities } from "../../../src/node/user-pool.ts";
import { createUserChooser, groupId, pickUid, processUids } from "../../../src/node/users.ts";
import { tempDir } from "../../helpers/temp.ts";
import { until } from "../../helpers/until.ts";

const root = process.getuid?.() === 0;

describe("a uid of the range", () => {
  const range = { min: 80_000, max: 80_002 };
  test.each([
    ["the one at the offset", [], 1, 80_001],
    ["the next one when that is taken", [80_001], 1, 80_002],
    ["one of the beginning behind the end", [80_002], 2, 80_000],
    ["none when all are taken", [80_000, 80_001, 80_002], 1, undefined],
  ])("is %s", (_, taken, offset, uid) => {
    expect(pickUid(range, new Set(taken), offset)).toBe(uid);
  });

  test("is never one that an account or a group of the host has", () => {
    const nobody = Number(/^nobody:[^:]*:(\d+)/m.exec(readFileSync("/etc/passwd", "utf8"))?.[1]);
    const choose = createUserChooser({ min: nobody, max: nobody, kvmGroup: null });
    expect(() => choose([])).toThrow(`every uid from ${nobody} to ${nobody} is taken`);
  });

  test("comes round only when all others were given", () => {
    const choose = createUserChooser({ min: 71_510, max: 71_519, kvmGroup: null });
    const given = Array.from({ length: 10 }, () => choose([]).uid);
    expect(new Set(given).size).toBe(10);
    const taken = given.filter((uid) => uid !== 71_513);
    expect(choose(taken).uid).toBe(71_513);
    expect(choose(taken).uid).toBe(71_513);
    expect(() => choose(given)).toThrow("is taken");
  });

  test.skipIf(!root)("is not that of a process, until that has ended", async () => {
    const pool = { min: 71_500, max: 71_500, kvmGroup: null };
    const before = createUserChooser(pool);
    expect(before([])).toEqual({ uid: 71_500, gid: 71_500 });
    const left = Bun.spawn(["/bin/sleep", "60"], { uid: 71_500, gid: 71_500 });
    for (const choose of [before, createUserChooser(pool)]) expect(() => choose([])).toThrow("is taken");
    left.kill("SIGKILL");
    await left.exited;
    await until("the user to be free", () => before([]).uid === 71_500);
  });

  test("comes with the group kvm where the host has one", () => {
    const choose = createUserChooser({ min: 71_501, max: 71_501, kvmGroup: 36 });
    expect(choose([])).toEqual({ uid: 71_501, gid: 36 });
  });
});

test("the group of machines is kvm, but never root's and never that of the API", () => {
  expect([
    chooseKvmGroup(36, undefined),
    chooseKvmGroup(36, 900),
    chooseKvmGroup(undefined, 900),
    chooseKvmGroup(0, 900),
    chooseKvmGroup(900, 900),
  ]).toEqual([36, 36, null, null, null]);
  expect(groupId("root")).toBe(0);
  expect(groupId("no-such-group")).toBeUndefined();
});

test("a process is known by four uids, one that is not there by none", () => {
  const uid = process.getuid?.() ?? 0;
  expect(processUids(process.pid)).toEqual([uid, uid, uid, uid]);
  expect(processUids(4_194_303)).toBeUndefined();
});

describe("root gives no users", () => {
  test("without the capabilities for it, each of which is named", () => {
    expect(lackingCapabilities("Name:\tx\nCapEff:\t000001ffffffffff\n")).toEqual([]);
    expect(lackingCapabilities("CapEff:\t00000000a80425fb\n")).toEqual([]);
    // Without bits 0 (chown) and 7 (setuid).
    expect(lackingCapabilities("CapEff:\t000001ffffffff7e\n")).toEqual(["CAP_CHOWN", "CAP_SETUID"]);
    expect(lackingCapabilities("")).toHaveLength(6);
  });

  test.each([
    ["the whole host", "         0          0 4294967295\n", true],
    ["a container's range, which ends before", "0 100000 65536\n", false],
    ["two ranges that follow on each other", "80005 1 5\n0 100000 80005\n", true],
    ["two ranges with a gap", "0 1 80002\n80003 100003 100\n", false],
    ["no range", "\n", false],
  ])("that do not exist in its user namespace: %s", (_, map, mapped) => {
    expect(isMapped(map, 80_000, 80_009)).toBe(mapped);
  });

  test.skipIf(!root)("that cannot reach its directories, of which the first closed one is named", async () => {
    await using dir = tempDir();
    mkdirSync(dir.file("closed", "data"), { recursive: true });
    expect(await findUserPool({ min: 71_000, max: 71_001, dirs: [dir.file("closed", "data")] })).toMatchObject({
      pool: { min: 71_000, max: 71_001 },
    });
    chmodSync(dir.file("closed"), 0o700);
    expect(await findUserPool({ min: 71_000, max: 71_001, dirs: [dir.file("closed", "data")] })).toEqual({
      pool: null,
      reason: `the users of machines may not pass through ${dir.file("closed")}`,
      hint: `chmod o+x ${dir.file("closed")}, or set data_dir and run_dir to other directories`,
    });
  });

  test.skipIf(root)("when it is not root", async () => {
    expect(await findUserPool({ min: 1, max: 2, dirs: [] })).toMatchObject({
      pool: null,
      reason: "the agent does not run as root",
    });
  });
});
