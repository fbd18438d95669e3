import { Schema } from 'mongoose';

/** `[from, to]`: no replica could take heartbeats. */
export interface ControllerGap {
  readonly from: Date;
  readonly to: Date;
}
export interface ControllerClockDocument {
  readonly _id: string;
  readonly lastAliveAt: Date;
  readonly gaps: readonly ControllerGap[];
}
export const CONTROLLER_CLOCK = 'ControllerClock';
export const controllerClockSchema = new Schema<ControllerClockDocument>(
  { _id: String },
  { collection: 'controller_clock', strict: false, versionKey: false },
);
