// The live feed in a browser: connects, stays connected, tells what it missed.
//
//   import { connect } from "./live.js";
//   const feed = connect({ topics: ["all"], onSnapshot, onDelta, onState });
//   feed.close();
//
// onSnapshot(message) comes first, and again whenever what was missed is too much to be told: put it in place of
// everything. onDelta(message) comes for each change after it, in order and once. onState(state) tells of the
// connection: "live", "reconnecting", "recovered" (everything missed has just been told; "live" follows) and
// "offline" (it goes on trying). WebSocket is tried first; where it is blocked, server-sent events carry the same.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const SILENCE = 45_000; // three heartbeats of the server's
const OPENING = 10_000;
const BLOCKED_AFTER = 2; // WebSockets that failed to open in a row before events are tried
const OFFLINE_AFTER = 3; // failures in a row

export function connect({ topics = ["all"], onSnapshot, onDelta, onState, base = location.origin }) {
  let position = null; // up to here everything has been told
  let link = null; // the present connection: { close() }
  let state = null;
  let failures = 0;
  let unopened = 0;
  let retry = null;
  let watchdog = null;
  let closed = false;

  function say(next) {
    if (next !== state) {
      state = next;
      onState?.(next);
    }
  }

  function expect(milliseconds) {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, milliseconds);
  }

  function isNew(message) {
    return position !== null && message.epoch === position.epoch && message.offset > position.offset;
  }

  function note(message) {
    position = { epoch: message.epoch, offset: message.offset };
  }

  function hear(text) {
    expect(SILENCE);
    const message = JSON.parse(text);
    switch (message.type) {
      case "snapshot":
        note(message);
        arrived("live");
        onSnapshot?.(message);
        break;
      case "delta":
        if (isNew(message)) {
          note(message);
          onDelta?.(message);
        }
        break;
      case "recovered":
        note(message);
        arrived("recovered");
        say("live");
        break;
      case "heartbeat":
        if (isNew(message)) note(message);
        break;
      case "error":
        console.warn("live feed:", message.error.problem, message.error.remedy);
        break;
    }
  }

  function arrived(next) {
    failures = 0;
    say(next);
  }

  function open() {
    clearTimeout(retry);
    retry = null;
    if (closed || link) return;
    expect(OPENING);
    try {
      link = unopened < BLOCKED_AFTER ? openSocket() : openEvents();
    } catch (error) {
      console.warn("live feed:", error.message);
      lost();
    }
  }

  function openSocket() {
    const address = new URL("/api/v1/live", base);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    unopened += 1;
    const mine = { close: () => socket.close() };
    socket.onopen = () => {
      unopened = 0;
      if (link !== mine) return;
      socket.send(JSON.stringify({ type: "subscribe", topics, ...(position && { since: position }) }));
    };
    socket.onmessage = (event) => link === mine && hear(event.data);
    socket.onclose = () => link === mine && lost();
    return mine;
  }

  function openEvents() {
    const address = new URL("/api/v1/live/events", base);
    for (const topic of topics) address.searchParams.append("topic", topic);
    if (position) address.searchParams.set("since", `${position.epoch}:${position.offset}`);
    const events = new EventSource(address);
    const mine = { close: () => events.close() };
    unopened = 0; // next time WebSocket has its chance again
    events.onmessage = (event) => link === mine && hear(event.data);
    // Its own way to come back knows neither pauses nor WebSocket.
    events.onerror = () => link === mine && lost();
    return mine;
  }

  function drop() {
    clearTimeout(watchdog);
    const dropped = link;
    link = null;
    dropped?.close();
  }

  function lost() {
    drop();
    if (closed) return;
    failures += 1;
    say(failures >= OFFLINE_AFTER || !navigator.onLine ? "offline" : "reconnecting");
    const pause = Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
    clearTimeout(retry);
    retry = setTimeout(open, pause * (0.5 + 0.5 * Math.random()));
  }

  // Without waiting for the pause to end, when there is reason to hope.
  function hope() {
    if (retry !== null && document.visibilityState === "visible") open();
  }

  // A page that the browser keeps for going back must not hold a connection.
  function leave() {
    clearTimeout(retry);
    retry = null;
    drop();
  }

  function comeBack(event) {
    if (event.persisted) open();
  }

  addEventListener("online", hope);
  document.addEventListener("visibilitychange", hope);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", comeBack);
  open();

  return {
    close() {
      closed = true;
      leave();
      removeEventListener("online", hope);
      document.removeEventListener("visibilitychange", hope);
      removeEventListener("pagehide", leave);
      removeEventListener("pageshow", comeBack);
    },
  };
}
