import type { JsonObject } from '@agentfleet/contracts';
import type { FleetSocket } from './socket-types';

/** Handles a frame; what it returns is the reply, and what it throws becomes one by the policy's `problemReply`. */
export type FrameMethod<Frame> = (frame: Frame, socket: FleetSocket<never>) => unknown;

/** The frames of a gateway class, by the names of its methods. */
interface DeclaredFrames {
  readonly byName: Map<string, string>;
  binary: string | undefined;
}

const DECLARED = new WeakMap<object, DeclaredFrames>();

function declaredOf(prototype: object): DeclaredFrames {
  let declared = DECLARED.get(prototype);
  if (!declared) DECLARED.set(prototype, (declared = { byName: new Map(), binary: undefined }));
  return declared;
}

/**
 * A gateway's method for the frames of one name. It is called directly, with the frame and the socket: Nest's `@SubscribeMessage`
 * would bind every method to every socket (4 KiB each) and take as long for a frame as reading and answering it.
 */
export function OnFrame(name: string) {
  return (prototype: object, method: string, _descriptor: { value?: FrameMethod<JsonObject> }): void => {
    declaredOf(prototype).byName.set(name, method);
  };
}

/** A gateway's method that gets binary frames; JSON in one goes to its own method where the policy accepts that. */
export function OnBinaryFrame() {
  return (prototype: object, method: string, _descriptor: { value?: FrameMethod<Buffer> }): void => {
    declaredOf(prototype).binary = method;
  };
}

/** What a gateway does with frames. */
export interface GatewayFrames {
  get(name: string): FrameMethod<JsonObject> | undefined;
  readonly binary: FrameMethod<Buffer> | undefined;
}

export function framesOf(gateway: object): GatewayFrames {
  const { byName, binary } = declaredOf(Object.getPrototypeOf(gateway));
  const methods = gateway as Record<string, FrameMethod<never>>; // the decorators saw that they are methods of such a form
  const bound = (method: string) => methods[method]?.bind(gateway);
  const frames = new Map([...byName].map(([name, method]) => [name, bound(method) as FrameMethod<JsonObject>]));
  return { get: (name) => frames.get(name), binary: binary === undefined ? undefined : (bound(binary) as FrameMethod<Buffer>) };
}
