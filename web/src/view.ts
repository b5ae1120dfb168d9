// What a picture of the jam must be able to do; terrain.ts and flat.ts are two of them.

export interface Moment {
  /** The column that sounds now, a fraction included. */
  column: number;
  /** Columns of a beat, and beats of a measure. */
  beat: number;
  measure: number;
  turn: number;
  calm: boolean;
  /** Whether anything sounds: a jam that is paused is dimmed. */
  awake: boolean;
}

export interface View {
  readonly element: HTMLElement;
  frame(moment: Moment): void;
  colours(name: string): void;
  resize(): void;
  /** The column under the playhead, as it was drawn last. */
  readonly playhead: number;
  /** Milliseconds that a frame takes, smoothed. */
  readonly effort: number;
  /** Whether it is drawn as cheaply as it can be. */
  readonly plainest: boolean;
  dispose(): void;
}
