// Keeps a page up to date: rows of the feed at once, everything else by asking the server for the page again.
//
// main[data-live]      the topics to follow, as JSON
// main[data-session]   only what concerns this session
// main[data-reload]    load the whole page anew at the first news
// main[data-every]     ask for the page again every so many seconds, whatever the news
// main[data-pending]   load the whole page anew after ten seconds: something of it takes long to read
// [data-refresh]       parts that are replaced by those of the page as it is now

import { clock, duration, folderName, printable, sessionPath, shownName, skillPath } from "./formats.js";
import { connect } from "./live.js";

const QUIET_MS = 400; // News often comes in bursts: wait for the end of one …
const LONGEST_MS = 5000; // … but not for longer than this.
const PENDING_MS = 10_000;
const WORDS = { live: "Live", recovered: "Live", reconnecting: "Reconnecting …", offline: "Offline", paused: "Paused" };

const main = document.querySelector("main[data-live]");
const indicator = document.getElementById("live");
const pause = document.getElementById("pause");
const feed = document.getElementById("feed");
const state = { connection: "reconnecting", paused: false, stale: false, waiting: [], drawing: false };
let quiet, longest, refreshing = null;

if (main) start();

function start() {
  pause.hidden = false;
  pause.addEventListener("click", () => setPaused(!state.paused));
  connect({
    topics: JSON.parse(main.dataset.live),
    onSnapshot: (message) => news(message, message.skills.length > 0),
    onDelta: (message) => news(message, true),
    onState: (word) => tell(word),
  });
  if (main.hasAttribute("data-pending")) window.setTimeout(() => window.location.reload(), PENDING_MS);
  if (main.dataset.every) window.setInterval(refreshSoon, 1000 * Number(main.dataset.every));
}

function tell(word) {
  state.connection = word;
  const shown = state.paused ? "paused" : word;
  indicator.hidden = false;
  indicator.dataset.state = shown;
  if (indicator.textContent !== WORDS[shown]) indicator.textContent = WORDS[shown];
}

function setPaused(paused) {
  state.paused = paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Resume" : "Pause";
  tell(state.connection);
  if (!paused) {
    draw();
    if (state.stale) refreshSoon();
  }
}

function news(message, changed) {
  const { session, every } = main.dataset;
  if (every) return;
  const uses = message.invocations.filter((use) => use.kind !== "tool" && (!session || use.session_id === session));
  if (session && !message.invocations.some((use) => use.session_id === session)) return;
  if (main.hasAttribute("data-reload")) {
    if (message.invocations.length) window.location.reload();
    return;
  }
  if (feed) {
    state.waiting.push(...uses);
    state.waiting = state.waiting.slice(-4 * Number(feed.dataset.most));
    if (!state.paused && !state.drawing) {
      state.drawing = true;
      window.requestAnimationFrame(draw);
    }
  }
  if (changed) refreshSoon();
}

/** Put the newest uses on top of the feed; one that is there already is told again in its place. */
function draw() {
  state.drawing = false;
  if (!feed) return;
  const newest = state.waiting.splice(0).sort((a, b) => (a.invoked_at < b.invoked_at ? -1 : 1));
  const now = new Date().toISOString();
  for (const use of newest) {
    const shown = [...feed.children].find((row) => row.dataset.event === use.event_id);
    const made = row(use, now);
    if (shown) {
      if (!shown.contains(document.activeElement)) shown.replaceWith(made);
      continue;
    }
    const below = [...feed.children].find((other) => other.querySelector("time").dateTime <= use.invoked_at);
    made.className = "fresh";
    feed.insertBefore(made, below ?? null);
  }
  const most = Number(feed.dataset.most);
  for (const old of [...feed.children].slice(most)) if (!old.contains(document.activeElement)) old.remove();
}

function row(use, now) {
  const item = element("li");
  item.dataset.event = use.event_id;
  const time = element("time", "", clock(use.invoked_at, now));
  time.dateTime = use.invoked_at;
  time.title = `${use.invoked_at.slice(0, 16).replace("T", " ")} UTC`;
  const name = element("a", "name", shownName(use.skill_name));
  name.href = skillPath(use.skill_name);
  const end = element("span", "end");
  const reason = use.error_type ? ` (${printable(use.error_type)})` : "";
  const tone = { failed: "bad", completed: "quietly", abandoned: "quietly" }[use.outcome] ?? "none";
  end.append(element("span", reason ? tone : `${tone} whole`, use.outcome ? use.outcome + reason : "not known"));
  if (use.duration_ms !== null && use.duration_ms !== undefined) {
    end.append(" ", element("span", "took whole", duration(use.duration_ms / 1000)));
  }
  const where = element("a", "where", folderName(use.project));
  where.href = sessionPath(use.session_id);
  where.prepend(element("span", "hidden", "session in "));
  item.append(time, " ", name, " ", end, " ", where);
  return item;
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text; // never as HTML: names may come from anywhere
  return made;
}

function refreshSoon() {
  state.stale = true;
  if (state.paused) return;
  window.clearTimeout(quiet);
  quiet = window.setTimeout(refresh, QUIET_MS);
  longest ??= window.setTimeout(refresh, LONGEST_MS);
}

/** Ask for this page again and take over the parts that are shown from it. */
async function refresh() {
  window.clearTimeout(quiet);
  window.clearTimeout(longest);
  longest = undefined;
  if (state.paused || document.hidden) return;
  if (refreshing) return;
  state.stale = false;
  refreshing = page();
  const fresh = await refreshing;
  refreshing = null;
  if (fresh && !state.paused) takeOver(fresh);
  if (state.stale) refreshSoon();
}

async function page() {
  try {
    const answer = await fetch(window.location.href, { headers: { accept: "text/html" } });
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  } catch {
    return null; // The state of the connection is told where it is noticed; the next news tries again.
  }
}

function takeOver(fresh) {
  for (const part of document.querySelectorAll("[data-refresh]")) {
    const other = fresh.getElementById(part.id);
    // Who reads or types in a part must not lose their place.
    if (!other || part.contains(document.activeElement) || part.outerHTML === other.outerHTML) continue;
    for (const [place, details] of [...other.querySelectorAll("details")].entries()) {
      details.open = part.querySelectorAll("details")[place]?.open ?? false;
    }
    if (other.matches("details")) other.open = part.open;
    const ticked = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
    for (const box of other.querySelectorAll("input[type=checkbox]")) box.checked = ticked.has(box.value);
    part.replaceWith(document.adoptNode(other));
  }
  document.dispatchEvent(new CustomEvent("refreshed"));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.stale) refreshSoon();
});
