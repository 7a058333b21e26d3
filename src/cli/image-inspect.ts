import { describeImage, type ImageDescription } from "../image/describe.ts";
import type { Command, Invocation } from "./command.ts";
import { EXIT } from "./exit.ts";
import { describeImageFacts, describeSnapshots, encodeImage } from "./image-text.ts";
import { printJson } from "./json.ts";
import { alignRows } from "./table.ts";
import type { Output } from "./terminal.ts";

export const IMAGE_INSPECT: Command = {
  names: ["image inspect"],
  summary: "Show what an image file is and whether a job may use it",
  operands: "FILE",
  takes: [1, 1],
  flags: [{ name: "json", help: "All that is known of it, sizes in bytes." }],
  details:
    "Reads the header of an image file as the agent does before a start: format, sizes, the files that it names, the snapshots inside it, and whether a job may use it or what to do. Needs no agent and no QEMU; opens nothing that the image names.",
  examples: ["paddock image inspect disk.qcow2", "paddock image inspect -json disk.qcow2"],
  exits: [
    [EXIT.ok, "a job may use it"],
    [EXIT.failed, "a job may not, or it cannot be read; the message says why"],
  ],
  run: runImageInspect,
};

async function runImageInspect({ context, flags, operands }: Invocation): Promise<number> {
  const { out } = context.terminal;
  const [path = ""] = operands;
  const image = describeImage(path);
  if (flags.has("json")) printJson(out, encodeImage(path, image));
  else printImage(path, image, out);
  return image.refused === null ? EXIT.ok : EXIT.failed;
}

function printImage(path: string, image: ImageDescription, out: Output): void {
  for (const line of describeImageFacts(path, image, out.columns)) out.line(...line);
  const { refused, qcow2 } = image;
  if (refused !== null) {
    for (const line of alignRows([[{ text: `→ ${refused.hint}`, style: "cyan" }]], out.columns)) out.line(...line);
  }
  if (qcow2 === null || qcow2.snapshotCount === 0) return;
  out.line();
  for (const line of describeSnapshots(qcow2, out.columns)) out.line(...line);
}
