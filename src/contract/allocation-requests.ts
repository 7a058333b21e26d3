import * as v from "valibot";
import { SentFlagSchema, SentTextSchema } from "./scalars.ts";

/** Body of `PUT /v1/client/allocation/:id/restart`; "" is every task that has not ended. One that has is no task that `AllTasks` would add. */
export const RestartRequestSchema = v.object({ TaskName: SentTextSchema, AllTasks: SentFlagSchema });

/** Body of `PUT /v1/client/allocation/:id/signal`; "" is every task. */
export const SignalRequestSchema = v.object({ Signal: v.string(), Task: SentTextSchema });

/** Reply of both: Nomad's has nothing in it either. */
export const DoneReplySchema = v.object({});
