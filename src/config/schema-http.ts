import * as v from "valibot";
import { attribute, block, sameNames, single } from "../hcl/describe.ts";
import { choice, flag, integer, text } from "../hcl/leaf.ts";

const ABSOLUTE = "an absolute path";
const absolutePath = text(v.pipe(v.string(ABSOLUTE), v.regex(/^\/[^\u0000-\u001f\u007f]*$/, ABSOLUTE)));

const WORDS = "text without control characters";
const words = text(v.pipe(v.string(WORDS), v.regex(/^[^\u0000-\u001f\u007f]*$/, WORDS)));

const WORD = "text without spaces and control characters";
const word = text(v.pipe(v.string(WORD), v.regex(/^[^\s\u0000-\u001f\u007f]+$/, WORD)));

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

/** Where the API is served, and to whom; the names are Nomad's but for those of the unix socket. */
export const httpFields = {
  api_group: attribute(word),
  api_mode: attribute(choice(["0600", "0660"]), { default: "0660" }),
  bind_addr: attribute(words),
  addresses: single(block(sameNames({ http: attribute(words) }))),
  ports: single(block(sameNames({ http: attribute(integer({ min: 1, max: 65_535 })) }))),
  advertise: single(block(sameNames({ http: attribute(words) }))),
  tls: single(tlsBlock),
  acl: single(block(sameNames({ enabled: attribute(flag()) }))),
  limits: single(block(sameNames({ http_max_conns_per_client: attribute(integer({ min: 0 }), { default: 100 }) }))),
};
