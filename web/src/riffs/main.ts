// The page of single riffs: a form that asks for one, a stage that shows it, the last riffs below.
// This module joins the others.

import "./riffs.css";

import { Painter } from "../painter/painter";
import { get, send } from "../shared/api";
import { copyText } from "../shared/clipboard";
import { $, button, showToast } from "../shared/dom";
import type { Info, JobStarted, NewRiff, Riff, RiffFamily } from "../shared/protocol";
import { takeRiffRequest } from "../shared/riff_offer";
import { drawSpectrogram } from "../shared/spectrogram";
import { rememberRiff } from "../shared/storage";
import { ClipView, createRiffAddress } from "./clip";
import { type FormRequest, type FormSettings, RiffForm } from "./form";
import { JobProgress } from "./job";
import { RecentRiffs } from "./recent_riffs";

const TOAST_MS = 2500;
const UNFINISHED = "Close the easel first: what is painted would be lost.";

const form = new RiffForm(() => {
  if (painter.isOpen) return showError(UNFINISHED);
  if (!job.isRunning) void make(form.read());
});

const clip = new ClipView(
  () => job.isRunning || painter.isOpen,
  (seedImage) => form.getSeedImageName(seedImage),
);

const job = new JobProgress({
  onPreview: (picture) => void drawSpectrogram(clip.canvas, picture),
  onFirstStep: () => showModel(false),
  onDone(riff) {
    painter.close(); // what was painted is in the riff now
    endJob();
    rememberRiff(riff.id);
    showRiff(riff);
    void recent.load();
  },
  onFailed(error, isCancelled) {
    endJob();
    if (isCancelled) showToast(error, TOAST_MS);
    else if (painter.isOpen) painter.showError(error);
    else showError(error);
    if (painter.isOpen) painter.setWaiting(false);
    else void clip.draw();
  },
  onLost() {
    endJob();
    painter.setWaiting(false);
    showError("The connection to RiffBot was lost. Is it still running?");
  },
});

const painter = new Painter({
  onJob(started) {
    painter.setWaiting(true);
    followJob(started);
  },
  onOpen() {
    clip.pause();
    $("frame").dataset.state = "painter";
    $("clip").hidden = true;
    scrollToStage();
  },
  onClose() {
    if (job.isRunning) return;
    $("clip").hidden = !clip.riff;
    $("frame").dataset.state = clip.riff ? "clip" : "empty";
    void clip.draw();
  },
});

const recent = new RecentRiffs({
  onChoose(riff) {
    if (job.isRunning) return showToast("A riff is on its way; one moment.", TOAST_MS);
    if (painter.isOpen) return showToast(UNFINISHED, TOAST_MS);
    form.fill(riff.request);
    showRiff(riff);
    scrollToStage();
  },
  onError: showError,
});

let modelName = "";

function showError(sentence: string): void {
  $("complaint").textContent = sentence;
}

function showModel(isLoading: boolean): void {
  job.isModelLoading = isLoading;
  $("model").textContent = isLoading ? `${modelName} · loading …` : modelName;
}

/** Show a riff that was just made or chosen, and play it. */
function showRiff(riff: Riff): void {
  clip.show(riff, { play: true });
  recent.mark(riff.id);
}

async function make(request: FormRequest | NewRiff): Promise<void> {
  showError("");
  button("go").disabled = true;
  try {
    followJob(await send<JobStarted>("POST", "riffs", request));
  } catch (error) {
    showError((error as Error).message);
    endJob();
  }
}

function followJob(started: JobStarted): void {
  clip.pause();
  $("frame").dataset.state = "forming";
  job.follow(started);
  scrollToStage();
}

function endJob(): void {
  job.end();
  button("go").disabled = false;
  $("frame").dataset.state = painter.isOpen ? "painter" : clip.riff ? "clip" : "empty";
}

/** On a phone the stage lies below the form. */
function scrollToStage(): void {
  const isReduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("frame").scrollIntoView({ block: "nearest", behavior: isReduced ? "auto" : "smooth" });
}

function remix(riff: Riff): void {
  form.parent = riff;
  form.fill({ ...riff.request, seed_image: riff.picture_ref, seed: null, bpm: null });
  form.editPrompt();
  showToast("Say what it should become, then Riff.", TOAST_MS);
}

function makeAgain(riff: Riff): void {
  form.fill(riff.request);
  void make({ ...riff.request, seed: form.rollSeed() });
}

async function copy(text: string, confirmation: string): Promise<void> {
  await copyText(text);
  showToast(confirmation, TOAST_MS);
}

function initButtons(): void {
  const onClick = (id: string, act: () => void) => $(id).addEventListener("click", act);
  const onIdleClick = (id: string, act: () => void) =>
    onClick(id, () => {
      if (!job.isRunning) act();
    });
  onIdleClick("again", () => makeAgain(clip.riff!));
  onClick("remix", () => remix(clip.riff!));
  onIdleClick("paint-on", () => void painter.paintOn(clip.riff!));
  onIdleClick("draw", () => void painter.drawBlank());
  onIdleClick("draw-first", () => void painter.drawBlank());
  onClick("share", () => void copy(createRiffAddress(clip.riff!), "Link copied."));
  onClick("copy-recipe", () => void copy($("recipe").textContent ?? "", "Recipe copied."));
  onClick("cancel", () => void job.cancel().catch((error: Error) => showError(error.message)));
  $("empty").addEventListener("click", ({ target }) => {
    const { prompt } = (target as HTMLElement).dataset;
    if (!prompt || job.isRunning) return;
    form.fill({ prompt });
    void make(form.read());
  });
}

function readSettingsInLink(): FormSettings | null {
  const settings = new URLSearchParams(location.hash.slice(1));
  return settings.has("prompt") ? Object.fromEntries(settings) : null;
}

/** Show what the address says: settings, a riff, or a riff to paint on. */
async function restore(): Promise<void> {
  const settings = readSettingsInLink();
  if (settings) form.fill(settings);
  const id = /\/riff\/([^/]+)$/.exec(location.pathname)?.[1];
  if (!id || clip.riff?.id === id) return;
  try {
    const { riff } = await get<RiffFamily>(`riffs/${id}`);
    form.fill(riff.request);
    clip.show(riff, { setAddress: false });
    recent.mark(riff.id);
    if (location.hash === "#paint") await painter.paintOn(riff);
  } catch (error) {
    const { message } = error as Error;
    showError(settings ? `${message} Its settings are filled in: Riff makes it again.` : message);
  }
}

async function start(): Promise<void> {
  initButtons();
  addEventListener("popstate", () => void restore());
  try {
    const info = await get<Info>("info");
    modelName = info.model.name;
    showModel(info.model.state === "loading");
    form.setInfo(info);
  } catch (error) {
    showError((error as Error).message);
  }
  await Promise.all([recent.load(), restore()]);
  if (takeRiffRequest() && readSettingsInLink() && !job.isRunning) await make(form.read());
}

void start();
