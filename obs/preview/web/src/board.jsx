// The page of one dashboard: its head, its rows and panels, its keys.
import { createTheme, DashboardCursorSync, dateTimeFormat, EventBusSrv, ThemeContext } from "@grafana/data";
import { GlobalStyles, Icon, IconButton, PanelContextProvider, PortalContainer } from "@grafana/ui";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { high, pixels, rowsOf, sectionsOf } from "./grid.js";
import { Panel } from "./panel.jsx";
import { filling } from "./variables.js";

const THEMES = { dark: createTheme({ colors: { mode: "dark" } }), light: createTheme({ colors: { mode: "light" } }) };
const KEYS = [
  ["j, k", "next, previous panel"],
  ["v", "the panel alone, and back"],
  ["r", "open or fold all rows"],
  ["t", "dark or light"],
  ["Esc", "back to the board"],
  ["?", "these keys"],
];

export function Board({ document: board }) {
  const [mode, setMode] = useState(() =>
    new URLSearchParams(location.hash.slice(1)).get("theme") === "light" ? "light" : "dark",
  );
  const theme = THEMES[mode];
  const sections = useMemo(() => sectionsOf(board), [board]);
  const [folded, fold] = useState(() => new Set(sections.filter((one) => one.folded).map(({ id }) => id)));
  const [alone, showAlone] = useState(null);
  const [help, setHelp] = useState(false);
  const [width, measured] = useWidth();
  const context = useMemo(
    () => ({
      eventBus: new EventBusSrv(),
      eventsScope: "board",
      sync: () => (board.dashboard.graphTooltip ? DashboardCursorSync.Crosshair : DashboardCursorSync.Off),
    }),
    [board],
  );
  const foldAll = () => fold((now) => new Set(now.size ? [] : sections.filter(({ row }) => row).map(({ id }) => id)));

  useLayoutEffect(() => {
    document.body.className = `theme-${mode}`;
    document.documentElement.style.colorScheme = mode;
    document.documentElement.style.background = theme.colors.background.canvas;
  }, [mode]);

  useEffect(() => {
    // What takes the pictures opens rows as a reader does; true where one was folded.
    Object.assign(window.preview, {
      openRows: () => {
        const closed = sections.some((one) => one.folded);
        fold(new Set());
        return closed;
      },
    });
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
        return;
      }
      const act = {
        "?": () => setHelp((now) => !now),
        Escape: () => (setHelp(false), showAlone(null)),
        j: () => focusNext(1),
        k: () => focusNext(-1),
        r: foldAll,
        t: () => setMode((now) => (now === "dark" ? "light" : "dark")),
        v: () => showAlone((now) => (now ? null : (focused()?.dataset.panel ?? null))),
      }[event.key];
      if (act) {
        event.preventDefault();
        act();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);

  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={context}>
        <main style={{ background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
          <Head
            board={board}
            mode={mode}
            onHelp={() => setHelp(!help)}
            onTheme={() => setMode(mode === "dark" ? "light" : "dark")}
          />
          {help && <Keys />}
          <div ref={measured}>
            {width > 0 &&
              (alone ? (
                <Alone board={board} id={alone} sections={sections} width={width} />
              ) : (
                sections.map((section) => (
                  <Section
                    board={board}
                    folded={folded.has(section.id)}
                    key={section.id}
                    onFold={() => fold((now) => toggled(now, section.id))}
                    section={section}
                    width={width}
                  />
                ))
              ))}
          </div>
        </main>
        <PortalContainer />
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

function toggled(set, one) {
  const after = new Set(set);
  return after.delete(one) ? after : after.add(one);
}

function focused() {
  return document.activeElement?.closest("[data-panel]");
}

function focusNext(step) {
  const panels = [...document.querySelectorAll("[data-panel]")];
  const at = panels.indexOf(focused());
  const next = panels[at < 0 ? 0 : (at + step + panels.length) % panels.length];
  next?.querySelector("section")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function useWidth() {
  const node = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(Math.floor(node.current.getBoundingClientRect().width));
    measure();
    addEventListener("resize", measure);
    return () => removeEventListener("resize", measure);
  }, []);
  return [width, node];
}

function Head({ board, mode, onTheme, onHelp }) {
  const { dashboard, range, timezone, variables = {}, source } = board;
  const replace = filling(board);
  const format = (time) => dateTimeFormat(time, { format: "YYYY-MM-DD HH:mm", timeZone: timezone });
  const listed = (dashboard.templating?.list ?? []).filter(({ hide, type }) => hide !== 2 && type !== "datasource");
  const links = (dashboard.links ?? []).filter(({ url }) => url);
  return (
    <header>
      <div className="head">
        <h1 title={dashboard.description}>{dashboard.title}</h1>
        <span className="source">{source}</span>
        <nav>
          {links.map(({ title, url }) => (
            <a href={replace(url, undefined, "uriencode")} key={title} rel="noreferrer" target="_blank">
              {title}
            </a>
          ))}
        </nav>
        <time>
          <Icon name="clock-nine" /> {format(range.from)} to {format(range.to)} {timezone.toUpperCase()}
        </time>
        <IconButton name="palette" onClick={onTheme} tooltip={mode === "dark" ? "light (t)" : "dark (t)"} />
        <IconButton name="keyboard" onClick={onHelp} tooltip="keys (?)" />
      </div>
      {listed.length > 0 && (
        <div className="variables">
          {listed.map(({ name, label, current }) => (
            <span key={name}>
              <b>{label || name}</b> {shownValue(current, variables[name])}
            </span>
          ))}
        </div>
      )}
    </header>
  );
}

function shownValue(current, value) {
  const values = [].concat(value ?? []);
  const all = [].concat(current?.value ?? []).includes("$__all");
  return all || values.length === 0 ? "All" : values.join(" + ");
}

function Keys() {
  return (
    <dl className="keys">
      {KEYS.map(([key, words]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{words}</dd>
        </div>
      ))}
    </dl>
  );
}

function Section({ board, section, folded, onFold, width }) {
  const { row, panels } = section;
  return (
    <section>
      {row && (
        <button aria-expanded={!folded} className="row" data-row={section.id} onClick={onFold} type="button">
          <Icon name={folded ? "angle-right" : "angle-down"} />
          {filling(board, row.scopedVars)(row.title ?? "", undefined, "text")}
          {folded && <small>{`(${panels.length} ${panels.length === 1 ? "panel" : "panels"})`}</small>}
        </button>
      )}
      {!folded && panels.length > 0 && (
        <div className="grid" style={{ height: high(rowsOf(section, width)) }}>
          {panels.map((one, index) => {
            const place = pixels(section, index, width);
            return (
              <div data-panel={one.id} key={one.id} style={{ ...place, position: "absolute" }}>
                <Panel document={board} height={place.height} id={one.id} panel={one.panel} width={place.width} />
              </div>
            );
          })}
        </div>
      )}
    </section>
  );
}

function Alone({ board, id, sections, width }) {
  const one = sections.flatMap(({ panels }) => panels).find((panel) => panel.id === id);
  const height = Math.max(300, innerHeight - 110);
  return one ? (
    <div className="grid" data-panel={one.id} style={{ height }}>
      <Panel document={board} height={height} id={one.id} panel={one.panel} width={width} />
    </div>
  ) : null;
}
