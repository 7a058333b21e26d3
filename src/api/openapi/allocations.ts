import { AllocationSchema, AllocationStubSchema } from "../../contract/allocation.ts";
import { DoneReplySchema, RestartRequestSchema, SignalRequestSchema } from "../../contract/allocation-requests.ts";
import { EvaluationCountSchema, EvaluationSchema, StopReplySchema } from "../../contract/evaluation.ts";
import { FileInfoSchema } from "../../contract/file.ts";
import { GarbageReplySchema } from "../../contract/garbage.ts";
import { LogFrameSchema } from "../../contract/log-frame.ts";
import { ExplainSchema, PowerReplySchema, PowerRequestSchema, ReceiptSchema } from "../../contract/machine.ts";
import { CheckResultsSchema, ServiceSchema } from "../../contract/service.ts";
import { AllocationUsageSchema } from "../../contract/usage.ts";
import { WhySchema } from "../../contract/why.ts";
import {
  change,
  count,
  flag,
  frames,
  json,
  list,
  look,
  needed,
  type Parameter,
  type RouteDescriptions,
  read,
  text,
  word,
} from "./description.ts";
import { RESOURCES, STOPPING } from "./jobs.ts";

/** The beginning of a UUID. */
export const ID_PREFIX: Parameter = {
  name: "prefix",
  description: "Only ids that begin so, in hexadecimal digits.",
  schema: { type: "string" },
};

const MACHINE = [404, 409, 504] as const;
const FILE = [404, 409] as const;
const FILE_PATH = needed({
  ...text("path", "Below the allocation's directory."),
  schema: { type: "string", minLength: 1 },
});
const OFFSET = count("offset", "Bytes from the origin.");
const ORIGIN = word("origin", ["start", "end"], "Where offset is counted from; start unless given.");
const GENERATION = count("generation", "Of the starts of the machine, from 1 on; the newest unless given.");
const DISCARD = flag("discard", "Also what has disks that guests wrote to.");

const COLLECT_ONE = change("Remove an allocation that has ended.", GarbageReplySchema, {
  query: [DISCARD],
  errors: [404, 409],
});

const CHECKS = read("Read what the checks of an allocation say.", CheckResultsSchema, { errors: [404] });

/** Routes about allocations, their evaluations, files and logs, and the machines of their tasks. */
export const ALLOCATION_ROUTES: RouteDescriptions = {
  "GET /v1/allocations": read("List allocations.", list(AllocationStubSchema), { query: [ID_PREFIX, RESOURCES] }),
  "GET /v1/allocation/:id": read("Read an allocation.", AllocationSchema, { errors: [404] }),
  "PUT /v1/allocation/:id/stop": change("Stop an allocation; nothing takes its place.", StopReplySchema, {
    query: STOPPING,
    errors: MACHINE,
  }),
  "GET /v1/allocation/:id/checks": CHECKS,
  "GET /v1/client/allocation/:id/checks": CHECKS,
  "GET /v1/allocation/:id/services": read("List the services of an allocation that run.", list(ServiceSchema), {
    errors: [404],
  }),
  "GET /v1/client/allocation/:id/stats": look(
    "Read what machines of an allocation take.",
    [json(AllocationUsageSchema)],
    {
      query: [text("task", "This one alone."), flag("detail", "With what costs more to find out.")],
      errors: [404],
    },
  ),
  "PUT /v1/client/allocation/:id/restart": change("Restart the machines of an allocation.", DoneReplySchema, {
    request: { schema: RestartRequestSchema },
    errors: MACHINE,
  }),
  "PUT /v1/client/allocation/:id/signal": change("Send a signal to QEMU.", DoneReplySchema, {
    request: { schema: SignalRequestSchema },
    errors: MACHINE,
  }),
  "GET /v1/client/allocation/:id/gc": COLLECT_ONE,
  "PUT /v1/client/allocation/:id/gc": COLLECT_ONE,
  "GET /v1/evaluations": read("List evaluations.", list(EvaluationSchema), {
    query: [ID_PREFIX, text("job", "Of this job alone."), text("status", "In this status alone.")],
  }),
  "GET /v1/evaluations/count": read("Count evaluations.", EvaluationCountSchema, {
    query: [
      ID_PREFIX,
      text("job", "Of this job alone."),
      text("status", "In this status alone."),
      text("filter", "An expression of go-bexpr."),
    ],
  }),
  "GET /v1/evaluation/:id": read("Read an evaluation.", EvaluationSchema, { errors: [404] }),
  "GET /v1/evaluation/:id/allocations": read("List what an evaluation placed.", list(AllocationStubSchema), {
    query: [RESOURCES],
    errors: [404],
  }),
  "GET /v1/client/fs/logs/:alloc": look("Read the output of a task.", [frames(LogFrameSchema), { kind: "text" }], {
    query: [
      needed({ ...text("task", "Its name."), schema: { type: "string", minLength: 1 } }),
      needed(word("type", ["stdout", "stderr"], "The serial port, or what QEMU says.")),
      flag("follow", "Go on with what is written."),
      ORIGIN,
      OFFSET,
      text("file", "Ours: offset is counted in this file, whatever was rotated meanwhile."),
      flag("plain", "Bytes as they are, instead of frames."),
      text("since", "Ours: written from then on; RFC 3339, or nanoseconds since 1970."),
      text("until", "Ours: written until then; not with follow."),
      flag("timestamps", "Ours: each line in a frame of its own with its time; not with plain."),
    ],
    errors: FILE,
  }),
  "GET /v1/client/fs/ls/:alloc": look("List a directory of an allocation.", [json(list(FileInfoSchema))], {
    query: [text("path", "Below the allocation's directory.")],
    errors: FILE,
  }),
  "GET /v1/client/fs/stat/:alloc": look("Describe a file of an allocation.", [json(FileInfoSchema)], {
    query: [FILE_PATH],
    errors: FILE,
  }),
  "GET /v1/client/fs/cat/:alloc": look("Read a file of an allocation.", [{ kind: "bytes" }], {
    query: [FILE_PATH],
    errors: FILE,
  }),
  "GET /v1/client/fs/readat/:alloc": look("Read a part of a file of an allocation.", [{ kind: "bytes" }], {
    query: [FILE_PATH, needed(OFFSET), { ...text("limit", "Bytes; 0 or less for all."), schema: { type: "integer" } }],
    errors: FILE,
  }),
  "GET /v1/client/fs/stream/:alloc": look(
    "Follow a file of an allocation.",
    [frames(LogFrameSchema), { kind: "bytes" }],
    {
      query: [
        FILE_PATH,
        ORIGIN,
        OFFSET,
        { ...flag("follow", "Go on with what is written."), schema: { type: "boolean", default: true } },
        flag("plain", "Bytes as they are, instead of frames."),
      ],
      errors: FILE,
    },
  ),
  "GET /v1/vm/:alloc/:task/receipt": read("Read how a machine ended.", ReceiptSchema, { errors: [404] }),
  "GET /v1/vm/:alloc/:task/explain": read("Read the command line of a machine, word by word.", ExplainSchema, {
    errors: [404, 409],
  }),
  "PUT /v1/vm/:alloc/:task/power": change("Press, reset, pause or resume a machine.", PowerReplySchema, {
    request: { schema: PowerRequestSchema },
    errors: MACHINE,
  }),
  "GET /v1/vm/:alloc/:task/why": read("Read why a machine ended, with the last that it wrote.", WhySchema, {
    query: [GENERATION],
    errors: [404, 409],
  }),
  "GET /v1/vm/:alloc/:task/journal": {
    summary: "Read the events of QEMU's monitor in its own lines.",
    query: [GENERATION],
    replies: [{ kind: "bytes" }],
    errors: [400, 404, 409],
  },
  "GET /v1/vm/:alloc/:task/console": {
    summary: "Open the serial console, as a WebSocket.",
    query: [
      flag("readonly", "Without typing."),
      count("scrollback", "Lines from before; 50 unless given."),
      text("file", "Instead of lines: go on in this file of the serial log."),
      OFFSET,
    ],
    replies: [{ kind: "websocket" }],
    errors: [400, 404, 409, 426, 501],
  },
};
