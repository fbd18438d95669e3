import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';

export type Unpacked =
  | { readonly kind: 'body'; readonly body: Buffer }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'cut_off' }
  | { readonly kind: 'bad_encoding' };

type Unpack = (body: Buffer, options: { maxOutputLength: number }, done: (error: Error | null, result: Buffer) => void) => void;

/** Undoes the content encoding of an answer. A bomb costs the limit, not its size. */
export function unpack(body: Buffer, encoding: string | undefined, maxBytes: number): Promise<Unpacked> | Unpacked {
  switch (encoding?.trim().toLowerCase() ?? '') {
    case '':
    case 'identity':
      return { kind: 'body', body };
    case 'gzip':
    case 'x-gzip':
      return run(gunzip, body, maxBytes);
    case 'deflate':
      return run(isZlib(body) ? inflate : inflateRaw, body, maxBytes);
    case 'br':
      return run(brotliDecompress, body, maxBytes);
    default:
      return { kind: 'bad_encoding' };
  }
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

function problemOf(error: Error): 'too_large' | 'cut_off' | 'bad_encoding' {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'too_large';
  return code === 'Z_BUF_ERROR' ? 'cut_off' : 'bad_encoding';
}
