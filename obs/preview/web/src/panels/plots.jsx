// What Grafana does not publish: heatmap, state timeline, status history, bar chart, histogram.
import {
  buildHistogram,
  colorManipulator,
  dateTimeFormat,
  FieldType,
  formattedValueToString,
  getDisplayProcessor,
  getFieldColorModeForField,
  getFieldDisplayName,
  getFieldSeriesColor,
  getHistogramFields,
  histogramFieldsToFrame,
} from "@grafana/data";
import { measureText, UPLOT_AXIS_FONT_SIZE, VizLayout, VizLegend } from "@grafana/ui";
import * as schemes from "d3-scale-chromatic";
import { useMemo } from "react";

import { tell } from "../facts.js";
import { box, label, Painted } from "./painted.jsx";
import { numeric, reportValues } from "./timeseries.jsx";

const LEGEND = { displayMode: "list", placement: "bottom", showLegend: true };

/** Pixels that a name along an axis needs across, and how much of a plot the names at its side may take in Grafana. */
const LINE = 14;
const AXIS_SHARE = 0.4;

function legendOf(options, items) {
  const { showLegend, placement, displayMode } = { ...LEGEND, ...options?.legend };
  return showLegend === false || displayMode === "hidden" || items.length === 0 ? null : (
    <VizLayout.Legend placement={placement}>
      <VizLegend displayMode={displayMode} items={items} placement={placement} readonly />
    </VizLayout.Legend>
  );
}

function shownText(display, value) {
  return formattedValueToString(display(value));
}

function moment(time, timeZone) {
  return dateTimeFormat(time, { format: "YYYY-MM-DD HH:mm:ss", timeZone });
}

// ------------------------------------------------------------------------------------------------- states over time

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
    const to = next === undefined || next - at > step * 1.5 ? Math.min(at + Math.min(step, range.to - at), range.to) : next;
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
        bands: bands(frame, field, { from, to }, !history && (options.mergeValues ?? true), field.config.custom?.spanNulls),
      })),
  );
  const count = rows.length;
  const opacity = (field) => (field.config.custom?.fillOpacity ?? 70) / 100;
  const tall = options.rowHeight ?? 0.9;
  const at = (index) => count - 1 - index;
  const legend = useMemo(() => legendOf(options, statesOf(rows.map(({ field }) => field), theme)), [data, theme]);
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
          ? [`${row.name}: ${shownText(row.field.display, band.value)}`, `${moment(band.from, timeZone)} – ${moment(band.to, timeZone)}`]
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
              u.ctx.strokeRect(rect.left + line / 2, rect.top + line / 2, rect.width - inset - line, rect.height - line);
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
  const learn = (text, color) => text && found.set(text, { label: text, color: theme.visualization.getColorByName(color), yAxis: 1 });
  for (const { config, display } of fields) {
    for (const { type, options } of config.mappings ?? []) {
      const results = type === "value" ? Object.entries(options) : [["", options.result]];
      results.forEach(([value, result]) => learn(result?.text || value, result?.color));
    }
    if (config.color?.mode === "thresholds" && !config.mappings?.length) {
      const steps = config.thresholds?.steps ?? [];
      steps.forEach(({ value, color }, index) => {
        const next = steps[index + 1]?.value;
        learn(Number.isFinite(value) ? `${shownText(display, value)}+` : next === undefined ? "" : `< ${shownText(display, next)}`, color);
      });
    }
  }
  return [...found.values()];
}

// ---------------------------------------------------------------------------------------------------------- heatmap

const DARK_FIRST = /^(Blues|Greens|Greys|Oranges|Purples|Reds|BuGn|BuPu|GnBu|OrRd|PuBu|PuBuGn|PuRd|RdPu|YlGn|YlGnBu|YlOrBr|YlOrRd)$/;

function colours(options = {}, theme) {
  const { mode = "scheme", scheme = "Oranges", fill = "dark-orange", exponent = 0.5, reverse = false } = options;
  const steps = options.steps ?? 64;
  if (mode === "opacity") {
    const base = theme.visualization.getColorByName(fill);
    return (share) => colorManipulator.alpha(base, share ** exponent);
  }
  const ramp = schemes[`interpolate${scheme}`] ?? schemes.interpolateOranges;
  const turned = (theme.isDark && DARK_FIRST.test(scheme)) !== reverse;
  return (share) => {
    const step = Math.min(steps - 1, Math.floor(share * steps)) / (steps - 1);
    return ramp(turned ? 1 - step : step);
  };
}

export function Heatmap({ panel, data, annotations, theme, timeZone, width, height, id, span }) {
  const options = panel.options ?? {};
  const cells = useMemo(() => (options.calculate ? calculated(data.frames, options) : asked(data.frames)), [data]);
  const least = options.filterValues?.le ?? 1e-9;
  const counts = cells.rows.flatMap((row) => row.counts.filter((count) => count != null && count > least));
  const low = options.color?.min ?? counts.reduce((a, b) => Math.min(a, b), Infinity);
  const high = options.color?.max ?? counts.reduce((a, b) => Math.max(a, b), -Infinity);
  const color = colours(options.color, theme);
  const share = (count) => (high > low ? Math.min(1, Math.max(0, (count - low) / (high - low))) : 1);
  const config = { ...data.fieldConfig.defaults, unit: options.yAxis?.unit, decimals: options.yAxis?.decimals };
  const bound = getDisplayProcessor({ field: { type: FieldType.number, config }, theme, timeZone });
  const format = (name) => {
    const value = { "+Inf": Infinity }[name] ?? Number(name);
    return value === Infinity ? "+Inf" : Number.isNaN(value) ? name : formattedValueToString(bound(value));
  };
  const names = cells.rows.map(({ name }) => format(name));
  const count = cells.rows.length;
  const cellFormat = getDisplayProcessor({
    field: { type: FieldType.number, config: { unit: options.cellValues?.unit ?? "short", decimals: options.cellValues?.decimals } },
    theme,
  });
  const gap = options.cellGap ?? 1;
  const values = counts.length
    ? [{ name: "cells", text: shownText(cellFormat, high), numeric: high, min: low, max: high, color: "scheme" }]
    : [];
  tell(id, { values, colors: [] });
  const down = options.yAxis?.reverse ?? false;
  const legend =
    options.legend?.show === false || !counts.length ? null : (
      <VizLayout.Legend placement="bottom">
        <Scale color={color} from={shownText(cellFormat, low)} to={shownText(cellFormat, high)} />
      </VizLayout.Legend>
    );
  return (
    <Painted
      annotations={annotations}
      height={height}
      hover={(time, level) => {
        const row = cells.rows[Math.floor(level)];
        const column = cells.times.findLastIndex((one) => one <= time);
        const found = row?.counts[column];
        return found == null
          ? undefined
          : [moment(cells.times[column], timeZone), `≤ ${format(row.name)}: ${shownText(cellFormat, found)}`];
      }}
      legend={legend}
      onDraw={() => tell(id, { drawn: true, axes: [{ side: "left", min: cells.rows[0]?.name, max: cells.rows.at(-1)?.name, unit: config.unit ?? "" }] })}
      paint={(u) =>
        cells.rows.forEach(({ counts: row }, level) =>
          row.forEach((found, column) => {
            if (found != null && found > least) {
              const start = cells.times[column];
              const rect = box(u, start, start + cells.step, level, level + 1);
              u.ctx.fillStyle = color(share(found));
              u.ctx.fillRect(rect.left, rect.top, Math.max(1, rect.width - gap), Math.max(1, rect.height - gap));
            }
          }),
        )
      }
      timeZone={timeZone}
      width={width}
      x={{ time: true, min: span.from, max: span.to, grid: false }}
      y={{
        down,
        grid: false,
        min: 0,
        max: count,
        splits: (u) => {
          const every = Math.max(1, Math.ceil((18 * count) / (u.bbox.height / devicePixelRatio)));
          return names.map((_, index) => index + 1).filter((one) => (count - one) % every === 0);
        },
        values: (u, splits) => splits.map((one) => names[one - 1]),
      }}
    />
  );
}

function asked(frames) {
  const frame = frames[0];
  const times = frame.fields.find((field) => field.type === FieldType.time);
  const step = times.config.interval ?? (times.values[1] - times.values[0] || 60000);
  const rows = numeric(frame).map((field) => ({ name: field.labels?.le ?? field.name, counts: field.values }));
  return { times: times.values, step, rows };
}

/** Buckets that are counted here, for a panel that asks for values and has `calculate` on: as many as fit by default. */
function calculated(frames, { calculation = {} }) {
  const samples = frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    return numeric(frame).flatMap((field) => field.values.map((value, index) => [time.values[index], value]));
  });
  const finite = samples.filter(([, value]) => Number.isFinite(value));
  const extent = (all) => [all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), -Infinity)];
  const [first, end] = extent(finite.map(([at]) => at));
  const [low, high] = extent(finite.map(([, value]) => value));
  const size = ({ mode, value } = {}, span, otherwise) =>
    mode === "size" && Number(value) ? Number(value) : span / (Number(value) || otherwise) || 1;
  const step = Math.max(1, size(calculation.xBuckets, end - first, 60));
  const tall = size(calculation.yBuckets, high - low, 20);
  const columns = Math.floor((end - first) / step) + 1;
  const rows = Array.from({ length: Math.floor((high - low) / tall) + 1 }, (_, index) => ({
    name: String(Number((low + (index + 1) * tall).toPrecision(4))),
    counts: Array(columns).fill(0),
  }));
  finite.forEach(([at, value]) => {
    rows[Math.min(rows.length - 1, Math.floor((value - low) / tall))].counts[Math.floor((at - first) / step)] += 1;
  });
  return { times: Array.from({ length: columns }, (_, index) => first + index * step), step, rows };
}

function Scale({ color, from, to }) {
  const stops = Array.from({ length: 17 }, (_, index) => color(index / 16));
  return (
    <div className="scale">
      <span>{from}</span>
      <div style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }} />
      <span>{to}</span>
    </div>
  );
}

// ------------------------------------------------------------------------------------------ bars by name or by value

export function BarChart({ panel, data, theme, timeZone, width, height, id }) {
  const options = panel.options ?? {};
  reportValues({ id, data, theme, timeZone });
  const { names, series } = useMemo(() => categories(data.frames, options.xField, timeZone), [data]);
  const stacked = (options.stacking ?? "none") !== "none";
  const percent = options.stacking === "percent";
  const across = options.orientation === "horizontal" || (options.orientation ?? "auto") === "auto" && width < height;
  const totals = names.map((_, index) => sum(series.map(({ values }) => Math.abs(values[index] ?? 0))));
  const amount = (values, index) => (percent ? (values[index] ?? 0) / (totals[index] || 1) : values[index] ?? 0);
  const tops = names.map((_, index) =>
    stacked ? sum(series.map(({ values }) => Math.max(0, amount(values, index)))) : Math.max(...series.map(({ values }) => amount(values, index))),
  );
  const bottoms = names.map((_, index) => Math.min(0, ...series.map(({ values }) => amount(values, index))));
  // Room for the words over the highest bar.
  const headroom = percent ? 1 : (options.showValue ?? "auto") === "never" || stacked ? 1.05 : 1.15;
  const { min, max, custom = {} } = data.fieldConfig.defaults;
  const low = min ?? Math.min(custom.axisSoftMin ?? 0, ...bottoms);
  const high = max ?? (Math.max(custom.axisSoftMax ?? 0, ...tops) * headroom || 1);
  const display = percent
    ? getDisplayProcessor({ field: { type: FieldType.number, config: { unit: "percentunit" } }, theme })
    : series[0].field.display;
  const group = options.groupWidth ?? 0.7;
  const bar = stacked ? 1 : 1 / series.length;
  const place = (index) => (across ? names.length - 1 - index : index);
  const rects = names.flatMap((_, index) => {
    let floor = 0;
    return series.map(({ field, values, name }, part) => {
      const size = amount(values, index);
      const start = place(index) + 0.5 - group / 2 + (stacked ? 0 : (across ? series.length - 1 - part : part) * bar * group);
      const from = stacked ? floor : 0;
      floor += size;
      const wide = (bar * group - start * 0) * (stacked ? 1 : options.barWidth ?? 0.97);
      return { field, name, category: names[index], value: values[index], from, to: from + size, start, end: start + wide };
    });
  });
  const byValue = (field) => getFieldColorModeForField(field).isByValue;
  const words = { splits: names.map((_, index) => index + 0.5), grid: false, min: 0, max: names.length };
  const numbers = { min: low, max: high, format: (value) => shownText(display, value) };
  const labelled = (u) => {
    const room = (across ? u.bbox.height / LINE : u.bbox.width / 60) / devicePixelRatio;
    const every = Math.ceil(names.length / Math.max(1, room));
    const letters = across ? 40 : Math.floor((u.bbox.width * every) / names.length / 7);
    return names.map((name, index) => (index % every === 0 ? cut(name, letters) : ""));
  };
  const named = (u) => (across ? labelled(u).reverse() : labelled(u));
  return (
    <Painted
      height={height}
      hover={(x, y) => {
        const [along, level] = across ? [y, x] : [x, y];
        const found = rects.filter(({ start, end }) => start <= along && along <= end);
        const one = found.find(({ from, to }) => Math.min(from, to) <= level && level <= Math.max(from, to)) ?? found[0];
        return one ? [one.category, `${one.name}: ${shownText(one.field.display, one.value)}`] : undefined;
      }}
      legend={legendOf(options, series.map(({ field, name }) => ({ label: name, color: getFieldSeriesColor(field, theme).color, yAxis: 1 })))}
      onDraw={(u) =>
        tell(id, {
          drawn: true,
          axes: [{ side: across ? "bottom" : "left", min: low, max: high, unit: series[0].field.config.unit ?? "" }],
          labels: labelled(u).map((text, index) => ({ text: names[index], cut: text !== names[index] })),
        })
      }
      paint={(u) =>
        rects.forEach(({ field, value, from, to, start, end }) => {
          if (value == null) {
            return;
          }
          const rect = across ? box(u, from, to, start, end) : box(u, start, end, from, to);
          const color = byValue(field) ? field.display(value).color : getFieldSeriesColor(field, theme).color;
          u.ctx.fillStyle = colorManipulator.alpha(color, (field.config.custom?.fillOpacity ?? 80) / 100);
          u.ctx.fillRect(Math.min(rect.left, rect.left + rect.width), rect.top, Math.abs(rect.width), rect.height);
          if ((options.showValue ?? "auto") !== "never" && to !== from) {
            const text = shownText(field.display, value);
            const outside = across
              ? { ...rect, left: rect.left + rect.width, width: 80 * devicePixelRatio }
              : { ...rect, top: rect.top - 16 * devicePixelRatio, height: 16 * devicePixelRatio };
            const inside = { color: theme.colors.getContrastText(color) };
            stacked
              ? label(u, text, rect, inside)
              : label(u, text, outside, { align: across ? "left" : "center", color: theme.colors.text.primary });
          }
        })
      }
      timeZone={timeZone}
      width={width}
      x={across ? { ...numbers } : { ...words, values: named }}
      y={across ? { ...words, values: named } : numbers}
    />
  );
}

function sum(all) {
  return all.reduce((a, b) => a + b, 0);
}

function cut(name, letters) {
  return name.length > letters ? `${name.slice(0, Math.max(1, letters - 1))}…` : name;
}

/** Names along the axis and a list of numbers for each: of the first frame's words, else of its times. */
function categories(frames, xField, timeZone) {
  const wide = frames.find((frame) => frame.fields.some((field) => field.type === FieldType.string));
  const single = frames.every((frame) => frame.length === 1) && !wide;
  if (single) {
    // One number a series: its name is its place, as after "series to rows".
    const all = frames.flatMap((frame) => numeric(frame).map((field) => ({ field, name: getFieldDisplayName(field, frame, frames) })));
    const field = all[0].field;
    return { names: all.map(({ name }) => name), series: [{ field, name: "Value", values: all.map((one) => one.field.values[0]) }] };
  }
  const frame = wide ?? frames[0];
  const x =
    frame.fields.find((field) => xField && getFieldDisplayName(field, frame, frames) === xField) ??
    frame.fields.find((field) => field.type === FieldType.string) ??
    frame.fields[0];
  const names = x.values.map((value) => (x.type === FieldType.time ? moment(value, timeZone) : x.display ? shownText(x.display, value) : String(value)));
  const series = numeric(frame)
    .filter((field) => field !== x)
    .map((field, index) => ({
      field: { ...field, state: { ...field.state, seriesIndex: index } },
      name: getFieldDisplayName(field, frame, frames),
      values: field.values,
    }));
  return { names, series };
}

export function Histogram({ panel, data, theme, timeZone, width, height, id }) {
  const options = panel.options ?? {};
  reportValues({ id, data, theme, timeZone });
  const { bars, unit } = useMemo(() => counted(data.frames, options, theme), [data, theme]);
  const low = bars.reduce((least, { from }) => Math.min(least, from), Infinity);
  const high = bars.reduce((most, { to }) => Math.max(most, to), -Infinity);
  const top = bars.reduce((most, { count, floor }) => Math.max(most, count + floor), 0) * 1.05 || 1;
  const display = getDisplayProcessor({ field: { type: FieldType.number, config: { ...data.fieldConfig.defaults, unit } }, theme });
  const names = [...new Map(bars.map((bar) => [bar.name, { label: bar.name, color: bar.color, yAxis: 1 }])).values()];
  return (
    <Painted
      height={height}
      hover={(x) =>
        [...bars.filter(({ from, to }) => from <= x && x < to)].map(
          ({ from, to, count, name }) => `${shownText(display, from)} – ${shownText(display, to)}: ${count} ${name}`,
        )
      }
      legend={legendOf(options, names)}
      onDraw={() => tell(id, { drawn: true, axes: [{ side: "left", min: 0, max: top, unit: "" }] })}
      paint={(u) =>
        bars.forEach(({ from, to, count, floor, color }) => {
          const rect = box(u, from, to, floor, floor + count);
          u.ctx.fillStyle = colorManipulator.alpha(color, (data.fieldConfig.defaults.custom?.fillOpacity ?? 80) / 100);
          u.ctx.fillRect(rect.left, rect.top, Math.max(1, rect.width - 1), rect.height);
        })
      }
      timeZone={timeZone}
      width={width}
      x={{ min: low, max: high, format: (value) => shownText(display, value), grid: false }}
      y={{ min: 0, max: top, format: (value) => String(value) }}
    />
  );
}

function counted(frames, options, theme) {
  const { bucketSize, bucketOffset, bucketCount, combine } = options;
  const given = frames.map((frame) => getHistogramFields(frame)).find(Boolean);
  const fields = given ?? buildHistogram(frames, { bucketCount, bucketOffset, bucketSize, combine }, theme);
  if (!fields) {
    return { bars: [], unit: "" };
  }
  histogramFieldsToFrame(fields, theme);
  const [starts, ends] = [fields.xMin.values, fields.xMax.values];
  const heights = Array(starts.length).fill(0);
  const source = frames.flatMap((frame) => numeric(frame).map((field) => getFieldDisplayName(field, frame, frames)));
  const stacked = (frames[0]?.fields.at(-1)?.config.custom?.stacking?.mode ?? "none") === "normal";
  const bars = fields.counts.flatMap((field, index) =>
    field.values.map((count, at) => {
      const floor = stacked ? heights[at] : 0;
      heights[at] += count ?? 0;
      const color = getFieldSeriesColor({ ...field, state: { ...field.state, seriesIndex: index } }, theme).color;
      return { from: starts[at], to: ends[at], count: count ?? 0, floor, color, name: combine ? "Count" : source[index] ?? field.name };
    }),
  );
  return { bars, unit: frames.flatMap(numeric)[0]?.config.unit };
}
