/** Whatever streams rows: a DAQ of ours, somebody else's instrument. */
export interface LiveSource {
  /** How arrival is stamped. */
  readonly timing: string;
  /** device.json: what the device said of itself; null where it says nothing. */
  readonly device: string | null;
  rowsLost(): number;
  /** How long the device has sent nothing by now, where it is gone: not among {@link rowsLost} until it is back. */
  awayNs(): number;
  stop(): Promise<void>;
}
