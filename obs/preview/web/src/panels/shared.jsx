// What plots that paint themselves have in common: a legend, a value in words, a moment in words.
import { dateTimeFormat, formattedValueToString } from "@grafana/data";
import { VizLayout, VizLegend } from "@grafana/ui";

/** Pixels that a name along an axis needs across. */
export const LINE = 14;

const LEGEND = { displayMode: "list", placement: "bottom", showLegend: true };

export function legendOf(options, items) {
  const { showLegend, placement, displayMode } = { ...LEGEND, ...options?.legend };
  return showLegend === false || displayMode === "hidden" || items.length === 0 ? null : (
    <VizLayout.Legend placement={placement}>
      <VizLegend displayMode={displayMode} items={items} placement={placement} readonly />
    </VizLayout.Legend>
  );
}

export function shownText(display, value) {
  return formattedValueToString(display(value));
}

export function moment(time, timeZone) {
  return dateTimeFormat(time, { format: "YYYY-MM-DD HH:mm:ss", timeZone });
}
