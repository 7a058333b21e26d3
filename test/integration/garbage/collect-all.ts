import { startInProcess } from "../../helpers/in-process-agent.ts";

/** An agent below `argv[2]` that removes everything it may, says when it has begun and when it is done, and is to be killed meanwhile. */
const [, , root = ""] = process.argv;
const running = await startInProcess(root, { garbage: { maxAllocs: 1 } });
console.log("begun");
await running.agent.garbage.collect({ discard: false });
console.log("done");
running.close();
process.exit(0);
