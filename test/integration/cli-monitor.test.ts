import { expect, test } from "bun:test";
import { withRunningJob } from "../helpers/cli-job.ts";
import { until } from "../helpers/until.ts";

test("monitor prints what the agent logs, also below what it prints itself, until Ctrl-C", async () => {
  await using api = withRunningJob();
  const cli = api.spawn(["monitor", "-log-level", "debug"]);
  let text = "";
  const reading = (async () => {
    for await (const chunk of cli.stdout) text += Buffer.from(chunk).toString();
  })();
  let count = 0;
  await until("the first line", () => {
    api.log.debug(`line ${++count}`);
    return text.includes("[DEBUG] paddock: line ");
  });
  api.log.trace("nobody's");
  api.log.info("the last");
  await until("the last line", () => text.includes("the last\n"));
  cli.kill("SIGINT");
  expect((await cli.ended()).code).toBe(130);
  await reading;
  expect(text).not.toContain("nobody's");
});

test("monitor refuses a level that is none before anybody is asked", async () => {
  await using api = withRunningJob();
  const { code, stderr } = await api.run(["monitor", "-log-level", "loud"]);
  expect([code, stderr]).toEqual([
    1,
    'Error: flag -log-level: expected trace, debug, info, warn or error, found "loud"\n',
  ]);
});
