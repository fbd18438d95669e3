import { brotliDecompress, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, gunzip, inflate, inflateRaw } from 'node:zlib';
import type { Transform } from 'node:stream';

export type Unpacked =
  | { readonly kind: 'body'; readonly body: Buffer }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'cut_off' }
  | { readonly kind: 'bad_encoding' };

type Unpack = (body: Buffer, options: { maxOutputLength: number }, done: (error: Error | null, result: Buffer) => void) => void;

/** How a body is packed. `unknown` also stands for several encodings over one another: nobody asked for them. */
export type Packing = 'none' | 'gzip' | 'deflate' | 'br' | 'unknown';

const PACKINGS: ReadonlyMap<string, Packing> = new Map([['gzip', 'gzip'], ['x-gzip', 'gzip'], ['deflate', 'deflate'], ['br', 'br']]);

/** Reads `Content-Encoding`, in any case, with blanks, and with members that change nothing. */
export function packingOf(encoding: string | undefined): Packing {
  if (encoding === undefined) return 'none';
  const [first, ...others] = encoding
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '' && one !== 'identity');
  if (first === undefined) return 'none';
  return others.length > 0 ? 'unknown' : (PACKINGS.get(first) ?? 'unknown');
}

/** Undoes the content encoding of an answer. A bomb costs the limit, not its size. */
export function unpack(body: Buffer, encoding: string | undefined, maxBytes: number): Promise<Unpacked> | Unpacked {
  switch (packingOf(encoding)) {
    case 'none':
      return { kind: 'body', body };
    case 'gzip':
      return run(gunzip, body, maxBytes);
    case 'deflate':
      return run(isZlib(body) ? inflate : inflateRaw, body, maxBytes);
    case 'br':
      return run(brotliDecompress, body, maxBytes);
    case 'unknown':
      return { kind: 'bad_encoding' };
  }
}

/** Unpacks a body that comes piece by piece. @param first the beginning of the body, at least two bytes of it when there are so many. */
export function unpackerOf(packing: 'gzip' | 'deflate' | 'br', first: Buffer): Transform {
  if (packing === 'gzip') return createGunzip();
  if (packing === 'br') return createBrotliDecompress();
  return isZlib(first) ? createInflate() : createInflateRaw();
}

/** Some servers send raw deflate data under the name `deflate`. */
function isZlib(body: Buffer): boolean {
  const [first = 0, second = 0] = body;
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
}

function run(unpackWith: Unpack, body: Buffer, maxOutputLength: number): Promise<Unpacked> {
  return new Promise((resolve) => {
    unpackWith(body, { maxOutputLength }, (error, result) => {
      resolve(error === null ? { kind: 'body', body: result } : { kind: problemOf(error) });
    });
  });
}

/** What an error of the unpacking means. */
export function problemOf(error: Error): 'too_large' | 'cut_off' | 'bad_encoding' {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'too_large';
  return code === 'Z_BUF_ERROR' ? 'cut_off' : 'bad_encoding';
}
