import type { Group, Port, Task } from "./job.ts";

/** The ports that a task asks for itself, in the old form of `network`: no other task forwards them. */
export function ownPorts({ resources }: Pick<Task, "resources">): readonly Port[] {
  return resources.networks.flatMap(({ ports }) => ports);
}

/**
 * The task whose machine a port of a group leads to: the one that asks for it itself, the one whose `port_map` names it, or the only one.
 * @returns undefined for a port that is only given, and of which `args` make what they like.
 */
export function portOwner({ tasks }: Pick<Group, "tasks">, label: string): Task | undefined {
  const asked = tasks.find((task) => ownPorts(task).some((port) => port.label === label));
  if (asked !== undefined) return asked;
  const mapped = tasks.find(({ config }) => Object.hasOwn(config.port_map, label));
  return mapped ?? (tasks.length === 1 ? tasks[0] : undefined);
}
