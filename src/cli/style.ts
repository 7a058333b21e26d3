import { styleText } from "node:util";
import { escapeControls } from "../base/text.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** A piece of a line: plain text, or text in a style. Control characters in it are shown, never obeyed. */
export type Piece = string | { readonly text: string; readonly style: Style };

/** A line of pieces as it is written. @param color false leaves the styles out. */
export function paint(pieces: readonly Piece[], color: boolean): string {
  return pieces.map((piece) => paintPiece(piece, color)).join("");
}

function paintPiece(piece: Piece, color: boolean): string {
  const text = escapeControls(textOf(piece));
  if (typeof piece === "string" || !color) return text;
  return styleText(piece.style, text, { validateStream: false });
}

export function textOf(piece: Piece): string {
  return typeof piece === "string" ? piece : piece.text;
}

/** The colour that a status has everywhere. */
const STATUS_STYLES: Readonly<Record<string, Style>> = {
  running: "green",
  ready: "green",
  pending: "yellow",
  preparing: "yellow",
  starting: "yellow",
  stopping: "yellow",
  backoff: "yellow",
  paused: "yellow",
  "io-error": "red",
  unkillable: "red",
  failed: "red",
  lost: "red",
};

/** A status word in its colour. */
export function statusPiece(status: string): Piece {
  const style = STATUS_STYLES[status];
  return style === undefined ? status : { text: status, style };
}
