import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { findDenied } from "../../src/node/access.ts";
import { cacheDir, repositoriesDir } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { artifactBench, fetchHere, type Wanted } from "../helpers/artifact.ts";
import { machineOf } from "../helpers/in-process-agent.ts";
import { processesAt } from "../helpers/processes.ts";
import { refusal } from "../helpers/refusal.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const UID = 84_321;
const NOBODY = 65_534;

/** A server that takes connections and says nothing: git waits, with all that it has been given. */
let silent: Server;
beforeAll(async () => {
  silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
});
afterAll(() => void silent.close());
const at = (scheme: string, login: string): string =>
  `git::${scheme}://${login}@127.0.0.1:${(silent.address() as AddressInfo).port}/r`;

/** The real uids and the gids of the programs that work for git below a directory. */
const idsBelow = (dir: string): string[] =>
  processesAt(dir).flatMap(({ pid }) => {
    const status = statusOf(pid);
    return status === "" ? [] : `${/^Uid:\t(\d+)/m.exec(status)?.[1]}:${/^Gid:\t(\d+)/m.exec(status)?.[1]}`;
  });

const runs = (program: string, dir: string): boolean =>
  processesAt(dir).some(({ command }) => command.includes(program));

/** "" for a process that has just ended. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "";
  }
}

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const sshkey = Buffer.from(privateKey).toString("base64");

/** Only root has other users for it. */
describe.skipIf(process.getuid?.() !== 0)("git of root's agent", () => {
  describe("has its files for itself", () => {
    const here = artifactBench();

    test.each([
      ["as a user of its own", at, "http", "me:s3cret", {}, ".netrc", UID, UID],
      ["as a group of its own, where ssh wants a user with a name", at, "ssh", "git", { sshkey }, "key", NOBODY, UID],
    ] as const)("%s", async (_, source, scheme, login, options, secret, uid, gid) => {
      chmodSync(here.dir.path, 0o755);
      const repositories = repositoriesDir(here.cache);
      const controller = new AbortController();
      const wanted: Wanted = { options, insecure: scheme === "ssh", rules: { gitUid: UID } };
      const getting = refusal(
        fetchHere(here.plan(source(scheme, login), wanted), here.cache, { signal: controller.signal }),
      );
      const program = scheme === "ssh" ? "ssh" : "git-remote-http";
      await until("git to wait for its server", () => runs(program, repositories));
      expect(new Set(idsBelow(repositories))).toEqual(new Set([`${uid}:${gid}`]));
      const [name = ""] = readdirSync(repositories);
      const wantedFiles = [secret, "config", "repository/config"].map((file) => ({
        path: join(repositories, name, file),
        access: "read" as const,
      }));
      expect(await findDenied({ uid, gid }, wantedFiles)).toEqual([]);
      expect(await findDenied({ uid: NOBODY, gid: NOBODY }, wantedFiles)).toEqual(wantedFiles);
      const changed = wantedFiles.slice(0, 2).map(({ path }) => ({ path, access: "write" as const }));
      expect(await findDenied({ uid, gid }, changed)).toEqual(changed);
      controller.abort();
      await getting;
      expect(readdirSync(repositories)).toEqual([]);
    });
  });

  describe("is", () => {
    const bed = agentPerTest(false);

    /** The uids and gids of git while it is asked for a repository. */
    async function idsOfPull(): Promise<readonly string[]> {
      const repositories = repositoriesDir(cacheDir(bed.dirs));
      const controller = new AbortController();
      const source = at("http", "me:s3cret");
      const { run } = bed.agent.images.pull({ source, options: {}, headers: {}, insecure: false });
      const { signal } = controller;
      const pulling = refusal(run({ signal, onProgress: () => undefined, onMessage: () => undefined }));
      await until("git to wait for its server", () => runs("git-remote-http", repositories));
      const found = idsBelow(repositories);
      controller.abort();
      await pulling;
      return found;
    }

    test("one of the users that machines have", async () => {
      await bed.start();
      for (const ids of await idsOfPull()) {
        const [uid, gid] = ids.split(":").map(Number);
        expect(uid).toBeWithin(80_000, 90_000);
        expect(gid).toBe(uid ?? 0);
      }
    });

    test("nobody where machines have them all", async () => {
      await bed.start({ users: { wanted: true, min: UID, max: UID } });
      await bed.submit();
      await machineOf(bed.agent, "running");
      expect(new Set(await idsOfPull())).toEqual(new Set([`${NOBODY}:${NOBODY}`]));
    });
  });
});
