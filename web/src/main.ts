// The page: a jam of one's own at `/`, anybody's at `/jam/<id>`. This file joins the others.

import "./style.css";

import { inDiscord, signedIn } from "./activity";
import {
  $,
  anchor,
  api,
  attempt,
  copyText,
  dialog,
  field,
  type Refusal,
  rememberRiff,
  toast,
} from "./page";
import { edit, say, typed, wirePrompt, write } from "./prompt";
import { showPast, showScore, showTable } from "./score";
import { Session, singleRiff } from "./session";
import { fill, link, loadSeedImages, settings, showSettings, wireSettings } from "./settings";
import { Stage } from "./stage";

const session = new Session(show, (last) => {
  if (last && !typed()) write(last.playing);
});
const stage = new Stage(session);

function show(): void {
  showScore(session, edit);
  showSettings(session);
  // The address itself restores everything: after a reload, and where the jam is over by then.
  const address = session.jam && link(session, "");
  if (address && address !== location.href) history.replaceState(history.state, "", address);
}

// --- what one can do ------------------------------------------------------------------------------

async function start(text: string): Promise<void> {
  if (!(await session.start({ prompt: text, ...settings() }))) return;
  write("");
  $("elsewhere").hidden = true;
}

const play = (): Promise<void> => (session.jam ? session.toggle() : start(typed() || "funky sax"));

async function steer(text: string): Promise<void> {
  const { jam } = session;
  if (!jam) return start(text);
  await attempt(async () => {
    if (!session.ready().running) void session.player!.play();
    await session.wish("prompt", { prompt: text });
    write("");
    say(
      jam.private
        ? "It comes in at the next beat that is not made yet."
        : "Your vote counts; listen.",
    );
  });
}

async function keep(): Promise<void> {
  const { jam } = session;
  if (!jam) return;
  toast("Keeping the last 30 seconds …", 60000);
  const kept = await attempt(async () => {
    const { riff } = await session.wish("keep", { seconds: 30 });
    rememberRiff(riff.id);
    // Inside Discord no other page can be opened, and nothing downloaded.
    if (inDiscord()) return toast(`Kept; its id is ${riff.id}.`, 15000);
    toast(
      "Kept.",
      15000,
      anchor(riff.page, "Look at it", { target: "_blank" }),
      anchor(`${riff.page}#paint`, "Paint on it", { target: "_blank" }),
      anchor(`${riff.files.mp3}?download`, "Download the MP3", { id: "kept-mp3" }),
    );
  });
  if (!kept) toast("");
}

/** Everything that was heard here, as far back as RiffBot remembers. */
async function record(): Promise<void> {
  const { jam, heardFrom } = session;
  if (!jam) return;
  if (heardFrom === null) return toast("Nothing was heard yet: press play first.");
  const address = `jams/${jam.id}/recording`;
  await attempt(async () => {
    const { seconds, limit } = await api(`${address}?from=${heardFrom}`);
    const minutes = (s: number) =>
      `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
    toast(
      `You heard ${minutes(seconds)} minutes; at most the last ${Math.round(limit / 60)} are remembered.`,
      15000,
      anchor(`api/${address}.ogg?from=${heardFrom}`, "Download them", {
        id: "recording",
        download: "",
      }),
    );
  });
}

async function share(): Promise<void> {
  if (inDiscord()) return; // the link leads nowhere from there
  await copyText(link(session, typed()));
  toast(
    "The link is copied: it plays this jam while it lives, and starts one like it later.",
    5000,
  );
}

function wire(): void {
  $("form").addEventListener("submit", (event: Event) => {
    event.preventDefault();
    if (!typed() && session.jam) return field("prompt").focus();
    void steer(typed() || "funky sax");
  });
  $("coming").addEventListener("click", () => edit(session.jam?.coming ?? ""));
  $("play").addEventListener("click", () => void play());
  $("keep").addEventListener("click", () => void keep());
  $("record").addEventListener("click", () => void record());
  $("share").addEventListener("click", () => void share());
  $("open-table").addEventListener("click", () => {
    showTable(session);
    dialog("table").showModal();
  });
  addEventListener("keydown", keys);
  addEventListener("popstate", () => location.reload());
}

function keys(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (
    target.closest("input, select, textarea, dialog, [contenteditable]") ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey
  )
    return;
  if (event.key === " " && target.closest("button, a")) return;
  const acts: Record<string, () => void> = {
    " ": () => void play(),
    k: () => void keep(),
    a: () => void record(),
    l: () => void share(),
    d: () => $("dice").click(),
    s: () => $("open-settings").click(),
    t: () => session.jam && $("open-table").click(),
    "/": () => field("prompt").focus(),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

// --- beginning ------------------------------------------------------------------------------------

async function begin(): Promise<void> {
  let jamId = /\/jam\/([^/]+)$/.exec(location.pathname)?.[1] ?? null;
  const given = new URLSearchParams(location.hash.slice(1));
  wire();
  wirePrompt();
  wireSettings(session, () => void start(typed() || session.jam?.playing || "funky sax"));
  fill(given);
  // Where the jam plays, its prompt is shown already.
  if (!jamId) write(given.get("prompt") ?? "");
  show();
  await stage.begin();
  setInterval(() => session.jam && showPast(session, edit), 250);
  await session.prepare();
  loadSeedImages().then(show, () => {});
  if (inDiscord()) {
    document.body.dataset.place = "discord";
    await attempt(async () => {
      const theirs = await signedIn();
      jamId ??= theirs; // after a reload, the one that was listened to
    });
  }
  if (jamId) {
    try {
      return await session.join(decodeURIComponent(jamId));
    } catch (error) {
      write(given.get("prompt") ?? "");
      const refusal = error as Refusal;
      session.ended(refusal.message);
      $("complaint").replaceChildren(...singleRiff(refusal, Object.fromEntries(given)));
    }
  } else void others();
  await stage.lullaby.begin();
}

/** The jams that one may listen along to. */
async function others(): Promise<void> {
  const { jams } = await api("jams").catch(() => ({ jams: [] }));
  $("elsewhere").hidden = jams.length === 0;
  $("elsewhere").replaceChildren(
    "Or listen along: ",
    ...jams
      .slice(0, 3)
      .flatMap((other: { id: string; playing: string }, number: number) => [
        ...(number ? [", "] : []),
        anchor(`jam/${other.id}`, other.playing),
      ]),
  );
}

// What the tests measure, and anybody's console may.
Object.assign(window, {
  riffbot: {
    get player() {
      return session.player;
    },
    get view() {
      return stage.view;
    },
    get jam() {
      return session.jam;
    },
    get hello() {
      return session.hello;
    },
    columns: session.columns,
  },
});

void begin();
