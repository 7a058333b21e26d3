import { join } from "node:path";
import * as v from "valibot";
import { silentLog } from "../../src/base/log.ts";
import { connectQmp, type QmpClient } from "../../src/qmp/client.ts";
import { QmpError } from "../../src/qmp/errors.ts";
import { testEnvironment } from "./run.ts";

/** What QEMU makes of a file. */
export type Opened =
  | { readonly kind: "open"; readonly format: string; readonly virtualSize: number; readonly backing: boolean }
  | { readonly kind: "refused"; readonly why: string };

/** QEMU's own code for images, as a daemon that opens them one after the other: a hundred times as fast as `qemu-img info` for each. */
export interface BlockLayer extends AsyncDisposable {
  /** Opens a file as a machine does that boots from it, and closes it again. @param options of blockdev-add. */
  open(path: string, driver: string, options?: Readonly<Record<string, unknown>>): Promise<Opened>;
}

const Nodes = v.array(
  v.object({
    "node-name": v.string(),
    drv: v.string(),
    image: v.object({ "virtual-size": v.number(), "backing-filename": v.optional(v.string()) }),
  }),
);

const MILLIS = 20_000;

/** Starts `qemu-storage-daemon` (Debian's qemu-utils) with its monitor in a directory. */
export async function startBlockLayer(dir: string): Promise<BlockLayer> {
  const socket = join(dir, "blocks.sock");
  const child = Bun.spawn(
    [
      "qemu-storage-daemon",
      ...["--chardev", `socket,id=m,path=${socket},server=on,wait=off`],
      ...["--monitor", "chardev=m"],
    ],
    { cwd: dir, env: testEnvironment(), stdio: ["ignore", "ignore", "ignore"] },
  );
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  let client: QmpClient;
  try {
    const nothing = (): void => undefined;
    client = await connectQmp(socket, { deadlineMillis: MILLIS, log: silentLog, onEvent: nothing, onClose: nothing });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    open: (path, driver, options = {}) => openIn(client, path, driver, options),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await stop();
    },
  };
}

async function openIn(
  client: QmpClient,
  path: string,
  driver: string,
  options: Readonly<Record<string, unknown>>,
): Promise<Opened> {
  const ask = (command: string, args: Readonly<Record<string, unknown>>) =>
    client.execute(command, args, { deadlineMillis: MILLIS });
  try {
    const file = { driver: "file", filename: path };
    await ask("blockdev-add", { driver, "node-name": "image", file, ...options });
  } catch (error) {
    if (error instanceof QmpError && error.failure === "refused") return { kind: "refused", why: error.message };
    throw error;
  }
  const nodes = v.parse(Nodes, await ask("query-named-block-nodes", { flat: true }));
  const node = nodes.find((one) => one["node-name"] === "image");
  await ask("blockdev-del", { "node-name": "image" });
  if (node === undefined) throw new Error(`${path} is open and has no node`);
  return {
    kind: "open",
    format: node.drv,
    virtualSize: node.image["virtual-size"],
    backing: node.image["backing-filename"] !== undefined,
  };
}
