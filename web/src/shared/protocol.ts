// What the server says of a jam (riffbot/web/protocol.py).

/** A chunk of the jam's timeline; `start` and `end` are columns. */
export interface Entry {
  start: number;
  end: number;
  prompt: string;
  seed: number;
  denoising: number;
  guidance: number | null;
  alpha: number;
  towards: string | null;
}

export interface Status {
  id: string;
  state: "starting" | "playing" | "catching up" | "paused" | "ended";
  playing: string;
  coming: string | null;
  shares: { prompt: string; share: number; votes: number }[];
  seed_image: string;
  bpm: number;
  beats: number;
  denoising: number;
  seed: number;
  alpha: number;
  played_s: number;
  buffer_s: number;
  late_chunks: number;
  underruns: number;
  real_time_factor: number | null;
  listeners: number;
  private: boolean;
  error: string | null;
  timeline: Entry[];
}

export interface Hello {
  codec: "opus" | "pcm";
  pre_skip: number;
  column_samples: number;
  bands: number;
  meter: { width: number; beats: number; measure: number };
}
