import * as v from "valibot";
import { attribute, block, sameNames, single } from "../hcl/describe.ts";
import { flag, integer, text } from "../hcl/leaf.ts";

const ABSOLUTE = "an absolute path";
const absolutePath = text(v.pipe(v.string(ABSOLUTE), v.regex(/^\/[^\u0000-\u001f\u007f]*$/, ABSOLUTE)));

const WORDS = "text without control characters";
const words = text(v.pipe(v.string(WORDS), v.regex(/^[^\u0000-\u001f\u007f]*$/, WORDS)));

/** Nomad's names but for `allow_plaintext`. */
const tlsBlock = block(
  sameNames({
    http: attribute(flag(), { default: false }),
    ca_file: attribute(absolutePath),
    cert_file: attribute(absolutePath),
    key_file: attribute(absolutePath),
    verify_https_client: attribute(flag(), { default: false }),
    allow_plaintext: attribute(flag(), { default: false }),
  }),
);

/** Where the API is served besides its unix socket, and to whom; the names are Nomad's. */
export const httpFields = {
  bind_addr: attribute(words),
  addresses: single(block(sameNames({ http: attribute(words) }))),
  ports: single(block(sameNames({ http: attribute(integer({ min: 1, max: 65_535 })) }))),
  advertise: single(block(sameNames({ http: attribute(words) }))),
  tls: single(tlsBlock),
  acl: single(block(sameNames({ enabled: attribute(flag()) }))),
  limits: single(block(sameNames({ http_max_conns_per_client: attribute(integer({ min: 0 }), { default: 100 }) }))),
};
