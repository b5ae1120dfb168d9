// The prompts as riffusion.com listed them: what was heard, what sounds, what comes; and the same
// as a table.

import { $, dialog, set } from "./page";
import type { Session } from "./session";
import { seedTitle } from "./settings";
import { clock } from "./words";

/** Bring all words on the page up to date. `edit` takes a prompt up again. */
export function showScore(session: Session, edit: (text: string) => void): void {
  const { jam } = session;
  document.body.dataset.state = jam ? "jam" : "idle";
  $("play").setAttribute("aria-pressed", String(session.sounds));
  $("play").setAttribute("aria-label", session.sounds ? "Pause" : "Play");
  $("go").disabled = session.busy;
  set("prompt-label", jam ? "What do you want to hear next?" : "What do you want to hear?");
  set("go", jam ? (jam.private ? "Next" : "Vote") : "Play");
  set("state", stateWords(session));
  $("next").toggleAttribute("data-empty", !jam?.coming);
  set("coming", jam?.coming ?? "…");
  if (jam) {
    set("now-kicker", jam.private ? "Now" : "Now, in the voice channel too");
    set("playing", jam.playing);
    $("playing").classList.toggle("long", jam.playing.length > 48);
    const more = jam.listeners > 1 ? ` · ${jam.listeners} listen here` : "";
    set(
      "facts",
      `${jam.bpm.toFixed(1)} bpm · ${seedTitle(jam.seed_image)} · denoising ${jam.denoising.toFixed(2)} · seed ${jam.seed}${more}`,
    );
    document.title = `${jam.playing} · RiffBot`;
  } else {
    set("now-kicker", "A jam of your own");
    set("playing", "What do you want to hear?");
    set("facts", "Type a prompt: it plays without end, and follows you when you type another.");
    document.title = "RiffBot";
  }
  showPast(session, edit);
  showVotes(session);
  if (dialog("table").open) showTable(session);
}

function stateWords({ trouble, jam, busy, sounds }: Session): string {
  if (busy) return "Making the first seconds …";
  if (trouble || !jam) return trouble;
  if (jam.error) return jam.error;
  if (jam.state === "paused") return "Paused.";
  if (jam.state === "catching up")
    return "Catching up: the last bar loops until the next one is made.";
  if (!sounds) return "Press play to hear it.";
  const factor = jam.real_time_factor;
  if (factor !== null && factor < 1.1)
    return `This machine makes ${factor.toFixed(2)} seconds of sound in a second: bars may loop.`;
  return "";
}

/** The last prompts that were heard before this one. */
export function showPast(session: Session, edit: (text: string) => void): void {
  const { column } = session;
  const heard: string[] = [];
  for (const entry of session.jam ? session.entries() : []) {
    if (entry.start <= column && heard.at(-1) !== entry.prompt) heard.push(entry.prompt);
  }
  if (heard.at(-1) === session.jam?.playing) heard.pop();
  const shown = heard.slice(-3);
  const list: HTMLElement = $("past");
  if ([...list.children].map((item) => item.textContent).join("\n") === shown.join("\n")) return;
  list.replaceChildren(
    ...shown.map((text) => {
      const button = Object.assign(document.createElement("button"), {
        type: "button",
        textContent: text,
        title: "Take it up again",
      });
      button.addEventListener("click", () => edit(text));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
}

function showVotes({ jam }: Session): void {
  const shares = jam && !jam.private ? jam.shares : [];
  $("shares").hidden = shares.length < 2;
  if (shares.length < 2) return;
  $("shares").replaceChildren(
    ...shares.slice(0, 4).map(({ prompt: text, share: part }) => {
      const item = document.createElement("li");
      const bar = Object.assign(document.createElement("progress"), { max: 1, value: part });
      bar.setAttribute("aria-label", text);
      item.append(
        Object.assign(document.createElement("span"), { textContent: text }),
        Object.assign(document.createElement("span"), {
          textContent: `${Math.round(100 * part)} %`,
        }),
        bar,
      );
      return item;
    }),
  );
}

/** The timeline as a table. */
export function showTable(session: Session): void {
  const { column, entry: current } = session;
  $("rows").replaceChildren(
    ...session
      .entries()
      .slice(-200)
      .map((entry) => {
        const row = document.createElement("tr");
        if (entry === current) row.setAttribute("aria-current", "true");
        const when = entry === current ? "now" : entry.start <= column ? "heard" : "next";
        const towards =
          entry.towards && entry.towards !== entry.prompt
            ? `${entry.towards} (${Math.round(100 * entry.alpha)} %)`
            : "";
        const cells = [
          clock(entry.start / 100),
          entry.prompt,
          towards,
          String(entry.seed),
          entry.denoising.toFixed(2),
          when,
        ];
        row.append(
          ...cells.map((text) =>
            Object.assign(document.createElement("td"), { textContent: text }),
          ),
        );
        return row;
      }),
  );
}
