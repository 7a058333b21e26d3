import { existsSync } from "node:fs";

/** Debian's package grub-rescue-pc. */
const GRUB_RESCUE_ISO = "/usr/lib/grub-rescue/grub-rescue-cdrom.iso";

/**
 * GRUB's rescue CD: prints `Welcome to GRUB` on a serial port with `-machine …,graphics=off` and never reacts to the power button. What
 * it prints is to be read through `withoutEscapes`.
 * @throws when it is not installed.
 */
export function grubRescueIso(): string {
  if (!existsSync(GRUB_RESCUE_ISO)) throw new Error(`${GRUB_RESCUE_ISO} is not there; run: sh .ci/setup guests`);
  return GRUB_RESCUE_ISO;
}

/**
 * Removes the cursor movements from serial output. The firmware that mirrors the text screen puts them in wherever it pauses, in the
 * middle of a word too.
 */
export function withoutEscapes(text: string): string {
  return text.replace(/\u001b(\[[0-9;?]*[A-Za-z]|[a-z])/g, "");
}
