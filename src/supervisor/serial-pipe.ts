import { symlinkSync } from "node:fs";
import { makeFifo } from "../runtime/fifo.ts";
import { removeLog } from "./rotate.ts";

/**
 * Makes the two files of a serial port's pipe: input comes through a FIFO, which keeps what was typed while the log is rotated; output
 * goes nowhere, for it is in the log. What stands in the way is removed, unless it is a directory.
 */
export async function makeSerialPipe(pipe: { readonly in: string; readonly out: string }): Promise<void> {
  for (const path of [pipe.in, pipe.out]) removeLog(path);
  // QEMU may run as another user. Nobody else gets into the directory that the FIFO is in.
  await makeFifo(pipe.in, 0o666);
  symlinkSync("/dev/null", pipe.out);
}
