/** Types of task events, spelled as Nomad spells them. */
export type TaskEventType =
  | "Received"
  | "Task Setup"
  | "Setup Failure"
  | "Driver"
  | "Driver Failure"
  | "Failed Validation"
  | "Downloading Artifacts"
  | "Failed Artifact Download"
  | "Template"
  | "Started"
  | "Terminated"
  | "Killing"
  | "Killed"
  | "Restart Signaled"
  | "Restarting"
  | "Signaling"
  | "Sibling Task Failed"
  | "Leader Task Dead"
  | "Not Restarting";

/** One thing that happened to a task. */
export interface TaskEvent {
  readonly type: TaskEventType;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** One sentence for people. */
  readonly message: string;
  /** Facts behind the sentence: `exit_code`, `signal`, … */
  readonly details: Readonly<Record<string, string>>;
  readonly failsTask: boolean;
}

/** How many events a task record carries, as in Nomad. */
const EVENTS_KEPT = 10;

/** The list with one more event, cut to the last ten. */
export function appendEvent(events: readonly TaskEvent[], event: TaskEvent): readonly TaskEvent[] {
  return [...events, event].slice(-EVENTS_KEPT);
}
