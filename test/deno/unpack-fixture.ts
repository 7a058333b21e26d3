import { open } from "node:fs/promises";
import { argv } from "node:process";
import { decompress } from "../../src/archive/decompress.ts";

/** Prints the base64 of what a file with the suffix `.xz` or its like holds, or the message of the error. */
const [, , path = ""] = argv;
const handle = await open(path);
const file = { handle, size: (await handle.stat()).size, signal: new AbortController().signal };
const chunks: Buffer[] = [];
try {
  for await (const chunk of decompress(file, path.slice(path.lastIndexOf(".") + 1) as "xz")) {
    chunks.push(Buffer.from(chunk));
  }
  console.log(Buffer.concat(chunks).toString("base64"));
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
} finally {
  await handle.close();
}
