// Begins the page: everything it shows is in it.
import "./offline.js";
import "./style.css";

import { setTimeZoneResolver } from "@grafana/data";
import moment from "moment";
import { createRoot } from "react-dom/client";

import { Board } from "./board.jsx";
import { measure, place, settled } from "./layout.js";

const board = JSON.parse(document.getElementById("answers").textContent);
const FONTS = ["400 12px Inter", "500 12px Inter", "400 12px 'Roboto Mono'"];

// "5 minutes ago" is told from the end of what is shown, whenever the page is opened.
moment.now = () => board.range.to;
setTimeZoneResolver(() => board.timezone);

window.preview = { measure, place, settled };

document.title = board.dashboard.title ?? "Dashboard";
Promise.all(FONTS.map((font) => document.fonts.load(font))).then(() =>
  createRoot(document.getElementById("page")).render(<Board document={board} />),
);
