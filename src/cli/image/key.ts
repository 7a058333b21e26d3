import type { Command, Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";

export const IMAGE_KEY: Command = {
  names: ["image key"],
  summary: "Make a pair of keys to sign bundles with",
  operands: "FILE",
  takes: [1, 1],
  flags: [],
  details:
    "Writes a private key to FILE, which signs bundles and stays where they are made, and the public one to FILE.pub, which hosts need to load them. Both are PEM (ed25519), as openssl genpkey -algorithm ed25519 and openssl pkey -pubout write them.",
  examples: ["paddock image key site.key"],
  run: runImageKey,
};

async function runImageKey({ context, operands }: Invocation): Promise<number> {
  const [{ makeKeys, readSigningKey, shortKey }, { writeKeyFile }] = await Promise.all([
    import("../../bundle/keys.ts"),
    import("../../bundle/key-file.ts"),
  ]);
  const path = operands[0] ?? "";
  const { privateKey, publicKey } = makeKeys();
  writeKeyFile(path, privateKey, 0o600);
  writeKeyFile(`${path}.pub`, publicKey, 0o644);
  context.terminal.out.line(
    `${path} signs, ${path}.pub is for the hosts; key ${shortKey(readSigningKey(privateKey, path).id)}`,
  );
  return EXIT.ok;
}
