/**
 * Counts what the HTTP door does, in Prometheus' text format: time by route and class of status. The number of series is
 * bounded by the number of routes, and counting is three additions.
 */

const BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** One route's times. */
export class RouteMeter {
  readonly method: string;
  readonly path: string;
  readonly #buckets = new Float64Array(BUCKETS_SECONDS.length + 1);
  readonly #statuses = new Float64Array(CLASSES.length);
  #sumMs = 0;

  constructor(method: string, path: string) {
    this.method = method;
    this.path = path;
  }

  observe(status: number, tookMs: number): void {
    let bucket = 0;
    while (bucket < BUCKETS_SECONDS.length && tookMs > (BUCKETS_SECONDS[bucket] ?? 0) * 1_000)
      bucket++;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    const kind = Math.min(Math.max(Math.floor(status / 100), 1), 5) - 1;
    this.#statuses[kind] = (this.#statuses[kind] ?? 0) + 1;
    this.#sumMs += tookMs;
  }

  *lines(): Iterable<string> {
    if (this.#statuses.every((count) => count === 0)) return;
    const labels = `method="${this.method}",route="${this.path}"`;
    let total = 0;
    for (const [index, count] of this.#buckets.entries()) {
      total += count;
      const bound = BUCKETS_SECONDS[index] ?? "+Inf";
      yield `kedge_http_request_seconds_bucket{${labels},le="${bound}"} ${total}`;
    }
    yield `kedge_http_request_seconds_sum{${labels}} ${this.#sumMs / 1_000}`;
    yield `kedge_http_request_seconds_count{${labels}} ${total}`;
  }

  *statusLines(): Iterable<string> {
    for (const [index, name] of CLASSES.entries()) {
      const count = this.#statuses[index] ?? 0;
      if (count > 0)
        yield `kedge_http_requests_total{method="${this.method}",route="${this.path}",status="${name}"} ${count}`;
    }
  }
}

export class HttpMetrics {
  readonly #meters: RouteMeter[] = [];

  meter(method: string, path: string): RouteMeter {
    const meter = new RouteMeter(method, path);
    this.#meters.push(meter);
    return meter;
  }

  text(): string {
    return [
      "# HELP kedge_http_request_seconds Time to answer, streams by their first byte.",
      "# TYPE kedge_http_request_seconds histogram",
      ...this.#meters.flatMap((meter) => [...meter.lines()]),
      "# HELP kedge_http_requests_total Requests by class of status.",
      "# TYPE kedge_http_requests_total counter",
      ...this.#meters.flatMap((meter) => [...meter.statusLines()]),
    ].join("\n");
  }
}
