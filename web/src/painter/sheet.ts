import type { BlankSheet, RiffSheet } from "../shared/protocol";

/** What can be painted on: a stretch of a riff, or an empty sheet. */
export type Sheet = BlankSheet & Partial<RiffSheet>;
