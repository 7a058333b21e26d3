import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { withRunningJob } from "../helpers/cli-job.ts";

for (const [args, message] of [
  [["-json", "-bundle", "web.tar"], "flags -bundle and -json: expected one of them, found both"],
  [["-bundle", ""], "flag -bundle: expected a file, found nothing"],
  [["-force"], "flag -force: expected with -bundle, which it is about"],
] as const) {
  test(`why ${args.join(" ")} is refused, and nothing is written`, async () => {
    await using api = withRunningJob();
    const inDir = args.map((word) => (word === "web.tar" ? join(api.dir, word) : word));
    const { code, stdout, stderr } = await api.run(["why", ...inDir, "web"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toStartWith(`Error: ${message}\n`);
    expect(existsSync(join(api.dir, "web.tar"))).toBe(false);
  });
}
