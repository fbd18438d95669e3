import { processorTimeGrowth } from '@agentfleet/testing';
import { PartialType } from '@nestjs/swagger';
import { IsInt, IsObject, IsOptional, IsString } from 'class-validator';
import { DtoPipe, Nested } from './validation';

class LimitsDto {
  @IsOptional() @IsInt() perMinute?: number;
}

class ThingDto {
  @IsString() name!: string;
  @IsOptional() @IsObject() settings?: object;
  @IsOptional() @IsObject() @Nested(LimitsDto) limits?: LimitsDto;
}

class UpdateThingDto extends PartialType(ThingDto) {}

const validate = async (body: unknown, metatype: new () => object = ThingDto) => new DtoPipe().transform(body, { type: 'body', metatype });

test('declared fields alone get through, as they came', async () => {
  const settings = { a: [1, { constructor: 'x', prototype: 1 }], db: { prototype: 'v', constructor: 'w', k: 1 }, toString: null };
  const before = JSON.stringify(settings);
  const thing: unknown = await validate({ name: 'a', settings, more: 1, constructor: 2, toString: 3 });
  expect(thing).toBeInstanceOf(ThingDto);
  expect(Object.keys(thing as object)).toEqual(['name', 'settings']);
  expect((thing as ThingDto).settings).toBe(settings);
  expect(JSON.stringify(settings)).toBe(before);
});

test('nested classes are checked too, also in an update', async () => {
  for (const metatype of [ThingDto, UpdateThingDto]) {
    await expect(validate({ name: 'a', limits: { perMinute: 'x' } }, metatype)).rejects.toMatchObject({
      problems: [{ field: 'limits.perMinute', message: 'must be an integer number' }],
    });
    expect(await validate({ name: 'a', limits: { perMinute: 1, more: 1 } }, metatype)).toEqual({ name: 'a', limits: { perMinute: 1 } });
  }
  await expect(validate({ name: 'a', limits: [] })).rejects.toMatchObject({ code: 'validation_failed' });
});

test('what has no rules is left alone', async () => {
  for (const metatype of [Object, String, Array, class {}]) {
    const body = { any: 1 };
    expect(new DtoPipe().transform(body, { type: 'body', metatype })).toBe(body); // at once
  }
});

test('an inherited or missing field counts as absent', async () => {
  await expect(validate(Object.create({ name: 'inherited' }))).rejects.toMatchObject({ problems: [{ field: 'name' }] });
  await expect(validate(undefined)).rejects.toMatchObject({ problems: [{ field: 'name' }] });
});

test('the cost grows with the number of keys, not with its square', async () => {
  const keys = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, i]));
  for (const body of [(count: number) => keys(count), (count: number) => ({ name: 'a', settings: keys(count) })]) {
    const bodies = new Map([50_000, 200_000].map((count) => [count, body(count)]));
    const work = (count: number) => validate(bodies.get(count)).catch(() => undefined);
    expect(await processorTimeGrowth({ from: 50_000, to: 200_000, noiseMs: 5, work })).toBe('in proportion');
  }
});
