import type { Client } from "../../client/client.ts";
import type { TaskOf } from "../names.ts";
import type { EscapeKey } from "../terminal/raw-terminal.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { Screen } from "./screen.ts";

/** Somebody at a console. */
export interface Looking {
  readonly client: Client;
  readonly target: TaskOf;
  readonly readOnly: boolean;
  readonly leaveKey: EscapeKey;
  readonly leaveAtEnd: boolean;
  readonly terminal: Terminal;
  readonly screen: Screen;
  readonly interrupted: AbortSignal;
}
