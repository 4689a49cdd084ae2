// What Prometheus and Loki answer, as the data frames that Grafana's data sources make of it.
import { FieldType, formatLabels, toDataFrame } from "@grafana/data";

const NAME = "__name__";
const LEVELS = /\b(critical|fatal|error|warning|warn|info|debug|trace)\b/i;

/** Returns the frames of one panel: those of each target that was answered, in order. */
export function framesOf(targets) {
  const several = targets.length > 1;
  return targets.flatMap((target) => (target.result ? answered(target, several) : []));
}

function answered(target, several) {
  const { resultType, result } = target.result;
  if (resultType === "streams") {
    return [lines(target, result)];
  }
  const series = resultType === "scalar" ? [{ metric: {}, value: result }] : result;
  if (target.format === "table") {
    return [table(target, series, several)];
  }
  const plain = series.map((one) => timed(target, one));
  return target.format === "heatmap" ? buckets(target, plain) : plain;
}

function timed(target, { metric, value, values, histogram, histograms }) {
  const samples = values ?? (value ? [value] : (histograms ?? [histogram ?? []]).map(([at, one]) => [at, one?.sum]));
  const { [NAME]: name, ...labels } = metric;
  const shown = legendOf(target, metric);
  return toDataFrame({
    refId: target.refId,
    name: shown,
    meta: { type: target.instant ? "numeric-multi" : "timeseries-multi" },
    fields: [
      {
        name: "Time",
        type: FieldType.time,
        values: samples.map(([at]) => Math.round(at * 1000)),
        config: target.instant || !target.step ? {} : { interval: target.step * 1000 },
      },
      {
        name: "Value",
        type: FieldType.number,
        values: samples.map(([, one]) => number(one)),
        labels: metric,
        config: { displayNameFromDS: shown },
      },
    ],
  });
}

function legendOf({ legendFormat, expr }, metric) {
  const { [NAME]: name = "", ...labels } = metric;
  if (legendFormat === "__auto" || !legendFormat) {
    return Object.keys(metric).length ? name + formatLabels(labels, "", true) : expr;
  }
  return legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? "");
}

/** A row per series (and time); the numbers stand in `Value`, or `Value #A` where there are several queries. */
function table(target, series, several) {
  const rows = series.flatMap(({ metric, value, values }) => (values ?? [value]).map((sample) => [metric, sample]));
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: rows.map(([, [at]]) => Math.round(at * 1000)) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: rows.map(([metric]) => metric[label] ?? ""),
        config: { filterable: true },
      })),
      {
        name: several ? `Value #${target.refId}` : "Value",
        type: FieldType.number,
        values: rows.map(([, [, one]]) => number(one)),
      },
    ],
  });
}

/** Cumulative buckets, one series each, as one frame with a column a bucket that counts its own alone. */
function buckets(target, series) {
  const bound = (frame) => number(frame.fields[1].labels.le ?? "+Inf");
  const sorted = [...series].sort((a, b) => bound(a) - bound(b));
  const times = [...new Set(sorted.flatMap((frame) => frame.fields[0].values))].sort((a, b) => a - b);
  if (!times.length) {
    return [];
  }
  const counts = sorted.map((frame) => {
    const at = new Map(frame.fields[0].values.map((time, index) => [time, frame.fields[1].values[index]]));
    return times.map((time) => at.get(time) ?? null);
  });
  const own = counts.map((row, index) =>
    row.map((count, column) =>
      count === null ? null : Math.max(0, count - (index ? (counts[index - 1][column] ?? 0) : 0)),
    ),
  );
  return [
    toDataFrame({
      refId: target.refId,
      meta: { type: "heatmap-rows" },
      fields: [
        {
          name: "Time",
          type: FieldType.time,
          values: times,
          config: target.step ? { interval: target.step * 1000 } : {},
        },
        ...sorted.map((frame, index) => ({
          name: frame.fields[1].labels.le ?? frame.name,
          type: FieldType.number,
          values: own[index],
          labels: frame.fields[1].labels,
        })),
      ],
    }),
  ];
}

function lines(target, streams) {
  const all = streams.flatMap(({ stream, values }) => values.map(([at, text]) => ({ at, text, stream })));
  all.sort((a, b) => a.at.length - b.at.length || (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const column = (name, type, pick) => ({ name, type, values: all.map(pick) });
  return toDataFrame({
    refId: target.refId,
    meta: { preferredVisualisationType: "logs" },
    fields: [
      column("timestamp", FieldType.time, ({ at }) => Number(at.slice(0, -6))),
      column("body", FieldType.string, ({ text }) => text),
      column("labels", FieldType.other, ({ stream }) => stream),
      column("severity", FieldType.string, ({ stream, text }) => levelOf(stream, text)),
    ],
  });
}

function levelOf(stream, text) {
  const said = stream.level ?? stream.detected_level ?? LEVELS.exec(text)?.[1] ?? "unknown";
  const level = said.toLowerCase();
  return { warn: "warning", fatal: "critical" }[level] ?? level;
}

function number(text) {
  return { "+Inf": Infinity, Inf: Infinity, "-Inf": -Infinity }[text] ?? Number(text);
}
