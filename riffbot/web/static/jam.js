// The jam's page: the sound is an <audio>, everything else is asked for once a second.

import { riffInstead } from "./api.js";

const id = location.pathname.split("/").pop();
const api = `api/jams/${encodeURIComponent(id)}`;
const at = (name) => document.getElementById(name);
let chunk = null;
let over = false;
let notBefore = 0;

const REFUSED_MS = 15000;

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show(jam) {
  say(at("playing"), jam.playing);
  const late = jam.state === "catching up" ? "Catching up: the last bar loops until the next one is there." : "";
  say(at("coming"), late || (jam.state === "paused" ? "Paused." : jam.coming ? `Next: ${jam.coming}` : ""));
  say(at("facts"), `${jam.bpm.toFixed(2)} bpm, ${jam.seed_image}, denoising ${jam.denoising}`);
  say(at("health"), `${time(jam.played_s)} played, ${jam.buffer_s.toFixed(1)} s ahead, ${jam.underruns} dropouts, `
    + `${jam.late_chunks} late, ${jam.listeners} listening here`);
  if (jam.chunk !== chunk) {
    chunk = jam.chunk;
    at("picture").src = `${api}/picture.png?${encodeURIComponent(chunk)}`;
    at("picture").alt = `The spectrogram of what is heard: ${jam.playing}.`;
  }
  const rows = jam.shares.map((share) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = share.prompt;
    const part = document.createElement("span");
    part.textContent = `${Math.round(100 * share.share)} %`;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = share.share;
    bar.setAttribute("aria-label", share.prompt);
    row.append(name, part, bar);
    return row;
  });
  at("shares").replaceChildren(...rows);
}

function time(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function end(sentence) {
  over = true;
  say(at("coming"), sentence);
  at("form").hidden = true;
  at("sound").removeAttribute("src");
}

// The link may say what the jam plays.
const settings = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

async function look() {
  if (performance.now() < notBefore) return;
  try {
    const answer = await fetch(api);
    const told = await answer.json();
    if (answer.status === 404) return end(told.error);
    if (answer.ok) return show(told.jam);
    notBefore = performance.now() + REFUSED_MS;
    say(at("coming"), told.error);
    if (told.offer === "riff") at("coming").append(" ", riffInstead(settings));
  } catch {
    say(at("coming"), "RiffBot does not answer; trying again …");
  }
}

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = at("prompt");
  const hint = at("hint");
  if (!field.value.trim()) return field.focus();
  try {
    const answer = await fetch(`${api}/prompt`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ prompt: field.value }),
    });
    const told = await answer.json();
    hint.classList.toggle("bad", !answer.ok);
    say(hint, answer.ok ? "Your vote counts; listen." : told.error);
    if (answer.ok) { field.value = ""; show(told.jam); }
  } catch {
    hint.classList.add("bad");
    say(hint, "RiffBot does not answer; please try again.");
  }
});

const sound = at("sound");
// A stream that was paused would go on where it was left: playing means from now on.
sound.src = `${api}/live.ogg`;
sound.addEventListener("pause", () => { if (!over) { sound.src = `${api}/live.ogg`; } });

await look();
const pulse = setInterval(() => { if (over) clearInterval(pulse); else look(); }, 1000);
