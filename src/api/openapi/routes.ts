import { ALLOCATION_ROUTES } from "./allocations.ts";
import type { RouteDescriptions } from "./description.ts";
import { HOST_ROUTES } from "./host.ts";
import { JOB_ROUTES } from "./jobs.ts";

/** What there is to say of every route, by the keys of the table of roles; POST is as PUT. */
export const ROUTE_DESCRIPTIONS: RouteDescriptions = { ...JOB_ROUTES, ...ALLOCATION_ROUTES, ...HOST_ROUTES };
