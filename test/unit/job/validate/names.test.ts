import { describe, expect, test } from "bun:test";
import { PLAIN, port, problems, withGroup, withNetwork, withTask } from "../../../helpers/valid-job.ts";

describe("names", () => {
  test.each([
    ["job id", { ...PLAIN, id: "a b" }, "id must hold no space"],
    ["job id", { ...PLAIN, id: "" }, "id must be set"],
    ["job id", { ...PLAIN, id: "." }, 'id must not be "."'],
    ["job id", { ...PLAIN, id: ".." }, 'id must not be ".."'],
    ["job id", { ...PLAIN, id: "ä".repeat(513) }, "id must be at most 1024 bytes long, found 1026"],
    ["job id", { ...PLAIN, id: "a\nb" }, "id must hold no comma and no control character"],
    ["group", withGroup({ name: "a,b" }), "groups[0].name must hold no comma"],
    ["task", withTask({ name: "a\u0000" }), "name must hold no comma and no control character"],
    ["task", withTask({ name: "a/b" }), "name must hold no slash"],
    ["task", withTask({ name: "a\\b" }), "name must hold no slash"],
    ["task", withTask({ name: "alloc" }), 'name must not be "alloc"'],
    ["task", withTask({ name: ".." }), 'name must not be ".."'],
    ["task", withTask({ name: "ä".repeat(101) }), "name must be at most 200 bytes long, found 202"],
    ["port", withNetwork({ ports: [port("a,hostfwd=tcp::1-:2")] }), "label must hold no comma"],
  ])("a %s with what is unsafe in it is refused (%#)", (_, job, message) => {
    expect(problems(job).join("\n")).toContain(message);
  });

  test("a job's name may be any text on one line", () => {
    expect(problems({ ...PLAIN, name: "Größe 2 – staging" })).toEqual([]);
  });
});
