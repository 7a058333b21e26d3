import { createHash } from "node:crypto";
import { ByteReader } from "../archive/byte-reader.ts";
import { quoteName } from "../archive/failure.ts";
import { readTarHeader } from "../archive/tar/header.ts";
import { AppError } from "../base/errors.ts";
import { bundleError, COPY_AGAIN } from "./failure.ts";
import { SIGNATURE_BYTES } from "./keys.ts";
import { BLOCK, END, headerOf, MANIFEST_NAME, type Member, membersOf, paddingOf, SIGNATURE_NAME } from "./layout.ts";
import { decodeManifest, digestOf, MAX_MANIFEST, type Manifest } from "./manifest.ts";

/** The beginning of a bundle, of which nothing is believed yet. */
export interface Opening {
  readonly manifest: Manifest;
  /** What the signature is of. */
  readonly text: Uint8Array;
  /** Of `text`. */
  readonly digest: string;
  /** Null when the manifest says that there is none. */
  readonly signature: Uint8Array | null;
}

/** Takes the members of a bundle in their order. */
export interface MemberSink {
  /** Says whether a member is wanted at all; reading ends before the first that is not, and so does what is proved. */
  wants?(member: Member): boolean;
  begin(member: Member): Promise<void>;
  /** The next bytes of the member; the buffer is used again. */
  write(bytes: Uint8Array): Promise<void>;
  /** All of the member has come, and is what the manifest says. */
  end(): Promise<void>;
}

/** Longest piece of a member that is handed on at once. */
const PIECE = 1 << 20;

/**
 * A bundle as it comes. Of a tar's freedom nothing is left: every byte that is no content must be what `paddock image bundle` writes
 * there, so that none of the tricks of archives has a place in it, and no bit can change unseen.
 */
export class BundleReader {
  readonly #reader: ByteReader;
  #at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#reader = new ByteReader(chunks);
  }

  /** @throws AppError `invalid` for what is no bundle, or damaged. */
  async open(): Promise<Opening> {
    const block = await this.#exactly(BLOCK, "its beginning");
    const size = manifestSize(block);
    const text = await this.#exactly(size, MANIFEST_NAME);
    const manifest = decodeManifest(text);
    this.#expect(block, headerOf(MANIFEST_NAME, size, manifest.created), 0, `the header of ${MANIFEST_NAME}`);
    await this.#constant(paddingOf(size), `the end of ${MANIFEST_NAME}`);
    const signature = manifest.key === null ? null : await this.#signature(manifest);
    return { manifest, text, digest: digestOf(text), signature };
  }

  /** Reads what stands behind the opening. @throws AppError `invalid` for the first byte that is not as it was made. */
  async readMembers(manifest: Manifest, sink: MemberSink): Promise<void> {
    for (const member of membersOf(manifest)) {
      if (sink.wants?.(member) === false) return;
      await this.#header(member.name, member.bytes, manifest.created);
      await this.#content(member, sink);
      await this.#constant(paddingOf(member.bytes), `the end of ${member.name}`);
    }
    await this.#constant(END, "its end");
    if ((await this.#reader.some(1)) !== undefined) {
      throw bundleError(`it is damaged: there are other bytes behind its end, from byte ${this.#at} on`, COPY_AGAIN);
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#reader.close();
  }

  async #signature({ created }: Manifest): Promise<Uint8Array> {
    await this.#header(SIGNATURE_NAME, SIGNATURE_BYTES, created);
    const signature = await this.#exactly(SIGNATURE_BYTES, SIGNATURE_NAME);
    await this.#constant(paddingOf(SIGNATURE_BYTES), `the end of ${SIGNATURE_NAME}`);
    return signature;
  }

  async #header(name: string, bytes: number, created: string): Promise<void> {
    const start = this.#at;
    const block = await this.#exactly(BLOCK, `the header of ${name}`);
    const wanted = headerOf(name, bytes, created);
    if (block.equals(wanted)) return;
    const found = nameIn(block);
    if (found !== undefined && found !== name) {
      const text = `expected ${name} at byte ${start}, found ${quoteName(found)}: its files are not those of its manifest, or in another order`;
      throw bundleError(text, COPY_AGAIN);
    }
    this.#expect(block, wanted, start, `the header of ${name}`);
  }

  async #content(member: Member, sink: MemberSink): Promise<void> {
    await sink.begin(member);
    const hash = createHash("sha256");
    for (let left = member.bytes; left > 0; ) {
      const piece = await this.#reader.some(Math.min(left, PIECE));
      if (piece === undefined) throw cut(this.#at, member.name);
      hash.update(piece);
      await sink.write(piece);
      left -= piece.length;
      this.#at += piece.length;
    }
    const found = hash.digest("hex");
    if (found !== member.sha256) {
      throw bundleError(
        `${member.name} is damaged: expected sha256:${member.sha256}, found sha256:${found}`,
        COPY_AGAIN,
      );
    }
    await sink.end();
  }

  async #constant(wanted: Buffer, what: string): Promise<void> {
    const start = this.#at;
    this.#expect(await this.#exactly(wanted.length, what), wanted, start, what);
  }

  #expect(found: Buffer, wanted: Buffer, start: number, what: string): void {
    const at = wanted.findIndex((byte, index) => byte !== found[index]);
    if (at !== -1) throw bundleError(`it is damaged at byte ${start + at}, in ${what}`, COPY_AGAIN);
  }

  async #exactly(length: number, what: string): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const some = await this.#reader.some(length - done);
      if (some === undefined) throw cut(this.#at, what);
      bytes.set(some, done);
      done += some.length;
      this.#at += some.length;
    }
    return bytes;
  }
}

function cut(at: number, what: string): AppError {
  return bundleError(`it is cut off: it ends at byte ${at}, within ${what}`, COPY_AGAIN);
}

const NO_BUNDLE = "expected a file that paddock image bundle made";

function manifestSize(block: Buffer): number {
  let size: number | undefined;
  try {
    const header = readTarHeader(block);
    if (header?.name.toString("latin1") === MANIFEST_NAME) size = header.size;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
  if (size === undefined) throw bundleError("it does not begin with a manifest", NO_BUNDLE);
  if (size <= MAX_MANIFEST) return size;
  throw bundleError(`its manifest has ${size} bytes, expected at most ${MAX_MANIFEST}`, NO_BUNDLE);
}

function nameIn(block: Buffer): string | undefined {
  try {
    return readTarHeader(block)?.name.toString("latin1");
  } catch {
    return undefined;
  }
}
