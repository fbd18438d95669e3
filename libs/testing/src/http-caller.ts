export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON object of the answer; empty when there is none. */
  readonly body: Record<string, unknown>;
}

export interface HttpOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Content type; null sends none. Default `application/json` where there is a body. */
  readonly type?: string | null;
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Speaks HTTP to one replica, with the credentials in its headers. */
export class HttpCaller {
  constructor(
    readonly url: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  /** The same replica with other credentials. */
  with(headers: Readonly<Record<string, string>>): HttpCaller {
    return new HttpCaller(this.url, headers);
  }

  async ask(method: string, path: string, { body, raw, headers, type }: HttpOptions = {}): Promise<HttpAnswer> {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const contentType: Record<string, string> = sent === undefined || type === null ? {} : { 'content-type': type ?? 'application/json' };
    const response = await fetch(`${this.url}${path}`, { method, headers: { ...contentType, ...this.headers, ...headers }, ...(sent === undefined ? {} : { body: sent }) });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: objectIn(text) };
  }

  readonly get = (path: string): Promise<HttpAnswer> => this.ask('GET', path);
  readonly post = (path: string, body?: unknown): Promise<HttpAnswer> => this.ask('POST', path, { body });
  readonly put = (path: string, body?: unknown): Promise<HttpAnswer> => this.ask('PUT', path, { body });
  readonly patch = (path: string, body?: unknown): Promise<HttpAnswer> => this.ask('PATCH', path, { body });
  readonly delete = (path: string): Promise<HttpAnswer> => this.ask('DELETE', path);
}
