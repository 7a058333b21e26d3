import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildOnce, CACHE } from "./cache.ts";

/** A real Linux appliance made from Debian's kernel and busybox; what it does and prints is said in build-tiny.sh. */
export interface TinyGuest {
  /** Holds the files below, and the kernel as `vmlinuz`. */
  readonly dir: string;
  /** Raw disk with a partition table, boots by BIOS. */
  readonly raw: string;
  readonly qcow2: string;
  /** CD image, also bootable as a disk. */
  readonly iso: string;
}

const SCRIPT = join(import.meta.dirname, "build-tiny.sh");

/**
 * The tiny guest's files, built on the first call (a few seconds) into `.cache/`, or taken from the directory that `PADDOCK_TINY_DIR`
 * names. They are shared: copy what is to be written to.
 * @throws with the script's output when it fails; `sh .ci/setup guests` installs what it needs.
 */
export function tinyGuest(): TinyGuest {
  const given = process.env["PADDOCK_TINY_DIR"];
  const dir = given === undefined || given === "" ? buildTiny() : given;
  return { dir, raw: join(dir, "tiny.img"), qcow2: join(dir, "tiny.qcow2"), iso: join(dir, "tiny.iso") };
}

/** The directory of the guest's files, named after everything that goes into them. */
function buildTiny(): string {
  const kernel = findKernel();
  const image = statSync(join(kernel.dir, "boot", `vmlinuz-${kernel.version}`));
  const agent = findGuestAgent();
  const parts = `${kernel.version} ${image.size} ${statSync(join(agent, "usr/sbin/qemu-ga")).size}`;
  const key = createHash("sha256").update(readFileSync(SCRIPT)).update(parts).digest("hex");
  return buildOnce(`tiny-${key.slice(0, 16)}`, (part) => {
    const result = spawnSync("bash", [SCRIPT, part], {
      encoding: "utf8",
      env: {
        ...process.env,
        KDIR: kernel.dir === "/" ? "" : kernel.dir,
        KVER: kernel.version,
        QGADIR: agent === "/" ? "" : agent,
      },
    });
    if (result.status !== 0)
      throw new Error(`build-tiny.sh failed (${result.status}):\n${result.stdout}${result.stderr}`);
  });
}

/** Holds `usr/sbin/qemu-ga`: the host, or what `.ci/setup guests` unpacked, for a guest's agent has no business on a host. */
function findGuestAgent(): string {
  const dir = ["/", join(CACHE, "qga")].find((root) => existsSync(join(root, "usr/sbin/qemu-ga")));
  if (dir === undefined) throw new Error("there is no qemu-ga for the tests' guest; run: sh .ci/setup guests");
  return dir;
}

interface Kernel {
  /** Holds `boot/` and `lib/modules/`. */
  readonly dir: string;
  readonly version: string;
}

/** The installed cloud kernel, or the one that `.ci/setup guests` unpacked under `.cache/kernel`; the newest of several. */
function findKernel(): Kernel {
  for (const dir of ["/", join(CACHE, "kernel")]) {
    const boot = join(dir, "boot");
    if (!existsSync(boot)) continue;
    const versions = readdirSync(boot)
      .filter((name) => /^vmlinuz-.*-cloud-amd64$/.test(name))
      .map((name) => name.slice("vmlinuz-".length))
      .filter((version) => existsSync(join(dir, "lib", "modules", version)))
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const version = versions.at(-1);
    if (version !== undefined) return { dir, version };
  }
  throw new Error("there is no kernel for the tests' guest; run: sh .ci/setup guests");
}
