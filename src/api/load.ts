/** How much the API has to do with replies that do not end. */
export interface StreamLoad {
  /** Event streams that are open now. */
  events: number;
  /** Event streams that were ended because nobody read them in time. */
  eventsCut: number;
}

export const noLoad = (): StreamLoad => ({ events: 0, eventsCut: 0 });
