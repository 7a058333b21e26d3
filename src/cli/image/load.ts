import { ADDRESS_FLAG, type Command } from "../command.ts";
import { EXIT } from "../exit.ts";

export const IMAGE_LOAD: Command = {
  names: ["image load"],
  summary: "Take in a bundle of jobs and all that they fetch",
  operands: "FILE",
  takes: [1, 1],
  flags: [
    ADDRESS_FLAG,
    {
      name: "trust",
      value: "FILE",
      repeats: true,
      help: "Believe bundles of the public keys in this file; may be given several times. Only where client.trusted_keys of the agent's configuration names none.",
    },
    { name: "allow-unsigned", help: "Believe a bundle that nobody signed; only as -trust." },
    { name: "jobs", value: "DIR", help: "Write the job files there." },
    { name: "binaries", value: "DIR", help: "Write the programs there, if there are some." },
    { name: "force", help: "Write over job files and programs that are there." },
    { name: "json", data: true, help: "Print what was loaded as JSON." },
  ],
  details:
    "Gives a bundle of paddock image bundle to the agent, which checks who made it, that it is no older than the last one of the same key, and every byte of it, and then puts its artifacts into the cache: all of them, or none. The names of the job files that were written are printed, one a line.",
  examples: [
    "paddock image load -jobs /etc/paddock/jobs site.tar",
    "paddock image load -trust site.key.pub -jobs . site.tar && paddock run web.hcl",
  ],
  exits: [
    [EXIT.ok, "all of it is loaded"],
    [EXIT.failed, "it is refused; nothing was loaded unless the message says so"],
    [EXIT.SIGINT, "Ctrl-C; nothing was loaded"],
  ],
  run: async (invocation) => (await import("./load-send.ts")).loadBundle(invocation),
};
