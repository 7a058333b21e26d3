import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { freePort } from "./ports.ts";
import { spawnServer } from "./spawn-server.ts";
import { tempDir } from "./temp.ts";

export interface Nginx extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** The directory that it serves. */
  readonly root: string;
  url(path: string): string;
  /** Its access log so far: one line per request, `METHOD path status bytes`. */
  accessLog(): string[];
}

/**
 * Starts a real nginx on a free port of the loopback address, as root or as an ordinary user, serving an empty directory of its own.
 * @param rate most bytes a second of one connection, as nginx writes it; no limit unless given.
 */
export async function startNginx(rate = "0"): Promise<Nginx> {
  const dir = tempDir();
  const root = dir.file("www");
  mkdirSync(root);
  const port = await freePort();
  writeFileSync(dir.file("nginx.conf"), configuration(dir.path, port, rate));
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const argv = ["nginx", "-p", dir.path, "-e", dir.file("error.log"), "-c", dir.file("nginx.conf")] as const;
  const { pid, stop } = await spawnServer(argv, { dir, port, env: { PATH: path } });
  return {
    port,
    pid,
    root,
    url: (file) => `http://127.0.0.1:${port}${file}`,
    accessLog: () => readFileSync(dir.file("access.log"), "utf8").split("\n").filter(Boolean),
    [Symbol.asyncDispose]: stop,
  };
}

function configuration(dir: string, port: number, rate: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${dir}/${name};`,
  );
  // As root its worker would drop to a user who may not read a private directory.
  return `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
events { worker_connections 64; }
http {
  ${temporary.join("\n  ")}
  default_type application/octet-stream;
  log_format plain '$request_method $request_uri $status $body_bytes_sent';
  access_log ${dir}/access.log plain;
  server {
    listen 127.0.0.1:${port};
    root ${dir}/www;
    limit_rate ${rate};
  }
}
`;
}
