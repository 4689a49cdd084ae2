// Lines, bars and points over time, with the annotations of the board behind them.
import { FieldType, getFieldDisplayName } from "@grafana/data";
import { PanelContextProvider, TimeSeries, TooltipPlugin, usePanelContext } from "@grafana/ui";
import { useMemo, useState } from "react";

import { meaningOf } from "../data.js";
import { tell } from "../facts.js";
import { annotated } from "./annotations.js";

const LEGEND = { calcs: [], displayMode: "list", placement: "bottom", showLegend: true };

const prepared = new WeakSet();

export function Lines(props) {
  const { panel, data, range, timeZone, width, height, id, annotations } = props;
  const [hidden, hide] = useState(() => new Set());
  const context = usePanelContext();
  const frames = useMemo(() => shown(data.frames, hidden), [data.frames, hidden]);
  const legend = { ...LEGEND, ...panel.options?.legend };
  const tooltip = panel.options?.tooltip ?? {};
  reportValues(props);
  const toggle = (name, mode) => hide((before) => toggled(before, name, mode, data.frames));
  return (
    <PanelContextProvider value={{ ...context, onToggleSeriesVisibility: toggle }}>
      <TimeSeries
        frames={frames}
        height={height}
        legend={legend}
        structureRev={hidden.size + 1}
        timeRange={range}
        timeZone={timeZone}
        width={width}
      >
        {(config, aligned) => {
          if (!prepared.has(config)) {
            prepared.add(config);
            annotated(config, annotations);
            config.addHook("draw", (u) => reportAxes(id, u, config, frames));
          }
          return tooltip.mode === "none" ? null : (
            <TooltipPlugin
              config={config}
              data={aligned}
              mode={tooltip.mode}
              sortOrder={tooltip.sort}
              sync={context.sync}
              timeZone={timeZone}
            />
          );
        }}
      </TimeSeries>
    </PanelContextProvider>
  );
}

/** A click in the legend shows one series alone, with a modifier it hides or shows one; a second click shows all. */
function toggled(before, name, mode, frames) {
  const names = frames.flatMap((frame) => numeric(frame).map((field) => getFieldDisplayName(field, frame, frames)));
  if (mode === "append") {
    const after = new Set(before);
    return after.delete(name) ? after : after.add(name);
  }
  const others = names.filter((one) => one !== name);
  const alone = others.length === before.size && others.every((one) => before.has(one));
  return new Set(alone ? [] : others);
}

function shown(frames, hidden) {
  return hidden.size === 0
    ? frames
    : frames.map((frame) => ({
        ...frame,
        fields: frame.fields.map((field) =>
          hidden.has(getFieldDisplayName(field, frame, frames)) ? { ...field, config: concealed(field.config) } : field,
        ),
      }));
}

function concealed(config) {
  return { ...config, custom: { ...config.custom, hideFrom: { legend: false, tooltip: true, viz: true } } };
}

export function numeric(frame) {
  return frame.fields.filter((field) => field.type === FieldType.number);
}

export function reportValues({ id, data, theme, timeZone }) {
  const values = data.frames.flatMap((frame) =>
    numeric(frame).map((field) => {
      const numbers = field.values.filter((one) => one !== null && !Number.isNaN(one));
      const last = numbers.at(-1) ?? null;
      const { text, suffix = "", prefix = "", color } = meaningOf(field, theme, timeZone)(last);
      return {
        name: getFieldDisplayName(field, frame, data.frames),
        text: `${prefix}${text}${suffix}`,
        numeric: last,
        max: numbers.length ? numbers.reduce((a, b) => Math.max(a, b)) : null,
        min: numbers.length ? numbers.reduce((a, b) => Math.min(a, b)) : null,
        color,
      };
    }),
  );
  tell(id, { values, colors: values.map(({ color }) => color) });
}

function reportAxes(id, u, config, frames) {
  const sides = ["top", "right", "bottom", "left"];
  const axes = u.axes
    .filter((axis) => axis.scale !== "x" && axis.show && u.scales[axis.scale]?.min != null)
    .map((axis) => ({
      side: sides[axis.side],
      min: u.scales[axis.scale].min,
      max: u.scales[axis.scale].max,
      unit: axis.scale.split("/")[0].replace("__fixed", ""),
    }));
  const thresholds = new Map();
  for (const { props } of config.getSeries()) {
    const field = frames[props.dataFrameFieldIndex?.frameIndex]?.fields[props.dataFrameFieldIndex?.fieldIndex];
    const scale = u.scales[props.scaleKey];
    const mode = field?.config.custom?.thresholdsStyle?.mode ?? "off";
    if (mode !== "off" && scale?.min != null) {
      for (const { value, color } of field.config.thresholds?.steps ?? []) {
        if (Number.isFinite(value)) {
          thresholds.set(value, { value, color, inView: value >= scale.min && value <= scale.max });
        }
      }
    }
  }
  tell(id, { drawn: true, axes, thresholds: [...thresholds.values()] });
}
