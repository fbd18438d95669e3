import { dayOf, timeOf } from './time';

test('a time is on a day that the calendar has', () => {
  expect(timeOf('2099-02-28T12:00:00Z')?.toISOString()).toBe('2099-02-28T12:00:00.000Z');
  expect(timeOf('2096-02-29T23:59:59.5+02:00')?.toISOString()).toBe('2096-02-29T21:59:59.500Z');
  for (const day of ['2099-02-29', '2099-02-30', '2099-04-31', '2099-13-01', '2099-00-10', '2099-01-00', '2100-02-29']) {
    expect([day, timeOf(`${day}T00:00:00Z`), dayOf(day)]).toEqual([day, undefined, undefined]);
  }
});

test('nothing else is a time: no zone, hour 24, minute 60, other types', () => {
  for (const value of ['2099-01-01', '2099-01-01T10:00:00', '2099-01-01T24:00:00Z', '2099-01-01T10:60Z', '2099-01-01T10:00:60Z', '2099-01-01T10:00+24:00', ' 2099-01-01T10:00Z', 5, null, undefined, {}]) {
    expect([value, timeOf(value)]).toEqual([value, undefined]);
  }
  expect(dayOf('2099-01-01')?.toISOString()).toBe('2099-01-01T00:00:00.000Z');
});
