// Bars by name, and by value: bar chart and histogram.
import {
  buildHistogram,
  colorManipulator,
  FieldType,
  getDisplayProcessor,
  getFieldColorModeForField,
  getFieldDisplayName,
  getFieldSeriesColor,
  getHistogramFields,
  histogramFieldsToFrame,
} from "@grafana/data";
import { useMemo } from "react";

import { tell } from "../facts.js";
import { box, label, Painted } from "./painted.jsx";
import { legendOf, LINE, moment, shownText } from "./shared.jsx";
import { numeric, reportValues } from "./timeseries.jsx";

export function BarChart({ panel, data, theme, timeZone, width, height, id }) {
  const options = panel.options ?? {};
  reportValues({ id, data, theme, timeZone });
  const { names, series } = useMemo(() => categories(data.frames, options.xField, timeZone), [data]);
  const stacked = (options.stacking ?? "none") !== "none";
  const percent = options.stacking === "percent";
  const across = options.orientation === "horizontal" || ((options.orientation ?? "auto") === "auto" && width < height);
  const totals = names.map((_, index) => sum(series.map(({ values }) => Math.abs(values[index] ?? 0))));
  const amount = (values, index) => (percent ? (values[index] ?? 0) / (totals[index] || 1) : (values[index] ?? 0));
  const tops = names.map((_, index) =>
    stacked
      ? sum(series.map(({ values }) => Math.max(0, amount(values, index))))
      : Math.max(...series.map(({ values }) => amount(values, index))),
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
  const wide = bar * group * (stacked ? 1 : (options.barWidth ?? 0.97));
  const rects = names.flatMap((category, index) => {
    let floor = 0;
    return series.map(({ field, values, name }, part) => {
      const size = amount(values, index);
      const beside = across ? series.length - 1 - part : part;
      const start = place(index) + 0.5 - group / 2 + (stacked ? 0 : beside * bar * group);
      const from = stacked ? floor : 0;
      floor += size;
      return { field, name, category, value: values[index], from, to: from + size, start, end: start + wide };
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
        const one =
          found.find(({ from, to }) => Math.min(from, to) <= level && level <= Math.max(from, to)) ?? found[0];
        return one ? [one.category, `${one.name}: ${shownText(one.field.display, one.value)}`] : undefined;
      }}
      legend={legendOf(
        options,
        series.map(({ field, name }) => ({ label: name, color: getFieldSeriesColor(field, theme).color, yAxis: 1 })),
      )}
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
    const all = frames.flatMap((frame) =>
      numeric(frame).map((field) => ({ field, name: getFieldDisplayName(field, frame, frames) })),
    );
    const field = all[0].field;
    return {
      names: all.map(({ name }) => name),
      series: [{ field, name: "Value", values: all.map((one) => one.field.values[0]) }],
    };
  }
  const frame = wide ?? frames[0];
  const x =
    frame.fields.find((field) => xField && getFieldDisplayName(field, frame, frames) === xField) ??
    frame.fields.find((field) => field.type === FieldType.string) ??
    frame.fields[0];
  const names = x.values.map((value) =>
    x.type === FieldType.time ? moment(value, timeZone) : x.display ? shownText(x.display, value) : String(value),
  );
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
  const display = getDisplayProcessor({
    field: { type: FieldType.number, config: { ...data.fieldConfig.defaults, unit } },
    theme,
  });
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
      return {
        from: starts[at],
        to: ends[at],
        count: count ?? 0,
        floor,
        color,
        name: combine ? "Count" : (source[index] ?? field.name),
      };
    }),
  );
  return { bars, unit: frames.flatMap(numeric)[0]?.config.unit };
}
