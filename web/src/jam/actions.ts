// What one can do on the page: play, steer, keep, record, share.

import { get } from "../shared/api";
import { copyText } from "../shared/clipboard";
import { $, attempt, createLink, showToast } from "../shared/dom";
import { formatDuration } from "../shared/format";
import type { RecordingLength, RiffKept } from "../shared/protocol";
import { rememberRiff } from "../shared/storage";
import { isInDiscord } from "./activity";
import { getPrompt, setPrompt, showHint } from "./prompt_field";
import type { Session } from "./session";
import { createJamLink, readSettings } from "./settings";

/** What is played where nothing is typed. */
export const DEFAULT_PROMPT = "funky sax";
/** Seconds that a click on “keep” puts into the library. */
const KEPT_S = 30;
const TOAST_MS = 15000;

export class Actions {
  constructor(private readonly session: Session) {}

  /** Start a private jam with the settings of the page. */
  async start(prompt: string): Promise<void> {
    if (!(await this.session.start({ prompt, ...readSettings() }))) return;
    setPrompt("");
    $("elsewhere").hidden = true;
  }

  /** Play or pause; start a jam where none plays. */
  play(): Promise<void> {
    if (this.session.jam) return this.session.togglePlayback();
    return this.start(getPrompt() || DEFAULT_PROMPT);
  }

  /** Turn the jam to another prompt; in a server's jam this is a vote. */
  async steer(prompt: string): Promise<void> {
    const { session } = this;
    const { jam } = session;
    if (!jam) return this.start(prompt);
    await attempt(async () => {
      const player = session.ensurePlayer();
      if (!player.running) void player.play();
      await session.control("prompt", { prompt });
      setPrompt("");
      showHint(
        jam.private
          ? "It comes in at the next beat that is not made yet."
          : "Your vote counts; listen.",
      );
    });
  }

  /** Put the last seconds into the library, and link to them. */
  async keep(): Promise<void> {
    if (!this.session.jam) return;
    showToast("Keeping the last 30 seconds …", 60000);
    const isKept = await attempt(async () => {
      const { riff } = await this.session.control<RiffKept>("keep", { seconds: KEPT_S });
      rememberRiff(riff.id);
      // Inside Discord no other page can be opened, and nothing downloaded.
      if (isInDiscord()) return showToast(`Kept; its id is ${riff.id}.`, TOAST_MS);
      showToast(
        "Kept.",
        TOAST_MS,
        createLink(riff.page, "Look at it", { target: "_blank" }),
        createLink(`${riff.page}#paint`, "Paint on it", { target: "_blank" }),
        createLink(`${riff.files.mp3}?download`, "Download the MP3", { id: "kept-mp3" }),
      );
    });
    if (!isKept) showToast("");
  }

  /** Link to everything that was heard on this page, as far back as RiffBot remembers. */
  async record(): Promise<void> {
    const { jam, firstHeardSample: from } = this.session;
    if (!jam) return;
    if (from === null) return showToast("Nothing was heard yet: press play first.");
    const address = `jams/${jam.id}/recording`;
    await attempt(async () => {
      const { seconds, limit } = await get<RecordingLength>(`${address}?from=${from}`);
      showToast(
        `You heard ${formatDuration(seconds)} minutes; at most the last ${Math.round(limit / 60)} are remembered.`,
        TOAST_MS,
        createLink(`api/${address}.ogg?from=${from}`, "Download them", {
          id: "recording",
          download: "",
        }),
      );
    });
  }

  /** Copy a link to the jam. */
  async share(): Promise<void> {
    if (isInDiscord()) return; // the link leads nowhere from there
    await copyText(createJamLink(this.session, getPrompt()));
    showToast(
      "The link is copied: it plays this jam while it lives, and starts one like it later.",
      5000,
    );
  }
}
