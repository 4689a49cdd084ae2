// Numbers: stat, gauge and bar gauge, one for each reduced field or row.
import {
  FieldColorModeId,
  formattedValueToString,
  getDisplayValueAlignmentFactors,
  getFieldColorMode,
  getFieldDisplayValues,
} from "@grafana/data";
import { BarGauge, BigValue, VizRepeater } from "@grafana/ui";

import { namesOf } from "../data.js";
import { tell } from "../facts.js";
import { Dial } from "./dial.jsx";

const REDUCED = { calcs: ["lastNotNull"], fields: "", values: false };

function valuesOf({ panel, data, replace, theme, timeZone }, sparkline) {
  return getFieldDisplayValues({
    data: data.frames,
    fieldConfig: data.fieldConfig,
    percentChange: panel.options?.showPercentChange,
    reduceOptions: { ...REDUCED, ...panel.options?.reduceOptions },
    replaceVariables: replace,
    sparkline,
    theme,
    timeZone,
  });
}

function report({ id, theme }, values) {
  const shown = values.map(({ display, field, view }) => ({
    name: display.title,
    text: formattedValueToString(display),
    // What says that there is nothing has the number 0.
    numeric: view && Number.isFinite(display.numeric) ? display.numeric : null,
    color: namesOf(field, theme)(display.color),
  }));
  tell(id, {
    values: shown,
    colors: shown.map(({ color }) => color),
    noData: shown.every(({ numeric }) => numeric === null),
  });
}

function Repeated({ width, height, values, orientation = "auto", autoGrid, itemSpacing = 8, ...others }) {
  return (
    <VizRepeater
      autoGrid={autoGrid}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      getValues={() => values}
      height={height}
      itemSpacing={itemSpacing}
      orientation={orientation}
      renderCounter={0}
      source={values}
      width={width}
      {...others}
    />
  );
}

function linked(value, draw) {
  const link = value.hasLinks ? value.getLinks()[0] : undefined;
  return link?.href ? (
    <a href={link.href} rel="noreferrer" style={{ display: "block" }} target="_blank" title={link.title}>
      {draw}
    </a>
  ) : (
    draw
  );
}

export function Stat(props) {
  const { panel, theme, width, height, range } = props;
  const options = panel.options ?? {};
  const values = valuesOf(props, (options.graphMode ?? "area") !== "none").map((value) => ({
    ...value,
    sparkline: value.sparkline && { ...value.sparkline, timeRange: range },
  }));
  report(props, values);
  const textMode = options.textMode ?? "auto";
  const named = textMode === "auto" && values.length > 1 ? "value_and_name" : textMode;
  return (
    <Repeated
      autoGrid
      height={height}
      orientation={options.orientation}
      renderValue={({ value, width: w, height: h, alignmentFactors, count }) =>
        linked(
          value,
          <BigValue
            alignmentFactors={alignmentFactors}
            colorMode={options.colorMode ?? "value"}
            count={count}
            graphMode={options.graphMode ?? "area"}
            hasLinks={value.hasLinks}
            height={h}
            justifyMode={options.justifyMode ?? "auto"}
            percentChangeColorMode={options.percentChangeColorMode}
            sparkline={value.sparkline}
            text={options.text}
            textMode={named}
            theme={theme}
            value={value.display}
            wideLayout={options.wideLayout ?? true}
            width={w}
          />,
        )
      }
      values={values}
      width={width}
    />
  );
}

export function Bars(props) {
  const { panel, theme, width, height } = props;
  const options = panel.options ?? {};
  const values = valuesOf(props, false);
  report(props, values);
  return (
    <Repeated
      height={height}
      itemSpacing={10}
      maxVizHeight={options.sizing === "manual" ? options.maxVizHeight : 300}
      minVizHeight={options.sizing === "manual" ? options.minVizHeight : 16}
      minVizWidth={options.sizing === "manual" ? options.minVizWidth : 8}
      orientation={options.orientation}
      renderValue={({ value, width: w, height: h, alignmentFactors, orientation }) =>
        linked(
          value,
          <BarGauge
            alignmentFactors={alignmentFactors}
            display={value.view?.getFieldDisplayProcessor(value.colIndex)}
            displayMode={
              // A gradient needs colours to run through; a series in one colour is a plain bar.
              options.displayMode ?? (byValue(value.field) ? "gradient" : "basic")
            }
            field={value.field}
            height={h}
            itemSpacing={options.displayMode === "lcd" ? 2 : 10}
            lcdCellWidth={12}
            namePlacement={options.namePlacement}
            orientation={orientation}
            showUnfilled={options.showUnfilled ?? true}
            text={options.text}
            theme={theme}
            value={value.display}
            valueDisplayMode={options.valueMode}
            width={w}
          />,
        )
      }
      values={values}
      width={width}
    />
  );
}

function byValue(field) {
  return getFieldColorMode(field.color?.mode ?? FieldColorModeId.Thresholds).isByValue;
}

export function Gauge(props) {
  const { panel, theme, width, height } = props;
  const options = panel.options ?? {};
  const values = valuesOf(props, false);
  report(props, values);
  return (
    <Repeated
      autoGrid
      height={height}
      orientation={options.orientation}
      renderValue={({ value, width: w, height: h, count }) =>
        linked(
          value,
          <Dial
            height={h}
            showLabels={options.showThresholdLabels ?? false}
            showMarkers={options.showThresholdMarkers ?? true}
            text={options.text}
            theme={theme}
            title={count > 1 || options.text?.titleSize ? value.display.title : ""}
            value={value}
            width={w}
          />,
        )
      }
      values={values}
      width={width}
    />
  );
}
