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
export const CONTROLLER_CLOCK = 'controller_clock';
export const controllerClockSchema = new Schema<ControllerClockDocument>(
  { _id: String },
  { collection: CONTROLLER_CLOCK, strict: false, versionKey: false },
);
