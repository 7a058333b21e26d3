export interface GitServer extends AsyncDisposable {
  readonly port: number;
}

export interface GitServerOptions {
  /** For https; without it the server speaks http. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** `user:password` that is asked for; nobody is asked unless it is given. */
  readonly login?: string;
  /** A path that a repository had before, and the one that it has. */
  readonly moved?: readonly [from: string, to: string];
}

/** Serves every repository below a directory on a free port of the loopback address, by git's own CGI program. */
export function startGitServer(root: string, { tls, login, moved }: GitServerOptions = {}): GitServer {
  const wanted = login === undefined ? null : `Basic ${Buffer.from(login).toString("base64")}`;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    ...(tls !== undefined && { tls }),
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      if (moved !== undefined && pathname.startsWith(moved[0])) {
        return new Response("", { status: 301, headers: { location: pathname.replace(...moved) + search } });
      }
      if (wanted === null || request.headers.get("authorization") === wanted) return await answer(root, request);
      return new Response("who is there?", { status: 401, headers: { "www-authenticate": "Basic realm=git" } });
    },
  });
  return { port: server.port ?? 0, [Symbol.asyncDispose]: async () => await server.stop(true) };
}

async function answer(root: string, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const { headers } = request;
  const child = Bun.spawn(["git", "http-backend"], {
    stdin: await request.bytes(),
    stdout: "pipe",
    stderr: "ignore",
    env: {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: headers.get("content-type") ?? "",
      HTTP_CONTENT_ENCODING: headers.get("content-encoding") ?? "",
      GIT_PROTOCOL: headers.get("git-protocol") ?? "",
      REMOTE_USER: "me",
    },
  });
  const output = Buffer.from(await new Response(child.stdout).arrayBuffer());
  const end = output.indexOf("\r\n\r\n");
  const lines = output.toString("latin1", 0, end).split("\r\n");
  const pairs = lines.map((line): [string, string] => [
    line.slice(0, line.indexOf(":")),
    line.slice(line.indexOf(":") + 1).trim(),
  ]);
  const status = Number(pairs.find(([name]) => name === "Status")?.[1].split(" ")[0] ?? 200);
  return new Response(output.subarray(end + 4), { status, headers: pairs.filter(([name]) => name !== "Status") });
}
