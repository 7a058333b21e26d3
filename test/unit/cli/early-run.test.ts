import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type EarlyRun, sendEarly } from "../../../src/cli/early-run.ts";
import { INTERRUPT_SIGNALS } from "../../../src/cli/exit.ts";
import { functionsWithFiles } from "../../../src/hcl/functions/files.ts";
import { FUNCTIONS } from "../../../src/hcl/functions/table.ts";
import { MAX_SOURCE_BYTES } from "../../../src/hcl/limits.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { type TempDir, tempDir } from "../../helpers/temp.ts";
import { until } from "../../helpers/until.ts";

let dir: TempDir;
let seen: string[];
let server: ReturnType<typeof Bun.serve> | undefined;
const clock = manualClock();
const before = INTERRUPT_SIGNALS.map((name) => process.listeners(name));

beforeEach(() => {
  dir = tempDir();
  seen = [];
  mkdirSync(dir.file("paddock"), { mode: 0o711 });
  writeFileSync(dir.file("web.hcl"), 'job "web" {}');
});

afterEach(async () => {
  await server?.stop(true);
  server = undefined;
  // It holds the signals of its process for good.
  for (const [at, name] of INTERRUPT_SIGNALS.entries()) {
    for (const listener of process.listeners(name)) {
      if (!before[at]?.includes(listener)) process.removeListener(name, listener);
    }
  }
  await dir[Symbol.asyncDispose]();
});

/** An agent in the user's own place. */
function serve(answer: () => Response | Promise<Response>): void {
  const fetch = (request: Request): Response | Promise<Response> => {
    seen.push(`${request.method} ${new URL(request.url).pathname}`);
    return answer();
  };
  server = Bun.serve({ unix: dir.file("paddock", "api.sock"), idleTimeout: 0, fetch } as never);
}

const send = (): EarlyRun | null =>
  sendEarly(["run", dir.file("web.hcl")], {
    env: { XDG_RUNTIME_DIR: dir.path },
    uid: process.getuid?.() || 1000,
    clock,
  });

test("a plain job file is sent to the agent of this user before anything else is loaded", async () => {
  serve(() => Response.json({ EvalID: "e" }));
  expect(await send()?.reply).toEqual({ EvalID: "e" });
  expect(seen).toEqual(["PUT /v1/jobs"]);
});

test.each([
  ["no UTF-8", (path: string) => writeFileSync(path, Buffer.from([0x6a, 0xff, 0x62]))],
  ["longer than job files are", (path: string) => writeFileSync(path, Buffer.alloc(MAX_SOURCE_BYTES + 1, " "))],
  [
    "no regular file",
    (path: string) => {
      rmSync(path);
      symlinkSync("/dev/zero", path);
    },
  ],
])("what is %s is left to the command", (_, change) => {
  serve(() => Response.json({ EvalID: "e" }));
  change(dir.file("web.hcl"));
  expect(send()).toBeNull();
  expect(seen).toEqual([]);
});

test("a job file is sent to nobody in a directory where anybody may answer", () => {
  serve(() => Response.json({ EvalID: "e" }));
  chmodSync(dir.file("paddock"), 0o777);
  expect(send()).toBeNull();
  expect(seen).toEqual([]);
});

test("a job file that takes values of this user's environment, or looks at this user's files, or is no text, is left to the command itself", () => {
  serve(() => Response.json({ EvalID: "e" }));
  for (const name of ["NOMAD_VAR_size", "PADDOCK_VAR_size"]) {
    const env = { XDG_RUNTIME_DIR: dir.path, [name]: "1" };
    expect(sendEarly(["run", dir.file("web.hcl")], { env, uid: process.getuid?.() || 1000, clock })).toBeNull();
  }
  writeFileSync(
    dir.file("web.hcl"),
    Buffer.concat([Buffer.from("# "), Buffer.from([0xff]), Buffer.from('\njob "web" {}')]),
  );
  expect(send()).toBeNull();
  const own = functionsWithFiles({ base: "/", home: undefined });
  const names = [...own.keys()].filter((name) => own.get(name) !== FUNCTIONS.get(name));
  expect(names).toContain("fileset");
  for (const call of names.flatMap((name) => [`${name}("key")`, `${name} ("key")`, `${name}/* a */("key")`])) {
    writeFileSync(dir.file("web.hcl"), `locals {\n  key = try(${call}, "none")\n}\njob "web" {}`);
    expect([call, send()]).toEqual([call, null]);
  }
  expect(seen).toEqual([]);
});

test("a place that cannot be looked at is left to the command itself", () => {
  symlinkSync("api.sock", dir.file("paddock", "api.sock"));
  expect(send()).toBeNull();
});

test("an agent that takes the job and hangs is told of", async () => {
  serve(() => new Promise<Response>(() => undefined));
  const early = send();
  await until("the job", () => seen.length === 1);
  clock.advance(4_000);
  await until("the question whether it lives", () => seen.length === 2);
  clock.advance(2_000);
  clock.advance(9_000);
  expect(await early?.reply).toMatchObject({
    code: "timeout",
    message: expect.stringContaining(
      " took PUT /v1/jobs and has said nothing for 15 s; whether it was done is not known",
    ),
  });
});
