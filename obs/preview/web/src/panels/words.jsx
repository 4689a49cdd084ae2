// Log lines, Markdown and tables.
import {
  dateTimeFormat,
  FieldType,
  formattedValueToString,
  getFieldDisplayName,
  renderTextPanelMarkdown,
  textUtil,
} from "@grafana/data";
import { useTheme2 } from "@grafana/ui";
import { TableNG } from "@grafana/ui/unstable";

import { meaningOf } from "../data.js";
import { tell } from "../facts.js";

const LEVELS = {
  critical: "#705da0",
  error: "#e24d42",
  warning: "#f2cc0c",
  info: "#7eb26d",
  debug: "#1f78c1",
  trace: "#6ed0e0",
  unknown: "#8e8e8e",
};

export function Logs({ panel, data, timeZone, width, height, id }) {
  const theme = useTheme2();
  const { showTime, showLabels, wrapLogMessage, sortOrder = "Descending", prettifyLogMessage } = panel.options ?? {};
  const rows = data.frames.flatMap(linesOf);
  rows.sort((a, b) => (sortOrder === "Ascending" ? a.time - b.time : b.time - a.time));
  tell(id, { rows: rows.map(({ text }) => [text]) });
  return (
    <div className="scroll" style={{ height, overflow: "auto", width }}>
      <div className="logs" style={{ fontFamily: theme.typography.fontFamilyMonospace, fontSize: 12, lineHeight: 1.5 }}>
        {rows.map(({ time, text, level, labels }, index) => (
          <div className="log" key={index} style={{ borderLeft: `3px solid ${LEVELS[level] ?? LEVELS.unknown}` }}>
            {showTime && (
              <span style={{ color: theme.colors.text.secondary, flex: "none" }}>
                {dateTimeFormat(time, { format: "YYYY-MM-DD HH:mm:ss.SSS", timeZone })}
              </span>
            )}
            {showLabels && (
              <span style={{ color: theme.colors.text.secondary, flex: "none" }}>
                {Object.entries(labels ?? {})
                  .map(([name, value]) => `${name}=${value}`)
                  .join(" ")}
              </span>
            )}
            <span style={{ whiteSpace: wrapLogMessage ? "pre-wrap" : "pre", overflowWrap: "anywhere" }}>
              {prettifyLogMessage ? pretty(text) : text}
            </span>
          </div>
        ))}
      </div>
    </div>
  );
}

function linesOf(frame) {
  const named = (name) => frame.fields.find((field) => field.name === name);
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const body = named("body") ?? named("Line") ?? frame.fields.find((field) => field.type === FieldType.string);
  return body
    ? body.values.map((text, index) => ({
        text,
        time: time?.values[index],
        level: named("severity")?.values[index] ?? "unknown",
        labels: named("labels")?.values[index],
      }))
    : [];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export function Text({ panel, replace, width, height }) {
  const { mode = "markdown", content = "" } = panel.options ?? {};
  const filled = replace(content, undefined, mode === "html" ? "html" : "text");
  if (mode === "code") {
    return <pre style={{ height, overflow: "auto", width }}>{filled}</pre>;
  }
  const clean = mode === "html" ? textUtil.sanitizeTextPanelContent(filled) : renderTextPanelMarkdown(filled);
  return (
    <div
      className="markdown-html scroll"
      // eslint-disable-next-line react/no-danger -- cleaned by Grafana's own sanitizer
      dangerouslySetInnerHTML={{ __html: clean }}
      style={{ height, overflow: "auto", width }}
    />
  );
}

export function Table({ panel, data, fieldConfig, width, height, id, range, theme, timeZone }) {
  const options = panel.options ?? {};
  const frame = data.frames[0];
  report(id, data.frames, options.sortBy, theme, timeZone);
  return (
    <TableNG
      ariaLabel={panel.title}
      cellHeight={options.cellHeight}
      data={frame}
      enablePagination={options.enablePagination ?? options.footer?.enablePagination}
      fieldConfig={fieldConfig}
      frozenColumns={options.frozenColumns?.left}
      height={height}
      noHeader={options.showHeader === false}
      showTypeIcons={options.showTypeIcons}
      sortBy={options.sortBy}
      structureRev={1}
      timeRange={range}
      width={width}
    />
  );
}

/** Tells the cells of the first frame, in the order they are shown. */
function report(id, frames, sortBy, theme, timeZone) {
  const frame = frames[0];
  const columns = frame.fields.filter((field) => !field.config.custom?.hidden && !field.config.custom?.hideFrom?.viz);
  const order = [...Array(frame.length).keys()];
  for (const { displayName, desc } of [...(sortBy ?? [])].reverse()) {
    const by = columns.find((field) => getFieldDisplayName(field, frame, frames) === displayName);
    if (by) {
      order.sort((a, b) => compared(by.values[a], by.values[b]) * (desc ? -1 : 1));
    }
  }
  const meanings = columns.map((field) => (coloured(field) ? meaningOf(field, theme, timeZone) : undefined));
  const values = order.flatMap((row) =>
    columns.flatMap((field, index) => {
      if (field.type !== FieldType.number) {
        return [];
      }
      const value = field.values[row];
      const name = getFieldDisplayName(field, frame, frames);
      const color = meanings[index]?.(value).color ?? "text";
      return [{ name, text: formattedValueToString(field.display(value)), numeric: value ?? null, color }];
    }),
  );
  tell(id, {
    columns: columns.map((field) => getFieldDisplayName(field, frame, frames)),
    rows: order.map((row) => columns.map((field) => formattedValueToString(field.display(field.values[row])))),
    values,
    colors: values.map(({ color }) => color),
  });
}

function coloured(field) {
  const type = field.config.custom?.cellOptions?.type ?? "auto";
  return type.startsWith("color") || type === "gauge" || (field.config.mappings ?? []).length > 0;
}

function compared(a, b) {
  if (a == null || b == null) {
    return (a == null ? -1 : 0) - (b == null ? -1 : 0);
  }
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}
