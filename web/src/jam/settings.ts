// The settings of a jam: the fields, the words beside them, and the link that restores them all.

import { get } from "../shared/api";
import { getDenoisingAdvice } from "../shared/denoising_advice";
import { $, attempt, dialog, input, select, setText } from "../shared/dom";
import { parseNumber } from "../shared/format";
import { showHarmonyInfo } from "../shared/harmony";
import type { Info, SeedImage } from "../shared/protocol";
import { resolveAddress } from "./activity";
import type { JamSettings, Session } from "./session";

const FIELDS = ["seed_image", "bpm", "key", "chords", "seed", "denoising", "guidance"] as const;
const HARMONY = ["key", "chords"] as const;
/** Below this, the slider leaves the guidance to the model. */
const MIN_GUIDANCE = 1;
const SEEDS = 2 ** 32;

let seedImages: SeedImage[] = [];

/** The title of a seed image, without what its label says besides. */
export function getSeedImageTitle(name: string): string {
  return seedImages.find((seed) => seed.name === name)?.label.split(",")[0] ?? name;
}

/** What is set, as the server takes it; what is left open is left out. */
export function readSettings(): JamSettings {
  const settings: JamSettings = {};
  const add = (name: keyof JamSettings, text: string) => {
    if (!text.trim()) return;
    const number = parseNumber(text);
    // What is no number is sent as typed: RiffBot answers with the sentence that fits.
    settings[name] = Number.isNaN(number) ? text.trim() : number;
  };
  if (select("seed-image").value) settings.seed_image = select("seed-image").value;
  else add("bpm", input("bpm").value);
  for (const name of HARMONY) {
    const text = input(name).value.trim();
    if (text) settings[name] = text;
  }
  add("seed", input("seed").value);
  add("denoising", input("denoising").value);
  if (Number(input("guidance").value) >= MIN_GUIDANCE) add("guidance", input("guidance").value);
  return settings;
}

/** Fill the fields from the settings in a link. */
export function fillSettings(settings: URLSearchParams): void {
  for (const name of FIELDS) {
    const value = settings.get(name);
    if (value === null) continue;
    if (name === "seed_image") chooseSeedImage(value);
    else input(name).value = value;
  }
  showValues();
}

/** A link with the settings of the jam that plays now: opened later, it starts one like it. */
export function createJamLink(session: Session, prompt: string): string {
  const { jam } = session;
  const settings = readSettings();
  if (jam) {
    delete settings.bpm;
    const guidance = session.currentEntry?.guidance;
    settings.prompt = jam.coming ?? jam.playing;
    settings.seed = jam.seed;
    settings.denoising = jam.denoising;
    settings.seed_image = jam.seed_image;
    if (guidance) settings.guidance = guidance;
  } else if (prompt.trim()) settings.prompt = prompt.trim();
  const entries = Object.entries(settings).map(([name, value]) => [name, String(value)]);
  return `${resolveAddress(jam ? `jam/${jam.id}` : "./")}#${new URLSearchParams(entries)}`;
}

export async function loadSeedImages(): Promise<void> {
  const info = await get<Info>("info");
  seedImages = info.seed_images;
  showHarmonyInfo(info, "chords-words");
  const list = select("seed-image");
  const chosen = list.value;
  list.length = 1;
  for (const { name, label } of seedImages) list.add(new Option(label, name));
  chooseSeedImage(chosen);
  showValues();
}

/** Show which of the settings can be changed while this jam plays. */
export function showSettings({ jam }: Session): void {
  const isServers = jam !== null && !jam.private;
  $("locked").toggleAttribute("disabled", isServers);
  setText("locked-words", describeLock(jam !== null, isServers));
  $("anew").hidden = jam === null;
  const denoising = input("denoising");
  if (jam && !dialog("settings").open && denoising.value !== String(jam.denoising)) {
    denoising.value = String(jam.denoising);
    showValues();
  }
}

/** @param restart - starts another jam with the settings. */
export function initSettings(session: Session, restart: () => void): void {
  const denoising = input("denoising");
  $("open-settings").addEventListener("click", () => dialog("settings").showModal());
  for (const id of ["denoising", "guidance", "seed-image"]) {
    $(id).addEventListener("input", showValues);
  }
  denoising.addEventListener("change", () => {
    if (!session.jam?.private) return;
    void attempt(() => session.control("denoising", { value: Number(denoising.value) }));
  });
  for (const name of HARMONY) {
    input(name).addEventListener("change", () => {
      if (!session.jam?.private) return;
      // An empty field leaves it to the model again.
      const text = input(name).value.trim() || "any";
      void attempt(() => session.control("harmony", { [name]: text }));
    });
  }
  $("seed-dice").addEventListener("click", () => {
    input("seed").value = String(Math.floor(Math.random() * SEEDS));
    if (session.jam?.private) void attempt(() => session.control("seed"));
  });
  $("anew").addEventListener("click", () => {
    dialog("settings").close();
    restart();
  });
}

function describeLock(hasJam: boolean, isServers: boolean): string {
  if (isServers) return "This jam is a server’s: its members decide these in Discord.";
  if (!hasJam) return "";
  return "Key, chords, denoising and the seed change while it plays; the others need a new beginning.";
}

function chooseSeedImage(name: string): void {
  const list = select("seed-image");
  if (name && ![...list.options].some(({ value }) => value === name)) {
    list.add(new Option(name, name));
  }
  list.value = name;
}

/** Show the sliders' values and what they mean. */
function showValues(): void {
  const denoising = Number(input("denoising").value);
  setText("denoising-value", denoising.toFixed(2));
  setText("denoising-words", getDenoisingAdvice(denoising));
  const guidance = Number(input("guidance").value);
  setText("guidance-value", guidance >= MIN_GUIDANCE ? guidance.toFixed(1) : "the model’s");
  const seed = seedImages.find(({ name }) => name === select("seed-image").value);
  setText("seed-image-words", seed?.words ?? "Locks in the tempo and the overall vibe.");
  input("bpm").disabled = Boolean(seed);
  input("bpm").placeholder = seed ? seed.bpm.toFixed(1) : "free";
}
