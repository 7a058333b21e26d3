import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createHashSink } from "../../../../src/artifact/download/sink.ts";

test.each(["md5", "sha1", "sha256", "sha512"] as const)("a %s sink hashes across chunks", (type) => {
  const sink = createHashSink(type);
  sink.write(Buffer.from("ab"));
  expect(sink.peek()).toEqual({ type, hex: createHash(type).update("ab").digest("hex") });
  sink.write(Buffer.from("c"));
  expect(sink.digest()).toEqual({ type, hex: createHash(type).update("abc").digest("hex") });
});
