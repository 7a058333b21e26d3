import { beforeAll, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cachePlaces } from "../../src/paths.ts";
import { artifactBench, fetchHere, ONCE, type Wanted } from "../helpers/artifact.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "../helpers/git-server.ts";
import { startOrigin } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";
import { tempForAll } from "../helpers/temp-per-test.ts";

const here = artifactBench();
const dir = tempForAll();

beforeAll(() => {
  chmodSync(dir.path, 0o755);
  const run = `git init -q -b main r && cd r && echo one > a.img && git add a.img &&
    git -c user.name=n -c user.email=a@example.org commit -qm c`;
  expect(Bun.spawnSync(["sh", "-c", run], { cwd: dir.path }).exitCode).toBe(0);
});

const BEGINNING = "/info/refs?service=git-upload-pack";
const tls = {
  key: readFileSync(join(import.meta.dirname, "artifact", "localhost.key"), "utf8"),
  cert: readFileSync(join(import.meta.dirname, "artifact", "localhost.crt"), "utf8"),
};
const serve = (options: Omit<GitServerOptions, "tls"> = {}): GitServer => startGitServer(dir.path, { tls, ...options });

function get(source: string, wanted: Wanted = {}) {
  // The user that git runs as has to get to its directory.
  chmodSync(here.dir.path, 0o755);
  const rules = { tls: { ca: tls.cert, cert: null, key: null } };
  return fetchHere(here.plan(source, { rules, ...wanted }), here.cache, { retry: ONCE });
}

/** A repository of the plain origin, whose server sends git elsewhere. */
function moved(to: string): string {
  here.origin.set(`/r${BEGINNING}`, { kind: "redirect", to });
  return `git::${here.origin.url("/r")}`;
}

async function expectRefusal(source: string, message: string, wanted: Wanted = {}) {
  const error = await refusal(get(source, wanted));
  expect(error.message).toContain(message);
  expect(readdirSync(here.dirs.local)).toEqual([]);
  expect(readdirSync(cachePlaces(here.cache).parts)).toEqual([]);
  return error;
}

test("a repository is found where its server sends git to, with the login on the same server", async () => {
  await using server = serve({ login: "me:pw", moved: ["/old", "/r"] });
  await get(`git::https://me:pw@127.0.0.1:${server.port}/old`);
  expect(readFileSync(join(here.dirs.local, "a.img"), "utf8")).toBe("one\n");
});

test("and on another server, which gets no login", async () => {
  await using open = serve();
  await get(moved(`https://127.0.0.1:${open.port}/r${BEGINNING}`));
  expect(readFileSync(join(here.dirs.local, "a.img"), "utf8")).toBe("one\n");
  await using closed = serve({ login: "me:pw" });
  const source = moved(`https://127.0.0.1:${closed.port}/r${BEGINNING}`);
  const destination = "local/more/";
  const error = await refusal(get(source.replace("//", "//me:pw@"), { destination }));
  expect(error.hint).toContain("give credentials");
});

test("a login never goes from https to http, on the same host neither", async () => {
  const asks = { status: 401, headers: { "www-authenticate": "Basic realm=x" }, body: Buffer.from("no") };
  await using plain = await startOrigin({ [`/r${BEGINNING}`]: { kind: "raw", ...asks } });
  await using server = serve({ login: "me:pw", moved: ["/r", `http://127.0.0.1:${plain.port}/r`] });
  await expectRefusal(`git::https://me:pw@127.0.0.1:${server.port}/r`, "git ls-remote");
  expect(plain.requests.length).toBeGreaterThan(0);
  expect(plain.requests.filter(({ headers }) => headers["authorization"] !== undefined)).toEqual([]);
});

test.each([
  ["http://169.254.169.254/r", "redirect to a metadata address"],
  [`http://[::ffff:169.254.1.1]/r${BEGINNING}`, "redirect to a metadata address"],
  ["file:///etc", "expected a redirect to http or https"],
  ["ext::sh", "expected a redirect to http or https"],
  ["/a.img", "redirects git to what is no repository"],
  ["/x/info/refs", "redirects git to what is no repository"],
  [`/r${BEGINNING}`, "more than 10 redirects"],
])("a redirect to %s is not followed", async (to, message) => {
  await expectRefusal(moved(to), message);
});
