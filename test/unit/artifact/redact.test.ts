import { expect, test } from "bun:test";
import { redactSource } from "../../../src/artifact/redact.ts";

test.each([
  ["http://host/a/b.img", "http://host/a/b.img"],
  ["https://me:s3cret@host:8443/b.img", "https://***@host:8443/b.img"],
  ["https://s3cret@host/b.img", "https://***@host/b.img"],
  ["https://host/b.img?token=s3cret&checksum=md5:1#s3cret", "https://host/b.img?token=***&checksum=***"],
  ["https://host/b.img?s3cret", "https://host/b.img?***"],
  ["https://host/@scope/b.img", "https://host/@scope/b.img"],
  ["git::https://me:s3cret@host/repo?ref=s3cret", "git::https://***@host/repo?ref=***"],
  ["http://me:s3/cret@host/b.img", "http://***@host/b.img"],
  ["me:s3cret@host/b.img", "***@host/b.img"],
  ["me:s3cret\n@host/b.img", "***@host/b.img"],
  ["host/b\u001b[31m.img", "host/b\\x1b[31m.img"],
])("shows %p as %p", (source, shown) => {
  expect(redactSource(source)).toBe(shown);
});
