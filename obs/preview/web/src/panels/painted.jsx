// A plot that paints itself on uPlot's canvas, between the axes that all of Grafana's graphs share.
import { AxisPlacement, ScaleDirection, ScaleOrientation } from "@grafana/schema";
import { Portal, UPlotChart, UPlotConfigBuilder, usePanelContext, useTheme2, VizLayout } from "@grafana/ui";
import { useMemo, useState } from "react";

import { annotated } from "./annotations.js";

/**
 * Draws axes and hands the canvas to `paint(u)`.
 *
 * `x` and `y` say an axis each: `min`, `max`, and `splits` with `values` where its marks are words, or `format`;
 * `x.time` makes a time axis. `hover(xValue, yValue)` returns the lines of the tooltip, or nothing.
 */
export function Painted({ x, y, paint, hover, legend, annotations = [], timeZone, width, height, onDraw }) {
  const theme = useTheme2();
  const { sync } = usePanelContext();
  const [told, tell] = useState(null);
  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder(timeZone);
    builder.addScale({
      direction: ScaleDirection.Right,
      isTime: x.time ?? false,
      orientation: ScaleOrientation.Horizontal,
      range: () => [x.min, x.max],
      scaleKey: "x",
    });
    builder.addScale({
      direction: y.down ? ScaleDirection.Down : ScaleDirection.Up,
      orientation: ScaleOrientation.Vertical,
      range: () => [y.min, y.max],
      scaleKey: "y",
    });
    builder.addAxis({
      formatValue: x.format,
      grid: { show: x.grid ?? true },
      isTime: x.time,
      placement: AxisPlacement.Bottom,
      scaleKey: "x",
      splits: x.splits,
      theme,
      ticks: { show: !x.splits },
      timeZone,
      values: x.values,
    });
    builder.addAxis({
      formatValue: y.format,
      grid: { show: y.grid ?? true },
      placement: AxisPlacement.Left,
      scaleKey: "y",
      splits: y.splits,
      theme,
      ticks: { show: false },
      values: y.values,
    });
    builder.addSeries({
      pathBuilder: () => null,
      pointsBuilder: () => null,
      scaleKey: "y",
      showPoints: "never",
      theme,
    });
    builder.setPrepData(() => [
      [x.min, x.max],
      [null, null],
    ]);
    builder.setCursor({
      points: { show: false },
      ...(x.time && sync?.() ? { sync: { key: "__global_", scales: ["x", null] } } : {}),
    });
    builder.addHook("drawClear", (u) => {
      u.ctx.save();
      u.ctx.beginPath();
      u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      u.ctx.clip();
      paint(u);
      u.ctx.restore();
    });
    annotated(builder, annotations);
    builder.addHook("setCursor", (u) => {
      const { left, top, event } = u.cursor;
      const lines = event && left >= 0 ? hover?.(u.posToVal(left, "x"), u.posToVal(top, "y")) : undefined;
      const box = u.over.getBoundingClientRect();
      tell(lines ? { lines, left: box.left + left + 12, top: box.top + top + 12 } : null);
    });
    builder.addHook("draw", (u) => onDraw?.(u));
    builder.prepData([]);
    return builder;
    // The answers of a panel never change on a page; only the theme and the place it has do.
  }, [theme, width, height]);
  const data = useMemo(
    () => [
      [x.min, x.max],
      [null, null],
    ],
    [config],
  );
  return (
    <VizLayout height={height} legend={legend} width={width}>
      {(w, h) => (
        <>
          <UPlotChart config={config} data={data} height={h} width={w} />
          {told && (
            <Portal>
              <div className="hover" style={{ left: Math.min(told.left, innerWidth - 320), top: told.top }}>
                {told.lines.map((line, index) => (
                  <div key={index}>{line}</div>
                ))}
              </div>
            </Portal>
          )}
        </>
      )}
    </VizLayout>
  );
}

/** The rectangle of two points of the axes, in pixels of the canvas, on whole pixels. */
export function box(u, x0, x1, y0, y1) {
  const [left, right] = [x0, x1].map((at) => Math.round(u.valToPos(at, "x", true)));
  const [top, bottom] = [y0, y1].map((at) => Math.round(u.valToPos(at, "y", true))).sort((a, b) => a - b);
  return { left, top, width: right - left, height: bottom - top };
}

/** Text in a rectangle, where it has room: left, centre or right. */
export function label(u, text, rect, { color, align = "center", size = 12 }) {
  const { ctx } = u;
  ctx.font = `${size * devicePixelRatio}px Inter, Helvetica, Arial, sans-serif`;
  const pad = 4 * devicePixelRatio;
  if (!text || ctx.measureText(text).width + 2 * pad > rect.width || rect.height < size) {
    return false;
  }
  ctx.fillStyle = color;
  ctx.textAlign = align;
  ctx.textBaseline = "middle";
  const across = { left: pad, center: rect.width / 2, right: rect.width - pad }[align];
  ctx.fillText(text, rect.left + across, rect.top + rect.height / 2 + 1);
  return true;
}
