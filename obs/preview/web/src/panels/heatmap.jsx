// A heatmap: how the observations of a histogram spread over its buckets, column by column.
import { colorManipulator, FieldType, formattedValueToString, getDisplayProcessor } from "@grafana/data";
import { VizLayout } from "@grafana/ui";
import * as schemes from "d3-scale-chromatic";
import { useMemo } from "react";

import { tell } from "../facts.js";
import { box, Painted } from "./painted.jsx";
import { moment, shownText } from "./shared.jsx";
import { numeric } from "./timeseries.jsx";

const DARK_FIRST =
  /^(Blues|Greens|Greys|Oranges|Purples|Reds|BuGn|BuPu|GnBu|OrRd|PuBu|PuBuGn|PuRd|RdPu|YlGn|YlGnBu|YlOrBr|YlOrRd)$/;

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
    field: {
      type: FieldType.number,
      config: { unit: options.cellValues?.unit ?? "short", decimals: options.cellValues?.decimals },
    },
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
      onDraw={() =>
        tell(id, {
          drawn: true,
          axes: [{ side: "left", min: cells.rows[0]?.name, max: cells.rows.at(-1)?.name, unit: config.unit ?? "" }],
        })
      }
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
  const extent = (all) => [
    all.reduce((a, b) => Math.min(a, b), Infinity),
    all.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
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
