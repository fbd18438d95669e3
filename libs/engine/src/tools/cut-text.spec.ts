import { cutInTheMiddle } from './cut-text';

describe('cutInTheMiddle', () => {
  it('leaves short texts alone', () => {
    expect(cutInTheMiddle('häh', 10)).toEqual({ text: 'häh', truncated: false, sizeBytes: 4 });
  });

  it('keeps both ends of long texts, whole characters only', () => {
    const cut = cutInTheMiddle('🌍'.repeat(1000), 400);
    expect(cut).toMatchObject({ truncated: true, sizeBytes: 4000 });
    expect(Buffer.byteLength(cut.text)).toBeLessThanOrEqual(400);
    expect(cut.text).toMatch(/^(🌍)+\n… \d+ bytes left out …\n(🌍)+$/u);
  });

  it('leaves room for what JSON escapes', () => {
    const cut = cutInTheMiddle('\u0001'.repeat(260_000), 262_144);
    expect(cut.truncated).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(cut.text))).toBeLessThanOrEqual(850_000);
  });
});
