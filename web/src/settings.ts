// The settings of a jam: the fields, the words beside them, and the link that restores them all.

import { denoisingWords } from "../../riffbot/web/static/words.js";
import { place } from "./activity";
import { $, api, attempt, dialog, field, select, set } from "./page";
import type { Session } from "./session";

const FIELDS = ["seed_image", "bpm", "seed", "denoising", "guidance"] as const;

interface SeedImage {
  name: string;
  label: string;
  words: string;
  bpm: number;
}

let seeds: SeedImage[] = [];

export const seedTitle = (name: string): string =>
  seeds.find((seed) => seed.name === name)?.label.split(",")[0] ?? name;

/** What is set, as RiffBot takes it. */
export function settings(): Record<string, string | number> {
  const out: Record<string, string | number> = {};
  const text = (name: string, value: string) => {
    if (!value.trim()) return;
    const number = Number(value.replace(",", "."));
    // What is no number goes as typed: RiffBot answers with the sentence that fits.
    out[name] = Number.isNaN(number) ? value.trim() : number;
  };
  if (select("seed-image").value) out.seed_image = select("seed-image").value;
  else text("bpm", field("bpm").value);
  text("seed", field("seed").value);
  text("denoising", field("denoising").value);
  if (Number(field("guidance").value) >= 1) text("guidance", field("guidance").value);
  return out;
}

/** Fill the fields from a link. */
export function fill(from: URLSearchParams): void {
  for (const name of FIELDS) {
    const value = from.get(name);
    if (value === null) continue;
    if (name === "seed_image") choose(value);
    else field(name).value = value;
  }
  words();
}

/** The settings of the jam that plays now, for a link: whoever opens it later starts one like it. */
export function link(session: Session, typed: string): string {
  const { jam } = session;
  const told: Record<string, string | number> = { ...settings() };
  if (jam) {
    delete told.bpm;
    const guidance = session.entry?.guidance;
    Object.assign(told, {
      prompt: jam.coming ?? jam.playing,
      seed: jam.seed,
      denoising: jam.denoising,
      seed_image: jam.seed_image,
    });
    if (guidance) told.guidance = guidance;
  } else if (typed.trim()) told.prompt = typed.trim();
  const hash = new URLSearchParams(
    Object.entries(told).map(([name, value]) => [name, String(value)]),
  );
  return `${place(jam ? `jam/${jam.id}` : "./")}#${hash}`;
}

function choose(name: string): void {
  const list = select("seed-image");
  if (name && ![...list.options].some(({ value }) => value === name))
    list.add(new Option(name, name));
  list.value = name;
}

export async function loadSeedImages(): Promise<void> {
  seeds = (await api("info")).seed_images;
  const list = select("seed-image");
  const chosen = list.value;
  list.length = 1;
  for (const { name, label } of seeds) list.add(new Option(label, name));
  choose(chosen);
  words();
}

function words(): void {
  const value = Number(field("denoising").value);
  set("denoising-value", value.toFixed(2));
  set("denoising-words", denoisingWords(value));
  const guidance = Number(field("guidance").value);
  set("guidance-value", guidance >= 1 ? guidance.toFixed(1) : "the model’s");
  const seed = seeds.find(({ name }) => name === select("seed-image").value);
  set("seed-image-words", seed?.words ?? "Locks in the tempo and the overall vibe.");
  field("bpm").disabled = Boolean(seed);
  field("bpm").placeholder = seed ? seed.bpm.toFixed(1) : "free";
}

/** Which of the settings are to be changed while this jam plays. */
export function showSettings({ jam }: Session): void {
  const foreign = jam !== null && !jam.private;
  $("locked").toggleAttribute("disabled", foreign);
  set(
    "locked-words",
    foreign
      ? "This jam is a server’s: its members decide these in Discord."
      : jam
        ? "Denoising and the seed change while it plays; the others need a new beginning."
        : "",
  );
  $("anew").hidden = jam === null;
  if (jam && !dialog("settings").open && field("denoising").value !== String(jam.denoising)) {
    field("denoising").value = String(jam.denoising);
    words();
  }
}

export function wireSettings(session: Session, anew: () => void): void {
  $("open-settings").addEventListener("click", () => dialog("settings").showModal());
  for (const id of ["denoising", "guidance", "seed-image"])
    field(id).addEventListener("input", words);
  field("denoising").addEventListener("change", () => {
    if (session.jam?.private)
      void attempt(() => session.wish("denoising", { value: Number(field("denoising").value) }));
  });
  $("seed-dice").addEventListener("click", () => {
    field("seed").value = String(Math.floor(Math.random() * 2 ** 32));
    if (session.jam?.private) void attempt(() => session.wish("seed"));
  });
  $("anew").addEventListener("click", () => {
    dialog("settings").close();
    anew();
  });
}
