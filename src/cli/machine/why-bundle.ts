import { Buffer } from "node:buffer";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { AppError, errnoOf } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { shellWord } from "../../base/text.ts";
import { formatBytes } from "../../base/units.ts";
import { ask, type Client, type Question } from "../../client/client.ts";
import type { Allocation } from "../../client/replies.ts";
import type { Why } from "../../client/why.ts";
import { isJsonText } from "../../hcl/format.ts";
import { packTar } from "../../runtime/archive.ts";
import { build } from "../../runtime/build.ts";
import { blankSecrets, redactJobFile, redactJobJson } from "../job/redact.ts";
import { paint } from "../terminal/style.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { describeWhy } from "../text/why.ts";

export interface BundleWish {
  readonly allocation: Pick<Allocation, "ID" | "JobID">;
  readonly question: Question<Why>;
  readonly file: string;
  /** Write over a file that is there. */
  readonly force: boolean;
}

/** How much of each log's end a bundle holds. */
const LOG_BYTES = 1 << 20;
const TEXT_COLUMNS = 110;

/**
 * Writes everything about one end of a machine into a tar file that only its owner may read.
 * @throws AppError `conflict` when the file is there and is not to be written over, and as the client does.
 */
export async function writeBundle(client: Client, wish: BundleWish, { out, err }: Terminal): Promise<void> {
  const why = await client.read(wish.question);
  const files = await collect(client, wish, why);
  const tar = await packTar(files);
  if (tar === null) throw new AppError("unsupported", "this runtime has no writer of tar files");
  saveTar(wish.file, tar, wish.force);
  out.line(`${wish.file}: ${files.size} files, ${formatBytes(tar.length)}`);
  err.line("The guest's console and QEMU's words are in it as they are: look at them before you pass it on.");
}

function saveTar(file: string, tar: Uint8Array, force: boolean): void {
  try {
    // Never through a link, and nothing but one file goes.
    if (force) unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw cannotWrite(file, error);
  }
  let fd: number;
  try {
    fd = openSync(file, "wx", 0o600);
  } catch (error) {
    throw cannotWrite(file, error);
  }
  try {
    for (let written = 0; written < tar.length; ) written += writeSync(fd, tar, written);
  } catch (error) {
    unlinkSync(file);
    throw cannotWrite(file, error);
  } finally {
    closeSync(fd);
  }
}

function cannotWrite(file: string, error: unknown): AppError {
  if (errnoOf(error) === "EEXIST") {
    return new AppError("conflict", `${file} is there already`, { hint: "-force writes over it" });
  }
  return new AppError("invalid", `cannot write ${file}: ${errnoOf(error) ?? "unknown error"}`, { cause: error });
}

/** The files by their names; what could not be had is told in one of them. */
async function collect(
  client: Client,
  { allocation, question }: BundleWish,
  why: Why,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, string | Uint8Array>();
  const missing: string[] = [];
  const secrets = new Set<string>();
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      missing.push(`${what}: ${error.message}`);
    }
  };
  const generation = why.End?.Generation ?? why.Generation;
  await attempt("the job", () => addJob(client, { allocation, why, files, secrets }));
  addTexts(files, why);
  await attempt("why.json", async () => void files.set("why.json", asJson(await client.readJson(question.target))));
  await attempt("the journal", async () => {
    const target = `${ask.why(why.AllocID, why.Task).target.replace(/why$/, "journal")}?generation=${generation}`;
    files.set("journal.ndjson", await client.readBytes(target));
  });
  for (const [name, type] of [
    ["serial.log", "stdout"],
    ["stderr.log", "stderr"],
  ] as const) {
    await attempt(name, async () => void files.set(name, await readLogEnd(client, why, type)));
  }
  if (missing.length > 0) files.set("missing.txt", `${missing.join("\n")}\n`);
  const top = `paddock-${allocation.JobID.replace(/[^\w-]+/g, "_").slice(0, 64)}-${shortId(why.AllocID)}-${generation}`;
  return new Map(
    [...files].map(([name, content]) => [
      `${top}/${name}`,
      typeof content === "string" ? Buffer.from(blankSecrets(content, secrets)) : content,
    ]),
  );
}

interface JobPart {
  readonly allocation: BundleWish["allocation"];
  readonly why: Why;
  readonly files: Map<string, string | Uint8Array>;
  readonly secrets: Set<string>;
}

/** The job of this allocation's version, as its author wrote it and as it was understood, and the allocation itself. */
async function addJob(client: Client, { allocation, why, files, secrets }: JobPart): Promise<void> {
  const placed = await client.readJson(ask.allocation(allocation.ID).target);
  const { Job: job, ...rest } = isObject(placed) ? placed : {};
  files.set("allocation.json", asJson(rest));
  files.set("job.json", asJson(redactJobJson(job, secrets)));
  const node = rest["NodeID"];
  if (typeof node === "string") files.set("node.json", asJson(await client.readJson(ask.node(node).target)));
  const target = `${ask.job(allocation.JobID).target}/submission?version=${why.JobVersion}`;
  const sent = await client.readJson(target);
  if (!isObject(sent) || typeof sent["Source"] !== "string") return;
  const text = redactJobFile(sent["Source"], secrets);
  if (text === null) throw new AppError("invalid", "the job file cannot be read, so its secrets cannot be left out");
  files.set(isJsonText(sent["Source"]) ? "job-file.json" : "job-file.hcl", text);
}

function addTexts(files: Map<string, string | Uint8Array>, why: Why): void {
  const lines = describeWhy(why, { columns: TEXT_COLUMNS, now: Date.now() });
  files.set("why.txt", `${lines.map((line) => paint(line, false)).join("\n")}\n`);
  files.set("versions.json", asJson({ Cli: build, Machine: why.End?.Versions ?? null }));
  if (why.End === null) return;
  files.set("argv.txt", `${why.End.Argv.map(shellWord).join("\n")}\n`);
  if (why.End.Remains !== null) files.set("status", Buffer.from(why.End.Remains.Status));
}

async function readLogEnd(client: Client, why: Why, type: "stdout" | "stderr"): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const options = { type, follow: false, origin: "end", offset: LOG_BYTES } as const;
  for await (const piece of client.readLog(why.AllocID, why.Task, options)) pieces.push(piece.data);
  return Buffer.concat(pieces);
}

const asJson = (value: unknown): string => `${JSON.stringify(value ?? null, null, 2)}\n`;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
