// The page protocol: JSON between this page and RiffBot's server.
// Generated from riffbot/web/{schema,bodies}.py by `python web/generate_types.py`; do not edit.

/** riffbot/request.py, `Target` */
export interface Target {
  prompt: string;
  negative: string;
  seed: number;
  denoising: number;
}

/** riffbot/request.py, `Extend` */
export interface Extend {
  kind: "extend";
  columns: number;
  backward: boolean;
}

/** riffbot/request.py, `Morph` */
export interface Morph {
  kind: "morph";
  clips: number;
  image?: string;
  whole: boolean;
  bpm?: number;
  key?: string;
  chords?: string;
}

/** riffbot/request.py, `Layer` */
export interface Layer {
  kind: "layer";
  image: string;
  gain_db: number;
  bpm?: number;
}

/** riffbot/request.py, `RiffRequest` */
export interface RiffRequest {
  prompt: string;
  negative: string;
  seed: number;
  seed_image?: string;
  denoising: number;
  mask?: string;
  guidance?: number;
  steps?: number;
  scheduler?: string;
  width?: number;
  bpm?: number;
  key?: string;
  chords?: string;
  target?: Target;
  alpha: number;
  piece?: Extend | Morph | Layer;
}

/** `POST /api/riffs`: a request, and the id of the riff that it was made from. */
export type NewRiff = Partial<RiffRequest> &
  Pick<RiffRequest, "prompt"> & { parent?: string | null };

/**
 * Every response with a status of 400 or more.
 *
 * Attributes:
 *     error: one sentence for people.
 *     offer: what works instead: `riff` is a single riff, where no jam can play.
 */
export interface ErrorResponse {
  error: string;
  offer?: "riff";
}

/**
 * Addresses of a riff's files.
 *
 * Attributes:
 *     mp3: the sound.
 *     png: the spectrogram, without axes.
 *     picture: the plot.
 *     heard: the spectrogram of the whole sound, also where `png` is shorter (excerpts of jams).
 *     recipe: the request and the model as JSON.
 */
export interface RiffFiles {
  mp3: string;
  png: string;
  picture: string;
  heard: string;
  recipe: string;
}

/**
 * One riff. It does not name its author.
 *
 * Attributes:
 *     picture_ref: what a request's `seed_image` says to start from this riff.
 *     alt: description of the plot for those who cannot see it.
 *     harmony: the key and the chords by name, for people; null where they are open.
 *     parent: id of the riff that it was made from.
 *     created: ISO 8601.
 */
export interface Riff {
  id: string;
  request: RiffRequest;
  picture_ref: string;
  alt: string;
  harmony: string | null;
  duration_s: number;
  model: string;
  model_hash: string;
  parent: string | null;
  created: string;
  page: string;
  files: RiffFiles;
}

/**
 * `GET /api/riffs`.
 *
 * Attributes:
 *     riffs: the newest first.
 *     next: the `before` of the next page; null on the last one.
 *     closed: strangers may open this page, so riffs are not listed.
 */
export interface RiffList {
  riffs: Riff[];
  next: string | null;
  closed?: true;
}

/** `GET /api/riffs/<id>`: a riff, its ancestors (nearest first) and its remixes. */
export interface RiffFamily {
  riff: Riff;
  parents: Riff[];
  children: Riff[];
}

/** A riff is being made; `events` is the address of its Server-Sent Events (`JobEvents`). */
export interface JobStarted {
  job: string;
  events: string;
}

/** `DELETE /api/jobs/<job>`. */
export interface JobCancelled {
  job: string;
}

/**
 * The job waits.
 *
 * Attributes:
 *     position: its place in the queue; 1 is next.
 *     eta_s: seconds until the picture is done; null before a speed was measured.
 */
export interface QueuedEvent {
  position: number;
  eta_s: number | null;
}

/**
 * Denoising steps done and needed.
 *
 * Attributes:
 *     preview: the picture as it is now, half size, a data URL of a PNG; null between previews.
 */
export interface StepEvent {
  step: number;
  steps: number;
  eta_s: number | null;
  preview: string | null;
}

/** The job is done; the last event. */
export interface DoneEvent {
  riff: Riff;
}

/** The job failed or was cancelled; the last event. */
export interface FailedEvent {
  error: string;
  cancelled?: boolean;
}

/** Names of a job's Server-Sent Events and their data. */
export interface JobEvents {
  queued: QueuedEvent;
  step: StepEvent;
  done: DoneEvent;
  failed: FailedEvent;
}

/** The model's name, and its licence where its card says one. */
export interface ModelName {
  name: string;
  licence: string | null;
}

/** The model and whether it is loaded. */
export interface ModelState {
  name: string;
  licence: string | null;
  state: string;
}

/** Settings that the model prefers. */
export interface ModelDefaults {
  steps?: number;
  guidance?: number;
  scheduler?: string;
  width?: number;
}

/**
 * A bundled seed image.
 *
 * Attributes:
 *     name: for a request's `seed_image`.
 *     label, words: for people.
 */
export interface SeedImage {
  name: string;
  label: string;
  bpm: number;
  beats: number;
  words: string;
}

/** A common progression: what is shown, and the chords. */
export interface Progression {
  label: string;
  chords: string;
}

/** What the model's card says. */
export interface ModelInfo {
  model: ModelName;
  defaults: ModelDefaults;
  schedulers: string[];
  knows_harmony: boolean;
}

/**
 * `GET /api/info`: what the forms need.
 *
 * Attributes:
 *     knows_harmony: whether the model is told keys and chords.
 *     keys: common keys, the most common first.
 *     progressions: common progressions, as chords.
 */
export interface Info {
  model: ModelState;
  defaults: ModelDefaults;
  schedulers: string[];
  knows_harmony: boolean;
  keys: string[];
  progressions: Progression[];
  seed_images: SeedImage[];
}

/**
 * `GET /api/sheet`: an empty spectrogram to draw on.
 *
 * Attributes:
 *     hz: pitch of every row, low notes first.
 */
export interface BlankSheet {
  columns: number;
  seconds: number;
  hz: number[];
}

/**
 * `GET /api/riffs/<id>/sheet`: a part of a riff's spectrogram to paint on.
 *
 * Attributes:
 *     picture: a data URL of a PNG, 512 high, `columns` wide.
 *     begins: second of the riff that it begins at.
 *     whole: length of the riff's whole spectrogram in seconds.
 *     meter: beats a measure.
 *     hz: pitch of every row, low notes first.
 */
export interface RiffSheet {
  picture: string;
  columns: number;
  seconds: number;
  begins: number;
  whole: number;
  bpm: number | null;
  meter: number;
  hz: number[];
}

/** A prompt on the ballot: its share of all votes (0 … 1) and how many listeners chose it. */
export interface PromptShare {
  prompt: string;
  share: number;
  votes: number;
}

/**
 * A jam as the page shows it. It names no listener.
 *
 * Attributes:
 *     playing: the prompt that is heard.
 *     coming: the prompt that it moves to; null while it stays.
 *     chunk: changes when another chunk is heard.
 *     played_s: seconds heard since the jam began.
 *     buffer_s: seconds that are made and not yet heard.
 *     underruns: packets of 20 ms that were not ready in time.
 *     late_chunks: how often the last bar had to loop.
 *     real_time_factor: seconds of sound made in a second; null before it was measured.
 *     private: started on the page, so it belongs to no server.
 *     beats: of the whole loop.
 *     alpha: how far the chunk is from one prompt to the next, 0 … 1.
 *     harmony: the key and the chords that it keeps, for people; null where it keeps none.
 *     error: why the jam ended by itself.
 *     head: the sample, at 48 kHz, that is sent next.
 */
export interface JamStatus {
  id: string;
  state: "starting" | "playing" | "catching up" | "paused" | "ended";
  playing: string;
  coming: string | null;
  shares: PromptShare[];
  seed_image: string;
  bpm: number;
  denoising: number;
  seed: number;
  chunk: string;
  played_s: number;
  buffer_s: number;
  underruns: number;
  late_chunks: number;
  real_time_factor: number | null;
  listeners: number;
  private: boolean;
  beats: number;
  alpha: number;
  harmony: string | null;
  error: string | null;
  head: number;
}

/** A jam that was asked for, started or changed. */
export interface JamResponse {
  jam: JamStatus;
}

/** `GET /api/jams`; empty for strangers. */
export interface JamList {
  jams: JamStatus[];
}

/** `DELETE /api/jams/<id>`. */
export interface JamStopped {
  id: string;
}

/** `GET /api/jams/<id>/recording`: seconds that can be downloaded, and how many at most. */
export interface RecordingLength {
  seconds: number;
  limit: number;
}

/** `POST /api/jams/<id>/keep`: the riff that the last seconds became. */
export interface RiffKept {
  riff: Riff;
}

/** A jam's loop: its width in columns, its beats, and `measure`, the beats of a measure. */
export interface LoopGrid {
  width: number;
  beats: number;
  measure: number;
}

/**
 * The first text message of a jam's WebSocket.
 *
 * Attributes:
 *     sample_rate: Hz; all samples are counted at this rate.
 *     pre_skip: samples that a decoder's sound lags behind its packet's place.
 *     packet_samples: samples of a packet.
 *     column_samples: samples of a column.
 *     bands: rows of a tile.
 */
export interface HelloMessage {
  type: "hello";
  codec: "opus" | "pcm";
  sample_rate: number;
  pre_skip: number;
  packet_samples: number;
  column_samples: number;
  bands: number;
  meter: LoopGrid;
}

/**
 * A chunk of a jam and the columns that it is heard from and to.
 *
 * Attributes:
 *     alpha: how far it is from `prompt` to `towards`, 0 … 1.
 */
export interface TimelineEntry {
  start: number;
  end: number;
  prompt: string;
  seed: number;
  denoising: number;
  guidance: number | null;
  alpha: number;
  towards: string | null;
}

/**
 * A text message of a jam's WebSocket, sent when something changes and every two seconds.
 *
 * Attributes:
 *     timeline: the last chunks that were heard and the planned ones, in order.
 */
export interface StatusMessage {
  id: string;
  state: "starting" | "playing" | "catching up" | "paused" | "ended";
  playing: string;
  coming: string | null;
  shares: PromptShare[];
  seed_image: string;
  bpm: number;
  denoising: number;
  seed: number;
  chunk: string;
  played_s: number;
  buffer_s: number;
  underruns: number;
  late_chunks: number;
  real_time_factor: number | null;
  listeners: number;
  private: boolean;
  beats: number;
  alpha: number;
  harmony: string | null;
  error: string | null;
  head: number;
  type: "status";
  timeline: TimelineEntry[];
}

/** `GET /api/activity`: the application's id. */
export interface ActivityInfo {
  client_id: string;
}

/**
 * `POST /api/activity/token`.
 *
 * Attributes:
 *     access_token: for the embedded app SDK.
 *     jam: id of the jam that plays in the Activity's voice channel.
 */
export interface ActivityToken {
  access_token: string;
  jam: string | null;
}

/**
 * `POST /api/jams`; what is left out has its default.
 *
 * Attributes:
 *     instead_of: id of the jam that ends for it.
 */
export interface NewJam {
  prompt?: string | null;
  seed?: number | null;
  denoising?: number | null;
  guidance?: number | null;
  seed_image?: string | null;
  bpm?: number | null;
  key?: string | null;
  chords?: string | null;
  instead_of?: string | null;
}

/** `POST /api/jams/<id>/prompt`. */
export interface PromptVote {
  prompt: string;
}

/** `POST /api/jams/<id>/keep`: how many of the last seconds become a riff, 1 … 60. */
export interface KeepSeconds {
  seconds?: number | null;
}

/** `POST /api/jams/<id>/denoising`. */
export interface DenoisingChange {
  value: number;
}

/** `POST /api/jams/<id>/harmony`: what is left out stays; `any` leaves it open again. */
export interface HarmonyChange {
  key?: string | null;
  chords?: string | null;
}

/** Settings of a riff that is painted; what is left out has its default. */
export interface PaintSettings {
  prompt?: string | null;
  negative?: string | null;
  seed?: number | null;
  denoising?: number | null;
  guidance?: number | null;
  steps?: number | null;
  scheduler?: string | null;
  key?: string | null;
  chords?: string | null;
}

/**
 * `POST /api/riffs/<id>/inpaint`.
 *
 * Attributes:
 *     mask: a data URL of a PNG as large as the sheet, white where to repaint.
 *     start: the second of the riff that the sheet begins at.
 */
export interface InpaintBody extends PaintSettings {
  mask?: string | null;
  start?: number | null;
}

/** `POST /api/drawings`: `picture` is a data URL of a PNG, 512 high, dark is loud. */
export interface DrawingBody extends PaintSettings {
  picture?: string | null;
}

/** `POST /api/activity/token`: what the embedded app SDK got from Discord. */
export interface ActivitySignIn {
  code: string;
  instance_id: string;
}
