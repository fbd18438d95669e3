/** What heartbeats carry about the process. */
export interface AgentMeasures {
  /** Percent of one core since the last measurement. */
  readonly cpu: number;
  /** Resident memory. */
  readonly memoryMb: number;
  readonly uptimeS: number;
  /** Open TCP connections of the process, or what the agent counts itself. */
  readonly activeConnections: number;
}

/** Measures this process; the first CPU figure is that of its whole life. */
export class ProcessMeter {
  private lastCpuMicros = 0;
  private lastAtMs = 0;

  constructor(private readonly activeConnections?: () => number) {}

  measure(): AgentMeasures {
    const { user, system } = process.cpuUsage();
    const atMs = process.uptime() * 1000;
    const busyMs = (user + system - this.lastCpuMicros) / 1000;
    const cpu = (busyMs / Math.max(1, atMs - this.lastAtMs)) * 100;
    this.lastCpuMicros = user + system;
    this.lastAtMs = atMs;
    return {
      cpu: round(cpu),
      memoryMb: round(process.memoryUsage.rss() / 1_048_576),
      uptimeS: Math.floor(atMs / 1000),
      activeConnections: this.activeConnections?.() ?? openTcpConnections(),
    };
  }
}

const openTcpConnections = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
const round = (value: number): number => Math.round(value * 10) / 10;

const COUNTERS = {
  aiwm_connection_success_total: 'Connects that AIWM accepted',
  aiwm_connection_failure_total: 'Tries to connect that failed',
  aiwm_heartbeat_success_total: 'Heartbeats that AIWM took',
  aiwm_heartbeat_failure_total: 'Heartbeats that failed',
  aiwm_token_refresh_total: 'Tokens renewed while connected',
  aiwm_config_update_total: 'Configurations taken over without a restart',
} as const;

export type AgentCounter = keyof typeof COUNTERS;

export class AgentCounters {
  private readonly values = new Map<AgentCounter, number>();

  count(name: AgentCounter): void {
    this.values.set(name, this.valueOf(name) + 1);
  }

  valueOf(name: AgentCounter): number {
    return this.values.get(name) ?? 0;
  }

  /** Prometheus text format 0.0.4. */
  text(): string {
    return Object.entries(COUNTERS)
      .map(([name, help]) => `# HELP ${name} ${help}\n# TYPE ${name} counter\n${name} ${[...this.values].find(([key]) => key === name)?.[1] ?? 0}\n`)
      .join('');
  }
}
