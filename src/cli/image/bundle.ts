import type { Command } from "../command.ts";
import { EXIT } from "../exit.ts";
import { VARIABLE_FLAGS } from "../job/variables.ts";

export const IMAGE_BUNDLE: Command = {
  names: ["image bundle"],
  summary: "Pack jobs and all that they fetch into one file for a host without a network",
  operands: "JOB…",
  takes: [1, 1000],
  flags: [
    { name: "o", value: "FILE", help: "The bundle. Its manifest is written beside it, as FILE.manifest." },
    { name: "key", value: "FILE", help: "Sign it with this private key; paddock image key makes one." },
    {
      name: "since",
      value: "FILE",
      help: "Leave out what a former bundle has: its manifest, or the bundle itself.",
    },
    {
      name: "binary",
      value: "FILE",
      repeats: true,
      help: "Put this paddock in, too; self is the one that runs. May be given several times.",
    },
    {
      name: "sequence",
      value: "NUMBER",
      count: true,
      help: "Its number, which must grow from bundle to bundle of a key; the time in seconds unless told.",
    },
    {
      name: "cache",
      value: "DIR",
      help: "Where what was fetched stays for the next bundle, for 30 days; ~/.cache/paddock unless told.",
    },
    {
      name: "ca-file",
      value: "FILE",
      help: "Certificates (PEM) of authorities that servers may have besides the known ones.",
    },
    ...VARIABLE_FLAGS,
    { name: "force", help: "Write over a bundle that is there." },
  ],
  details:
    "Reads job files, fetches their artifacts as an agent would, and packs job files, artifacts and a signed manifest into one tar file, which paddock image load takes in on a host without a network: the same job files run there. Needs no agent. Proxies, AWS_… and ~/.netrc of the environment are used. Job files are in it as they are, with the secrets that they hold, so only its owner may read the file.",
  examples: [
    "paddock image bundle -o site.tar -key site.key web.hcl db.hcl",
    "paddock image bundle -o b.tar -key site.key -since a.tar.manifest web.hcl",
    "paddock image bundle -o site.tar -binary self web.hcl",
  ],
  exits: [
    [EXIT.ok, "the bundle is there"],
    [EXIT.failed, "a job file is wrong, or something could not be fetched or written"],
    [EXIT.SIGINT, "Ctrl-C; what was fetched stays for the next try"],
  ],
  run: async (invocation) => (await import("./bundle-make.ts")).makeBundle(invocation),
};
