import { errorText } from "./errors.ts";
import { type RemovedTree, removeTree } from "./remove-tree.ts";

/** Entry of a Worker that removes directories, one for each message, and says what became of it. It may be cut off at any time. */
self.addEventListener("message", ({ data }: MessageEvent<string>) => {
  self.postMessage(removeOrTell(data));
});

function removeOrTell(path: string): RemovedTree {
  try {
    return removeTree(path);
  } catch (error) {
    return { names: 0, bytes: 0, trouble: errorText(error) };
  }
}
