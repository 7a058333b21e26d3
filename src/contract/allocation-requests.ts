import * as v from "valibot";

/** Go's clients write null for what they leave out. */
const text = v.optional(v.nullable(v.string()), "");
const flag = v.optional(v.nullable(v.boolean()), false);

/** Body of `PUT /v1/client/allocation/:id/restart`; "" is every task. There is no task here that `AllTasks` would add. */
export const RestartRequestSchema = v.object({ TaskName: text, AllTasks: flag });

/** Body of `PUT /v1/client/allocation/:id/signal`; "" is every task. */
export const SignalRequestSchema = v.object({ Signal: v.string(), Task: text });

/** Reply of both: Nomad's has nothing in it either. */
export const DoneReplySchema = v.object({});
