// What a view of the spectrogram can do; terrain.ts and flat_view.ts are the two of them.

/** What a frame shows. */
export interface Frame {
  /** The column that sounds now, a fraction included; a column is 10 ms. */
  column: number;
  columnsPerBeat: number;
  beatsPerMeasure: number;
  /** Columns of the seed image's loop: a calm view stands still for so long. */
  columnsPerLoop: number;
  /** Nothing moves but the playhead, which steps from beat to beat. */
  isCalm: boolean;
  /** A jam that is paused is dimmed. */
  isBright: boolean;
}

export interface View {
  readonly element: HTMLElement;
  drawFrame(frame: Frame): void;
  /** Take the colours of a map of colour_maps.ts. */
  setColourMap(name: string): void;
  /** Fit the element's size, which has changed. */
  resize(): void;
  /** The column under the playhead, as it was drawn last. */
  readonly playhead: number;
  /** Milliseconds that a frame takes, smoothed. */
  readonly frameMs: number;
  /** Whether it is drawn as cheaply as it can be. */
  readonly isAtLowestQuality: boolean;
  dispose(): void;
}
