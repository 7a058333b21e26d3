declare const PADDOCK_VERSION: string | undefined;
declare const PADDOCK_COMMIT: string | undefined;

/** Version and commit that the build wrote into the binary; run from source it says so. */
export const build = {
  version: typeof PADDOCK_VERSION === "undefined" ? "0.1.0-dev" : PADDOCK_VERSION,
  commit: typeof PADDOCK_COMMIT === "undefined" ? "source" : PADDOCK_COMMIT,
};
