import { AppError, errnoOf } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { formatBytes } from "../base/units.ts";
import { type Channel, createChannel } from "../bundle/channel.ts";
import { bundleError } from "../bundle/failure.ts";
import { beginInstallation, type Installed } from "../bundle/install.ts";
import { readTrustedKeysFile } from "../bundle/key-file.ts";
import { readTrustedKeys } from "../bundle/keys.ts";
import { readLoaded, recordLoaded } from "../bundle/loaded.ts";
import type { Manifest } from "../bundle/manifest.ts";
import { BundleReader } from "../bundle/read.ts";
import { judge, type Trust } from "../bundle/trust.ts";
import { bundlesFile, cacheDir } from "../paths.ts";
import type { AgentContext } from "./context.ts";

/** Whom somebody who loads a bundle believes besides the agent's configuration. */
export interface LoadWish {
  /** Texts with public keys in PEM. */
  readonly trustedKeys: readonly string[];
  readonly allowUnsigned: boolean;
}

export interface LoadedBundle extends Installed {
  readonly manifest: Manifest;
  /** Of the manifest. */
  readonly digest: string;
}

/** Bundles on their way in, one at a time. Their bytes come in pieces, each taken before the next one is asked for. */
export interface BundleLoads {
  /** @returns what the load is called by. @throws AppError `conflict` while another one is under way, `invalid`. */
  open(wish: LoadWish): string;
  /**
   * Takes the next bytes.
   * @param offset where they stand in the bundle.
   * @throws AppError of what is wrong with the bundle; the load is over then, and nothing of it is there.
   */
  feed(id: string, offset: number, bytes: Uint8Array): Promise<void>;
  /** The bundle has come to its end. @throws as `feed`. */
  finish(id: string): Promise<LoadedBundle>;
  /** Gives it up. */
  abandon(id: string): void;
}

/** Silence after which a load is given up, in milliseconds: whoever sent it is gone. */
const SILENCE_MILLIS = 60_000;

type LoadContext = Pick<AgentContext, "dirs" | "site" | "cacheKeeper" | "clock" | "log">;

interface Load {
  readonly id: string;
  readonly channel: Channel;
  readonly result: Promise<LoadedBundle>;
  offset: number;
  busy: boolean;
  cancelSilence: () => void;
}

/** The use case of loading bundles. */
export function bundleLoads(context: LoadContext): BundleLoads {
  let current: Load | undefined;
  const drop = (load: Load): void => {
    load.cancelSilence();
    if (current === load) current = undefined;
    // What waits for bytes hears that none come, and tidies up.
    load.channel.end();
  };
  const listen = (load: Load): void => {
    load.cancelSilence();
    load.cancelSilence = context.clock.after(SILENCE_MILLIS, () => drop(load));
  };
  const find = (id: string): Load => {
    if (current?.id === id && !current.busy) return current;
    if (current?.id === id) throw new AppError("conflict", "the load takes one piece at a time");
    throw new AppError("not_found", "no such load of a bundle", { hint: "it may have been given up: load it again" });
  };
  const during = async <T>(load: Load, work: () => Promise<T>): Promise<T> => {
    load.busy = true;
    load.cancelSilence();
    try {
      const done = await work();
      listen(load);
      return done;
    } catch (error) {
      drop(load);
      throw error;
    } finally {
      load.busy = false;
    }
  };
  return {
    open: (wish) => {
      if (current !== undefined) {
        throw new AppError("conflict", "another bundle is being loaded", {
          hint: `wait for it; one that nobody sends any more is given up after ${SILENCE_MILLIS / 1000} s`,
        });
      }
      const trust = readTrust(context, wish);
      const channel = createChannel();
      const result = load(context, channel, trust);
      // Whoever feeds it or ends it hears of it.
      result.catch(() => undefined);
      const opened: Load = { id: newId(), channel, result, offset: 0, busy: false, cancelSilence: () => undefined };
      current = opened;
      listen(opened);
      return opened.id;
    },
    feed: async (id, offset, bytes) => {
      const load = find(id);
      if (offset !== load.offset) {
        throw new AppError(
          "conflict",
          `expected the bytes of the bundle from ${load.offset} on, found those from ${offset} on`,
        );
      }
      await during(load, () => Promise.race([load.channel.give(bytes), failureOf(load.result)]));
      load.offset += bytes.length;
    },
    finish: async (id) => {
      const load = find(id);
      const loaded = await during(load, async () => {
        load.channel.end();
        return await load.result;
      });
      drop(load);
      return loaded;
    },
    abandon: (id) => {
      if (current?.id === id) drop(current);
    },
  };
}

async function load(context: LoadContext, { chunks }: Channel, trust: Trust): Promise<LoadedBundle> {
  const { dirs, clock, log, cacheKeeper } = context;
  const reader = new BundleReader(chunks);
  try {
    const opening = await reader.open();
    const { manifest, digest } = opening;
    judge(opening, trust, readLoaded(bundlesFile(dirs)));
    const installation = beginInstallation(cacheDir(dirs), manifest, {
      now: () => clock.now(),
      maxBytes: cacheKeeper.maxBytes,
    });
    try {
      await reader.readMembers(manifest, installation);
      installation.assertKept();
      const { key, sequence } = manifest;
      // First: an agent that is killed between the two takes this one again, and none that is older.
      if (key !== null) recordLoaded(bundlesFile(dirs), key, { sequence, digest, loadedAt: clock.now() });
      const installed = installation.commit();
      log.info("loaded a bundle", {
        ...{ key, sequence, digest },
        artifacts: installed.added.length,
        size: formatBytes(installed.bytes),
      });
      return { ...installed, manifest, digest };
    } finally {
      installation.close();
      cacheKeeper.grown();
    }
  } catch (error) {
    const code = errnoOf(error);
    const told =
      error instanceof AppError || code === undefined
        ? error
        : new AppError("conflict", `the bundle is not loaded: ${cacheDir(dirs)} cannot be read or changed: ${code}`, {
            hint: "the agent must be able to read and write there",
            cause: error,
          });
    log.warn("a bundle is not loaded", { error: told instanceof AppError ? told.message : "a fault" });
    throw told;
  } finally {
    await reader.close();
  }
}

/** Nothing else than the configuration counts where it names somebody: who may use the API need not be who is trusted with images. */
function readTrust({ site }: LoadContext, { trustedKeys, allowUnsigned }: LoadWish): Trust {
  if (site.trustedKeys === null) {
    return {
      keys: trustedKeys.flatMap((pem, at) => readTrustedKeys(pem, `trusted key file ${at + 1}`)),
      allowUnsigned,
    };
  }
  if (trustedKeys.length > 0 || allowUnsigned) {
    throw bundleError(
      "this agent's configuration says whom to trust, and nobody else is",
      "leave -trust and -allow-unsigned out, or add the key to the file that client.trusted_keys names",
    );
  }
  return { keys: readTrustedKeysFile(site.trustedKeys), allowUnsigned: false };
}

/** Rejects when the load fails; a load that is done goes on waiting for whoever ends it. */
async function failureOf(result: Promise<unknown>): Promise<never> {
  await result;
  throw new AppError("internal", "a bundle was loaded before its end");
}
