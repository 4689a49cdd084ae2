// One panel: its frame, and in it what its type draws, or why nothing is.
import { dateTime } from "@grafana/data";
import { Icon, PanelChrome, useTheme2 } from "@grafana/ui";
import { Component, useEffect, useState } from "react";

import { dataOf, isEmpty } from "./data.js";
import { forget, tell } from "./facts.js";
import { BarChart, Histogram } from "./panels/bars.jsx";
import { Heatmap } from "./panels/heatmap.jsx";
import { Bars, Gauge, Stat } from "./panels/numbers.jsx";
import { Pie } from "./panels/pie.jsx";
import { States } from "./panels/states.jsx";
import { Lines } from "./panels/timeseries.jsx";
import { Logs, Table, Text } from "./panels/words.jsx";
import { filling } from "./variables.js";

const TYPES = {
  bargauge: Bars,
  barchart: BarChart,
  gauge: Gauge,
  graph: Lines,
  heatmap: Heatmap,
  histogram: Histogram,
  logs: Logs,
  piechart: Pie,
  stat: Stat,
  "state-timeline": States,
  "status-history": States,
  table: Table,
  text: Text,
  timeseries: Lines,
};

/** Those that say by themselves that there is nothing: a mapping may have a word and a colour for it. */
const SAY_NOTHING = new Set(["stat", "gauge", "bargauge", "text"]);
/** Those that are drawn later than their elements are there, and say when. */
const DRAWN_LATER = new Set([
  "barchart",
  "graph",
  "heatmap",
  "histogram",
  "state-timeline",
  "status-history",
  "timeseries",
]);
const UNITS = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

export function Panel({ id, panel, document, width, height, actions }) {
  const theme = useTheme2();
  const [data, setData] = useState(null);
  const timeZone = document.timezone;
  const replace = filling(document, panel.scopedVars);
  useEffect(() => {
    let current = true;
    forget(id);
    dataOf(panel, document.panels[id], { replace, theme, timeZone }).then(
      (found) => current && setData({ ...found, theme }),
      (error) => current && setData({ error: `can't be drawn: ${error.message}`, frames: [], theme }),
    );
    return () => {
      current = false;
    };
  }, [theme, panel, document]);

  const title = replace(panel.title ?? "", undefined, "text");
  const ready = data?.theme === theme;
  const error = ready ? data.error : "";
  const Drawn = TYPES[panel.type];
  const empty = ready && !error && Drawn && !SAY_NOTHING.has(panel.type) && isEmpty(data.frames);
  if (ready) {
    const noData = empty || nothing(data.frames, panel.type);
    tell(id, { title, type: panel.type ?? "library-panel", error: error || null, noData });
  }
  useEffect(() => {
    if (ready && (error || empty || !DRAWN_LATER.has(panel.type))) {
      tell(id, { drawn: true });
    }
  }, [ready, width, height]);
  const links = (panel.links ?? []).map((link) => ({ ...link, url: replace(link.url ?? "", undefined, "uriencode") }));
  return (
    <PanelChrome
      actions={actions}
      description={replace(panel.description ?? "", undefined, "text")}
      displayMode={panel.transparent ? "transparent" : "default"}
      height={height}
      hoverHeader={!title}
      padding={panel.type === "stat" && !error ? "none" : "md"}
      statusMessage={error || undefined}
      title={title}
      titleItems={links.length ? links.map((link, index) => <PanelLink key={index} {...link} />) : undefined}
      width={width}
    >
      {(innerWidth, innerHeight) => {
        if (!ready) {
          return null;
        }
        if (error) {
          return <Failed error={error} height={innerHeight} />;
        }
        if (!Drawn) {
          const where = panel.libraryPanel
            ? `library panel '${panel.libraryPanel.name}'`
            : `panels of type '${panel.type}'`;
          return <Words height={innerHeight}>{`Only Grafana itself draws ${where}.`}</Words>;
        }
        if (empty) {
          return <Words height={innerHeight}>{data.fieldConfig.defaults.noValue || "No data"}</Words>;
        }
        const span = spanOf(panel, document.range);
        const range = { from: dateTime(span.from), to: dateTime(span.to) };
        return (
          <Guarded height={innerHeight} id={id} key={theme.name}>
            <Drawn
              annotations={shownHere(document, panel, theme)}
              data={data}
              document={document}
              fieldConfig={data.fieldConfig}
              height={innerHeight}
              id={id}
              panel={panel}
              range={{ ...range, raw: range }}
              replace={replace}
              span={span}
              theme={theme}
              timeZone={timeZone}
              width={innerWidth}
            />
          </Guarded>
        );
      }}
    </PanelChrome>
  );
}

function nothing(frames, type) {
  const numbers = frames.flatMap((frame) => frame.fields.filter((field) => field.type === "number"));
  return (
    type !== "text" &&
    type !== "logs" &&
    type !== "table" &&
    numbers.every((field) => field.values.every((value) => value === null || Number.isNaN(value)))
  );
}

/** A panel may look at a time of its own: the last hour (`timeFrom`), or another day (`timeShift`). */
function spanOf(panel, { from, to }) {
  const [, amount, unit] = /^(?:now-)?(\d+)([smhdw])/.exec(panel.timeFrom ?? "") ?? [];
  const [, back, by] = /^(\d+)([smhdw])/.exec(panel.timeShift ?? "") ?? [];
  const end = to - (back ? back * UNITS[by] : 0);
  return { from: end - (amount ? amount * UNITS[unit] : to - from), to: end };
}

function shownHere(document, panel, theme) {
  const listed = new Map((document.dashboard.annotations?.list ?? []).map((one) => [one.name, one]));
  return (document.annotations ?? [])
    .filter(({ name }) => {
      const { enable = true, hide = false, filter } = listed.get(name) ?? {};
      const chosen = !filter?.ids?.length || filter.ids.includes(panel.id) !== (filter.exclude ?? false);
      return enable !== false && !hide && chosen;
    })
    .map((one) => ({ ...one, color: theme.visualization.getColorByName(one.color ?? "red") }));
}

function PanelLink({ title, url, targetBlank }) {
  return (
    <a
      aria-label={title}
      className="panel-link"
      href={url}
      rel="noreferrer"
      target={targetBlank ? "_blank" : undefined}
      title={title}
    >
      <Icon name="external-link-alt" />
    </a>
  );
}

function Words({ children, height }) {
  return (
    <div className="words" style={{ height }}>
      {children}
    </div>
  );
}

function Failed({ error, height }) {
  return (
    <div className="failed scroll" style={{ height }}>
      {error}
    </div>
  );
}

/** A panel that can't be drawn is told as one whose query failed; the others of the board are drawn. */
class Guarded extends Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    const { error } = this.state;
    if (error) {
      tell(this.props.id, { drawn: true, error: `can't be drawn: ${error.message}` });
      return <Failed error={`can't be drawn: ${error.message}`} height={this.props.height} />;
    }
    return this.props.children;
  }
}
