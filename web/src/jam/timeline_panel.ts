// The panel beside the spectrogram: what was heard, what sounds, what comes, the votes; and the
// timeline as a table.

import { COLUMNS_PER_SECOND } from "../shared/columns";
import { $, button, create, dialog, setText } from "../shared/dom";
import { formatDuration } from "../shared/format";
import type { JamStatus, TimelineEntry } from "../shared/protocol";
import type { Session } from "./session";
import { getSeedImageTitle } from "./settings";

/** Characters from which a prompt is shown in smaller letters. */
const LONG_PROMPT = 48;
const MAX_PAST = 3;
const MAX_SHARES = 4;
const MAX_ROWS = 200;
/** Below this, the machine makes sound hardly faster than it is heard. */
const COMFORTABLE_FACTOR = 1.1;

type Edit = (prompt: string) => void;

/**
 * Bring the whole panel up to date.
 *
 * @param edit - takes a prompt up again.
 */
export function showPanel(session: Session, edit: Edit): void {
  const { jam } = session;
  document.body.dataset.state = jam ? "jam" : "idle";
  $("play").setAttribute("aria-pressed", String(session.isPlaying));
  $("play").setAttribute("aria-label", session.isPlaying ? "Pause" : "Play");
  button("go").disabled = session.isStarting;
  setText("prompt-label", jam ? "What do you want to hear next?" : "What do you want to hear?");
  setText("go", jam ? (jam.private ? "Next" : "Vote") : "Play");
  setText("state", describeState(session));
  $("next").toggleAttribute("data-empty", !jam?.coming);
  setText("coming", jam?.coming ?? "…");
  if (jam) showJam(jam);
  else showInvitation();
  showPastPrompts(session, edit);
  showVotes(jam);
  if (dialog("table").open) showTable(session);
}

function showJam(jam: JamStatus): void {
  setText("now-kicker", jam.private ? "Now" : "Now, in the voice channel too");
  setText("playing", jam.playing);
  $("playing").classList.toggle("long", jam.playing.length > LONG_PROMPT);
  const facts = [
    `${jam.bpm.toFixed(1)} bpm`,
    getSeedImageTitle(jam.seed_image),
    `denoising ${jam.denoising.toFixed(2)}`,
    `seed ${jam.seed}`,
  ];
  if (jam.harmony) facts.push(jam.harmony);
  if (jam.listeners > 1) facts.push(`${jam.listeners} listen here`);
  setText("facts", facts.join(" · "));
  document.title = `${jam.playing} · RiffBot`;
}

function showInvitation(): void {
  setText("now-kicker", "A jam of your own");
  setText("playing", "What do you want to hear?");
  setText("facts", "Type a prompt: it plays without end, and follows you when you type another.");
  document.title = "RiffBot";
}

function describeState({ problem, jam, isStarting, isPlaying }: Session): string {
  if (isStarting) return "Making the first seconds …";
  if (problem || !jam) return problem;
  if (jam.error) return jam.error;
  if (jam.state === "paused") return "Paused.";
  if (jam.state === "catching up") {
    return "Catching up: the last bar loops until the next one is made.";
  }
  if (!isPlaying) return "Press play to hear it.";
  const factor = jam.real_time_factor;
  if (factor !== null && factor < COMFORTABLE_FACTOR) {
    return `This machine makes ${factor.toFixed(2)} seconds of sound in a second: bars may loop.`;
  }
  return "";
}

/** Show the last prompts that were heard before the one that sounds. */
export function showPastPrompts(session: Session, edit: Edit): void {
  const prompts = getPastPrompts(session);
  const list = $("past");
  const shown = [...list.children].map((item) => item.textContent);
  if (shown.join("\n") === prompts.join("\n")) return;
  const items = prompts.map((text) => {
    const title = "Take it up again";
    const button = create("button", { type: "button", textContent: text, title });
    button.addEventListener("click", () => edit(text));
    const item = create("li");
    item.append(button);
    return item;
  });
  list.replaceChildren(...items);
}

function getPastPrompts(session: Session): string[] {
  const { jam, column } = session;
  if (!jam) return [];
  const heard: string[] = [];
  for (const entry of session.getEntries()) {
    if (entry.start <= column && heard.at(-1) !== entry.prompt) heard.push(entry.prompt);
  }
  if (heard.at(-1) === jam.playing) heard.pop();
  return heard.slice(-MAX_PAST);
}

function showVotes(jam: JamStatus | null): void {
  const shares = jam && !jam.private ? jam.shares : [];
  $("shares").hidden = shares.length < 2;
  if (shares.length < 2) return;
  const items = shares.slice(0, MAX_SHARES).map(({ prompt, share }) => {
    const bar = create("progress", { max: 1, value: share });
    bar.setAttribute("aria-label", prompt);
    const item = create("li");
    item.append(
      create("span", { textContent: prompt }),
      create("span", { textContent: `${Math.round(100 * share)} %` }),
      bar,
    );
    return item;
  });
  $("shares").replaceChildren(...items);
}

/** Show the timeline as a table. */
export function showTable(session: Session): void {
  const { column, currentEntry } = session;
  const rows = session
    .getEntries()
    .slice(-MAX_ROWS)
    .map((entry) => {
      const isCurrent = entry === currentEntry;
      const when = isCurrent ? "now" : entry.start <= column ? "heard" : "next";
      const row = create("tr");
      if (isCurrent) row.setAttribute("aria-current", "true");
      row.append(...describeEntry(entry, when).map((textContent) => create("td", { textContent })));
      return row;
    });
  $("rows").replaceChildren(...rows);
}

function describeEntry(entry: TimelineEntry, when: string): string[] {
  const isMoving = entry.towards && entry.towards !== entry.prompt;
  return [
    formatDuration(entry.start / COLUMNS_PER_SECOND),
    entry.prompt,
    isMoving ? `${entry.towards} (${Math.round(100 * entry.alpha)} %)` : "",
    String(entry.seed),
    entry.denoising.toFixed(2),
    when,
  ];
}
