// A gauge: an arc from least to most, a ring of thresholds around it, the value in the middle.
import { formattedValueToString, getDisplayProcessor } from "@grafana/data";
import { calculateFontSize } from "@grafana/ui";

const START = -120;
const SWEEP = 240;

function point(radius, degrees) {
  const angle = ((degrees - 90) * Math.PI) / 180;
  return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`;
}

function arc(radius, thickness, from, to) {
  const large = to - from > 180 ? 1 : 0;
  const inner = radius - thickness;
  return [
    `M ${point(radius, from)} A ${radius} ${radius} 0 ${large} 1 ${point(radius, to)}`,
    `L ${point(inner, to)} A ${inner} ${inner} 0 ${large} 0 ${point(inner, from)} Z`,
  ].join(" ");
}

export function Dial({ value, width, height, theme, title, text, showMarkers, showLabels }) {
  const { field, display } = value;
  const least = field.min ?? 0;
  const most = field.max ?? 100;
  const percentage = field.thresholds?.mode === "percentage";
  const share = (one) => Math.min(1, Math.max(0, (one - least) / (most - least || 1)));
  const degrees = (one) => START + SWEEP * share(one);
  const named = title ? 22 : 0;
  const outside = showLabels ? 26 : 6;
  const ring = Math.max(0, Math.min(width / 2, (height - named) / 1.5) - outside);
  const band = showMarkers ? Math.max(3, ring * 0.06) : 0;
  const radius = ring - (band ? band + 3 : 0);
  const thickness = radius * 0.24;
  const shown = formattedValueToString(display);
  const size = text?.valueSize ?? calculateFontSize(shown, (radius - thickness) * 1.75, radius * 0.6, 1, 60);
  const steps = (field.thresholds?.steps ?? []).map((step) => ({
    color: theme.visualization.getColorByName(step.color),
    from: percentage ? least + ((most - least) * Math.max(0, step.value)) / 100 : Math.max(least, step.value),
  }));
  const centre = `translate(${width / 2} ${ring + outside / 2})`;
  const format = getDisplayProcessor({ field: { type: "number", config: field }, theme });
  return (
    <div style={{ display: "flex", flexDirection: "column", height, justifyContent: "center", width }}>
      <svg
        aria-label={`${title} ${shown}`}
        height={Math.min(height - named, ring * 1.5 + outside)}
        role="img"
        width={width}
      >
        <g transform={centre}>
          <path d={arc(radius, thickness, START, START + SWEEP)} fill={theme.colors.background.secondary} />
          {Number.isFinite(display.numeric) && share(display.numeric) > 0 && (
            <path d={arc(radius, thickness, START, degrees(display.numeric))} fill={display.color} />
          )}
          {showMarkers &&
            steps.map((step, index) => {
              const end = steps[index + 1]?.from ?? most;
              return degrees(end) > degrees(step.from) ? (
                <path d={arc(ring, band, degrees(step.from), degrees(end))} fill={step.color} key={index} />
              ) : null;
            })}
          {showLabels &&
            steps.slice(1).map((step, index) => {
              const [x, y] = point(ring + 11, degrees(step.from)).split(" ");
              return (
                <text
                  dominantBaseline="middle"
                  fill={theme.colors.text.secondary}
                  fontSize={11}
                  key={index}
                  textAnchor="middle"
                  x={x}
                  y={y}
                >
                  {formattedValueToString(format(step.from))}
                </text>
              );
            })}
          <text
            dominantBaseline="central"
            fill={display.color}
            fontSize={size}
            fontWeight={500}
            textAnchor="middle"
            x={0}
            y={0}
          >
            {shown}
          </text>
        </g>
      </svg>
      {title && (
        <div
          style={{
            fontSize: text?.titleSize ?? 14,
            overflow: "hidden",
            textAlign: "center",
            textOverflow: "ellipsis",
            whiteSpace: "nowrap",
          }}
          title={title}
        >
          {title}
        </div>
      )}
    </div>
  );
}
