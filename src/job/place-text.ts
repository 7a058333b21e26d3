import type { Group, Task } from "./job.ts";

/** What messages call a group. */
export const groupPlace = ({ name }: Pick<Group, "name">): string => `group "${name}"`;

/** What messages call a task. */
export const taskPlace = (group: Pick<Group, "name">, { name }: Pick<Task, "name">): string =>
  `${groupPlace(group)}, task "${name}"`;
