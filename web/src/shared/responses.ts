// JSON answers of the HTTP API (riffbot/web/routes), as far as the pages read them.

/** A riff as `api/riffs` lists it. */
export interface Riff {
  id: string;
  request: RiffSettings;
  /** The address of its page, and those of its files. */
  page: string;
  files: { mp3: string; png: string; picture: string; heard: string };
  /** What another riff names to start from its picture. */
  picture_ref: string;
  duration_s: number | null;
  model: string | null;
  created: string;
  alt: string | null;
}

/** What decides a riff; other fields of its recipe are passed on as they are. */
export interface RiffSettings {
  prompt: string;
  seed?: number | null;
  seed_image?: string | null;
  bpm?: number | null;
  denoising?: number | null;
  [name: string]: unknown;
}

export interface RiffPage {
  riffs: Riff[];
  /** Where the next page begins; null on the last one. */
  next: string | null;
  /** Whether riffs are hidden from strangers. */
  closed?: boolean;
}

export interface SeedImage {
  name: string;
  label: string;
  words: string;
  bpm: number;
}

export interface Info {
  model: { name: string; state: string };
  defaults: { steps?: number; guidance?: number };
  schedulers: string[];
  seed_images: SeedImage[];
}

/** A job that was accepted; `events` is the address of its event stream. */
export interface Job {
  job: string;
  events: string;
}
