import { randomBytes } from "node:crypto";
import { readFileSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { diskFiles, taskDirs } from "../../../src/paths.ts";
import { capacity } from "../../helpers/capacity.ts";
import { clearAway } from "../../helpers/clear-away.ts";
import { demoDisk } from "../../helpers/demo-disk.ts";
import { consoleOf, demoJob, idOf, imagesDir, startInProcess } from "../../helpers/in-process-agent.ts";
import { runProgram } from "../../helpers/run.ts";
import { tempDir } from "../../helpers/temp.ts";
import { patiently } from "../../helpers/until.ts";

/**
 * Boots one machine from a copy of an image of `image_paths` and one from a copy of what an artifact brought from the same directory, and
 * prints what the copies are: the lines of filefrag, which has extents that several files share, and what the file system has less.
 * Everything lies in the directory for temporary files.
 */
const dir = tempDir();
const running = await startInProcess(dir.path, {
  sources: { filePaths: [imagesDir(dir.path)] },
  // Each allocation asks for 300 MB, and takes next to none.
  capacity: capacity(),
});
try {
  const { agent } = running;
  const image = `${imagesDir(dir.path)}/disk.img`;
  writeFileSync(image, Buffer.concat([demoDisk(), randomBytes(32 << 20)]), { flush: true });
  const free = (): number => statfsSync(dir.path).bavail * statfsSync(dir.path).bsize;
  const before = free();
  const config = 'disk = "copy"';
  const jobs = {
    named: demoJob(image, { id: "named", config }),
    fetched: demoJob("local/disk.img", { id: "fetched", config, task: `artifact {\n source = "file://${image}"\n }` }),
  };
  const copies = [];
  for (const [id, job] of Object.entries(jobs)) {
    await agent.registerJob(job, null, {});
    await patiently(`${id} to boot`, async () => (await consoleOf(agent, id)).includes("boot=1"));
    const dirs = { dataDir: dir.file("data"), runDir: dir.file("run") };
    const { copy } = diskFiles(taskDirs(dirs, idOf(agent, id), "vm"));
    const extents = await runProgram(["filefrag", "-v", copy]);
    const [ours, theirs] = [readFileSync(copy), readFileSync(image)];
    // The guest writes to its first sectors alone.
    const same = ours.length === theirs.length && ours.subarray(1 << 20).equals(theirs.subarray(1 << 20));
    copies.push({ id, extents: extents.stdout, same, bytes: statSync(copy).size });
  }
  await runProgram(["sync"]);
  console.log(JSON.stringify({ taken: before - free(), copies }));
} finally {
  await clearAway(dir, running);
}
