import { expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hostTarget } from "../../build.ts";
import { runProgram } from "../helpers/run.ts";
import { HOME } from "../helpers/steps.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";

/** A checkout with the scripts of `.ci` and nothing else. */
function bareCheckout(): TempDir {
  const dir = tempDir();
  mkdirSync(dir.file(".ci"));
  for (const name of ["run", "setup", "host-binary"]) copyFileSync(join(HOME, ".ci", name), dir.file(".ci", name));
  return dir;
}

function writeProgram(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

async function runWithNpm(npm: string) {
  await using dir = bareCheckout();
  writeProgram(dir.file("bin", "npm"), npm);
  return await runProgram(["bash", dir.file(".ci", "run")], { env: { PATH: `${dir.file("bin")}:${PATH}` } });
}

test("the check ends with the counts alone on the last line, once, and exits with 0 when nothing failed", async () => {
  const { code, stdout } = await runWithNpm(
    '[ "$1" = test ] && [ "$CI" = true ]; echo "7 passed, 0 failed"; echo notice >&2',
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: "notice\n7 passed, 0 failed\n" });
});

test("the check exits with an error when something failed, when npm failed, and when it never came to the counts", async () => {
  const failed = await runWithNpm('echo "7 passed, 2 failed"; exit 1');
  expect(failed).toMatchObject({ stdout: "7 passed, 2 failed\n", code: 1 });
  expect((await runWithNpm('echo "7 passed, 2 failed"')).code).toBe(1);
  expect((await runWithNpm('echo "7 passed, 0 failed"; exit 1')).code).toBe(1);
  const broken = await runWithNpm("echo setup: no; exit 0");
  expect(broken).toMatchObject({ stdout: "setup: no\n0 passed, 1 failed\n", code: 1 });
});

test("host-binary runs this machine's executable with the arguments and its exit code, and says how to build it when it is missing", async () => {
  await using dir = bareCheckout();
  const missing = await runProgram(["sh", dir.file(".ci", "host-binary"), "version"]);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("npm run build -- --host");
  writeProgram(dir.file("dist", `paddock-${hostTarget()?.name}`), 'printf "<%s>" "$@"; exit 3');
  const result = await runProgram(["sh", dir.file(".ci", "host-binary"), "job", "a b"]);
  expect(result).toMatchObject({ code: 3, stdout: "<job><a b>" });
});

/** A checkout in which npm has run, `seconds` after the lock file was written. */
function checkoutWithModules(seconds: number): TempDir {
  const dir = bareCheckout();
  writeFileSync(dir.file("package.json"), '{ "dependencies": { "direct": "1.0.0" } }');
  writeFileSync(dir.file("package-lock.json"), "{}");
  mkdirSync(dir.file("node_modules"));
  writeFileSync(dir.file("node_modules", ".package-lock.json"), "{}");
  utimesSync(dir.file("package-lock.json"), 1000, 1000);
  utimesSync(dir.file("node_modules", ".package-lock.json"), 1000 + seconds, 1000 + seconds);
  return dir;
}

/** Runs `.ci/setup bun` with an npm that writes down its first argument and then does what `npm` says. */
async function setupBun(dir: TempDir, npm = "") {
  writeProgram(dir.file("bin", "npm"), `echo "$1" >> ${dir.file("npm.log")}\n${npm}`);
  writeFileSync(dir.file("npm.log"), "");
  const env = { PATH: `${dir.file("bin")}:${PATH}` };
  const result = await runProgram(["sh", dir.file(".ci", "setup"), "bun"], { env });
  return { ...result, npm: readFileSync(dir.file("npm.log"), "utf8").split("\n").filter(Boolean) };
}

test("setup bun does and says nothing when the modules are newer than the lock file", async () => {
  await using dir = checkoutWithModules(10);
  writeProgram(dir.file("node_modules", ".bin", "bun"), "echo 1.0.0");
  expect(await setupBun(dir)).toEqual({ code: 0, signal: null, stdout: "", stderr: "", npm: [] });
});

test("setup bun runs npm ci when the lock file is newer, and not again after it", async () => {
  await using dir = checkoutWithModules(-10);
  writeProgram(dir.file("node_modules", ".bin", "bun"), "echo 1.0.0");
  expect(await setupBun(dir)).toMatchObject({ code: 0, npm: ["ci"] });
  expect(await setupBun(dir)).toMatchObject({ code: 0, npm: [] });
});

test("setup bun puts a bun in place whose install script npm did not run", async () => {
  await using dir = checkoutWithModules(10);
  const bun = dir.file("node_modules", ".bin", "bun");
  writeProgram(bun, "echo run the install script >&2; exit 1");
  mkdirSync(dir.file("node_modules", "bun"));
  const fix = `require("fs").writeFileSync(${JSON.stringify(bun)}, "#!/bin/sh\\necho 1.0.0\\n");`;
  writeFileSync(dir.file("node_modules", "bun", "install.js"), fix);
  const { code, stderr } = await setupBun(dir);
  expect(code).toBe(0);
  expect(stderr).toContain("node node_modules/bun/install.js");
});

test("setup bun goes on with npm install when npm ci misses only other platforms' programs in the lock file, and with nothing else", async () => {
  await using dir = checkoutWithModules(-10);
  writeProgram(dir.file("node_modules", ".bin", "bun"), "echo 1.0.0");
  const refuse = (line: string) =>
    `[ "$1" = install ] || { echo "npm error code EUSAGE"; echo "npm error ${line}"; exit 1; }`;
  const direct = await setupBun(dir, refuse("Missing: direct@1.0.0 from lock file"));
  expect(direct).toMatchObject({ code: 1, npm: ["ci"] });
  expect(direct.stderr).toContain("Missing: direct@1.0.0");
  const invalid = await setupBun(dir, refuse("Invalid: lock file's direct@1.0.0 does not satisfy direct@2.0.0"));
  expect(invalid).toMatchObject({ code: 1, npm: ["ci"] });
  const platform = await setupBun(dir, refuse("Missing: @scope/cli-darwin-arm64@ from lock file"));
  expect(platform).toMatchObject({ code: 0, npm: ["ci", "install"] });
});

test("setup refuses a word that it does not know", async () => {
  const { code, stderr } = await runProgram(["sh", join(HOME, ".ci", "setup"), "cow"]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "setup: unknown word: cow (known: bun, qemu, peers, guests)\n",
  });
});

test("setup tells an ordinary user what to install", async () => {
  await using dir = bareCheckout();
  const script = dir.file(".ci", "setup");
  writeFileSync(
    script,
    readFileSync(script, "utf8").replace(
      "need qemu-system-x86_64 qemu-system-x86",
      "need no-such-program qemu-system-x86",
    ),
  );
  writeProgram(dir.file("bin", "id"), "echo 1000");
  const env = { PATH: `${dir.file("bin")}:${PATH}` };
  const { code, stderr } = await runProgram(["sh", script, "qemu"], { env });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^setup: missing.*: ?.* qemu-system-x86\n$/);
});
