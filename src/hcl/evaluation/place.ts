import type { Expression } from "../ast.ts";
import { type Datum, isMapping, isSequence } from "../cty/datum.ts";
import { formatNumber, toDouble } from "../cty/number.ts";
import type { Span } from "../span.ts";
import { plainText } from "../syntax/references.ts";
import type { ObjectEntry, Value } from "../value.ts";

/**
 * A computed value with its places in the text: the parts of a list or object that is written out stand where they are written, all
 * else where the expression does. @param outside true for one that is never shown.
 */
export function placeDatum(datum: Datum, expression: Expression, outside = false): Value {
  const { span } = expression;
  const hidden = outside ? { hidden: true as const } : {};
  if (isSequence(datum)) {
    const written = expression.kind === "list" ? expression.items : [];
    const items = datum.items.map((item, index) => placeDatum(item, written[index] ?? spread(span), outside));
    return { kind: "list", items, span, ...hidden };
  }
  if (isMapping(datum)) {
    const written = writtenKeys(expression);
    const entries = [...datum.entries].map(([key, part]): ObjectEntry => {
      const item = written.get(key);
      return { key, keySpan: item?.key.span ?? span, value: placeDatum(part, item?.value ?? spread(span), outside) };
    });
    return { kind: "object", entries, span, ...hidden };
  }
  switch (datum.kind) {
    case "null":
      return { kind: "null", span };
    case "number":
      return { kind: "number", value: toDouble(datum.value), text: formatNumber(datum.value), span, ...hidden };
    case "bool":
      return { kind: "bool", value: datum.value, span, ...hidden };
    case "string":
      return { kind: "string", value: datum.value, span, ...hidden };
  }
}

/** Stands for an expression whose parts have no places of their own. */
function spread(span: Span): Expression {
  return { kind: "invalid", span };
}

/** The entries of an object that is written out, by the keys that are known without computing them; the last one counts. */
function writtenKeys(expression: Expression) {
  const entries = expression.kind === "object" ? expression.entries : [];
  return new Map(
    entries.flatMap((entry) => {
      const key = plainText(entry.key);
      return key === undefined ? [] : [[key, entry]];
    }),
  );
}
