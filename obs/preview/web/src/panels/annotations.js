// Marks of what happened, on everything that has a time axis: a line at a moment, a tinted region where it lasted.
import { colorManipulator } from "@grafana/data";

const FILL = 0.1;

/** Draws the annotations on the plot that `config` makes; below the axis each has a mark that tells its text. */
export function annotated(config, annotations) {
  config.addHook("draw", (u) => {
    const { ctx, bbox } = u;
    u.over.querySelectorAll(".annotation").forEach((mark) => mark.remove());
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { time, timeEnd, color, text, name } of annotations) {
      const from = Math.max(time, u.scales.x.min);
      const to = Math.min(timeEnd ?? time, u.scales.x.max);
      if (to < u.scales.x.min || from > u.scales.x.max) {
        continue;
      }
      const [left, right] = [from, to].map((at) => Math.round(u.valToPos(at, "x", true)));
      if (right > left) {
        ctx.fillStyle = colorManipulator.alpha(color, FILL);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
      }
      ctx.strokeStyle = color;
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([5, 5]);
      ctx.beginPath();
      for (const x of new Set([left, right])) {
        ctx.moveTo(x + 0.5, bbox.top);
        ctx.lineTo(x + 0.5, bbox.top + bbox.height);
      }
      ctx.stroke();
      u.over.append(mark(u, { left, right, color, text: [name, text].filter(Boolean).join(": ") }));
    }
    ctx.restore();
  });
}

function mark(u, { left, right, color, text }) {
  const node = document.createElement("div");
  const [x, end] = [left, right].map((at) => (at - u.bbox.left) / devicePixelRatio);
  const region = end > x;
  Object.assign(node.style, {
    background: region ? color : "none",
    borderBottom: region ? "none" : `5px solid ${color}`,
    borderLeft: region ? "none" : "5px solid transparent",
    borderRight: region ? "none" : "5px solid transparent",
    height: region ? "5px" : "0",
    left: `${region ? x : x - 5}px`,
    position: "absolute",
    top: "100%",
    width: region ? `${end - x}px` : "0",
  });
  node.className = "annotation";
  node.title = text;
  return node;
}
