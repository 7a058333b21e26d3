import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../guests/cache.ts";
import { freePort } from "./ports.ts";
import { spawnServer } from "./spawn-server.ts";
import { tempDir } from "./temp.ts";

/** A server that speaks S3, from npm; it is made of 116 packages, so it is no dependency. */
const PACKAGE = "s3rver@3.7.1";

const HOME = join(CACHE, "s3rver");

export interface S3Server extends AsyncDisposable {
  readonly port: number;
  /** Makes an object of the bucket `images`, and says its ETag. */
  put(key: string, body: Uint8Array): Promise<string>;
}

export const S3_KEY = { id: "S3RVER", secret: "S3RVER" };

let installed: boolean | undefined;

/** Whether the server is there, or could be installed; a machine without node or a registry has none. */
export function hasS3Server(): boolean {
  installed ??= existsSync(join(HOME, "node_modules", "s3rver")) || install();
  return installed;
}

function install(): boolean {
  if (Bun.which("node") === null || Bun.which("npm") === null) return false;
  mkdirSync(CACHE, { recursive: true });
  // Whole or not at all: what npm was killed at would pass for installed the next time.
  const part = mkdtempSync(`${HOME}.`);
  const argv = ["npm", "install", "--prefix", part, "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE];
  const { success } = Bun.spawnSync(argv, { stdio: ["ignore", "ignore", "ignore"], timeout: 60_000 });
  if (success) rmSync(HOME, { recursive: true, force: true });
  if (success) renameSync(part, HOME);
  else rmSync(part, { recursive: true, force: true });
  return success;
}

export async function startS3(): Promise<S3Server> {
  const dir = tempDir();
  const port = await freePort();
  const program = join(HOME, "node_modules", "s3rver", "bin", "s3rver.js");
  const at = ["-d", dir.file("data"), "-a", "127.0.0.1", "-p", String(port)];
  const { stop } = await spawnServer(["node", program, ...at, "--configure-bucket", "images"], { dir, port });
  const client = new Bun.S3Client({
    accessKeyId: S3_KEY.id,
    secretAccessKey: S3_KEY.secret,
    endpoint: `http://127.0.0.1:${port}`,
    bucket: "images",
    region: "us-east-1",
  });
  return {
    port,
    put: async (key, body) => {
      await client.write(key, body);
      return (await client.stat(key)).etag;
    },
    [Symbol.asyncDispose]: stop,
  };
}
