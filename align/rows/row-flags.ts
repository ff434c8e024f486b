/** `flags` of fused.arrow. */
export const RowFlag = {
  gapBefore: 1,
  clipped: 2,
  trigger: 4,
  outsideFit: 8,
  interpolated: 16,
  /** Left out: such a row is in no run, and so in no file. */
  implausible: 32,
} as const;
