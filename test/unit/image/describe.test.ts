import { expect, test } from "bun:test";
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describeImage } from "../../../src/image/describe.ts";
import { randomBelow } from "../../helpers/random.ts";
import { runProgram } from "../../helpers/run.ts";
import { tempForAll } from "../../helpers/temp-per-test.ts";

const dir = tempForAll();

test("a raw image with a hole tells what it takes on the disk", () => {
  const path = dir.file("sparse.raw");
  writeFileSync(path, "boot");
  truncateSync(path, 3 << 20);
  const { diskSize, ...rest } = describeImage(path);
  expect(rest).toEqual({ format: "raw", virtualSize: 3 << 20, fileSize: 3 << 20, qcow2: null, refused: null });
  expect(diskSize).toBeLessThan(1 << 20);
});

test("an image behind a symbolic link is the image", () => {
  writeFileSync(dir.file("real.raw"), Buffer.alloc(512));
  symlinkSync(dir.file("real.raw"), dir.file("link.raw"));
  expect(describeImage(dir.file("link.raw"))).toMatchObject({ format: "raw", virtualSize: 512 });
});

test("another format is named as QEMU names it, with why it is refused", () => {
  const path = dir.file("disk.vmdk");
  writeFileSync(path, Buffer.concat([Buffer.from("KDMV"), Buffer.alloc(4096)]));
  expect(describeImage(path)).toMatchObject({
    format: "vmdk",
    virtualSize: null,
    refused: { found: "a VMDK image", hint: expect.stringContaining("qemu-img convert") },
  });
});

test("an empty file has no format", () => {
  writeFileSync(dir.file("empty"), "");
  expect(describeImage(dir.file("empty"))).toMatchObject({ format: null, refused: { found: "an empty file" } });
});

test("what is no regular file is refused without waiting for it", async () => {
  await runProgram(["mkfifo", dir.file("fifo")]);
  mkdirSync(dir.file("directory"));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(dir.file("socket"), resolve));
  try {
    const kinds = [dir.file("fifo"), dir.file("directory"), dir.file("socket"), "/dev/zero"].map((path) => {
      try {
        return describeImage(path).format;
      } catch (error) {
        return String(error).replace(/.*found a /, "");
      }
    });
    expect(kinds).toEqual(["FIFO", "directory", "socket", "character device"]);
  } finally {
    server.close();
  }
});

test("a file that is not there is told so, with its control characters shown", () => {
  expect(() => describeImage(dir.file("no\u001b[31m"))).toThrow(`no such file: ${dir.file("no\\x1b[31m")}`);
  expect(() => describeImage(dir.file("sparse.raw", "below"))).toThrow("no such file");
});

/** A sound qcow2 of version 3 with three clusters of 512 bytes behind its header's. */
function qcow2(change: (image: Buffer) => void): Buffer {
  const image = Buffer.alloc(4 * 512);
  image.writeUInt32BE(0x514649fb, 0);
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(9, 20);
  image.writeBigUInt64BE(4096n, 24);
  image.writeUInt32BE(1, 36);
  image.writeBigUInt64BE(512n, 40);
  image.writeBigUInt64BE(1024n, 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(104, 100);
  change(image);
  return image;
}

function describeQcow2(change: (image: Buffer) => void) {
  const path = dir.file("disk.qcow2");
  writeFileSync(path, qcow2(change));
  const image = describeImage(path);
  if (image.qcow2 === null) throw new Error("expected facts of a qcow2 image");
  return { ...image, qcow2: image.qcow2 };
}

test("a qcow2 that is refused is described all the same", () => {
  const {
    virtualSize,
    qcow2: facts,
    refused,
  } = describeQcow2((image) => {
    image.writeBigUInt64BE(256n, 8);
    image.writeUInt32BE(11, 16);
    image.write("/etc/shadow", 256);
    image.writeBigUInt64BE(1n, 72);
    image.writeBigUInt64BE(1n, 80);
  });
  expect(virtualSize).toBe(4096);
  expect(facts).toMatchObject({ clusterSize: 512, backingFile: "/etc/shadow", dirty: true, lazyRefcounts: true });
  expect(refused?.found).toContain("backing file");
});

test.each([
  ["snapshots behind the end of the file", (image: Buffer) => image.writeBigUInt64BE(1n << 62n, 64)],
  [
    "a snapshot whose extra data has no end",
    (image: Buffer) => {
      image.writeBigUInt64BE(1536n, 64);
      image.writeUInt32BE(0xffffffff, 1536 + 36);
    },
  ],
  [
    "a snapshot whose name has no end",
    (image: Buffer) => {
      image.writeBigUInt64BE(1536n, 64);
      image.writeUInt16BE(0xffff, 1536 + 14);
    },
  ],
])("%s are counted and not listed", (_, change) => {
  const { qcow2: facts } = describeQcow2((image) => {
    image.writeUInt32BE(0xffffffff, 60);
    change(image);
  });
  expect(facts).toMatchObject({ snapshotCount: 0xffffffff, snapshots: [] });
});

test("four billion snapshots are listed up to a limit", () => {
  const path = dir.file("many.qcow2");
  writeFileSync(
    path,
    qcow2((image) => {
      image.writeUInt32BE(0xffffffff, 60);
      image.writeBigUInt64BE(1536n, 64);
    }),
  );
  truncateSync(path, 1 << 20);
  expect(describeImage(path).qcow2?.snapshots).toHaveLength(256);
});

test("random headers are described without an error", () => {
  const below = randomBelow(7);
  const random = (): number => below(1 << 16);
  for (let run = 0; run < 500; run++) {
    const { refused } = describeImageOf(
      (image) => {
        for (let change = 0; change < 4; change++) image[8 + (random() % 104)] = random() & 0xff;
      },
      8 + (random() % 2040),
    );
    expect(refused === null || refused.hint !== "").toBe(true);
  }
});

function describeImageOf(change: (image: Buffer) => void, length: number) {
  const path = dir.file("random.qcow2");
  writeFileSync(path, qcow2(change).subarray(0, length));
  return describeImage(path);
}

// The largest file of tmpfs is the largest number of bytes there is.
test("a file of 8 EiB is refused at once", () => {
  const path = `/dev/shm/paddock-test-huge-${process.pid}`;
  let huge = true;
  try {
    writeFileSync(path, "QFI\u00fb", "latin1");
    try {
      truncateSync(path, 2 ** 53);
    } catch {
      huge = false;
    }
    if (huge) expect(describeImage(path).refused?.found).toBe("a file of more than 8 PiB");
  } finally {
    rmSync(path, { force: true });
  }
});
