/** Bytes that one side gives and the other takes, a piece at a time: no more than one piece waits. */
export interface Channel {
  /** Resolves when all of the piece was taken and another one is wanted; never when nobody takes it. One call at a time. */
  give(bytes: Uint8Array): Promise<void>;
  /** Nothing more comes. */
  end(): void;
  /** To be read once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export function createChannel(): Channel {
  let next = Promise.withResolvers<Uint8Array | null>();
  let taken: () => void = () => undefined;
  async function* take(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const bytes = await next.promise;
      if (bytes === null) return;
      next = Promise.withResolvers();
      yield bytes;
      taken();
    }
  }
  return {
    give: async (bytes) => {
      const done = Promise.withResolvers<void>();
      taken = done.resolve;
      next.resolve(bytes);
      await done.promise;
    },
    end: () => next.resolve(null),
    chunks: take(),
  };
}
