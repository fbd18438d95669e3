import type { JsonObject } from '../platform/json';
import type { AiwmReportedStatus } from './presence';
import type { AiwmToolCategory, AiwmToolSchema, AiwmToolStatus, AiwmToolTransport, AiwmToolType } from './tools';

/** Body of `POST /agents/{id}/connect`. */
export interface AiwmConnectBody {
  readonly secret: string;
}

/** A tool as agents get it: exactly these seven fields. */
export interface AiwmDeliveredTool {
  readonly _id: string;
  readonly name: string;
  readonly type: AiwmToolType;
  readonly description: string;
  readonly category: AiwmToolCategory;
  readonly status: AiwmToolStatus;
  readonly schema: AiwmToolSchema;
}

export interface AiwmMcpServer {
  readonly type: AiwmToolTransport;
  readonly url: string;
}

/** Exactly these three fields. */
export interface AiwmDeliveredAgent {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
}

/** What an agent is handed, at connect and by `GET /agents/{id}/config`. */
export interface AiwmDelivered {
  readonly instruction: string;
  readonly tools: readonly AiwmDeliveredTool[];
  readonly agent: AiwmDeliveredAgent;
  /** Plain for the agent itself, redacted for users and keys. */
  readonly settings: JsonObject;
  /** By tool name; only when there is a server. */
  readonly mcpServers?: Readonly<Record<string, AiwmMcpServer>>;
}

/** Answer of `POST /agents/{id}/connect`. */
export interface AiwmConnectAnswer extends AiwmDelivered {
  /** The same text under two names, for two generations of clients. */
  readonly token: string;
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly tokenType: 'bearer';
  readonly refreshToken: null;
  readonly refreshExpiresIn: number;
}

/** Answer of `GET /agents/{id}/config`. */
export interface AiwmConfiguration extends AiwmDelivered {
  readonly configRevision: number;
}

/** Body of `POST /agents/{id}/heartbeat`. */
export interface AiwmHeartbeatBody {
  readonly status: AiwmReportedStatus;
  /** At most 32 KiB as JSON. */
  readonly metrics?: JsonObject;
  /** The revision that the agent runs. */
  readonly configRevision?: number;
}

export interface AiwmHeartbeatAnswer {
  readonly success: true;
  /** Only when the current revision is another than the one that the agent is known to run. */
  readonly configRevision?: number;
}

/** Body of `POST /agents/{id}/disconnect`. */
export interface AiwmDisconnectBody {
  /** At most 200 characters. */
  readonly reason?: string;
}
