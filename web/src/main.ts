// The page: a jam of one's own at `/`, anybody's at `/jam/<id>`. This file joins the others.

import "./style.css";

import { MAPS } from "./colours";
import { Columns } from "./columns";
import { Connection, type Entry, type Hello, type Status } from "./connection";
import { Flat } from "./flat";
import { bestCodec, Player } from "./player";
import type { View } from "./view";
import { clock, denoisingWords, rolled, suggestions } from "./words";
import { inked, spoken } from "./weights";

const $ = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const prompt = $<HTMLInputElement>("prompt");
const field = (id: string) => $<HTMLInputElement>(id);
const FIELDS = ["seed_image", "bpm", "seed", "denoising", "guidance"] as const;

interface SeedImage {
  name: string;
  label: string;
  words: string;
  bpm: number;
}

const columns = new Columns(256);
let player: Player | null = null;
let view: View | null = null;
let connection: Connection | null = null;
let jam: Status | null = null;
let hello: Hello | null = null;
let codec: "opus" | "pcm" = "pcm";
let trouble = "";
let busy = false;
let seeds: SeedImage[] = [];
const history_ = new Map<number, Entry>();

// --- talking to RiffBot -----------------------------------------------------------------------

async function api<T>(path: string, method = "GET", body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`api/${path}`, method === "GET" ? {} : {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body ?? {}),
    });
  } catch {
    throw new Error("RiffBot does not answer. Is it still running?");
  }
  const told = (await answer.json().catch(() => ({}))) as { error?: string };
  if (!answer.ok) throw new Error(told.error ?? `RiffBot answered ${answer.status}.`);
  return told as T;
}

async function attempt(work: () => Promise<void>): Promise<void> {
  $("complaint").textContent = "";
  try {
    await work();
  } catch (error) {
    $("complaint").textContent = (error as Error).message;
  }
}

// --- settings that travel in links --------------------------------------------------------------

function settings(): Record<string, string | number> {
  const out: Record<string, string | number> = {};
  const text = (name: string, value: string) => {
    if (!value.trim()) return;
    const number = Number(value.replace(",", "."));
    // What is no number goes as typed: RiffBot answers with the sentence that fits.
    out[name] = Number.isNaN(number) ? value.trim() : number;
  };
  if (field("seed-image").value) out.seed_image = field("seed-image").value;
  else text("bpm", field("bpm").value);
  text("seed", field("seed").value);
  text("denoising", field("denoising").value);
  if (Number(field("guidance").value) >= 1) text("guidance", field("guidance").value);
  return out;
}

function fill(from: URLSearchParams): void {
  for (const name of FIELDS) {
    const value = from.get(name);
    if (value === null) continue;
    const target = field(name.replace("_", "-"));
    if (name === "seed_image" && ![...(target as unknown as HTMLSelectElement).options].some((o) => o.value === value)) {
      (target as unknown as HTMLSelectElement).add(new Option(value, value));
    }
    target.value = value;
  }
  const text = from.get("prompt");
  if (text) prompt.value = text;
  ink();
  words();
}

function link(): string {
  const told: Record<string, string | number> = { ...settings() };
  if (jam) {
    told.prompt = jam.coming ?? jam.playing;
    told.seed = jam.seed;
    told.denoising = jam.denoising;
    told.seed_image = jam.seed_image;
    delete told.bpm;
  } else if (prompt.value.trim()) told.prompt = prompt.value.trim();
  const hash = new URLSearchParams(Object.entries(told).map(([name, value]) => [name, String(value)]));
  return `${new URL(jam ? `jam/${jam.id}` : "./", document.baseURI)}#${hash}`;
}

// --- a jam begins, goes on, ends ------------------------------------------------------------------

async function start(text: string): Promise<void> {
  if (busy) return;
  busy = true;
  $<HTMLButtonElement>("go").disabled = true;
  $("state").textContent = "Making the first seconds …";
  // A browser lets sound begin only with the click itself.
  void ready().play();
  await attempt(async () => {
    const wish = { prompt: text, ...settings(), instead_of: jam?.private ? jam.id : undefined };
    const { jam: begun } = await api<{ jam: Status }>("jams", "POST", wish);
    history.pushState({}, "", new URL(`jam/${begun.id}`, document.baseURI));
    prompt.value = "";
    ink();
    $("elsewhere").hidden = true;
    listen(begun);
  });
  busy = false;
  $<HTMLButtonElement>("go").disabled = false;
  if (!connection) $("state").textContent = "";
}

function listen(begun: Status): void {
  connection?.close();
  columns.clear();
  history_.clear();
  player?.reset();
  jam = begun;
  trouble = "";
  document.body.dataset.state = "jam";
  connection = new Connection(begun.id, codec, {
    hello(told) {
      hello = told;
      ready().lag = told.pre_skip;
      player?.flush();
      trouble = "";
    },
    status(told) {
      const before = jam;
      jam = told;
      for (const [start] of history_) if (told.timeline.length && start >= told.timeline[0].start) history_.delete(start);
      for (const entry of told.timeline) history_.set(entry.start, entry);
      if (before?.denoising !== told.denoising && !$<HTMLDialogElement>("settings").open) {
        field("denoising").value = String(told.denoising);
      }
      if (told.state === "paused" && before?.state !== "paused") player?.flush();
      show();
    },
    packets: (sample, packets) => player?.packets(sample, packets),
    samples: (sample, samples) => player?.samples(sample, samples),
    tile: (column, width, tile) => columns.put(column, width, tile),
    lost(words_) {
      trouble = words_;
      player?.flush();
      show();
    },
    over: ended,
  });
  show();
}

function ended(sentence: string): void {
  connection?.close();
  connection = null;
  player?.reset();
  if (jam) prompt.value ||= jam.playing;
  ink();
  jam = null;
  document.body.dataset.state = "idle";
  trouble = `${sentence} Play starts one like it.`;
  show();
}

function ready(): Player {
  if (!player) {
    player = new Player();
    player.context.addEventListener("statechange", show);
  }
  return player;
}

async function toggle(): Promise<void> {
  if (!jam) return start(prompt.value.trim() || "funky sax");
  const plays = ready().running && jam.state !== "paused";
  await attempt(async () => {
    if (plays) {
      await player!.pause();
      if (jam?.private) await api(`jams/${jam.id}/pause`, "POST");
    } else {
      void player!.play();
      if (jam?.private && jam.state === "paused") await api(`jams/${jam.id}/resume`, "POST");
    }
  });
  show();
}

async function steer(text: string): Promise<void> {
  if (!jam) return start(text);
  const id = jam.id;
  await attempt(async () => {
    if (!ready().running) void player!.play();
    await api(`jams/${id}/prompt`, "POST", { prompt: text });
    prompt.value = "";
    ink();
    say(jam?.private ? "It comes in at the next beat that is not made yet." : "Your vote counts; listen.");
  });
}

async function keep(): Promise<void> {
  if (!jam) return;
  const id = jam.id;
  toast("Keeping the last 30 seconds …");
  await attempt(async () => {
    const { riff } = await api<{ riff: { page: string; files: { mp3: string } } }>(`jams/${id}/keep`, "POST", { seconds: 30 });
    const page = Object.assign(document.createElement("a"), { href: riff.page, textContent: "Look at it", target: "_blank" });
    const mp3 = Object.assign(document.createElement("a"), { href: `${riff.files.mp3}?download`, textContent: "Download the MP3" });
    mp3.id = "kept-mp3";
    toast("Kept.", 12000, page, mp3);
  });
  if ($("complaint").textContent) toast("");
}

async function share(): Promise<void> {
  const address = link();
  try {
    await navigator.clipboard.writeText(address);
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: address });
    document.body.append(area);
    area.select();
    document.execCommand("copy"); // the only way on a page without https
    area.remove();
  }
  toast("The link is copied: it plays this jam while it lives, and starts one like it later.", 5000);
}

// --- showing ---------------------------------------------------------------------------------------

function set(id: string, text: string): void {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

function show(): void {
  const plays = Boolean(player?.running) && jam !== null && jam.state !== "paused";
  $("play").setAttribute("aria-pressed", String(plays));
  $("play").setAttribute("aria-label", plays ? "Pause" : "Play");
  set("prompt-label", jam ? "What do you want to hear next?" : "What do you want to hear?");
  set("go", jam ? (jam.private ? "Next" : "Vote") : "Play");
  set("state", stateWords(plays));
  $("next").toggleAttribute("data-empty", !jam?.coming);
  set("coming", jam?.coming ?? "…");
  if (jam) {
    set("now-kicker", jam.private ? "Now" : "Now, in the voice channel too");
    set("playing", jam.playing);
    $("playing").classList.toggle("long", jam.playing.length > 48);
    const more = jam.listeners > 1 ? ` · ${jam.listeners} listen here` : "";
    set("facts", `${jam.bpm.toFixed(1)} bpm · ${seedTitle(jam.seed_image)} · denoising ${jam.denoising.toFixed(2)} · seed ${jam.seed}${more}`);
    document.title = `${jam.playing} · RiffBot`;
  } else {
    set("now-kicker", "A jam of your own");
    set("playing", "What do you want to hear?");
    set("facts", "Type a prompt: it plays without end, and follows you when you type another.");
    document.title = "RiffBot";
  }
  past();
  votes();
  locked();
  if ($<HTMLDialogElement>("table").open) rows();
}

function stateWords(plays: boolean): string {
  if (trouble) return trouble;
  if (!jam) return busy ? "Making the first seconds …" : "";
  if (jam.error) return jam.error;
  if (jam.state === "paused") return "Paused.";
  if (jam.state === "catching up") return "Catching up: the last bar loops until the next one is made.";
  if (!plays) return "Press play to hear it.";
  const factor = jam.real_time_factor;
  if (factor !== null && factor < 1.1) return `This machine makes ${factor.toFixed(2)} seconds of sound in a second: bars may loop.`;
  return "";
}

const seedTitle = (name: string) => seeds.find((seed) => seed.name === name)?.label.split(",")[0] ?? name;

function past(): void {
  const column = (player?.position() ?? 0) / 480;
  const heard: string[] = [];
  for (const entry of [...history_.values()].sort((a, b) => a.start - b.start)) {
    if (entry.start <= column && heard.at(-1) !== entry.prompt) heard.push(entry.prompt);
  }
  if (heard.at(-1) === jam?.playing) heard.pop();
  const shown = heard.slice(-3);
  const list = $("past");
  if ([...list.children].map((item) => item.textContent).join("\n") === shown.join("\n")) return;
  list.replaceChildren(...shown.map((text) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: "Take it up again" });
    button.addEventListener("click", () => edit(text));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

function votes(): void {
  const shares = jam && !jam.private ? jam.shares : [];
  $("shares").hidden = shares.length < 2;
  if (shares.length < 2) return;
  $("shares").replaceChildren(...shares.slice(0, 4).map(({ prompt: text, share: part }) => {
    const item = document.createElement("li");
    const bar = Object.assign(document.createElement("progress"), { max: 1, value: part });
    bar.setAttribute("aria-label", text);
    item.append(
      Object.assign(document.createElement("span"), { textContent: text }),
      Object.assign(document.createElement("span"), { textContent: `${Math.round(100 * part)} %` }),
      bar,
    );
    return item;
  }));
}

function rows(): void {
  const column = (player?.position() ?? 0) / 480;
  const entries = [...history_.values()].sort((a, b) => a.start - b.start);
  const current = entries.findLast((entry) => entry.start <= column);
  $("rows").replaceChildren(...entries.slice(-200).map((entry) => {
    const row = document.createElement("tr");
    if (entry === current) row.setAttribute("aria-current", "true");
    const when = entry === current ? "now" : entry.start <= column ? "heard" : "next";
    const cells = [clock(entry.start / 100), entry.prompt, entry.towards && entry.towards !== entry.prompt ? `${entry.towards} (${Math.round(100 * entry.alpha)} %)` : "", String(entry.seed), entry.denoising.toFixed(2), when];
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  }));
}

function say(text: string): void {
  set("hint", text);
}

let toasting: number | undefined;
function toast(text: string, ms = 3000, ...more: Node[]): void {
  clearTimeout(toasting);
  $("toast").replaceChildren(...(text ? [text, ...more] : []));
  toasting = window.setTimeout(() => $("toast").replaceChildren(), ms);
}

// --- the form ---------------------------------------------------------------------------------------

function ink(): void {
  $("ink").replaceChildren(...inked(prompt.value));
  $("ink").scrollLeft = prompt.scrollLeft;
  say(spoken(prompt.value) || "(word:1.3) makes a word count more, (word) a little more, [word] a little less.");
}

function edit(text: string): void {
  prompt.value = text;
  ink();
  prompt.focus();
  prompt.select();
}

function chips(): void {
  $("chips").replaceChildren(...suggestions(4).map((text) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.addEventListener("click", () => edit(text));
    return button;
  }));
}

function words(): void {
  const value = Number(field("denoising").value);
  set("denoising-value", value.toFixed(2));
  set("denoising-words", denoisingWords(value));
  const guidance = Number(field("guidance").value);
  set("guidance-value", guidance >= 1 ? guidance.toFixed(1) : "the model’s");
  const seed = seeds.find(({ name }) => name === field("seed-image").value);
  set("seed-image-words", seed?.words ?? "Locks in the tempo and the overall vibe.");
  field("bpm").disabled = Boolean(seed);
  field("bpm").placeholder = seed ? seed.bpm.toFixed(1) : "free";
}

function locked(): void {
  const foreign = jam !== null && !jam.private;
  $("locked").toggleAttribute("disabled", foreign);
  set("locked-words", foreign
    ? "This jam is a server’s: its members decide these in Discord."
    : jam ? "Denoising and the seed change while it plays; the others need a new beginning." : "");
  $("anew").hidden = jam === null;
}

function wireForm(): void {
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = prompt.value.trim();
    if (!text && jam) return prompt.focus();
    void steer(text || "funky sax");
  });
  // With a base address, a mere #prompt would load another page.
  document.querySelector(".skip")!.addEventListener("click", (event) => {
    event.preventDefault();
    prompt.focus();
  });
  prompt.addEventListener("input", ink);
  for (const name of ["scroll", "keyup", "select"]) prompt.addEventListener(name, () => ($("ink").scrollLeft = prompt.scrollLeft));
  $("dice").addEventListener("click", () => { edit(rolled()); chips(); });
  $("coming").addEventListener("click", () => edit(jam?.coming ?? ""));
  $("play").addEventListener("click", () => void toggle());
  $("keep").addEventListener("click", () => void keep());
  $("share").addEventListener("click", () => void share());
  $("open-settings").addEventListener("click", () => $<HTMLDialogElement>("settings").showModal());
  $("open-table").addEventListener("click", () => { rows(); $<HTMLDialogElement>("table").showModal(); });
  for (const id of ["denoising", "guidance", "seed-image"]) field(id).addEventListener("input", words);
  field("denoising").addEventListener("change", () => {
    if (jam?.private) void attempt(async () => void (await api(`jams/${jam!.id}/denoising`, "POST", { value: Number(field("denoising").value) })));
  });
  $("seed-dice").addEventListener("click", () => {
    field("seed").value = String(Math.floor(Math.random() * 2 ** 32));
    if (jam?.private) void attempt(async () => void (await api(`jams/${jam!.id}/seed`, "POST")));
  });
  $("anew").addEventListener("click", () => {
    const text = prompt.value.trim() || jam?.playing || "funky sax";
    $<HTMLDialogElement>("settings").close();
    void start(text);
  });
  addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    const elsewhere = target.closest("input, select, textarea, dialog, [contenteditable]");
    if (elsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys: Record<string, () => void> = {
      " ": () => void toggle(),
      k: () => void keep(),
      l: () => void share(),
      d: () => $("dice").click(),
      s: () => $("open-settings").click(),
      t: () => jam && $("open-table").click(),
      "/": () => prompt.focus(),
    };
    if (event.key === " " && target.closest("button, a")) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}

// --- the picture --------------------------------------------------------------------------------------

const remembered = (name: string) => {
  try {
    return localStorage.getItem(`riffbot-${name}`);
  } catch {
    return null;
  }
};
const remember = (name: string, value: string) => {
  try {
    localStorage.setItem(`riffbot-${name}`, value);
  } catch {
    // a private window forgets
  }
};

async function look(kind: string): Promise<void> {
  view?.dispose();
  view = null;
  if (kind !== "flat") {
    try {
      const { Terrain } = await import("./terrain");
      view = new Terrain(columns);
    } catch {
      toast("This browser shows no 3D here, so the picture is flat.");
      field("kind").value = "flat";
    }
  }
  view ??= new Flat(columns);
  view.colours(field("map").value);
  view.element.tabIndex = 0;
  view.element.setAttribute("role", "img");
  view.element.setAttribute("aria-label", "The sound as a landscape: time flows towards you, low notes lie to the left, loud is high. The timeline is there as a table, too.");
  $("stage").replaceChildren(view.element);
  view.resize();
}

/** Milliseconds of a frame above which sound would suffer. */
const TOO_SLOW = 300;
let chosen = false;
let shown = -1e9;
let drawn = -1e9;
let pause = 0;
function frame(now: number): void {
  requestAnimationFrame(frame);
  if (!view || now - drawn < pause) return;
  // A machine that cannot keep up draws less often, so that the sound has the time it needs.
  const took = now - drawn;
  drawn = now;
  if (view.effort > TOO_SLOW && !chosen) {
    toast("This machine draws the mountains too slowly, so the picture is flat. Settings has them.", 6000);
    field("kind").value = "flat";
    return void look("flat");
  }
  if (took < 5000) pause = Math.min(1500, Math.max(0, (view.effort - 16) * 3));
  const calm = field("calm").checked;
  const sample = player?.position() ?? null;
  const width = hello?.meter.width ?? 512;
  const beats = hello?.meter.beats ?? 8;
  const sleeping = (calm ? 256 : now / 40) + 1000;
  const column = jam && sample !== null ? sample / 480 : jam ? (columns.extent[1] - 200 || 0) : sleeping;
  if (!jam) dream(Math.floor(sleeping));
  const awake = Boolean(jam && jam.state !== "paused" && player?.running);
  view.frame({ column: Math.max(0, column), beat: width / beats, measure: hello?.meter.measure ?? 4, turn: width, calm, awake: awake || !jam });
  if (now - shown > 250) {
    shown = now;
    if (jam) past();
  }
}

// While nothing plays, the last riff's picture goes by; before the first, some hills.
let lullaby: { width: number; data: Uint8Array } | null = null;
let dreamt = -Infinity;
function dream(column: number): void {
  if (!lullaby) return;
  const end = column + 560;
  if (dreamt < column - 400 || dreamt > end) dreamt = column - 400;
  if (end - dreamt < 32) return;
  const width = end - dreamt;
  const tile = new Uint8Array(width * 256);
  for (let band = 0; band < 256; band++) {
    for (let x = 0; x < width; x++) tile[band * width + x] = lullaby.data[band * lullaby.width + ((dreamt + x) % lullaby.width)];
  }
  columns.put(dreamt, width, tile);
  dreamt = end;
}

async function fallAsleep(): Promise<void> {
  const width = 512;
  const data = new Uint8Array(width * 256);
  for (let band = 0; band < 256; band++) {
    for (let x = 0; x < width; x++) {
      const low = 255 - band;
      const ridge = Math.max(0, Math.sin((low + 6 * Math.sin((x * Math.PI) / 128)) / 7.5)) ** 6 * Math.exp(-low / 90);
      const pulse = Math.exp(-(x % 64) / 22);
      data[band * width + x] = 255 * Math.min(1, 0.2 + 0.75 * ridge * (0.45 + 0.55 * pulse) + 0.25 * pulse * Math.exp(-low / 30));
    }
  }
  lullaby = { width, data };
  try {
    const { riffs } = await api<{ riffs: { files: { png: string } }[] }>("riffs?limit=1");
    if (!riffs.length) return;
    const image = new Image();
    image.src = riffs[0].files.png;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: 256 });
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.drawImage(image, 0, 0, canvas.width, 256);
    const pixels = context.getImageData(0, 0, canvas.width, 256).data;
    lullaby = { width: canvas.width, data: Uint8Array.from({ length: canvas.width * 256 }, (_, at) => 255 - pixels[4 * at]) };
    dreamt = -Infinity;
  } catch {
    // the hills do
  }
}

// --- beginning ------------------------------------------------------------------------------------------

async function begin(): Promise<void> {
  for (const [name, { title }] of Object.entries(MAPS)) (field("map") as unknown as HTMLSelectElement).add(new Option(title, name));
  field("map").value = remembered("map") ?? "ember";
  field("kind").value = new URLSearchParams(location.search).get("view") ?? remembered("kind") ?? "mountains";
  chosen = new URLSearchParams(location.search).has("view") || remembered("kind") !== null;
  field("calm").checked = remembered("calm") ? remembered("calm") === "yes" : still.matches;
  still.addEventListener("change", () => (field("calm").checked = still.matches));
  field("map").addEventListener("change", () => { view?.colours(field("map").value); remember("map", field("map").value); });
  field("kind").addEventListener("change", () => { chosen = true; remember("kind", field("kind").value); void look(field("kind").value); });
  field("calm").addEventListener("change", () => remember("calm", field("calm").checked ? "yes" : "no"));
  wireForm();
  chips();
  const jamId = /\/jam\/([^/]+)$/.exec(location.pathname)?.[1];
  fill(new URLSearchParams(location.hash.slice(1)));
  show();
  new ResizeObserver(() => view?.resize()).observe($("stage"));
  await look(field("kind").value);
  requestAnimationFrame(frame);
  codec = await bestCodec();
  void api<{ seed_images: SeedImage[] }>("info").then(({ seed_images }) => {
    seeds = seed_images;
    const select = field("seed-image") as unknown as HTMLSelectElement;
    const chosen = select.value;
    select.length = 1;
    for (const { name, label } of seeds) select.add(new Option(label, name));
    if (chosen && !seeds.some(({ name }) => name === chosen)) select.add(new Option(chosen, chosen));
    select.value = chosen;
    words();
    show();
  }, () => {});
  if (jamId) {
    try {
      const { jam: found } = await api<{ jam: Status }>(`jams/${jamId}`);
      ready();
      listen({ ...found, timeline: [] });
    } catch (error) {
      ended((error as Error).message);
      void fallAsleep();
    }
  } else {
    void fallAsleep();
    void api<{ jams: Status[] }>("jams").then(({ jams }) => {
      $("elsewhere").hidden = jams.length === 0;
      $("elsewhere").replaceChildren("Or listen along: ", ...jams.slice(0, 3).flatMap((other, number) => [
        ...(number ? [", "] : []),
        Object.assign(document.createElement("a"), { href: `jam/${other.id}`, textContent: other.playing }),
      ]));
    }, () => {});
  }
}

addEventListener("popstate", () => location.reload());

// What the tests measure, and anybody's console may.
Object.assign(window, {
  riffbot: {
    get player() { return player; },
    get view() { return view; },
    get jam() { return jam; },
    get hello() { return hello; },
    columns,
  },
});

void begin();
