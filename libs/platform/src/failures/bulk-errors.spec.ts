import { mongo } from 'mongoose';
import { asAppError } from './as-app-error';
import { refusedOperations, withPlainErrors } from './bulk-errors';

const bulkError = (error: object, writeErrors: mongo.WriteError[] = [], concern?: object) => {
  const result = { getWriteConcernError: () => concern } as mongo.BulkWriteResult; // the driver exports the type alone; nothing else of it is read
  const wrapped = new mongo.MongoBulkWriteError(error as mongo.AnyError, result); // the driver passes whatever it caught
  wrapped.writeErrors = writeErrors;
  return wrapped;
};
const refusal = (index: number, code: number) => ({ index, code, errmsg: `no ${index}` }) as mongo.WriteError; // the driver exports the type alone

test('names the operations that were refused, one or many', () => {
  const many = bulkError({ message: 'some', code: 11000 }, [refusal(0, 11000), refusal(3, 121)]);
  expect(refusedOperations(many)).toEqual([{ index: 0, code: 11000, text: 'no 0' }, { index: 3, code: 121, text: 'no 3' }]);
});

test('what was not refused, but is not durable either, is storage that is away', () => {
  const error = bulkError({ message: 'some', code: 11000 }, [refusal(0, 11000)], { code: 64 });
  expect(() => refusedOperations(error)).toThrow(expect.objectContaining({ code: 'storage_unavailable' }));
});

test('a lost connection comes out as it is, and a bare error of a socket as storage that is away', async () => {
  const lost = new mongo.MongoNetworkError('connection 3 closed');
  expect(() => refusedOperations(bulkError(lost))).toThrow(lost);
  await expect(withPlainErrors(Promise.reject(bulkError(lost)))).rejects.toBe(lost);
  const socket = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  await expect(withPlainErrors(Promise.reject(bulkError(socket)))).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(asAppError(lost)?.code).toBe('storage_unavailable');
});

test('what is no error of a bulk write, and what succeeds, passes', async () => {
  const bug = new TypeError('bug');
  expect(() => refusedOperations(bug)).toThrow(bug);
  await expect(withPlainErrors(Promise.reject(bug))).rejects.toBe(bug);
  expect(await withPlainErrors(Promise.resolve(7))).toBe(7);
});
