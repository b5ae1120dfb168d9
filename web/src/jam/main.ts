// The page of jams: a private one at `/`, any jam at `/jam/<id>`. This module joins the others.

import "./jam.css";

import { get, type Refusal } from "../shared/api";
import { $, attempt, createLink, dialog, input } from "../shared/dom";
import type { JamList } from "../shared/protocol";
import { Actions, DEFAULT_PROMPT } from "./actions";
import { isInDiscord, signIn } from "./activity";
import { editPrompt, getPrompt, initPromptField, setPrompt } from "./prompt_field";
import { offerRiff, Session } from "./session";
import {
  createJamLink,
  fillSettings,
  initSettings,
  loadSeedImages,
  showSettings,
} from "./settings";
import { showPanel, showPastPrompts, showTable } from "./timeline_panel";
import { ViewController } from "./view_controller";

/** Milliseconds between two looks at which prompts lie in the past by now. */
const PAST_EVERY_MS = 250;
const MAX_OTHER_JAMS = 3;

const session = new Session(show, (last) => {
  if (last && !getPrompt()) setPrompt(last.playing);
});
const actions = new Actions(session);
const viewController = new ViewController(session);

function show(): void {
  showPanel(session, editPrompt);
  showSettings(session);
  // The address itself restores everything: after a reload, and where the jam is over by then.
  const address = session.jam && createJamLink(session, "");
  if (address && address !== location.href) history.replaceState(history.state, "", address);
}

function initControls(): void {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!getPrompt() && session.jam) return input("prompt").focus();
    void actions.steer(getPrompt() || DEFAULT_PROMPT);
  });
  $("coming").addEventListener("click", () => editPrompt(session.jam?.coming ?? ""));
  $("play").addEventListener("click", () => void actions.play());
  $("keep").addEventListener("click", () => void actions.keep());
  $("record").addEventListener("click", () => void actions.record());
  $("share").addEventListener("click", () => void actions.share());
  $("open-table").addEventListener("click", () => {
    showTable(session);
    dialog("table").showModal();
  });
  addEventListener("keydown", pressKey);
  addEventListener("popstate", () => location.reload());
}

const SHORTCUTS: Record<string, () => void> = {
  " ": () => void actions.play(),
  k: () => void actions.keep(),
  a: () => void actions.record(),
  l: () => void actions.share(),
  d: () => $("dice").click(),
  s: () => $("open-settings").click(),
  t: () => session.jam && $("open-table").click(),
  "/": () => input("prompt").focus(),
};

function pressKey(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest("input, select, textarea, dialog, [contenteditable]")) return;
  if (event.key === " " && target.closest("button, a")) return;
  const act = SHORTCUTS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

async function start(): Promise<void> {
  let jamId = /\/jam\/([^/]+)$/.exec(location.pathname)?.[1] ?? null;
  const settings = new URLSearchParams(location.hash.slice(1));
  initControls();
  initPromptField();
  initSettings(session, () => {
    void actions.start(getPrompt() || session.jam?.playing || DEFAULT_PROMPT);
  });
  fillSettings(settings);
  // Where the jam plays, its prompt is shown already.
  if (!jamId) setPrompt(settings.get("prompt") ?? "");
  show();
  await viewController.start();
  setInterval(() => session.jam && showPastPrompts(session, editPrompt), PAST_EVERY_MS);
  await session.prepare();
  loadSeedImages().then(show, () => {});
  if (isInDiscord()) {
    document.body.dataset.place = "discord";
    await attempt(async () => {
      const serversJam = await signIn();
      jamId ??= serversJam; // after a reload, the one that was listened to
    });
  }
  if (!jamId) void showOtherJams();
  else if (await join(jamId, settings)) return;
  await viewController.idleAnimation.load();
}

/** Listen to a jam; where that fails, offer what its link says. @returns whether it is heard. */
async function join(jamId: string, settings: URLSearchParams): Promise<boolean> {
  try {
    await session.join(decodeURIComponent(jamId));
    return true;
  } catch (error) {
    setPrompt(settings.get("prompt") ?? "");
    const refusal = error as Refusal;
    session.end(refusal.message);
    $("complaint").replaceChildren(...offerRiff(refusal, Object.fromEntries(settings)));
    return false;
  }
}

/** Show the jams that one may listen to. */
async function showOtherJams(): Promise<void> {
  const none: JamList = { jams: [] };
  const { jams } = await get<JamList>("jams").catch(() => none);
  const links = jams
    .slice(0, MAX_OTHER_JAMS)
    .flatMap(({ id, playing }, number) => [
      ...(number ? [", "] : []),
      createLink(`jam/${id}`, playing),
    ]);
  $("elsewhere").hidden = jams.length === 0;
  $("elsewhere").replaceChildren("Or listen along: ", ...links);
}

// What the tests measure, and what a browser's console may look at.
Object.assign(window, {
  riffbot: {
    get player() {
      return session.player;
    },
    get view() {
      return viewController.view;
    },
    get jam() {
      return session.jam;
    },
    get hello() {
      return session.hello;
    },
    spectrogram: session.spectrogram,
  },
});

void start();
