import { statSync } from "node:fs";
import { resolve } from "node:path";
import { createMeter } from "../../artifact/download/progress.ts";
import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { extract, findInTheWay, openBundle, type Places, readFile } from "../../bundle/extract.ts";
import { readKeyText } from "../../bundle/key-file.ts";
import { shortKey } from "../../bundle/keys.ts";
import type { Manifest } from "../../bundle/manifest.ts";
import { askBundles, type BundleLoaded } from "../../client/bundles.ts";
import type { Client } from "../../client/client.ts";
import { writeProgress } from "../../contract/task-state.ts";
import { connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Flags } from "../flags.ts";
import { createProgress } from "../job/follow.ts";
import { printJson } from "../terminal/json.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Sent at once, in bytes: larger pieces are no faster, and the agent keeps several until its memory is swept. */
const PIECE = 256 << 10;

/** The work of `paddock image load`. */
export async function loadBundle(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const { terminal } = context;
  const path = operands[0] ?? "";
  const places = readPlaces(flags);
  const trusted = flags.list("trust").map(readKeyText);
  assertFile(path);
  // What is read here is proved by nobody yet: it only tells early what is in the way.
  const { manifest } = await openBundle(path);
  refuseInTheWay(manifest, places, flags);
  const client = await connectAgent(invocation);
  const wish = { TrustedKeys: trusted, AllowUnsigned: flags.has("allow-unsigned") };
  const loaded = await send(client, path, wish, terminal);
  // What the agent has proved is read again, by the digest of its manifest.
  const written = await extract(path, loaded.Digest, places);
  if (flags.has("json")) {
    printJson(terminal.out, { ...loaded, Written: written.map((file) => file.path) });
    return EXIT.ok;
  }
  tell(path, loaded, manifest, places, terminal);
  for (const file of written) terminal.out.line(file.path);
  return EXIT.ok;
}

/** It is read three times: before it is sent, by the agent, and for the files in it. */
function assertFile(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) throw new AppError("not_found", `cannot read ${path}: no such file`);
  if (!there.isFile())
    throw new AppError("invalid", `cannot read ${path}: expected a file, found a directory, pipe or device`);
}

function readPlaces(flags: Flags): Places {
  const place = (name: string): string | null => {
    const dir = flags.text(name);
    return dir === undefined ? null : resolve(dir);
  };
  return { jobs: place("jobs"), binaries: place("binaries") };
}

function refuseInTheWay(manifest: Manifest, places: Places, flags: Flags): void {
  const there = flags.has("force") ? [] : findInTheWay(manifest, places);
  if (there.length === 0) return;
  throw new AppError("conflict", ["these files are there already:", ...there.map((path) => `  ${path}`)].join("\n"), {
    hint: "-force writes over them; nothing was loaded",
  });
}

async function send(client: Client, path: string, wish: unknown, terminal: Terminal): Promise<BundleLoaded> {
  const { ID: id, MaxBytes } = await client.change("PUT", askBundles.open(), wish);
  const most = Math.min(MaxBytes, PIECE);
  const interrupt = terminal.listenForInterrupt();
  const show = createProgress(terminal);
  const meter = createMeter(statSync(path).size, (progress) => show(writeProgress({ source: path, ...progress })));
  let finished = false;
  try {
    let offset = 0;
    for await (const chunk of readFile(path)) {
      for (let at = 0; at < chunk.length; at += most) {
        interrupt.signal.throwIfAborted();
        const piece = chunk.subarray(at, at + most);
        offset = (await client.change("PUT", askBundles.feed(id, offset), piece)).Offset;
        meter.add(piece.length);
      }
    }
    interrupt.signal.throwIfAborted();
    const loaded = await client.change("PUT", askBundles.finish(id));
    finished = true;
    return loaded;
  } finally {
    interrupt.release();
    // Nobody else can load one meanwhile; a load that has failed is gone already.
    if (!finished) await client.change("DELETE", askBundles.abandon(id)).catch(() => undefined);
  }
}

function tell(
  path: string,
  loaded: BundleLoaded,
  { jobs, binaries }: Manifest,
  places: Places,
  { err }: Terminal,
): void {
  const by = loaded.Key === null ? "signed by nobody" : `signed with key ${shortKey(loaded.Key)}`;
  err.line(`${path}: sequence ${loaded.Sequence} of ${loaded.Created}, ${by}`);
  const there = loaded.There.length === 0 ? "" : `, ${loaded.There.length} there from before`;
  const artifacts = loaded.Added.length === 1 ? "artifact" : "artifacts";
  err.line(`${loaded.Added.length} ${artifacts} loaded, ${formatBytes(loaded.Bytes)}${there}`);
  if (places.jobs === null)
    err.line(`job files in it, which -jobs DIR writes: ${jobs.map(({ file }) => file).join(", ")}`);
  const packed = binaries.filter((binary) => binary.packed);
  if (places.binaries === null && packed.length > 0) {
    err.line(`programs in it, which -binaries DIR writes: ${packed.map(({ file }) => file).join(", ")}`);
  }
}
