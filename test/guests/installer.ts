import { existsSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "./cache.ts";

/** Debian's installer for armhf, which `.ci/setup guests` unpacks: the smallest that Debian publishes as a package. */
export interface Installer {
  /** Its paths as Debian's list of checksums has them, below `root`. */
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
  /** Debian's own list, as `md5sum` writes it. */
  readonly checksums: string;
  /** A directory with `qemu-system-arm`. */
  readonly programs: string;
}

const IMAGES = "usr/lib/debian-installer/images/12/armhf/text/debian-installer/armhf";

/** @throws when it is not there. */
export function debianInstaller(): Installer {
  const root = join(CACHE, "installer");
  if (!existsSync(root)) throw new Error(`${root} is not there; run: sh .ci/setup guests`);
  return {
    root,
    kernel: `${IMAGES}/vmlinuz`,
    initrd: `${IMAGES}/initrd.gz`,
    checksums: "DEBIAN/debian-installer-12-netboot-armhf/md5sums",
    programs: join(root, "usr", "bin"),
  };
}
