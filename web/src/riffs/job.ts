// A riff that is being made: its progress, as the server reports it.

import { send } from "../shared/api";
import { $, setText } from "../shared/dom";
import type { JobEvents, JobStarted, QueuedEvent, Riff, StepEvent } from "../shared/protocol";

export interface JobHandlers {
  onPreview(picture: string): void;
  /** The model has been loaded, since it takes steps. */
  onFirstStep(): void;
  onDone(riff: Riff): void;
  onFailed(error: string, isCancelled: boolean): void;
  /** The connection was lost, and does not come back by itself. */
  onLost(): void;
}

/** Follows one job at a time and shows its progress. */
export class JobProgress {
  /** Whether the model is still being loaded. */
  isModelLoading = false;
  private job: string | null = null;
  private stream: EventSource | null = null;

  constructor(private readonly handlers: JobHandlers) {}

  get isRunning(): boolean {
    return this.job !== null;
  }

  /** Follow a job until it is done. */
  follow({ job, events }: JobStarted): void {
    const stream = new EventSource(events);
    this.job = job;
    this.stream = stream;
    $("forming").hidden = false;
    show("Waiting for its turn …", null);
    const on = <N extends keyof JobEvents>(name: N, act: (data: JobEvents[N]) => void) =>
      stream.addEventListener(name, (event) => act(JSON.parse((event as MessageEvent).data)));
    on("queued", (queued) => show(this.describeQueue(queued), null));
    on("step", (step) => this.showStep(step));
    on("done", ({ riff }) => this.handlers.onDone(riff));
    on("failed", ({ error, cancelled }) => this.handlers.onFailed(error, Boolean(cancelled)));
    stream.onerror = () => {
      // EventSource comes back by itself; only a closed one is lost.
      if (this.stream?.readyState === EventSource.CLOSED) this.handlers.onLost();
    };
  }

  /** Follow it no longer. */
  end(): void {
    this.stream?.close();
    this.stream = null;
    this.job = null;
    $("forming").hidden = true;
  }

  /** Ask RiffBot to make it no longer. @throws Refusal */
  async cancel(): Promise<void> {
    if (this.job) await send("DELETE", `jobs/${this.job}`);
  }

  private describeQueue({ position, eta_s }: QueuedEvent): string {
    const place = position > 1 ? `Number ${position} in line` : "Up next";
    if (eta_s) return `${place}, about ${Math.ceil(eta_s)} s …`;
    return `${place}${this.isModelLoading ? ": the model is loading" : ""} …`;
  }

  private showStep({ step, steps, preview }: StepEvent): void {
    if (this.isModelLoading) this.handlers.onFirstStep();
    if (step < steps) show(`Step ${step} of ${steps}`, step / steps);
    else show("Turning the picture into sound …", 1);
    if (preview) this.handlers.onPreview(preview);
  }
}

/** Show progress in words, and as a part of 1 where it is known. */
function show(words: string, part: number | null): void {
  setText("stage-words", words);
  if (part === null) $("bar").removeAttribute("value");
  else $<HTMLProgressElement>("bar").value = part;
}
