// The plain page, served where the pages of web/ were not built: a form for single riffs, and any
// jam at /jam/<id>. It works in any browser as it is.

const $ = (id) => document.getElementById(id);
const form = $("form");
const jamId = location.pathname.match(/\/jam\/([^/]+)$/)?.[1];
const settings = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));

const RIFF_REQUESTED = "riffbot-riff-asked";
const POLL_MS = 1000;
/** After a refusal, a jam is asked for again only after so long. */
const REFUSED_MS = 15000;

/** The JSON answer of an address under api/. Throws an Error with the sentence to show. */
async function request(path, method = "GET", body = undefined) {
  let response;
  try {
    const headers = body ? { "Content-Type": "application/json" } : {};
    response = await fetch(`api/${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("RiffBot does not answer; please try again.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const message = answer.error || `RiffBot answered ${response.status}.`;
  throw Object.assign(new Error(message), { offer: answer.offer, status: response.status });
}

/** Change a text only where it differs: a screen reader reads what changes. */
function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

function create(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

/** Session storage, which a private window may refuse. */
function store(act) {
  try {
    return act(sessionStorage);
  } catch {
    return null;
  }
}

// --- single riffs -------------------------------------------------------------------------------

const NUMBERS = ["seed", "bpm", "denoising"];
const FIELDS = ["prompt", "negative", "seed_image", ...NUMBERS];
let job = null;

function readForm() {
  const wanted = { prompt: form.prompt.value.trim() };
  for (const name of FIELDS) {
    const text = form[name].value.trim();
    if (!text) continue;
    const number = Number(text.replace(",", "."));
    // What is no number is sent as typed: RiffBot answers with the sentence that fits.
    wanted[name] = NUMBERS.includes(name) && !Number.isNaN(number) ? number : text;
  }
  if (wanted.seed_image) delete wanted.bpm;
  else delete wanted.denoising;
  return wanted;
}

function fillForm(values) {
  const image = values.seed_image;
  if (image && ![...form.seed_image.options].some(({ value }) => value === image)) {
    form.seed_image.add(new Option("the picture of another riff", image));
  }
  for (const name of FIELDS) form[name].value = values[name] ?? "";
}

async function make() {
  setText("complaint", "");
  $("go").disabled = true;
  try {
    follow(await request("riffs", "POST", readForm()));
  } catch (error) {
    setText("complaint", error.message);
    $("go").disabled = false;
  }
}

function follow(started) {
  const events = new EventSource(started.events);
  job = started.job;
  $("forming").hidden = false;
  setText("progress", "Waiting for its turn …");
  const end = () => {
    events.close();
    job = null;
    $("forming").hidden = true;
    $("go").disabled = false;
  };
  const on = (name, act) => events.addEventListener(name, ({ data }) => act(JSON.parse(data)));
  on("step", ({ step, steps }) => setText("progress", `Step ${step} of ${steps}`));
  on("done", ({ riff }) => {
    end();
    showRiff(riff);
    history.pushState({}, "", riff.page);
    loadRiffs();
  });
  on("failed", ({ error }) => {
    end();
    setText("complaint", error);
  });
}

function showRiff(riff) {
  const { request: made, files } = riff;
  $("clip").hidden = false;
  setText("title", made.prompt);
  setText("facts", `seed ${made.seed} · ${riff.duration_s.toFixed(2)} s · ${riff.model}`);
  $("spectrogram").src = files.heard;
  $("spectrogram").alt = riff.alt || "The clip's spectrogram.";
  $("player").src = files.mp3;
  $("get-mp3").href = `${files.mp3}?download`;
  $("get-png").href = `${files.png}?download`;
  document.title = `${made.prompt} · RiffBot`;
}

async function loadRiffs() {
  const { riffs } = await request("riffs?limit=12").catch(() => ({ riffs: [] }));
  const items = riffs.map((riff) => {
    const item = create("li");
    item.append(create("a", { href: riff.page, textContent: riff.request.prompt }));
    return item;
  });
  $("riffs").replaceChildren(...items);
  $("last").hidden = items.length === 0;
}

async function loadRiff(id) {
  try {
    const { riff } = await request(`riffs/${id}`);
    fillForm(riff.request);
    showRiff(riff);
  } catch (error) {
    setText("complaint", error.message);
  }
}

async function startRiffs() {
  $("settings").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (job === null) make();
  });
  $("cancel").addEventListener("click", () => request(`jobs/${job}`, "DELETE", {}).catch(() => {}));
  try {
    const { model, seed_images } = await request("info");
    setText("model", model.name);
    for (const { name, label } of seed_images) form.seed_image.add(new Option(label, name));
  } catch (error) {
    setText("complaint", error.message);
  }
  if (settings.prompt) fillForm(settings);
  const riffId = location.pathname.match(/\/riff\/([^/]+)$/)?.[1];
  await Promise.all([loadRiffs(), riffId && loadRiff(riffId)]);
  const isRequested = store((storage) => storage.getItem(RIFF_REQUESTED)) !== null;
  store((storage) => storage.removeItem(RIFF_REQUESTED));
  if (isRequested && settings.prompt) await make();
}

// --- a jam --------------------------------------------------------------------------------------

const jamPath = `jams/${jamId}`;
let chunk = null;
let isOver = false;
let notBefore = 0;

function showJam(jam) {
  setText("playing", jam.playing);
  setText("coming", describeComing(jam));
  setText("jam-facts", `${jam.bpm.toFixed(2)} bpm, ${jam.seed_image}, denoising ${jam.denoising}`);
  setText(
    "health",
    `${formatDuration(jam.played_s)} played, ${jam.buffer_s.toFixed(1)} s ahead, ${jam.underruns} dropouts, ` +
      `${jam.late_chunks} late, ${jam.listeners} listening here`,
  );
  if (jam.chunk !== chunk) {
    chunk = jam.chunk;
    $("picture").src = `api/${jamPath}/picture.png?${encodeURIComponent(chunk)}`;
    $("picture").alt = `The spectrogram of what is heard: ${jam.playing}.`;
  }
  const items = jam.shares.map(({ prompt, share }) => {
    const bar = create("progress", { max: 1, value: share });
    bar.setAttribute("aria-label", prompt);
    const item = create("li");
    const part = `${Math.round(100 * share)} %`;
    item.append(create("span", { textContent: prompt }), create("span", { textContent: part }), bar);
    return item;
  });
  $("shares").replaceChildren(...items);
}

function describeComing({ state, coming }) {
  if (state === "catching up") {
    return "Catching up: the last bar loops until the next one is there.";
  }
  if (state === "paused") return "Paused.";
  return coming ? `Next: ${coming}` : "";
}

function formatDuration(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function endJam(sentence) {
  isOver = true;
  setText("coming", sentence);
  form.hidden = true;
  $("sound").removeAttribute("src");
}

/** A link that opens the form with the jam's settings and sends it. */
function createRiffLink() {
  const href = `riffs#${new URLSearchParams(settings)}`;
  const link = create("a", { href, textContent: "Make a single riff of it", className: "instead" });
  link.addEventListener("click", () => store((storage) => storage.setItem(RIFF_REQUESTED, "1")));
  return link;
}

async function pollJam() {
  if (isOver || performance.now() < notBefore) return;
  try {
    showJam((await request(jamPath)).jam);
  } catch ({ message, offer, status }) {
    if (status === 404) return endJam(message);
    if (status) notBefore = performance.now() + REFUSED_MS;
    setText("coming", message);
    if (offer === "riff") $("coming").append(" ", createRiffLink());
  }
}

async function vote(event) {
  event.preventDefault();
  const prompt = form.prompt.value.trim();
  if (!prompt) return form.prompt.focus();
  setText("complaint", "");
  try {
    const { jam } = await request(`${jamPath}/prompt`, "POST", { prompt });
    form.prompt.value = "";
    setText("hint", "Your vote counts; listen.");
    showJam(jam);
  } catch (error) {
    setText("complaint", error.message);
  }
}

async function startJam() {
  $("jam").hidden = false;
  document.title = "RiffBot: the jam";
  setText("prompt-label", "Your vote");
  setText("go", "Play this");
  setText("hint", "It comes in at the next beat that is not made yet, at the same place in the measure.");
  form.addEventListener("submit", vote);
  // A paused stream would go on where it was left; to play means from now on.
  const sound = $("sound");
  const live = `api/${jamPath}/live.ogg`;
  sound.src = live;
  sound.addEventListener("pause", () => {
    if (!isOver) sound.src = live;
  });
  await pollJam();
  setInterval(pollJam, POLL_MS);
}

if (jamId) startJam();
else startRiffs();
