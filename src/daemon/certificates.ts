import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { AppError, errorText, unreadable } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import { utcTime } from "../base/units.ts";
import type { TlsConfig } from "../config/http.ts";
import type { ServerTls } from "../runtime/serve.ts";

/** A certificate and its key, checked, as TLS is spoken with them. */
export interface Certificate {
  readonly tls: ServerTls;
  /** The names that it is for, in lower case. */
  readonly names: readonly string[];
  /** When it is good no more, in milliseconds since 1970. */
  readonly validTo: number;
  /** What is doubtful and keeps nobody from using it. */
  readonly warnings: readonly string[];
}

/** A chain of certificates is some KiB. */
const MAX_PEM_BYTES = 1 << 20;
/** Of a file's mode: others may read it. */
const READABLE_BY_ALL = 0o004;
const DAY = 86_400_000;
/** A certificate is said to end soon so many days before. */
const SOON = 14;

/**
 * Reads and checks the files that TLS is spoken with.
 * @param now milliseconds since 1970.
 * @throws AppError `invalid` or `not_found` that names the key of the configuration and the file: it cannot be read, is no PEM, has a password, or
 * the key is another certificate's.
 */
export function readCertificate({ certFile, keyFile, clientCaFile }: TlsConfig, now: number): Certificate {
  const cert = readPem("tls.cert_file", certFile);
  const key = readPem("tls.key_file", keyFile);
  const clientCa = clientCaFile === null ? null : readPem("tls.ca_file", clientCaFile);
  const leaf = parseCertificate("tls.cert_file", certFile, cert);
  if (clientCa !== null && clientCaFile !== null) parseCertificate("tls.ca_file", clientCaFile, clientCa);
  if (!leaf.checkPrivateKey(parseKey(keyFile, key))) {
    throw new AppError("invalid", `tls.key_file ${keyFile}: it is not the key of the certificate in ${certFile}`, {
      hint: "name the two that were made together; the host's own certificate stands first in cert_file",
    });
  }
  const validTo = Date.parse(leaf.validTo);
  return {
    tls: { cert, key, clientCa },
    names: namesOf(leaf),
    validTo,
    warnings: [
      ...doubtsOfTime(certFile, { from: Date.parse(leaf.validFrom), to: validTo }, now),
      ...doubtsOfKey(keyFile),
    ],
  };
}

function readPem(name: string, path: string): string {
  try {
    const bytes = readBeginning(path, MAX_PEM_BYTES);
    if (bytes.length <= MAX_PEM_BYTES) return bytes.toString("latin1");
  } catch (error) {
    throw unreadable(`${name} ${path}`, error);
  }
  throw new AppError("invalid", `${name} ${path}: expected certificates or a key, found more than a MiB`);
}

function parseCertificate(name: string, path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw new AppError("invalid", `${name} ${path}: expected a certificate in PEM`, {
      hint: "it begins with -----BEGIN CERTIFICATE-----",
      cause: error,
    });
  }
}

function parseKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const locked = /ENCRYPTED/.test(text) || /passphrase|password/i.test(errorText(error));
    throw new AppError(
      "invalid",
      `tls.key_file ${path}: ${locked ? "it has a password, which nobody is there to type" : "expected a private key in PEM"}`,
      {
        hint: locked
          ? "openssl pkey -in FILE -out PLAIN takes it away; then chmod 600 PLAIN"
          : "it begins with -----BEGIN PRIVATE KEY-----",
        cause: error,
      },
    );
  }
}

function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/DNS:([^,\s"]+)/g)].map(([, name = ""]) => name.toLowerCase());
}

function doubtsOfTime(
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
  now: number,
): string[] {
  if (now >= to) return [`the certificate in ${path} has expired on ${utcTime(to)}: clients refuse it`];
  if (now < from)
    return [`the certificate in ${path} is good from ${utcTime(from)} on, and not yet: clients refuse it`];
  return to - now < SOON * DAY ? [`the certificate in ${path} expires on ${utcTime(to)}`] : [];
}

function doubtsOfKey(path: string): string[] {
  const isOpen = (statSync(path).mode & READABLE_BY_ALL) !== 0;
  return isOpen ? [`everybody on this host may read the key ${path}: chmod o-r it, and have another one made`] : [];
}
