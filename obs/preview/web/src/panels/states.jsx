// States over time: a band for as long as a value holds, or a cell for each time.
import { colorManipulator, FieldType, formattedValueToString, getFieldDisplayName } from "@grafana/data";
import { measureText, UPLOT_AXIS_FONT_SIZE } from "@grafana/ui";
import { useMemo } from "react";

import { tell } from "../facts.js";
import { box, label, Painted } from "./painted.jsx";
import { legendOf, LINE, moment, shownText } from "./shared.jsx";
import { reportValues } from "./timeseries.jsx";

/** How much of a plot the names at its side may take, in Grafana. */
const AXIS_SHARE = 0.4;

/** Each series' values as bands: [{from, to, value}], equal neighbours as one where `merge` says so. */
function bands(frame, field, range, merge, spanNulls) {
  const time = frame.fields.find((one) => one.type === FieldType.time);
  const step = time.config.interval ?? Infinity;
  const found = [];
  time.values.forEach((at, index) => {
    const value = field.values[index];
    const next = time.values[index + 1];
    const last = found.at(-1);
    if (value == null || Number.isNaN(value)) {
      return;
    }
    const gap = last && at - last.to > 0;
    if (last && gap && spanNulls === true) {
      last.to = at;
    }
    const to =
      next === undefined || next - at > step * 1.5 ? Math.min(at + Math.min(step, range.to - at), range.to) : next;
    if (merge && last && last.value === value && last.to >= at) {
      last.to = to;
    } else {
      found.push({ from: at, to, value });
    }
  });
  return found;
}

export function States({ panel, data, document, annotations, theme, timeZone, width, height, id, ...props }) {
  const options = panel.options ?? {};
  const history = panel.type === "status-history";
  const { from, to } = props.span;
  reportValues({ id, data, theme, timeZone });
  const rows = data.frames.flatMap((frame) =>
    frame.fields
      .filter((field) => field.type !== FieldType.time && field.type !== FieldType.other)
      .map((field) => ({
        name: getFieldDisplayName(field, frame, data.frames),
        field,
        bands: bands(
          frame,
          field,
          { from, to },
          !history && (options.mergeValues ?? true),
          field.config.custom?.spanNulls,
        ),
      })),
  );
  const count = rows.length;
  const opacity = (field) => (field.config.custom?.fillOpacity ?? 70) / 100;
  const tall = options.rowHeight ?? 0.9;
  const at = (index) => count - 1 - index;
  const legend = useMemo(
    () =>
      legendOf(
        options,
        statesOf(
          rows.map(({ field }) => field),
          theme,
        ),
      ),
    [data, theme],
  );
  // As many names as fit: one in two, three... where rows are thinner than a line of text.
  const everyNth = (u) => Math.ceil((LINE * count) / (u.bbox.height / devicePixelRatio));
  const values = (u) => {
    const every = everyNth(u);
    return rows.map(({ name }, index) => (index % every === 0 ? name : "")).reverse();
  };
  const labelled = (u) => {
    const room = u.width * AXIS_SHARE;
    return rows.map(({ name }, index) => ({
      text: name,
      cut: index % everyNth(u) !== 0 || measureText(name, UPLOT_AXIS_FONT_SIZE).width > room,
    }));
  };
  return (
    <Painted
      annotations={annotations}
      height={height}
      hover={(time, level) => {
        const row = rows[at(Math.floor(level))];
        const band = row?.bands.find((one) => one.from <= time && time < one.to);
        return band
          ? [
              `${row.name}: ${shownText(row.field.display, band.value)}`,
              `${moment(band.from, timeZone)} – ${moment(band.to, timeZone)}`,
            ]
          : undefined;
      }}
      legend={legend}
      onDraw={(u) => tell(id, { drawn: true, axes: [], labels: labelled(u) })}
      paint={(u) => {
        rows.forEach(({ field, bands: all }, index) => {
          const middle = at(index) + 0.5;
          for (const { from: start, to: end, value } of all) {
            const shown = field.display(value);
            const rect = box(u, Math.max(start, from), end, middle - tall / 2, middle + tall / 2);
            const inset = history ? Math.round((1 - (options.colWidth ?? 0.9)) * rect.width) : 0;
            const color = colorManipulator.alpha(shown.color, opacity(field));
            u.ctx.fillStyle = color;
            u.ctx.fillRect(rect.left, rect.top, Math.max(1, rect.width - inset), rect.height);
            const line = field.config.custom?.lineWidth ?? 0;
            if (line) {
              u.ctx.strokeStyle = shown.color;
              u.ctx.lineWidth = line;
              u.ctx.strokeRect(
                rect.left + line / 2,
                rect.top + line / 2,
                rect.width - inset - line,
                rect.height - line,
              );
            }
            if ((options.showValue ?? "auto") !== "never") {
              const onto = theme.colors.getContrastText(shown.color, 4);
              const text = opacity(field) < 0.5 ? theme.colors.text.primary : onto;
              label(u, formattedValueToString(shown), rect, { align: options.alignValue ?? "left", color: text });
            }
          }
        });
      }}
      timeZone={timeZone}
      width={width}
      x={{ time: true, min: from, max: to }}
      y={{ min: 0, max: count, splits: rows.map((_, index) => index + 0.5), values, grid: false }}
    />
  );
}

/** What the colours mean: the words of mappings, then the ranges of thresholds; nothing where a colour is a series. */
function statesOf(fields, theme) {
  const found = new Map();
  const learn = (text, color) =>
    text && found.set(text, { label: text, color: theme.visualization.getColorByName(color), yAxis: 1 });
  for (const { config, display } of fields) {
    for (const { type, options } of config.mappings ?? []) {
      const results = type === "value" ? Object.entries(options) : [["", options.result]];
      results.forEach(([value, result]) => learn(result?.text || value, result?.color));
    }
    if (config.color?.mode === "thresholds" && !config.mappings?.length) {
      const steps = config.thresholds?.steps ?? [];
      steps.forEach(({ value, color }, index) => {
        const next = steps[index + 1]?.value;
        learn(
          Number.isFinite(value)
            ? `${shownText(display, value)}+`
            : next === undefined
              ? ""
              : `< ${shownText(display, next)}`,
          color,
        );
      });
    }
  }
  return [...found.values()];
}
