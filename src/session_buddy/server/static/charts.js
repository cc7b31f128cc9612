// Draws plotly figures that the server describes, in the colours of the theme.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = [...document.querySelectorAll("[data-figure]")].map((node) => ({ node, figure: null }));

if (charts.length) start();

async function start() {
  try {
    await Promise.all([loaded(charts[0].node.dataset.plotly), ...charts.map(read)]);
  } catch {
    for (const { node } of charts) missing(node);
    return;
  }
  charts.forEach(draw);
  dark.addEventListener("change", () => charts.forEach(draw));
  document.addEventListener("refreshed", async () => {
    for (const chart of charts) await read(chart).then(() => draw(chart), () => {});
  });
  new ResizeObserver(() => charts.forEach(({ node }) => window.Plotly.Plots.resize(node))).observe(charts[0].node);
}

function loaded(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

async function read(chart) {
  const answer = await fetch(chart.node.dataset.figure);
  if (!answer.ok) throw new Error(`${answer.status}`);
  chart.figure = await answer.json();
}

function draw({ node, figure }) {
  const style = getComputedStyle(document.documentElement);
  const { data, layout } = coloured(figure, style);
  layout.font.family = getComputedStyle(document.body).fontFamily;
  window.Plotly.react(node, data, layout, { displayModeBar: false, responsive: false });
  node.dispatchEvent(new Event("drawn"));
}

/** A copy of a figure in which names of style variables are replaced by their colours. */
function coloured(value, style) {
  if (typeof value === "string" && value.startsWith("--")) return style.getPropertyValue(value).trim();
  if (Array.isArray(value)) return value.map((item) => coloured(item, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, coloured(item, style)]));
}

function missing(node) {
  const words = document.createElement("p");
  words.className = "missing";
  words.textContent = "The chart could not be loaded; the table below has its numbers.";
  node.removeAttribute("role");
  node.removeAttribute("aria-label");
  node.replaceChildren(words);
}
