// Columns of a spectrogram as time: one lasts 10 ms.

export const COLUMNS_PER_SECOND = 100;
