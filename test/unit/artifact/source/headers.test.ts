import { expect, test } from "bun:test";
import { headersAfterRedirect } from "../../../../src/artifact/source/headers.ts";

const headers = { authorization: "Basic x", cookie: "y", "private-token": "z", "user-agent": "paddock" };
const after = (from: string, to: string): string[] =>
  Object.keys(headersAfterRedirect(headers, new URL(from), new URL(to)));

test.each([
  ["http://h/a", "http://h/b"],
  ["http://h/a", "https://h/a"],
  ["https://h:8443/a", "https://h:8443/b"],
])("credentials go on from %s to %s", (from, to) => {
  expect(after(from, to)).toEqual(Object.keys(headers));
});

test.each([
  ["http://h/a", "http://other/a"],
  ["http://h/a", "http://sub.h/a"],
  ["http://h/a", "http://h:8080/a"],
  ["https://h/a", "http://h/a"],
])("credentials stay behind from %s to %s", (from, to) => {
  expect(after(from, to)).toEqual(["user-agent"]);
});
