// Where everything stands: Grafana's grid of 24 columns, and rows that fold.
const COLUMNS = 24;
const CELL = 30;
const GAP = 8;
const NARROW = 768;

/**
 * Returns the sections of a dashboard, each a row (or none) with its panels:
 * [{id, row, folded, panels: [{id, panel, grid: {x, y, w, h}}]}], y counted from the section's top.
 */
export function sectionsOf(document) {
  const sections = [{ row: null, panels: [] }];
  const inOrder = [...(document.dashboard.panels ?? [])].sort((a, b) => top(a) - top(b) || left(a) - left(b));
  for (const panel of inOrder) {
    if (panel.type === "row") {
      sections.push({ row: panel, panels: [...(panel.panels ?? [])] });
    } else {
      sections.at(-1).panels.push(panel);
    }
  }
  return sections
    .filter(({ row, panels }) => row || panels.length)
    .map(({ row, panels }) => ({
      id: String(row?.id ?? row?.title ?? ""),
      row,
      folded: Boolean(row?.collapsed),
      panels: laidOut(panels),
    }));
}

function top(panel) {
  return panel.gridPos?.y ?? 0;
}

function left(panel) {
  return panel.gridPos?.x ?? 0;
}

function laidOut(panels) {
  const first = Math.min(...panels.map(top));
  return [...panels]
    .sort((a, b) => top(a) - top(b) || left(a) - left(b))
    .map((panel) => ({
      id: String(panel.id),
      panel,
      grid: { x: 0, w: 12, h: 8, ...panel.gridPos, y: top(panel) - first },
    }));
}

/** Returns how high a section's panels are, in grid rows, on a page this wide. */
export function rowsOf({ panels }, pageWidth) {
  return pageWidth < NARROW
    ? panels.reduce((sum, { grid }) => sum + grid.h, 0)
    : panels.reduce((most, { grid }) => Math.max(most, grid.y + grid.h), 0);
}

/** Returns a panel's place in pixels; one under the other on a narrow page. */
export function pixels({ panels }, index, pageWidth) {
  const { grid } = panels[index];
  const narrow = pageWidth < NARROW;
  const column = (pageWidth - GAP * (COLUMNS - 1)) / COLUMNS;
  const y = narrow ? panels.slice(0, index).reduce((sum, one) => sum + one.grid.h, 0) : grid.y;
  return {
    left: narrow ? 0 : Math.round(grid.x * (column + GAP)),
    top: y * (CELL + GAP),
    width: narrow ? pageWidth : Math.round(grid.w * column + (grid.w - 1) * GAP),
    height: high(grid.h),
  };
}

/** Returns the pixels of so many grid rows. */
export function high(rows) {
  return Math.max(0, rows * (CELL + GAP) - GAP);
}
