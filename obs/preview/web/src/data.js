// From answers to what a panel shows: transformations, then field configuration with its overrides.
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  FieldType,
  getDisplayProcessor,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from "@grafana/data";
import { lastValueFrom } from "rxjs";

import { framesOf } from "./frames.js";

const PALETTE = { color: { mode: "palette-classic" } };
const THRESHOLDS = { color: { mode: "thresholds" } };

/** What Grafana's own panels assume of a field where a dashboard says nothing. */
const DEFAULTS = {
  barchart: { ...PALETTE, custom: { fillOpacity: 80, lineWidth: 1 } },
  histogram: { ...PALETTE, custom: { fillOpacity: 80, lineWidth: 1 } },
  piechart: PALETTE,
  "state-timeline": { ...PALETTE, custom: { fillOpacity: 70, lineWidth: 0 } },
  "status-history": { ...THRESHOLDS, custom: { fillOpacity: 70, lineWidth: 1 } },
  timeseries: {
    ...PALETTE,
    custom: {
      axisBorderShow: false,
      axisCenteredZero: false,
      axisPlacement: "auto",
      barAlignment: 0,
      barWidthFactor: 0.6,
      drawStyle: "line",
      fillOpacity: 0,
      gradientMode: "none",
      lineInterpolation: "linear",
      lineWidth: 1,
      pointSize: 5,
      showPoints: "auto",
      spanNulls: false,
      stacking: { group: "A", mode: "none" },
      thresholdsStyle: { mode: "off" },
    },
  },
};

/** Properties that a default gives to some fields alone; an override reaches any. */
const NUMBERS_ALONE = new Set([
  "custom.scaleDistribution",
  "custom.stacking",
  "decimals",
  "fieldMinMax",
  "max",
  "min",
  "thresholds",
]);
const ALONG_THE_AXIS = new Set([FieldType.time, FieldType.string]);

const TRANSFORMERS = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));

standardTransformersRegistry.setInit(() =>
  [...TRANSFORMERS.values()].map((one) => ({ ...one, transformation: () => Promise.resolve(one), editor: () => null })),
);

/**
 * Returns what is drawn of a panel: its frames (transformed, with what to display of each field), its field
 * configuration, and in `error` one sentence where a query failed or a transformation is not to be had.
 */
export async function dataOf(panel, answers, { replace, theme, timeZone }) {
  const targets = (answers?.targets ?? []).filter((target) => !hidden(panel, target));
  const failed = targets.filter((target) => target.error).map((target) => `${target.refId}: ${target.error}`);
  const wanted = (panel.transformations ?? []).filter((one) => !one.disabled && one.topic !== "annotations");
  // The registry knows older names of them, too.
  const known = ({ id }) => standardTransformersRegistry.getIfExists(id) !== undefined;
  const unknown = wanted.filter((one) => !known(one)).map((one) => `'${one.id}'`);
  if (unknown.length) {
    failed.push(`transformation ${unknown.join(", ")} is part of Grafana's server alone, and is not drawn`);
  }
  const configs = wanted.filter(known);
  const frames = framesOf(targets);
  cacheFieldDisplayNames(frames);
  const transformed = configs.length
    ? await lastValueFrom(transformDataFrame(configs, frames, { interpolate: replace }))
    : frames;
  const fieldConfig = configured(panel);
  const series = applyFieldOverrides({
    data: transformed,
    fieldConfig,
    fieldConfigRegistry: anyProperty(fieldConfig.defaults),
    replaceVariables: replace,
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(series);
  return { error: failed.join("\n"), fieldConfig, frames: series, targets };
}

function hidden(panel, { refId }) {
  return (panel.targets ?? []).some((target) => target.refId === refId && target.hide);
}

function configured(panel) {
  const base = DEFAULTS[panel.type] ?? THRESHOLDS;
  const given = structuredClone(panel.fieldConfig ?? {});
  const defaults = { ...base, ...given.defaults, custom: { ...base.custom, ...given.defaults?.custom } };
  defaults.thresholds = reachingDown(defaults.thresholds ?? { mode: "absolute", steps: [{ color: "green" }] });
  defaults.mappings = (defaults.mappings ?? []).map(todays);
  const overrides = (given.overrides ?? []).map((rule) => ({
    ...rule,
    properties: (rule.properties ?? []).map((one) =>
      one.id === "thresholds" ? { ...one, value: reachingDown(one.value) } : one,
    ),
  }));
  return { defaults, overrides };
}

/** A value mapping as boards of Grafana 7 hold it, in the form of today. */
function todays(mapping) {
  const { options, type, value, from, to, text } = mapping;
  if (options) {
    return mapping;
  }
  if (type === 2) {
    return { type: "range", options: { from: Number(from), to: Number(to), result: { text } } };
  }
  return value === "null"
    ? { type: "special", options: { match: "null", result: { text } } }
    : { type: "value", options: { [value]: { text } } };
}

/** The first step reaches down without end; JSON can't write that, and without it every value has its colour. */
function reachingDown({ mode = "absolute", steps = [] }) {
  const whole = steps.map((step, index) => ({ ...step, value: index === 0 ? -Infinity : (step.value ?? -Infinity) }));
  return { mode, steps: whole.length ? whole : [{ color: "green", value: -Infinity }] };
}

/** A registry that takes every property as it is written, those of each kind of panel (`custom.*`) included. */
function anyProperty(defaults) {
  const item = (id) => {
    const isCustom = id.startsWith("custom.");
    return {
      id,
      isCustom,
      name: id,
      path: isCustom ? id.slice("custom.".length) : id,
      process: (value) => value,
      shouldApply: ({ type }) =>
        id === "custom.axisLabel" ? !ALONG_THE_AXIS.has(type) : !NUMBERS_ALONE.has(id) || type === FieldType.number,
    };
  };
  const { custom, ...plain } = defaults;
  const ids = [...Object.keys(plain), ...Object.keys(custom ?? {}).map((key) => `custom.${key}`)];
  return { getIfExists: item, list: () => ids.map(item) };
}

/** True where a panel has no value at all to show. */
export function isEmpty(frames) {
  return !frames.some((frame) => frame.length > 0 && frame.fields.some((field) => field.type !== FieldType.time));
}

/** Returns the function that gives a colour the name by which a field's thresholds and mappings call it. */
export function namesOf(config, theme) {
  const names = new Map();
  const learn = (name) => name && names.set(hex(theme, name), name);
  config.thresholds?.steps.forEach((step) => learn(step.color));
  (config.mappings ?? []).forEach(({ type, options }) => {
    const results = type === "value" ? Object.values(options) : [options.result];
    results.forEach((result) => learn(result?.color));
  });
  return (color) => names.get(hex(theme, color)) ?? color;
}

/** Returns the function that shows a value in the colour of its meaning: of its mapping or threshold, not of its line. */
export function meaningOf(field, theme, timeZone) {
  const config = { ...field.config, color: { mode: "thresholds" } };
  const display = getDisplayProcessor({ field: { ...field, config, display: undefined }, theme, timeZone });
  const named = namesOf(config, theme);
  return (value) => {
    const shown = display(value);
    return { ...shown, color: named(shown.color) };
  };
}

function hex(theme, color) {
  return theme.visualization.getColorByName(color ?? "").toLowerCase();
}
