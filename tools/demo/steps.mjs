import { isDeepStrictEqual } from 'node:util';

/** A step that did not come out as it should; its message says what was expected and what came. */
export class DemoFailure extends Error {}

/** Prints what is done and what came back, counts the steps that worked, and remembers what has to be removed. */
export class Demo {
  passed = 0;
  current = 'starting';
  #cleanups = [];

  chapter(title) {
    console.log(`\n${title}`);
  }

  /** Runs one step; `work` returns the words that say what came back. */
  async step(title, work) {
    this.current = title;
    const result = await work();
    this.passed++;
    console.log(`  ✓ ${title}${result ? `\n      ${result}` : ''}`);
  }

  /** Undone at the end, the last one first, whether or not the demo succeeded. */
  onEnd(title, work) {
    this.#cleanups.push({ title, work });
  }

  async cleanUp() {
    for (const { title, work } of this.#cleanups.reverse()) {
      try {
        await work();
      } catch (error) {
        console.error(`  could not ${title}: ${error.message}`);
      }
    }
  }
}

export function check(condition, expected, got) {
  if (!condition) throw new DemoFailure(`expected ${expected}, got ${typeof got === 'string' ? got : JSON.stringify(got)}`);
}

export function checkEqual(got, expected, what) {
  check(isDeepStrictEqual(got, expected), `${what} to be ${JSON.stringify(expected)}`, got);
}

/** A JSON request; refuses another status than the expected one. */
export async function call(url, { method = 'GET', headers = {}, body, expect = 200 } = {}) {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  check(response.status === expect, `${method} ${new URL(url).pathname} to answer ${expect}`, `${response.status} ${text.slice(0, 500)}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Waits until `probe` returns something truthy. */
export async function until(what, probe, timeoutMs = 15_000) {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > endsAt) throw new DemoFailure(`waited ${timeoutMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
