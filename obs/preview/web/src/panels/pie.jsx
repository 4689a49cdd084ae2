// Shares of a whole: a slice for each reduced field or row.
import { formattedValueToString, getFieldDisplayValues } from "@grafana/data";
import { VizLayout, VizLegend } from "@grafana/ui";

import { tell } from "../facts.js";

const REDUCED = { calcs: ["lastNotNull"], fields: "", values: false };

export function Pie({ panel, data, replace, theme, timeZone, width, height, id }) {
  const options = panel.options ?? {};
  const slices = getFieldDisplayValues({
    data: data.frames,
    fieldConfig: data.fieldConfig,
    reduceOptions: { ...REDUCED, ...options.reduceOptions },
    replaceVariables: replace,
    theme,
    timeZone,
  }).filter(({ display, field }) => Number.isFinite(display.numeric) && !field.custom?.hideFrom?.viz);
  const whole = slices.reduce((all, { display }) => all + Math.max(0, display.numeric), 0) || 1;
  const share = ({ display }) => Math.max(0, display.numeric) / whole;
  const order = { asc: (a, b) => a.display.numeric - b.display.numeric, none: () => 0 }[options.sort];
  const sorted = [...slices].sort(order ?? ((a, b) => b.display.numeric - a.display.numeric));
  const percent = (slice) =>
    `${(share(slice) * 100).toFixed(options.legend?.values?.length ? 0 : 1).replace(/\.0$/, "")}%`;
  tell(id, {
    values: sorted.map(({ display }) => ({
      name: display.title,
      text: formattedValueToString(display),
      numeric: display.numeric,
      color: display.color,
    })),
    colors: sorted.map(({ display }) => display.color),
  });
  const wanted = options.legend?.values ?? [];
  const items = sorted.map((slice) => ({
    label: slice.display.title ?? "",
    color: slice.display.color,
    yAxis: 1,
    getDisplayValues: () =>
      [
        wanted.includes("value") && { ...slice.display, title: "Value" },
        wanted.includes("percent") && { numeric: share(slice), text: percent(slice), title: "Percent" },
      ].filter(Boolean),
  }));
  const { placement = "right", displayMode = "list", showLegend = true } = options.legend ?? {};
  const legend = showLegend ? (
    <VizLayout.Legend placement={placement}>
      <VizLegend displayMode={displayMode} items={items} placement={placement} readonly />
    </VizLayout.Legend>
  ) : null;
  return (
    <VizLayout height={height} legend={legend} width={width}>
      {(w, h) => (
        <Slices
          height={h}
          labels={options.displayLabels ?? []}
          options={options}
          percent={percent}
          share={share}
          slices={sorted}
          theme={theme}
          width={w}
        />
      )}
    </VizLayout>
  );
}

function Slices({ slices, share, percent, labels, options, theme, width, height }) {
  const radius = Math.max(0, Math.min(width, height) / 2 - 6);
  const hole = options.pieType === "donut" ? radius * 0.65 : 0;
  let turned = -Math.PI / 2;
  const at = (angle, distance) =>
    `${(Math.cos(angle) * distance).toFixed(2)} ${(Math.sin(angle) * distance).toFixed(2)}`;
  return (
    <svg height={height} role="img" width={width}>
      <g transform={`translate(${width / 2} ${height / 2})`}>
        {slices.map((slice, index) => {
          const from = turned;
          const to = (turned += Math.min(share(slice), 0.99999) * 2 * Math.PI);
          const large = to - from > Math.PI ? 1 : 0;
          const path = [
            `M ${at(from, radius)} A ${radius} ${radius} 0 ${large} 1 ${at(to, radius)}`,
            hole ? `L ${at(to, hole)} A ${hole} ${hole} 0 ${large} 0 ${at(from, hole)} Z` : "L 0 0 Z",
          ].join(" ");
          const text = [
            labels.includes("name") && slice.display.title,
            labels.includes("value") && formattedValueToString(slice.display),
            labels.includes("percent") && percent(slice),
          ].filter(Boolean);
          const [x, y] = at((from + to) / 2, hole ? (hole + radius) / 2 : radius * 0.65).split(" ");
          return (
            <g key={index}>
              <path d={path} fill={slice.display.color} stroke={theme.colors.background.primary}>
                <title>{`${slice.display.title}: ${formattedValueToString(slice.display)} (${percent(slice)})`}</title>
              </path>
              {share(slice) > 0.05 &&
                text.map((line, row) => (
                  <text
                    dominantBaseline="central"
                    fill={theme.colors.getContrastText(slice.display.color)}
                    fontSize={12}
                    key={row}
                    textAnchor="middle"
                    x={x}
                    y={Number(y) + (row - (text.length - 1) / 2) * 14}
                  >
                    {line}
                  </text>
                ))}
            </g>
          );
        })}
      </g>
    </svg>
  );
}
