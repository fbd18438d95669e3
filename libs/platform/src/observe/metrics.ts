import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

interface MetricOptions<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly L[];
}

/** The Prometheus metrics of one replica; its own registry, so that two replicas in one process do not mix. */
export class Metrics {
  readonly registry = new Registry();
  readonly httpRequests = this.histogram({
    name: 'http_request_duration_seconds',
    help: 'HTTP requests by route pattern',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  });

  constructor(options: { defaults: boolean }) {
    if (options.defaults) collectDefaultMetrics({ register: this.registry });
  }

  counter<L extends string>(options: MetricOptions<L>): Counter<L> {
    return new Counter({ ...options, labelNames: [...(options.labelNames ?? [])], registers: [this.registry] });
  }

  /** `collect` is asked at each scrape, for values that are counted elsewhere. */
  gauge<L extends string>(options: MetricOptions<L> & { readonly collect?: (gauge: Gauge<L>) => void | Promise<void> }): Gauge<L> {
    const { collect, ...rest } = options;
    const gauge: Gauge<L> = new Gauge({
      ...rest,
      labelNames: [...(options.labelNames ?? [])],
      registers: [this.registry],
      collect: () => collect?.(gauge),
    });
    return gauge;
  }

  histogram<L extends string>(options: MetricOptions<L> & { readonly buckets?: readonly number[] }): Histogram<L> {
    const { buckets, ...rest } = options;
    return new Histogram({
      ...rest,
      labelNames: [...(options.labelNames ?? [])],
      registers: [this.registry],
      ...(buckets ? { buckets: [...buckets] } : {}),
    });
  }
}
