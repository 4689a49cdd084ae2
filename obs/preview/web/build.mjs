// Bundles the page's program: `node build.mjs FOLDER` writes page.js and page.css there, with fonts and icons inside.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const icons = join(here, "node_modules/@grafana/ui/dist/public/img/icons");

/** Parts of @grafana/ui that no panel shows: editors of code, maps, a text editor of old. */
const LEFT_OUT = new RegExp(
  `^(${[
    "@codemirror",
    "@grafana/faro-web-sdk",
    "@lezer",
    "@monaco-editor/react",
    "codemirror",
    "geotiff",
    "monaco-editor",
    "ol",
    "prismjs",
    "react-monaco-editor",
    "slate",
    "slate-plain-serializer",
    "slate-react",
  ].join("|")})(/|$)`,
);

/** In their place: any name may be taken from it, and called, extended or read further; nothing comes of it. */
const NOTHING = `module.exports = new Proxy(function () {}, {
  get: (it, name) => (name === "__esModule" ? false : name === "prototype" ? it.prototype : module.exports),
  apply: () => module.exports,
  construct: () => ({}),
});`;

const parts = {
  name: "parts",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^virtual:icons$/ }, () => ({ path: "icons", namespace: "icons" }));
    onLoad({ filter: /.*/, namespace: "icons" }, () => {
      const found = readdirSync(icons, { recursive: true })
        .filter((name) => name.endsWith(".svg"))
        .sort();
      const texts = found.map((name) => [name.slice(0, -4), readFileSync(join(icons, name), "utf8")]);
      return { contents: JSON.stringify(Object.fromEntries(texts)), loader: "json" };
    });
    onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: "left-out" }));
    onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: NOTHING, loader: "js" }));
    // Grafana's own list of fonts asks a server for them; ours are in style.css.
    onLoad({ filter: /GlobalStyles[\\/]fonts\.mjs$/ }, () => ({
      contents: "export function getFontStyles() { return {}; }",
      loader: "js",
    }));
  },
};

await build({
  absWorkingDir: here,
  bundle: true,
  define: { "process.env.NODE_ENV": '"production"', global: "window" },
  entryPoints: ["src/main.jsx"],
  entryNames: "page",
  format: "iife",
  jsx: "automatic",
  legalComments: "none",
  loader: { ".woff2": "dataurl", ".woff": "empty", ".svg": "dataurl" },
  logLevel: "error",
  minify: true,
  outdir: process.argv[2],
  plugins: [parts],
  target: "es2022",
});
