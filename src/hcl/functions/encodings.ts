import { type Datum, list, object, text } from "../cty/datum.ts";
import { STRING, type Type } from "../cty/type.ts";
import { textAt, textParameter } from "./arguments.ts";
import { readCsv } from "./csv.ts";
import { CallProblem, type FunctionSpec, type Surroundings } from "./function.ts";

/** Between text and what it is written as elsewhere. */
export const ENCODING_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  base64decode: { parameters: [textParameter("str")], run: (args) => text(decodeBase64(textAt(args, 0))) },
  base64encode: {
    parameters: [textParameter("str")],
    run: (args) => text(Buffer.from(textAt(args, 0), "utf8").toString("base64")),
  },
  csvdecode: { parameters: [textParameter("str")], run: decodeCsv },
  urlencode: { parameters: [textParameter("str")], run: (args) => text(encodeQuery(textAt(args, 0))) },
};

function decodeBase64(written: string): string {
  const plain = written.replace(/[\r\n]/g, "");
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(plain)) {
    throw new CallProblem("this is no base64", 0);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(plain, "base64"));
  } catch (error) {
    if (error instanceof TypeError) throw new CallProblem("what it stands for is no UTF-8 text", 0);
    throw error;
  }
}

function encodeQuery(value: string): string {
  return encodeURIComponent(value.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

/** The first line has the names of the columns; each further one is an object. */
function decodeCsv(args: readonly Datum[], { budget }: Surroundings): Datum {
  budget.work(textAt(args, 0).length);
  const [header, ...rows] = readCsv(textAt(args, 0));
  if (header === undefined) throw new CallProblem("the line with the names of the columns is missing", 0);
  if (new Set(header.fields).size < header.fields.length) throw new CallProblem("two columns have one name", 0);
  budget.values(rows.length * header.fields.length);
  const type: Type = {
    kind: "object",
    attributes: new Map(header.fields.map((name) => [name.normalize("NFC"), STRING])),
  };
  const objects = rows.map(({ fields, line }) => {
    if (fields.length !== header.fields.length) {
      throw new CallProblem(`line ${line} has ${fields.length} fields, the first one ${header.fields.length}`, 0);
    }
    return object(new Map(fields.map((field, at) => [(header.fields[at] ?? "").normalize("NFC"), text(field)])));
  });
  return list(type, objects);
}
