import { escapeControls } from "../../base/text.ts";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Select Graphic Rendition (ECMA-48, 8.3.117): what begins a style and what ends it. */
const SGR: Readonly<Record<Style, readonly [begin: number, end: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** A piece of a line: plain text, or text in a style. Control characters in it are shown, never obeyed. */
export type Piece = string | { readonly text: string; readonly style: Style };

/** A line of pieces as it is written. @param color false leaves the styles out. */
export function paint(pieces: readonly Piece[], color: boolean): string {
  return pieces.map((piece) => paintPiece(piece, color)).join("");
}

function paintPiece(piece: Piece, color: boolean): string {
  const text = escapeControls(textOf(piece));
  if (typeof piece === "string" || !color) return text;
  const [begin, end] = SGR[piece.style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}

export function textOf(piece: Piece): string {
  return typeof piece === "string" ? piece : piece.text;
}

/** The colour that a status has everywhere. */
const STATUS_STYLES: ReadonlyMap<string, Style> = new Map([
  ["running", "green"],
  ["ready", "green"],
  ["pending", "yellow"],
  ["preparing", "yellow"],
  ["starting", "yellow"],
  ["stopping", "yellow"],
  ["backoff", "yellow"],
  ["paused", "yellow"],
  ["io-error", "red"],
  ["unkillable", "red"],
  ["failed", "red"],
  ["success", "green"],
  ["healthy", "green"],
  ["failure", "red"],
  ["unhealthy", "red"],
  ["lost", "red"],
]);

/** A status word in its colour. It may be any word: a machine's QEMU says what its guest does. */
export function statusPiece(status: string): Piece {
  const style = STATUS_STYLES.get(status);
  return style === undefined ? status : { text: status, style };
}
