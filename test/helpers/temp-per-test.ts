import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { type TempDir, tempDir } from "./temp.ts";

/** A temporary directory of its own for each test of the file or block that calls this; other hooks find it when they come after this call. */
export function tempPerTest(): Omit<TempDir, typeof Symbol.asyncDispose> {
  const { handle, make, remove } = heldDir();
  beforeEach(make);
  afterEach(remove);
  return handle;
}

/** One temporary directory for all tests of the file or block that calls this. */
export function tempForAll(): Omit<TempDir, typeof Symbol.asyncDispose> {
  const { handle, make, remove } = heldDir();
  beforeAll(make);
  afterAll(remove);
  return handle;
}

function heldDir() {
  let dir: TempDir | undefined;
  const held = (): TempDir => {
    if (dir === undefined) throw new Error("no test has begun");
    return dir;
  };
  return {
    handle: {
      get path() {
        return held().path;
      },
      file: (...names: string[]) => held().file(...names),
    },
    make: () => {
      dir = tempDir();
    },
    remove: async () => await held()[Symbol.asyncDispose](),
  };
}
