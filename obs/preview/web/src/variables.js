// What `$name`, `${name:format}` and `[[name]]` stand for in titles, texts and links.
import { formattedValueToString, getFieldDisplayName } from "@grafana/data";

const REFERENCE = /\$\{(\w+)((?:\.[\w]+|\[[^\]]+\])*)(?::(\w+))?\}|\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]/g;

const FORMATS = {
  csv: (values) => values.join(","),
  doublequote: (values) => values.map((value) => `"${value}"`).join(","),
  glob: (values) => (values.length > 1 ? `{${values.join(",")}}` : values[0]),
  json: (values) => JSON.stringify(values.length > 1 ? values : values[0]),
  percentencode: (values) => encodeURIComponent(FORMATS.glob(values)),
  pipe: (values) => values.join("|"),
  queryparam: (values, name) => values.map((value) => `var-${name}=${encodeURIComponent(value)}`).join("&"),
  raw: (values) => values.join(","),
  regex: (values) => (values.length > 1 ? `(${values.map(literal).join("|")})` : literal(values[0])),
  singlequote: (values) => values.map((value) => `'${value}'`).join(","),
  text: (values) => values.join(" + "),
  uriencode: (values) => encodeURI(FORMATS.glob(values)),
};

function literal(value) {
  return String(value).replace(/[\\^$*+?.()|[\]{}/]/g, "\\$&");
}

/** Returns the values of a variable, as a list. */
export function valuesOf(document, name) {
  const value = document.variables?.[name];
  return value === undefined ? [] : [].concat(value);
}

/**
 * Returns the function with which Grafana's components fill in variables: (text, scopedVars, format) => text.
 * `scope` gives the variables of a repeated panel or row: {name: {value}}; a name that nobody knows stays as it is.
 */
export function filling(document, scope = {}) {
  const known = (name, path, scoped) => {
    const context = scoped?.__dataContext?.value;
    if (scoped?.[name] !== undefined && name !== "__dataContext") {
      return dig(scoped[name].value ?? scoped[name], path);
    }
    if (context && /^__(value|field|series|data)$/.test(name)) {
      return ofCell(name, path, context);
    }
    if (scope[name] !== undefined) {
      return scope[name].value;
    }
    const { from, to } = document.range;
    const builtIn = {
      __from: from,
      __to: to,
      __url_time_range: `from=${from}&to=${to}`,
      __all_variables: Object.keys(document.variables ?? {})
        .map((one) => FORMATS.queryparam(scope[one] === undefined ? valuesOf(document, one) : [scope[one].value], one))
        .join("&"),
      __range_s: Math.round((to - from) / 1000),
    }[name];
    const values = builtIn === undefined ? valuesOf(document, name) : [builtIn];
    return values.length ? values : undefined;
  };
  return (text, scoped, format) =>
    typeof text !== "string" || !/[$[]/.test(text)
      ? text
      : text.replace(REFERENCE, (whole, braced, path, as, plain, bracketed, bracketedAs) => {
          const name = braced ?? plain ?? bracketed;
          const found = known(name, path ?? "", scoped);
          if (found === undefined || found === null) {
            return whole;
          }
          const how = as ?? bracketedAs ?? (name.startsWith("__") ? "raw" : format);
          return (typeof how === "function" ? FORMATS.glob : (FORMATS[how] ?? FORMATS.glob))([].concat(found), name);
        });
}

function dig(value, path) {
  return path
    ? path
        .slice(1)
        .split(".")
        .reduce((inner, key) => inner?.[key], value)
    : value;
}

function ofCell(name, path, { data, frame, field, rowIndex, calculatedValue }) {
  const shown = calculatedValue ?? (rowIndex === undefined ? undefined : field.display?.(field.values[rowIndex]));
  if (name === "__value") {
    const raw = rowIndex === undefined ? calculatedValue?.numeric : field.values[rowIndex];
    const text = shown && formattedValueToString(shown);
    return { ".raw": raw, ".numeric": shown?.numeric, ".text": text, ".time": timeOf(frame, rowIndex) }[path] ?? text;
  }
  if (name === "__field" || name === "__series") {
    const title = getFieldDisplayName(field, frame, data);
    return path.startsWith(".labels") ? (dig(field.labels ?? {}, path.slice(".labels".length)) ?? "") : title;
  }
  const column = /^\.fields(?:\.(\w+)|\[(?:"([^"]+)"|'([^']+)'|(\d+))\])/.exec(path);
  const wanted = column && (column[1] ?? column[2] ?? column[3] ?? Number(column[4]));
  const found =
    typeof wanted === "number"
      ? frame.fields[wanted]
      : frame.fields.find((one) => one.name === wanted || getFieldDisplayName(one, frame, data) === wanted);
  return found?.values[rowIndex ?? 0];
}

function timeOf(frame, rowIndex) {
  return frame.fields.find((field) => field.type === "time")?.values[rowIndex ?? 0];
}
