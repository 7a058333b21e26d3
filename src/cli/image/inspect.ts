import { existsSync } from "node:fs";
import { askImages, type ImageInfo } from "../../client/images.ts";
import { writeImageFile } from "../../contract/image.ts";
import { describeImage } from "../../image/describe.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/json.ts";
import type { Piece } from "../terminal/style.ts";
import { alignFacts } from "../terminal/table.ts";
import { formatTime } from "../terminal/time.ts";
import { isImageName, resolveImage, usersText } from "./names.ts";
import { exactBytes, printImage } from "./text.ts";

export const IMAGE_INSPECT: Command = {
  names: ["image inspect"],
  summary: "Show what an image is and whether a job may use it",
  operands: "FILE|CHECKSUM",
  takes: [1, 1],
  flags: [ADDRESS_FLAG, { name: "json", data: true, help: "All that is known of it, sizes in bytes." }],
  details:
    "Reads the header of an image as the agent does before a start: format, sizes, the files that it names, the snapshots inside it, and whether a job may use it or what to do. Of a FILE it needs no agent and no QEMU, and opens nothing that the image names. CHECKSUM is the beginning of that of an image in the agent's cache, unless a file is called so; then it also shows where it came from and who uses it.",
  examples: [
    "paddock image inspect disk.qcow2",
    "paddock image inspect -json ./disk.qcow2",
    "paddock image inspect sha256:9f86d081",
  ],
  exits: [
    [EXIT.ok, "a job may use it"],
    [EXIT.failed, "a job may not, or it cannot be read; the message says why"],
  ],
  run: runImageInspect,
};

async function runImageInspect(invocation: Invocation): Promise<number> {
  const [name = ""] = invocation.operands;
  return isImageName(name) && !existsSync(name) ? await inspectCached(invocation, name) : inspectFile(invocation, name);
}

function inspectFile({ context, flags }: Invocation, path: string): number {
  const { out } = context.terminal;
  const image = writeImageFile(describeImage(path));
  if (flags.has("json")) printJson(out, { Path: path, ...image });
  else printImage([["File", path]], image, out);
  return image.Refused === null ? EXIT.ok : EXIT.failed;
}

async function inspectCached(invocation: Invocation, name: string): Promise<number> {
  const { out } = invocation.context.terminal;
  const client = await connectAgent(invocation);
  const question = askImages.one((await resolveImage(client, name)).Checksum);
  const info = await client.read(question);
  if (invocation.flags.has("json")) printJson(out, await client.readJson(question.target));
  else if (info.File === null) for (const line of alignFacts(entryFacts(info), out.columns)) out.line(...line);
  else printImage(entryFacts(info), info.File, out);
  const mayBeUsed = info.State === "sound" && info.Refused === "" && (info.File?.Refused ?? null) === null;
  return mayBeUsed ? EXIT.ok : EXIT.failed;
}

function entryFacts(info: ImageInfo): [string, Piece][] {
  const [type = "", hex = ""] = info.Checksum.split(":");
  // A name of its own for each type: with it, a sha256 fits into 80 columns.
  const facts: [string, Piece][] = [[type, hex]];
  if (info.State !== "sound") {
    return [...facts, ["State", { text: `damaged: ${info.Why}`, style: "red" }], ["Next", DAMAGED]];
  }
  facts.push(["Source", info.Source], ["Fetched", formatTime(info.FetchedAt)], ["Last used", formatTime(info.UsedAt)]);
  if (info.Unpacked !== null) facts.push(["Packed size", exactBytes(info.Bytes)]);
  if (info.Refused !== "") facts.push(["Not unpacked", { text: info.Refused, style: "red" }]);
  facts.push(["Used by", usersText(info) || "nobody"]);
  if (info.File === null) facts.push(["Size", exactBytes(info.Bytes)], ["Holds", "an archive, not an image"]);
  return facts;
}

const DAMAGED = "it is fetched again when a job asks for it; paddock image verify sets it aside";
