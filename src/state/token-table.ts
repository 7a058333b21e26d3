import type { KnownToken } from "../contract/token.ts";
import type { Rows } from "./rows.ts";

/** Who may use the API from elsewhere than the unix socket. */
export interface TokenTable {
  /** Oldest first, those that have expired among them. */
  tokens(): KnownToken[];
  putToken(token: KnownToken): void;
  deleteToken(accessor: string): void;
}

export function tokenTable(rows: Rows): TokenTable {
  return {
    tokens: () => rows.all<KnownToken>("SELECT record FROM tokens").sort((a, b) => a.createIndex - b.createIndex),
    putToken: (token) =>
      rows.run("INSERT INTO tokens (accessor, record) VALUES (?, ?)", token.accessor, JSON.stringify(token)),
    deleteToken: (accessor) => rows.run("DELETE FROM tokens WHERE accessor = ?", accessor),
  };
}
