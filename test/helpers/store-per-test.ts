import { afterEach, beforeEach } from "bun:test";
import { openStore, type Store } from "../../src/state/store.ts";
import { tempPerTest } from "./temp-per-test.ts";

/** A store in a directory of its own for each test of the file that calls this. */
export function storePerTest() {
  const dir = tempPerTest();
  const file = (): string => dir.file("paddock.db");
  let open: Store | undefined;
  const store = (): Store => {
    if (open === undefined) throw new Error("no test has begun");
    return open;
  };
  const close = (): void => {
    open?.close();
    open = undefined;
  };
  const reopen = (path = file()): void => {
    close();
    open = openStore(path);
  };
  beforeEach(() => reopen());
  afterEach(close);
  return {
    dir,
    file,
    get store() {
      return store();
    },
    close,
    /** Opens the store anew, or another one in its place. */
    reopen,
  };
}
