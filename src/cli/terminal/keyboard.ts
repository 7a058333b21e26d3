/** Standard input as it comes. */
export interface Keyboard {
  readonly isTerminal: boolean;
  /** Lets every key through as it is pressed, or makes the terminal again what it was; nothing where there is no terminal. */
  setRaw(raw: boolean): void;
  /**
   * Calls back with what comes; nothing more is read before the callback is done.
   * @param onEnd called once at the end of the input.
   * @returns a function that stops it.
   */
  listen(onData: (data: Uint8Array) => Promise<void> | void, onEnd: () => void): () => void;
}

/** @param open gives standard input. It is asked when somebody wants the keyboard: to make the stream takes the runtime 7 ms. */
export function createKeyboard(open: () => NodeJS.ReadStream): Keyboard {
  const isTerminal = (): boolean => open().isTTY === true;
  return {
    get isTerminal() {
      return isTerminal();
    },
    setRaw: (raw) => {
      if (isTerminal()) open().setRawMode(raw);
    },
    listen: (onData, onEnd) => {
      const stream = open();
      let listening = true;
      const take = async (data: Buffer): Promise<void> => {
        stream.pause();
        await onData(data);
        if (listening) stream.resume();
      };
      const receive = (data: Buffer): void => {
        take(data).catch(end);
      };
      // A terminal that hung up is read with an error: there will be no more keys either.
      const end = (): void => {
        if (listening) onEnd();
        listening = false;
      };
      stream.on("data", receive);
      stream.on("end", end);
      stream.on("error", end);
      stream.resume();
      return () => {
        listening = false;
        stream.off("data", receive);
        stream.off("end", end);
        stream.pause();
      };
    },
  };
}
