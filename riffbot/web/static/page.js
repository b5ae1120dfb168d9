// The page: a form that asks for a riff, a stage that shows it, the last riffs below.
// No framework; every address is relative, so that the page may live under any path.

import { $, api, copyText, myRiffs, rememberRiff, riffWasAsked, send } from "./api.js";
import { Easel } from "./easel.js";
import { paintFrom } from "./spectrogram.js";
import { inked as runsAsSpans, spoken } from "./weights.js";
import { denoisingWords } from "./words.js";

const form = $("form");
const player = $("player");
const canvas = $("spectrogram");
const still = matchMedia("(prefers-reduced-motion: reduce)");

const state = { riff: null, job: null, events: null, parent: null, info: null, loading: false, seeds: new Map() };

// --- weights, as they are typed ---------------------------------------------------------------

function tint(field, ink) {
  ink.replaceChildren(...runsAsSpans(field.value), "\u200b");
  // Firefox has no field-sizing yet.
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

const promptHint = $("prompt-hint").innerHTML;

function inked() {
  tint(form.prompt, $("prompt-ink"));
  tint(form.negative, $("negative-ink"));
  const words = spoken(form.prompt.value);
  if (words) $("prompt-hint").textContent = words;
  else $("prompt-hint").innerHTML = promptHint; // our own markup, put back
}

// --- the form ---------------------------------------------------------------------------------

function guide() {
  const value = Number(form.denoising.value);
  $("denoising-value").textContent = value.toFixed(2);
  const chosen = form.seed_image.value;
  const idle = !chosen;
  $("denoising-field").toggleAttribute("data-idle", idle);
  $("denoising-hint").textContent = idle
    ? "How far to leave the seed image. Without one it changes nothing."
    : denoisingWords(value);
  const seed = state.seeds.get(chosen);
  form.bpm.disabled = !idle;
  form.bpm.placeholder = idle ? "free" : seed?.bpm ? `${+seed.bpm.toFixed(1)}` : "the picture’s";
  $("bpm-hint").textContent = idle ? "40 to 240 beats a minute." : "The seed image sets it.";
  $("seed-image-hint").textContent =
    seed?.words || "A picture to start from. It locks in the tempo and the overall vibe.";
}

const NUMBERS = ["seed", "bpm", "steps", "guidance", "denoising"];
const TEXTS = ["prompt", "negative", "seed_image", "scheduler"];

// What the form says, without what is left open. A number that is none goes as typed: RiffBot
// answers it with the sentence that fits.
function wish() {
  const request = {};
  for (const name of TEXTS) {
    const text = form[name].value.trim();
    if (text || name === "prompt") request[name] = text;
  }
  for (const name of NUMBERS) {
    const text = form[name].value.trim().replace(",", ".");
    if (!text || (name === "bpm" && request.seed_image)) continue;
    request[name] = Number.isNaN(Number(text)) ? text : Number(text);
  }
  if (!request.seed_image) delete request.denoising;
  // A remix knows what it was made from.
  else if (request.seed_image === state.parent?.picture_ref) request.parent = state.parent.id;
  return request;
}

function fill(request) {
  const seedImage = request.seed_image ?? "";
  if (seedImage && ![...form.seed_image.options].some((option) => option.value === seedImage)) {
    form.seed_image.add(new Option("the picture of another riff", seedImage));
  }
  for (const name of [...TEXTS, ...NUMBERS]) {
    if (name in request) form[name].value = request[name] ?? "";
    else form[name].value = name === "denoising" ? 0.75 : "";
  }
  if (form.scheduler.selectedIndex < 0) form.scheduler.value = "";
  inked();
  guide();
}

function complain(text) {
  $("complaint").textContent = text;
}

function toast(text) {
  $("toast").textContent = text;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").textContent = ""), 2500);
}

async function copy(text, said) {
  await copyText(text);
  toast(said);
}

// --- making ------------------------------------------------------------------------------------

async function make(request) {
  complain("");
  $("go").disabled = true;
  try {
    const job = await send("POST", "riffs", request);
    follow(job);
  } catch (error) {
    complain(error.message);
    idle();
  }
}

function idle() {
  state.events?.close();
  state.events = state.job = null;
  $("go").disabled = false;
  $("forming").hidden = true;
  $("frame").dataset.state = easel.open ? "easel" : state.riff ? "clip" : "empty";
}

function follow(job) {
  player.pause();
  state.job = job.job;
  state.events = new EventSource(job.events);
  $("frame").dataset.state = "forming";
  $("forming").hidden = false;
  $("playhead").hidden = true;
  progress("Waiting for its turn …", null);
  toStage();
  const on = (name, act) => state.events.addEventListener(name, (event) => act(JSON.parse(event.data)));
  on("queued", ({ position, eta_s }) => {
    const place = position > 1 ? `Number ${position} in line` : "Up next";
    const eta = eta_s ? `, about ${Math.ceil(eta_s)} s` : state.loading ? ": the model is loading" : "";
    progress(`${place}${eta} …`, null);
  });
  on("step", ({ step, steps, preview }) => {
    if (state.loading) introduce(false);
    if (step < steps) progress(`Step ${step} of ${steps}`, step / steps);
    else progress("Turning the picture into sound …", 1);
    if (preview) paintFrom(canvas, preview);
  });
  on("done", ({ riff }) => {
    easel.close(); // what was painted is in the riff now
    idle();
    rememberRiff(riff.id);
    show(riff, { play: true });
    load();
  });
  on("failed", ({ error, cancelled }) => {
    idle();
    if (cancelled) toast(error);
    else if (easel.open) easel.complain(error);
    else complain(error);
    if (easel.open) easel.wait(false);
    else if (state.riff) paintRiff();
  });
  state.events.onerror = () => {
    // EventSource comes back by itself; only a closed one is lost.
    if (state.events?.readyState !== EventSource.CLOSED) return;
    idle();
    easel.wait(false);
    complain("The connection to RiffBot was lost. Is it still running?");
  };
}

// On a phone the stage lies below the form.
function toStage() {
  $("frame").scrollIntoView({ block: "nearest", behavior: still.matches ? "auto" : "smooth" });
}

function progress(words, share) {
  if ($("stage-words").textContent !== words) $("stage-words").textContent = words;
  if (share === null) $("bar").removeAttribute("value");
  else $("bar").value = share;
}

// --- showing -----------------------------------------------------------------------------------

const RECIPE_ONLY = ["target", "alpha", "mask", "width"];

function facts(riff) {
  const { request } = riff;
  const parts = [`seed ${request.seed}`];
  if (request.seed_image) {
    const name = state.seeds.get(request.seed_image)?.name ?? "another riff";
    parts.push(`from ${name} at ${request.denoising}`);
  }
  if (request.bpm) parts.push(`${+request.bpm.toFixed(2)} bpm`);
  if (riff.duration_s) parts.push(`${riff.duration_s.toFixed(2)} s`);
  if (riff.model) parts.push(riff.model);
  return parts.join(" · ");
}

// What was kept of a jam sounds longer than its own picture is wide, which is its last chunk.
function paintRiff() {
  const { riff } = state;
  return paintFrom(canvas, riff.files.heard, () => state.riff === riff && !easel.open && !state.job);
}

function show(riff, { play = false, focus = play, address = true } = {}) {
  state.riff = riff;
  $("frame").dataset.state = "clip";
  $("clip").hidden = false;
  $("title").textContent = riff.request.prompt;
  $("facts").textContent = facts(riff);
  canvas.setAttribute("aria-label", riff.alt || "The clip's spectrogram.");
  paintRiff();
  player.src = riff.files.mp3;
  $("get-mp3").href = `${riff.files.mp3}?download`;
  $("get-png").href = `${riff.files.png}?download`;
  $("get-picture").href = `${riff.files.picture}?download`;
  $("recipe").textContent = JSON.stringify(riff.request, null, 2);
  document.title = `${riff.request.prompt} · RiffBot`;
  if (address) history.pushState({ riff: riff.id }, "", riff.page);
  mark();
  lineage(riff);
  if (focus) $("title").focus({ preventScroll: true });
  if (play) player.play().catch(() => {}); // a browser may want a click first
}

// What it was made from, and what was made from it, as links.
async function lineage(riff) {
  $("lineage").hidden = true;
  const { parents, children } = await api(`riffs/${encodeURIComponent(riff.id)}`).catch(() => ({}));
  if (state.riff !== riff || !parents) return;
  const linked = (others) => others.flatMap((other, number) => [
    ...(number ? [", "] : []),
    Object.assign(document.createElement("a"), { href: other.page, textContent: other.request.prompt }),
  ]);
  $("lineage").replaceChildren(
    ...(parents.length ? ["Made from ", ...linked(parents), ". "] : []),
    ...(children.length ? ["Remixed as ", ...linked(children), "."] : []),
  );
  $("lineage").hidden = !(parents.length || children.length);
}

function mark() {
  for (const card of $("riffs").querySelectorAll(".card")) {
    card.setAttribute("aria-current", String(card.dataset.id === String(state.riff?.id)));
  }
}

// The settings travel in the link too: it restores the form even where the clip is unknown.
function link(riff) {
  const settings = new URLSearchParams();
  for (const name of [...TEXTS, ...NUMBERS, ...RECIPE_ONLY]) {
    const value = riff.request[name];
    if (value === null || value === undefined || value === "" || typeof value === "object") continue;
    settings.set(name, value);
  }
  return `${new URL(riff.page, document.baseURI)}#${settings}`;
}

function playhead() {
  const { duration, currentTime } = player;
  const shown = state.riff && !state.job && !easel.open && duration > 0 && (currentTime > 0 || !player.paused);
  $("playhead").hidden = !shown;
  if (shown) $("playhead").style.transform = `translateX(${(currentTime / duration) * canvas.clientWidth}px)`;
  if (!player.paused && !still.matches) requestAnimationFrame(playhead);
}

// --- painting ------------------------------------------------------------------------------------

const easel = new Easel({
  begun(job) {
    easel.wait(true);
    follow(job);
  },
  opened() {
    player.pause();
    $("playhead").hidden = true;
    $("frame").dataset.state = "easel";
    $("clip").hidden = true;
    toStage();
  },
  closed() {
    if (state.job) return;
    $("clip").hidden = !state.riff;
    $("frame").dataset.state = state.riff ? "clip" : "empty";
    if (state.riff) paintRiff();
  },
});

// --- the last riffs ------------------------------------------------------------------------------

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    paintFrom(target, target.dataset.png);
  }
}, { rootMargin: "200px" });

function ago(when) {
  const minutes = (Date.parse(when) - Date.now()) / 60000;
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (minutes > -1) return "just now";
  if (minutes > -60) return words.format(Math.round(minutes), "minute");
  if (minutes > -1440) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 1440), "day");
}

function card(riff) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "card" });
  button.dataset.id = riff.id;
  const picture = document.createElement("canvas");
  picture.setAttribute("aria-hidden", "true");
  picture.dataset.png = riff.files.png;
  const words = document.createElement("span");
  words.append(
    Object.assign(document.createElement("b"), { textContent: riff.request.prompt }),
    Object.assign(document.createElement("small"), { textContent: `seed ${riff.request.seed} · ${ago(riff.created)}` }),
  );
  button.append(picture, words);
  button.addEventListener("click", () => {
    if (state.job) return toast("A riff is on its way; one moment.");
    if (easel.open) return toast("Close the easel first: what is painted would be lost.");
    fill(riff.request);
    show(riff, { play: true });
    toStage();
  });
  item.append(button);
  near.observe(picture);
  return item;
}

async function load(before = null) {
  try {
    let { riffs, next, closed } = await api(`riffs?limit=12${before ? `&before=${encodeURIComponent(before)}` : ""}`);
    if (closed) {
      // Strangers may call here, so nothing is listed: this browser knows its own links.
      riffs = (await Promise.all(myRiffs().map((id) => api(`riffs/${id}`).catch(() => null)))).filter(Boolean).map(({ riff }) => riff);
      $("last-title").textContent = "Your riffs";
    }
    const cards = riffs.map(card);
    if (before) $("riffs").append(...cards);
    else $("riffs").replaceChildren(...cards);
    $("none").hidden = $("riffs").children.length > 0;
    $("older").hidden = !next;
    $("older").onclick = () => load(next);
    mark();
  } catch (error) {
    complain(error.message);
  }
}

// --- wiring --------------------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (easel.open) return complain("Close the easel first: what is painted would be lost.");
  if (!state.job) make(wish());
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  // The negative prompt is one line to the eye: Enter there means go.
  else if (event.key === "Enter" && event.target === form.negative) {
    event.preventDefault();
    form.requestSubmit();
  }
});
form.prompt.addEventListener("input", inked);
form.negative.addEventListener("input", inked);
form.denoising.addEventListener("input", guide);
form.seed_image.addEventListener("change", guide);

const roll = () => (form.seed.value = crypto.getRandomValues(new Uint32Array(1))[0]);
$("dice").addEventListener("click", roll);
$("again").addEventListener("click", () => {
  if (state.job) return;
  fill(state.riff.request);
  roll();
  make({ ...state.riff.request, seed: Number(form.seed.value) });
});
$("remix").addEventListener("click", () => {
  state.parent = state.riff;
  fill({ ...state.riff.request, seed_image: state.riff.picture_ref, seed: null, bpm: null });
  form.prompt.focus();
  form.prompt.select();
  toast("Say what it should become, then Riff.");
});
$("paint-on").addEventListener("click", () => { if (!state.job) void easel.on(state.riff); });
for (const id of ["draw", "draw-first"]) $(id).addEventListener("click", () => { if (!state.job) void easel.blank(); });
$("share").addEventListener("click", () => copy(link(state.riff), "Link copied."));
$("copy-recipe").addEventListener("click", () => copy($("recipe").textContent, "Recipe copied."));
$("empty").addEventListener("click", ({ target }) => {
  if (!target.dataset.prompt || state.job) return;
  fill({ prompt: target.dataset.prompt });
  make(wish());
});
$("cancel").addEventListener("click", async () => {
  const { job } = state;
  if (job) await send("DELETE", `jobs/${job}`).catch((error) => complain(error.message));
});

player.addEventListener("play", playhead);
player.addEventListener("timeupdate", playhead);
player.addEventListener("seeked", playhead);
canvas.addEventListener("click", (event) => {
  if (!state.riff || state.job || easel.open || !player.duration) return;
  const { left, width } = canvas.getBoundingClientRect();
  player.currentTime = ((event.clientX - left) / width) * player.duration;
  player.play().catch(() => {});
});
addEventListener("keydown", (event) => {
  const free = event.target === document.body || event.target === $("title");
  if (event.code !== "Space" || !free || !state.riff) return;
  event.preventDefault();
  if (player.paused) player.play().catch(() => {});
  else player.pause();
});
addEventListener("resize", playhead);
addEventListener("popstate", restore);

function settingsInLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  return given.has("prompt") ? Object.fromEntries(given) : null;
}

async function restore() {
  const settings = settingsInLink();
  if (settings) fill(settings);
  const [, id] = location.pathname.match(/\/riff\/([^/]+)$/) ?? [];
  if (!id || String(state.riff?.id) === id) return;
  try {
    const { riff } = await api(`riffs/${id}`);
    fill(riff.request);
    show(riff, { address: false });
    if (location.hash === "#paint") await easel.on(riff);
  } catch (error) {
    complain(settings ? `${error.message} Its settings are filled in: Riff makes it again.` : error.message);
  }
}

function introduce(loading) {
  state.loading = loading;
  $("model").textContent = loading ? `${state.info.model.name} · loading …` : state.info.model.name;
}

async function start() {
  inked();
  guide();
  try {
    const info = await api("info");
    state.info = info;
    introduce(info.model.state === "loading");
    form.steps.placeholder = info.defaults.steps ?? "";
    form.guidance.placeholder = info.defaults.guidance ?? "";
    for (const name of info.schedulers) form.scheduler.add(new Option(name, name));
    for (const seed of info.seed_images) {
      state.seeds.set(seed.name, seed);
      form.seed_image.add(new Option(seed.label, seed.name));
    }
  } catch (error) {
    complain(error.message);
  }
  guide();
  await Promise.all([load(), restore()]);
  if (riffWasAsked() && settingsInLink() && !state.job) await make(wish());
}

start();
