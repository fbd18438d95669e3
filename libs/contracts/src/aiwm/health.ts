export interface AiwmDependency {
  readonly status: 'up' | 'down';
}

export interface AiwmHealthInfo {
  readonly version: string;
  readonly gitCommit: string;
  /** Seconds. */
  readonly uptime: number;
  readonly environment: string;
}

export interface AiwmHealthDetails {
  readonly database: AiwmDependency;
  readonly redis: AiwmDependency;
}

/** Answer of `GET /health`; 503 when down. */
export interface AiwmHealth {
  readonly status: 'ok' | 'degraded' | 'down';
  readonly info: AiwmHealthInfo;
  readonly details: AiwmHealthDetails;
}
