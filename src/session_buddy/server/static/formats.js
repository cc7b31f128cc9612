// Numbers and names as the server tells them (formats.py); a test compares the two.

export const NOTHING = "–";

/** A length of time in two units at most. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 0.9995) return `${half(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = half(seconds);
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

// What Python takes for white space, and for characters that are not to be printed.
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g;
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** A text in one line and without invisible characters that steer what is shown. */
export function printable(text) {
  return text.search(HIDDEN) < 0 ? text : text.replace(SPACES, " ").replace(HIDDEN, "\ufffd");
}

/** How the name of a skill is shown. */
export function shownName(skill) {
  const parts = /^mcp__(.+)__(.+?)$/s.exec(skill);
  if (!parts) return printable(skill);
  const rest = skill.slice(5);
  const cut = rest.lastIndexOf("__");
  const [server, tool] = [rest.slice(0, cut), rest.slice(cut + 2)];
  return printable(server && tool ? `${server}: ${tool}` : skill);
}

/** The last part of a path of whatever system. */
export function folderName(path) {
  const parts = (path || "").split(/[\\/]/).filter(Boolean);
  return parts.length ? printable(parts[parts.length - 1]) : NOTHING;
}

/** The address of a skill's page: see links.py. */
export function skillPath(name) {
  return path("/skills", "/skill", name);
}

export function sessionPath(id) {
  return path("/sessions", "/session", id);
}

function path(many, one, name) {
  const parts = name.replaceAll("\\", "/").split("/");
  const inner = parts.length > 1 && !parts[0] ? parts.slice(1) : parts;
  const lost = inner.some((part) => ["", ".", ".."].includes(part)) || /\/series\.(csv|json)$/.test(name);
  return lost || printable(name) !== name
    ? `${one}?${new URLSearchParams({ name })}`
    : `${many}/${encodeURIComponent(name).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)}`;
}

/** The time of day if it is today's, else the day. */
export function clock(moment, now) {
  if (moment.slice(0, 10) === now.slice(0, 10)) return moment.slice(11, 19);
  const day = new Date(moment);
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]} ${day.getUTCFullYear()}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Rounded as Python rounds: halves to even. */
function half(number) {
  const floor = Math.floor(number);
  if (number - floor !== 0.5) return Math.round(number);
  return floor % 2 ? floor + 1 : floor;
}
