import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startAgent } from "../helpers/agent.ts";
import { paddockBinary } from "../helpers/binary.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { freePort } from "../helpers/ports.ts";
import { makeTlsPlace, type TlsPlace } from "../helpers/remote-api.ts";
import { runPaddock, runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

const tlsBlock = ({ dir }: TlsPlace, more = ""): string =>
  `tls {\nhttp = true\ncert_file = "${dir.file("cert.pem")}"\nkey_file = "${dir.file("key.pem")}"\n${more}\n}\n`;

/** The text between the fences behind a mark of the README. */
function readmeBlock(mark: string): string {
  const readme = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8");
  const [, behind = ""] = readme.split(`<!-- ${mark} -->\n`);
  return /^```\w+\n([\s\S]*?)```/.exec(behind)?.[1] ?? "";
}

describe("an agent that is reached from elsewhere", () => {
  test("is the README's, word for word but for names and places", async () => {
    await using place = makeTlsPlace();
    const port = await freePort();
    const config = readmeBlock("remote configuration")
      .replace("/etc/paddock/tls/vm1.pem", place.dir.file("cert.pem"))
      .replace("/etc/paddock/tls/vm1.key", place.dir.file("key.pem"));
    await using agent = await startAgent({ config: `${config}\nports { http = ${port} }` });
    const [program = "", ...create] = readmeBlock("remote token").trim().split(" ");
    expect(program).toBe("paddock");
    const made = await agent.run(create);
    expect(made.stdout).toMatch(/^paddock_\S{43}\n$/);
    const script = readmeBlock("remote client")
      .replace("vm1.example.org:4646", `localhost:${port}`)
      .replace("paddock_…", made.stdout.trim())
      .replaceAll(/^paddock /gm, `${paddockBinary()} `)
      .replace(/^curl /m, Bun.which("curl") === null ? "# curl " : "curl ");
    const here = { cwd: place.dir.path };
    const ran = await runProgram(["sh", "-euc", script], here);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain("qemu");
    if (Bun.which("curl") !== null) expect(ran.stdout).toEndWith("[]");
    const without = await runProgram(["sh", "-euc", script.replace("NOMAD_TOKEN=", "NOTHING=")], here);
    expect(without.code).toBe(1);
    expect(without.stderr).toContain("Permission denied: a token is needed here");
  });

  test("answers nobody without a token on the loopback address either, where guests come from, and forgets a revoked one", async () => {
    const port = await freePort();
    await using agent = await startAgent({ config: `bind_addr = "127.0.0.1"\nports { http = ${port} }` });
    const url = `http://127.0.0.1:${port}`;
    for (const host of ["127.0.0.1", "10.0.2.2", "localhost"]) {
      const reply = await fetch(`${url}/v1/jobs`, { headers: { host: `${host}:${port}` } });
      expect(reply.status).toBe(403);
    }
    const secret = (await agent.run(["token", "create", "-role", "read"])).stdout.trim();
    const ask = async (): Promise<number> =>
      (await fetch(`${url}/v1/jobs`, { headers: { authorization: `Bearer ${secret}` } })).status;
    expect(await ask()).toBe(200);
    // Another agent of the same directory knows it, too, and no file of the agent's has it.
    await agent.kill();
    await agent.start();
    expect(await ask()).toBe(200);
    const files = await runProgram(["grep", "-rlF", secret.slice(8), agent.dir]);
    // What comes and goes meanwhile grep complains of.
    expect(files.stdout).toBe("");
    const [id = ""] = (await agent.run(["token", "list"])).stdout.split("\n")[1]?.split(" ") ?? [];
    expect((await agent.run(["token", "revoke", id])).code).toBe(0);
    expect(await ask()).toBe(403);
    expect(agent.output()).not.toContain(secret.slice(8));
  });

  test("has another certificate after SIGHUP, and the one before when the new one is no good", async () => {
    await using place = makeTlsPlace();
    const port = await freePort();
    await using agent = await startAgent({
      config: `bind_addr = "127.0.0.1"\nports { http = ${port} }\n${tlsBlock(place)}`,
    });
    const secret = (await agent.run(["token", "create", "-role", "read"])).stdout.trim();
    const ask = async (ca: string): Promise<number> => {
      const init: object = { headers: { "x-nomad-token": secret }, tls: { ca }, keepalive: false };
      return (await fetch(`https://localhost:${port}/v1/jobs`, init)).status;
    };
    expect(await ask(place.authority.cert)).toBe(200);
    const other = makeAuthority("another");
    place.use(other.issue("vm1", place.names));
    process.kill(agent.pid, "SIGHUP");
    await until("the certificate to be read", () => agent.output().includes("the certificate was read again"));
    expect(await ask(other.cert)).toBe(200);
    await expect(ask(place.authority.cert)).rejects.toThrow();
    writeFileSync(place.dir.file("key.pem"), "none");
    process.kill(agent.pid, "SIGHUP");
    await until("the refusal", () => agent.output().includes("the one before stays"));
    expect(await ask(other.cert)).toBe(200);
  });
});

describe("an agent does not start", () => {
  test.each([
    [["-bind", "0.0.0.0"], "Error: -bind must be a loopback address without TLS, found 0.0.0.0"],
    [["-bind", "vm1.example.org"], 'Error: -bind must be IP addresses, found "vm1.example.org"'],
    [["-http-port", "4646"], "Error: ports.http must stand beside bind_addr"],
    [["-http-port", "0", "-bind", "::1"], 'Error: -http-port: expected a port from 1 to 65535, found "0"'],
    [["-bind", "127.0.0.1", "-cert-file", "/nonexistent"], "Error: tls.key_file must be set where TLS is to be spoken"],
    [
      ["-bind", "127.0.0.1", "-cert-file", "/nonexistent", "-key-file", "/nonexistent"],
      "Error: cannot read tls.cert_file /nonexistent: no such file",
    ],
  ])("with %p, says why and leaves nothing", async (flags, message) => {
    await using dir = tempDir();
    const dirs = ["-data-dir", dir.file("data"), "-run-dir", dir.file("run")];
    const { code, stderr } = await runPaddock(["agent", ...dirs, ...flags]);
    expect(code).toBe(1);
    expect(stderr).toStartWith(message);
    expect(stderr).toContain(message.includes("-http-port:") || message.includes("cannot read") ? "" : "\nhint: ");
    expect((await runProgram(["ls", "-A", dir.path])).stdout).toBe("");
  });
});
