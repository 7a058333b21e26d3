import { describe, expect, test } from "bun:test";
import { encodeJob } from "../../../../src/job/wire.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { jobOf, jobRecord, jobText } from "../../../helpers/records.ts";
import { remoteClient, secretFor } from "../../../helpers/remote.ts";

const PLAIN = jobText().replace(/image_path\s*=\s*"[^"]*"/, 'image_path = "local/disk.img"');
const POWERFUL = PLAIN.replace('"local/disk.img"', '"/etc/shadow"');

function bed() {
  const one = testApi();
  const client = remoteClient(one.api);
  const operate = secretFor(one.agent, "operate");
  const admin = secretFor(one.agent, "admin");
  return { ...one, client, operate, admin };
}

describe("a job that reaches out of its allocation", () => {
  test.each([
    ["as JSON", (text: string) => ({ Job: encodeJob(jobOf(text)) })],
    ["as text", (text: string) => ({ Submission: { Source: text, Format: "hcl2" } })],
  ])("is registered %s by an admin and by the host alone, and the refusal names the part", async (_, body) => {
    const { client, agent, send, operate, admin } = bed();
    for (const [method, path] of [
      ["PUT", "/v1/jobs"],
      ["POST", "/v1/job/web"],
    ] as const) {
      const refused = await refusalOf(await client.send(method, path, { secret: operate, body: body(POWERFUL) }));
      expect(refused).toEqual({
        status: 403,
        lines: [
          'Permission denied: job "web" needs the role admin, and this token has the role operate:',
          expect.stringMatching(/^ {2}group "vms" task "vm" config.image_path names a file outside of the allocation$/),
          expect.stringContaining("hint: leave these out"),
        ],
      });
    }
    expect(agent.registered).toEqual([]);
    expect((await client.send("PUT", "/v1/jobs", { secret: operate, body: body(PLAIN) })).status).toBe(200);
    expect((await client.send("PUT", "/v1/jobs", { secret: admin, body: body(POWERFUL) })).status).toBe(200);
    expect((await send("PUT", "/v1/jobs", body(POWERFUL))).status).toBe(200);
    expect(agent.registered).toHaveLength(3);
  });

  test("has ten of its parts named", async () => {
    const { client, operate } = bed();
    const text = PLAIN.replace(/(image_path\s*=)/, `args = [${Array(12).fill('"/dev/sda"').join(", ")}]\n$1`);
    const { lines } = await refusalOf(
      await client.send("PUT", "/v1/jobs", { secret: operate, body: { Submission: { Source: text, Format: "hcl2" } } }),
    );
    expect(lines).toHaveLength(13);
    expect(lines[11]).toBe("  and 2 more");
  });

  test("is not reverted to and not scaled by another role", async () => {
    const { client, agent, operate, admin } = bed();
    agent.put({ job: jobRecord({ job: jobOf(POWERFUL), version: 0 }) });
    const scale = { body: { Count: 0, Target: { Group: "vms" } } };
    expect((await client.send("PUT", "/v1/job/web/scale", { secret: operate, ...scale })).status).toBe(403);
    expect((await client.send("PUT", "/v1/job/web/scale", { secret: admin, ...scale })).status).toBe(200);
    agent.put({ job: jobRecord({ job: jobOf(PLAIN), version: 5 }) });
    const revert = { body: { JobID: "web", JobVersion: 0 } };
    expect((await client.send("PUT", "/v1/job/web/revert", { secret: operate, ...revert })).status).toBe(403);
    expect((await client.send("PUT", "/v1/job/web/revert", { secret: admin, ...revert })).status).toBe(200);
  });

  test("is looked at again by whoever operates, and run again by admin alone", async () => {
    const { client, agent, operate, admin } = bed();
    agent.put({ job: jobRecord({ job: jobOf(POWERFUL) }) });
    const ask = async (secret: string, force: boolean) => {
      const body = { EvalOptions: { ForceReschedule: force } };
      return (await client.send("PUT", "/v1/job/web/evaluate", { secret, body })).status;
    };
    expect([await ask(operate, false), await ask(operate, true), await ask(admin, true)]).toEqual([200, 403, 200]);
    expect([agent.told, agent.registered.length]).toEqual([["evaluate web", "evaluate web"], 1]);
  });

  test("may be stopped by whoever operates, but its disks are removed by admin alone", async () => {
    const { client, agent, operate, admin } = bed();
    agent.put({ job: jobRecord({ job: jobOf(POWERFUL) }) });
    expect((await client.send("DELETE", "/v1/job/web", { secret: operate })).status).toBe(200);
    const discard = "/v1/job/web?purge=true&discard=true";
    expect((await client.send("DELETE", discard, { secret: operate })).status).toBe(403);
    expect(agent.deregistered).toHaveLength(1);
    expect((await client.send("DELETE", discard, { secret: admin })).status).toBe(200);
  });
});
