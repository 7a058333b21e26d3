import { isOpenOption, redactChecksum, redactSource } from "../../artifact/redact.ts";
import { BLANK, blankSecretData } from "../../base/redact.ts";

/** What a value of a block looks like to people. @param name of the field, such as `Env[TOKEN]`. */
export type Show = (name: string, value: string) => string;

const asIs: Show = (_, value) => value;
const blank: Show = (_, value) => (value === "" ? "" : BLANK);

/** Where a job holds what nobody may read over a shoulder, by the name of the block. */
const SHOWS: Readonly<Record<string, Show>> = {
  Task: (name, value) => (name.startsWith("Env[") ? blank(name, value) : value),
  Artifact: showArtifact,
  // User data has passwords in it.
  Template: (name, value) => (name === "EmbeddedTmpl" ? blank(name, value) : value),
  Check: (name, value) => (name === "Body" ? blank(name, value) : value),
  Header: blank,
  // The data of QEMU's own secret objects.
  Config: (_, value) => blankSecretData(value),
};

export const showIn = (block: string): Show => SHOWS[block] ?? asIs;

function showArtifact(name: string, value: string): string {
  if (name === "GetterSource") return redactSource(value);
  if (name.startsWith("GetterHeaders[")) return blank(name, value);
  const option = /^GetterOptions\[(.*)\]$/s.exec(name)?.[1];
  if (option === "checksum") return redactChecksum(value);
  return option === undefined || isOpenOption(option) ? value : blank(name, value);
}
