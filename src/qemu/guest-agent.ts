import { AppError } from "../base/errors.ts";
import type { QemuConfig } from "../job/job.ts";
import type { MachineSockets } from "../paths.ts";
import { GUEST_AGENT_CHARDEV } from "../qmp/commands.ts";
import { jsonOf, optionsNamed, readArguments } from "./arguments.ts";
import type { Word } from "./launch.ts";
import { optionValue, quote, splitOption } from "./quote.ts";

/** The name by which an agent in a guest finds its port. */
const PORT = "org.qemu.guest_agent.0";

/** The channel to an agent in the guest, in Nomad's words and with its ids, so that `args` may refer to them. */
export function guestAgentWords(config: QemuConfig, sockets: MachineSockets): readonly Word[] {
  if (!config.guest_agent) return [];
  const chardev = `socket,id=${GUEST_AGENT_CHARDEV},path=${quote(sockets.guestAgent, "run_dir")},server=on,wait=off`;
  const port = `virtserialport,chardev=${GUEST_AGENT_CHARDEV},name=${PORT}`;
  return ["-chardev", chardev, "-device", "virtio-serial", "-device", port].map((word) => ({
    word,
    origin: { kind: "job", attribute: "config.guest_agent" },
  }));
}

/**
 * Before Nomad had `guest_agent`, people brought the channel in `args`: with both, QEMU refuses the second by a name that its
 * user never wrote.
 * @throws AppError `invalid` that names the word of `args`.
 */
export function assertOneGuestAgent(config: QemuConfig): void {
  if (!config.guest_agent) return;
  const own = optionsNamed(readArguments(config.args), "chardev", "device").find(({ name, value }) => {
    const wanted = name === "chardev" ? GUEST_AGENT_CHARDEV : PORT;
    return propertyOf(value ?? "", name === "chardev" ? "id" : "name") === wanted;
  });
  if (own === undefined) return;
  const words = `${own.word} ${own.value ?? ""}`.trim();
  throw new AppError(
    "invalid",
    `config.args[${own.index}]: ${JSON.stringify(words)} brings the channel to a guest agent, and so does config.guest_agent`,
    {
      hint: "leave it out of args, with the chardev and the virtio-serial device that belong to it; or use guest_agent = false",
    },
  );
}

function propertyOf(value: string, key: string): string | undefined {
  const property = jsonOf(value)?.[key];
  return typeof property === "string" ? property : optionValue(splitOption(value), key);
}
