import { expect, test } from "bun:test";
import { defaultAttributes } from "../../../src/job/defaults.ts";
import { jobOf, jobText } from "../../helpers/records.ts";

const taskOf = (text: string) => {
  const task = jobOf(text).groups[0]?.tasks[0];
  if (task === undefined) throw new Error("no task");
  return task;
};

test("attributes that a job says nothing of are told from those that it sets", () => {
  const found = defaultAttributes(taskOf(jobText()));
  expect(found).toContain("config.accelerator");
  expect(found).toContain("config.emulator");
  expect(found).toContain("resources.cores");
  expect(found).not.toContain("config.image_path");
  expect(found).not.toContain("resources.memory");
  const other = taskOf(jobText().replace('"local/linux.img"', '"local/linux.img"\n machine_type = "q35"'));
  expect(defaultAttributes(other)).not.toContain("config.machine_type");
});
