import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryFile, hostTarget } from "../../build.ts";

const DIST = join(import.meta.dirname, "..", "..", "dist");

/**
 * The compiled `paddock` under test, outside the checkout: `PADDOCK_BINARY`, or else a copy of what `bun build.ts --host` made, which
 * stays in the temporary directory until a newer one replaces it.
 * @throws when it was not built.
 */
export function paddockBinary(): string {
  const named = process.env["PADDOCK_BINARY"];
  return named === undefined || named === "" ? copyOutside(builtBinary()) : named;
}

function builtBinary(): string {
  const target = hostTarget();
  if (target === undefined) throw new Error(`there is no paddock for ${process.platform}-${process.arch}`);
  return binaryFile(DIST, target);
}

function copyOutside(built: string): string {
  const stat = statSync(built, { throwIfNoEntry: false });
  if (stat === undefined) throw new Error(`${built} is not there; build it with: npm run build -- --host`);
  // Each checkout has copies of its own: another one's may be running.
  const checkout = Bun.hash(DIST).toString(36);
  const prefix = `pdk-binary-${process.getuid?.() ?? 0}-${checkout}-`;
  const common = process.env["PADDOCK_TEST_COMMON"] ?? tmpdir();
  const home = join(common, `${prefix}${stat.mtimeMs.toString(36).replace(".", "")}`);
  const copy = join(home, "paddock");
  const found = statSync(copy, { throwIfNoEntry: false });
  if (found?.size === stat.size && found.uid === process.getuid?.()) return copy;
  for (const name of readdirSync(common)) {
    if (name.startsWith(prefix)) rmSync(join(common, name), { recursive: true, force: true });
  }
  mkdirSync(home, { recursive: true, mode: 0o755 });
  // The name can be guessed: what another user put there is not run.
  if (statSync(home).uid !== process.getuid?.()) throw new Error(`${home} is another user's; remove it`);
  const part = `${copy}.${process.pid}`;
  copyFileSync(built, part);
  chmodSync(part, 0o755);
  renameSync(part, copy);
  return copy;
}
