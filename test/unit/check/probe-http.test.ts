import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import type { Probe } from "../../../src/allocation/check.ts";
import { probeHttp } from "../../../src/check/probe-http.ts";

let server: Server | undefined;
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server?.close();
});

interface Origin {
  readonly port: number;
  /** What was received, one text a connection. */
  readonly received: string[];
}

/** Answers the first bytes of each connection by `reply`. */
async function serve(reply: string | ((socket: Socket) => void)): Promise<Origin> {
  const received: string[] = [];
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", (data) => {
      received.push(data.toString());
      if (typeof reply === "string") socket.end(reply);
      else reply(socket);
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server?.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, received };
}

type HttpProbe = Extract<Probe, { type: "http" }>;

function probe(port: number, more: Partial<HttpProbe> = {}, timeoutMillis = 500) {
  const base: HttpProbe = {
    ...{ type: "http", host: "127.0.0.1", port, secure: false, method: "GET", path: "/health", headers: {}, body: "" },
    ...{ skipVerify: false, serverName: "", ignoreWarnings: false },
  };
  return probeHttp({ ...base, ...more }, { timeoutMillis, signal: new AbortController().signal });
}

const reply = (status: string, body = "", headers = ""): string =>
  `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;

describe("the status", () => {
  for (const [status, success] of [
    ["200 OK", true],
    ["204 No Content", true],
    ["302 Found", true],
    ["400 Bad Request", false],
    ["429 Too Many Requests", false],
    ["503 Service Unavailable", false],
  ] as const) {
    test(`${status} is ${success ? "a success" : "a failure"}`, async () => {
      const { port } = await serve(reply(status));
      expect(await probe(port)).toMatchObject({ success, statusCode: Number(status.slice(0, 3)) });
    });
  }

  test("429 is a success where warnings are ignored", async () => {
    const { port } = await serve(reply("429 Too Many Requests", "later"));
    expect(await probe(port, { ignoreWarnings: true })).toEqual({ success: true, output: "later", statusCode: 429 });
  });
});

test("the request has method, path, headers and body of the job, once, and no other connection follows", async () => {
  const { port, received } = await serve(reply("302 Found", "", "Location: /elsewhere\r\n"));
  const headers = { Host: ["example.org"], "X-A": ["1", "2"] };
  await probe(port, { method: "POST", path: "/a?b=c", headers, body: "ping" });
  expect(received).toHaveLength(1);
  const [head = "", body] = received[0]?.split("\r\n\r\n") ?? [];
  expect(head.split("\r\n")[0]).toBe("POST /a?b=c HTTP/1.1");
  for (const line of ["Host: example.org", "X-A: 1", "X-A: 2", "User-Agent: paddock", "Connection: close"]) {
    expect(head).toContain(`\r\n${line}`);
  }
  expect(body).toBe("ping");
});

test("of a bad reply the first 3 KiB are shown, with control characters escaped", async () => {
  const endless = await serve((socket) => {
    socket.write("HTTP/1.1 500 No\r\n\r\n\u001b[2Joops\n");
    const fill = (): void => {
      while (socket.writable && socket.write("x".repeat(65_536)));
      socket.once("drain", fill);
    };
    fill();
  });
  const { output, success } = await probe(endless.port, {}, 5000);
  expect(success).toBe(false);
  expect(output).toStartWith("\\x1b[2Joops\nxxx");
  expect(output.length).toBeLessThan(3200);
});

for (const [what, answer] of [
  ["another protocol", "SSH-2.0-OpenSSH\r\n"],
  ["a head without an end", (socket: Socket) => void socket.write(`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(9000)}`)],
  ["a hang-up", (socket: Socket) => void socket.destroy()],
  ["half a head and a hang-up", "HTTP/1.1 200"],
] as const) {
  test(`${what} is no reply`, async () => {
    const { port } = await serve(answer);
    const { success, output } = await probe(port);
    expect(success).toBe(false);
    expect(output).toMatch(/^no reply/);
  });
}

test("silence is a failure when the time is over, and so is a reply that never ends to come", async () => {
  const { port } = await serve(() => undefined);
  expect(await probe(port)).toEqual({ success: false, output: "no reply within 500ms", statusCode: 0 });
  server?.close();
  const slow = await serve((socket) => void socket.write("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf"));
  expect(await probe(slow.port)).toEqual({ success: false, output: "half", statusCode: 503 });
});

test("what is no header or path only now that it has its value is a failure, not a fault", async () => {
  const { port } = await serve(reply("200 OK"));
  expect((await probe(port, { headers: { "X-A": ["a\r\nX-B: c"] } })).success).toBe(false);
  expect((await probe(port, { path: "/a b" })).success).toBe(false);
  expect((await probe(port, { method: "GE T" })).success).toBe(false);
  expect((await probe(0)).success).toBe(false);
});

test("a certificate that nobody vouches for is a failure unless the job says otherwise", async () => {
  const dir = `${import.meta.dirname}/../../integration/artifact`;
  const tls = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: Bun.file(`${dir}/localhost.crt`), key: Bun.file(`${dir}/localhost.key`) },
    fetch: () => new Response("fine"),
  });
  try {
    const port = tls.port ?? 0;
    expect((await probe(port, { secure: true }, 2000)).success).toBe(false);
    expect(await probe(port, { secure: true, skipVerify: true }, 2000)).toMatchObject({
      success: true,
      statusCode: 200,
    });
  } finally {
    await tls.stop(true);
  }
});
