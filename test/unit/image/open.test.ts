import { beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  fstatSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import type { CheckedImage } from "../../../src/image/checked.ts";
import { closeImage, findImage, openOrClose } from "../../../src/image/open.ts";
import { refusalOf } from "../../helpers/refusal.ts";
import { runProgram } from "../../helpers/run.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

const dir = tempPerTest();

beforeEach(() => {
  for (const name of ["data/id/vm/local", "data/id/vm/.paddock", "data/id/alloc", "images", "images2", "host"]) {
    mkdirSync(dir.file(name), { recursive: true });
  }
  for (const name of ["data/id/vm/local/a.img", "images/base.img", "images2/other.img", "host/secret"]) {
    writeFileSync(dir.file(name), Buffer.alloc(1024, 1));
  }
});

function open(imagePath: string, imagePaths = [dir.file("images")]): CheckedImage {
  const request = { imagePath, imagePaths, taskDir: dir.file("data/id/vm"), allocDir: dir.file("data/id") };
  return openOrClose(findImage(request));
}

/** The real path of an accepted image. */
function accepted(imagePath: string, imagePaths?: string[]): string {
  const image = open(imagePath, imagePaths);
  closeImage(image);
  return image.realPath;
}

/** Files of the test that this process holds open; other descriptors come and go with programs that earlier tests ran. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(`${dir.path}/data/`) || path.startsWith(`${dir.path}/images`) ? [path] : [];
    } catch {
      return []; // the descriptor of this very listing
    }
  });
}

/** The message of a refused one; nothing may stay open. */
function refused(imagePath: string, imagePaths?: string[]): string {
  const { message } = refusalOf(() => closeImage(open(imagePath, imagePaths)));
  expect(openFiles()).toEqual([]);
  return message;
}

describe("an accepted image", () => {
  test("has a read-write and a read-only descriptor of the same file", () => {
    const image = open("local/a.img");
    try {
      const { dev, ino } = statSync(dir.file("data/id/vm/local/a.img"));
      expect(image).toMatchObject({ name: "local/a.img", format: "raw", virtualSize: 1024, identity: { dev, ino } });
      expect(fstatSync(image.readWriteFd).ino).toBe(ino);
      expect(fstatSync(image.readOnlyFd).ino).toBe(ino);
      expect(writeSync(image.readWriteFd, "hello")).toBe(5);
      const buffer = Buffer.alloc(5);
      readSync(image.readOnlyFd, buffer, 0, 5, 0);
      expect(buffer.toString()).toBe("hello");
      expect(() => writeSync(image.readOnlyFd, "x")).toThrow();
    } finally {
      closeImage(image);
    }
  });

  test("stays the file that was checked when its name is given to another", () => {
    const image = open("local/a.img");
    try {
      renameSync(dir.file("host/secret"), dir.file("data/id/vm/local/a.img"));
      expect(fstatSync(image.readWriteFd).ino).toBe(image.identity.ino);
      expect(statSync(image.realPath).ino).not.toBe(image.identity.ino);
    } finally {
      closeImage(image);
    }
  });

  test("lies in the allocation's directory", () => {
    writeFileSync(dir.file("data/id/alloc/shared.img"), "x");
    expect(accepted("local/a.img")).toBe(dir.file("data/id/vm/local/a.img"));
    expect(accepted("./local/../local/a.img")).toBe(dir.file("data/id/vm/local/a.img"));
    expect(accepted(dir.file("data/id/vm/local/a.img"))).toBe(dir.file("data/id/vm/local/a.img"));
    expect(accepted("../alloc/shared.img")).toBe(dir.file("data/id/alloc/shared.img"));
  });

  test("or under an entry of image_paths, which may be the file itself, end in a slash or be a link", () => {
    symlinkSync(dir.file("images2"), dir.file("link"));
    expect(accepted(dir.file("images/base.img"))).toBe(dir.file("images/base.img"));
    expect(accepted(dir.file("images2/other.img"), [dir.file("images2/other.img")])).toEndWith("other.img");
    expect(accepted(dir.file("images2/other.img"), [`${dir.file("images2")}/`])).toEndWith("other.img");
    expect(accepted(dir.file("link/other.img"), [dir.file("link")])).toBe(dir.file("images2/other.img"));
    expect(accepted(dir.file("images2/other.img"), [dir.file("link")])).toBe(dir.file("images2/other.img"));
    expect(accepted(dir.file("host/secret"), ["/"])).toBe(dir.file("host/secret"));
  });

  test("an entry of image_paths that does not exist allows nothing and harms nothing", () => {
    expect(accepted("local/a.img", [dir.file("missing")])).toEndWith("a.img");
    expect(refused(dir.file("missing/a.img"), [dir.file("missing")])).toContain("no such file");
  });

  test("may be a link inside of what is allowed", () => {
    symlinkSync("a.img", dir.file("data/id/vm/local/b.img"));
    symlinkSync(dir.file("images/base.img"), dir.file("data/id/vm/local/c.img"));
    expect(accepted("local/b.img")).toEndWith("local/a.img");
    expect(accepted("local/c.img")).toBe(dir.file("images/base.img"));
  });

  test("may have several names under image_paths", () => {
    linkSync(dir.file("images/base.img"), dir.file("images/again.img"));
    expect(accepted(dir.file("images/again.img"))).toEndWith("again.img");
  });

  test.each([
    "a.img,file=x",
    "file:a.img",
    "nbd:host:1",
    'json:{"driver":"raw"}',
    "fat:rw:etc",
    "ssh:x",
    "ünï cödé",
    "-drive",
    "..a",
  ])("may be called %p", (name) => {
    writeFileSync(dir.file("data/id/vm/local", name), "x");
    expect(accepted(`local/${name}`)).toBe(dir.file("data/id/vm/local", name));
  });
});

describe("a place outside is refused", () => {
  const LIST = "is neither in the allocation directory nor under image_paths, which has";

  test("named absolutely, with the path and the list", () => {
    expect(refused(dir.file("host/secret"))).toBe(
      `image_path "${dir.file("host/secret")}": ${dir.file("host/secret")} ${LIST} "${dir.file("images")}"`,
    );
    expect(refused(dir.file("host/secret"), [])).toEndWith("which is empty");
  });

  test("whether or not the file exists", () => {
    const message = (name: string): string => refused(dir.file("host", name)).replaceAll(name, "NAME");
    expect(message("missing")).toBe(message("secret"));
  });

  test("through dots", () => {
    expect(refused("../../../host/secret")).toContain(LIST);
    expect(refused(`${dir.file("images")}/../host/secret`)).toContain(LIST);
    expect(refused("../../id2/x")).toContain(LIST);
  });

  test("by a name that merely begins like an allowed one", () => {
    expect(refused(dir.file("images2/other.img"))).toContain(LIST);
  });

  test("for names that QEMU would take for a protocol", () => {
    for (const name of [
      "file:/etc/shadow",
      "nbd:localhost:1",
      'json:{"driver":"host_device"}',
      "local/a.img,file=/dev/sda",
    ]) {
      expect(refused(name)).toContain("no such file; looked at");
    }
  });

  test("through a link, a linked directory, and a link in the middle of dots", () => {
    symlinkSync(dir.file("host/secret"), dir.file("data/id/vm/local/link"));
    symlinkSync(dir.file("host"), dir.file("data/id/vm/local/dir"));
    for (const name of ["local/link", "local/dir/secret", "local/dir/../host/secret"]) {
      expect(refused(name)).toContain(`a symbolic link to the outside (${dir.file("host/secret")})`);
    }
    expect(refused("local/dir/missing")).toContain("no such file");
  });

  test("through a link under image_paths", () => {
    symlinkSync(dir.file("host/secret"), dir.file("images/link"));
    expect(refused(dir.file("images/link"))).toContain(LIST);
  });

  test("through a hard link in the task directory", () => {
    linkSync(dir.file("host/secret"), dir.file("data/id/vm/local/hard"));
    expect(refused("local/hard")).toContain("2 names (hard links)");
  });

  test("the agent's own directory", () => {
    writeFileSync(dir.file("data/id/vm/.paddock/status.1"), "x");
    expect(refused(".paddock/status.1")).toContain(".paddock belongs to the agent");
  });
});

describe("what is no usable file is refused", () => {
  test.each([
    ["", "image_path must be set"],
    ["local/a\n.img", "holds a control character"],
    ["local/a\u0000.img", "holds a control character"],
    ["local/missing.img", "no such file; looked at"],
    ["local/a.img/x", "no such file; looked at"],
    ["local", "expected a regular file, found a directory"],
  ])("%p", (name, message) => {
    expect(refused(name)).toContain(message);
  });

  test("a FIFO, without waiting for its other end", async () => {
    expect((await runProgram(["mkfifo", dir.file("data/id/vm/local/fifo")], { cwd: dir.path })).code).toBe(0);
    expect(refused("local/fifo")).toContain("found a FIFO");
  });

  test("a socket", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(dir.file("data/id/vm/local/s"), resolve));
    try {
      expect(refused("local/s")).toContain("found a socket");
    } finally {
      server.close();
    }
  });

  test("a character device that image_paths allow", () => {
    expect(refused("/dev/null", ["/dev"])).toContain("found a character device");
  });

  test("a real path that is no UTF-8, whose look could deceive", () => {
    const odd = Buffer.concat([Buffer.from(dir.file("data/id/vm/local/")), Buffer.from([0xff])]);
    mkdirSync(odd);
    writeFileSync(Buffer.concat([odd, Buffer.from("/a")]), "x");
    symlinkSync(Buffer.concat([odd, Buffer.from("/a")]), dir.file("data/id/vm/local/link"));
    expect(refused("local/link")).toContain("its real path is no valid UTF-8");
  });

  test("an entry of image_paths that is not absolute", () => {
    expect(refused("local/a.img", [""])).toBe('image_paths: expected an absolute path, found ""');
  });

  test("a file of another format, with what to do", () => {
    writeFileSync(dir.file("data/id/vm/local/a.vmdk"), "KDMV");
    expect(refused("local/a.vmdk")).toBe(
      'image_path "local/a.vmdk": expected a raw or qcow2 image, found a VMDK image',
    );
  });

  test("an empty file", () => {
    writeFileSync(dir.file("images/empty"), "");
    expect(refused(dir.file("images/empty"))).toContain("found an empty file");
  });

  test.skipIf(process.getuid?.() === 0)("a file that may not be written", () => {
    chmodSync(dir.file("images/base.img"), 0o444);
    expect(refused(dir.file("images/base.img"))).toContain("the file is not writable for the agent: EACCES");
  });

  test("a program that runs, which nobody may write, not even root", async () => {
    const sleeper = dir.file("images/sleep");
    expect((await runProgram(["cp", "/bin/sleep", sleeper], { cwd: dir.path })).code).toBe(0);
    const running = Bun.spawn([sleeper, "60"]);
    try {
      await until("the program to run", () => readlinkSync(`/proc/${running.pid}/exe`) === sleeper);
      expect(refused(sleeper)).toContain("the file is not writable for the agent: ETXTBSY");
    } finally {
      running.kill("SIGKILL");
      await running.exited;
    }
  });
});
