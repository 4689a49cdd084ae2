// Reports what the web-vitals library measures, once per page view, in one beacon when the page is left.
//
//   <script src="https://unpkg.com/web-vitals@5/dist/web-vitals.iife.js"></script>
//   <script src="/vitals.js" data-endpoint="/api/ux/vitals"></script>
//
// With a bundler: import * as webVitals from "web-vitals"; and the rest as it is.
(() => {
  const script = document.currentScript;
  const endpoint = (script && script.dataset.endpoint) || "/api/ux/vitals";
  const library = window.webVitals;
  if (!library) return;

  const touch = matchMedia("(pointer: coarse)").matches;
  const device = touch ? (Math.min(screen.width, screen.height) < 600 ? "mobile" : "tablet") : "desktop";
  const reported = new Set();
  let queue = [];

  const note = ({ name, value, id }) => {
    // A histogram cannot take an earlier value back: the first one stands.
    if (reported.has(id)) return;
    reported.add(id);
    queue.push({ name, value, id, page: location.pathname, device });
  };
  const flush = () => {
    if (queue.length === 0) return;
    navigator.sendBeacon(endpoint, JSON.stringify(queue));
    queue = [];
  };

  for (const name of ["onLCP", "onINP", "onFID", "onCLS", "onFCP", "onTTFB"]) {
    if (library[name]) library[name](note);
  }
  addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") flush();
  });
  addEventListener("pagehide", flush);
})();
